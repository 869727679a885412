//! Loading rule files and folders.
//!
//! Called by the service at start and on reload, and by the checker of the command line. Reads files whole, keeps
//! going after every finding, and settles which of two rules with one sid counts. Never resolves anything into
//! engine types; `compile` does.
use crate::config::edits::{Edits, Unparsed};
use crate::dataset_file::{self, DatasetData, DatasetPolicy, Declaration};
use crate::diagnostic::{Diagnostic, Problem, Severity, Span};
use crate::syntax::header::{self, Endpoint};
use crate::syntax::keyword::app::AppValue;
use crate::syntax::keyword::requires::Language;
use crate::syntax::lexer::{self, Line, Text};
use crate::syntax::parse::{Parsed, parse};
use crate::syntax::rule::{MatchKind, Rule, diagnostic};
use crate::syntax::value::Value;
use crate::variables::{Resolver, Variables};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is known while rules are read.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// The language version and features that `requires` asks for.
    pub language: Language,
    /// The variables of the settings. With them, each header is resolved once to report what is wrong with it;
    /// without them, headers are checked for their form only.
    pub variables: Option<Variables>,
    /// Names of the classifications. With them, an unknown `classtype` is a warning.
    pub classifications: Option<BTreeSet<String>>,
    /// What rules may do with the files of data sets.
    pub datasets: DatasetPolicy,
    /// What the operator changes in the rules.
    pub edits: Edits,
    /// Features this engine does not have. A rule that needs one is left out, as unsupported.
    pub missing: BTreeSet<&'static str>,
}

/// A rule its publisher has commented out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisabledRule {
    /// Its number.
    pub sid: u32,
    /// The rule, without the `#`.
    pub text: Text,
    /// The file.
    pub file: Arc<Path>,
}

/// A rule whose `requires` does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedRule {
    /// Its number, when it could be read.
    pub sid: Option<u32>,
    /// The file.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: u32,
}

/// Everything that was read.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    /// The rules, in the order of files and lines; no two share gid and sid.
    pub rules: Vec<Rule>,
    /// Rules that are commented out.
    pub disabled: Vec<DisabledRule>,
    /// Rules that do not ask for this version or these features.
    pub skipped: Vec<SkippedRule>,
    /// The data sets the rules name, each once, with what their files held.
    pub datasets: Vec<DatasetData>,
    /// Rules that were refused for an error.
    pub refused: usize,
    /// Rules left out because the engine lacks something.
    pub unsupported: usize,
    /// Every finding, in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
}

impl RuleSet {
    /// Whether a strict load fails.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }
}

/// Reads files and folders. Of a folder the `*.rules` files are read, sorted by name, without going deeper.
///
/// A path that cannot be read is an error among the diagnostics; the others are read all the same.
///
/// # Cost
/// Linear in the text, one thread.
pub fn load<P: AsRef<Path>>(paths: &[P], options: &LoadOptions) -> RuleSet {
    let mut loader = Loader::new(options);
    for path in paths {
        let path = path.as_ref();
        match rule_files(path) {
            Ok(files) => files.iter().for_each(|file| match std::fs::read(file) {
                Ok(bytes) => loader.file(file, &bytes),
                Err(error) => loader.unreadable(file, error.kind()),
            }),
            Err(error) => loader.unreadable(path, error.kind()),
        }
    }
    loader.finish()
}

/// Reads rules from memory, as if from `file`.
pub fn load_bytes(file: &Path, bytes: &[u8], options: &LoadOptions) -> RuleSet {
    let mut loader = Loader::new(options);
    loader.file(file, bytes);
    loader.finish()
}

fn rule_files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        if file.extension().is_some_and(|e| e == "rules") && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

struct Loader<'o> {
    options: &'o LoadOptions,
    resolver: Option<Resolver<'o>>,
    set: RuleSet,
    by_id: HashMap<(u32, u32), usize>,
    superseded: Vec<usize>,
}

impl<'o> Loader<'o> {
    fn new(options: &'o LoadOptions) -> Self {
        Self {
            options,
            resolver: options.variables.as_ref().map(Resolver::new),
            set: RuleSet::default(),
            by_id: HashMap::new(),
            superseded: Vec::new(),
        }
    }

