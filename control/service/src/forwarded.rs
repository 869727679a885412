//! The packets that would have been forwarded, as `forwarded.pcapng`.
//!
//! One section, one interface per link type, one enhanced packet block per packet, times in microseconds.
//!
//! Source: the pcapng specification (draft-ietf-opsawg-pcapng), sections 4.1 to 4.3.

use sluice_worker::Sent;
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

/// A capture being written.
pub struct ForwardedWriter {
    file: BufWriter<File>,
    packet: Vec<u8>,
    failed: Option<io::Error>,
    packets: u64,
    /// Link types of the interfaces written so far, and the number of the one in use.
    links: Vec<u16>,
    interface: u32,
}

impl ForwardedWriter {
    /// Creates the file.
    ///
    /// # Errors
    /// The system's, when the file can't be created or written.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::with_capacity(1 << 18, File::create(path)?);
        // Section header: byte order magic, version 1.0, length unknown.
        block(&mut file, 0x0a0d_0d0a, &[&0x1a2b_3c4d_u32.to_le_bytes(), &[1, 0, 0, 0], &[0xff; 8]])?;
        Ok(Self { file, packet: Vec::new(), failed: None, packets: 0, links: Vec::new(), interface: 0 })
    }

    /// The packet that follows has link type `link`: one interface in the file for each.
    fn set_link(&mut self, link: u16) {
        if let Some(known) = self.links.iter().position(|&other| other == link) {
            self.interface = known as u32;
            return;
        }
        self.interface = self.links.len() as u32;
        self.links.push(link);
        // Link type, no limit on lengths; times are microseconds unless said otherwise.
        let written = block(&mut self.file, 1, &[&link.to_le_bytes(), &[0, 0], &[0; 4]]);
        self.failed = self.failed.take().or(written.err());
    }

    /// Writes one packet. The first error is kept and told by [`ForwardedWriter::finish`].
    pub fn packet(&mut self, Sent { packet, time, link, .. }: &Sent) {
        self.set_link(*link);
        let length = packet.chain_len();
        self.packet.resize(length, 0);
        packet.copy_to(&mut self.packet);
        let micros = time.0 / 1_000;
        self.packets += 1;
        if self.failed.is_none()
            && let Err(error) = enhanced(&mut self.file, self.interface, micros, &self.packet)
        {
            self.failed = Some(error);
        }
    }

    /// Closes the file and tells how many packets are in it.
    ///
    /// # Errors
    /// The first error of any write.
    pub fn finish(mut self) -> io::Result<u64> {
        match self.failed {
            Some(error) => Err(error),
            None => self.file.flush().map(|()| self.packets),
        }
    }
}

fn enhanced(file: &mut impl Write, interface: u32, micros: u64, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let [high, low] = [(micros >> 32) as u32, micros as u32].map(u32::to_le_bytes);
    let padding = &[0_u8; 3][..bytes.len().next_multiple_of(4) - bytes.len()];
    block(file, 6, &[&interface.to_le_bytes(), &high, &low, &length, &length, bytes, padding])
}

fn block(file: &mut impl Write, kind: u32, parts: &[&[u8]]) -> io::Result<()> {
    let length = (12 + parts.iter().map(|part| part.len()).sum::<usize>()) as u32;
    file.write_all(&kind.to_le_bytes())?;
    file.write_all(&length.to_le_bytes())?;
    for part in parts {
        file.write_all(part)?;
    }
    file.write_all(&length.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::{block, enhanced};

    #[test]
    fn what_is_written_is_a_capture_that_the_library_reads() {
        let path = std::env::temp_dir().join(format!("sluice-forwarded-{}.pcapng", std::process::id()));
        let mut bytes = Vec::new();
        block(&mut bytes, 0x0a0d_0d0a, &[&0x1a2b_3c4d_u32.to_le_bytes(), &[1, 0, 0, 0], &[0xff; 8]]).unwrap();
        block(&mut bytes, 1, &[&1_u16.to_le_bytes(), &[0, 0], &[0; 4]]).unwrap();
        for length in 1..6 {
            enhanced(&mut bytes, 0, 1_600_000_000_000_200, &vec![7; length]).unwrap();
        }
        std::fs::write(&path, bytes).unwrap();
        let mut capture = pcap::Capture::from_file(&path).unwrap();
        let mut lengths = Vec::new();
        while let Ok(packet) = capture.next_packet() {
            assert_eq!((packet.header.ts.tv_sec, packet.header.ts.tv_usec), (1_600_000_000, 200));
            lengths.push(packet.data.len());
        }
        assert_eq!(lengths, [1, 2, 3, 4, 5]);
        std::fs::remove_file(path).unwrap();
    }
}
