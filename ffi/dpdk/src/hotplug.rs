//! Virtual devices that come and go while EAL runs: one for each capture of a replay.
//!
//! Used by the control side. Physical devices are named at the start and stay.
//!
//! Sources: DPDK 22.11 rte_dev.h (`rte_dev_probe`, `rte_eal_hotplug_remove`).

use std::ffi::CString;
use std::fmt;

use dpdk_sys as sys;

use crate::control;
use crate::eal::Eal;
use crate::port;

/// Why a device did not come or go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HotplugError {
    /// The description holds a NUL byte.
    NulInDevice {
        /// The description.
        device: String,
    },
    /// A `Port`, `StartedPort` or queue of the device is still held.
    InUse {
        /// The device.
        device: String,
    },
    /// DPDK said no: the device exists, is unknown, or its arguments are wrong (a capture that cannot be read, say).
    Refused {
        /// The device.
        device: String,
        /// DPDK's error number (errno(3)).
        errno: i32,
        /// What it logged meanwhile.
        log: String,
    },
}

impl fmt::Display for HotplugError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NulInDevice { device } => write!(out, "the device {device:?} holds a NUL byte; remove it"),
            Self::InUse { device } => write!(out, "device {device} is in use; drop its port and queues first"),
            Self::Refused { device, errno, log } => {
                let reason = std::io::Error::from_raw_os_error(*errno);
                write!(out, "DPDK refused device {device}: {reason}; check its name, arguments and files")?;
                if log.is_empty() { Ok(()) } else { write!(out, "; it said: {log}") }
            }
        }
    }
}

impl std::error::Error for HotplugError {}

impl Eal {
    /// Makes a virtual device from a description such as `net_pcap1,rx_pcap=incident.pcap` and gives its name. DPDK has no way
    /// to write a comma within a value.
    ///
    /// # Errors
    /// See [`HotplugError`].
    pub fn attach_vdev(&self, device: &str) -> Result<String, HotplugError> {
        let text = c_string(device)?;
        let mut control = control::lock();
        let (result, log) = control.with_log(|| {
            // SAFETY: `rte_dev_probe` needs a started EAL (`self`), a NUL-terminated string, and no other control call (the
            // lock).
            unsafe { sys::rte_dev_probe(text.as_ptr()) }
        });
        if result < 0 {
            return Err(HotplugError::Refused { device: device.to_owned(), errno: -result, log });
        }
        Ok(device.split(',').next().unwrap_or_default().to_owned())
    }

    /// Removes a virtual device by its name, such as `net_pcap1`, so that the name can be used again. Its port may have been
    /// closed before or never opened.
    ///
    /// # Errors
    /// See [`HotplugError`].
    pub fn detach_vdev(&self, name: &str) -> Result<(), HotplugError> {
        let text = c_string(name)?;
        let mut control = control::lock();
        if port::id_of(&text).is_some_and(|id| control.claimed.contains(&id)) {
            return Err(HotplugError::InUse { device: name.to_owned() });
        }
        let (result, log) = control.with_log(|| {
            // SAFETY: `rte_eal_hotplug_remove` needs a started EAL (`self`), two NUL-terminated strings, no other control call
            // (the lock), and that nobody uses the device: a used port is claimed, which was asked above under the same lock.
            unsafe { sys::rte_eal_hotplug_remove(c"vdev".as_ptr(), text.as_ptr()) }
        });
        if result < 0 {
            return Err(HotplugError::Refused { device: name.to_owned(), errno: -result, log });
        }
        Ok(())
    }
}

fn c_string(device: &str) -> Result<CString, HotplugError> {
    CString::new(device).map_err(|_| HotplugError::NulInDevice { device: device.to_owned() })
}
