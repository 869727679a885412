//! Numbers and pieces of messages, by name: what compiled rules ask a [`crate::View`] for.
//!
//! A new protocol adds its names here, and answers them in its `fields.rs`.

/// A number in a message; there may be several of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AppField {
    /// `enip_command`
    EnipCommand,
    /// `enip.status`
    EnipStatus,
    /// `enip.protocol_version`
    EnipProtocolVersion,
    /// `enip.revision`
    EnipRevision,
    /// `enip.identity_status`
    EnipIdentityStatus,
    /// `enip.state`
    EnipState,
    /// `enip.serial`
    EnipSerial,
    /// `enip.product_code`
    EnipProductCode,
    /// `enip.device_type`
    EnipDeviceType,
    /// `enip.vendor_id`
    EnipVendorId,
    /// `enip.capabilities`
    EnipCapabilities,
    /// `enip.cip_attribute`
    CipAttribute,
    /// `enip.cip_class`
    CipClass,
    /// `enip.cip_instance`
    CipInstance,
    /// `enip.cip_status`
    CipStatus,
    /// `enip.cip_extendedstatus`
    CipExtendedStatus,
}

/// A piece of a message; there may be several of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AppBuffer {
    /// `enip.product_name`
    EnipProductName,
    /// `enip.service_name`
    EnipServiceName,
    /// `frame:enip.pdu`: the whole message.
    EnipPdu,
    /// `frame:enip.hdr`: the encapsulation header.
    EnipHeader,
    /// `frame:enip.data`: what stands behind it.
    EnipData,
    /// `frame:enip.item`: an item with type and length.
    EnipItem,
    /// `frame:enip.cip`: a CIP service, from the service number on; those inside a multiple service packet too.
    EnipCip,
    /// `dnp3.data`: the application fragment.
    Dnp3Data,
}

impl AppBuffer {
    /// The protocol it belongs to.
    pub const fn protocol(self) -> sluice_core::AppProtocol {
        match self {
            Self::EnipProductName
            | Self::EnipServiceName
            | Self::EnipPdu
            | Self::EnipHeader
            | Self::EnipData
            | Self::EnipItem
            | Self::EnipCip => sluice_core::AppProtocol::Enip,
            Self::Dnp3Data => sluice_core::AppProtocol::Dnp3,
        }
    }
}
