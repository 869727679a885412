//! What only the whole rule can tell: contradictions between options.
//!
//! Called by `parse` once every option has been read without a fault. Also joins uses of the same buffer, so that
//! matches written apart count as one sequence.
//!
//! Source: the public rule documentation, and the `rule-load` cases of the conformance collection.
use crate::diagnostic::{Problem, Severity, Span};
use crate::syntax::comparison::Comparison;
use crate::syntax::header::Direction;
use crate::syntax::keyword::bits::BitOperation;
use crate::syntax::keyword::buffer_table::Sides;
use crate::syntax::keyword::content::{Content, FastPattern, Operand};
use crate::syntax::keyword::flow::{Flow, Side};
use crate::syntax::keyword::ip::IpTest;
use crate::syntax::rule::{Match, MatchKind, Rule};
use crate::syntax::value::Fault;

/// Joins buffers and reports every contradiction.
pub(crate) fn rule(rule: &mut Rule) -> Vec<(Severity, Fault)> {
    join_buffers(rule);
    let mut findings = Vec::new();
    for found in &rule.matches {
        if let MatchKind::Content(c) = &found.kind {
            content(rule, found, c, &mut findings);
        }
    }
    sizes(rule, &mut findings);
    directions(rule, &mut findings);
    flowbits(rule, &mut findings);
    relative_to_start(rule, &mut findings);
    relative_to_nothing(rule, &mut findings);
    findings
}

fn error(findings: &mut Vec<(Severity, Fault)>, span: Span, problem: Problem) {
    findings.push((Severity::Error, Fault { span, problem }));
}

/// Uses of one buffer with the same transforms become one, unless naming it again means another instance.
fn join_buffers(rule: &mut Rule) {
    let mut joined: Vec<usize> = Vec::with_capacity(rule.buffers.len());
    for (i, used) in rule.buffers.iter().enumerate() {
        let same = |&j: &usize| {
            rule.buffers.get(j).is_some_and(|b| {
                std::ptr::eq(b.buffer, used.buffer)
                    && !b.buffer.several
                    && b.transforms == used.transforms
                    && b.argument == used.argument
            })
        };
        joined.push((0..i).find(same).unwrap_or(i));
    }
    if joined.iter().enumerate().all(|(i, &j)| i == j) {
        return;
    }
    let mut kept = Vec::with_capacity(rule.buffers.len());
    let mut places = Vec::with_capacity(rule.buffers.len());
    for (i, used) in std::mem::take(&mut rule.buffers).into_iter().enumerate() {
        match joined.get(i) {
            Some(&j) if j < i => places.push(places.get(j).copied().unwrap_or(0)),
            _ => {
                places.push(kept.len());
                kept.push(used);
            }
        }
    }
    rule.buffers = kept;
    for found in &mut rule.matches {
        if let Some(buffer) = found.kind.buffer_mut()
            && let Some(&place) = places.get(*buffer)
        {
            *buffer = place;
        }
    }
}

fn content(rule: &Rule, found: &Match, c: &Content, findings: &mut Vec<(Severity, Fault)>) {
    let mut conflict = |with: &str| error(findings, found.span, Problem::Conflict { with: with.into() });
    if c.is_relative() && (c.offset.is_some() || c.depth.is_some()) {
        conflict("offset or depth together with distance or within");
    }
    if c.startswith && (c.offset.is_some() || c.depth.is_some() || c.is_relative()) {
        conflict("startswith and offset, depth, distance or within");
    }
    let bounded = c.offset.is_some() || c.depth.is_some() || c.is_relative();
    match c.fast_pattern {
        Some(FastPattern::Only) if bounded => conflict("fast_pattern:only and offset, depth, distance or within"),
        Some(FastPattern::Only) if c.negated => conflict("fast_pattern:only and negation"),
        Some(_) if c.negated && bounded => {
            conflict("fast_pattern, negation and offset, depth, distance or within");
        }
        _ => {}
    }
    let length = i64::try_from(c.pattern.len()).unwrap_or(i64::MAX);
    for limit in [&c.depth, &c.within].into_iter().flatten().filter_map(Operand::known) {
        if limit < length {
            error(findings, found.span, Problem::NeverMatches { limit, needed: length });
        }
    }
    let Some(used) = rule.buffers.get(c.buffer) else { return };
    if c.fast_pattern.is_some() && used.buffer.name == "base64_data" {
        error(findings, found.span, Problem::NoFastPattern);
    }
    if let Some(last) = used.transforms.last()
        && !last.can_produce(&c.pattern, c.nocase)
    {
        error(findings, found.span, Problem::NeverTransformed { transform: last.name() });
    }
}

