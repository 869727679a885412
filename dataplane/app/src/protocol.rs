//! Which parsers are on, and which protocol a flow speaks.
//!
//! Asked by [`crate::store`] with the first data of each end of a flow. A protocol is told by its bytes; the server's port decides where the bytes
//! alone would fit by chance.

use crate::{dnp3, enip, modbus};
use sluice_core::{AppProtocol, Direction};

/// How sure a parser is that some bytes are the beginning of its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// They can't be.
    No,
    /// They fit, as others might: believed on the protocol's port.
    Fits,
    /// Nothing else looks like it: believed on any port.
    Sure,
}

/// One parser's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtocolSettings {
    /// Whether the protocol is looked for.
    pub enabled: bool,
    /// Whether it is only recognised, not read.
    pub detection_only: bool,
    /// Ports of its servers.
    pub ports: Ports,
}

/// Up to four ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    list: [u16; 4],
}

impl Ports {
    /// These ports; those beyond the fourth are left out, 0 is none.
    pub fn of(ports: &[u16]) -> Self {
        let mut list = [0; 4];
        list.iter_mut().zip(ports).for_each(|(place, port)| *place = *port);
        Self { list }
    }

    fn contains(self, port: u16) -> bool {
        port != 0 && self.list.contains(&port)
    }
}

/// Settings of all parsers. All are off unless told otherwise, as in the reference engine's stock configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppSettings {
    protocols: [ProtocolSettings; AppProtocol::ALL.len()],
    /// Objects a message of DNP3 may have before that is an event.
    pub dnp3_max_objects: u32,
    /// Points an object of DNP3 may have before that is an event.
    pub dnp3_max_points: u32,
}

impl Default for AppSettings {
    fn default() -> Self {
        let off = |protocol: AppProtocol| ProtocolSettings {
            enabled: false,
            detection_only: false,
            ports: Ports::of(match protocol {
                AppProtocol::Enip => &[44_818],
                AppProtocol::Modbus => &[502],
                AppProtocol::Dnp3 => &[20_000],
            }),
        };
        Self { protocols: AppProtocol::ALL.map(off), dnp3_max_objects: 2_048, dnp3_max_points: 16_384 }
    }
}

impl AppSettings {
    /// The settings of `protocol`.
    pub fn of(&self, protocol: AppProtocol) -> Option<&ProtocolSettings> {
        self.protocols.get(protocol as usize)
    }

    /// The settings of `protocol`, to be changed.
    pub fn of_mut(&mut self, protocol: AppProtocol) -> Option<&mut ProtocolSettings> {
        self.protocols.get_mut(protocol as usize)
    }

    /// Whether `protocol` is looked for.
    pub fn is_enabled(&self, protocol: AppProtocol) -> bool {
        self.of(protocol).is_some_and(|settings| settings.enabled)
    }

    /// Whether `protocol` is read, not only recognised.
    pub fn is_read(&self, protocol: AppProtocol) -> bool {
        self.of(protocol).is_some_and(|settings| settings.enabled && !settings.detection_only)
    }

    /// Whether no protocol is looked for.
    pub fn is_off(&self) -> bool {
        self.protocols.iter().all(|settings| !settings.enabled)
    }

    /// The protocol of which `bytes`, the first that went in `direction`, are the beginning. `ports` are those on which the server may be.
    ///
    /// # Cost
    /// A few compares for each protocol that is on.
    pub fn recognise(&self, bytes: &[u8], direction: Direction, ports: &[u16]) -> Option<AppProtocol> {
        let likeness = |protocol: AppProtocol| match protocol {
            AppProtocol::Enip => enip::likeness(bytes),
            AppProtocol::Modbus => modbus::likeness(bytes, direction),
            AppProtocol::Dnp3 => dnp3::likeness(bytes),
        };
        let believed = |protocol: &AppProtocol| {
            let Some(settings) = self.of(*protocol).filter(|settings| settings.enabled) else { return false };
            match likeness(*protocol) {
                Likeness::No => false,
                Likeness::Fits => ports.iter().any(|&port| settings.ports.contains(port)),
                Likeness::Sure => true,
            }
        };
        AppProtocol::ALL.into_iter().find(believed)
    }
}
