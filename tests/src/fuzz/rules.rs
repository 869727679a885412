//! Rules for targets that need some: text to rule set.

use sluice_detect::Ruleset;
use sluice_rules::{
    LoadOptions, RuleSet, Variables,
    compile::{ActionOrder, CompileOptions, Compiled, Names, Outside, compile},
    load_bytes,
};
use std::path::Path;

/// The name that rules of a target come from.
pub const FILE: &str = "fuzz.rules";

pub fn variables() -> Variables {
    let mut variables = Variables::default();
    variables.address.insert("HOME_NET".into(), "[10.0.0.0/8,fd00::/8]".into());
    variables.address.insert("EXTERNAL_NET".into(), "!$HOME_NET".into());
    variables.port.insert("HTTP_PORTS".into(), "[80,8080]".into());
    variables
}

pub fn load(text: &[u8]) -> RuleSet {
    let options = LoadOptions { variables: Some(variables()), ..LoadOptions::default() };
    load_bytes(Path::new(FILE), text, &options)
}

/// Compiles the first `most` rules of `set`; those that can't be used are left out.
pub fn compiled(set: &RuleSet, most: usize) -> Compiled {
    let variables = variables();
    let options = CompileOptions {
        variables: &variables,
        action_order: ActionOrder::default(),
        class_priority: &|_| None,
        limits: &[],
        outside: Outside { datasets: &set.datasets, ..Outside::default() },
        applications: sluice_app::AppSettings::default(),
        cache: None,
    };
    let rules = &set.rules[..set.rules.len().min(most)];
    compile(rules, &options, &mut Names::default(), 1).unwrap_or_else(|error| panic!("no rule set: {error:?}"))
}

/// The rule set of `text`.
pub fn ruleset(text: &[u8], most: usize) -> Ruleset {
    compiled(&load(text), most).ruleset
}
