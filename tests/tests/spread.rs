//! Properties of how a replay's packets are spread over workers, and of how what they tell comes together again.
#![cfg(test)]

use proptest::{collection::vec, prelude::*};
use ring::Ring;
use sluice_core::{
    HashKey, Position,
    order::{InOrder, Order, Seat},
};
use sluice_flow::Partitions;
use sluice_packet::{DecodeConfig, Decoded, LinkType, decode};
use sluice_tests::traffic::{Ip, Tunnel, icmp, ip, tcp::Tcp, tunnel::Kind, udp};
use sluice_worker::Owners;
use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

/// The owners of the layers of an IP packet, outermost first.
fn owners(packet: &[u8], workers: usize) -> Vec<u16> {
    let owners = Owners::new(HashKey::fixed(), Some(Partitions::for_capacity(262_144)), workers, true);
    let mut decoded = Decoded::new();
    decode(packet, LinkType::Raw, &DecodeConfig::DEFAULT, &mut decoded);
    let (of, layers) = (owners.of(&decoded, packet), decoded.layers().len());
    let mut found = Vec::new();
    let mut next = of.stretch(0);
    while let Some(stretch) = next {
        let end = usize::from(stretch.end).min(layers);
        found.resize(end, stretch.owner);
        next = of.stretch(stretch.end);
    }
    assert_eq!(found.len(), layers);
    found
}

fn address(six: bool, number: u16) -> IpAddr {
    let [high, low] = number.to_be_bytes();
    if six { IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 1, number]) } else { IpAddr::from([10, 0, high, low]) }
}

#[derive(Clone, Copy, Debug)]
struct Flow {
    ends: [IpAddr; 2],
    ports: [u16; 2],
    tcp: bool,
}

impl Flow {
    fn back(self) -> Self {
        let ([a, b], [p, q]) = (self.ends, self.ports);
        Self { ends: [b, a], ports: [q, p], ..self }
    }

    fn packet(self) -> Vec<u8> {
        let ([src, dst], [from, to]) = (self.ends, self.ports);
        if self.tcp {
            Ip::between(src, dst).packet(ip::TCP, &Tcp::new(from, to, 0x10).bytes(src, dst, b"payload"))
        } else {
            Ip::between(src, dst).packet(ip::UDP, &udp::datagram(src, dst, from, to, b"payload"))
        }
    }
}

