//! What gives the records of a capture: the file itself, or a device that reads it.
//!
//! Polled by [`crate::poll`] with one worker and by [`crate::reader`] with several. A file gives each record once and whole, with its time, and waits for free buffers. A device loses records for which it finds no buffer,
//! and tells of no end: who asks it knows how many there are.

use crate::frames::LONGEST_FRAME;
use sluice_capture::Records;
use sluice_dpdk::{Burst, Mbuf, Mempool, PoolEmpty, RxQueue};

/// Where records come from.
pub enum Feed {
    /// DPDK's capture device.
    Device(RxQueue),
    /// The file.
    File(Box<FileFeed>),
}

impl Feed {
    /// Puts the next records into the free places of `burst` and tells how many. 0: none now, or the end.
    ///
    /// # Cost
    /// Some 250 instructions a record from a file, a copy of it included, and 720 from a device.
    #[inline]
    pub fn receive(&mut self, burst: &mut Burst) -> usize {
        match self {
            Self::Device(queue) => queue.receive(burst),
            Self::File(file) => file.receive(burst),
        }
    }
}

/// A capture file, and buffers for its records.
pub struct FileFeed {
    records: Records,
    pool: Mempool,
    /// Empty packets.
    blank: Burst,
    data_room: usize,
}

impl FileFeed {
    /// The records from where `records` stands on, in packets of `pool`.
    pub fn new(records: Records, pool: Mempool) -> Self {
        let data_room = usize::from(pool.data_room());
        Self { records, pool, blank: Burst::new(), data_room }
    }

    /// As [`Feed::receive`]. Damage is the end: who scanned the file before knows where it is.
    fn receive(&mut self, burst: &mut Burst) -> usize {
        let before = burst.len();
        let Self { records, pool, blank, data_room } = self;
        while !burst.is_full()
            && let Ok(Some(record)) = records.peek()
        {
            let packet = match record.bytes.len() <= *data_room {
                true => short(record.bytes, pool, blank),
                // What is too long to be looked at is told by its length: one byte more does.
                false => pool.packet(record.bytes.get(..=LONGEST_FRAME).unwrap_or(record.bytes)),
            };
            // Without buffers the record stays at hand.
            let Ok(mut packet) = packet else { break };
            packet.stamp_us(record.time_us);
            // There is room: the burst is not full.
            drop(burst.push(packet));
            records.pass();
        }
        burst.len() - before
    }
}

/// A packet of one segment.
#[inline]
fn short(bytes: &[u8], pool: &Mempool, blank: &mut Burst) -> Result<Mbuf, PoolEmpty> {
    if blank.is_empty() {
        pool.fill(blank)?;
    }
    let mut packet = blank.pop().ok_or(PoolEmpty)?;
    packet.append(bytes).map_err(|_| PoolEmpty)?;
    Ok(packet)
}
