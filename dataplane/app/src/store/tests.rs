//! Conversations as the worker feeds them: in order, out of order, sent again, split, hostile.

use super::{CELL, NONE, OPEN, Segment, Store, Turn};
use crate::{AppEvent, AppLink, AppProtocol, AppSettings, AppState};
use proptest::prelude::*;
use sluice_core::{
    Counters,
    Direction::{self, ToClient, ToServer},
};

/// A store and one flow.
struct Flow {
    store: Store,
    link: AppLink,
    counters: Counters,
    ends: [u32; 2],
    at_once: bool,
    tcp: bool,
}

fn settings() -> AppSettings {
    let mut settings = AppSettings::default();
    AppProtocol::ALL.iter().for_each(|&protocol| settings.of_mut(protocol).unwrap().enabled = true);
    settings
}

impl Flow {
    fn new(at_once: bool) -> Self {
        let store = Store::new(settings());
        Self { store, link: AppLink::default(), counters: Counters::default(), ends: [100, 200], at_once, tcp: true }
    }

    /// Sends a segment at `seq`; what is judged: direction, request and response as far as they are known, events.
    fn send_at(
        &mut self,
        direction: Direction,
        seq: u32,
        payload: &[u8],
    ) -> Vec<(Direction, Vec<u8>, Option<Vec<u8>>)> {
        let ack = self.ends[1 - direction.index()];
        let tcp = self.tcp.then_some((seq, ack));
        let segment = Segment { payload, direction, tcp, server_ports: &[502], at_once: self.at_once };
        self.store.recognise(&mut self.link, &segment, &mut self.counters);
        let mut judged = Vec::new();
        if let Some(mut walk) = self.store.begin(&mut self.link, &segment, &mut self.counters) {
            while let Some(turn) = self.store.next(&mut walk, &segment, &mut self.counters) {
                if turn.judge {
                    judged.push(self.seen(&turn, payload));
                }
                self.store.judged(&turn);
            }
        }
        while let Some(turn) = self.store.due(self.link, direction, false) {
            judged.push(self.seen(&turn, payload));
            self.store.judged(&turn);
        }
        judged
    }

    fn send(&mut self, direction: Direction, payload: &[u8]) -> Vec<(Direction, Vec<u8>, Option<Vec<u8>>)> {
        let seq = self.ends[direction.index()];
        self.ends[direction.index()] = seq.wrapping_add(payload.len() as u32);
        self.send_at(direction, seq, payload)
    }

    fn seen(&self, turn: &Turn, payload: &[u8]) -> (Direction, Vec<u8>, Option<Vec<u8>>) {
        let view = self.store.view(turn, payload);
        let other = view.messages[1 - turn.direction.index()].map(<[u8]>::to_vec);
        (turn.direction, view.message().to_vec(), other)
    }
}

fn modbus(transaction: u8, pdu: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, transaction, 0, 0, 0, pdu.len() as u8 + 1, 10];
    bytes.extend(pdu);
    bytes
}

const READ: &[u8] = &[3, 0, 0, 0, 1];
const ANSWER: &[u8] = &[3, 2, 0, 9];

#[test]
fn passive_a_request_is_judged_once_acknowledged_and_then_knows_its_response() {
    let mut flow = Flow::new(false);
    let (request, response) = (modbus(1, READ), modbus(1, ANSWER));
    assert!(flow.send(ToServer, &request).is_empty());
    assert!(flow.send(ToClient, &response).is_empty());
    assert_eq!(flow.send(ToServer, b""), [(ToServer, request.clone(), Some(response.clone()))]);
    assert!(flow.send(ToServer, b"").is_empty(), "once");
    assert_eq!(flow.send(ToClient, b""), [(ToClient, response, Some(request))]);
    assert_eq!(flow.counters.app_transactions, 1);
    assert!(flow.store.due(flow.link, ToServer, true).is_none() && flow.store.untold(flow.link).is_none());
}

