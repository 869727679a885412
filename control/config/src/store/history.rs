//! Candidate, commits and rollback.
//!
//! [`Store::open`] takes the lock, so there is one writer; [`boot`] takes none and changes nothing. The commit with the highest number that is sound is in force, unless it
//! had to be confirmed and its time is over: then the one before it is, at once for [`boot`], and written down as a commit of its own by [`Store::expire`].
//!
//! A later commit confirms one that waits. A clock that stands well before the time of the commit counts as time that is over: nobody knows how much passed.

use super::{
    disk,
    record::{Damage, MOST_RECORD, Record},
};
use crate::{
    authority::{Facts, validate},
    tree::{Format, NoFiles, Problems, Tree, include::MOST_BYTES, read, write},
};
use std::{
    fmt,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Commits that are kept: the one in force and 49 before it.
pub const MOST_COMMITS: usize = 50;
/// Minutes a commit can wait to be confirmed, at most.
pub const MOST_MINUTES: u32 = 65_535;

/// Seconds a clock may be put back without a commit that waits being taken for one of another time.
const CLOCK_SLACK_S: u64 = 120;

const COMMITS: &str = "commits";
const CANDIDATE: &str = "candidate";
const LOCK: &str = "lock";

/// What could not be done.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The system refused.
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Another process writes.
    Locked {
        /// The file that is locked.
        path: PathBuf,
        /// The process, as it wrote it down.
        by: String,
    },
    /// There is no such commit.
    NoCommit {
        /// How far back.
        back: usize,
        /// How many there are.
        known: usize,
    },
    /// The commit is damaged.
    Damaged {
        /// The file.
        path: PathBuf,
        /// How.
        damage: Damage,
    },
    /// The candidate has errors.
    Refused(Problems),
    /// Nothing waits to be confirmed.
    NothingToConfirm,
    /// Minutes out of range.
    Minutes {
        /// As given.
        minutes: u32,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { what, path, error } => {
                write!(f, "can't {what} {}: {error}; give a folder this user may write to", path.display())
            }
            Self::Locked { path, by } => {
                write!(f, "{}: process {by} changes the configuration; wait until it is done", path.display())
            }
            Self::NoCommit { back, known: 0 } => write!(f, "there is no commit {back} back: nothing was committed yet"),
            Self::NoCommit { back, known } => write!(f, "there is no commit {back} back; give 0 to {}", known - 1),
            Self::Damaged { path, damage } => write!(f, "{} {damage}; roll back to another commit", path.display()),
            Self::Refused(problems) => write!(f, "the candidate has errors; nothing is committed\n{problems}"),
            Self::NothingToConfirm => f.write_str("no commit waits to be confirmed"),
            Self::Minutes { minutes } => write!(f, "{minutes} minutes; give 1 to {MOST_MINUTES}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// A file of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub number: u64,
    /// What it holds, or what is wrong with it.
    pub record: Result<Record, Damage>,
    /// It had to be confirmed, and was.
    pub confirmed: bool,
    /// Its file.
    pub path: PathBuf,
}

/// What a process begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// The configuration.
    pub tree: Tree,
    /// The commit it is of; none: nothing was ever committed, or nothing of it is sound.
    pub number: Option<u64>,
    /// A commit that waits to be confirmed, and until when, in seconds since 1970.
    pub confirm_by_s: Option<u64>,
    /// What an operator has to know, in words.
    pub remarks: Vec<String>,
}

/// What a commit came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The number that is in force.
    pub number: u64,
    /// Whether there was anything to change.
    pub changed: bool,
    /// Until when it has to be confirmed, in seconds since 1970.
    pub confirm_by_s: Option<u64>,
    /// Warnings of the checks.
    pub problems: Problems,
}

fn io_error<'p>(what: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> StoreError + 'p {
    move |error| StoreError::Io { what, path: path.to_owned(), error }
}

