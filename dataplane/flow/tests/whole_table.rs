//! The flow table as a worker uses it: packets in, answers and ended flows out. Partitions against several tables, floods, sizes of time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

use proptest::prelude::*;
use sluice_core::{
    Direction, FlowKey, HashKey, Nanos,
    event::{FlowEnd, FlowState},
    key::{Endpoint, Lane},
};
use sluice_flow::{
    Flow, FlowTable, Opening, Partitions, TableSettings, TcpSegment, TcpSettings, Timeouts,
    tcp::{ACK, FIN, RST, SYN},
};

/// What a packet met: the answer, the flow's id, state and packets, and whether it was full.
#[derive(Debug, PartialEq, Eq)]
struct Met {
    flow: Option<(u64, FlowState, [u64; 2], bool)>,
    ended: Vec<(u64, &'static str)>,
}

/// One or several tables that serve the partitions in turn.
struct Tables {
    tables: Vec<FlowTable>,
    partitions: Partitions,
}

fn settings(capacity: usize, half_open: usize, partitions: Partitions) -> TableSettings {
    TableSettings { capacity, half_open, partitions, timeouts: Timeouts::default() }
}

impl Tables {
    fn new(count: usize, settings: TableSettings) -> Self {
        let tables = (0..count).map(|_| FlowTable::new(settings, HashKey::fixed())).collect();
        Self { tables, partitions: settings.partitions }
    }

    fn of(&mut self, hash: u64) -> &mut FlowTable {
        let owner = self.partitions.of(hash) % self.tables.len();
        &mut self.tables[owner]
    }

    /// One packet, as the worker treats it.
    fn packet(&mut self, host: u32, protocol: u8, back: bool, flags: u8, mark: bool, now: Nanos) -> Met {
        let end = |address: u32, port| {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&address.to_be_bytes());
            Endpoint { address: bytes, port }
        };
        let (client, server) = (end(0x0a00_0000 + host, 1_000), end(0x0b00_0001, 80));
        let (source, destination) = if back { (server, client) } else { (client, server) };
        let lane = Lane { protocol, ip_version: 4, ..Lane::default() };
        let (key, swapped) = FlowKey::new(source, destination, lane);
        let hash = self.tables[0].hash(&key);
        let table = self.of(hash);
        let mut ended = Vec::new();
        let mut gone = |flow: &Flow| ended.push((flow.id, "forced"));
        let mut found = table.lookup(&key, hash);
        if let Some(flow) = found.filter(|&flow| table.is_idle(flow, now)) {
            let flow = table.remove(flow).unwrap();
            gone(&flow);
            found = None;
        }
        let opening = Opening { key, hash, swapped, now };
        let found = found.or_else(|| {
            if protocol == 6 && flags & (SYN | ACK | RST) == SYN {
                table.insert_half_open(opening, &mut gone).ok()
            } else {
                table.insert(opening).ok().or_else(|| {
                    gone(&table.evict(hash)?);
                    table.insert(opening).ok()
                })
            }
        });
        let Some(flow) = found else { return Met { flow: None, ended } };
        let entry = table.get_mut(flow).unwrap();
        let direction = entry.direction(swapped);
        entry.packets[direction.index()] += 1;
        entry.bytes[direction.index()] += 60;
        entry.last = now;
        if protocol == 6 {
            let behind = u32::from(flags & SYN == 0);
            let (seq, ack) = if back { (500 + behind, 101) } else { (100 + behind, 501) };
            let segment = TcpSegment { seq, ack, flags, payload_len: 0, window: 1_000, ..TcpSegment::default() };
            table.advance(flow, direction, &segment, &TcpSettings::default()).unwrap();
        } else if direction == Direction::ToClient {
            entry.state = FlowState::Established;
        }
        if mark {
            assert!(table.view(flow).unwrap().set_bit(7));
        }
        let marked = table.view(flow).unwrap().bit(7);
        let entry = table.get(flow).unwrap();
        let met = (entry.id, entry.state, entry.packets, marked);
        let kept = table.settle(flow, gone).is_ok();
        Met { flow: Some(met).filter(|_| kept), ended }
    }

