//! Where packets go.

use crossbeam::queue::ArrayQueue;
use sluice_core::{Cause, Ledger, Nanos};
use sluice_dpdk::{Burst, Mbuf, TxQueue};
use std::sync::Arc;

/// The way out of a worker.
pub enum Egress {
    /// Nowhere: passive. The packets go back to their pool.
    Consume,
    /// A queue of a port.
    Port(TxQueue),
    /// To the control core, which writes them to a capture. A capture has time: the worker waits when the queue is full.
    Capture(Arc<ArrayQueue<Forwarded>>),
}

/// A packet on its way to the capture of forwarded packets.
#[derive(Debug)]
pub struct Forwarded {
    /// The packet.
    pub packet: Mbuf,
    /// Its time.
    pub time: Nanos,
}

impl Egress {
    /// Sends what is in `burst` and empties it, counting every packet.
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
            Self::Capture(queue) => {
                for packet in burst.drain() {
                    let time = Nanos::from_micros(packet.timestamp_us().unwrap_or(0));
                    wait_to_push(queue, Forwarded { packet, time });
                }
                ledger.tx += count;
            }
        }
        burst.free_all();
    }

    /// Sends one packet of our own making, counted as generated.
    pub fn send_generated(&mut self, packet: Mbuf, time: Nanos, ledger: &mut Ledger) {
        ledger.generated += 1;
        match self {
            Self::Consume => ledger.consumed += 1,
            Self::Port(queue) => {
                let mut burst = Burst::new();
                // An empty burst has room for one.
                drop(burst.push(packet));
                match queue.transmit(&mut burst) {
                    0 => ledger.drop_packet(Cause::TransmitFull),
                    _ => ledger.tx += 1,
                }
            }
            Self::Capture(queue) => {
                wait_to_push(queue, Forwarded { packet, time });
                ledger.tx += 1;
            }
        }
    }
}

fn wait_to_push(queue: &ArrayQueue<Forwarded>, forwarded: Forwarded) {
    let mut waiting = forwarded;
    while let Err(back) = queue.push(waiting) {
        waiting = back;
        std::thread::yield_now();
    }
}