/// Numbers of all commits, the newest first.
fn numbers(folder: &Path) -> Result<Vec<u64>, StoreError> {
    let commits = folder.join(COMMITS);
    let mut numbers: Vec<u64> = Vec::new();
    let listed = match std::fs::read_dir(&commits) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error("list", &commits)(error)),
    };
    for entry in listed {
        let entry = entry.map_err(io_error("list", &commits))?;
        let name = entry.file_name();
        numbers.extend(name.to_str().and_then(|name| name.strip_suffix(".conf")?.parse::<u64>().ok()));
    }
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers.dedup();
    Ok(numbers)
}

fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(COMMITS).join(format!("{number:08}.conf"))
}

/// One commit; none if another process has pruned it meanwhile.
fn entry(folder: &Path, number: u64) -> Option<Entry> {
    let path = path_of(folder, number);
    let record = match disk::read(&path, MOST_RECORD) {
        Ok(Some(bytes)) => Record::from_bytes(&bytes, &path.display().to_string()),
        Ok(None) => return None,
        Err(error) => Err(Damage::Unreadable(error.to_string())),
    };
    let record = record.and_then(|record| if record.number == number { Ok(record) } else { Err(Damage::Changed) });
    let confirmed = path.with_extension("confirmed").exists();
    Some(Entry { number, record, confirmed, path })
}

/// Whether a commit waits to be confirmed, and whether its time is over.
fn waits(entry: &Entry, now_s: u64) -> Option<bool> {
    let record = entry.record.as_ref().ok()?;
    let by = record.confirm_by_s.filter(|_| !entry.confirmed)?;
    Some(now_s >= by || now_s.saturating_add(CLOCK_SLACK_S) < record.time_s)
}

/// The commit that is in force, and what is to be said of it. Files are read until one is.
fn in_force(folder: &Path, now_s: u64) -> Result<(Option<Entry>, Vec<String>), StoreError> {
    let mut remarks = Vec::new();
    for number in numbers(folder)? {
        let Some(entry) = entry(folder, number) else { continue };
        match &entry.record {
            Err(damage) => remarks.push(format!("{} {damage}; the commit before it is used", entry.path.display())),
            // Not the newest alone: what came behind it to take it back may be damaged. Without one before it there is nothing to go back to but an empty
            // configuration.
            Ok(_) if waits(&entry, now_s) == Some(true) => {
                remarks.push(format!("commit {number} was not confirmed in time; the commit before it is used"));
            }
            Ok(_) => return Ok((Some(entry), remarks)),
        }
    }
    Ok((None, remarks))
}

/// What a process begins with: the newest sound commit whose time is not over. Takes no lock and changes nothing.
///
/// # Errors
/// [`StoreError::Io`] where the folder is there and can't be listed; a folder that is not there is an empty configuration.
pub fn boot(folder: &Path, now_s: u64) -> Result<Boot, StoreError> {
    let newest = numbers(folder)?.first().copied();
    let (found, remarks) = in_force(folder, now_s)?;
    let waiting = found.as_ref().filter(|entry| Some(entry.number) == newest && waits(entry, now_s).is_some());
    let confirm_by_s = waiting.and_then(|entry| entry.record.as_ref().ok()?.confirm_by_s);
    let number = found.as_ref().map(|entry| entry.number);
    let tree = found.and_then(|entry| entry.record.ok()).map(|record| record.tree).unwrap_or_default();
    Ok(Boot { tree, number, confirm_by_s, remarks })
}

/// The folder, with the right to change it. One process has it at a time.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Locked as long as this lives.
    _lock: File,
}

