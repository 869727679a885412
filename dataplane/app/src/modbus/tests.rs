//! Messages taken apart, and hostile ones.

use super::{
    Message,
    fields::{Access, Category, FunctionTest, ModbusTest},
    frame, key, likeness,
};
use crate::{event::AppEvent, pdu::Framed, protocol::Likeness};
use proptest::prelude::*;
use sluice_core::Direction::{self, ToClient, ToServer};

fn message(unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 7, 0, 0];
    bytes.extend((pdu.len() as u16 + 1).to_be_bytes());
    bytes.push(unit);
    bytes.extend(pdu);
    bytes
}

fn wrong(pdu: &[u8], direction: Direction) -> Option<AppEvent> {
    match frame(&message(10, pdu), direction) {
        Framed::Whole { wrong, .. } => wrong,
        other => panic!("{other:?}"),
    }
}

#[test]
fn requests_of_every_function_are_sound_when_they_are_as_long_as_they_must_be() {
    for pdu in [
        &[1, 0, 0, 0, 1][..],
        &[2, 0, 0, 7, 0xd0],
        &[3, 0, 0, 0, 125],
        &[5, 0, 2, 0xff, 0],
        &[6, 0, 5, 0, 11],
        &[7],
        &[8, 0, 4, 0, 0],
        &[15, 0, 0, 0, 9, 2, 0xff, 1],
        &[16, 0, 0, 0, 1, 2, 0, 9],
        &[22, 0, 4, 0, 1, 0, 2],
        &[23, 0, 3, 0, 6, 0, 14, 0, 1, 2, 0, 255],
        &[43, 14, 1, 0],
        &[100, 1, 2, 3],
    ] {
        assert_eq!(wrong(pdu, ToServer), None, "{pdu:?}");
    }
}

#[test]
fn what_does_not_fit_is_an_event_of_its_kind() {
    use AppEvent::*;
    for (pdu, direction, event) in [
        (&[0, 1][..], ToServer, ModbusInvalidFunctionCode),
        (&[0x81, 1], ToServer, ModbusInvalidFunctionCode),
        (&[1, 0, 0, 0], ToServer, ModbusInvalidLength),
        (&[16, 0, 0, 0, 1, 9, 0, 9], ToServer, ModbusInvalidLength),
        (&[1, 0, 0, 0, 0], ToServer, ModbusInvalidValue),
        (&[3, 0, 0, 0, 126], ToServer, ModbusInvalidValue),
        (&[5, 0, 0, 1, 1], ToServer, ModbusInvalidValue),
        (&[16, 0, 0, 0, 2, 2, 0, 9], ToServer, ModbusInvalidValue),
        (&[0x81, 99], ToClient, ModbusInvalidExceptionCode),
        (&[0x81, 1, 1], ToClient, ModbusInvalidLength),
        (&[1, 5, 1], ToClient, ModbusInvalidLength),
    ] {
        assert_eq!(wrong(pdu, direction), Some(event), "{pdu:?}");
    }
    assert_eq!(wrong(&[0x81, 2], ToClient), None);
    assert_eq!(frame(&[0, 1, 0, 16, 0, 6, 10, 1], ToServer), Framed::Broken(ModbusInvalidProtocolId));
    for length in [0_u8, 1, 255] {
        assert_eq!(frame(&[0, 1, 0, 0, 0, length, 10, 1], ToServer), Framed::Broken(ModbusInvalidLength));
    }
}

#[test]
fn every_cut_of_a_message_needs_more() {
    let whole = message(10, &[16, 0, 0, 0, 2, 4, 0, 9, 0, 8]);
    for cut in 0..whole.len() {
        assert!(
            matches!(frame(&whole[..cut], ToServer), Framed::Needs(more) if cut < 6 || more == whole.len() - cut),
            "{cut}"
        );
    }
}

fn holds(test: &ModbusTest, pdu: &[u8]) -> bool {
    test.holds(&message(10, pdu))
}

