//! Messages taken apart, and hostile ones.

use super::{
    expects_response,
    fields::{ServiceTest, any_bytes, any_number, identities},
    frame, key, likeness,
    parse::{Header, Items, command, services},
};
use crate::{event::AppEvent, field::Field, pdu::Framed, protocol::Likeness};
use proptest::prelude::*;

/// A message: command, session, data.
fn message(command: u16, session: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(command.to_le_bytes());
    bytes.extend((data.len() as u16).to_le_bytes());
    bytes.extend(session.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(*b"contexts");
    bytes.extend([0; 4]);
    bytes.extend(data);
    bytes
}

/// CIP within a connection.
fn connected(sequence: u16, cip: &[u8]) -> Vec<u8> {
    let mut data = vec![0, 0, 0, 0, 0, 0, 2, 0, 0xa1, 0, 4, 0, 1, 2, 3, 4, 0xb1, 0];
    data.extend((cip.len() as u16 + 2).to_le_bytes());
    data.extend(sequence.to_le_bytes());
    data.extend(cip);
    message(command::SEND_UNIT_DATA, 0x1102_0100, &data)
}

/// A multiple service packet with these services.
fn multiple(parts: &[&[u8]]) -> Vec<u8> {
    let mut cip = vec![0x0a, 2, 0x20, 2, 0x24, 1];
    cip.extend((parts.len() as u16).to_le_bytes());
    let mut place = 2 + 2 * parts.len();
    for part in parts {
        cip.extend((place as u16).to_le_bytes());
        place += part.len();
    }
    parts.iter().for_each(|part| cip.extend(*part));
    cip
}

fn identity() -> Vec<u8> {
    let mut item = vec![1, 0];
    item.extend([0; 16]);
    item.extend([1, 0, 12, 0, 58, 0, 4, 3, 0x30, 0, 0x8e, 0x4d, 0x52, 0]);
    item.push(11);
    item.extend(b"1756-ENBT/A");
    item.push(3);
    let mut data = vec![1, 0, 0x0c, 0];
    data.extend((item.len() as u16).to_le_bytes());
    data.extend(item);
    message(command::LIST_IDENTITY, 0, &data)
}

fn numbers(message: &[u8], field: Field) -> Vec<u64> {
    let mut found = Vec::new();
    any_number(message, field, |number| {
        found.push(number);
        false
    });
    found
}

#[test]
fn a_device_says_who_it_is() {
    let bytes = identity();
    assert_eq!(frame(&bytes), Framed::Whole { bytes: bytes.len(), wrong: None });
    let found = identities(&bytes).next().unwrap();
    assert_eq!((found.product_name, found.serial, found.revision), (&b"1756-ENBT/A"[..], 0x52_4d8e, [4, 3]));
    assert_eq!(numbers(&bytes, Field::EnipRevision), [0x403]);
    assert_eq!(numbers(&bytes, Field::EnipState), [3]);
    assert!(any_bytes(&bytes, Field::EnipProductName, |name| name == b"1756-ENBT/A"));
    assert!(!any_bytes(&bytes, Field::EnipServiceName, |_| true));
}

#[test]
fn services_within_a_multiple_service_packet_are_seen_each() {
    let list = [3, 2, 0x20, 1, 0x24, 1, 2, 0, 5, 0, 6, 0];
    let single = [0x0e, 3, 0x20, 0x8b, 0x24, 1, 0x30, 7];
    let bytes = connected(9, &multiple(&[&list, &single]));
    assert_eq!(frame(&bytes), Framed::Whole { bytes: bytes.len(), wrong: None });
    let codes: Vec<_> = services(&bytes).map(|cip| cip.service().unwrap()).collect();
    assert_eq!(codes, [0x0a, 3, 0x0e]);
    assert_eq!(numbers(&bytes, Field::CipAttribute), [5, 6, 7]);
    assert_eq!(numbers(&bytes, Field::CipClass), [2, 1, 0x8b]);
    let test = |service, class, attribute| ServiceTest { service, class, attribute }.holds(&bytes);
    assert!(test(0x0a, None, None) && test(3, Some(1), Some(6)) && test(0x0e, Some(0x8b), Some(7)));
    assert!(!test(3, Some(0x8b), None) && !test(0x0e, Some(0x8b), Some(6)) && !test(4, None, None));
    assert!(any_bytes(&bytes, Field::EnipCip, |cip| cip == single));
}

#[test]
fn a_response_shares_its_key_with_its_request_and_with_no_other() {
    let request = connected(9, &[0x0e, 1, 0x20, 1]);
    let response = connected(9, &[0x8e, 0, 5, 1, 0x34, 0x12]);
    assert_eq!(key(&request), key(&response));
    assert_ne!(key(&request), key(&connected(10, &[0x8e, 0, 0, 0])));
    assert_eq!(numbers(&response, Field::CipStatus), [5]);
    assert_eq!(numbers(&response, Field::CipExtendedStatus), [0x1234]);
    assert!(numbers(&request, Field::CipStatus).is_empty());
    assert!(expects_response(&request) && !expects_response(&message(command::UNREGISTER_SESSION, 7, &[])));
}

#[test]
fn wide_segments_keys_and_symbols_of_a_path_are_walked_over() {
    let path =
        [0x21, 0, 0x34, 0x12, 0x91, 3, b'a', b'b', b'c', 0, 0x34, 4, 1, 0, 2, 0, 3, 0, 4, 5, 0x26, 0, 1, 0, 0, 0];
    let mut cip = vec![0x0e, (path.len() / 2) as u8];
    cip.extend(path);
    let bytes = connected(1, &cip);
    assert_eq!(numbers(&bytes, Field::CipClass), [0x1234]);
    assert_eq!(numbers(&bytes, Field::CipInstance), [1]);
}

#[test]
fn every_cut_of_a_message_needs_more_and_reads_nothing_beyond() {
    for whole in [identity(), connected(1, &multiple(&[&[0x0e, 1, 0x20, 1], &[0x0e, 1, 0x20, 2]]))] {
        for cut in 0..whole.len() {
            assert_eq!(
                frame(&whole[..cut]),
                Framed::Needs(if cut < 24 { 24 - cut } else { whole.len() - cut }),
                "{cut}"
            );
        }
        let mut two = whole.clone();
        two.extend(&whole);
        assert_eq!(frame(&two), Framed::Whole { bytes: whole.len(), wrong: None });
    }
}

#[test]
fn lengths_that_lie_are_an_event_and_show_nothing() {
    let mut beyond = identity();
    beyond[24 + 4] = 0xff;
    assert_eq!(identities(&beyond).count(), 0);
    let mut long_name = identity();
    let at = long_name.len() - 13;
    long_name[at] = 200;
    assert_eq!(identities(&long_name).count(), 0);
    let mut items = connected(1, &[0x0e, 1, 0x20, 1]);
    items[24 + 6] = 0xff;
    let Framed::Whole { wrong, .. } = frame(&items) else { panic!("a whole message") };
    assert_eq!(wrong, Some(AppEvent::EnipInvalidPdu));
    assert_eq!(frame(b"GET / HTTP/1.1\r\nHost: a\r\n"), Framed::Broken(AppEvent::EnipInvalidPdu));
    // Places of services that go back, to themselves or beyond.
    for place in [0_u16, 1, 5, 0xffff] {
        let mut cip = multiple(&[&[0x0e, 1, 0x20, 1], &[0x0e, 1, 0x20, 2]]);
        cip[10..12].copy_from_slice(&place.to_le_bytes());
        let bytes = connected(1, &cip);
        assert!(services(&bytes).count() <= 2, "{place}");
    }
}

#[test]
fn other_traffic_is_not_taken_for_it() {
    assert_eq!(likeness(&connected(1, &[0x0e, 0])), Likeness::Sure);
    assert_eq!(likeness(&identity()), Likeness::Fits, "no session: believed on the port alone");
    assert_eq!(likeness(&[0; 24]), Likeness::Fits);
    for other in [
        &b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"[..],
        &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4],
    ] {
        assert_eq!(likeness(other), Likeness::No);
    }
    let mut options = connected(1, &[0x0e, 0]);
    options[20] = 1;
    assert_eq!(likeness(&options), Likeness::No);
}