impl Store {
    /// Takes the folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process has it, [`StoreError::Io`] if the system refuses.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        disk::folder(folder).map_err(io_error("make", folder))?;
        let commits = folder.join(COMMITS);
        disk::folder(&commits).map_err(io_error("make", &commits))?;
        let path = folder.join(LOCK);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io_error("open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut by = String::new();
                let _ = (&mut lock).take(32).read_to_string(&mut by);
                return Err(StoreError::Locked { path, by: by.trim().to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(io_error("lock", &path)(error)),
        }
        let written =
            lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| writeln!(lock, "{}", std::process::id()));
        written.map_err(io_error("write", &path))?;
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// All commits, the newest first; the first [`MOST_COMMITS`] are those a rollback can ask for.
    ///
    /// # Errors
    /// [`StoreError::Io`]
    pub fn history(&self) -> Result<Vec<Entry>, StoreError> {
        Ok(numbers(&self.folder)?.into_iter().filter_map(|number| entry(&self.folder, number)).collect())
    }

    /// What is in force.
    ///
    /// # Errors
    /// [`StoreError::Io`]
    pub fn active(&self, now_s: u64) -> Result<Boot, StoreError> {
        boot(&self.folder, now_s)
    }

    /// What is being edited: the candidate, or what is in force if there is none. A candidate that was changed by hand is read as it is, with its problems.
    ///
    /// # Errors
    /// [`StoreError::Io`]
    pub fn candidate(&self, now_s: u64) -> Result<(Tree, Problems), StoreError> {
        let path = self.folder.join(CANDIDATE);
        match disk::read(&path, MOST_BYTES).map_err(io_error("read", &path))? {
            Some(bytes) => Ok(read(&bytes, Some(Format::Junos), &path.display().to_string(), &NoFiles)),
            None => Ok((self.active(now_s)?.tree, Problems::new())),
        }
    }

    /// Makes `tree` the candidate.
    ///
    /// # Errors
    /// [`StoreError::Io`]
    pub fn set_candidate(&mut self, tree: &Tree) -> Result<(), StoreError> {
        let text = write(tree, Format::Junos).text;
        disk::write(&self.folder, CANDIDATE, text.as_bytes()).map_err(io_error("write", &self.folder.join(CANDIDATE)))
    }

    /// Forgets the candidate; whether there was one.
    ///
    /// # Errors
    /// [`StoreError::Io`]
    pub fn discard(&mut self) -> Result<bool, StoreError> {
        let path = self.folder.join(CANDIDATE);
        let removed = disk::remove(&path).map_err(io_error("remove", &path))?;
        disk::settle(&self.folder).map_err(io_error("write", &self.folder))?;
        Ok(removed)
    }

    /// Makes the commit `back` before the one in force the candidate: 0 is what is in force itself.
    ///
    /// # Errors
    /// [`StoreError::NoCommit`], [`StoreError::Damaged`], [`StoreError::Io`]
    pub fn rollback(&mut self, back: usize) -> Result<(), StoreError> {
        let mut numbers = numbers(&self.folder)?;
        numbers.truncate(MOST_COMMITS);
        let known = numbers.len();
        let found = numbers.get(back).and_then(|number| entry(&self.folder, *number));
        let Some(entry) = found else { return Err(StoreError::NoCommit { back, known }) };
        match entry.record {
            Ok(record) => self.set_candidate(&record.tree),
            Err(damage) => Err(StoreError::Damaged { path: entry.path, damage }),
        }
    }

    /// Puts the candidate in force, if its checks find no error. With `minutes` it has to be confirmed in that time. A commit that waits is confirmed by this one,
    /// also where there is nothing to change.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with all problems, [`StoreError::Minutes`], [`StoreError::Io`]; what was in force stays so.
    pub fn commit(
        &mut self,
        now_s: u64,
        minutes: Option<u32>,
        by: &str,
        note: &str,
        facts: &Facts,
    ) -> Result<Committed, StoreError> {
        if let Some(minutes) = minutes.filter(|minutes| !(1..=MOST_MINUTES).contains(minutes)) {
            return Err(StoreError::Minutes { minutes });
        }
        self.expire(now_s)?;
        let (tree, mut problems) = self.candidate(now_s)?;
        validate(&tree, facts, &mut problems);
        if problems.has_errors() {
            return Err(StoreError::Refused(problems));
        }
        let active = self.active(now_s)?;
        if let Some(number) = active.number.filter(|_| active.tree == tree) {
            if active.confirm_by_s.is_some() {
                self.mark_confirmed(number)?;
            }
            self.discard()?;
            return Ok(Committed { number, changed: false, confirm_by_s: None, problems });
        }
        let confirm_by_s = minutes.map(|minutes| now_s.saturating_add(u64::from(minutes) * 60));
        let number = self.put(tree, now_s, confirm_by_s, by, note)?;
        if let Some(waited) = active.number.filter(|_| active.confirm_by_s.is_some()) {
            // Only now: had this commit failed, the other would go on waiting. Where it can't be written down, the other is passed over should this one be damaged.
            let _ = self.mark_confirmed(waited);
        }
        self.discard()?;
        Ok(Committed { number, changed: true, confirm_by_s, problems })
    }

    /// Confirms the commit that waits, and says which.
    ///
    /// # Errors
    /// [`StoreError::NothingToConfirm`] if none waits or its time is over, [`StoreError::Io`].
    pub fn confirm(&mut self, now_s: u64) -> Result<u64, StoreError> {
        let active = self.active(now_s)?;
        match (active.number, active.confirm_by_s) {
            (Some(number), Some(_)) => self.mark_confirmed(number).map(|()| number),
            _ => Err(StoreError::NothingToConfirm),
        }
    }

    /// Rolls back a commit that was not confirmed in time: what was before it becomes a commit of its own, whose number is given. To be called when its time comes and when a process begins.
    ///
    /// # Errors
    /// [`StoreError::Io`]
    pub fn expire(&mut self, now_s: u64) -> Result<Option<u64>, StoreError> {
        let newest = numbers(&self.folder)?.first().and_then(|number| entry(&self.folder, *number));
        let Some(late) = newest.filter(|entry| waits(entry, now_s) == Some(true)).map(|entry| entry.number) else {
            return Ok(None);
        };
        let tree = self.active(now_s)?.tree;
        self.put(tree, now_s, None, "sluice", &format!("commit {late} was not confirmed in time")).map(Some)
    }

    fn mark_confirmed(&mut self, number: u64) -> Result<(), StoreError> {
        let commits = self.folder.join(COMMITS);
        let name = format!("{number:08}.confirmed");
        disk::write(&commits, &name, b"").map_err(io_error("write", &commits.join(&name)))
    }

    /// One more commit. The rename in here is the moment in which it is in force.
    fn put(
        &mut self,
        tree: Tree,
        time_s: u64,
        confirm_by_s: Option<u64>,
        by: &str,
        note: &str,
    ) -> Result<u64, StoreError> {
        let before = numbers(&self.folder)?;
        let number = before.first().map_or(1, |newest| newest.saturating_add(1));
        let record = Record { number, time_s, confirm_by_s, by: by.to_owned(), note: note.to_owned(), tree };
        let bytes = record.to_bytes();
        let commits = self.folder.join(COMMITS);
        let name = format!("{number:08}.conf");
        let path = commits.join(&name);
        // What can't be read back must not be in force.
        let again = Record::from_bytes(&bytes, &path.display().to_string());
        match again {
            Ok(again) if again.tree == record.tree => {}
            Ok(_) => return Err(StoreError::Damaged { path, damage: Damage::Changed }),
            Err(damage) => return Err(StoreError::Damaged { path, damage }),
        }
        disk::write(&commits, &name, &bytes).map_err(io_error("write", &path))?;
        self.prune(&before);
        Ok(number)
    }

    /// Removes what is beyond [`MOST_COMMITS`]. What can't be removed is tried again at the next commit.
    fn prune(&mut self, before: &[u64]) {
        for old in before.iter().skip(MOST_COMMITS - 1) {
            let path = path_of(&self.folder, *old);
            let _ = disk::remove(&path);
            let _ = disk::remove(&path.with_extension("confirmed"));
        }
    }
}
