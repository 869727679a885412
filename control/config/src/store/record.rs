//! One commit as a file.
//!
//! The first line is a comment with number, time, who, and a check value over all that follows it and over itself; the rest is the configuration in Junos' notation. So the
//! file is a configuration to every reader, and a change by hand or a damaged disk is told from what was committed. The check value (FNV-1a, 64 bits) is no defence against
//! somebody who means to deceive: whoever can write here can commit.

use crate::tree::{Format, NoFiles, Problems, Tree, include::MOST_BYTES, read, write};
use std::fmt;

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number; each is one more than the last.
    pub number: u64,
    /// When, in seconds since 1970.
    pub time_s: u64,
    /// Until when it has to be confirmed, in seconds since 1970; none: it needs not be.
    pub confirm_by_s: Option<u64>,
    /// Who.
    pub by: String,
    /// What was said of it.
    pub note: String,
    /// What it holds.
    pub tree: Tree,
}

/// Most bytes of a file: the configuration as it is written, which quotes can make longer, and the first line.
pub const MOST_RECORD: usize = 2 * MOST_BYTES + 4_096;
/// Bytes kept of who and what was said.
const LONGEST: usize = 512;

/// Why a file is no commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// More bytes than any commit.
    TooLarge,
    /// The first line is not that of a commit.
    NoHeader,
    /// It was changed after it was written.
    Changed,
    /// It is what was written, and can't be read any more; the first problem.
    Unreadable(String),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("is larger than any commit"),
            Self::NoHeader => f.write_str("does not begin with the line of a commit"),
            Self::Changed => f.write_str("was changed after it was committed"),
            Self::Unreadable(why) => write!(f, "can't be read: {why}"),
        }
    }
}

fn fnv(parts: &[&[u8]]) -> u64 {
    parts
        .iter()
        .flat_map(|part| part.iter())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Text as one word without blanks: everything but letters, digits and a few signs as `%XX`.
fn word(text: &str) -> String {
    let mut kept = String::from("=");
    for byte in text.bytes().take(LONGEST) {
        if byte.is_ascii_alphanumeric() || b"-._@:/,".contains(&byte) {
            kept.push(char::from(byte));
        } else {
            kept.push_str(&format!("%{byte:02x}"));
        }
    }
    kept
}

fn text(word: &str) -> Option<String> {
    let mut rest = word.strip_prefix('=')?.bytes();
    let mut bytes = Vec::new();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    // A letter may have been cut at the bound.
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

impl Record {
    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let body = write(&self.tree, Format::Junos).text;
        let front = self.front(body.len());
        let check = fnv(&[front.as_bytes(), body.as_bytes()]);
        format!("{front} check {check:016x}\n{body}").into_bytes()
    }

    fn front(&self, bytes: usize) -> String {
        format!(
            "# sluice commit {} time {} confirm-by {} by {} note {} bytes {bytes}",
            self.number,
            self.time_s,
            self.confirm_by_s.unwrap_or(0),
            word(&self.by),
            word(&self.note)
        )
    }

    /// The commit of a file.
    ///
    /// # Errors
    /// [`Damage`]
    pub fn from_bytes(bytes: &[u8], file: &str) -> Result<Self, Damage> {
        if bytes.len() > MOST_RECORD {
            return Err(Damage::TooLarge);
        }
        let end = bytes.iter().position(|&byte| byte == b'\n').ok_or(Damage::NoHeader)?;
        let (line, body) = bytes.split_at(end);
        let body = body.get(1..).unwrap_or_default();
        let line = std::str::from_utf8(line).map_err(|_| Damage::NoHeader)?;
        let (front, check) = line.rsplit_once(" check ").ok_or(Damage::NoHeader)?;
        let words: Vec<&str> = front.split(' ').collect();
        let [
            "#",
            "sluice",
            "commit",
            number,
            "time",
            time,
            "confirm-by",
            confirm_by,
            "by",
            by,
            "note",
            note,
            "bytes",
            length,
        ] = words.as_slice()
        else {
            return Err(Damage::NoHeader);
        };
        let sound =
            u64::from_str_radix(check, 16) == Ok(fnv(&[front.as_bytes(), body])) && length.parse() == Ok(body.len());
        if !sound {
            return Err(Damage::Changed);
        }
        let decimal = |word: &str| word.parse::<u64>().map_err(|_| Damage::NoHeader);
        let (tree, problems) = read_body(body, file);
        if let Some(problem) = problems.list.first().filter(|_| problems.has_errors()) {
            return Err(Damage::Unreadable(problem.to_string()));
        }
        Ok(Self {
            number: decimal(number)?,
            time_s: decimal(time)?,
            confirm_by_s: Some(decimal(confirm_by)?).filter(|by| *by > 0),
            by: text(by).ok_or(Damage::NoHeader)?,
            note: text(note).ok_or(Damage::NoHeader)?,
            tree,
        })
    }
}

fn read_body(body: &[u8], file: &str) -> (Tree, Problems) {
    read(body, Some(Format::Junos), file, &NoFiles)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let (tree, _) = read(b"authority { /* of the house */ tenant a; inactive: tenant b; }", None, "f", &NoFiles);
        Record {
            number: 7,
            time_s: 1_000,
            confirm_by_s: Some(1_600),
            by: "root \"x\"".into(),
            note: "a\nb ä%".into(),
            tree,
        }
    }

    #[test]
    fn a_record_is_read_back_as_it_was_written_and_is_a_configuration_to_every_reader() {
        for confirm_by_s in [None, Some(1_600)] {
            let record = Record { confirm_by_s, ..record() };
            let bytes = record.to_bytes();
            assert_eq!(Record::from_bytes(&bytes, "f"), Ok(record));
            let (_, problems) = read(&bytes, None, "f", &NoFiles);
            assert!(problems.is_empty(), "{problems}");
        }
    }

    #[test]
    fn any_byte_that_was_changed_or_is_missing_is_told() {
        let bytes = record().to_bytes();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Record::from_bytes(&changed, "f").is_err(), "byte {at}");
            assert!(Record::from_bytes(&bytes[..at], "f").is_err(), "cut at {at}");
        }
        let longer = [bytes, b"tenant c;".to_vec()].concat();
        assert_eq!(Record::from_bytes(&longer, "f"), Err(Damage::Changed));
        assert_eq!(Record::from_bytes(b"authority { tenant a; }\n", "f"), Err(Damage::NoHeader));
        assert_eq!(Damage::Changed.to_string(), "was changed after it was committed");
    }
}
