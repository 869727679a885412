//! Hardware addresses that the ends of flows were seen with, for the records of flows.
//!
//! Written by [`crate::in_table`] with each packet of a flow when records tell of hardware addresses, and read by [`crate::ending`] when the flow ends. Each flow has four places it may lie in; the flow
//! written longest ago goes. Addresses are told and decide about nothing, so a loss is not counted. What [`crate::glance`] lets by is not looked at.
//!
//! Source: the reference engine's manual, "Eve JSON Output: ethernet".

use sluice_core::HashKey;
use sluice_flow::Flow;

/// Addresses of one end that are kept.
const MOST: usize = 5;
/// Places of a set.
const WAYS: usize = 4;

type Mac = [u8; 6];

/// The addresses of the two ends of a flow, in the order of the flow's key. Two cache lines.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Pair {
    /// The flow's id, never 0; 0 for a free place.
    flow: u64,
    counts: [u8; 2],
    ends: [[Mac; MOST]; 2],
}

const FREE: Pair = Pair { flow: 0, counts: [0; 2], ends: [[[0; 6]; MOST]; 2] };

/// The addresses of a worker's flows. 128 bytes a flow, made at the start, and only when they are wanted.
pub(crate) struct Macs {
    sets: Box<[[Pair; WAYS]]>,
    hash: HashKey,
}

impl Macs {
    /// Room for the addresses of about so many flows.
    pub fn new(flows: usize, hash: HashKey) -> Self {
        Self { sets: vec![[FREE; WAYS]; flows.div_ceil(WAYS).max(1)].into_boxed_slice(), hash }
    }

    fn set(&self, flow: u64) -> usize {
        (self.hash.hash3(&[flow, 0, 0]) % self.sets.len().max(1) as u64) as usize
    }

    /// A packet of `flow` from one address to another; `swapped`: against the order of the flow's key.
    ///
    /// # Cost
    /// At most four places and ten addresses are looked at, when both are known the first place and one of each.
    pub fn see(&mut self, flow: u64, (source, destination): (Mac, Mac), swapped: bool) {
        let at = self.set(flow);
        let Some(set) = self.sets.get_mut(at) else { return };
        let place = set.iter().position(|pair| pair.flow == flow);
        if let Some(younger) = set.get_mut(..=place.unwrap_or(WAYS - 1)) {
            younger.rotate_right(1);
        }
        let [first, ..] = set;
        if place.is_none() {
            *first = Pair { flow, ..FREE };
        }
        let seen = if swapped { [destination, source] } else { [source, destination] };
        for ((end, count), mac) in first.ends.iter_mut().zip(&mut first.counts).zip(seen) {
            let known = end.get(..usize::from(*count)).unwrap_or_default();
            if !known.contains(&mac)
                && let Some(free) = end.get_mut(usize::from(*count))
            {
                *free = mac;
                *count += 1;
            }
        }
    }

    /// The addresses of the client and of the server of `flow`, in the order in which they came.
    pub fn of(&self, flow: &Flow) -> [&[Mac]; 2] {
        let set = self.sets.get(self.set(flow.id)).map_or(&[][..], |set| &set[..]);
        let Some(pair) = set.iter().find(|pair| pair.flow == flow.id) else { return [&[]; 2] };
        let [low_count, high_count] = pair.counts.map(usize::from);
        let [low, high] = &pair.ends;
        let ends = [low.get(..low_count).unwrap_or_default(), high.get(..high_count).unwrap_or_default()];
        if flow.opened_swapped { [ends[1], ends[0]] } else { ends }
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Macs};
    use sluice_core::HashKey;
    use sluice_flow::Flow;

    fn flow(id: u64, opened_swapped: bool) -> Flow {
        let mut flow = Flow::default();
        (flow.id, flow.opened_swapped) = (id, opened_swapped);
        flow
    }

    #[test]
    fn each_address_is_kept_once_with_its_end_whichever_way_packets_go() {
        let mut macs = Macs::new(64, HashKey::fixed());
        let [a, b, c] = [[1; 6], [2; 6], [3; 6]];
        macs.see(7, (a, b), true);
        macs.see(7, (b, a), false);
        macs.see(7, (c, a), false);
        assert_eq!(macs.of(&flow(7, true)), [&[a][..], &[b, c][..]]);
        assert_eq!(macs.of(&flow(7, false)), [&[b, c][..], &[a][..]], "who opened it is the client");
        assert_eq!(macs.of(&flow(8, false)).map(<[_]>::len), [0, 0]);
    }

    #[test]
    fn what_is_full_keeps_what_it_has_and_forgets_the_flow_seen_longest_ago() {
        let mut macs = Macs::new(4, HashKey::fixed());
        for last in 0..20 {
            macs.see(1, ([last; 6], [99; 6]), false);
        }
        assert_eq!(macs.of(&flow(1, false)).map(<[_]>::len), [MOST, 1]);
        for id in 2..=5 {
            macs.see(id, ([1; 6], [2; 6]), false);
        }
        assert_eq!([1, 2, 5].map(|id| macs.of(&flow(id, false))[1].len()), [0, 1, 1]);
    }
}
