//! What a capture file holds, found out before it is replayed.
//!
//! The device that replays it gives no link type, no end and no damage: on a damaged record it goes on reading garbage. So the file is read once with
//! the same library first; the number of sound records found here ends the run.

use pcap::{Capture, Error};
use sluice_packet::LinkType;
pub use sluice_worker::frames::LONGEST_FRAME as LONGEST_RECORD;
use std::{
    fmt, fs,
    io::Read,
    path::{Path, PathBuf},
};

/// Time resolution of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Microseconds.
    Micro,
    /// Nanoseconds; the device keeps microseconds.
    Nano,
    /// Told per interface (pcapng).
    PerInterface,
}

/// A capture file that can be replayed.
#[derive(Clone, Debug)]
pub struct CaptureFile {
    /// The file.
    pub path: PathBuf,
    /// Link type as the file numbers it.
    pub link_number: u16,
    /// How frames are decoded.
    pub link: LinkType,
    /// Time resolution.
    pub resolution: Resolution,
    /// Sound records.
    pub records: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Longest record that can be replayed, bytes.
    pub longest: usize,
    /// Records longer than [`LONGEST_RECORD`]: not looked at, and dropped inline.
    pub refused_records: u64,
    /// Number and length of the first of them.
    pub first_refused: Option<(u64, usize)>,
    /// Why the rest of the file can't be read, in the library's words.
    pub damage: Option<String>,
}

/// Why a file can't be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureError {
    /// It can't be opened.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// It is no capture.
    NotACapture {
        /// The file.
        path: PathBuf,
        /// The library's reason.
        reason: String,
    },
    /// There is no decoder for its link type.
    LinkType {
        /// The file.
        path: PathBuf,
        /// The number of the link type.
        number: i32,
    },
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, reason } => {
                write!(f, "{}: {reason}; check the path and its permissions", path.display())
            }
            Self::NotACapture { path, reason } => {
                write!(f, "{}: not a capture ({reason}); give a pcap or pcapng file", path.display())
            }
            Self::LinkType { path, number } => write!(
                f,
                "{}: link type {number} has no decoder; capture on an Ethernet, raw IP, null, cooked, PPP or HDLC interface",
                path.display()
            ),
        }
    }
}

impl std::error::Error for CaptureError {}

/// Reads the whole of `path` once.
///
/// # Errors
/// [`CaptureError`] when nothing of it can be replayed. Damage after sound records is no error: see [`CaptureFile::damage`].
pub fn scan(path: &Path) -> Result<CaptureFile, CaptureError> {
    let mut magic = [0_u8; 4];
    let opened = fs::File::open(path).and_then(|mut file| file.read(&mut magic));
    if let Err(error) = opened {
        return Err(CaptureError::Unreadable { path: path.to_owned(), reason: error.to_string() });
    }
    let not_a_capture = |error: Error| CaptureError::NotACapture { path: path.to_owned(), reason: words(&error) };
    let mut capture = Capture::from_file(path).map_err(not_a_capture)?;
    let number = capture.get_datalink().0;
    let link = LinkType::from_pcap(number).ok_or(CaptureError::LinkType { path: path.to_owned(), number })?;
    let resolution = match u32::from_le_bytes(magic) {
        0xa1b2_3c4d | 0x4d3c_b2a1 => Resolution::Nano,
        0x0a0d_0d0a => Resolution::PerInterface,
        _ => Resolution::Micro,
    };
    let mut file = CaptureFile {
        path: path.to_owned(),
        link_number: u16::try_from(number).unwrap_or(u16::MAX),
        link,
        resolution,
        records: 0,
        bytes: 0,
        longest: 0,
        refused_records: 0,
        first_refused: None,
        damage: None,
    };
    loop {
        match capture.next_packet() {
            Ok(packet) => {
                file.records += 1;
                if packet.data.len() > LONGEST_RECORD {
                    file.refused_records += 1;
                    file.first_refused = file.first_refused.or(Some((file.records, packet.data.len())));
                }
                file.bytes += packet.data.len() as u64;
                file.longest = file.longest.max(packet.data.len().min(LONGEST_RECORD));
            }
            Err(Error::NoMorePackets) => break,
            Err(error) => {
                file.damage = Some(words(&error));
                break;
            }
        }
    }
    Ok(file)
}

fn words(error: &Error) -> String {
    match error {
        Error::PcapError(words) => words.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{CaptureError, Resolution, scan};
    use std::{fs, path::PathBuf};

    fn file(name: &str, bytes: &[u8]) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("sluice-capture-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn header(magic: u32, link: u32) -> Vec<u8> {
        let mut bytes = magic.to_le_bytes().to_vec();
        bytes.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(262_144_u32.to_le_bytes());
        bytes.extend(link.to_le_bytes());
        bytes
    }

    fn record(bytes: &mut Vec<u8>, length: u32) {
        bytes.extend([0; 8]);
        bytes.extend(length.to_le_bytes());
        bytes.extend(length.to_le_bytes());
        bytes.extend(vec![0; length as usize]);
    }

    #[test]
    fn records_length_link_and_resolution_are_told() {
        let mut bytes = header(0xa1b2_3c4d, 113);
        record(&mut bytes, 60);
        record(&mut bytes, 1500);
        let found = scan(&file("nano.pcap", &bytes)).unwrap();
        assert_eq!((found.records, found.bytes, found.longest, found.link_number), (2, 1560, 1500, 113));
        assert_eq!(found.resolution, Resolution::Nano);
        assert_eq!(found.damage, None);
    }

    #[test]
    fn records_too_long_for_the_device_are_counted_and_the_first_is_named() {
        let mut bytes = header(0xa1b2_c3d4, 1);
        for length in [60, 65_599, 65_600, 70_000] {
            record(&mut bytes, length);
        }
        let found = scan(&file("long.pcap", &bytes)).unwrap();
        assert_eq!((found.records, found.longest), (4, 65_599));
        assert_eq!((found.refused_records, found.first_refused), (2, Some((3, 65_600))));
    }

    #[test]
    fn a_cut_tail_is_damage_after_sound_records() {
        let mut bytes = header(0xa1b2_c3d4, 1);
        record(&mut bytes, 60);
        record(&mut bytes, 60);
        bytes.truncate(bytes.len() - 10);
        let found = scan(&file("cut.pcap", &bytes)).unwrap();
        assert_eq!(found.records, 1);
        assert!(found.damage.is_some());
    }

    #[test]
    fn what_is_no_capture_is_refused_with_its_name() {
        assert!(matches!(scan(&file("text.txt", b"not a capture at all")), Err(CaptureError::NotACapture { .. })));
        assert!(matches!(scan(&file("empty.pcap", b"")), Err(CaptureError::NotACapture { .. })));
        assert!(matches!(scan(std::path::Path::new("/nonexistent.pcap")), Err(CaptureError::Unreadable { .. })));
        assert!(matches!(
            scan(&file("usb.pcap", &header(0xa1b2_c3d4, 189))),
            Err(CaptureError::LinkType { number: 189, .. })
        ));
    }
}
