//! From the bytes of a file to logical lines, and from a rule's option list to single options.
//!
//! Called by `file` for each file and by `options`. Knows nothing of any keyword. A logical line keeps the place
//! of each of its bytes in the file, so a finding on a continued line names the line the operator sees.
//!
//! Source: the public rule documentation (a backslash at the end of a line joins it to the next; `;` ends an
//! option unless a backslash stands before it, whatever the quotes) and `rules/README.md` of the corpora.
use crate::diagnostic::Problem;
use crate::syntax::value::{Fault, Value};
use std::sync::Arc;

/// One logical line: physical lines joined, and where each came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    bytes: Arc<[u8]>,
    pieces: Box<[Piece]>,
}

/// The bytes from `start` on come from this place of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    start: u32,
    line: u32,
    column: u32,
}

impl Text {
    /// The joined bytes, without the backslashes that joined them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Other bytes in the same place: findings name the line and column it began with.
    #[must_use]
    pub fn replaced(&self, bytes: Vec<u8>) -> Self {
        let pieces = self.pieces.first().copied().into_iter().collect();
        Self { bytes: bytes.into(), pieces }
    }

    /// The joined bytes, shared.
    pub fn shared(&self) -> Arc<[u8]> {
        Arc::clone(&self.bytes)
    }

    /// Line and column in the file, both from 1, of the byte at `offset`; columns count bytes.
    pub fn place(&self, offset: u32) -> (u32, u32) {
        let piece = self.pieces.iter().rev().find(|p| p.start <= offset).or_else(|| self.pieces.first());
        piece.map_or((1, 1), |p| (p.line, p.column.saturating_add(offset.saturating_sub(p.start))))
    }

    /// The line the text starts on, from 1.
    pub fn line(&self) -> u32 {
        self.pieces.first().map_or(1, |p| p.line)
    }
}

/// What a logical line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Not a comment: meant as a rule.
    Rule(Text),
    /// A comment that begins like a rule; the text is without the `#`.
    Disabled(Text),
}

/// Cuts a file into logical lines. Blank lines and plain comments are left out; a byte order mark is skipped.
///
/// A comment does not continue on the next line, unless it looks like a rule and the next line is a comment too.
pub fn lines(file: &[u8]) -> Vec<Line> {
    let (file, skipped) = match file {
        [0xEF, 0xBB, 0xBF, rest @ ..] => (rest, 3),
        all => (all, 0),
    };
    let mut found = Vec::new();
    let mut joined = Joiner::default();
    let mut disabled = false;
    for (index, raw) in file.split(|&b| b == b'\n').enumerate() {
        let line = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let mark = if index == 0 { skipped } else { 0 };
        let lead = raw.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(raw.len());
        let end = raw.iter().rposition(|b| !b.is_ascii_whitespace()).map_or(lead, |i| i + 1);
        let mut content = raw.get(lead..end).unwrap_or_default();
        let mut column = lead + mark + 1;
        if disabled || joined.is_empty() {
            let hashes = content.iter().take_while(|&&b| b == b'#').count();
            let comment = hashes > 0;
            if disabled && !comment {
                joined.finish(&mut found, true);
                disabled = false;
            }
            if comment {
                let rest = content.get(hashes..).unwrap_or_default();
                let blank = rest.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(rest.len());
                content = rest.get(blank..).unwrap_or_default();
                column += hashes + blank;
                if !disabled && !begins_like_a_rule(content) {
                    continue;
                }
                disabled = true;
            } else if content.is_empty() || content.first() == Some(&b';') {
                continue;
            }
        }
        // White space at the start of a continued line is kept: it separates words.
        if !disabled && !joined.is_empty() {
            content = raw.get(..end).unwrap_or_default();
            column = mark + 1;
        }
        match content {
            [head @ .., b'\\'] => joined.push(head, line, column),
            all => {
                joined.push(all, line, column);
                joined.finish(&mut found, disabled);
                disabled = false;
            }
        }
    }
    joined.finish(&mut found, disabled);
    found
}

fn begins_like_a_rule(comment: &[u8]) -> bool {
    let end = comment.iter().position(u8::is_ascii_whitespace).unwrap_or(0);
    crate::syntax::header::Action::from_name(comment.get(..end).unwrap_or_default()).is_some()
}

#[derive(Default)]
struct Joiner {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

impl Joiner {
    fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    fn push(&mut self, bytes: &[u8], line: u32, column: usize) {
        let clip = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.pieces.push(Piece { start: clip(self.bytes.len()), line, column: clip(column) });
        self.bytes.extend_from_slice(bytes);
    }

