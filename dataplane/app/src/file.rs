//! A file as records tell of it: an entry among the fields of its transaction.
//!
//! Written by `sluice-worker` when it tells of a transaction, read by `sluice-events`.

use crate::room::{Body, FileEnd};

/// What is known of a file besides its name and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Number in its flow, from 1.
    pub number: u32,
    /// Bytes that came.
    pub size: u64,
    /// How it ended.
    pub end: FileEnd,
    /// Bytes are missing.
    pub has_gaps: bool,
}

/// Bytes of the facts in front of the name.
pub const FACTS: usize = 14;

impl FileFacts {
    /// Those of `body`.
    pub const fn of(body: &Body) -> Self {
        Self { number: body.file_number, size: body.total, end: body.end, has_gaps: body.has_gaps }
    }

    /// As an entry has them, in front of the name.
    pub fn to_bytes(self) -> [u8; FACTS] {
        let mut bytes = [0; FACTS];
        let parts = self
            .number
            .to_le_bytes()
            .into_iter()
            .chain(self.size.to_le_bytes())
            .chain([self.end as u8, u8::from(self.has_gaps)]);
        bytes.iter_mut().zip(parts).for_each(|(place, byte)| *place = byte);
        bytes
    }

    /// The facts and the name in an entry.
    pub fn from_bytes(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&[a, b, c, d, e, f, g, h, i, j, k, l, end, gaps], name) = bytes.split_first_chunk::<FACTS>()?;
        let end = match end {
            0 => FileEnd::Open,
            1 => FileEnd::Closed,
            _ => FileEnd::Truncated,
        };
        let number = u32::from_le_bytes([a, b, c, d]);
        Some((Self { number, size: u64::from_le_bytes([e, f, g, h, i, j, k, l]), end, has_gaps: gaps != 0 }, name))
    }
}

#[cfg(test)]
mod tests {
    use super::{FileEnd, FileFacts};

    #[test]
    fn facts_travel_in_front_of_the_name() {
        for end in [FileEnd::Open, FileEnd::Closed, FileEnd::Truncated] {
            let facts = FileFacts { number: 7, size: 1 << 40, end, has_gaps: true };
            let bytes = [&facts.to_bytes()[..], b"a.exe"].concat();
            assert_eq!(FileFacts::from_bytes(&bytes), Some((facts, &b"a.exe"[..])));
        }
        assert_eq!(FileFacts::from_bytes(b"short"), None);
    }
}
