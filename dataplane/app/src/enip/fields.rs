//! What rules and records read of a message.

use super::parse::{Cip, HEADER, Header, Items, SegmentKind, command, item, messages, services};
use crate::{
    field::Field,
    pdu::{u8_at, u16_be, u16_le, u32_le},
};

/// What a device says of itself, in answer to `list_identity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    /// Version of the encapsulation protocol.
    pub protocol_version: u16,
    /// Number of the vendor.
    pub vendor: u16,
    /// Type of device.
    pub device_type: u16,
    /// The vendor's number of the product.
    pub product_code: u16,
    /// Major and minor revision.
    pub revision: [u8; 2],
    /// Status of the device.
    pub status: u16,
    /// Serial number.
    pub serial: u32,
    /// Name of the product.
    pub product_name: &'a [u8],
    /// State of the device.
    pub state: u8,
}

/// The identities in `message`.
pub fn identities(message: &[u8]) -> impl Iterator<Item = Identity<'_>> {
    Items::of(message).filter(|item| item.kind == item::IDENTITY).filter_map(|item| identity(item.data()))
}

fn identity(data: &[u8]) -> Option<Identity<'_>> {
    // Behind the version stand sixteen bytes of socket address.
    let name = usize::from(u8_at(data, 32)?);
    Some(Identity {
        protocol_version: u16_le(data, 0)?,
        vendor: u16_le(data, 18)?,
        device_type: u16_le(data, 20)?,
        product_code: u16_le(data, 22)?,
        revision: [u8_at(data, 24)?, u8_at(data, 25)?],
        status: u16_le(data, 26)?,
        serial: u32_le(data, 28)?,
        product_name: data.get(33..33 + name)?,
        state: u8_at(data, 33 + name)?,
    })
}

/// One service of a device, in answer to `list_services`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceService<'a> {
    /// Version of the encapsulation protocol.
    pub protocol_version: u16,
    /// What it can do.
    pub capabilities: u16,
    /// Its name, without the zeros behind it.
    pub name: &'a [u8],
}

/// The services in `message`.
pub fn device_services(message: &[u8]) -> impl Iterator<Item = DeviceService<'_>> {
    Items::of(message).filter(|item| item.kind == item::SERVICES).filter_map(|item| {
        let data = item.data();
        let name = data.get(4..)?;
        let name = name.get(..16).unwrap_or(name);
        let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
        Some(DeviceService {
            protocol_version: u16_le(data, 0)?,
            capabilities: u16_le(data, 2)?,
            name: name.get(..end).unwrap_or_default(),
        })
    })
}

/// Version in a message that begins a session.
pub fn registered_version(message: &[u8]) -> Option<u16> {
    Header::of(message).filter(|header| header.command == command::REGISTER_SESSION)?;
    u16_le(message, HEADER)
}

/// Whether `wanted` holds for one of the numbers called `field` in `message`.
pub fn any_number(message: &[u8], field: Field, mut wanted: impl FnMut(u64) -> bool) -> bool {
    let Some(header) = Header::of(message) else { return false };
    let segments = |cip: Cip<'_>, kind: SegmentKind, wanted: &mut dyn FnMut(u64) -> bool| {
        cip.segments().any(|segment| segment.kind == kind && wanted(u64::from(segment.value)))
    };
    match field {
        Field::EnipCommand => wanted(u64::from(header.command)),
        Field::EnipStatus => wanted(u64::from(header.status)),
        Field::EnipProtocolVersion => {
            registered_version(message).is_some_and(|version| wanted(u64::from(version)))
                || identities(message).any(|identity| wanted(u64::from(identity.protocol_version)))
                || device_services(message).any(|service| wanted(u64::from(service.protocol_version)))
        }
        Field::EnipRevision => {
            identities(message).any(|identity| wanted(u64::from(u16_be(&identity.revision, 0).unwrap_or(0))))
        }
        Field::EnipIdentityStatus => identities(message).any(|identity| wanted(u64::from(identity.status))),
        Field::EnipState => identities(message).any(|identity| wanted(u64::from(identity.state))),
        Field::EnipSerial => identities(message).any(|identity| wanted(u64::from(identity.serial))),
        Field::EnipProductCode => identities(message).any(|identity| wanted(u64::from(identity.product_code))),
        Field::EnipDeviceType => identities(message).any(|identity| wanted(u64::from(identity.device_type))),
        Field::EnipVendorId => identities(message).any(|identity| wanted(u64::from(identity.vendor))),
        Field::EnipCapabilities => device_services(message).any(|service| wanted(u64::from(service.capabilities))),
        Field::CipAttribute => services(message).any(|cip| cip.attributes().any(|number| wanted(u64::from(number)))),
        Field::CipClass => services(message).any(|cip| segments(cip, SegmentKind::Class, &mut wanted)),
        Field::CipInstance => services(message).any(|cip| segments(cip, SegmentKind::Instance, &mut wanted)),
        Field::CipStatus => services(message).any(|cip| cip.status().is_some_and(|status| wanted(u64::from(status)))),
        Field::CipExtendedStatus => {
            services(message).any(|cip| cip.extended_status().any(|status| wanted(u64::from(status))))
        }
        _ => false,
    }
}

/// What `cip_service` asks: a service, of an object of this class, about this attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceTest {
    /// The service.
    pub service: u8,
    /// The class, if it matters.
    pub class: Option<u32>,
    /// The attribute, if it matters.
    pub attribute: Option<u32>,
}

impl ServiceTest {
    /// Whether one service of `message` is such a one.
    pub fn holds(&self, message: &[u8]) -> bool {
        services(message).any(|cip| {
            let class = |class: u32| {
                let mut segments = cip.segments();
                segments.any(|segment| segment.kind == SegmentKind::Class && segment.value == class)
            };
            cip.service() == Some(self.service)
                && self.class.is_none_or(class)
                && self.attribute.is_none_or(|wanted| cip.attributes().any(|number| number == wanted))
        })
    }
}

/// Whether `wanted` holds for one of the pieces called `buffer` in `message`.
pub fn any_bytes(message: &[u8], buffer: Field, mut wanted: impl FnMut(&[u8]) -> bool) -> bool {
    let some = |bytes: &[u8], wanted: &mut dyn FnMut(&[u8]) -> bool| !bytes.is_empty() && wanted(bytes);
    match buffer {
        Field::EnipProductName => identities(message).any(|identity| wanted(identity.product_name)),
        Field::EnipServiceName => device_services(message).any(|service| wanted(service.name)),
        Field::EnipPdu => some(message, &mut wanted),
        Field::EnipHeader => some(message.get(..HEADER).unwrap_or(message), &mut wanted),
        Field::EnipData => some(message.get(HEADER..).unwrap_or_default(), &mut wanted),
        Field::EnipItem => Items::of(message).any(|item| wanted(item.whole)),
        Field::EnipCip => services(message).any(|cip| wanted(cip.bytes)),
        _ => false,
    }
}

/// The first CIP message, for records.
pub fn first_message(message: &[u8]) -> Option<Cip<'_>> {
    messages(message).next()
}
