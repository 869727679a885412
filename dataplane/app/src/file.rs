//! A file as records tell of it: an entry among the fields of its transaction.
//!
//! Written by `sluice-worker` when it tells of a transaction, read by `sluice-events`.

use crate::{
    field::Field,
    room::{Body, FileEnd},
    view::TransactionView,
};
use sluice_core::Direction;

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
    /// It is stored, or will be when it is over.
    pub stored: bool,
}

/// Bytes of the facts in front of the name.
pub const FACTS: usize = 15;

impl FileFacts {
    /// Those of `body`, which is `stored` or not.
    pub const fn of(body: &Body, stored: bool) -> Self {
        Self { number: body.file_number, size: body.total, end: body.end, has_gaps: body.has_gaps, stored }
    }

    /// As an entry has them, in front of the name.
    pub fn to_bytes(self) -> [u8; FACTS] {
        let mut bytes = [0; FACTS];
        let parts = self.number.to_le_bytes().into_iter().chain(self.size.to_le_bytes()).chain([
            self.end as u8,
            u8::from(self.has_gaps),
            u8::from(self.stored),
        ]);
        bytes.iter_mut().zip(parts).for_each(|(place, byte)| *place = byte);
        bytes
    }

    /// The facts and the name in an entry.
    pub fn from_bytes(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&[a, b, c, d, e, f, g, h, i, j, k, l, end, gaps, stored], name) = bytes.split_first_chunk::<FACTS>()?;
        let end = match end {
            0 => FileEnd::Open,
            1 => FileEnd::Closed,
            _ => FileEnd::Truncated,
        };
        let number = u32::from_le_bytes([a, b, c, d]);
        let size = u64::from_le_bytes([e, f, g, h, i, j, k, l]);
        Some((Self { number, size, end, has_gaps: gaps != 0, stored: stored != 0 }, name))
    }
}

/// What rules ask of the files of a direction: it holds when it holds for one of them.
// GAP(one-file): several such keywords of a rule may be met by different files of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileTest {
    /// `filestore`: there is a file. It is stored when the rule matches.
    Any,
    /// `filename`: the name has these bytes in it, whatever the case of its letters, or has not.
    Name {
        /// The bytes, in lower case.
        bytes: Box<[u8]>,
        /// It has not.
        negated: bool,
    },
    /// `fileext`: the name ends so, behind a dot, or does not.
    Extension {
        /// What stands behind the dot, in lower case.
        bytes: Box<[u8]>,
        /// It does not.
        negated: bool,
    },
    /// `filemd5`, `filesha1`, `filesha256`: the digest is in the list, or is not.
    Digest {
        /// Which digest.
        field: Field,
        /// The list, sorted.
        list: Box<[Box<[u8]>]>,
        /// It is not.
        negated: bool,
    },
    /// `filesize`: the file is over, and has so many bytes, or has not.
    Size {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
        /// It has fewer or more.
        negated: bool,
        /// The direction of the file, where the rule looks at both.
        side: Option<Direction>,
    },
}

impl FileTest {
    /// The field it asks for.
    pub const fn field(&self) -> Field {
        match self {
            Self::Digest { field, .. } => *field,
            _ => Field::FileName,
        }
    }

    /// The answer.
    pub fn holds(&self, view: &TransactionView) -> bool {
        let turned = match self {
            Self::Size { side: Some(side), .. } if *side != view.direction => view.towards(*side),
            _ => None,
        };
        let view = turned.as_ref().unwrap_or(view);
        if let Self::Digest { field, list, negated } = self {
            return view.any_piece(*field, |entry| {
                let digest = entry.get(4..).unwrap_or_default();
                list.binary_search_by(|listed| (**listed).cmp(digest)).is_ok() != *negated
            });
        }
        view.bodies().filter(|(body, _)| body.is_file).any(|(body, _)| {
            let name = view.name_of(body);
            match self {
                Self::Any => true,
                Self::Digest { .. } => false,
                Self::Name { bytes, negated } => {
                    let has =
                        bytes.is_empty() || name.windows(bytes.len()).any(|part| part.eq_ignore_ascii_case(bytes));
                    !name.is_empty() && has != *negated
                }
                Self::Extension { bytes, negated } => {
                    let ends = name
                        .len()
                        .checked_sub(bytes.len() + 1)
                        .and_then(|at| name.get(at..))
                        .and_then(<[u8]>::split_first)
                        .is_some_and(|(dot, end)| *dot == b'.' && end.eq_ignore_ascii_case(bytes));
                    !name.is_empty() && ends != *negated
                }
                Self::Size { least, most, negated, .. } => {
                    !matches!(body.end, FileEnd::Open) && (*least..=*most).contains(&body.total) != *negated
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{FileEnd, FileFacts};

    #[test]
    fn facts_travel_in_front_of_the_name() {
        for end in [FileEnd::Open, FileEnd::Closed, FileEnd::Truncated] {
            let facts = FileFacts { number: 7, size: 1 << 40, end, has_gaps: true, stored: true };
            let bytes = [&facts.to_bytes()[..], b"a.exe"].concat();
            assert_eq!(FileFacts::from_bytes(&bytes), Some((facts, &b"a.exe"[..])));
        }
        assert_eq!(FileFacts::from_bytes(b"short"), None);
    }
}
