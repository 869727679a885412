//! Literals and their compilation.
//!
//! Called by the control side when rules change: allocates, takes time, may be called on any thread.
//!
//! Bytes go to `hs_compile_lit_multi` as they are, NULs and all. Vectorscan 5.4.9 refuses there a literal whose first byte is
//! NUL; only then, and only if there is such a literal, the whole set is compiled as expressions of `\xNN` instead, which means
//! the same (the database is then larger).
//!
//! Sources: hs_compile.h; the refusal was seen with Debian's libvectorscan5 5.4.9-1.

use std::ffi::{CStr, CString, c_char, c_uint};
use std::fmt;
use std::fmt::Write as _;
use std::ptr::NonNull;

use hyperscan_sys as sys;

use crate::database::Database;
use crate::platform::{self, ok};

/// A row of bytes to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// The bytes, any of them, one at least.
    pub bytes: Vec<u8>,
    /// What a match is reported as. Several literals may have the same.
    pub id: u32,
    /// ASCII letters match in both cases.
    pub caseless: bool,
    /// Report the first match in a scan only. Per id: all literals of one id should agree.
    pub single_match: bool,
}

/// How a database is going to be scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// Each scan sees all its data at once and remembers nothing.
    Block,
}

/// Why literals did not become a database.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompileError {
    /// There is nothing to look for.
    NoLiterals,
    /// An empty literal would match everywhere.
    EmptyLiteral {
        /// Its id.
        id: u32,
    },
    /// More literals than the library can count.
    TooMany {
        /// How many.
        count: usize,
    },
    /// The library cannot run on this processor.
    UnsupportedCpu,
    /// There is no memory.
    NoMemory,
    /// The library said no.
    Refused {
        /// The literal it names, if it does.
        id: Option<u32>,
        /// Its words.
        message: String,
    },
}

impl fmt::Display for CompileError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLiterals => write!(out, "there is no literal to compile"),
            Self::EmptyLiteral { id } => write!(out, "literal {id} is empty and would match everywhere"),
            Self::TooMany { count } => write!(out, "{count} literals are more than one database can hold; split them"),
            Self::UnsupportedCpu => platform::UnsupportedCpu.fmt(out),
            Self::NoMemory => write!(out, "there is no memory to compile the literals"),
            Self::Refused { id: Some(id), message } => write!(out, "literal {id} was refused: {message}"),
            Self::Refused { id: None, message } => write!(out, "the literals were refused: {message}"),
        }
    }
}

impl std::error::Error for CompileError {}

/// Longest literal given to the library's literal compiler, bytes. In Hyperscan 5.4.0 that compiler makes databases whose scans fail
/// with HS_UNKNOWN_ERROR: seen with literals over 64 bytes that end in a run of one byte, and with long caseless ones reported once only.
/// The compiler for expressions does not, and takes the others. Callers who want the faster one keep to this length.
pub const LONGEST_PLAIN: usize = 32;

impl Database {
    /// Compiles `literals` into one database.
    ///
    /// # Errors
    /// See [`CompileError`].
    ///
    /// # Cost
    /// 0.3 s for 20,666 literals of the Emerging Threats rules (measured on the project's machine, quiet). Never panics.
    pub fn compile_literals(literals: &[Literal], mode: Mode) -> Result<Self, CompileError> {
        if literals.is_empty() {
            return Err(CompileError::NoLiterals);
        }
        if let Some(empty) = literals.iter().find(|literal| literal.bytes.is_empty()) {
            return Err(CompileError::EmptyLiteral { id: empty.id });
        }
        if platform::platform().is_err() {
            return Err(CompileError::UnsupportedCpu);
        }
        let plain = |literal: &Literal| !literal.single_match && literal.bytes.len() <= LONGEST_PLAIN;
        if !literals.iter().all(plain) {
            return compile_expressions(literals, mode);
        }
        let refused = match compile_bytes(literals, mode) {
            Err(refused @ CompileError::Refused { .. }) => refused,
            answer => return answer,
        };
        if literals.iter().any(|literal| literal.bytes.first() == Some(&0)) {
            return compile_expressions(literals, mode);
        }
        Err(refused)
    }
}

/// Flags and ids, as the library takes them, and how many.
struct Columns {
    flags: Vec<c_uint>,
    ids: Vec<c_uint>,
    count: c_uint,
}

