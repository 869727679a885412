//! Where a body ends: by its length, by its chunks, or with the connection.
//!
//! Fed with the bytes behind the headers; gives those of the body to a sink as they come. A chunk size that is none ends the pretence of chunks: what follows is body as it is, as clients show it.
//!
//! Source: RFC 9112 sections 6 and 7.

use super::{
    head::Scan,
    text::{hex, is_blank, trim_start},
};

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    #[default]
    None,
    /// So many bytes are to come.
    Length(u64),
    /// A line with the size of a chunk is to come.
    ChunkSize,
    /// So many bytes of a chunk are to come.
    ChunkData(u64),
    /// All that comes.
    Close,
}

/// Longest line with the size of a chunk.
const LONGEST_SIZE_LINE: usize = 8 << 10;
/// Digits of the size of a chunk, leading zeros aside.
const MOST_DIGITS: usize = 8;

/// What is odd about chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkFaults {
    /// A size that is none.
    pub bad_size: bool,
    /// Something behind a `;`.
    pub extension: bool,
}

/// What became of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyStep {
    /// So many were read, and more may be.
    Used(usize),
    /// More are wanted to go on.
    More,
    /// So many were read; the body is over.
    Over(usize),
    /// So many were read; the body is over, and trailers follow.
    Trailer(usize),
}

impl Framing {
    /// Reads from `bytes`. `last`: no more come.
    pub fn step(
        &mut self,
        scan: &mut Scan,
        bytes: &[u8],
        last: bool,
        faults: &mut ChunkFaults,
        sink: &mut dyn FnMut(&[u8]),
    ) -> BodyStep {
        match self {
            Self::None => BodyStep::Over(0),
            Self::Close => {
                sink(bytes);
                BodyStep::Used(bytes.len())
            }
            Self::Length(left) => {
                let used = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                sink(bytes.get(..used).unwrap_or(bytes));
                *left -= used as u64;
                if *left == 0 { BodyStep::Over(used) } else { BodyStep::Used(used) }
            }
            Self::ChunkData(left) => {
                let used = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                sink(bytes.get(..used).unwrap_or(bytes));
                *left -= used as u64;
                if *left == 0 {
                    *self = Self::ChunkSize;
                    *scan = Scan::default();
                }
                BodyStep::Used(used)
            }
            Self::ChunkSize => {
                // What can't be a size is told from its first characters, without waiting for the line's end.
                let start = trim_start(bytes);
                let no_size = start.first().is_some_and(|byte| hex(*byte).is_none());
                let line = match scan.find_line(bytes) {
                    _ if no_size && !is_blank(bytes.split(|byte| *byte == b'\n').next().unwrap_or_default()) => None,
                    Some(end) => bytes.get(..end),
                    None if last => Some(bytes),
                    None if bytes.len() < LONGEST_SIZE_LINE => return BodyStep::More,
                    None => None,
                };
                *scan = Scan::default();
                let size = line.map(|line| (line.len(), size_of(line, &mut faults.extension)));
                match size {
                    Some((used, Size::Blank)) => BodyStep::Used(used),
                    Some((used, Size::Is(0))) => BodyStep::Trailer(used),
                    Some((used, Size::Is(size))) => {
                        *self = Self::ChunkData(size);
                        BodyStep::Used(used)
                    }
                    Some((_, Size::Bad)) | None => {
                        faults.bad_size = true;
                        *self = Self::Close;
                        BodyStep::Used(0)
                    }
                }
            }
        }
    }
}

enum Size {
    /// A line end left over from the chunk before.
    Blank,
    Is(u64),
    Bad,
}

