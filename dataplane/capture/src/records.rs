//! The records of a capture file, whatever its format.

use crate::{
    classic::Classic,
    damage::{Damage, OpenError},
    ng::{self, Ng},
    window::Window,
};
use std::{fs::File, path::Path};

/// The longest record that is believed, bytes: beyond it a length is damage. As the pcap library has it.
pub(crate) const LONGEST: u32 = 262_144;
/// What a classic capture calls raw IP, and what the pcap library calls it.
const RAW: [u32; 2] = [101, 12];

/// Time resolution of a capture's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Microseconds.
    Micro,
    /// Nanoseconds; told in microseconds here.
    Nano,
    /// Told per interface (pcapng).
    PerInterface,
}

/// A record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// When it was captured, microseconds since 1970.
    pub time_us: u64,
    /// What was captured of it.
    pub bytes: &'a [u8],
}

/// Where the bytes of the next record lie, once its header was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// When it was captured, microseconds since 1970.
    pub time_us: u64,
    /// Where its bytes begin in what is next in the file, and how many there are.
    pub from: usize,
    pub length: usize,
    /// How much of the file belongs to it.
    pub whole: usize,
}

/// A capture file, at some record.
#[derive(Debug)]
pub struct Records {
    window: Window,
    format: Format,
    /// How much of the file belongs to the record at hand; 0: none was asked for.
    whole: usize,
}

#[derive(Debug)]
enum Format {
    Classic(Classic),
    Ng(Ng),
}

impl Records {
    /// The file at `path`, at its first record.
    ///
    /// # Errors
    /// [`OpenError`] when it can't be opened, is no capture, or its beginning is damaged.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::of(File::open(path)?)
    }

    /// As [`Records::open`], from the beginning of `file` on.
    ///
    /// # Errors
    /// The same.
    pub fn of(file: File) -> Result<Self, OpenError> {
        let mut window = Window::new(file);
        let magic = window.next(4)?.first_chunk().copied().map(u32::from_le_bytes);
        let format = match magic {
            None => {
                let length = window.next(4)?.len();
                return Err(OpenError::NotACapture(format!("it has {length} bytes, and a capture 24 at the least")));
            }
            Some(ng::MAGIC) => Format::Ng(Ng::open(&mut window)?),
            Some(_) => Format::Classic(Classic::open(&mut window)?),
        };
        Ok(Self { window, format, whole: 0 })
    }

    /// The number of its link type, as the pcap library has it.
    pub fn link(&self) -> u32 {
        let link = match &self.format {
            Format::Classic(classic) => classic.link(),
            Format::Ng(ng) => ng.link(),
        };
        let [raw, known] = RAW;
        if link == raw { known } else { link }
    }

    /// The resolution of its times.
    pub const fn resolution(&self) -> Resolution {
        match &self.format {
            Format::Classic(classic) => classic.resolution(),
            Format::Ng(_) => Resolution::PerInterface,
        }
    }

    /// The record at hand: the first of the file, or the one behind the last that was passed. None at the end. May be asked for again.
    ///
    /// # Errors
    /// [`Damage`]: the file can't be read from here on.
    ///
    /// # Cost
    /// Some 70 instructions, and a read of 256 KiB from time to time.
    #[inline]
    pub fn peek(&mut self) -> Result<Option<Record<'_>>, Damage> {
        let Self { window, format, whole } = self;
        let next = match format {
            Format::Classic(classic) => classic.next(window)?,
            Format::Ng(ng) => ng.next(window)?,
        };
        let Some(Found { time_us, from, length, whole: of_file }) = next else { return Ok(None) };
        *whole = of_file;
        if window.there().len() < of_file {
            let at = window.at();
            let there = window.next(of_file).map_err(|error| Damage { at, what: error.to_string() })?.len();
            if there < of_file {
                return Err(cut(at, of_file, there));
            }
        }
        let bytes = window.there().get(from..from + length).unwrap_or_default();
        Ok(Some(Record { time_us, bytes }))
    }

    /// Passes the record at hand.
    #[inline]
    pub fn pass(&mut self) {
        self.window.pass(std::mem::take(&mut self.whole));
    }
}

/// The file ends in the middle of something.
#[cold]
pub(crate) fn cut(at: u64, wanted: usize, there: usize) -> Damage {
    Damage { at, what: format!("the file ends inside a record: {wanted} bytes are announced, {there} are there") }
}

#[cfg(test)]
mod tests;