impl Columns {
    fn of(literals: &[Literal]) -> Result<Self, CompileError> {
        // The library counts in `unsigned` and tells the place of an error in `int`.
        let count = i32::try_from(literals.len()).map_err(|_| CompileError::TooMany { count: literals.len() })?;
        let flag = |set: bool, flag: u32| if set { flag } else { 0 };
        let flags = |literal: &Literal| {
            flag(literal.caseless, sys::HS_FLAG_CASELESS) | flag(literal.single_match, sys::HS_FLAG_SINGLEMATCH)
        };
        Ok(Self {
            flags: literals.iter().map(flags).collect(),
            ids: literals.iter().map(|literal| literal.id).collect(),
            count: count.unsigned_abs(),
        })
    }
}

const fn mode_flag(mode: Mode) -> c_uint {
    match mode {
        Mode::Block => sys::HS_MODE_BLOCK,
    }
}

/// By the library's own literal compiler.
fn compile_bytes(literals: &[Literal], mode: Mode) -> Result<Database, CompileError> {
    let columns = Columns::of(literals)?;
    let starts: Vec<*const c_char> = literals.iter().map(|literal| literal.bytes.as_ptr().cast()).collect();
    let lengths: Vec<usize> = literals.iter().map(|literal| literal.bytes.len()).collect();
    let (mut raw, mut error) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: `hs_compile_lit_multi` needs four columns of `count` entries each, all made from `literals` above; as many
    // readable bytes at each start as the length beside it says; null for "this machine"; and places for two pointers.
    let result = unsafe {
        sys::hs_compile_lit_multi(
            starts.as_ptr(),
            columns.flags.as_ptr(),
            columns.ids.as_ptr(),
            lengths.as_ptr(),
            columns.count,
            mode_flag(mode),
            std::ptr::null(),
            &mut raw,
            &mut error,
        )
    };
    finish(literals, result, raw, error)
}

/// By the compiler for regular expressions, every byte written as `\xNN`.
fn compile_expressions(literals: &[Literal], mode: Mode) -> Result<Database, CompileError> {
    let columns = Columns::of(literals)?;
    let expressions: Vec<CString> = literals.iter().map(expression).collect();
    let starts: Vec<*const c_char> = expressions.iter().map(|text| text.as_ptr()).collect();
    let (mut raw, mut error) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: `hs_compile_multi` needs three columns of `count` entries each, all made from `literals` above; NUL-terminated
    // strings, which `expressions` keeps alive; null for "this machine"; and places for two pointers.
    let result = unsafe {
        sys::hs_compile_multi(
            starts.as_ptr(),
            columns.flags.as_ptr(),
            columns.ids.as_ptr(),
            columns.count,
            mode_flag(mode),
            std::ptr::null(),
            &mut raw,
            &mut error,
        )
    };
    finish(literals, result, raw, error)
}

/// The literal as an expression that matches it and nothing else.
fn expression(literal: &Literal) -> CString {
    let mut text = String::with_capacity(literal.bytes.len() * 4);
    for byte in &literal.bytes {
        // Writing to a string does not fail.
        let _infallible = write!(text, "\\x{byte:02x}");
    }
    // Backslashes and hexadecimal digits only, so there is no NUL to refuse.
    CString::new(text).unwrap_or_default()
}

/// The library's answer, as a database or an error.
fn finish(
    literals: &[Literal],
    result: sys::hs_error_t,
    raw: *mut sys::hs_database_t,
    error: *mut sys::hs_compile_error_t,
) -> Result<Database, CompileError> {
    let told = take_error(error);
    match NonNull::new(raw) {
        // SAFETY: `from_raw` needs a block-mode database nobody else owns: the library has made it for us, in that mode.
        Some(raw) if result == ok() => Ok(unsafe { Database::from_raw(raw) }),
        _ if matches!(result, sys::HS_NOMEM | sys::HS_BAD_ALLOC) => Err(CompileError::NoMemory),
        _ => {
            let (place, message) = told.unwrap_or_else(|| (-1, format!("error {result}")));
            let id = usize::try_from(place).ok().and_then(|place| literals.get(place)).map(|literal| literal.id);
            Err(CompileError::Refused { id, message })
        }
    }
}

