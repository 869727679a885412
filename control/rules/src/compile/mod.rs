//! Compiles typed rules into the rule set that workers read.
//!
//! Called by `sluice-service` and the command line after [`crate::load`]. `rule` compiles one rule, `program` its contents and the like, `check`
//! its header keywords, `order` puts rules into the order they are judged in, `names` gives numbers to flow bits and their kin, `limits` reads what `threshold.config` asks. A rule that needs
//! what the engine does not have is left out with the feature's name: nothing is half done in silence.

mod app;
mod check;
mod file;
mod hook;
pub mod limits;
mod names;
mod order;
mod program;
mod rule;
mod tls;
mod transform;

pub use names::{Kind as NameKind, Names};
pub use order::ActionOrder;

use crate::{
    DatasetData, Diagnostic, MatchKind, Severity,
    diagnostic::Problem,
    syntax::{keyword::dataset::DatasetOperation, rule::Rule as Syntax},
    variables::{Resolver, Variables},
};
use sluice_app::AppSettings;
use sluice_detect::{
    Ruleset, RulesetBuilder,
    dataset::Dataset,
    literals::{DatabaseCache, FastPattern},
    prefix::{Countries, Reputations},
    rule::Rule,
    ruleset::BuildError,
    threshold,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// What the settings and the files around a rule set add to it.
pub struct CompileOptions<'a> {
    /// Variables of headers.
    pub variables: &'a Variables,
    /// Order in which actions are judged.
    pub action_order: ActionOrder,
    /// Priority of a class by its name.
    pub class_priority: &'a dyn Fn(&str) -> Option<u8>,
    /// Thresholds, rate filters and suppressions from `threshold.config`.
    pub limits: &'a [Limit],
    /// Lists that rules ask and that lie outside of them.
    pub outside: Outside<'a>,
    /// Parsers of application protocols: which are on.
    pub applications: AppSettings,
    /// Where compiled matchers are kept; none: they are compiled each time.
    pub cache: Option<&'a dyn DatabaseCache>,
}

/// Lists that rules ask and that lie outside of them.
#[derive(Clone, Debug, Default)]
pub struct Outside<'a> {
    /// Data sets as read: [`crate::RuleSet::datasets`].
    pub datasets: &'a [DatasetData],
    /// Reputations of addresses, for `iprep`.
    pub reputations: Option<KnownReputations>,
    /// Countries of addresses, for `geoip`.
    pub countries: Option<Arc<Countries>>,
}

/// Reputations and the names of their categories.
#[derive(Clone, Debug)]
pub struct KnownReputations {
    /// Numbers of categories by short name.
    pub categories: BTreeMap<Box<str>, u8>,
    /// The scores.
    pub table: Arc<Reputations>,
}

/// A data set and the file that is to hold its values when the run ends.
#[derive(Clone, Debug)]
pub struct SavedDataset {
    /// The set.
    pub set: Arc<Dataset>,
    /// The file, as the rule names it.
    pub file: Box<str>,
}

/// One line of `threshold.config`, resolved.
#[derive(Clone, Debug)]
pub struct Limit {
    /// The generator it is about; none: all.
    pub gid: Option<u32>,
    /// The signature it is about; none: all of the generator.
    pub sid: Option<u32>,
    /// What it does.
    pub kind: LimitKind,
}

/// What a line of `threshold.config` does.
#[derive(Clone, Debug)]
pub enum LimitKind {
    /// `threshold`, `event_filter` and `rate_filter`.
    Threshold(threshold::Threshold),
    /// `suppress`; without addresses the signature never speaks.
    Suppress(Option<threshold::Suppression>),
}

/// A compiled rule set and what was left out of it.
pub struct Compiled {
    /// The rule set.
    pub ruleset: Ruleset,
    /// For each rule of the rule set its place among the rules given.
    pub places: Vec<usize>,
    /// Why rules were left out, or are not all they could be.
    pub diagnostics: Vec<Diagnostic>,
    /// Rules left out for a mistake.
    pub refused: usize,
    /// Rules left out for a missing feature.
    pub unsupported: usize,
    /// Data sets that rules ask to be written to files (`save`, `state`).
    pub saved: Vec<SavedDataset>,
}

