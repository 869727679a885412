//! Where packets go.

use crossbeam::queue::ArrayQueue;
use sluice_core::{Cause, Ledger, Nanos, Position};
use sluice_dpdk::{Burst, Mbuf, TxQueue};
use std::sync::Arc;

/// The way out of a worker.
pub enum Egress {
    /// Nowhere: passive. The packets go back to their pool.
    Consume,
    /// A queue of a port.
    Port(TxQueue),
    /// To the control core, which writes them to a capture. A capture has time: the worker waits when the queue is full.
    Capture(Arc<ArrayQueue<Sent>>),
}

/// A packet on its way out.
#[derive(Debug)]
pub struct Sent {
    /// The packet.
    pub packet: Mbuf,
    /// Its time.
    pub time: Nanos,
    /// Where in the run it was sent.
    pub position: Position,
    /// Its link type, as captures number it.
    pub link: u16,
}

impl Egress {
    /// Whether packets have to be sent one by one, each with its place in the run.
    pub const fn wants_order(&self) -> bool {
        matches!(self, Self::Capture(_))
    }

    /// Sends what is in `burst` and empties it, counting every packet. Not for captures: see [`Egress::wants_order`].
    pub fn send(&mut self, burst: &mut Burst, ledger: &mut Ledger) {
        let count = burst.len() as u64;
        match self {
            Self::Consume => ledger.consumed += count,
            Self::Port(queue) => {
                queue.transmit(burst);
                let left = burst.len() as u64;
                ledger.tx += count - left;
                for _ in 0..left {
                    ledger.drop_packet(Cause::TransmitFull);
                }
            }
            Self::Capture(_) => {
                for _ in 0..count {
                    ledger.drop_packet(Cause::TransmitFull);
                }
            }
        }
        burst.free_all();
    }

    /// Sends one packet and counts it.
    pub fn send_one(&mut self, sent: Sent, ledger: &mut Ledger) {
        match self {
            Self::Consume => ledger.consumed += 1,
            Self::Port(queue) => {
                let mut burst = Burst::new();
                // An empty burst has room for one.
                drop(burst.push(sent.packet));
                match queue.transmit(&mut burst) {
                    0 => ledger.drop_packet(Cause::TransmitFull),
                    _ => ledger.tx += 1,
                }
            }
            Self::Capture(queue) => {
                wait_to_push(queue, sent);
                ledger.tx += 1;
            }
        }
    }
}

fn wait_to_push(queue: &ArrayQueue<Sent>, sent: Sent) {
    let mut waiting = sent;
    while let Err(back) = queue.push(waiting) {
        waiting = back;
        std::thread::yield_now();
    }
}