#[test]
fn inline_each_message_is_judged_with_its_packet() {
    let mut flow = Flow::new(true);
    let (request, response) = (modbus(1, READ), modbus(1, ANSWER));
    assert_eq!(flow.send(ToServer, &request), [(ToServer, request.clone(), None)]);
    assert_eq!(flow.send(ToClient, &response), [(ToClient, response, Some(request))]);
}

#[test]
fn what_is_never_acknowledged_is_left_for_the_end_of_the_flow() {
    let mut flow = Flow::new(false);
    flow.send(ToServer, &modbus(1, READ));
    assert!(flow.send(ToServer, b"").is_empty());
    let turn = flow.store.due(flow.link, ToServer, true).unwrap();
    assert_eq!(flow.store.view(&turn, &[]).message(), modbus(1, READ));
    flow.store.judged(&turn);
    assert!(flow.store.due(flow.link, ToServer, true).is_none());
    assert!(flow.store.untold(flow.link).is_some() && flow.store.untold(flow.link).is_none());
    flow.store.end(flow.link);
    assert_eq!((flow.store.oldest, flow.store.newest), (NONE, NONE));
}

#[test]
fn several_messages_in_one_segment_are_all_seen_and_a_split_one_is_left_out_alone() {
    let mut flow = Flow::new(true);
    let many: Vec<u8> = (1..=5).flat_map(|number| modbus(number, READ)).collect();
    assert_eq!(flow.send(ToServer, &many).len(), 5);
    let (split, next) = (modbus(6, READ), modbus(7, READ));
    assert!(flow.send(ToServer, &split[..9]).is_empty());
    let mut rest = split[9..].to_vec();
    rest.extend(&next);
    assert_eq!(flow.send(ToServer, &rest), [(ToServer, next, None)]);
    assert_eq!(flow.counters.app_pdu_incomplete, 1);
}

#[test]
fn a_segment_sent_again_is_read_once_and_one_that_never_arrives_hides_nothing() {
    let mut flow = Flow::new(true);
    let (first, second) = (modbus(1, READ), modbus(2, READ));
    assert_eq!(flow.send(ToServer, &first).len(), 1);
    assert!(flow.send_at(ToServer, 100, &first).is_empty(), "again");
    // Far ahead of what the other end waits for.
    assert_eq!(flow.send_at(ToServer, 1_000_000, &modbus(9, READ)).len(), 1);
    assert_eq!(flow.send(ToServer, &second).len(), 1);
    let mut both = second.clone();
    both.extend(modbus(3, READ));
    assert_eq!(flow.send_at(ToServer, 112, &both).len(), 1, "the new part of it");
}

#[test]
fn a_flood_of_requests_is_an_event_and_each_is_judged() {
    let mut flow = Flow::new(false);
    let mut flooded = 0;
    let mut judged = 0;
    for number in 0..u32::from(OPEN) + 10 {
        let payload = modbus(number as u8, READ);
        let seq = flow.ends[0];
        flow.ends[0] += payload.len() as u32;
        let segment = Segment {
            payload: &payload,
            direction: ToServer,
            tcp: Some((seq, 200)),
            server_ports: &[502],
            at_once: false,
        };
        flow.store.recognise(&mut flow.link, &segment, &mut flow.counters);
        let mut walk = flow.store.begin(&mut flow.link, &segment, &mut flow.counters).unwrap();
        let turn = flow.store.next(&mut walk, &segment, &mut flow.counters).unwrap();
        flooded += u32::from(flow.store.view(&turn, &payload).has_event(AppEvent::ModbusFlooded));
        judged += u32::from(turn.judge);
        flow.store.judged(&turn);
    }
    assert_eq!((flooded, judged), (10, 10), "those without room at once");
    while let Some(turn) = flow.store.due(flow.link, ToServer, true) {
        judged += 1;
        flow.store.judged(&turn);
    }
    assert_eq!(judged, u32::from(OPEN) + 10);
    assert_eq!(flow.counters.app_no_room, 10);
    // Judged ones make room, oldest first.
    let (request, seq) = (modbus(1, READ), flow.ends[0]);
    assert!(flow.send_at(ToServer, seq, &request).is_empty());
    assert_eq!(flow.counters.app_transactions_evicted, 1);
}