    fn unreadable(&mut self, path: &Path, kind: std::io::ErrorKind) {
        self.set.diagnostics.push(Diagnostic {
            severity: Severity::Error,
            file: path.into(),
            line: 0,
            column: 0,
            sid: None,
            value: Box::default(),
            problem: Problem::Unreadable { kind },
        });
    }

    fn file(&mut self, path: &Path, bytes: &[u8]) {
        let file: Arc<Path> = path.into();
        for line in lexer::lines(bytes) {
            match line {
                Line::Rule(text) if self.options.edits.is_empty() => self.rule(&text, &file),
                Line::Rule(text) => self.edited(text, &file, true),
                Line::Disabled(text) if self.options.edits.is_empty() => {
                    self.set.disabled.extend(disabled(text, &file));
                }
                Line::Disabled(text) => self.edited(text, &file, false),
            }
        }
    }

    /// A rule that the operator may have changed, enabled or disabled.
    fn edited(&mut self, text: Text, file: &Arc<Path>, enabled: bool) {
        let Some((gid, sid)) = ids(&text) else {
            // What has no number can't be meant, and what is wrong with it is told.
            if enabled {
                self.rule(&text, file);
            }
            return;
        };
        let unparsed = Unparsed { text: text.bytes(), file, gid, sid };
        if !self.options.edits.is_enabled(&unparsed, enabled) {
            self.set.disabled.push(DisabledRule { sid, text, file: Arc::clone(file) });
            return;
        }
        match self.options.edits.apply(&unparsed) {
            Some(changed) => self.rule(&text.replaced(changed), file),
            None => self.rule(&text, file),
        }
    }

    fn rule(&mut self, text: &Text, file: &Arc<Path>) {
        match parse(text, file, &self.options.language, &mut self.set.diagnostics) {
            Parsed::Rule(rule) => self.accept(*rule),
            Parsed::Skipped { sid } => {
                self.set.skipped.push(SkippedRule { sid, file: Arc::clone(file), line: text.line() });
            }
            Parsed::Refused { sid, header } => {
                self.set.refused += 1;
                if let Some(header) = header {
                    self.check_header(&header.source, &header.destination, text, file, sid);
                }
            }
        }
    }

    /// Reads the lists of digests that `rule` names.
    fn read_digests(&mut self, rule: &mut Rule) {
        if !self.options.datasets.read {
            return;
        }
        let mut wrong = Vec::new();
        for found in &mut rule.matches {
            let MatchKind::App(app) = &mut found.kind else { continue };
            let length = match app.name {
                "filemd5" => 16,
                "filesha1" => 20,
                "filesha256" => 32,
                _ => continue,
            };
            let AppValue::Text { negated, bytes } = &app.value else { continue };
            let negated = *negated;
            match dataset_file::digests(&String::from_utf8_lossy(bytes), &rule.file, length) {
                Ok(list) => app.value = AppValue::Digests { negated, list },
                Err(problem) => wrong.push((found.span, problem)),
            }
        }
        for (span, problem) in wrong {
            self.set.diagnostics.push(rule.diagnostic(span, Severity::Error, problem));
        }
    }

    fn accept(&mut self, mut rule: Rule) {
        let before = self.set.diagnostics.len();
        self.check_header(&rule.source, &rule.destination, &rule.text, &rule.file, Some(rule.sid));
        self.check_classtype(&rule);
        self.read_datasets(&rule);
        self.read_digests(&mut rule);
        if self.set.diagnostics.iter().skip(before).any(|d| d.severity == Severity::Error) {
            self.set.refused += 1;
            return;
        }
        let missing: Vec<&'static str> =
            rule.features.iter().copied().filter(|f| self.options.missing.contains(f)).collect();
        if !missing.is_empty() {
            for feature in missing {
                let problem = Problem::Unsupported { feature };
                let found = rule.diagnostic(Span::default(), Severity::Unsupported { feature }, problem);
                self.set.diagnostics.push(found);
            }
            self.set.unsupported += 1;
            return;
        }
        self.add(rule);
    }

