//! Which DPDK is loaded, and where its drivers are. Needs no started EAL.
//!
//! Called by `eal` and by `sluice doctor`. Never opens a driver.
//!
//! Sources: `rte_version` and `RTE_EAL_PMD_PATH` of DPDK 22.11.

use std::ffi::CStr;
use std::path::PathBuf;

use dpdk_sys as sys;

/// DPDK's own version string, such as `DPDK 22.11.11`.
pub fn version() -> String {
    // SAFETY: `rte_version` demands nothing and gives a static string.
    let text = unsafe { sys::rte_version() };
    // SAFETY: it is NUL-terminated and lives as long as the library.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_string_lossy().into_owned()
}

/// The folder EAL loads drivers from, as DPDK was built; `None` when they are linked into the library.
pub fn driver_folder() -> Option<PathBuf> {
    // SAFETY: `shim_driver_folder` demands nothing and gives a string literal.
    let text = unsafe { sys::shim_driver_folder() };
    // SAFETY: it is NUL-terminated and static.
    let text = unsafe { CStr::from_ptr(text) };
    let path = text.to_string_lossy();
    (!path.is_empty()).then(|| PathBuf::from(path.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_tells_its_version_before_eal_starts() {
        assert!(version().starts_with("DPDK "), "{}", version());
    }
}
