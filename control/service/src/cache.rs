//! Compiled matchers, kept on disk from one start to the next.
//!
//! Used by [`crate::rules`]. A matcher read back is trusted, so the folder must be the user's own and nobody else may write there: otherwise it is not used. Each file begins with the hash of
//! the rest, so damage is found; files that were not used for longest go when the folder grows beyond [`MOST`]. Nothing here is needed: whatever fails, rules are compiled.
//!
//! Source: developer reference of Hyperscan, "Serialization".

use sha2::{Digest, Sha256};
use sluice_detect::literals::DatabaseCache;
use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Bytes of all files together.
const MOST: u64 = 512 << 20;
/// Bytes of the hash in front.
const HASH: usize = 32;
/// How the names of files end.
const ENDING: &str = "matcher";

/// The folder.
pub struct MatcherCache {
    folder: PathBuf,
}

impl MatcherCache {
    /// The cache in `folder`, which is made where it is missing; none when it can't be trusted.
    pub fn open(folder: Option<&Path>) -> Option<Self> {
        let folder = folder?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).ok()?;
        let found = fs::symlink_metadata(folder).ok()?;
        let me = fs::metadata("/proc/self").ok()?.uid();
        let mine = found.is_dir() && found.uid() == me && found.mode() & 0o022 == 0;
        mine.then(|| Self { folder: folder.to_owned() })
    }

    fn path(&self, key: &[u8; 32]) -> PathBuf {
        let name: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(name).with_extension(ENDING)
    }

    /// Takes away what was not used for longest, until the rest fits.
    fn prune(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let (path, found) = (entry.path(), entry.metadata().ok()?);
                let is_ours = path.extension().is_some_and(|ending| ending == ENDING);
                (is_ours && found.is_file()).then(|| Some((found.modified().ok()?, found.len(), path)))?
            })
            .collect();
        files.sort();
        let mut total: u64 = files.iter().map(|(_, length, _)| length).sum();
        for (_, length, path) in files {
            if total <= MOST {
                break;
            }
            if fs::remove_file(path).is_ok() {
                total -= length;
            }
        }
    }
}

impl DatabaseCache for MatcherCache {
    fn load(&self, key: &[u8; 32]) -> Option<Vec<u8>> {
        let path = self.path(key);
        let mut bytes = fs::read(&path).ok()?;
        let sound = bytes.split_first_chunk::<HASH>().is_some_and(|(hash, rest)| *hash == *Sha256::digest(rest));
        if !sound {
            // It would never be.
            let _ = fs::remove_file(&path);
            return None;
        }
        // It was used now.
        if let Ok(file) = fs::File::open(&path) {
            let _ = file.set_modified(SystemTime::now());
        }
        bytes.drain(..HASH);
        Some(bytes)
    }

    fn store(&self, key: &[u8; 32], bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let path = self.path(key);
        let new = path.with_extension(format!("{}.new", std::process::id()));
        let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
        let written = file.and_then(|mut file| {
            file.write_all(&Sha256::digest(bytes))?;
            file.write_all(bytes)
        });
        if written.is_err() || fs::rename(&new, &path).is_err() {
            let _ = fs::remove_file(&new);
            return;
        }
        self.prune();
    }
}

#[cfg(test)]
mod tests {
    use super::MatcherCache;
    use sluice_detect::literals::DatabaseCache;
    use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("sluice-cache-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn what_is_kept_comes_back_and_what_is_damaged_does_not() {
        let folder = folder("kept");
        let cache = MatcherCache::open(Some(&folder)).unwrap();
        let key = [7; 32];
        assert_eq!(cache.load(&key), None);
        cache.store(&key, b"matcher");
        assert_eq!(cache.load(&key).as_deref(), Some(&b"matcher"[..]));
        let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&file, bytes).unwrap();
        assert_eq!(cache.load(&key), None);
        assert!(!file.exists(), "what is damaged goes");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_not_used() {
        let folder = folder("open");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(MatcherCache::open(Some(&folder)).is_none());
        assert!(MatcherCache::open(None).is_none());
        fs::remove_dir_all(folder).unwrap();
    }
}