#[test]
fn a_message_longer_than_its_room_is_judged_at_once_and_whole() {
    let mut flow = Flow::new(false);
    let mut long = vec![0x6f, 0];
    long.extend((CELL as u16).to_le_bytes());
    long.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    long.resize(24 + CELL, 0);
    let judged = flow.send(ToServer, &long);
    assert_eq!(judged, [(ToServer, long, None)]);
    assert_eq!(flow.counters.app_no_room, 1);
}

#[test]
fn a_fragment_is_put_together_from_its_frames_without_checksums() {
    use crate::dnp3::tests::link;
    let fragment: Vec<u8> = [0xc0, 0x81, 0, 0].into_iter().chain((0..60).map(|_| 0)).collect();
    let mut flow = Flow::new(true);
    let mut frames = link(0x43, &fragment[..40]);
    assert!(flow.send(ToClient, &frames).is_empty());
    frames = link(0x84, &fragment[40..]);
    let [(ToClient, message, None)] = &flow.send(ToClient, &frames)[..] else { panic!("one message") };
    assert_eq!(message[8..], fragment);
    // A frame whose number does not follow belongs to nothing.
    assert!(flow.send(ToClient, &link(0x45, &fragment)).is_empty());
    assert!(flow.send(ToClient, &link(0x87, &fragment)).is_empty());
    assert_eq!(flow.counters.app_pdu_incomplete, 1);
}

#[test]
fn a_store_without_parsers_takes_no_room_and_knows_no_protocol() {
    let store = Store::new(AppSettings::default());
    assert!(store.is_off() && store.bytes.is_empty() && store.transactions.capacity() == 0);
    let (mut link, mut counters) = (AppLink::default(), Counters::default());
    let payload = modbus(1, READ);
    let segment = Segment { payload: &payload, direction: ToServer, tcp: None, server_ports: &[502], at_once: true };
    store.recognise(&mut link, &segment, &mut counters);
    store.recognise(&mut link, &segment, &mut counters);
    assert_eq!(link.state, AppState::None);
}

/// A segment of a random conversation: direction, jump of the sequence number, payload.
fn piece() -> impl Strategy<Value = (bool, i32, Vec<u8>)> {
    let payload = prop_oneof![
        (any::<u8>(), 0_usize..3).prop_map(|(number, times)| modbus(number % 4, READ).repeat(times)),
        any::<u8>().prop_map(|number| modbus(number % 4, ANSWER)),
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|data| crate::dnp3::tests::link(0xc0, &data)),
    ];
    (any::<bool>(), prop_oneof![Just(0), -30..30, any::<i32>()], payload)
}

proptest! {
    #[test]
    fn every_message_kept_is_judged_exactly_once_whatever_comes(
        pieces in prop::collection::vec(piece(), 1..60),
        at_once in any::<bool>(),
        tcp in any::<bool>(),
    ) {
        let mut flow = Flow::new(at_once || !tcp);
        flow.tcp = tcp;
        flow.link.state = AppState::Known(AppProtocol::Modbus);
        let mut judged = 0;
        for (to_server, jump, payload) in pieces {
            let direction = if to_server { ToServer } else { ToClient };
            let seq = flow.ends[direction.index()].wrapping_add_signed(jump);
            if jump == 0 {
                flow.ends[direction.index()] = seq.wrapping_add(payload.len() as u32);
            }
            judged += flow.send_at(direction, seq, &payload).len() as u64;
        }
        for direction in [ToServer, ToClient] {
            while let Some(turn) = flow.store.due(flow.link, direction, true) {
                judged += 1;
                flow.store.judged(&turn);
            }
        }
        prop_assert_eq!(judged, flow.counters.app_pdu);
        flow.store.end(flow.link);
        prop_assert_eq!((flow.store.oldest, flow.store.newest), (NONE, NONE));
        prop_assert!(flow.store.conversations.iter().all(|conversation| conversation.open == 0));
    }
}
