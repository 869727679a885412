//! `enable.conf`, `disable.conf`, `drop.conf` and `modify.conf`: what an operator changes in the rules of others, in the form of suricata-update.
//!
//! Read by the service before rules are loaded, applied by [`crate::load`] to the text of each rule. A rule is first disabled or enabled (enabling wins), then modified, then made to
//! drop. Rules that only set marks (`noalert`) are not made to drop.
//!
//! Source: the public documentation of suricata-update, "Example Configuration Files".
use super::each_line;
use crate::diagnostic::{Diagnostic, Problem};
use crate::syntax::value::{Fault, Value};
use pcre2::bytes::{Regex, RegexBuilder};
use std::path::Path;

/// Which rules a line means.
#[derive(Clone, Debug)]
enum Matcher {
    /// `1:2019401` or `2019401`.
    Id(u32, u32),
    /// `re:heartbleed`: the text of the rule, in either case.
    Expression(Box<Regex>),
    /// `group:emerging-icmp` and `filename:*/emerging-icmp.rules`: the file it is in, with `*` and `?`.
    File(Box<str>),
    /// `metadata: deployment perimeter`.
    Metadata(Box<str>, Box<str>),
}

/// A rule's text before it is parsed, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unparsed<'a> {
    pub text: &'a [u8],
    pub file: &'a Path,
    pub gid: u32,
    pub sid: u32,
}

/// One line of `modify.conf`.
#[derive(Clone, Debug)]
struct Modification {
    of: Matcher,
    from: Regex,
    to: Box<str>,
}

/// All changes.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    disable: Vec<Matcher>,
    enable: Vec<Matcher>,
    drop: Vec<Matcher>,
    modify: Vec<Modification>,
}

/// Which of the four files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditFile {
    /// `enable.conf`
    Enable,
    /// `disable.conf`
    Disable,
    /// `drop.conf`
    Drop,
    /// `modify.conf`
    Modify,
}

impl Edits {
    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.disable.is_empty() && self.enable.is_empty() && self.drop.is_empty() && self.modify.is_empty()
    }

    /// Adds the lines of one file; those that are wrong are told of, and the others count.
    pub fn read(&mut self, kind: EditFile, file: &Path, bytes: &[u8]) -> Vec<Diagnostic> {
        match kind {
            EditFile::Modify => {
                let (found, wrong) = each_line(file, bytes, modification);
                self.modify.extend(found);
                wrong
            }
            EditFile::Enable | EditFile::Disable | EditFile::Drop => {
                let (found, wrong) = each_line(file, bytes, matchers);
                let list = match kind {
                    EditFile::Enable => &mut self.enable,
                    EditFile::Disable => &mut self.disable,
                    _ => &mut self.drop,
                };
                list.extend(found.into_iter().flatten());
                wrong
            }
        }
    }

    /// Whether `rule`, which is there `enabled` or behind a `#`, is to be used.
    pub(crate) fn is_enabled(&self, rule: &Unparsed, enabled: bool) -> bool {
        if self.enable.iter().any(|matcher| matcher.means(rule)) {
            return true;
        }
        enabled && !self.disable.iter().any(|matcher| matcher.means(rule))
    }

    /// The text of `rule` after what is to be changed in it; none when nothing is.
    pub(crate) fn apply(&self, rule: &Unparsed) -> Option<Vec<u8>> {
        let mut text: Option<Vec<u8>> = None;
        for change in &self.modify {
            let now = Unparsed { text: text.as_deref().unwrap_or(rule.text), ..*rule };
            if change.of.means(rule)
                && let Some(changed) = change.carry_out(now.text)
            {
                text = Some(changed);
            }
        }
        let now = text.as_deref().unwrap_or(rule.text);
        let has = |word: &[u8]| memchr::memmem::find(now, word).is_some();
        if self.drop.iter().any(|matcher| matcher.means(rule))
            && let Some(rest) = now.strip_prefix(b"alert")
            && !has(b"noalert")
        {
            return Some([b"drop", rest].concat());
        }
        text
    }
}

