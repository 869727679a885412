//! `sluice check --explain SID`: what became of one rule.
//!
//! Called by `check`. Reads the compiled rule set, so what it says is what workers do.

use sluice_app::{AppProtocol, field::Kind, level};
use sluice_detect::{
    buffer::Buffer,
    program::{Absence, Program, Step},
    rule::{FlowState, Rule, Unit},
    ruleset::{Class, Ruleset},
};
use sluice_service::LoadedRules;

/// Tells of the rules with this number; whether there is one in use.
pub fn print(loaded: &LoadedRules, sid: u32) -> bool {
    let ruleset = &loaded.ruleset;
    let found: Vec<_> = (0_u32..).zip(ruleset.rules()).filter(|(_, rule)| rule.sid == sid).collect();
    for (number, rule) in &found {
        let message = loaded.signatures.get(*number as usize).map_or("", |signature| &signature.message);
        say!("{}:{} {message}", rule.gid, rule.sid);
        explain(ruleset, *number, rule);
    }
    if !found.is_empty() {
        return true;
    }
    let diagnostic = loaded.diagnostics.iter().find(|diagnostic| diagnostic.sid == Some(sid));
    match diagnostic {
        Some(diagnostic) => tell!("sluice: rule {sid} is not in use: {diagnostic}"),
        None => tell!("sluice: no rule {sid} is in use; a rule behind a # is disabled by its publisher"),
    }
    false
}

fn explain(ruleset: &Ruleset, number: u32, rule: &Rule) {
    say!(
        "  order       {} of {}, action {}",
        number + 1,
        ruleset.rules().len(),
        format!("{:?}", rule.action).to_lowercase()
    );
    say!("  direction   {}", direction(rule));
    say!("  judged on   {}", judged_on(ruleset, number, rule));
    say!("  prefilter   {}", prefilter(ruleset, number));
    for program in &rule.programs {
        say!("  looks at    {}", looks_at(ruleset, program));
    }
    for check in &rule.checks {
        say!("  asks        {check:?}");
    }
    if !rule.thresholds.is_empty() {
        say!("  thresholds  {}", rule.thresholds.len());
    }
}

fn direction(rule: &Rule) -> String {
    let way = match rule.direction {
        Some(way) => way.name(),
        None if rule.endpoints.of_transaction => "both, of one transaction",
        None => "either",
    };
    let state = match rule.flow_state {
        FlowState::Any => "",
        FlowState::Established => ", established",
        FlowState::NotEstablished => ", not established",
    };
    format!("{way}{state}")
}

fn judged_on(ruleset: &Ruleset, number: u32, rule: &Rule) -> String {
    if !rule.app.is_empty() {
        let protocols: Vec<&str> = rule.app.each().map(AppProtocol::name).collect();
        let when = match ruleset.fields().stage(number).last {
            level::NOTHING => "at once",
            level::LINE => "when the first line or hello is known",
            level::HEADERS => "when all headers or certificates are known",
            level::BODY => "as the body comes, until it is whole",
            level::TRAILER => "when all headers are known, also those behind the body",
            _ => "until the transaction is whole",
        };
        return format!("transactions of {}, {when}", protocols.join(" or "));
    }
    if rule.addresses_only {
        return "the first packet of each flow and direction: it asks for addresses alone".to_owned();
    }
    let scope = ruleset.scope(number);
    let classes: Vec<&str> =
        Class::ALL.into_iter().filter(|class| ruleset.admits(*class, rule)).map(Class::name).collect();
    let what = match (scope.packet, scope.stream) {
        (true, true) => "each packet, and the stream",
        (false, true) => "the stream",
        _ if rule.unit == Unit::Packet => "each packet alone",
        _ => "each packet",
    };
    format!("{what} ({})", classes.join(", "))
}

fn prefilter(ruleset: &Ruleset, number: u32) -> String {
    let Some(pattern) = ruleset.pattern(number) else { return "none: it has no literal that must be there".to_owned() };
    let (literal, place) = match pattern.of {
        None => (pattern.literal(), "the payload".to_owned()),
        Some((field, chain)) => {
            let chain = chain.and_then(|chain| ruleset.derived().get(chain as usize));
            let transforms = chain.map_or(String::new(), |chain| format!(" after {:?}", chain.transforms));
            (pattern.literal_in(field), format!("{}{transforms}", field.name()))
        }
    };
    match literal {
        Some(literal) => {
            let case = if pattern.nocase { ", in either case" } else { "" };
            format!("\"{}\" in {place}{case}", literal.escape_ascii())
        }
        None => format!("none: \"{}\" in {place} is too short or a run of one byte", pattern.bytes.escape_ascii()),
    }
}

fn looks_at(ruleset: &Ruleset, program: &Program) -> String {
    let name = match program.buffer {
        Buffer::App(field) if field.kind() == Kind::Body => format!("{} (comes bit by bit)", field.name()),
        Buffer::App(field) => field.name().to_owned(),
        other => format!("{other:?}"),
    };
    let chain = program.derived.and_then(|chain| ruleset.derived().get(chain as usize));
    let transforms = chain.map_or(String::new(), |chain| format!(" after {:?}", chain.transforms));
    let absence = match program.absence {
        Absence::Fails => "",
        Absence::Wanted => ", which must be absent",
        Absence::Allowed => ", which may be absent",
    };
    let steps: Vec<String> = program.steps().iter().map(step).collect();
    format!("{name}{transforms}{absence}: {}", steps.join(", "))
}

fn step(step: &Step) -> String {
    match step {
        Step::Content(content) => {
            let not = if content.negated { "not " } else { "" };
            format!("{not}\"{}\"", content.pattern().escape_ascii())
        }
        Step::Regex { negated, .. } => if *negated { "not an expression" } else { "an expression" }.to_owned(),
        Step::IsDataAt { .. } => "data at a place".to_owned(),
        Step::Size(_) => "its size".to_owned(),
        Step::ByteTest { .. } => "a number".to_owned(),
        Step::ByteJump { .. } => "a jump".to_owned(),
        Step::ByteExtract { .. } | Step::ByteMath { .. } => "a number kept".to_owned(),
        Step::Entropy { .. } => "its entropy".to_owned(),
        Step::Dataset { .. } => "a data set".to_owned(),
        Step::Base64 { .. } => "what base64 hides".to_owned(),
    }
}
