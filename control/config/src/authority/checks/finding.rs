//! What a check is given and what it says.

use crate::{
    authority::{model::Authority, view::View},
    tree::{Level, Problem, Reason, Tree, shown_path},
};
use sluice_core::Severity;
use std::collections::HashMap;

/// What the configuration can't know. What is not known is `None`, and checks that need it say nothing.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Attacks of the installed database by name.
    pub attacks: Option<HashMap<String, Severity>>,
    /// Age of the installed database, days.
    pub database_age_days: Option<u32>,
    /// Processors of this machine.
    pub processors: Option<u16>,
    /// Memory of this machine, MiB.
    pub memory_mib: Option<u64>,
    /// What the engine needs for the profiles in use, MiB.
    pub needed_mib: Option<u64>,
    /// Whether the system runs in FIPS mode.
    pub fips: Fips,
    /// The other node of a pair, by the name of the router.
    pub partners: HashMap<String, Partner>,
    /// Version of the installed database.
    pub database_version: Option<String>,
    /// What is in force now.
    pub active: Option<Authority>,
}

/// FIPS mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fips {
    /// Off, or not known.
    #[default]
    Off,
    /// On, and all that inspection uses is allowed in it.
    Met,
    /// On, and inspection uses what is not allowed in it.
    InTheWay,
}

/// The other node of a pair, as it last said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partner {
    /// Profiles it inspects by, in the order of their names.
    pub profiles: Vec<String>,
    /// Version of its database.
    pub database_version: String,
    /// Its mode, as it is printed.
    pub mode: String,
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Number in the specification.
    pub number: u8,
    /// How bad it is.
    pub level: Level,
    /// Key words and names from the outermost level on.
    pub path: Vec<String>,
    /// The value it is about; empty: none.
    pub value: String,
    /// Why that is a problem.
    pub why: String,
    /// The smallest change.
    pub fix: String,
}

impl Finding {
    /// The problem, at its place in the text.
    pub fn into_problem(self, tree: &Tree) -> Problem {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let valued: Vec<&str> =
            path.iter().copied().chain((!self.value.is_empty()).then_some(self.value.as_str())).collect();
        Problem {
            level: self.level,
            place: tree.place(&valued),
            path: shown_path(path),
            reason: Reason::Check { number: self.number, value: self.value, why: self.why, fix: self.fix },
        }
    }
}

/// What checks are given, and where they say what they found.
pub struct Checks<'a> {
    /// The model.
    pub view: &'a View<'a>,
    /// The machine.
    pub facts: &'a Facts,
    /// What was found.
    pub found: Vec<Finding>,
}

impl Checks<'_> {
    /// Stops a commit.
    pub fn error(&mut self, number: u8, path: &[&str], value: &str, why: impl Into<String>, fix: impl Into<String>) {
        self.push(Level::Error, number, path, value, why.into(), fix.into());
    }

    /// Is said.
    pub fn warning(&mut self, number: u8, path: &[&str], value: &str, why: impl Into<String>, fix: impl Into<String>) {
        self.push(Level::Warning, number, path, value, why.into(), fix.into());
    }

    fn push(&mut self, level: Level, number: u8, path: &[&str], value: &str, why: String, fix: String) {
        let path = std::iter::once("authority").chain(path.iter().copied()).map(str::to_owned).collect();
        self.found.push(Finding { number, level, path, value: value.to_owned(), why, fix });
    }
}