#[test]
fn addresses_count_from_one_and_ranges_touch_what_is_read() {
    let address = |low, high| ModbusTest {
        access: Access::READ | Access::COILS,
        address: Some((low, high)),
        ..ModbusTest::default()
    };
    assert!(holds(&address(1, 1), &[1, 0, 0, 0, 1]));
    assert!(!holds(&address(1, 1), &[1, 0, 2, 0, 2]));
    assert!(holds(&address(3, 3), &[1, 0, 2, 0, 2]) && holds(&address(4, 9), &[1, 0, 2, 0, 2]));
    assert!(!holds(&address(5, 9), &[1, 0, 2, 0, 2]) && !holds(&address(1, 1), &[2, 0, 0, 0, 1]));
    assert!(holds(&address(65_536, 65_536), &[1, 0xff, 0xff, 0, 1]));
}

#[test]
fn values_are_those_written_to_the_address_asked() {
    let value = |access, address, value| ModbusTest { access, address, value: Some(value), ..ModbusTest::default() };
    let holding = Access::WRITE | Access::HOLDING;
    let two = [16, 1, 0xf3, 0, 2, 4, 0, 9, 1, 0];
    assert!(holds(&value(holding, Some((500, 500)), (9, 9)), &two));
    assert!(holds(&value(holding, Some((501, 501)), (201, 300)), &two));
    assert!(!holds(&value(holding, Some((500, 500)), (256, 256)), &two));
    assert!(holds(&value(holding, None, (256, 256)), &two));
    let coils = Access::WRITE | Access::COILS;
    assert!(holds(&value(coils, Some((9, 9)), (1, 1)), &[15, 0, 0, 0, 9, 2, 0, 1]));
    assert!(!holds(&value(coils, Some((8, 8)), (1, 1)), &[15, 0, 0, 0, 9, 2, 0, 1]));
    assert!(holds(&value(coils, None, (0xff00, 0xff00)), &[5, 0, 2, 0xff, 0]));
}

#[test]
fn functions_fall_into_their_groups() {
    let category = |pdu: &[u8]| Message::of(&message(1, pdu)).unwrap().category();
    assert_eq!(category(&[8, 0, 4, 0, 0]), Category::PublicAssigned);
    assert_eq!(category(&[8, 0, 5, 0, 0]), Category::Reserved);
    assert_eq!(category(&[43, 14]), Category::PublicAssigned);
    assert_eq!(category(&[43, 15]), Category::Reserved);
    assert_eq!(category(&[66]), Category::UserDefined);
    assert_eq!(category(&[50]), Category::PublicUnassigned);
    assert_eq!(category(&[90]), Category::Reserved);
    let diagnostics = ModbusTest { function: Some(FunctionTest::Code(8, Some(4))), ..ModbusTest::default() };
    assert!(holds(&diagnostics, &[8, 0, 4, 0, 0]) && !holds(&diagnostics, &[8, 0, 1, 0, 0]));
}

#[test]
fn only_sound_messages_are_taken_for_it() {
    assert_eq!(likeness(&message(10, &[1, 0, 0, 0, 1]), ToServer), Likeness::Fits);
    assert_eq!(likeness(&message(10, &[5, 0, 2, 0xff, 0, 1, 2]), ToServer), Likeness::No);
    assert_eq!(likeness(b"GET / HTTP/1.1\r\n", ToServer), Likeness::No);
    assert_eq!(likeness(&message(10, &[1, 0, 0, 0, 1])[..9], ToServer), Likeness::More);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), header in any::<bool>()) {
        let bytes = if header && !bytes.is_empty() && bytes.len() < 250 { message(1, &bytes) } else { bytes };
        for direction in [ToServer, ToClient] {
            if let Framed::Whole { bytes: length, .. } = frame(&bytes, direction) {
                prop_assert!(length > 0 && length <= bytes.len());
            }
            likeness(&bytes, direction);
        }
        let _ = key(&bytes);
        if let Some(message) = Message::of(&bytes) {
            let _ = (message.category(), message.access(), message.subfunction(), message.exception_code());
        }
        for access in [Access::READ, Access::WRITE] {
            ModbusTest { access, address: Some((1, 70_000)), value: Some((70_000, 70_000)), ..ModbusTest::default() }.holds(&bytes);
        }
    }
}