/// Every field and buffer, so that none can go wrong unseen.
fn read_all(bytes: &[u8]) {
    use Field::*;
    for field in [
        EnipCommand,
        EnipStatus,
        EnipProtocolVersion,
        EnipRevision,
        EnipIdentityStatus,
        EnipState,
        EnipSerial,
        EnipProductCode,
        EnipDeviceType,
        EnipVendorId,
        EnipCapabilities,
        CipAttribute,
        CipClass,
        CipInstance,
        CipStatus,
        CipExtendedStatus,
    ] {
        any_number(bytes, field, |_| false);
    }
    for buffer in [EnipProductName, EnipServiceName, EnipPdu, EnipHeader, EnipData, EnipItem, EnipCip] {
        any_bytes(bytes, buffer, |piece| {
            assert!(piece.len() <= bytes.len());
            false
        });
    }
    let _ = (key(bytes), expects_response(bytes), likeness(bytes), Header::of(bytes), Items::of(bytes).count());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        match frame(&bytes) {
            Framed::Whole { bytes: length, .. } => prop_assert!(length > 0 && length <= bytes.len()),
            Framed::Needs(more) => prop_assert!(more > 0),
            Framed::Broken(_) => {}
        }
        read_all(&bytes);
    }

    #[test]
    fn damaged_messages_are_read_without_harm(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        for whole in [identity(), connected(1, &multiple(&[&[3, 2, 0x20, 1, 0x24, 1, 2, 0, 5, 0, 6, 0], &[0x0e, 1, 0x20, 2]]))] {
            let mut bytes = whole;
            for (place, value) in &damage {
                let place = place.index(bytes.len());
                bytes[place] = *value;
            }
            bytes.truncate(cut.index(bytes.len()) + 1);
            read_all(&bytes);
        }
    }
}
