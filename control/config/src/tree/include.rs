//! Files that include others: where they come from, and what keeps them from going on for ever.
//!
//! `include "file";` stands wherever a statement may, in any notation; what the file says belongs there. A name is relative to the folder of the file that includes
//! it. Files that include each other are refused with the chain; so are chains of more than [`DEEPEST_INCLUDE`] files, more than [`MOST_FILES`] files, and
//! more than [`MOST_BYTES`] altogether.

use super::{
    format::{self, Format},
    place::{Span, Word},
    problem::{Problems, Reason},
    raw::Raw,
    schema::Section,
};
use std::{
    collections::HashMap,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Files in a chain of includes.
pub const DEEPEST_INCLUDE: usize = 16;
/// Files of one configuration.
pub const MOST_FILES: usize = 1_000;
/// Bytes of one configuration with all it includes.
pub const MOST_BYTES: usize = 16 << 20;

/// Where included files come from.
pub trait Files {
    /// The file `name`, which `from` includes: what it is called from here on (the same for the same file), and its bytes, at most one more than [`MOST_BYTES`].
    ///
    /// # Errors
    /// What the system said.
    fn read(&self, from: &str, name: &str) -> Result<(String, Vec<u8>), String>;
}

/// Those of the file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, from: &str, name: &str) -> Result<(String, Vec<u8>), String> {
        let path = Path::new(from).parent().unwrap_or(Path::new("")).join(name);
        let path = path.canonicalize().map_err(|error| error.to_string())?;
        let file = std::fs::File::open(&path).map_err(|error| error.to_string())?;
        if !file.metadata().map_err(|error| error.to_string())?.is_file() {
            return Err("it is no plain file".into());
        }
        let mut bytes = Vec::new();
        let most = u64::try_from(MOST_BYTES + 1).unwrap_or(u64::MAX);
        file.take(most).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Ok((path.display().to_string(), bytes))
    }
}

/// None at all: for texts that stand alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _from: &str, _name: &str) -> Result<(String, Vec<u8>), String> {
        Err("files are not included here".into())
    }
}

/// Files by name, for tests and for texts that come over a socket.
impl Files for HashMap<PathBuf, Vec<u8>> {
    fn read(&self, from: &str, name: &str) -> Result<(String, Vec<u8>), String> {
        let path = Path::new(from).parent().unwrap_or(Path::new("")).join(name);
        let bytes = self.get(&path).ok_or("no such file")?;
        Ok((path.display().to_string(), bytes.iter().copied().take(MOST_BYTES + 1).collect()))
    }
}

/// The chain at hand and what was read so far.
pub struct Includes<'a> {
    files: &'a dyn Files,
    chain: Vec<String>,
    count: usize,
    bytes: usize,
    /// A bound was told of: once is enough.
    told: bool,
}

impl<'a> Includes<'a> {
    /// `first` was read, `whole` bytes.
    pub fn new(files: &'a dyn Files, first: &str, whole: usize) -> Self {
        Self { files, chain: vec![first.to_owned()], count: 1, bytes: whole, told: false }
    }

    /// The statements of the file `name`, which stand in `section`; none if there is a problem. [`Self::leave`] when they are dealt with.
    pub fn enter(
        &mut self,
        name: &Word,
        section: &'static Section,
        path: &str,
        problems: &mut Problems,
    ) -> Option<Vec<Raw>> {
        let bound = if self.chain.len() >= DEEPEST_INCLUDE {
            Some((DEEPEST_INCLUDE, "files that include one another in a chain"))
        } else if self.count >= MOST_FILES {
            Some((MOST_FILES, "files in one configuration"))
        } else {
            None
        };
        if let Some((most, what)) = bound {
            if !std::mem::replace(&mut self.told, true) {
                problems.error(&name.span, path, Reason::TooManyIncludes { most, what });
            }
            return None;
        }
        self.count += 1;
        let from = self.chain.last().cloned().unwrap_or_default();
        let (known, bytes) = match self.files.read(&from, &name.text) {
            Ok(read) => read,
            Err(why) => {
                let why = format!("{}: {why}", name.text);
                problems.error(&name.span, path, Reason::Unreadable { why });
                return None;
            }
        };
        if let Some(at) = self.chain.iter().position(|file| *file == known) {
            let chain = self.chain.iter().skip(at).cloned().chain([known]).collect();
            problems.error(&name.span, path, Reason::IncludeCycle { chain });
            return None;
        }
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > MOST_BYTES {
            if !std::mem::replace(&mut self.told, true) {
                problems.error(&name.span, path, Reason::TooLarge { most: MOST_BYTES });
            }
            return None;
        }
        let file: Arc<str> = Arc::from(known.as_str());
        self.chain.push(known);
        Some(format::statements(&bytes, None::<Format>, &file, section, problems))
    }

    /// The file is dealt with.
    pub fn leave(&mut self) {
        self.chain.pop();
    }
}

/// The file `path` with all of its bytes, for the first file of a configuration.
///
/// # Errors
/// A problem that says why.
pub fn first(path: &Path) -> Result<(String, Vec<u8>), Problems> {
    let shown = path.display().to_string();
    Disk.read("", &shown).map_err(|why| {
        let mut problems = Problems::new();
        problems.error(&Span::whole(&Arc::from(shown.as_str())), "", Reason::Unreadable { why });
        problems
    })
}