/// The place and the words of an error of the library's, which is freed.
fn take_error(error: *mut sys::hs_compile_error_t) -> Option<(i32, String)> {
    let error = NonNull::new(error)?;
    // SAFETY: a read needs a live error: the library has made it for us and it is freed below.
    let sys::hs_compile_error_t { message, expression: place } = unsafe { error.read() };
    let message = if message.is_null() {
        String::new()
    } else {
        // SAFETY: the message is a NUL-terminated string that lives as long as the error.
        unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned()
    };
    // SAFETY: `hs_free_compile_error` needs an error of the library's, once; nothing of it is used again.
    let _freed = unsafe { sys::hs_free_compile_error(error.as_ptr()) };
    Some((place, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Next, Scratch};

    fn literal(bytes: &[u8], id: u32) -> Literal {
        Literal { bytes: bytes.to_vec(), id, caseless: false, single_match: false }
    }

    fn found(database: &Database, data: &[u8]) -> Vec<(u32, usize)> {
        let mut scratch = Scratch::for_databases(&[database]).unwrap();
        let mut found = Vec::new();
        let outcome = database.scan(&mut scratch, data, |id, end| {
            found.push((id, end));
            Next::Continue
        });
        assert!(outcome.is_ok(), "{outcome:?}");
        found.sort_unstable();
        found
    }

    #[test]
    fn an_empty_set_and_an_empty_literal_are_refused_by_name() {
        assert_eq!(Database::compile_literals(&[], Mode::Block).unwrap_err(), CompileError::NoLiterals);
        let set = [literal(b"a", 1), literal(b"", 77)];
        let refused = Database::compile_literals(&set, Mode::Block).unwrap_err();
        assert_eq!(refused, CompileError::EmptyLiteral { id: 77 });
        assert_eq!(refused.to_string(), "literal 77 is empty and would match everywhere");
    }

    #[test]
    fn expressions_find_what_the_literal_compiler_finds() {
        let mut set =
            vec![literal(b"\0\x01\x02\x03", 1), literal(b"\xff\xfe", 2), literal(b"a.b\\", 3), literal(b"\0", 4)];
        set.push(Literal { bytes: b"GeT\0".to_vec(), id: 5, caseless: true, single_match: true });
        let data = b"..\0\x01\x02\x03..\xff\xfe..a.b\\..axb\\..get\0..GET\0.";
        let by_bytes = compile_bytes(&set, Mode::Block).unwrap();
        let by_expressions = compile_expressions(&set, Mode::Block).unwrap();
        assert_eq!(found(&by_bytes, data), found(&by_expressions, data));
        assert_eq!(found(&by_bytes, data).len(), 7);
    }

    #[test]
    fn a_refusal_names_the_literal() {
        // Longer than an expression may be.
        let set = [literal(b"short", 1), literal(&[7; 40_000], 2)];
        match Database::compile_literals(&set, Mode::Block) {
            Err(CompileError::Refused { id, message }) => assert!(id == Some(2) || !message.is_empty()),
            other => panic!("{other:?}"),
        }
    }

    /// Found on a real rule set: with a caseless literal of 80 bytes that is reported once, every scan failed.
    #[test]
    fn a_short_literal_is_found_in_short_data_whatever_stands_beside_it() {
        let long = b"TVqQAAMAAAAEAAAA//8AALgAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_ascii_lowercase();
        for length in 1..=long.len() {
            for (caseless, single_match) in [(false, false), (false, true), (true, false), (true, true)] {
                let mut set = [literal(&long[..length], 0), literal(b"ymsg", 1)];
                for literal in &mut set {
                    literal.caseless = caseless;
                    literal.single_match = single_match;
                }
                let database = Database::compile_literals(&set, Mode::Block).unwrap();
                for data in [&b"ymsg"[..], b"ymsgaaaaaaaa", b"...ymsg", b"aaaaaaaaaaaaaaaaaaaaaaaaymsgaaaaaaaaaaaa"] {
                    assert!(
                        found(&database, data).iter().any(|(id, _)| *id == 1),
                        "{length} {caseless} {single_match} {data:?}"
                    );
                }
            }
        }
    }

    /// The defect that made [`LONGEST_PLAIN`]: literals of 67 to 76 bytes that end in a run of one byte made every scan near them fail.
    #[test]
    fn long_literals_with_runs_are_found_and_no_scan_fails() {
        let text = b"TVqQAAMAAAAEAAAA//8AALgAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_ascii_lowercase();
        for caseless in [false, true] {
            for length in 1..=text.len() {
                let mut set = [literal(&text[..length], 0), literal(b"ymsg", 1), literal(b"zzzzzzzzz", 2)];
                set.iter_mut().for_each(|literal| literal.caseless = caseless);
                let database = Database::compile_literals(&set, Mode::Block).unwrap();
                for tail in 0..12 {
                    let mut data = b"..".to_vec();
                    data.extend(&text[..length]);
                    data.extend(vec![b'a'; tail]);
                    assert!(found(&database, &data).iter().any(|(id, _)| *id == 0), "{caseless} {length} {tail}");
                }
            }
        }
    }
}