/// `bsize` and `dsize` against the contents they limit.
fn sizes(rule: &Rule, findings: &mut Vec<(Severity, Fault)>) {
    for found in &rule.matches {
        let (buffer, most) = match &found.kind {
            MatchKind::BufferSize(size) if found.keyword == "bsize" => (size.buffer, bound(size.size)),
            MatchKind::Ip(IpTest::PayloadSize(size)) => (0, bound(*size)),
            _ => continue,
        };
        let needed = bytes_needed(rule, buffer);
        if i128::from(needed) > most {
            let limit = i64::try_from(most).unwrap_or(i64::MAX);
            error(findings, found.span, Problem::NeverMatches { limit, needed });
        }
    }
}

fn bound<T: crate::syntax::value::Int + Into<i128>>(size: Comparison<T>) -> i128 {
    size.bounds().1
}

/// The least length of a buffer in which all contents could be found.
fn bytes_needed(rule: &Rule, buffer: usize) -> i64 {
    let (mut needed, mut end) = (0i64, 0i64);
    for found in rule.matches.iter().filter(|m| m.kind.buffer() == Some(buffer)) {
        let MatchKind::Content(c) = &found.kind else {
            // Anything else may move the place relative contents count from.
            end = 0;
            continue;
        };
        if c.negated {
            continue;
        }
        let known = |o: &Option<Operand>| o.as_ref().and_then(Operand::known).unwrap_or(0);
        let start = if c.is_relative() { end.saturating_add(known(&c.distance)).max(0) } else { known(&c.offset) };
        end = start.saturating_add(i64::try_from(c.pattern.len()).unwrap_or(i64::MAX));
        needed = needed.max(end);
    }
    needed
}

/// Keywords that look at one half of the conversation against `flow`, the operator, and one another.
fn directions(rule: &Rule, findings: &mut Vec<(Severity, Fault)>) {
    let flow = rule.matches.iter().find_map(|m| match &m.kind {
        MatchKind::Flow(Flow { side: Some(side), .. }) => Some((*side, m.span)),
        _ => None,
    });
    if let (Direction::Transaction, Some((_, span))) = (rule.direction, flow) {
        error(findings, span, Problem::Conflict { with: "the operator =>".into() });
    }
    let mut seen = flow.map(|(side, _)| side);
    for found in &rule.matches {
        let Some(used) = found.kind.buffer().and_then(|b| rule.buffers.get(b)) else { continue };
        let side = match used.buffer.sides {
            Sides::ToServer => Side::ToServer,
            Sides::ToClient => Side::ToClient,
            Sides::Both => continue,
        };
        match seen {
            None => seen = Some(side),
            Some(other) if other != side && rule.direction != Direction::Transaction => {
                let keyword = if side == Side::ToServer { "to_server" } else { "to_client" };
                error(findings, found.span, Problem::WrongDirection { keyword });
                return;
            }
            Some(_) => {}
        }
    }
}

/// A bit cannot be set and not set.
fn flowbits(rule: &Rule, findings: &mut Vec<(Severity, Fault)>) {
    let conditions = || {
        rule.matches.iter().filter_map(|m| match &m.kind {
            MatchKind::FlowBits(bits) if bits.operation.is_condition() => match bits.names.as_slice() {
                [name] => Some((bits.operation, name, m.span)),
                _ => None,
            },
            _ => None,
        })
    };
    for (operation, name, span) in conditions().filter(|(o, ..)| *o == BitOperation::IsNotSet) {
        if conditions().any(|(other, same, _)| other != operation && same == name) {
            error(findings, span, Problem::Conflict { with: format!("isset,{name}").into() });
        }
    }
}

/// A content that only serves to find the rule has no place that another could count from.
fn relative_to_nothing(rule: &Rule, findings: &mut Vec<(Severity, Fault)>) {
    for (i, found) in rule.matches.iter().enumerate() {
        let MatchKind::Content(c) = &found.kind else { continue };
        if !c.is_relative() {
            continue;
        }
        let before = rule.matches.iter().take(i).rev().find_map(|m| match &m.kind {
            MatchKind::Content(other) if other.buffer == c.buffer => Some(other.fast_pattern),
            kind if kind.buffer() == Some(c.buffer) => Some(None),
            _ => None,
        });
        if before == Some(Some(FastPattern::Only)) {
            error(findings, found.span, Problem::RelativeToFastPatternOnly);
        }
    }
}

