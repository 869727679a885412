//! Files of the traffic, stored: each once, by its SHA-256.
//!
//! Called by [`crate::sink`] with the parts workers send. Parts go to a file in `tmp/`; a whole one is renamed to `ab/ab12...`, its digest in
//! hexadecimal below a folder of the first two digits, as version 2 of the reference engine's store has it; one that is there already is not written
//! again. Bounded by numbers and bytes over a run; what passes them is left out and counted. What is stored comes from an attacker: it is never
//! executable, never named by the traffic.
//!
//! GAP(store-limit): a file is stored as far as its parser keeps it for rules (`limit` of its body).
//!
//! Source: the public guide of the reference engine, "File Extraction".

use sha2::{Digest, Sha256};
use sluice_core::{
    Direction,
    event::{EventBody, EventSlot},
};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Files written to at the same time.
const MOST_OPEN: usize = 64;

/// What may be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStoreOptions {
    /// Where.
    pub folder: PathBuf,
    /// Files over a run.
    pub most_files: u64,
    /// Bytes of one file; one that is larger is not stored.
    pub most_bytes_each: u64,
    /// Bytes over a run.
    pub most_bytes: u64,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileStoreCounts {
    /// Files stored.
    pub stored: u64,
    /// Files that were there already.
    pub known: u64,
    /// Bytes stored.
    pub bytes: u64,
    /// Files left out: too many, too large, or a part was lost on its way.
    pub left_out: u64,
    /// Files left out because the system refused to write.
    pub errors: u64,
}

/// Which file a part belongs to.
type Key = (u64, usize, u32);

/// A file that is not whole yet.
struct Part {
    file: File,
    path: PathBuf,
    digest: Sha256,
    bytes: u64,
}

/// The store.
pub struct FileStore {
    options: FileStoreOptions,
    parts: BTreeMap<Key, Part>,
    /// Names of the files in `tmp/`.
    named: u64,
    counts: FileStoreCounts,
}

impl FileStore {
    /// A store in the folder of `options`, which is made. What an earlier run left unfinished is removed.
    ///
    /// # Errors
    /// The folder can't be made.
    pub fn create(options: FileStoreOptions) -> io::Result<Self> {
        let unfinished = options.folder.join("tmp");
        fs::create_dir_all(&unfinished)?;
        for left in fs::read_dir(&unfinished)?.flatten() {
            // One that can't be removed makes the file of its number an error.
            drop(fs::remove_file(left.path()));
        }
        Ok(Self { options, parts: BTreeMap::new(), named: 0, counts: FileStoreCounts::default() })
    }

    /// What was done so far.
    pub const fn counts(&self) -> FileStoreCounts {
        self.counts
    }

    /// Takes a part.
    pub fn event(&mut self, slot: &EventSlot) {
        let EventBody::FileBytes { flow, direction, number, offset, bytes, last } = slot.body else { return };
        let key = (flow, Direction::index(direction), number);
        let bytes = slot.piece(bytes);
        let part = match offset {
            0 => self.begin(key),
            _ => self.parts.remove(&key),
        };
        // What was given up has been counted.
        let Some(mut part) = part else { return };
        let size = part.bytes + bytes.len() as u64;
        if part.bytes != offset
            || size > self.options.most_bytes_each
            || self.counts.bytes + size > self.options.most_bytes
        {
            return self.give_up(&part, false);
        }
        if part.file.write_all(bytes).is_err() {
            return self.give_up(&part, true);
        }
        part.digest.update(bytes);
        part.bytes = size;
        match last {
            true => self.finish(part),
            false => {
                self.parts.insert(key, part);
            }
        }
    }

    fn begin(&mut self, key: Key) -> Option<Part> {
        // The rest of these never came.
        while self.parts.len() >= MOST_OPEN {
            let (_, oldest) = self.parts.pop_first()?;
            self.give_up(&oldest, false);
        }
        if let Some(before) = self.parts.remove(&key) {
            self.give_up(&before, false);
        }
        if self.counts.stored >= self.options.most_files {
            self.counts.left_out += 1;
            return None;
        }
        self.named += 1;
        let path = self.options.folder.join("tmp").join(format!("{}", self.named));
        match create(&path) {
            Ok(file) => Some(Part { file, path, digest: Sha256::new(), bytes: 0 }),
            Err(_) => {
                self.counts.errors += 1;
                None
            }
        }
    }

    fn finish(&mut self, part: Part) {
        let Part { file, path, digest, bytes } = part;
        drop(file);
        let name: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let folder = self.options.folder.join(name.get(..2).unwrap_or_default());
        let whole = folder.join(&name);
        if whole.exists() {
            self.counts.known += 1;
            drop(fs::remove_file(path));
            return;
        }
        match fs::create_dir_all(&folder).and_then(|()| fs::rename(&path, whole)) {
            Ok(()) => {
                self.counts.stored += 1;
                self.counts.bytes += bytes;
            }
            Err(_) => {
                self.counts.errors += 1;
                drop(fs::remove_file(path));
            }
        }
    }

