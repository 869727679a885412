//! What a signature asks of a transaction, or of its flow's application protocol.
//!
//! Part of [`crate::check`]: the first kind is asked of the transaction at hand, which there is only while
//! [`crate::Inspector::inspect_transaction`] judges; the second of any packet of a flow. Built by `sluice-rules`.

use crate::range::Range;
use sluice_app::{
    AppEvent, AppProtocol, AppState, Field, TransactionView, dnp3::fields::Dnp3Test, enip::fields::ServiceTest,
    file::FileTest, modbus::fields::ModbusTest, tls::fields::TlsTest,
};
use sluice_core::Direction;

/// Some of the protocols there are parsers for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protocols(u32);

impl Protocols {
    /// A bit for each.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Only `protocol`.
    pub const fn of(protocol: AppProtocol) -> Self {
        Self(1 << protocol as u8)
    }

    /// These and `others`.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// All of these but `protocol`.
    #[must_use]
    pub const fn without(self, protocol: AppProtocol) -> Self {
        Self(self.0 & !(1 << protocol as u8))
    }

    /// Those that are among `others` too.
    #[must_use]
    pub const fn common(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `protocol` is among them.
    pub const fn contains(self, protocol: AppProtocol) -> bool {
        self.0 & (1 << protocol as u8) != 0
    }

    /// Each of them.
    pub fn each(self) -> impl Iterator<Item = AppProtocol> {
        AppProtocol::ALL.into_iter().filter(move |&protocol| self.contains(protocol))
    }
}

/// A question about the message at hand.
#[derive(Clone, Debug)]
pub enum AppCheck {
    /// One of the numbers of this name is in the range.
    Number(Field, Range<u64>),
    /// `cip_service`
    CipService(ServiceTest),
    /// `modbus`
    Modbus(ModbusTest),
    /// `dnp3_func`, `dnp3_ind`, `dnp3_obj`
    Dnp3(Dnp3Test),
    /// Keywords of TLS that compare more than a number.
    Tls(TlsTest),
    /// A hook in a rule's header: the direction is that far.
    Reached {
        /// Of transactions of these protocols.
        protocols: Protocols,
        /// The direction.
        direction: Direction,
        /// See [`sluice_app::level`].
        level: u8,
        /// As long as it stands there, each piece that comes is meant: a body's.
        each_piece: bool,
    },
    /// Keywords of files.
    File(FileTest),
    /// `app-layer-event`
    Event(AppEvent),
}

impl AppCheck {
    /// The fields it asks for.
    pub fn fields(&self) -> [Field; 1] {
        [match self {
            Self::Number(field, _) => *field,
            Self::Tls(test) => test.field(),
            Self::File(test) => test.field(),
            Self::Reached { each_piece: true, .. } => Field::Pieces,
            Self::Event(_) | Self::Reached { .. } => Field::Event,
            Self::CipService(_) | Self::Modbus(_) | Self::Dnp3(_) => Field::Message,
        }]
    }

    /// How far a direction is when nothing more comes of what it asks for.
    pub fn level(&self) -> u8 {
        match self {
            Self::Reached { level, .. } => *level,
            _ => self.fields().into_iter().map(Field::level).max().unwrap_or(sluice_app::level::DONE),
        }
    }

    /// Whether it is about each piece that comes while `view` stands where it asks for.
    pub fn is_of_pieces(&self, view: &TransactionView) -> bool {
        matches!(self, Self::Reached { level, each_piece: true, .. } if view.level() == *level)
    }

    /// The answer.
    pub fn holds(&self, view: &TransactionView) -> bool {
        match self {
            Self::Reached { direction, level, .. } => {
                // What TLS tells of later, in a transaction of its own, is not a handshake.
                let is_whole = view.protocol() != AppProtocol::Tls || view.numbers(Field::TlsVersion).next().is_some();
                view.direction == *direction && view.level() >= *level && is_whole
            }
            Self::Number(field, range) => view.any_number(*field, |number| range.matches(number)),
            Self::CipService(test) => view.cip_service(test),
            Self::Modbus(test) => view.modbus(test),
            Self::Dnp3(test) => view.dnp3(*test),
            Self::Tls(test) => test.holds(view),
            Self::File(test) => test.holds(view),
            Self::Event(event) => view.has_event(*event),
        }
    }
}

/// `app-layer-protocol`, and the protocol in a rule's header where nothing is asked of its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowProtocol {
    /// The protocols.
    pub any: Protocols,
    /// Also a flow of which nobody can tell what it speaks.
    pub failed: bool,
    /// Also one of which it is not known yet.
    pub unknown: bool,
    /// Known to be none of them.
    pub negated: bool,
    /// Asked of the protocol the flow spoke first.
    pub original: bool,
}

impl FlowProtocol {
    /// One of `any`.
    pub const fn of(any: Protocols) -> Self {
        Self { any, failed: false, unknown: false, negated: false, original: false }
    }

    /// Whether it holds for a flow of which `state` is known, and which spoke `first` before, if it changed.
    pub fn holds(self, state: AppState, first: Option<AppProtocol>) -> bool {
        let asked = first.filter(|_| self.original).map_or(state, AppState::Known);
        match asked {
            AppState::Known(protocol) => self.any.contains(protocol) != self.negated,
            AppState::None => self.failed != self.negated,
            // Of what is not known yet only its being so can be asked.
            AppState::Unseen | AppState::Doubtful => self.unknown && !self.negated,
        }
    }
}
