//! The timer wheel: when each flow is next looked at.
//!
//! Used by [`crate::FlowTable`]. One place for each second; each flow stands in one of them, linked through the flows themselves. A flow that was
//! touched since is put further on when its place comes round, so packets never touch the wheel.

use crate::{flow::Flow, shares::NOBODY};

/// Places.
pub(crate) const WHEEL: usize = 1024;

/// The wheel.
pub(crate) struct Wheel {
    heads: Box<[u32]>,
    /// The second up to which it has been turned; 0 before the first flow.
    pub turned_to: u64,
}

impl Wheel {
    /// An empty wheel.
    pub fn new() -> Self {
        Self { heads: vec![NOBODY; WHEEL].into_boxed_slice(), turned_to: 0 }
    }

    /// Nothing stands in it any more.
    pub fn reset(&mut self) {
        self.heads.fill(NOBODY);
        self.turned_to = 0;
    }

    /// The flow that stands first in the place of `second`.
    pub fn first(&self, second: u64) -> u32 {
        self.heads.get(second as usize % WHEEL).copied().unwrap_or(NOBODY)
    }

    /// Puts `slot`, which stands nowhere, into the place of `second`, or the nearest there is.
    pub fn schedule(&mut self, flows: &mut [Flow], slot: u32, second: u64) {
        // Never into the place being emptied: it would be met again at once.
        let second = second.clamp(self.turned_to + 1, self.turned_to + WHEEL as u64 - 1);
        let place = second as usize % WHEEL;
        let Some(head) = self.heads.get_mut(place) else { return };
        let next = std::mem::replace(head, slot);
        if let Some(flow) = flows.get_mut(next as usize) {
            flow.wheel_previous = slot;
        }
        if let Some(flow) = flows.get_mut(slot as usize) {
            flow.wheel_next = next;
            flow.wheel_previous = NOBODY;
            flow.wheel_place = place as u16;
        }
    }

    /// Takes `slot` out of its place.
    pub fn unschedule(&mut self, flows: &mut [Flow], slot: u32) {
        let Some(flow) = flows.get(slot as usize) else { return };
        let (next, previous, place) = (flow.wheel_next, flow.wheel_previous, flow.wheel_place);
        match flows.get_mut(previous as usize) {
            Some(previous) => previous.wheel_next = next,
            None => {
                if let Some(head) = self.heads.get_mut(usize::from(place)) {
                    *head = next;
                }
            }
        }
        if let Some(next) = flows.get_mut(next as usize) {
            next.wheel_previous = previous;
        }
    }
}
