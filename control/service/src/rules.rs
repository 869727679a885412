//! Rule files to a compiled rule set and the texts of its signatures.

use crate::cache::MatcherCache;
use sluice_config::{ActionWord, Settings, settings::RuleEdits};
use sluice_core::{Action, HashKey};
use sluice_detect::{Ruleset, literals::DatabaseCache, prefix::Countries, ruleset::BuildError};
use sluice_events::{MarkNames, Signature, signature::Target};
use sluice_rules::config::edits::{EditFile, Edits};
use sluice_rules::{
    DatasetPolicy, Diagnostic, LoadOptions, Rule, Severity, Variables,
    compile::{
        self, ActionOrder, CompileOptions, KnownReputations, Limit, NameKind, Names, Outside, SavedDataset, limits,
    },
    config::{self, classification, reference, reputation, threshold},
    dataset_file,
    diagnostic::Problem,
    syntax::keyword::meta,
};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where rules come from.
#[derive(Clone, Debug, Default)]
pub struct RuleSources {
    /// Files and folders.
    pub paths: Vec<PathBuf>,
    /// Rules that come with the product, by the name they are shown under.
    pub bundled: Vec<(PathBuf, &'static str)>,
}

/// A rule set ready for workers, and everything said about the rules it was made of.
pub struct LoadedRules {
    /// What workers read.
    pub ruleset: Arc<Ruleset>,
    /// Texts, by the number of the rule in the rule set.
    pub signatures: Arc<[Signature]>,
    /// Names of marks.
    pub names: MarkNames,
    /// Everything found, in the order of files and lines, what compiling found behind.
    pub diagnostics: Vec<Diagnostic>,
    /// Rules in use.
    pub accepted: usize,
    /// Rules that are wrong in the language.
    pub refused: usize,
    /// Rules that are valid and need what isn't here yet, by feature.
    pub waiting: BTreeMap<&'static str, usize>,
    /// Rules commented out by their publisher.
    pub disabled: usize,
    /// Rules that say themselves that they need another engine.
    pub skipped: usize,
}

impl LoadedRules {
    /// Rules left out for a missing feature.
    pub fn waiting_total(&self) -> usize {
        self.waiting.values().sum()
    }

    /// The first file that could not be read, with the reason; none when all could.
    pub fn first_unreadable(&self) -> Option<String> {
        let unreadable = |diagnostic: &&Diagnostic| matches!(diagnostic.problem, Problem::Unreadable { .. });
        self.diagnostics.iter().find(unreadable).map(ToString::to_string)
    }

    /// Whether some rule is wrong in the language.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Loads one rule set after the other from the same place. Keeps what must outlive each of them: the numbers of names, and since when rules are in force.
pub struct RuleLoader {
    sources: RuleSources,
    settings: Settings,
    names: Names,
    generation: u32,
    saved: Vec<SavedDataset>,
}

impl RuleLoader {
    /// A loader for `sources`. `hash` is the secret of this run's tables: data sets are spread by it.
    pub fn new(sources: RuleSources, settings: Settings, hash: HashKey) -> Self {
        Self { sources, settings, names: Names::new(hash), generation: 0, saved: Vec::new() }
    }

    /// Loads and compiles the next generation, the first being 1.
    ///
    /// # Errors
    /// [`BuildError`] when the prefilter's compiler refuses. Rules that can't be used are diagnostics.
    pub fn load(&mut self) -> Result<LoadedRules, BuildError> {
        self.generation += 1;
        let (loaded, saved) = load(&self.sources, &self.settings, &mut self.names, self.generation)?;
        // A set that a later generation no longer names is written all the same: its values were asked for.
        self.saved.retain(|old| saved.iter().all(|new| new.file != old.file));
        self.saved.extend(saved);
        Ok(loaded)
    }

