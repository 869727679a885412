//! Which library is loaded, and what of this processor it uses.
//!
//! Called at start and by diagnostics. Never in the packet path.
//!
//! Sources: hs_valid_platform, hs_populate_platform and hs_version of the developer reference.

use std::ffi::CStr;
use std::fmt;
use std::mem::MaybeUninit;

use hyperscan_sys as sys;

/// What the library will use of this processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    /// Vectors of 32 bytes.
    pub avx2: bool,
    /// Vectors of 64 bytes.
    pub avx512: bool,
    /// Byte permutations over 64 bytes.
    pub avx512vbmi: bool,
}

/// The processor lacks what the library cannot do without: SSSE3 (Hyperscan), SSE4.2 (Vectorscan).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsupportedCpu;

impl fmt::Display for UnsupportedCpu {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "this processor is too old for Hyperscan: it needs SSSE3 (Vectorscan: SSE4.2)")
    }
}

impl std::error::Error for UnsupportedCpu {}

/// Which library is loaded and what of this processor it uses, in words: databases are good for both alike.
pub fn version_and_features() -> String {
    format!("{} {:?}", version(), platform().ok())
}

/// What the library will use of this processor.
///
/// # Errors
/// `UnsupportedCpu`: it cannot run here.
pub fn platform() -> Result<Platform, UnsupportedCpu> {
    // SAFETY: `hs_valid_platform` demands nothing.
    let result = unsafe { sys::hs_valid_platform() };
    if result != ok() {
        return Err(UnsupportedCpu);
    }
    let mut found = MaybeUninit::<sys::hs_platform_info_t>::zeroed();
    // SAFETY: `hs_populate_platform` needs a place for the answer.
    let result = unsafe { sys::hs_populate_platform(found.as_mut_ptr()) };
    if result != ok() {
        return Err(UnsupportedCpu);
    }
    // SAFETY: numbers only, valid as the zeroes they were and as the library has filled them in.
    let features = unsafe { found.assume_init() }.cpu_features;
    let has = |bit: u32| features & u64::from(bit) != 0;
    Ok(Platform {
        avx2: has(sys::HS_CPU_FEATURES_AVX2),
        avx512: has(sys::HS_CPU_FEATURES_AVX512),
        avx512vbmi: has(sys::HS_CPU_FEATURES_AVX512VBMI),
    })
}

/// The library's own version string, such as `5.4.0 2023-01-01`.
pub fn version() -> String {
    // SAFETY: `hs_version` demands nothing and gives a static string.
    let text = unsafe { sys::hs_version() };
    if text.is_null() {
        return String::new();
    }
    // SAFETY: it is NUL-terminated and lives as long as the library.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_string_lossy().into_owned()
}

/// `HS_SUCCESS` in the type the functions answer in.
pub(crate) const fn ok() -> sys::hs_error_t {
    sys::HS_SUCCESS as sys::hs_error_t
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_tells_its_version_and_runs_here() {
        assert!(version().starts_with("5."), "{}", version());
        assert!(platform().is_ok());
    }
}
