//! Captures: records merged by time, written as classic pcap.
//!
//! Source: draft-ietf-opsawg-pcap (the file format libpcap writes).

use super::link::Link;

/// One packet and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Nanoseconds since 1970.
    pub time: u64,
    /// The bytes, from the link layer on.
    pub bytes: Vec<u8>,
}

/// How fine the times in a file are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resolution {
    /// Microseconds.
    #[default]
    Micro,
    /// Nanoseconds.
    Nano,
}

/// A capture.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    /// Link type of all records.
    pub link: Link,
    /// How fine times are written.
    pub resolution: Resolution,
    records: Vec<Record>,
}

impl Capture {
    /// An empty capture.
    pub const fn new(link: Link) -> Self {
        Self { link, resolution: Resolution::Micro, records: Vec::new() }
    }

    /// A capture of one conversation or more, on Ethernet.
    pub fn of(records: impl IntoIterator<Item = Record>) -> Self {
        let mut capture = Self::new(Link::Ethernet);
        capture.add(records);
        capture
    }

    /// Adds a conversation.
    pub fn add(&mut self, records: impl IntoIterator<Item = Record>) {
        self.records.extend(records);
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The file: records by time, and as they were added where times are equal.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (magic, unit): (u32, u64) = match self.resolution {
            Resolution::Micro => (0xa1b2_c3d4, 1_000),
            Resolution::Nano => (0xa1b2_3c4d, 1),
        };
        let mut file = Vec::new();
        for word in [magic, 0x0004_0002, 0, 0, 262_144, self.link.number()] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        let mut records: Vec<&Record> = self.records.iter().collect();
        records.sort_by_key(|record| record.time);
        for record in records {
            let length = record.bytes.len() as u32;
            let (seconds, rest) = (record.time / 1_000_000_000, record.time % 1_000_000_000);
            for word in [seconds as u32, (rest / unit) as u32, length, length] {
                file.extend_from_slice(&word.to_le_bytes());
            }
            file.extend_from_slice(&record.bytes);
        }
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(time: u64, byte: u8) -> Record {
        Record { time, bytes: vec![byte] }
    }

    #[test]
    fn conversations_are_merged_by_time() {
        let mut capture = Capture::of([record(3_000, 3), record(5_000, 5)]);
        capture.add([record(4_000, 4), record(5_000, 6)]);
        let file = capture.to_bytes();
        let order: Vec<u8> = file[24..].chunks(17).map(|record| record[16]).collect();
        assert_eq!(order, [3, 4, 5, 6]);
        assert_eq!(capture.len(), 4);
    }

    #[test]
    fn the_header_tells_resolution_and_link_type() {
        let mut capture = Capture::new(Link::Raw);
        capture.add([record(2_000_000_007, 0)]);
        let file = capture.to_bytes();
        assert_eq!((&file[..4], file[20]), (&[0xd4, 0xc3, 0xb2, 0xa1][..], 101));
        assert_eq!((file[24], file[28]), (2, 0));
        capture.resolution = Resolution::Nano;
        let file = capture.to_bytes();
        assert_eq!((&file[..4], file[28]), (&[0x4d, 0x3c, 0xb2, 0xa1][..], 7));
    }
}