    /// The newer revision counts; the same revision again is an error.
    fn add(&mut self, rule: Rule) {
        let index = self.set.rules.len();
        if let Some(&other) = self.by_id.get(&(rule.gid, rule.sid))
            && let Some(known) = self.set.rules.get(other)
        {
            let problem = Problem::DuplicateSid {
                other_file: Arc::clone(&known.file),
                other_line: known.line(),
                other_rev: known.rev,
            };
            let severity = if known.rev == rule.rev { Severity::Error } else { Severity::Warning };
            let newer = rule.rev > known.rev;
            let sid = rule.options.iter().find(|o| o.name.of(rule.text.bytes()) == b"sid");
            let span = sid.and_then(|o| o.value).unwrap_or_default();
            self.set.diagnostics.push(rule.diagnostic(span, severity, problem));
            if !newer {
                self.set.refused += usize::from(severity == Severity::Error);
                return;
            }
            self.superseded.push(other);
        }
        self.by_id.insert((rule.gid, rule.sid), index);
        self.set.rules.push(rule);
    }

    /// Whether the expressions of a header stand for something.
    fn check_header(
        &mut self,
        source: &Endpoint,
        destination: &Endpoint,
        text: &Text,
        file: &Arc<Path>,
        sid: Option<u32>,
    ) {
        let Some(resolver) = &mut self.resolver else { return };
        let found = [
            resolver.addresses(&source.address).err().map(|p| (2, p)),
            resolver.ports(&source.ports).err().map(|p| (3, p)),
            resolver.addresses(&destination.address).err().map(|p| (5, p)),
            resolver.ports(&destination.ports).err().map(|p| (6, p)),
        ];
        for (field, problem) in found.into_iter().flatten() {
            let span = header::field_span(Value::new(text.bytes(), 0), field);
            self.set.diagnostics.push(diagnostic(file, text, sid, span, Severity::Error, problem));
        }
    }

    /// Reads the file of each set once; a second rule may name the set but not change its type.
    fn read_datasets(&mut self, rule: &Rule) {
        for found in &rule.matches {
            let set = match &found.kind {
                MatchKind::Dataset(set) => Declaration::from(set),
                MatchKind::Datarep(set) => Declaration::from(set),
                _ => continue,
            };
            let known = self.set.datasets.iter_mut().find(|known| *known.name == *set.name);
            let problem = match (known, set.kind) {
                (Some(known), Some(kind)) if known.kind != kind => {
                    Problem::DatasetRefused { reason: "an earlier rule gives this set another type" }
                }
                (Some(known), _) => {
                    known.file = known.file.take().or(set.file().map(Into::into));
                    continue;
                }
                (None, kind) => match (dataset_file::read(set, &rule.file, &self.options.datasets), kind) {
                    (Ok(entries), Some(kind)) => {
                        self.set.datasets.push(set.data(kind, entries));
                        continue;
                    }
                    (Ok(_), None) => continue,
                    (Err(problem), _) => problem,
                },
            };
            self.set.diagnostics.push(rule.diagnostic(found.span, Severity::Error, problem));
        }
    }

    fn check_classtype(&mut self, rule: &Rule) {
        let (Some(known), Some(name)) = (&self.options.classifications, &rule.classtype) else { return };
        if known.contains(&**name) {
            return;
        }
        let option = rule.options.iter().find(|o| o.name.of(rule.text.bytes()) == b"classtype");
        let span = option.and_then(|o| o.value).unwrap_or_default();
        self.set.diagnostics.push(rule.diagnostic(span, Severity::Warning, Problem::UnknownClasstype));
    }

    fn finish(mut self) -> RuleSet {
        self.superseded.sort_unstable();
        let mut index = 0;
        self.set.rules.retain(|_| {
            let keep = self.superseded.binary_search(&index).is_err();
            index += 1;
            keep
        });
        self.set
    }
}

/// A comment that reads as a rule: header in order, options closed, with a sid.
fn disabled(text: Text, file: &Arc<Path>) -> Option<DisabledRule> {
    let (_, sid) = ids(&text)?;
    Some(DisabledRule { sid, text, file: Arc::clone(file) })
}

