//! What parsers find wrong, by number and by the name `app-layer-event` and `anomaly` records use.
//!
//! Source: the event rules of the corpora, for names.

use sluice_core::AppProtocol;

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident = $protocol:ident, $name:literal;)*) => {
        /// Something wrong in a transaction.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum AppEvent { $($(#[$doc])* $variant,)* }

        impl AppEvent {
            /// All of them, by number. At most 32.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name, behind the protocol's and a dot.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Its protocol.
            pub const fn protocol(self) -> AppProtocol {
                match self { $(Self::$variant => AppProtocol::$protocol,)* }
            }
        }
    };
}

events! {
    /// A unit that can't be one of EtherNet/IP.
    EnipInvalidPdu = Enip, "invalid_pdu";
    /// More open transactions than are kept.
    EnipTooManyTransactions = Enip, "too_many_transactions";
    /// The protocol identifier is not 0.
    ModbusInvalidProtocolId = Modbus, "invalid_protocol_id";
    /// A response to which no request is known.
    ModbusUnsolicitedResponse = Modbus, "unsolicited_response";
    /// The length does not fit the function.
    ModbusInvalidLength = Modbus, "invalid_length";
    /// No such unit.
    ModbusInvalidUnitIdentifier = Modbus, "invalid_unit_identifier";
    /// A function that can't be: 0, or a request with the mark of an exception.
    ModbusInvalidFunctionCode = Modbus, "invalid_function_code";
    /// A number out of its range.
    ModbusInvalidValue = Modbus, "invalid_value";
    /// An exception code that is not defined.
    ModbusInvalidExceptionCode = Modbus, "invalid_exception_code";
    /// The response does not answer the request.
    ModbusValueMismatch = Modbus, "value_mismatch";
    /// More open requests than are kept.
    ModbusFlooded = Modbus, "flooded";
    /// More requests without a response than are waited for.
    Dnp3Flooded = Dnp3, "flooded";
    /// A frame too short for what it says it carries.
    Dnp3LenTooSmall = Dnp3, "len_too_small";
    /// The checksum of a frame's header is wrong.
    Dnp3BadLinkCrc = Dnp3, "bad_link_crc";
    /// The checksum of a frame's data is wrong.
    Dnp3BadTransportCrc = Dnp3, "bad_transport_crc";
    /// An object that is not known, or does not end in its message.
    Dnp3UnknownObject = Dnp3, "unknown_object";
    /// More points in one object than the settings allow.
    Dnp3TooManyPoints = Dnp3, "too_many_points";
    /// More objects in a message than the settings allow.
    Dnp3TooManyObjects = Dnp3, "too_many_objects";
}

impl AppEvent {
    /// The event of this full name, such as `modbus.flooded`.
    pub fn from_name(name: &str) -> Option<Self> {
        let (protocol, name) = name.split_once('.')?;
        // Its older name.
        let name = if name == "max_points_per_object" { "too_many_points" } else { name };
        let of = |event: &&Self| event.name() == name && event.protocol().name() == protocol;
        Self::ALL.iter().find(of).copied()
    }
}

/// Events of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppEvents(u32);

impl AppEvents {
    /// Adds `event`.
    pub fn add(&mut self, event: AppEvent) {
        self.0 |= 1 << (event as u8);
    }

    /// Adds all of `others`.
    pub fn add_all(&mut self, others: Self) {
        self.0 |= others.0;
    }

    /// Whether `event` is among them.
    pub const fn contains(self, event: AppEvent) -> bool {
        self.0 & (1 << (event as u8)) != 0
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::{AppEvent, AppEvents};

    #[test]
    fn events_have_names_of_their_own_and_fit_into_a_word() {
        assert!(AppEvent::ALL.len() <= 32);
        for &event in AppEvent::ALL {
            let name = format!("{}.{}", event.protocol().name(), event.name());
            assert_eq!(AppEvent::from_name(&name), Some(event));
            let mut events = AppEvents::default();
            events.add(event);
            assert!(events.contains(event) && !events.is_empty());
        }
        assert_eq!(AppEvent::from_name("modbus.nonsense"), None);
    }
}