/// Tells of contents that count from a match there is none of.
fn relative_to_start(rule: &Rule, findings: &mut Vec<(Severity, Fault)>) {
    for (i, found) in rule.matches.iter().enumerate() {
        let MatchKind::Content(c) = &found.kind else { continue };
        let first = || {
            !rule.matches.iter().take(i).any(|m| {
                m.kind.buffer() == Some(c.buffer)
                    && !matches!(m.kind, MatchKind::BufferSize(_) | MatchKind::IsDataAt(_))
            })
        };
        if c.is_relative() && first() {
            findings.push((Severity::Warning, Fault { span: found.span, problem: Problem::RelativeToStart }));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{LoadOptions, Rule, load_bytes};
    use std::path::Path;

    fn read(options: &str) -> Result<Rule, Vec<String>> {
        let text = format!("alert http any any -> any any ({options} sid:1;)");
        let mut set = load_bytes(Path::new("t"), text.as_bytes(), &LoadOptions::default());
        let errors = set.diagnostics.iter().map(ToString::to_string).collect();
        set.rules.pop().ok_or(errors)
    }

    #[test]
    fn contradictions_are_refused() {
        for options in [
            "content:\"a\"; depth:2; content:\"b\"; distance:1; offset:1;",
            "content:\"abc\"; depth:2;",
            "content:\"a\"; content:\"abc\"; within:2;",
            "content:\"a\"; startswith; offset:1;",
            "content:\"a\"; nocase; nocase;",
            "content:\"a\"; fast_pattern; content:\"b\"; fast_pattern;",
            "content:\"a\"; content:!\"b\"; distance:1; fast_pattern;",
            "content:\"abc\"; fast_pattern:2,2;",
            "content:\"a\"; fast_pattern:only; content:\"b\"; within:5;",
            "http.uri; content:\"abcdef\"; bsize:5;",
            "dsize:6; content:\"boom\"; content:\"loom\"; distance:2;",
            "http.uri; http.method; content:\"GET\";",
            "http.uri; to_lowercase; content:\"GET\";",
            "http.uri; content:\"a\"; http.stat_code; content:\"200\";",
            "flow:to_client; http.uri; content:\"a\";",
            "flow:to_server,to_client;",
            "flow:established; flow:to_server;",
            "flowbits:isset,a; flowbits:isnotset,a;",
            "dns.query; content:\"a\";",
            "http.uri; content:\"a\"; http_header;",
            "byte_test:2,>,unknown,0;",
            "noalert; alert;",
            "nocase;",
        ] {
            assert!(read(options).is_err(), "{options}");
        }
    }

    #[test]
    fn an_old_style_modifier_moves_its_content() {
        let rule = read("content:\"a\"; http_uri; content:\"b\"; content:\"c\"; http_uri; distance:0;").unwrap();
        let places: Vec<_> =
            rule.matches.iter().filter_map(|m| m.kind.buffer()).map(|b| rule.buffers[b].buffer.name).collect();
        assert_eq!(places, ["http.uri", "pkt_data", "http.uri"]);
    }

    #[test]
    fn a_buffer_chosen_twice_is_one_unless_there_may_be_several() {
        let one = read("http.uri; content:\"a\"; http.method; content:\"b\"; http.uri; content:\"c\";").unwrap();
        let places: Vec<_> = one.matches.iter().filter_map(|m| m.kind.buffer()).collect();
        assert_eq!(places.first(), places.get(2));
        let two = read("http.request_header; content:\"a\"; http.request_header; content:\"b\";").unwrap();
        let places: Vec<_> = two.matches.iter().filter_map(|m| m.kind.buffer()).collect();
        assert_ne!(places.first(), places.get(1));
    }

    #[test]
    fn a_transform_after_a_match_begins_a_new_use() {
        let rule = read("http.uri; content:\"A\"; to_lowercase; content:\"a\"; xor:\"01\"; content:\"b\";").unwrap();
        let counts: Vec<_> =
            rule.matches.iter().filter_map(|m| m.kind.buffer()).map(|b| rule.buffers[b].transforms.len()).collect();
        assert_eq!(counts, [0, 1, 2]);
    }

    #[test]
    fn transforms_alike_make_one_buffer() {
        let rule = read("http.uri; dotprefix; content:\"a\"; http.uri; dotprefix; content:\"b\"; distance:0;").unwrap();
        let places: Vec<_> = rule.matches.iter().filter_map(|m| m.kind.buffer()).collect();
        assert_eq!(places.first(), places.get(1));
    }
}