/// The size in `line`. What stands behind the digits does not count.
fn size_of(line: &[u8], extension: &mut bool) -> Size {
    let line = trim_start(line);
    if line.is_empty() {
        return Size::Blank;
    }
    // Written as programs do.
    let line = match line {
        [b'0', b'x' | b'X', digit, ..] if hex(*digit).is_some() => line.get(2..).unwrap_or_default(),
        _ => line,
    };
    let digits = line.iter().position(|byte| hex(*byte).is_none()).unwrap_or(line.len());
    let (number, rest) = line.split_at_checked(digits).unwrap_or((line, b""));
    if number.is_empty() {
        return Size::Bad;
    }
    *extension |= rest.contains(&b';');
    let zeros = number.iter().position(|digit| *digit != b'0').unwrap_or(number.len());
    let number = number.get(zeros..).unwrap_or_default();
    if number.len() > MOST_DIGITS {
        return Size::Bad;
    }
    Size::Is(number.iter().fold(0, |size, digit| size << 4 | u64::from(hex(*digit).unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use super::{BodyStep, ChunkFaults, Framing};
    use crate::http::head::Scan;

    /// The body in `bytes`, what is left of them, and what was odd; fed in pieces of `size`.
    fn read(mut framing: Framing, bytes: &[u8], size: usize) -> (Vec<u8>, Vec<u8>, ChunkFaults) {
        let (mut scan, mut faults, mut body, mut waiting) = (Scan::default(), ChunkFaults::default(), vec![], vec![]);
        let mut pieces: Vec<&[u8]> = bytes.chunks(size).collect();
        pieces.push(b"");
        let last = pieces.len() - 1;
        let mut over = false;
        for (number, piece) in pieces.into_iter().enumerate() {
            waiting.extend_from_slice(piece);
            while !over && !waiting.is_empty() {
                let step =
                    framing.step(&mut scan, &waiting, number == last, &mut faults, &mut |bytes| body.extend(bytes));
                match step {
                    BodyStep::Used(used) => drop(waiting.drain(..used)),
                    BodyStep::More => break,
                    BodyStep::Over(used) | BodyStep::Trailer(used) => {
                        waiting.drain(..used);
                        over = true;
                    }
                }
            }
        }
        (body, waiting, faults)
    }

    fn chunks(bytes: &[u8]) -> (String, String, ChunkFaults) {
        let whole = read(Framing::ChunkSize, bytes, usize::MAX);
        for size in [1, 2, 5] {
            assert_eq!(read(Framing::ChunkSize, bytes, size), whole, "in pieces of {size}");
        }
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        (text(&whole.0), text(&whole.1), whole.2)
    }

    #[test]
    fn chunks_are_put_together_in_all_their_forms() {
        for bytes in [
            &b"5\r\nhello\r\n0\r\n"[..],
            b"5\nhello\n0\n",
            b"05\r\r\nhello\r\n00\n",
            b" \t5 x\r\nhello\r\n0",
            b"5,\r\nhello\r\n0\r\n",
            b"\r\n5\r\nhello\r\n\r\n0\r\n",
            b"\r5\r\nhello0\r\n",
            b"0x5\r\nhello\r\n0\r\n",
            b"000000000000005\r\nhello\r\n0\r\n",
            b"2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\n",
        ] {
            let (body, rest, faults) = chunks(bytes);
            assert_eq!((body.as_str(), rest.as_str()), ("hello", ""), "{}", bytes.escape_ascii());
            assert!(!faults.bad_size);
        }
    }

    #[test]
    fn what_is_no_chunk_is_body_as_it_is() {
        for bytes in [&b"X5O!P%@AP"[..], b"EICAR-test", b"hello\r\nyou", b"fffffffff\r\nhello"] {
            let (body, _, faults) = chunks(bytes);
            if bytes == b"EICAR-test" {
                // Its first letter is a digit: only the end of the line could tell, and none comes.
                continue;
            }
            assert_eq!(body, bytes.escape_ascii().to_string());
            assert!(faults.bad_size);
        }
    }

    #[test]
    fn a_length_is_not_exceeded() {
        let (body, rest, _) = read(Framing::Length(5), b"helloHTTP", 2);
        assert_eq!((body, rest), (b"hello".to_vec(), b"HTTP".to_vec()));
    }
}