/// Generator and signature id of what reads as a rule.
fn ids(text: &Text) -> Option<(u32, u32)> {
    let whole = Value::new(text.bytes(), 0);
    let open = whole.bytes().iter().position(|&b| b == b'(')?;
    header::parse(whole.slice(0, open)).ok()?;
    let (options, faults) = lexer::options(whole.from(open));
    if !faults.is_empty() {
        return None;
    }
    let number = |name: &[u8]| options.iter().find(|o| o.name.bytes() == name)?.value?.int().ok();
    Some((number(b"gid").unwrap_or(1), number(b"sid")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> RuleSet {
        load_bytes(Path::new("test.rules"), text.as_bytes(), &LoadOptions::default())
    }

    #[test]
    fn the_newer_revision_of_a_sid_counts() {
        let set = read(
            "alert ip any any -> any any (sid:1; rev:2;)\nalert ip any any -> any any (sid:1; rev:3;)\n\
             alert ip any any -> any any (sid:1; rev:1;)\nalert ip any any -> any any (sid:1; gid:2;)\n",
        );
        let kept: Vec<_> = set.rules.iter().map(|r| (r.gid, r.sid, r.rev)).collect();
        assert_eq!(kept, [(1, 1, 3), (2, 1, 0)]);
        assert!(!set.has_errors());
    }

    #[test]
    fn the_same_revision_again_is_an_error_that_names_the_first() {
        let set = read("alert ip any any -> any any (sid:7;)\n\nalert ip any any -> any any (sid:7;)\n");
        let [found] = set.diagnostics.as_slice() else { panic!("{:?}", set.diagnostics) };
        assert_eq!((found.line, found.column, found.sid, &*found.value), (3, 34, Some(7), "7"));
        assert!(matches!(found.problem, Problem::DuplicateSid { other_line: 1, .. }));
    }

    #[test]
    fn every_problem_of_a_file_is_reported_with_its_place() {
        let set = read("alert tcp any any -> any any (content:\"\"; nocsae; sid:1;)\nalert tcp (sid:2;)\n");
        let places: Vec<_> = set.diagnostics.iter().map(|d| (d.line, d.column, d.sid)).collect();
        assert_eq!(places, [(1, 40, Some(1)), (1, 43, Some(1)), (2, 1, Some(2))], "{:#?}", set.diagnostics);
        let text = set.diagnostics.get(1).unwrap().to_string();
        assert_eq!(text, "test.rules:1:43: error: rule 1: `nocsae`: no such keyword; did you mean `nocase`?");
        assert_eq!(set.refused, 2);
    }

    #[test]
    fn a_rule_that_requires_more_is_skipped_whatever_else_it_says() {
        let set = read("alert vxlan any any -> any any (foo:1; requires: version >= 10; sid:1;)\n");
        assert!(set.diagnostics.is_empty());
        assert_eq!(set.skipped.len(), 1);
    }

    #[test]
    fn disabled_rules_are_kept_apart_and_plain_comments_are_not() {
        let set = read("#alert ip any any -> any any (sid:5;)\n# alert me when it rains\n# pass on\n");
        assert_eq!(set.disabled.iter().map(|d| d.sid).collect::<Vec<_>>(), [5]);
        assert!(set.diagnostics.is_empty());
    }

    #[test]
    fn unknown_variables_point_at_the_header_field() {
        let options = LoadOptions { variables: Some(Variables::default()), ..LoadOptions::default() };
        let set = load_bytes(Path::new("x"), b"alert ip any any -> $NET any (sid:5;)", &options);
        assert_eq!(set.diagnostics.first().map(|d| (d.column, &*d.value)), Some((21, "$NET")));
        assert!(set.rules.is_empty());
    }

    #[test]
    fn a_rule_refused_for_its_options_still_has_its_variables_looked_at() {
        let options = LoadOptions { variables: Some(Variables::default()), ..LoadOptions::default() };
        let text = b"alert tcp $NO_SUCH any -> any any (contnt:\"x\"; sid:1;)\n";
        let set = load_bytes(Path::new("r"), text, &options);
        let lines: Vec<_> = set.diagnostics.iter().map(|found| (&*found.value, found.sid)).collect();
        assert_eq!(lines, [("contnt", Some(1)), ("$NO_SUCH", Some(1))]);
        assert_eq!(set.refused, 1);
    }

    #[test]
    fn a_missing_feature_is_unsupported_and_no_error() {
        let options = LoadOptions { missing: ["http"].into(), ..LoadOptions::default() };
        let text = b"alert tcp any any -> any any (http.uri; content:\"a\"; sid:5;)";
        let set = load_bytes(Path::new("x"), text, &options);
        assert!(!set.has_errors() && set.rules.is_empty());
        assert_eq!(set.unsupported, 1);
    }
}