    /// A new second: the flows that ended, in order of their id.
    fn tick(&mut self, now: Nanos) -> Vec<(u64, [u64; 2])> {
        self.ended(|table, ended| table.expire_all(now, |flow, end| ended.push((flow, end))))
    }

    fn drain(&mut self) -> Vec<(u64, [u64; 2])> {
        self.ended(|table, ended| table.drain(|flow, end| ended.push((flow, end))))
    }

    fn ended(&mut self, mut act: impl FnMut(&mut FlowTable, &mut dyn EndedFlows)) -> Vec<(u64, [u64; 2])> {
        let mut ended: Vec<(u64, [u64; 2])> = Vec::new();
        for table in &mut self.tables {
            act(table, &mut ended);
        }
        ended.sort_unstable();
        ended
    }

    fn len(&self) -> usize {
        self.tables.iter().map(FlowTable::len).sum()
    }
}

/// Where ended flows go.
trait EndedFlows {
    fn push(&mut self, ended: (&Flow, FlowEnd));
}

impl EndedFlows for Vec<(u64, [u64; 2])> {
    fn push(&mut self, (flow, _): (&Flow, FlowEnd)) {
        Vec::push(self, (flow.id, flow.packets));
    }
}

/// What a client, and the server, may send.
const KINDS: [(u8, bool, u8); 10] = [
    (6, false, SYN),
    (6, false, SYN),
    (6, true, SYN | ACK),
    (6, false, ACK),
    (6, false, ACK),
    (6, true, RST | ACK),
    (6, false, FIN | ACK),
    (6, true, FIN | ACK),
    (17, false, 0),
    (17, true, 0),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Everything a flow meets is the same for one table and for two or four that share its partitions.
    #[test]
    fn several_tables_answer_as_one_does(
        steps in prop::collection::vec((0..60_u32, prop::sample::select(&KINDS[..]), prop::sample::select(&[0_u64, 0, 0, 1, 7, 70, 2_000][..]), 0..20_u8), 1..400),
        (capacity, half_open) in (4..40_usize, 0..24_usize),
    ) {
        let settings = settings(capacity, half_open, Partitions::for_capacity(1_024));
        prop_assert_eq!(settings.partitions.count(), 4);
        let mut sides = [1, 2, 4].map(|count| Tables::new(count, settings));
        let mut now = 1_000_000_000_000;
        let (mut opened, mut ended) = (0, 0);
        for (host, (protocol, back, flags), seconds, mark) in steps {
            let before = now / 1_000_000_000;
            now += seconds * 1_000_000_000 + 137_000;
            let time = Nanos(now);
            if now / 1_000_000_000 != before {
                let [one, two, four] = sides.each_mut().map(|side| side.tick(time));
                ended += one.len();
                prop_assert_eq!(&one, &two);
                prop_assert_eq!(&one, &four);
            }
            let [one, two, four] = sides.each_mut().map(|side| side.packet(host, protocol, back, flags, mark == 0, time));
            ended += one.ended.len();
            opened += 1;
            prop_assert_eq!(&one, &two);
            prop_assert_eq!(&one, &four);
            prop_assert!(sides[0].len() <= capacity + half_open && opened >= ended);
            prop_assert_eq!(sides[0].len(), sides[1].len());
            prop_assert_eq!(sides[0].len(), sides[2].len());
        }
        let [one, two, four] = sides.each_mut().map(Tables::drain);
        prop_assert_eq!(&one, &two);
        prop_assert_eq!(&one, &four);
        prop_assert_eq!(sides[0].len(), 0);
    }
}