    fn give_up(&mut self, part: &Part, by_system: bool) {
        drop(fs::remove_file(&part.path));
        self.counts.errors += u64::from(by_system);
        self.counts.left_out += u64::from(!by_system);
    }

    /// The run is over: what is not whole is given up.
    pub fn end(&mut self) {
        while let Some((_, part)) = self.parts.pop_first() {
            self.give_up(&part, false);
        }
    }
}

/// Makes a file that only its owner may read. One that is there, or a link, is not written to.
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("sluice-store-{}-{name}", std::process::id()));
            drop(fs::remove_dir_all(&path));
            Self(path)
        }

        fn store(&self, most_files: u64, each: u64, all: u64) -> FileStore {
            let folder = self.0.clone();
            FileStore::create(FileStoreOptions { folder, most_files, most_bytes_each: each, most_bytes: all }).unwrap()
        }

        /// Everything in it, with its bytes.
        fn files(&self) -> Vec<(String, Vec<u8>)> {
            let mut found = Vec::new();
            for folder in fs::read_dir(&self.0).unwrap().flatten() {
                for file in fs::read_dir(folder.path()).unwrap().flatten() {
                    let name = format!("{}/{}", folder.file_name().display(), file.file_name().display());
                    found.push((name, fs::read(file.path()).unwrap()));
                }
            }
            found.sort();
            found
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn send(store: &mut FileStore, number: u32, offset: u64, bytes: &[u8], last: bool) {
        let mut slot = EventSlot::with_capacity(64);
        let bytes = slot.add_bytes(bytes);
        slot.body = EventBody::FileBytes { flow: 7, direction: Direction::ToClient, number, offset, bytes, last };
        store.event(&slot);
    }

    const ABC: &str = "ba/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_file_has_the_name_of_its_digest_and_a_second_one_like_it_is_not_written() {
        let folder = Folder::new("names");
        let mut store = folder.store(10, 100, 1_000);
        send(&mut store, 1, 0, b"a", false);
        send(&mut store, 2, 0, b"", true);
        send(&mut store, 1, 1, b"bc", true);
        send(&mut store, 3, 0, b"abc", true);
        let empty = "e3/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(folder.files(), [(ABC.into(), b"abc".to_vec()), (empty.into(), Vec::new())]);
        assert_eq!(store.counts(), FileStoreCounts { stored: 2, known: 1, bytes: 3, ..FileStoreCounts::default() });
    }

    #[test]
    fn what_is_too_large_too_much_too_many_or_has_lost_a_part_is_left_out_and_leaves_nothing_behind() {
        let folder = Folder::new("bounds");
        let mut store = folder.store(2, 4, 6);
        send(&mut store, 1, 0, b"abcde", true);
        send(&mut store, 2, 0, b"ab", false);
        send(&mut store, 2, 3, b"d", true);
        send(&mut store, 3, 5, b"no beginning", true);
        assert_eq!((folder.files(), store.counts().left_out), (Vec::new(), 2));
        send(&mut store, 4, 0, b"abc", true);
        send(&mut store, 5, 0, b"defg", true);
        assert_eq!(store.counts().left_out, 3, "more than all may have");
        send(&mut store, 6, 0, b"d", true);
        send(&mut store, 7, 0, b"e", true);
        assert_eq!((store.counts().stored, store.counts().left_out), (2, 4), "more than there may be");
        assert!(folder.files().iter().all(|(name, _)| !name.starts_with("tmp")));
        // Unfinished ones go at the end, and when there are too many.
        let mut store = folder.store(1_000, 4, 1_000);
        (0..100).for_each(|number| send(&mut store, number, 0, b"x", false));
        assert_eq!(store.counts().left_out, 36);
        store.end();
        assert_eq!((store.counts().left_out, folder.files().len()), (100, 2));
    }

    #[test]
    fn what_an_earlier_run_left_unfinished_is_removed_and_what_it_stored_stays() {
        let folder = Folder::new("again");
        let mut store = folder.store(10, 100, 1_000);
        send(&mut store, 1, 0, b"abc", true);
        send(&mut store, 2, 0, b"part", false);
        drop(store);
        assert_eq!(folder.files().len(), 2);
        let _store = folder.store(10, 100, 1_000);
        assert_eq!(folder.files(), [(ABC.into(), b"abc".to_vec())]);
    }

    #[test]
    fn a_folder_that_can_not_be_made_is_an_error() {
        let folder = Folder::new("file");
        fs::write(&folder.0, "a file").unwrap();
        let options = FileStoreOptions { folder: folder.0.clone(), most_files: 1, most_bytes_each: 1, most_bytes: 1 };
        assert!(FileStore::create(options).is_err());
        fs::remove_file(&folder.0).unwrap();
    }
}