    fn finish(&mut self, found: &mut Vec<Line>, disabled: bool) {
        if self.is_empty() {
            return;
        }
        let text =
            Text { bytes: std::mem::take(&mut self.bytes).into(), pieces: std::mem::take(&mut self.pieces).into() };
        found.push(if disabled { Line::Disabled(text) } else { Line::Rule(text) });
    }
}

/// One option as written: `name;` or `name:value;`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionText<'a> {
    /// The name, trimmed.
    pub name: Value<'a>,
    /// What follows the colon, trimmed; absent when there is no colon.
    pub value: Option<Value<'a>>,
}

/// Cuts the text after the header, which starts with `(`, into options.
///
/// Everything readable is returned, also when faults are found, so that the sid of a broken rule is known.
pub fn options(body: Value<'_>) -> (Vec<OptionText<'_>>, Vec<Fault>) {
    let mut found = Vec::with_capacity(16);
    let mut faults = Vec::new();
    let Some(mut rest) = body.strip("(") else {
        faults.push(body.slice(0, 1).fault(Problem::OptionsNotOpened));
        return (found, faults);
    };
    loop {
        rest = rest.trim();
        match rest.bytes() {
            [] => {
                faults.push(body.slice(body.len().saturating_sub(1), body.len()).fault(Problem::OptionsNotClosed));
                return (found, faults);
            }
            [b')', ..] => {
                let tail = rest.from(1).trim();
                if !tail.is_empty() {
                    faults.push(tail.fault(Problem::TextAfterRule));
                }
                return (found, faults);
            }
            // A stray `;` is an empty option and says nothing.
            [b';', ..] => {
                rest = rest.from(1);
                continue;
            }
            _ => {}
        }
        let (end, terminated) = match option_end(rest.bytes()) {
            Some(end) => (end, true),
            None => (rest.len(), false),
        };
        let whole = rest.slice(0, end);
        let option = match whole.split_once(b':') {
            Some((name, value)) => OptionText { name, value: Some(value) },
            None => OptionText { name: whole.trim(), value: None },
        };
        if !terminated {
            faults.push(whole.fault(Problem::OptionNotTerminated));
            return (found, faults);
        }
        found.push(option);
        rest = rest.from(end + 1);
    }
}

/// Offset of the `;` that ends the option: the first that no backslash stands before.
fn option_end(bytes: &[u8]) -> Option<usize> {
    let mut before = 0;
    for (i, &b) in bytes.iter().enumerate() {
        if b == b';' && before != b'\\' {
            return Some(i);
        }
        before = b;
    }
    None
}

/// Takes the backslash from each escaped byte: `\"`, `\;`, `\:`, `\\`. Any other backslash stays.
pub fn unescape(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        match rest {
            [b'\\', b @ (b'"' | b';' | b':' | b'\\'), tail @ ..] => {
                out.push(*b);
                rest = tail;
            }
            [b, tail @ ..] => {
                out.push(*b);
                rest = tail;
            }
            [] => return out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_continued_line_keeps_the_place_of_each_byte() {
        let found = lines(b"# note\r\n\r\nalert tcp any any -> \\\r\n  any any (sid:1;)\r\n");
        let [Line::Rule(text)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(text.bytes(), b"alert tcp any any ->   any any (sid:1;)");
        let at = text.bytes().iter().position(|&b| b == b'(').unwrap();
        assert_eq!(text.place(u32::try_from(at).unwrap()), (4, 11));
        assert_eq!(text.place(0), (3, 1));
    }

    #[test]
    fn a_comment_that_is_a_rule_is_told_from_a_comment() {
        let found =
            lines(b"#alert tcp any any -> any any (sid:1;)\n# about nothing\\\nalert ip any any -> any any (sid:2;)\n");
        assert!(matches!(found.as_slice(), [Line::Disabled(_), Line::Rule(_)]), "{found:?}");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_rule() {
        let found = lines(b"\xEF\xBB\xBFalert ip any any -> any any (sid:2;)");
        let [Line::Rule(text)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((text.bytes().first(), text.place(0)), (Some(&b'a'), (1, 4)));
    }

    #[test]
    fn quotes_do_not_protect_a_semicolon_and_a_backslash_does() {
        let (found, faults) = options(Value::new(br#"(pcre:"/^["']?x\;y/Ri"; nocase;)"#, 0));
        assert!(faults.is_empty());
        assert_eq!(found[0].value.unwrap().bytes(), br#""/^["']?x\;y/Ri""#);
        assert_eq!(found[1].name.bytes(), b"nocase");
    }

    #[test]
    fn a_rule_that_does_not_end_is_refused() {
        for (text, problem) in [
            ("(sid:1)", Problem::OptionNotTerminated),
            ("(sid:1;", Problem::OptionsNotClosed),
            ("(sid:1;) x", Problem::TextAfterRule),
            ("sid:1;)", Problem::OptionsNotOpened),
        ] {
            assert_eq!(options(Value::new(text.as_bytes(), 0)).1[0].problem, problem, "{text}");
        }
    }
}
