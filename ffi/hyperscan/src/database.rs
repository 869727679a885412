//! A compiled database: immutable, shared by all workers.
//!
//! Made by `compile`, or read back from bytes; scanned by `scan`. Freed by whoever drops the last handle: let that be the
//! control core, since freeing some megabytes takes time.
//!
//! Sources: hs_common.h; the developer reference says a database may be used by any number of threads at once.

use std::ffi::{c_char, c_void};
use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyperscan_sys as sys;

use crate::platform::ok;

unsafe extern "C" {
    /// free(3): what the library takes for its own blocks, as no other allocator is set.
    fn free(block: *mut c_void);
}

/// Literals compiled for block scans.
pub struct Database {
    raw: NonNull<sys::hs_database_t>,
    /// Number of this database in this process, never used twice. A scratch remembers by it whom it is large enough for.
    serial: usize,
}

// SAFETY: a database is not tied to the thread that made it (developer reference, "Thread safety").
unsafe impl Send for Database {}
// SAFETY: nothing writes to a database after it was made; scans write to their scratch (as above).
unsafe impl Sync for Database {}

/// Why bytes did not become a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeserializeError {
    /// They are not a database, are cut, or are damaged.
    Damaged,
    /// Another version of the library made them. Compile again.
    OtherVersion,
    /// They were made for a processor with other features, or for another mode. Compile again.
    OtherPlatform,
    /// There is no memory.
    NoMemory,
    /// The library's own number for anything else.
    Other {
        /// `hs_error_t`.
        code: i32,
    },
}

impl fmt::Display for DeserializeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => write!(out, "the bytes are not a whole Hyperscan database; compile the rules again"),
            Self::OtherVersion => {
                write!(out, "another version of Hyperscan made this database; compile the rules again")
            }
            Self::OtherPlatform => {
                write!(out, "this database was made for another kind of processor or scan; compile the rules again")
            }
            Self::NoMemory => write!(out, "there is no memory for the database"),
            Self::Other { code } => write!(out, "Hyperscan did not read the database (error {code})"),
        }
    }
}

impl std::error::Error for DeserializeError {}

static SERIALS: AtomicUsize = AtomicUsize::new(0);

impl Database {
    /// # Safety
    /// `raw` is a block-mode database that nobody else owns.
    pub(crate) unsafe fn from_raw(raw: NonNull<sys::hs_database_t>) -> Self {
        // Relaxed: the numbers need to differ, nothing more.
        Self { raw, serial: SERIALS.fetch_add(1, Ordering::Relaxed) }
    }

    pub(crate) fn raw(&self) -> *const sys::hs_database_t {
        self.raw.as_ptr()
    }

    pub(crate) fn serial(&self) -> usize {
        self.serial
    }

    /// Bytes of memory it takes; 0 if the library does not tell.
    pub fn size(&self) -> usize {
        let mut size = 0;
        // SAFETY: `hs_database_size` needs a live database, which ours is, and a place for a number.
        let result = unsafe { sys::hs_database_size(self.raw(), &mut size) };
        if result == ok() { size } else { 0 }
    }

    /// The database as bytes, to keep on disk for the same version of the library and the same kind of processor. Empty when
    /// there is no memory for them.
    ///
    /// # Cost
    /// 0.1 to 0.3 ms for 3 MB (measured on the project's machine).
    pub fn serialize(&self) -> Vec<u8> {
        let mut bytes: *mut c_char = std::ptr::null_mut();
        let mut length = 0;
        // SAFETY: `hs_serialize_database` needs a live database, which ours is, and places for a pointer and a number.
        let result = unsafe { sys::hs_serialize_database(self.raw(), &mut bytes, &mut length) };
        if result != ok() || bytes.is_null() {
            return Vec::new();
        }
        // SAFETY: the slice needs `length` initialised bytes at `bytes` that nobody writes: the library has made them for us.
        let copy = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length) }.to_vec();
        // SAFETY: `free` needs a block of malloc's, once: the library took it from its default allocator and gave it to us.
        unsafe { free(bytes.cast::<c_void>()) };
        copy
    }

    /// Makes a database from what [`serialize`](Self::serialize) gave.
    ///
    /// A checksum of the library's finds damage (all but that of unused bytes at the end), not malice: whoever can write these bytes can make a scan read and write anywhere. Read them
    /// only from a place that others cannot write to.
    ///
    /// # Errors
    /// See [`DeserializeError`].
    ///
    /// # Cost
    /// 0.4 to 0.6 ms for 3 MB (measured on the project's machine).
    pub fn deserialize(bytes: &[u8]) -> Result<Self, DeserializeError> {
        let mut raw = std::ptr::null_mut();
        // SAFETY: `hs_deserialize_database` needs that many readable bytes, at any alignment, and a place for a pointer.
        let result = unsafe { sys::hs_deserialize_database(bytes.as_ptr().cast::<c_char>(), bytes.len(), &mut raw) };
        let Some(raw) = NonNull::new(raw).filter(|_| result == ok()) else {
            return Err(match result {
                sys::HS_INVALID | sys::HS_BAD_ALIGN => DeserializeError::Damaged,
                sys::HS_DB_VERSION_ERROR => DeserializeError::OtherVersion,
                sys::HS_DB_PLATFORM_ERROR | sys::HS_DB_MODE_ERROR => DeserializeError::OtherPlatform,
                sys::HS_NOMEM | sys::HS_BAD_ALLOC => DeserializeError::NoMemory,
                code => DeserializeError::Other { code },
            });
        };
        // SAFETY: the library has made this database for us. (A scan checks the mode itself.)
        Ok(unsafe { Self::from_raw(raw) })
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Database").field("serial", &self.serial).field("size", &self.size()).finish()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // SAFETY: `hs_free_database` needs a database that nobody uses, once: scans borrow it, and we are its last owner.
        let _freed = unsafe { sys::hs_free_database(self.raw.as_ptr()) };
    }
}
