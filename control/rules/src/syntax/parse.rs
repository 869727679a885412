//! One logical line to one rule, with every finding about it.
//!
//! Called by `file` for each rule line. Order: the options are cut first, so that `requires` and `sid` are known
//! whatever else is wrong; then the header; then each option; then the rule as a whole.
use crate::diagnostic::{Diagnostic, Problem, Severity};
use crate::syntax::builder::Builder;
use crate::syntax::check;
use crate::syntax::header;
use crate::syntax::keyword::requires::Language;
use crate::syntax::keyword::{Use, find, names};
use crate::syntax::lexer::{self, OptionText, Text};
use crate::syntax::nearest::nearest;
use crate::syntax::rule::{RawOption, Rule, diagnostic};
use crate::syntax::value::{Fault, Value};
use std::path::Path;
use std::sync::Arc;

/// What became of a rule line.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    /// A rule; warnings about it may exist.
    Rule(Box<Rule>),
    /// Its `requires` does not hold: not looked at further.
    Skipped {
        /// The sid, when it could be read.
        sid: Option<u32>,
    },
    /// Refused; the diagnostics say why.
    Refused {
        /// The sid, when it could be read.
        sid: Option<u32>,
        /// The header, when it could be read: what its variables stand for is still to be looked at.
        header: Option<Box<header::Header>>,
    },
}

/// Reads one rule. Diagnostics go to `out` in the order of the text.
pub fn parse(text: &Text, file: &Arc<Path>, language: &Language, out: &mut Vec<Diagnostic>) -> Parsed {
    let whole = Value::new(text.bytes(), 0);
    let open = whole.bytes().iter().position(|&b| b == b'(').unwrap_or(whole.len());
    let (options, option_faults) = lexer::options(whole.from(open));
    let sid = options.iter().find(|o| o.name.bytes() == b"sid").and_then(|o| o.value).and_then(|v| v.int().ok());
    let unmet = |o: &OptionText<'_>| o.name.bytes() == b"requires" && !o.value.is_some_and(|v| language.meets(v));
    if options.iter().any(unmet) {
        return Parsed::Skipped { sid };
    }
    let mut findings: Vec<(Severity, Fault)> = Vec::new();
    let mut refuse = |fault: Fault| findings.push((Severity::Error, fault));
    let header = header::parse(whole.slice(0, open)).map_err(|faults| faults.into_iter().for_each(&mut refuse)).ok();
    let mut builder = Builder::new(header.as_ref());
    for option in &options {
        if let Err(fault) = read(&mut builder, option) {
            refuse(fault);
        }
    }
    if let Err(fault) = builder.check_unused() {
        refuse(fault);
    }
    option_faults.into_iter().for_each(&mut refuse);
    if builder.sid.is_none() && !options.iter().any(|o| o.name.bytes() == b"sid") {
        refuse(whole.slice(0, 0).fault(Problem::SidMissing));
    }
    findings.append(&mut builder.remarks);
    // A buffer may look unused only because the option that uses it was refused.
    if findings.iter().any(|(_, fault)| fault.problem != Problem::UnusedBuffer) {
        findings.retain(|(_, fault)| fault.problem != Problem::UnusedBuffer);
    }
    let mut rule = None;
    if let (Some(header), Some(sid), false) = (&header, builder.sid, has_error(&findings)) {
        let mut built = finish(header, sid, builder, &options, text, file);
        findings.extend(check::rule(&mut built));
        rule = Some(built);
    }
    let refused = has_error(&findings);
    findings.sort_by_key(|(_, fault)| fault.span.start);
    out.extend(findings.into_iter().map(|(severity, f)| diagnostic(file, text, sid, f.span, severity, f.problem)));
    match rule {
        Some(rule) if !refused => Parsed::Rule(Box::new(rule)),
        _ => Parsed::Refused { sid, header: header.map(Box::new) },
    }
}

fn has_error(findings: &[(Severity, Fault)]) -> bool {
    findings.iter().any(|(severity, _)| *severity == Severity::Error)
}

fn read(builder: &mut Builder<'_>, option: &OptionText<'_>) -> Result<(), Fault> {
    let Some(keyword) = find(option.name.text()) else {
        let near = nearest(option.name.text(), names());
        return Err(option.name.fault(Problem::UnknownKeyword { nearest: near }));
    };
    (keyword.parse)(builder, Use { keyword, name: option.name, value: option.value })
}

fn finish(
    header: &header::Header,
    sid: u32,
    builder: Builder<'_>,
    options: &[OptionText<'_>],
    text: &Text,
    file: &Arc<Path>,
) -> Rule {
    let mut features = builder.features;
    features.sort_unstable();
    let raw = |o: &OptionText<'_>| RawOption { name: o.name.span(), value: o.value.map(Value::span) };
    Rule {
        action: header.action,
        protocol: header.protocol,
        hook: header.hook.clone(),
        source: header.source.clone(),
        direction: header.direction,
        destination: header.destination.clone(),
        gid: builder.gid,
        sid,
        rev: builder.rev,
        message: builder.message,
        classtype: builder.classtype.map(|(name, _)| name),
        priority: builder.priority,
        references: builder.references,
        metadata: builder.metadata,
        target: builder.target,
        report: builder.report,
        buffers: builder.buffers,
        matches: builder.matches,
        features,
        options: options.iter().map(raw).collect(),
        text: text.clone(),
        file: Arc::clone(file),
    }
}
