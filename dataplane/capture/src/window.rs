//! A window over a file: as much of it as is read at a time.
//!
//! Used by the readers of both formats. Never holds more than the longest record or block asked for, or 256 KiB.

use std::{
    fs::File,
    io::{self, Read},
};

/// Bytes read at a time.
const BYTES: usize = 256 << 10;

/// Bytes of a file from some place on.
#[derive(Debug)]
pub struct Window {
    file: File,
    room: Vec<u8>,
    /// What was read and not passed yet: `room[start..end]`.
    start: usize,
    end: usize,
    /// Where in the file `start` is.
    at: u64,
}

impl Window {
    /// At the beginning of `file`.
    pub fn new(file: File) -> Self {
        Self { file, room: vec![0; BYTES], start: 0, end: 0, at: 0 }
    }

    /// Where in the file it begins, bytes.
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// The next bytes, as many as were read.
    #[inline]
    pub fn there(&self) -> &[u8] {
        self.room.get(self.start..self.end).unwrap_or_default()
    }

    /// The next `length` bytes; fewer at the end of the file.
    ///
    /// # Errors
    /// The system's.
    #[inline]
    pub fn next(&mut self, length: usize) -> io::Result<&[u8]> {
        if self.end - self.start < length {
            self.fill(length)?;
        }
        let end = self.end.min(self.start + length);
        Ok(self.room.get(self.start..end).unwrap_or_default())
    }

    /// Goes on by `length` bytes of those [`Window::next`] gave.
    #[inline]
    pub fn pass(&mut self, length: usize) {
        let length = length.min(self.end - self.start);
        self.start += length;
        self.at += length as u64;
    }

    /// Reads on until there are `length` bytes, or the file ends.
    #[cold]
    fn fill(&mut self, length: usize) -> io::Result<()> {
        self.room.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.room.len() < length {
            self.room.resize(length, 0);
        }
        while self.end < length {
            match self.file.read(self.room.get_mut(self.end..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
