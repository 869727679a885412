//! What workers tell, in the order of their packets, to the sinks; what they forward, in the same order, to the capture of forwarded packets.
//!
//! Called by the control core again and again while workers run. With several workers an event is written once nobody can tell of an earlier packet any
//! more. Flows that the clock ended before one and the same packet are sorted by their beginning, because the order in which tables end them is no one's promise.

use crate::forwarded::ForwardedWriter;
use crossbeam::queue::ArrayQueue;
use sluice_core::{
    Nanos, Position,
    event::{EventBody, EventSlot, FlowEnd, FlowFacts, Spoken},
    order::{InOrder, Order},
    ring::EventReceiver,
};
use sluice_events::Sinks;
use sluice_worker::Sent;
use std::sync::Arc;

/// Something the clock brought about: the end of a flow, and before it what was left to tell of the flow.
struct Kept {
    start: Nanos,
    id: u64,
    /// The worker's own count: what is told of one flow stays in order.
    sequence: u64,
    what: What,
}

enum What {
    /// By far the most: flows without marks.
    Ended(FlowFacts, FlowEnd, Spoken),
    Other(Box<EventSlot>),
}

/// Both streams.
pub struct Drain {
    events: InOrder<EventReceiver, Box<EventSlot>>,
    sent: InOrder<Arc<ArrayQueue<Sent>>, Sent>,
    /// What one tick of the clock brought about, kept until all of it is here.
    ended: Vec<Kept>,
    ended_at: Position,
    /// Carries a kept flow to the sinks.
    carrier: EventSlot,
}

impl Drain {
    /// Drains these rings, one of each kind for each worker of `order`.
    pub fn new(events: Vec<EventReceiver>, sent: Vec<Arc<ArrayQueue<Sent>>>, order: Option<Arc<Order>>) -> Self {
        Self {
            events: InOrder::new(events, order.clone()),
            sent: InOrder::new(sent, order),
            ended: Vec::new(),
            ended_at: Position::default(),
            carrier: EventSlot::default(),
        }
    }

    /// Writes everything whose turn has come; whether there was something.
    pub fn step(&mut self, sinks: &mut Sinks, writer: Option<&mut ForwardedWriter>) -> bool {
        let mut any = false;
        while let Some((ring, slot)) = self.events.next(EventReceiver::take, |slot| slot.position) {
            any = true;
            let by_clock = slot.position.is_clock() && slot.position != Position::default();
            let kept = if by_clock { keep(&slot) } else { None };
            if slot.position != self.ended_at || kept.is_none() {
                write_ended(&mut self.ended, &mut self.carrier, sinks);
                self.ended_at = slot.position;
            }
            match kept {
                Some(kept) => self.ended.push(kept),
                None => sinks.event(&slot),
            }
            ring.give_back(slot);
        }
        if let Some(writer) = writer {
            while let Some((_, sent)) = self.sent.next(|queue| queue.pop(), |sent| sent.position) {
                writer.packet(&sent);
                any = true;
            }
        }
        any
    }

    /// Whether everything that was taken from the workers is written.
    pub fn holds_nothing(&self) -> bool {
        self.ended.is_empty() && self.events.holds_nothing()
    }

    /// All workers are done: writes the rest.
    pub fn finish(mut self, sinks: &mut Sinks, mut writer: Option<&mut ForwardedWriter>) {
        self.events.finish();
        self.sent.finish();
        while self.step(sinks, writer.as_deref_mut()) {}
        write_ended(&mut self.ended, &mut self.carrier, sinks);
    }
}

fn keep(slot: &EventSlot) -> Option<Kept> {
    let (flow, what) = match &slot.body {
        EventBody::Flow { flow, end, spoken, remarks: (_, 0) } => (flow, What::Ended(*flow, *end, *spoken)),
        EventBody::Alert { flow: Some((flow, _)), .. }
        | EventBody::Flow { flow, .. }
        | EventBody::Application { flow, .. }
        | EventBody::File { flow, .. } => (flow, What::Other(Box::new(slot.clone()))),
        _ => return None,
    };
    Some(Kept { start: flow.start, id: flow.id, sequence: slot.sequence, what })
}

fn write_ended(ended: &mut Vec<Kept>, carrier: &mut EventSlot, sinks: &mut Sinks) {
    ended.sort_by_key(|kept| (kept.start, kept.id, kept.sequence));
    for kept in ended.drain(..) {
        match kept.what {
            What::Ended(flow, end, spoken) => {
                carrier.body = EventBody::Flow { flow, end, spoken, remarks: (0, 0) };
                sinks.event(carrier);
            }
            What::Other(slot) => sinks.event(&slot),
        }
    }
}
