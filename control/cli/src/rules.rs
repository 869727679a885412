//! Loading rules and telling about them: shared by the commands.

use crate::exit::Exit;
use serde_json::{Value, json};
use sluice_config::{Assigned, Settings};
use sluice_core::{Direction, HashKey};
use sluice_detect::ruleset::Class;
use sluice_rules::{Diagnostic, Severity};
use sluice_service::{LoadedRules, RuleLoader, RuleSources};
use std::path::{Path, PathBuf};

/// Most mistakes printed; the rest is counted.
const MOST_ERRORS: usize = 50;
/// Most warnings printed; the rest is counted.
const MOST_WARNINGS: usize = 10;

/// Options shared by commands that take settings.
#[derive(clap::Args)]
pub struct SettingArguments {
    /// A setting, PATH=VALUE; may be given several times.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
}

impl SettingArguments {
    /// The settings, or every assignment that is wrong, printed.
    pub fn settings(&self) -> Result<Settings, Exit> {
        let mut settings = Settings::default();
        let mut sound = true;
        for assignment in &self.set {
            match settings.assign(assignment) {
                Ok(Assigned::InForce) => {}
                Ok(Assigned::NotYet) => {
                    tracing::warn!("--set {assignment}: known, but what it sets does not exist here yet; not in force")
                }
                Err(error) => {
                    sound = false;
                    tell!("sluice: {error}");
                }
            }
        }
        if let Some(words) = settings.contradiction() {
            sound = false;
            tell!("sluice: {words}");
        }
        if sound { Ok(settings) } else { Err(Exit::Misuse) }
    }
}

/// Loads `paths`; a path that does not exist is a missing thing. Also gives the loader, for the rule sets that follow.
pub fn load(paths: &[PathBuf], settings: &Settings, hash: HashKey) -> Result<(RuleLoader, LoadedRules), Exit> {
    let mut missing = false;
    for path in paths {
        if !path.exists() {
            missing = true;
            tell!("sluice: {}: no such file or folder; give a .rules file or a folder of them", path.display());
        } else if path.is_dir() && !holds_rules(path) {
            missing = true;
            tell!("sluice: {}: no .rules file in this folder (its subfolders are not searched)", path.display());
        }
    }
    if missing {
        return Err(Exit::Misuse);
    }
    compile(RuleSources { paths: paths.to_vec(), bundled: Vec::new() }, settings, hash)
}

fn holds_rules(folder: &Path) -> bool {
    std::fs::read_dir(folder)
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.path().extension().is_some_and(|end| end == "rules")))
}

/// Compiles `sources`.
pub fn compile(sources: RuleSources, settings: &Settings, hash: HashKey) -> Result<(RuleLoader, LoadedRules), Exit> {
    let mut loader = RuleLoader::new(sources, settings.clone(), hash);
    match loader.load() {
        Ok(loaded) => Ok((loader, loaded)),
        Err(error) => {
            tell!("sluice: {error}");
            Err(Exit::Unsound)
        }
    }
}

/// Prints what is wrong, mistakes first; unsupported rules as a table by feature.
pub fn print_diagnostics(rules: &LoadedRules, with_warnings: bool) {
    for (severity, most) in [(Severity::Error, MOST_ERRORS), (Severity::Warning, MOST_WARNINGS)] {
        if severity == Severity::Warning && !with_warnings {
            continue;
        }
        let found: Vec<&Diagnostic> =
            rules.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).collect();
        for diagnostic in found.iter().take(most) {
            tell!("{diagnostic}");
        }
        if found.len() > most {
            let what = if severity == Severity::Error { "mistakes" } else { "warnings" };
            tell!("... and {} more {what}; --json lists all", found.len() - most);
        }
    }
}

/// `rules: {accepted, refused, waiting, disabled, skipped}` and the list of diagnostics.
pub fn as_json(rules: &LoadedRules) -> Value {
    let diagnostics: Vec<Value> = rules.diagnostics.iter().map(diagnostic).collect();
    let groups: Vec<Value> = rules
        .ruleset
        .groups()
        .iter()
        .zip(Class::ALL.into_iter().flat_map(|class| Direction::ALL.map(|direction| (class, direction))))
        .map(|(group, (class, direction))| {
            let [literals, by_port, always, once] = group.sizes();
            json!({
                "class": class.name(), "direction": direction.name(), "literals": literals,
                "rules_by_port": by_port, "rules_on_each_packet": always, "rules_once_per_flow": once,
            })
        })
        .collect();
    json!({
        "rules": {
            "accepted": rules.accepted,
            "refused": rules.refused,
            "waiting": rules.waiting_total(),
            "disabled": rules.disabled,
            "skipped": rules.skipped,
        },
        "waiting_for": rules.waiting,
        "groups": groups,
        "diagnostics": diagnostics,
    })
}

fn diagnostic(diagnostic: &Diagnostic) -> Value {
    let (severity, feature) = match diagnostic.severity {
        Severity::Error => ("error", None),
        Severity::Warning => ("warning", None),
        Severity::Unsupported { feature } => ("unsupported", Some(feature)),
    };
    json!({
        "severity": severity,
        "feature": feature,
        "file": diagnostic.file.to_string_lossy(),
        "line": diagnostic.line,
        "column": diagnostic.column,
        "sid": diagnostic.sid,
        "value": diagnostic.value,
        "reason": diagnostic.problem.to_string(),
        "remedy": diagnostic.problem.remedy(),
    })
}