fn flow() -> impl Strategy<Value = Flow> {
    (any::<bool>(), any::<[u16; 2]>(), 1..=u16::MAX, 1..=u16::MAX, any::<bool>()).prop_map(
        |(six, [a, b], from, to, tcp)| {
            // Ports of tunnels would make a payload a packet.
            let port = |port: u16| if [53, 3544, 4789, 6081, 2152].contains(&port) { 9 } else { port };
            Flow { ends: [address(six, a), address(six, b)], ports: [port(from), port(to)], tcp }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_ways_of_a_flow_and_errors_about_it_belong_to_one_worker(
        flow in flow(), workers in 1..9_usize, elsewhere in any::<u16>(),
    ) {
        let owner = owners(&flow.packet(), workers);
        prop_assert_eq!(owner.len(), 1);
        prop_assert!(usize::from(owner[0]) < workers);
        prop_assert_eq!(&owner, &owners(&flow.back().packet(), workers));
        // By the receiver or by somebody between, about either way.
        for about in [flow, flow.back()] {
            let six = about.ends[0].is_ipv6();
            for sender in [about.ends[1], address(six, elsewhere)] {
                let to = about.ends[0];
                let kind = if six { 1 } else { 3 };
                let message = icmp::message(sender, to, kind, 0, [0; 4], &about.packet());
                let error = Ip::between(sender, to).packet(icmp::protocol(to), &message);
                prop_assert_eq!(&owner, &owners(&error, workers));
            }
        }
    }

    #[test]
    fn all_fragments_of_a_datagram_belong_to_one_worker(
        flow in flow(), id in any::<u16>(), length in 17..600_usize, workers in 1..9_usize,
    ) {
        let [src, dst] = flow.ends;
        let datagram = udp::datagram(src, dst, flow.ports[0], flow.ports[1], &vec![0; length]);
        let pieces = Ip { id: id.into(), ..Ip::between(src, dst) }.fragments(ip::UDP, &datagram, 16);
        let owners: BTreeSet<_> = pieces.iter().map(|piece| owners(piece, workers)).collect();
        prop_assert_eq!(owners.len(), 1);
    }

    #[test]
    fn what_lies_in_a_tunnel_belongs_to_one_worker_both_ways(
        inner in flow(), gateways in any::<[u16; 2]>(), kind in 0..3_u8, workers in 1..9_usize,
    ) {
        let kind = [Kind::Vxlan(5), Kind::Gre, Kind::IpInIp][usize::from(kind)];
        let tunnel = Tunnel { kind, gateways: gateways.map(|number| address(false, number)) };
        let ether_type = if inner.ends[0].is_ipv4() { 0x0800 } else { 0x86dd };
        let (_, there) = tunnel.wrap(true, [[2; 6], [4; 6]], ether_type, &inner.packet());
        let (_, again) = tunnel.wrap(true, [[2; 6], [4; 6]], ether_type, &inner.packet());
        let (_, back) = tunnel.wrap(false, [[2; 6], [4; 6]], ether_type, &inner.back().packet());
        let [there, again, back] = [there, again, back].map(|packet| owners(&packet, workers));
        prop_assert_eq!(there.len(), 2);
        prop_assert_eq!(&there, &again);
        prop_assert_eq!(there[1], back[1]);
    }

    #[test]
    fn what_workers_tell_comes_out_sorted_and_nothing_too_early(
        // For each record: its worker, and how much is told of it.
        records in vec((0..4_usize, 0..3_u8), 1..60),
        // What goes on next: the reader, a worker, or the control core.
        turns in vec(0..6_usize, 0..400),
    ) {
        let order = Order::new(4);
        let rings: Vec<Arc<Ring>> = (0..4).map(|_| Arc::default()).collect();
        let seats: Vec<Seat> = (0..4).map(|worker| Seat::new(Arc::clone(&order), worker)).collect();
        let mut merged = InOrder::new(rings.clone(), Some(Arc::clone(&order)));
        let mut inboxes = vec![std::collections::VecDeque::new(); 4];
        let mut handed = records.iter().zip(1_u64..);
        let mut told: Vec<Position> = Vec::new();
        let next = |merged: &mut InOrder<Arc<Ring>, Position>| {
            merged.next(|ring| ring.pop(), |position| *position).map(|(_, position)| position)
        };
        for turn in turns {
            match turn {
                0 => if let Some((&(worker, events), record)) = handed.next() {
                    inboxes[worker].push_back((record, events));
                    order.dispatch(record);
                },
                5 => told.extend(next(&mut merged)),
                worker => work(&seats[worker - 1], &mut inboxes[worker - 1], &rings[worker - 1]),
            }
        }
        for (&(worker, events), record) in handed {
            inboxes[worker].push_back((record, events));
            order.dispatch(record);
        }
        for worker in 0..4 {
            while !inboxes[worker].is_empty() {
                work(&seats[worker], &mut inboxes[worker], &rings[worker]);
            }
            work(&seats[worker], &mut inboxes[worker], &rings[worker]);
        }
        // All stand behind the last record: everything comes out without being told that it is over.
        while let Some(position) = next(&mut merged) {
            told.push(position);
        }
        let mut expected: Vec<Position> = Vec::new();
        for (&(_, events), record) in records.iter().zip(1..) {
            expected.extend((0..events).map(|layer| Position::layer(record, layer)));
        }
        prop_assert_eq!(told, expected);
        prop_assert!(merged.holds_nothing());
    }
}

/// One round of a worker's loop.
fn work(seat: &Seat, inbox: &mut std::collections::VecDeque<(u64, u8)>, ring: &Ring) {
    let dispatched = seat.dispatched();
    match inbox.pop_front() {
        Some((record, events)) => {
            seat.stand_at(record);
            (0..events).for_each(|layer| ring.push(Position::layer(record, layer)));
        }
        None => seat.stand_at(dispatched + 1),
    }
}

/// A queue for one thread.
mod ring {
    use sluice_core::Position;
    use std::{cell::RefCell, collections::VecDeque};

    #[derive(Default)]
    pub struct Ring(RefCell<VecDeque<Position>>);

    impl Ring {
        pub fn push(&self, position: Position) {
            self.0.borrow_mut().push_back(position);
        }

        pub fn pop(&self) -> Option<Position> {
            self.0.borrow_mut().pop_front()
        }
    }
}

#[test]
fn flows_spread_evenly_over_workers() {
    for workers in [2_usize, 3, 4, 8] {
        let mut flows = vec![0_u32; workers];
        let mut seen = BTreeSet::new();
        for number in 0..4_000_u16 {
            let flow = Flow {
                ends: [address(false, number % 50), address(false, 7)],
                ports: [number + 1_024, 443],
                tcp: true,
            };
            let owner = owners(&flow.packet(), workers)[0];
            seen.insert(owner);
            flows[usize::from(owner)] += 1;
        }
        let (least, most) = (flows.iter().min().unwrap(), flows.iter().max().unwrap());
        assert!(seen.len() == workers && most * 3 < least * 4, "{flows:?}");
    }
}
