//! The outermost level.
//!
//! `system`, `detection`, `events` and `measure` are open: their words are those of `--set PATH=VALUE` and are refused or accepted by [`crate::Settings`].

use super::{
    authority::AUTHORITY,
    kind::{Entry, OPEN, Section},
    services::{APPLICATIONS, INTERFACES, POLICY_OPTIONS, SERVICES},
};

/// All that can be said.
pub static ROOT: Section = Section::of(&[
    Entry::section("system", &OPEN_SECTION),
    Entry::section("authority", &AUTHORITY),
    Entry::section("interfaces", &INTERFACES),
    Entry::section("services", &SERVICES),
    Entry::section("policy-options", &POLICY_OPTIONS),
    Entry::section("applications", &APPLICATIONS),
    Entry::section("detection", &OPEN_SECTION),
    Entry::section("events", &OPEN_SECTION),
    Entry::section("measure", &OPEN_SECTION),
]);

/// Those of them that hold settings.
pub const SETTINGS: [&str; 4] = ["system", "detection", "events", "measure"];

static OPEN_SECTION: Section = OPEN;
