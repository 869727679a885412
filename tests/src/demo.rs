//! The demo capture: an afternoon in a branch office, ten minutes of it.
//!
//! Called by the captures test, which holds `tests/demo/branch-office.pcap` to it. `office` is what goes on every day,
//! `attacks` is what goes wrong. [`ALERTS`] says what the starter rules must find; everything else must be silent.

pub mod attacks;
pub mod office;

use crate::traffic::Capture;

/// Milliseconds the capture lasts, about.
pub const LENGTH_MS: u64 = 600_000;

/// Starter rules that must alert on the demo capture, and how often.
pub const ALERTS: &[(u64, u64)] = &[
    (9_000_001, 2),
    (9_000_003, 3),
    (9_000_005, 1),
    (9_000_006, 2),
    (9_000_007, 1),
    (9_000_008, 1),
    (9_000_009, 1),
    (9_000_011, 1),
    (9_000_012, 1),
    (9_000_014, 1),
    (9_000_016, 1),
    (9_000_017, 1),
    (9_000_019, 1),
    (9_000_020, 12),
    (9_000_021, 1),
    (9_000_022, 3),
    (9_000_025, 20),
    (9_000_028, 1),
    (9_000_030, 3),
    (9_000_031, 2),
];

/// The capture.
pub fn capture() -> Capture {
    let mut capture = office::traffic();
    capture.add(attacks::traffic());
    capture
}