    /// Writes the data sets that rules ask to be kept (`save`, `state`), below the folder of the settings or else `folder`.
    ///
    /// # Errors
    /// The file that could not be written, and why. The others are written all the same.
    pub fn write_datasets(&self, folder: &Path) -> Result<(), (PathBuf, io::Error)> {
        let folder = self.settings.dataset_folder.as_deref().unwrap_or(folder);
        let mut outcome = Ok(());
        for saved in &self.saved {
            let path = folder.join(&*saved.file);
            if let Err(error) = dataset_file::write(&saved.set, &path) {
                outcome = Err((path, error));
            }
        }
        outcome
    }
}

fn load(
    sources: &RuleSources,
    settings: &Settings,
    names: &mut Names,
    generation: u32,
) -> Result<(LoadedRules, Vec<SavedDataset>), BuildError> {
    let mut diagnostics = Vec::new();
    let variables = Variables { address: settings.variables.address.clone(), port: settings.variables.port.clone() };
    let classes = Classes::load(settings.classification_file.as_deref(), &mut diagnostics);
    let references = References::load(settings.reference_file.as_deref(), &mut diagnostics);
    let limits = limits(settings.threshold_file.as_deref(), &variables, &mut diagnostics);
    let datasets = DatasetPolicy {
        allow_write: settings.dataset_writes,
        folder: settings.dataset_folder.clone(),
        ..DatasetPolicy::default()
    };
    let edits = edits(&settings.rule_edits, &mut diagnostics);
    let options = LoadOptions { variables: Some(variables.clone()), datasets, edits, ..LoadOptions::default() };
    let mut set = sluice_rules::load(&sources.paths, &options);
    for (name, text) in &sources.bundled {
        let more = sluice_rules::load_bytes(name, text.as_bytes(), &options);
        set.rules.extend(more.rules);
        set.diagnostics.extend(more.diagnostics);
        set.disabled.extend(more.disabled);
        set.datasets.extend(more.datasets);
    }
    let class_priority = |class: &str| classes.by_name.get(class).map(|(_, priority)| *priority);
    let cache = MatcherCache::open(settings.cache_folder.as_deref());
    let compile_options = CompileOptions {
        variables: &variables,
        action_order: ActionOrder(settings.action_order.map(action)),
        class_priority: &class_priority,
        limits: &limits,
        outside: Outside {
            datasets: &set.datasets,
            reputations: reputations(settings, &mut diagnostics),
            countries: countries(settings.geoip_database.as_deref(), &mut diagnostics),
        },
        applications: settings.applications,
        cache: cache.as_ref().map(|cache| cache as &dyn DatabaseCache),
    };
    let compiled = compile::compile(&set.rules, &compile_options, names, generation)?;
    let signatures: Vec<Signature> = compiled
        .places
        .iter()
        .zip(compiled.ruleset.rules())
        .filter_map(|(place, rule)| Some(signature(set.rules.get(*place)?, rule.priority, &classes, &references)))
        .collect();
    diagnostics.extend(set.diagnostics);
    diagnostics.extend(compiled.diagnostics);
    let mut waiting: BTreeMap<&'static str, usize> = BTreeMap::new();
    for diagnostic in &diagnostics {
        if let Severity::Unsupported { feature } = diagnostic.severity {
            *waiting.entry(feature).or_default() += 1;
        }
    }
    let loaded = LoadedRules {
        accepted: compiled.ruleset.rules().len(),
        ruleset: Arc::new(compiled.ruleset),
        signatures: signatures.into(),
        names: MarkNames {
            bits: names.of(NameKind::FlowBit),
            ints: names.of(NameKind::FlowInt),
            texts: names.of(NameKind::Text),
        },
        diagnostics,
        refused: set.refused + compiled.refused,
        waiting,
        disabled: set.disabled.len(),
        skipped: set.skipped.len(),
    };
    Ok((loaded, compiled.saved))
}

/// What the operator changes in the rules.
fn edits(files: &RuleEdits, diagnostics: &mut Vec<Diagnostic>) -> Edits {
    let mut edits = Edits::default();
    let files = [
        (EditFile::Enable, &files.enable),
        (EditFile::Disable, &files.disable),
        (EditFile::Drop, &files.drop),
        (EditFile::Modify, &files.modify),
    ];
    for (kind, path) in files {
        let Some(path) = path.as_deref() else { continue };
        let (name, bytes) = read(Some(path), "", "", diagnostics);
        diagnostics.extend(edits.read(kind, &name, &bytes));
    }
    edits
}

/// Classes of our own, for runs that bring no `classification.config`.
const BUNDLED_CLASSES: &str = include_str!("../../rules/starter/classification.config");
/// Reference systems of our own, for runs that bring no `reference.config`.
const BUNDLED_REFERENCES: &str = include_str!("../../rules/starter/reference.config");

/// What class names mean: description and priority.
struct Classes {
    by_name: BTreeMap<Box<str>, (String, u8)>,
}

impl Classes {
    fn load(path: Option<&Path>, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let (name, bytes) = read(path, "classification.config", BUNDLED_CLASSES, diagnostics);
        let (found, wrong) = classification::parse(&name, &bytes);
        diagnostics.extend(wrong);
        let entry = |class: classification::Classification| (class.name, (class.description.into(), class.priority));
        Self { by_name: found.into_iter().map(entry).collect() }
    }
}

/// Where references lead.
struct References {
    prefixes: BTreeMap<Box<str>, Box<str>>,
}

impl References {
    fn load(path: Option<&Path>, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let (name, bytes) = read(path, "reference.config", BUNDLED_REFERENCES, diagnostics);
        let (found, wrong) = reference::parse(&name, &bytes);
        diagnostics.extend(wrong);
        Self { prefixes: found.into_iter().map(|system| (system.name, system.prefix)).collect() }
    }

