//! What a capture file holds, found out before it is replayed.
//!
//! The number of sound records found here ends the run, whatever gives them: DPDK's capture device tells of no end and no damage, and on a damaged record it goes on reading garbage.

pub use sluice_capture::Resolution;
use sluice_capture::{OpenError, Records};
use sluice_packet::LinkType;
pub use sluice_worker::frames::LONGEST_FRAME as LONGEST_RECORD;
use std::{
    fmt,
    path::{Path, PathBuf},
};

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
    /// Where and why the rest of the file can't be read.
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
        /// What is wrong with it.
        reason: String,
    },
    /// There is no decoder for its link type.
    LinkType {
        /// The file.
        path: PathBuf,
        /// The number of the link type.
        number: u32,
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
    let mut records = open(path)?;
    let number = records.link();
    let link = i32::try_from(number).ok().and_then(LinkType::from_pcap);
    let link = link.ok_or(CaptureError::LinkType { path: path.to_owned(), number })?;
    let mut file = CaptureFile {
        path: path.to_owned(),
        link_number: u16::try_from(number).unwrap_or(u16::MAX),
        link,
        resolution: records.resolution(),
        records: 0,
        bytes: 0,
        longest: 0,
        refused_records: 0,
        first_refused: None,
        damage: None,
    };
    loop {
        let length = match records.peek() {
            Ok(Some(record)) => record.bytes.len(),
            Ok(None) => break,
            Err(damage) => {
                file.damage = Some(damage.to_string());
                break;
            }
        };
        records.pass();
        file.records += 1;
        if length > LONGEST_RECORD {
            file.refused_records += 1;
            file.first_refused = file.first_refused.or(Some((file.records, length)));
        }
        file.bytes += length as u64;
        file.longest = file.longest.max(length.min(LONGEST_RECORD));
    }
    Ok(file)
}

/// `path`, at its first record.
///
/// # Errors
/// [`CaptureError`] when there is none.
pub fn open(path: &Path) -> Result<Records, CaptureError> {
    let path_of = || path.to_owned();
    Records::open(path).map_err(|error| match error {
        OpenError::Unreadable(error) => CaptureError::Unreadable { path: path_of(), reason: error.to_string() },
        OpenError::NotACapture(reason) => CaptureError::NotACapture { path: path_of(), reason },
    })
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
