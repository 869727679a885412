//! Which worker a layer of a packet belongs to.
//!
//! The worker that has a flow in its table is the only one that may judge packets of that flow. Asked by the reader of a replay for each layer of each
//! record, and by live workers for packets that a card's hashing brought to the wrong one: fragments, payloads of tunnels, ICMP errors.

use crate::flows::{self, Keyed};
use sluice_core::HashKey;
use sluice_flow::Partitions;
use sluice_packet::{Decoded, Headers, MAX_LAYERS, defrag::owner_hash};

/// Spreads flows over workers.
#[derive(Clone, Copy, Debug)]
pub struct Owners {
    hash: HashKey,
    /// In replay: each of these is one worker's as a whole. Live none.
    partitions: Option<Partitions>,
    workers: usize,
    vlan_tracking: bool,
}

/// The owners of the layers of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerOwners {
    owners: [u16; MAX_LAYERS],
    layers: u8,
}

/// A run of neighbouring layers of one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The owner.
    pub owner: u16,
    /// Its first layer.
    pub first: u8,
    /// The layer behind its last.
    pub end: u8,
}

impl Owners {
    /// Owners among `workers` workers whose tables hash with `hash` and, in replay, have `partitions`.
    pub fn new(hash: HashKey, partitions: Option<Partitions>, workers: usize, vlan_tracking: bool) -> Self {
        Self { hash, partitions, workers: workers.clamp(1, usize::from(u16::MAX)), vlan_tracking }
    }

    /// The secret of the tables.
    pub const fn secret(&self) -> HashKey {
        self.hash
    }

    /// The owner of flows whose key has this hash.
    #[inline]
    pub fn of_hash(&self, hash: u64) -> u16 {
        match self.partitions {
            Some(partitions) => (partitions.of(hash) % self.workers) as u16,
            // From the low half: the high one says where in its table a worker looks, and each shall use all of that.
            None => (((hash & 0xffff_ffff) * self.workers as u64) >> 32) as u16,
        }
    }

    /// The owner of a layer, if it has a flow or something that holds it together: the fragments of a datagram go together. The datagram itself goes with its flow, once it is whole.
    fn of_layer(&self, headers: &Headers, frame: &[u8], depth: u8) -> Option<u16> {
        if headers.fragment.is_fragment {
            return Some(self.of_hash(owner_hash(headers, depth, self.vlan_tracking, &self.hash)));
        }
        let hash = |key: &sluice_core::FlowKey| key.hash(&self.hash);
        let keyed: Option<Keyed> = if flows::is_icmp_error(headers) {
            flows::key_of_quoted(headers, frame, depth, self.vlan_tracking, hash)
        } else {
            flows::key_of(headers, depth, self.vlan_tracking, hash)
        };
        keyed.map(|keyed| self.of_hash(keyed.hash))
    }

    /// The owners of all layers of a packet. A layer of no flow goes along with the one inside it, else with the one around it.
    pub fn of(&self, decoded: &Decoded, frame: &[u8]) -> LayerOwners {
        let layers = decoded.layers();
        let mut owners = [0; MAX_LAYERS];
        let mut inner = None;
        for (depth, (place, headers)) in owners.iter_mut().zip(layers).enumerate().rev() {
            inner = self.of_layer(headers, frame, depth as u8).or(inner);
            *place = inner.unwrap_or(u16::MAX);
        }
        let mut around = 0;
        for place in owners.iter_mut().take(layers.len()) {
            if *place == u16::MAX {
                *place = around;
            }
            around = *place;
        }
        LayerOwners { owners, layers: layers.len() as u8 }
    }
}

impl LayerOwners {
    /// The outermost layer is `worker`'s: the device has brought it there, with all of its flow.
    pub fn claim_outermost(&mut self, worker: u16) {
        let [outermost, ..] = &mut self.owners;
        *outermost = worker;
    }

    /// The run of layers of one owner that begins with layer `first`; none behind the last layer. The last run is open: its end is beyond all layers.
    pub fn stretch(&self, first: u8) -> Option<Stretch> {
        let mut rest = self.owners.iter().take(usize::from(self.layers)).skip(usize::from(first));
        let &owner = rest.next()?;
        let more = rest.take_while(|&&other| other == owner).count() as u8;
        let end = first.saturating_add(1).saturating_add(more);
        Some(Stretch { owner, first, end: if end >= self.layers { u8::MAX } else { end } })
    }
}

#[cfg(test)]
mod tests {
    use super::{LayerOwners, Owners, Stretch};
    use sluice_core::HashKey;
    use sluice_flow::Partitions;

    #[test]
    fn live_owners_leave_the_half_of_the_hash_alone_that_finds_a_place_in_the_table() {
        let owners = Owners::new(HashKey::fixed(), None, 3, true);
        let mut had = [0_u32; 3];
        for low in 0..3_000_u64 {
            let low = low.wrapping_mul(0x9e37_79b9) & 0xffff_ffff;
            let owner = owners.of_hash(low);
            assert!([1, 0x8000_0000, 0xffff_ffff].iter().all(|high| owners.of_hash(high << 32 | low) == owner));
            had[usize::from(owner)] += 1;
        }
        assert!(had.iter().all(|had| (900..=1_100).contains(had)), "{had:?}");
        let partitions = Partitions::for_capacity(65_536);
        let owners = Owners::new(HashKey::fixed(), Some(partitions), 3, true);
        assert!((0..256).all(|top| usize::from(owners.of_hash(top << 56 | 77)) == partitions.of(top << 56) % 3));
    }

    #[test]
    fn neighbouring_layers_of_one_owner_stay_together_and_the_last_run_is_open() {
        let owners = LayerOwners { owners: [3, 3, 1, 0], layers: 3 };
        assert_eq!(owners.stretch(0), Some(Stretch { owner: 3, first: 0, end: 2 }));
        assert_eq!(owners.stretch(2), Some(Stretch { owner: 1, first: 2, end: u8::MAX }));
        assert_eq!(owners.stretch(3), None);
    }
}