#[test]
fn a_flood_of_a_million_syns_costs_no_flow() {
    for (partitions, flood) in [(Partitions::ONE, 1_000_000), (Partitions::for_capacity(4_096), 100_000_u32)] {
        let mut side = Tables::new(1, settings(4_096, 2_048, partitions));
        let now = Nanos::from_seconds(1_000_000);
        for host in 0..1_000 {
            if host % 2 == 0 {
                for (back, flags) in [(false, SYN), (true, SYN | ACK), (false, ACK)] {
                    side.packet(host, 6, back, flags, false, now);
                }
            } else {
                side.packet(host, 17, false, 0, false, now);
                side.packet(host, 17, true, 0, false, now);
            }
        }
        assert_eq!((side.tables[0].len(), side.tables[0].half_open()), (1_000, 0));
        let mut evicted = 0;
        for spoofed in 0..flood {
            let met = side.packet(10_000 + spoofed, 6, false, SYN, false, Nanos(now.0 + u64::from(spoofed) * 1_000));
            assert!(met.flow.is_some(), "a SYN always finds a place");
            evicted += met.ended.len();
        }
        // Answers to the last of them make no flows either.
        for spoofed in flood - 1_000..flood {
            let later = Nanos::from_seconds(1_000_002);
            assert!(side.packet(10_000 + spoofed, 6, true, SYN | ACK, false, later).flow.is_some());
        }
        assert_eq!((side.tables[0].len(), side.tables[0].half_open()), (1_000 + 2_048, 2_048));
        assert_eq!(evicted, flood as usize - 2_048);
        for host in 0..1_000 {
            let (protocol, flags) = if host % 2 == 0 { (6, ACK) } else { (17, 0) };
            let (_, state, packets, _) = side.packet(host, protocol, false, flags, false, now).flow.unwrap();
            assert_eq!((state, packets[0] > 1), (FlowState::Established, true));
        }
        assert_eq!(side.tick(Nanos::from_seconds(1_000_070)).len(), 2_048);
        assert_eq!(side.len(), 1_000);
    }
}

#[test]
fn a_handshake_whose_flow_finds_no_room_stands_as_before() {
    let mut side = Tables::new(1, settings(1, 4, Partitions::ONE));
    let now = Nanos::from_seconds(5);
    for host in [1, 2] {
        side.packet(host, 6, false, SYN, false, now);
        side.packet(host, 6, true, SYN | ACK, false, now);
    }
    assert!(side.packet(1, 6, false, ACK, false, now).flow.is_some());
    let refused = side.packet(2, 6, false, ACK, false, now);
    assert_eq!(refused, Met { flow: None, ended: vec![] }, "the only flow there is room for is established");
    let (_, state, packets, _) = side.packet(2, 6, true, SYN | ACK, false, now).flow.unwrap();
    assert_eq!((state, packets), (FlowState::New, [1, 2]));
    // A connection that leaves a mark at once needs a flow at once.
    let refused = side.packet(3, 6, false, SYN, true, now);
    assert_eq!((refused.flow, refused.ended.len()), (None, 1));
    assert_eq!((side.tables[0].len(), side.tables[0].half_open()), (2, 1));
}

#[test]
fn marks_left_on_a_half_open_connection_stay_with_its_flow() {
    let mut side = Tables::new(1, settings(4, 4, Partitions::ONE));
    let now = Nanos::from_seconds(5);
    let id = side.packet(1, 6, false, SYN, true, now).flow.unwrap().0;
    assert_eq!(side.tables[0].half_open(), 0, "a slot has no room for marks");
    side.packet(1, 6, true, SYN | ACK, false, now);
    let (again, state, _, marked) = side.packet(1, 6, false, ACK, false, now).flow.unwrap();
    assert_eq!((again, state, marked), (id, FlowState::Established, true));
    let (_, _, _, marked) = side.packet(2, 6, false, SYN, false, now).flow.unwrap();
    assert!(!marked);
}

#[test]
fn a_closed_connection_is_forgotten_by_its_own_idle_time_however_long_it_was_open() {
    let mut side = Tables::new(1, settings(4, 4, Partitions::ONE));
    let at = |second: u64| Nanos::from_seconds(1_000 + second);
    for (back, flags) in [(false, SYN), (true, SYN | ACK), (false, ACK)] {
        side.packet(1, 6, back, flags, false, at(0));
    }
    // Long enough for the wheel to put it down for the idle time of open connections.
    for second in 1..100 {
        assert!(side.tick(at(second)).is_empty());
        side.packet(1, 6, false, ACK, false, at(second));
    }
    side.packet(1, 6, true, RST | ACK, false, at(100));
    let gone = (101..400).find(|&second| !side.tick(at(second)).is_empty());
    assert_eq!(gone, Some(162));
}
