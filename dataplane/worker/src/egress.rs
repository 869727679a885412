//! Where packets go.

use crossbeam::queue::ArrayQueue;
use sluice_core::{Cause, Ledger};
use sluice_dpdk::{Burst, Mbuf, TxQueue};
use std::sync::Arc;

/// The way out of a worker.
pub enum Egress {
    /// Nowhere: passive. The packets go back to their pool.
    Consume,
    /// A queue of a port.
    Port(TxQueue),
    /// To the control core, which writes them to a capture. A capture has time: the worker waits when the queue is full.
    Capture(Arc<ArrayQueue<Mbuf>>),
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
                    let mut waiting = packet;
                    while let Err(back) = queue.push(waiting) {
                        waiting = back;
                        std::thread::yield_now();
                    }
                }
                ledger.tx += count;
            }
        }
        burst.free_all();
    }
}