    fn written_out(&self, system: &str, id: &str) -> String {
        match self.prefixes.get(system) {
            Some(prefix) => format!("{prefix}{id}"),
            None => format!("{system}:{id}"),
        }
    }
}

fn limits(path: Option<&Path>, variables: &Variables, diagnostics: &mut Vec<Diagnostic>) -> Vec<Limit> {
    let Some(path) = path else { return Vec::new() };
    let (name, bytes) = read(Some(path), "", "", diagnostics);
    let (lines, wrong) = threshold::parse(&name, &bytes);
    diagnostics.extend(wrong);
    let (limits, problems) = limits::resolve(&lines, variables);
    diagnostics.extend(problems.into_iter().map(|problem| of_file(&name, problem)));
    limits
}

/// Reputations of addresses, when the settings name a file of categories.
fn reputations(settings: &Settings, diagnostics: &mut Vec<Diagnostic>) -> Option<KnownReputations> {
    let categories = settings.iprep_categories.as_deref()?;
    let (name, bytes) = read(Some(categories), "", "", diagnostics);
    let (categories, wrong) = reputation::categories(&name, &bytes);
    diagnostics.extend(wrong);
    let mut scores = Vec::new();
    for path in &settings.iprep_files {
        let (name, bytes) = read(Some(path), "", "", diagnostics);
        let (more, wrong) = reputation::scores(&name, &bytes);
        scores.extend(more);
        diagnostics.extend(wrong);
    }
    Some(reputation::build(categories, scores))
}

/// Countries of addresses, when the settings name a database.
fn countries(path: Option<&Path>, diagnostics: &mut Vec<Diagnostic>) -> Option<Arc<Countries>> {
    let (path, bytes) = read(Some(path?), "", "", diagnostics);
    // What could not be read has been told.
    if bytes.is_empty() {
        return None;
    }
    match config::countries::read(bytes) {
        Ok(countries) => Some(Arc::new(countries)),
        Err(reason) => {
            diagnostics.push(of_file(&path, Problem::NotADatabase { reason: reason.into() }));
            None
        }
    }
}

/// The bytes of `path`, or what is bundled.
fn read(path: Option<&Path>, name: &str, bundled: &str, diagnostics: &mut Vec<Diagnostic>) -> (PathBuf, Vec<u8>) {
    let Some(path) = path else { return (PathBuf::from(name), bundled.as_bytes().to_vec()) };
    match std::fs::read(path) {
        Ok(bytes) => (path.to_owned(), bytes),
        Err(error) => {
            diagnostics.push(of_file(path, Problem::Unreadable { kind: error.kind() }));
            (path.to_owned(), Vec::new())
        }
    }
}

fn of_file(path: &Path, problem: Problem) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        file: path.into(),
        line: 0,
        column: 0,
        sid: None,
        value: "".into(),
        problem,
    }
}

fn action(word: ActionWord) -> Action {
    match word {
        ActionWord::Pass => Action::Pass,
        ActionWord::Drop => Action::Drop,
        ActionWord::Reject => Action::RejectSource,
        ActionWord::Alert => Action::Alert,
    }
}

fn signature(rule: &Rule, priority: u8, classes: &Classes, references: &References) -> Signature {
    let mut metadata: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for item in &rule.metadata {
        metadata.entry(item.key.to_string()).or_default().push(item.value.to_string());
    }
    Signature {
        gid: rule.gid,
        sid: rule.sid,
        rev: rule.rev,
        message: rule.message.to_string(),
        category: rule
            .classtype
            .as_deref()
            .and_then(|class| classes.by_name.get(class))
            .map(|(text, _)| text.clone())
            .unwrap_or_default(),
        priority,
        metadata: metadata.into_iter().collect(),
        references: rule
            .references
            .iter()
            .map(|reference| references.written_out(&reference.system, &reference.id))
            .collect(),
        target: rule.target.map(|target| match target {
            meta::Target::Source => Target::Source,
            meta::Target::Destination => Target::Destination,
        }),
    }
}