/// Why one rule can't be used.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    /// It needs this.
    Needs(&'static str),
    /// It is wrong.
    Wrong(Problem),
}

/// What one rule became.
pub(crate) struct CompiledRule {
    rule: Rule,
    fast_pattern: Option<FastPattern>,
    order: order::Key,
    warnings: Vec<Problem>,
}

/// Compiles `rules` into generation `generation`.
///
/// # Errors
/// [`BuildError`] when the prefilter's compiler refuses; a rule that can't be used is a diagnostic, not an error.
pub fn compile(
    rules: &[Syntax],
    options: &CompileOptions,
    names: &mut Names,
    generation: u32,
) -> Result<Compiled, BuildError> {
    let mut builder = RulesetBuilder::default();
    let mut resolver = Resolver::new(options.variables);
    let mut limits: HashMap<(Option<u32>, Option<u32>), Vec<&LimitKind>> = HashMap::new();
    for limit in options.limits {
        limits.entry((limit.gid, limit.sid)).or_default().push(&limit.kind);
    }
    let written = written(rules);
    for set in options.outside.datasets {
        names.learn_dataset(set, written.contains(&*set.name));
    }
    let mut compiled = Vec::new();
    let mut diagnostics = Vec::new();
    let (mut refused, mut unsupported) = (0, 0);
    for (place, syntax) in rules.iter().enumerate() {
        let mark = builder.mark();
        let result = rule::compile(syntax, options, &limits, &mut resolver, names, &mut builder);
        if result.is_err() {
            builder.forget(mark);
        }
        match result {
            Ok(done) => {
                for problem in &done.warnings {
                    diagnostics.push(whole(syntax, Severity::Warning, problem.clone()));
                }
                compiled.push((place, done));
            }
            Err((span, Refusal::Needs(feature))) => {
                unsupported += 1;
                let severity = Severity::Unsupported { feature };
                diagnostics.push(syntax.diagnostic(span, severity, Problem::Unsupported { feature }));
            }
            Err((span, Refusal::Wrong(problem))) => {
                refused += 1;
                diagnostics.push(syntax.diagnostic(span, Severity::Error, problem));
            }
        }
    }
    compiled.sort_by_key(|(place, done)| (done.order, *place));
    let places = compiled.iter().map(|(place, _)| *place).collect();
    for (place, mut done) in compiled {
        done.rule.since = rules.get(place).map_or(generation, |rule| names.since(rule.text.bytes(), generation));
        builder.rule(done.rule, done.fast_pattern);
    }
    names.forget_rules_not_in(generation);
    let saved = options
        .outside
        .datasets
        .iter()
        .filter_map(|set| Some(SavedDataset { set: names.known_dataset(&set.name)?, file: set.file.clone()? }));
    let saved = saved.collect();
    Ok(Compiled {
        ruleset: builder.build_with(generation, options.cache)?,
        places,
        diagnostics,
        refused,
        unsupported,
        saved,
    })
}

/// Names of the data sets that rules write to.
fn written<'r>(rules: &'r [Syntax]) -> BTreeSet<&'r str> {
    let matches = rules.iter().flat_map(|rule| &rule.matches);
    let name = |kind: &'r MatchKind| match kind {
        MatchKind::Dataset(set) if matches!(set.operation, DatasetOperation::Set | DatasetOperation::Unset) => {
            Some(&*set.name)
        }
        _ => None,
    };
    matches.filter_map(|found| name(&found.kind)).collect()
}

fn whole(syntax: &Syntax, severity: Severity, problem: Problem) -> Diagnostic {
    syntax.diagnostic(crate::Span::new(0, 0), severity, problem)
}
