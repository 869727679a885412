//! Frames and messages taken apart, and hostile ones.

use super::{
    Flat,
    fields::{Dnp3Test, Message},
    frame, likeness,
    parse::checksum,
};
use crate::{event::AppEvent, pdu::Framed, protocol::Likeness};
use proptest::prelude::*;

/// A link frame with user data.
pub(crate) fn link(transport: u8, data: &[u8]) -> Vec<u8> {
    let mut user = vec![transport];
    user.extend(data);
    let mut bytes = vec![5, 0x64, user.len() as u8 + 5, 0xc4, 10, 0, 1, 0];
    bytes.extend(checksum(&bytes).to_le_bytes());
    for block in user.chunks(16) {
        bytes.extend(block);
        bytes.extend(checksum(block).to_le_bytes());
    }
    bytes
}

/// What is wrong with the objects of a message.
fn events(message: &[u8], most_objects: u32, most_points: u32) -> Vec<AppEvent> {
    let mut events = Vec::new();
    Message::of(message).unwrap().events(most_objects, most_points, |event| events.push(event));
    events
}

/// A message as it is kept.
fn kept(fragment: &[u8]) -> Vec<u8> {
    let mut bytes = vec![5, 0x64, 0, 0xc4, 10, 0, 1, 0];
    bytes.extend(fragment);
    bytes
}

#[test]
fn checksums_are_those_of_a_real_frame() {
    let real = [0x05, 0x64, 0x14, 0xc4, 0x0a, 0x00, 0x01, 0x00, 0x8f, 0xed];
    assert_eq!(checksum(&real[..8]), 0xed8f);
    assert_eq!(likeness(&real), Likeness::Sure);
    assert_eq!(likeness(&[0x05, 0x64, 0x14, 0xc4, 0x0a, 0x00, 0x01, 0x00, 0x8f, 0xee]), Likeness::No);
}

#[test]
fn checksums_are_taken_out_of_what_a_frame_carries() {
    let data: Vec<u8> = (0..40).collect();
    let bytes = link(0xc5, &data);
    assert_eq!(frame(&bytes), Framed::Whole { bytes: bytes.len(), wrong: None });
    let flat = Flat::of(&bytes).unwrap();
    assert!(flat.is_first() && flat.is_last());
    assert_eq!((flat.sequence(), flat.piece()), (5, &data[..]));
    for cut in 0..bytes.len() {
        assert!(matches!(frame(&bytes[..cut]), Framed::Needs(_)), "{cut}");
    }
}

#[test]
fn damage_is_an_event_of_its_kind() {
    let mut header = link(0xc0, &[0xc0, 1]);
    header[4] ^= 1;
    assert_eq!(frame(&header), Framed::Broken(AppEvent::Dnp3BadLinkCrc));
    let mut data = link(0xc0, &[0xc0, 1]);
    data[11] ^= 1;
    assert!(matches!(frame(&data), Framed::Whole { wrong: Some(AppEvent::Dnp3BadTransportCrc), .. }));
    let short = link(0xc0, &[0xc0]);
    assert!(matches!(frame(&short), Framed::Whole { wrong: Some(AppEvent::Dnp3LenTooSmall), .. }));
    assert_eq!(frame(b"GET / HTTP/1.1"), Framed::Broken(AppEvent::Dnp3BadLinkCrc));
    assert_eq!(frame(&[5, 0x64, 4, 0xc4, 0, 0, 0, 0, 0, 0]), Framed::Broken(AppEvent::Dnp3LenTooSmall));
}

#[test]
fn objects_are_walked_over_with_and_without_their_points() {
    let read = kept(&[0xc2, 1, 60, 2, 6, 60, 3, 6, 60, 4, 6]);
    let groups = |bytes: &[u8]| -> Vec<_> {
        Message::of(bytes).unwrap().objects().map(|object| (object.group, object.variation, object.count)).collect()
    };
    assert_eq!(groups(&read), [(60, 2, 0), (60, 3, 0), (60, 4, 0)]);
    // Two points of flags by index, one control block with an index in two bytes, ten packed bits, a string with its size.
    let mut response = vec![0xc2, 0x81, 0x90, 0, 1, 2, 0, 0, 1, 0x81, 0x81, 12, 1, 0x28, 1, 0, 7, 0];
    response.extend([0; 11]);
    response.extend([10, 1, 0, 0, 9, 0xff, 3, 70, 3, 0x5b, 1, 2, 0, b'a', b'b', 2, 1, 6]);
    let response = kept(&response);
    assert_eq!(groups(&response), [(1, 2, 2), (12, 1, 1), (10, 1, 10), (70, 3, 1), (2, 1, 0)]);
    assert!(events(&response, 5, 10).is_empty());
    assert!(events(&response, 4, 10).contains(&AppEvent::Dnp3TooManyObjects));
    assert!(events(&response, 5, 9).contains(&AppEvent::Dnp3TooManyPoints));
    assert!(Dnp3Test::Object(12, 1).holds(&response) && !Dnp3Test::Object(12, 2).holds(&response));
    assert!(Dnp3Test::Function(0x81).holds(&response) && Dnp3Test::Indications(0x9000).holds(&response));
    assert!(!Dnp3Test::Indications(0x0090).holds(&response) && !Dnp3Test::Indications(0xffff).holds(&read));
}

#[test]
fn objects_that_do_not_end_in_their_message_are_unknown() {
    for fragment in [
        &[0xc0, 0x81, 0, 0, 1, 2, 0, 0, 9][..],
        &[0xc0, 2, 99, 9, 0, 0, 1],
        &[0xc0, 2, 1, 2, 0, 9, 1],
        &[0xc0, 2, 70, 3, 0x5b, 255, 0xff, 0xff],
    ] {
        let bytes = kept(fragment);
        assert!(events(&bytes, 100, 1_000).contains(&AppEvent::Dnp3UnknownObject), "{fragment:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Framed::Whole { bytes: length, .. } = frame(&bytes) {
            prop_assert!(length > 0 && length <= bytes.len());
        }
        let _ = Flat::of(&bytes);
        likeness(&bytes);
        let message = kept(&bytes);
        let message = Message::of(&message).unwrap();
        prop_assert!(message.objects().count() <= bytes.len());
        message.events(50, 50, |_| {});
    }

    #[test]
    fn a_frame_gives_back_what_was_put_in(data in prop::collection::vec(any::<u8>(), 2..249), transport in any::<u8>()) {
        let bytes = link(transport, &data);
        prop_assert_eq!(frame(&bytes), Framed::Whole { bytes: bytes.len(), wrong: None });
        let flat = Flat::of(&bytes).unwrap();
        prop_assert_eq!(flat.piece(), &data[..]);
    }
}
