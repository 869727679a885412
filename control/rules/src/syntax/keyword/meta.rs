//! Keywords that say something about the rule itself: `msg`, `sid`, `gid`, `rev`, `classtype`, `priority`,
//! `reference`, `metadata`, `target`, `requires`, `noalert`, `alert`.
//!
//! Called through the keyword table. `requires` is evaluated before the rest of the rule, in `requires`; by the
//! time it comes here it holds.
//!
//! Source: the public rule documentation, "Meta Keywords".
use super::content::shown_text;
use super::{Keyword, Use, plain};
use crate::diagnostic::Problem;
use crate::syntax::builder::Builder;
use crate::syntax::rule::Report;
use crate::syntax::value::Fault;

/// `reference:system,id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The system, for example `cve`; its address is in `reference.config`.
    pub system: Box<str>,
    /// The name of the thing there.
    pub id: Box<str>,
}

/// One item of `metadata`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The first word.
    pub key: Box<str>,
    /// The rest.
    pub value: Box<str>,
}

/// `target`: which endpoint is under attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `src_ip`.
    Source,
    /// `dest_ip`.
    Destination,
}

pub(super) const KEYWORDS: &[Keyword] = &[
    plain("msg", "meta", msg),
    plain("sid", "meta", sid),
    plain("gid", "meta", gid),
    plain("rev", "meta", rev),
    plain("classtype", "meta", classtype),
    plain("priority", "meta", priority),
    plain("reference", "meta", reference),
    plain("metadata", "meta", metadata),
    plain("target", "meta", target),
    plain("requires", "meta", requires),
    plain("noalert", "meta", noalert),
    plain("alert", "meta", alert),
];

fn msg(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    rule.once(option)?;
    let value = option.value("text in double quotes")?;
    value.quoted()?;
    rule.message = shown_text(value)?;
    Ok(())
}

fn sid(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    rule.once(option)?;
    let value = option.value("a number")?.unquoted()?;
    let number = value.number(1, i64::from(u32::MAX))?;
    rule.sid = u32::try_from(number).ok();
    Ok(())
}

fn gid(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    rule.once(option)?;
    rule.gid = option.value("a number")?.unquoted()?.int()?;
    Ok(())
}

fn rev(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    rule.once(option)?;
    rule.rev = option.value("a number")?.unquoted()?.int()?;
    Ok(())
}

fn classtype(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "the name of a classification";
    rule.once(option)?;
    let value = option.value(FORM)?.unquoted()?;
    let name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if value.is_empty() || !value.bytes().iter().all(name) {
        return Err(value.malformed(FORM));
    }
    rule.classtype = Some((value.lossy(), option.span()));
    Ok(())
}

fn priority(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    rule.once(option)?;
    let number = option.value("1 to 255")?.unquoted()?.number(1, 255)?;
    rule.priority = u8::try_from(number).ok();
    Ok(())
}

fn reference(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "system,id";
    let value = option.value(FORM)?.unquoted()?;
    let (system, id) = value.split_once(b',').ok_or_else(|| value.malformed(FORM))?;
    if system.is_empty() || id.is_empty() {
        return Err(value.malformed(FORM));
    }
    rule.references.push(Reference { system: system.lossy(), id: shown_text(id)? });
    Ok(())
}

fn metadata(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    for item in option.value("key value, key value")?.list() {
        let (key, value) = item.word();
        if !key.is_empty() {
            rule.metadata.push(Metadata { key: key.lossy(), value: value.lossy() });
        }
    }
    Ok(())
}

fn target(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "src_ip or dest_ip";
    let value = option.value(FORM)?.unquoted()?;
    let target = match value.text() {
        "src_ip" => Target::Source,
        "dest_ip" => Target::Destination,
        _ => return Err(value.fault(Problem::UnknownWord { expected: FORM })),
    };
    // Two that agree are a slip of the publisher and harmless.
    if rule.target.replace(target).is_some_and(|other| other != target) {
        return Err(option.fault(Problem::Repeated { keyword: "target" }));
    }
    Ok(())
}

fn requires(_: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    option.value("version, feature or keyword conditions").map(drop)
}

fn noalert(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    option.no_value()?;
    rule.set_report(option, Report::Never);
    Ok(())
}

fn alert(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    option.no_value()?;
    rule.set_report(option, Report::Always);
    Ok(())
}
