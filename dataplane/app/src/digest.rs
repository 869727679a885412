//! Digests of files, made as their bytes come.
//!
//! Kept in [`crate::Room`] for files of which a rule or a setting asks for digests; fed by [`crate::Desk`], which puts the outcome down when the file is over: the file's number in its flow (32 bits,
//! little endian) and the digest. Everything is reserved at the start; a file that finds no place has no digest, and is counted.
//!
//! Sources: RFC 1321 (MD5), FIPS 180-4 (SHA-1, SHA-256).

use crate::field::{Field, Fields};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Files whose digests are made at once, at most.
const MOST: usize = 4_096;
/// The longest digest, bytes.
pub const LONGEST: usize = 32;
pub(crate) const NONE: u32 = u32::MAX;

/// The fields that digests have.
pub const FIELDS: [Field; 3] = [Field::FileMd5, Field::FileSha1, Field::FileSha256];

/// The digests of one file, as far as it came.
struct Running {
    md5: Option<Md5>,
    sha1: Option<Sha1>,
    sha256: Option<Sha256>,
    next: u32,
}

/// Places for digests.
pub(crate) struct Digests {
    places: Vec<Running>,
    free: u32,
    most: usize,
}

impl Digests {
    /// Places for a worker; none when no protocol is read.
    pub fn new(is_off: bool) -> Self {
        let most = if is_off { 0 } else { MOST };
        Self { places: Vec::with_capacity(most), free: NONE, most }
    }

    /// A place for a file, if a digest is asked for; and whether there was none.
    pub fn take(&mut self, wants: &Fields) -> (u32, bool) {
        let [md5, sha1, sha256] = FIELDS.map(|field| wants.contains(field));
        if !(md5 || sha1 || sha256) {
            return (NONE, false);
        }
        let fresh = Running {
            md5: md5.then(Md5::new),
            sha1: sha1.then(Sha1::new),
            sha256: sha256.then(Sha256::new),
            next: NONE,
        };
        if let Some(found) = self.places.get_mut(self.free as usize) {
            let taken = std::mem::replace(&mut self.free, found.next);
            *found = fresh;
            return (taken, false);
        }
        if self.places.len() >= self.most {
            return (NONE, true);
        }
        self.places.push(fresh);
        (self.places.len() as u32 - 1, false)
    }

    /// More bytes of the file at `place`.
    pub fn update(&mut self, place: u32, bytes: &[u8]) {
        let Some(found) = self.places.get_mut(place as usize) else { return };
        if let Some(md5) = &mut found.md5 {
            md5.update(bytes);
        }
        if let Some(sha1) = &mut found.sha1 {
            sha1.update(bytes);
        }
        if let Some(sha256) = &mut found.sha256 {
            sha256.update(bytes);
        }
    }

    /// The digests of the file at `place`, which is given back: bytes and how many.
    pub fn finish(&mut self, place: u32) -> [Option<([u8; LONGEST], usize)>; 3] {
        let free = self.free;
        let Some(found) = self.places.get_mut(place as usize) else { return [None; 3] };
        found.next = free;
        self.free = place;
        let pad = |digest: &[u8]| {
            let mut bytes = [0; LONGEST];
            bytes.iter_mut().zip(digest).for_each(|(place, byte)| *place = *byte);
            (bytes, digest.len())
        };
        [
            found.md5.take().map(|digest| pad(&digest.finalize())),
            found.sha1.take().map(|digest| pad(&digest.finalize())),
            found.sha256.take().map(|digest| pad(&digest.finalize())),
        ]
    }

    /// Gives the place of a file back that is not over.
    pub fn give(&mut self, place: u32) {
        self.finish(place);
    }
}

#[cfg(test)]
mod tests {
    use super::{Digests, NONE};
    use crate::field::{Field, Fields};

    #[test]
    fn digests_are_those_of_the_bytes_and_places_come_back() {
        let mut digests = Digests::new(false);
        assert_eq!(digests.take(&Fields::NONE), (NONE, false));
        let mut wants = Fields::NONE;
        wants.add(Field::FileMd5);
        for _ in 0..3 {
            let (place, _) = digests.take(&wants);
            digests.update(place, b"a");
            digests.update(place, b"bc");
            let [md5, sha1, _] = digests.finish(place);
            let (bytes, length) = md5.unwrap();
            assert_eq!((&bytes[..4], length), (&[0x90, 0x01, 0x50, 0x98][..], 16));
            assert!(sha1.is_none() && place == 0);
        }
    }
}
