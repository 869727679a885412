//! Scratch space: what a scan writes to. One for each worker.
//!
//! Made and grown by the control side before the worker gets the databases it is for; never in the packet path.
//!
//! Hyperscan checks only some of the sizes when a scan begins, and writes past the end of a scratch that is too small in
//! another. So a scratch knows its databases, and a scan with another one is refused.
//!
//! Sources: hs_runtime.h; developer reference, "Scratch space".

use std::fmt;
use std::ptr::NonNull;

use hyperscan_sys as sys;

use crate::database::Database;
use crate::platform::ok;

/// Working memory for scans with the databases it was made for. `Send`, not `Sync`.
///
/// ```compile_fail,E0277
/// fn shared<T: Sync>() {}
/// shared::<sluice_hyperscan::Scratch>();
/// ```
/// ```
/// fn moved<T: Send>() {}
/// fn shared<T: Sync>() {}
/// moved::<sluice_hyperscan::Scratch>();
/// shared::<sluice_hyperscan::Database>();
/// ```
pub struct Scratch {
    /// Absent until a database was named, and after a failed growth.
    raw: Option<NonNull<sys::hs_scratch_t>>,
    /// A bit for each database it is large enough for, by serial number.
    databases: Vec<u64>,
}

// SAFETY: a scratch is not tied to a thread; it must not be used by two at once, and it is not `Sync`.
unsafe impl Send for Scratch {}

/// There is no scratch of that size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScratchError {
    /// There is no memory.
    NoMemory,
    /// The library's own number for anything else.
    Other {
        /// `hs_error_t`.
        code: i32,
    },
}

impl fmt::Display for ScratchError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMemory => write!(out, "there is no memory for scanning"),
            Self::Other { code } => write!(out, "Hyperscan gave no memory for scanning (error {code})"),
        }
    }
}

impl std::error::Error for ScratchError {}

impl Scratch {
    /// Working memory large enough for each of `databases` in turn.
    ///
    /// # Errors
    /// See [`ScratchError`].
    ///
    /// # Cost
    /// Some kilobytes, and a bit for each database ever made. Allocates.
    pub fn for_databases(databases: &[&Database]) -> Result<Self, ScratchError> {
        let mut scratch = Self { raw: None, databases: Vec::new() };
        for database in databases {
            scratch.grow(database)?;
        }
        Ok(scratch)
    }

    /// Makes it large enough for `database` as well.
    ///
    /// # Errors
    /// See [`ScratchError`]. The scratch may then be good for no database at all, and says so in scans.
    pub fn grow(&mut self, database: &Database) -> Result<(), ScratchError> {
        let mut raw = self.raw.map_or(std::ptr::null_mut(), NonNull::as_ptr);
        // SAFETY: `hs_alloc_scratch` needs a live database and a place that holds null or a scratch nobody uses: ours, and we
        // hold `&mut self`. It leaves the scratch we own from now on there, or null.
        let result = unsafe { sys::hs_alloc_scratch(database.raw(), &mut raw) };
        self.raw = NonNull::new(raw);
        if result != ok() {
            self.databases.clear();
            return Err(error_of(result));
        }
        let (word, bit) = place_of(database);
        if self.databases.len() <= word {
            self.databases.resize(word + 1, 0);
        }
        if let Some(bits) = self.databases.get_mut(word) {
            *bits |= bit;
        }
        Ok(())
    }

    /// Another one, good for the same databases.
    ///
    /// # Errors
    /// See [`ScratchError`].
    pub fn duplicate(&self) -> Result<Self, ScratchError> {
        let Some(ours) = self.raw else { return Ok(Self { raw: None, databases: Vec::new() }) };
        let mut raw = std::ptr::null_mut();
        // SAFETY: `hs_clone_scratch` needs a scratch nobody uses, which ours is (not `Sync`, and scans take `&mut`), and a
        // place for a pointer.
        let result = unsafe { sys::hs_clone_scratch(ours.as_ptr(), &mut raw) };
        if result != ok() {
            return Err(error_of(result));
        }
        Ok(Self { raw: NonNull::new(raw), databases: self.databases.clone() })
    }

    /// Bytes of memory it takes; 0 when it has none yet.
    pub fn size(&self) -> usize {
        let Some(raw) = self.raw else { return 0 };
        let mut size = 0;
        // SAFETY: `hs_scratch_size` needs a live scratch, which ours is, and a place for a number.
        let result = unsafe { sys::hs_scratch_size(raw.as_ptr(), &mut size) };
        if result == ok() { size } else { 0 }
    }

    /// The scratch for a scan with `database`, if it is large enough for it.
    #[inline]
    pub(crate) fn fit_for(&mut self, database: &Database) -> Option<NonNull<sys::hs_scratch_t>> {
        let (word, bit) = place_of(database);
        let fits = self.databases.get(word).is_some_and(|bits| bits & bit != 0);
        self.raw.filter(|_| fits)
    }
}

/// Where the bit of a database lies.
#[inline]
fn place_of(database: &Database) -> (usize, u64) {
    let serial = database.serial();
    (serial / 64, 1 << (serial % 64))
}

fn error_of(code: sys::hs_error_t) -> ScratchError {
    match code {
        sys::HS_NOMEM | sys::HS_BAD_ALLOC => ScratchError::NoMemory,
        code => ScratchError::Other { code },
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Scratch").field("size", &self.size()).finish()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(raw) = self.raw {
            // SAFETY: `hs_free_scratch` needs a scratch that nobody uses, once: scans borrow it, and we are its owner.
            let _freed = unsafe { sys::hs_free_scratch(raw.as_ptr()) };
        }
    }
}