impl Matcher {
    fn means(&self, rule: &Unparsed) -> bool {
        match self {
            Self::Id(gid, sid) => (*gid, *sid) == (rule.gid, rule.sid),
            Self::Expression(expression) => expression.is_match(rule.text).unwrap_or(false),
            Self::File(pattern) => {
                let path = rule.file.to_string_lossy();
                let name = rule.file.file_name().unwrap_or_default().to_string_lossy();
                let stem = name.strip_suffix(".rules").unwrap_or(&name);
                [&*path, &*name, stem].into_iter().any(|text| fits(pattern.as_bytes(), text.as_bytes()))
            }
            Self::Metadata(key, value) => {
                let text = String::from_utf8_lossy(rule.text);
                let of = |option: &str| option.trim().strip_prefix("metadata:").map(str::to_owned);
                text.split(';').filter_map(of).any(|metadata| {
                    metadata.split(',').any(|pair| {
                        let (name, found) = pair.trim().split_once(char::is_whitespace).unwrap_or((pair.trim(), ""));
                        name.eq_ignore_ascii_case(key) && found.trim().eq_ignore_ascii_case(value)
                    })
                })
            }
        }
    }
}

impl Modification {
    /// The text with every place that fits replaced; none when none does.
    fn carry_out(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(text.len());
        let mut end = 0;
        for found in self.from.captures_iter(text) {
            let captures = found.ok()?;
            let whole = captures.get(0)?;
            out.extend_from_slice(text.get(end..whole.start())?);
            let mut parts = self.to.split('\\');
            out.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
            for part in parts {
                // A backslash and a digit stand for a group, any other backslash for itself.
                let digit = part.chars().next().and_then(|first| first.to_digit(10));
                match digit.and_then(|group| captures.get(group as usize)) {
                    Some(group) => {
                        out.extend_from_slice(group.as_bytes());
                        out.extend_from_slice(part.get(1..).unwrap_or_default().as_bytes());
                    }
                    None => {
                        out.push(b'\\');
                        out.extend_from_slice(part.as_bytes());
                    }
                }
            }
            end = whole.end();
        }
        if end == 0 && out.is_empty() {
            return None;
        }
        out.extend_from_slice(text.get(end..)?);
        Some(out)
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any bytes and `?` for one.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while place < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(&byte) if byte == b'?' || Some(&byte) == text.get(place) => (at, place) = (at + 1, place + 1),
            _ => match star {
                Some((back, from)) => {
                    star = Some((back, from + 1));
                    (at, place) = (back + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|&byte| byte == b'*')
}

const FORM: &str = "sid, gid:sid, re:expression, group:file, filename:pattern or metadata:key value";

fn matchers(line: Value<'_>) -> Result<Vec<Matcher>, Fault> {
    let text = std::str::from_utf8(line.bytes()).map_err(|_| line.malformed(FORM))?;
    // Only numbers come several in a line: commas may stand in expressions.
    let several = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return several.map(|part| id(part).ok_or(line.malformed(FORM))).collect();
    }
    Ok(vec![matcher(text, line)?])
}

fn id(text: &str) -> Option<Matcher> {
    let (gid, sid) = text.split_once(':').unwrap_or(("1", text));
    Some(Matcher::Id(gid.trim().parse().ok()?, sid.trim().parse().ok()?))
}

fn matcher(text: &str, line: Value<'_>) -> Result<Matcher, Fault> {
    let (kind, rest) = text.split_once(':').unwrap_or(("", text));
    match kind {
        "re" => Ok(Matcher::Expression(Box::new(expression(rest, true, line)?))),
        "group" | "filename" => Ok(Matcher::File(rest.trim().into())),
        "metadata" => {
            let (key, value) = rest.trim().split_once(char::is_whitespace).ok_or(line.malformed(FORM))?;
            Ok(Matcher::Metadata(key.into(), value.trim().into()))
        }
        _ => id(text).ok_or(line.malformed(FORM)),
    }
}

fn expression(text: &str, caseless: bool, line: Value<'_>) -> Result<Regex, Fault> {
    let built = RegexBuilder::new().caseless(caseless).build(text);
    built.map_err(|error| line.fault(Problem::BadExpression { reason: error.to_string().into() }))
}

/// `2019401 "seconds \d+" "seconds 3600"`, or `modifysid 2019401 "alert" | "drop"`.
fn modification(line: Value<'_>) -> Result<Modification, Fault> {
    const FORM: &str = "a matcher, \"an expression\" and \"what takes its place\"";
    let wrong = || line.malformed(FORM);
    let text = std::str::from_utf8(line.bytes()).map_err(|_| wrong())?;
    let text = text.strip_prefix("modifysid ").unwrap_or(text);
    let (front, to) = last_quoted(text).ok_or_else(wrong)?;
    let front = front.trim_end();
    let (of, from) = last_quoted(front.strip_suffix('|').unwrap_or(front)).ok_or_else(wrong)?;
    let of = match of.trim() {
        "*" => matcher("re:.", line)?,
        of => matcher(of, line)?,
    };
    Ok(Modification { of, from: expression(from, false, line)?, to: to.into() })
}

/// The last part of `text`, which is in quotes, and what stands before it.
fn last_quoted(text: &str) -> Option<(&str, &str)> {
    let inner = text.trim_end().strip_suffix('"')?;
    let mut open = None;
    for (place, _) in inner.match_indices('"') {
        let escaped = inner.get(..place)?.ends_with('\\');
        if !escaped {
            open = Some(place);
        }
    }
    let open = open?;
    Some((inner.get(..open)?, inner.get(open + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &[u8] =
        b"alert tcp any any -> any any (msg:\"Heartbleed\"; metadata:deployment Perimeter, a b; sid:7;)";

    fn rule(text: &[u8]) -> Unparsed<'_> {
        Unparsed { text, file: Path::new("/etc/rules/emerging-dos.rules"), gid: 1, sid: 7 }
    }

    fn edits(kind: EditFile, lines: &str) -> Edits {
        let mut edits = Edits::default();
        assert_eq!(edits.read(kind, Path::new("x.conf"), lines.as_bytes()), Vec::new());
        edits
    }

    #[test]
    fn rules_are_named_by_number_text_file_and_metadata() {
        for line in [
            "7",
            "1:7",
            "5, 1:7",
            "re:heartBLEED",
            "group:emerging-dos",
            "group:emerging-dos.rules",
            "group:*dos*",
            "filename:*/emerging-d?s.rules",
            "metadata: deployment perimeter",
            "# a comment\n\n7",
        ] {
            assert!(!edits(EditFile::Disable, line).is_enabled(&rule(RULE), true), "{line}");
        }
        for line in ["8", "2:7", "re:other", "group:dos", "metadata: deployment datacenter"] {
            assert!(edits(EditFile::Disable, line).is_enabled(&rule(RULE), true), "{line}");
        }
    }

    #[test]
    fn enabling_wins_over_disabling_and_over_the_publisher() {
        let mut both = edits(EditFile::Disable, "re:.");
        assert!(!both.is_enabled(&rule(RULE), true));
        assert_eq!(both.read(EditFile::Enable, Path::new("enable.conf"), b"7"), Vec::new());
        assert!(both.is_enabled(&rule(RULE), true) && both.is_enabled(&rule(RULE), false));
        assert!(!edits(EditFile::Enable, "8").is_enabled(&rule(RULE), false));
    }

    #[test]
    fn texts_are_changed_with_groups_and_alerts_made_to_drop() {
        let changed = edits(EditFile::Modify, "7 \"Heart(bleed)\" \"A \\1\\n\"").apply(&rule(RULE)).unwrap();
        assert!(changed.windows(9).any(|part| part == b"A bleed\\n"), "{}", changed.escape_ascii());
        let changed = edits(EditFile::Modify, "modifysid 7 \"^alert\" | \"reject\"").apply(&rule(RULE)).unwrap();
        assert!(changed.starts_with(b"reject tcp"));
        assert_eq!(edits(EditFile::Modify, "7 \"nowhere\" \"x\"").apply(&rule(RULE)), None);
        assert!(edits(EditFile::Drop, "7").apply(&rule(RULE)).unwrap().starts_with(b"drop tcp"));
        let silent = [&RULE[..RULE.len() - 1], b" flowbits:noalert;)"].concat();
        assert_eq!(edits(EditFile::Drop, "7").apply(&rule(&silent)), None);
    }

    #[test]
    fn wrong_lines_are_told_and_the_others_count() {
        let mut edits = Edits::default();
        let wrong = edits.read(EditFile::Disable, Path::new("x.conf"), b"seven\n7\nre:(");
        assert_eq!(wrong.iter().map(|found| found.line).collect::<Vec<_>>(), [1, 3]);
        assert!(!edits.is_enabled(&rule(RULE), true));
        assert_eq!(edits.read(EditFile::Modify, Path::new("y.conf"), b"7 \"a\"").len(), 1);
    }
}
