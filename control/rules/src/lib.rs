//! The rule language: files of signatures to a typed syntax tree, with diagnostics.
//!
//! Called by `service` (load, reload) and the command line (check). Cold: nothing here runs per packet. `syntax`
//! reads the language, `file` loads files, `variables` resolves header expressions, `config` reads the files that
//! go with a rule set, `compile` makes the rule set that workers read.
#![forbid(unsafe_code)]

pub mod compile;
pub mod config;
pub mod dataset_file;
pub mod diagnostic;
pub mod file;
pub mod syntax;
pub mod variables;

pub use dataset_file::{DatasetData, DatasetEntry, DatasetPolicy};
pub use diagnostic::{Diagnostic, Problem, Severity, Span};
pub use file::{DisabledRule, LoadOptions, RuleSet, SkippedRule, load, load_bytes};
pub use syntax::header::{Action, Direction, Endpoint, Header};
pub use syntax::protocol::{AppProtocol, Protocol, TcpScope};
pub use syntax::rule::{BufferUse, Match, MatchKind, RawOption, Report, Rule};
pub use variables::{AddressSet, PortSet, Ranges, Resolver, Variables};
