//! JSON text to values with places.
//!
//! A problem is told and reading goes on behind the next comma or bracket of the same level. Depth is bounded.
//!
//! Source: RFC 8259.

use crate::tree::{
    place::Span,
    problem::{Problems, Reason},
    raw::DEEPEST,
};
use std::sync::Arc;

/// A value.
#[derive(Clone, Debug)]
pub enum Json {
    /// `null`
    Null,
    /// A string, number or boolean, as text; whether it was a string.
    Scalar(String, bool),
    /// A list.
    List(Vec<(Json, Span)>),
    /// Members in their order.
    Object(Vec<Member>),
}

/// A member of an object.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where its name stands.
    pub span: Span,
    /// Its value.
    pub value: Json,
    /// Where its value stands.
    pub at: Span,
}

/// Reads a text.
pub struct Parser<'a> {
    text: &'a str,
    rest: std::iter::Peekable<std::str::CharIndices<'a>>,
    file: Arc<str>,
    line: u32,
    begin: usize,
}

impl<'a> Parser<'a> {
    /// Of `text`, which `file` holds.
    pub fn new(text: &'a str, file: &Arc<str>) -> Self {
        Self { text, rest: text.char_indices().peekable(), file: Arc::clone(file), line: 1, begin: 0 }
    }

    /// The value that is the text.
    pub fn whole(&mut self, problems: &mut Problems) -> Option<(Json, Span)> {
        let span = self.here();
        let value = self.value(0, problems)?;
        let behind = self.here();
        if let Some(&(_, letter)) = self.rest.peek() {
            problems.error(&behind, "", Reason::Expected { what: "the end of the file", found: letter.into() });
        }
        Some((value, span))
    }

    fn blanks(&mut self) {
        while let Some((at, letter)) = self.rest.next_if(|(_, letter)| matches!(letter, ' ' | '\t' | '\r' | '\n')) {
            if letter == '\n' {
                self.line = self.line.saturating_add(1);
                self.begin = at + 1;
            }
        }
    }

    /// Where the next token stands.
    fn here(&mut self) -> Span {
        self.blanks();
        let at = self.rest.peek().map_or(self.text.len(), |&(at, _)| at);
        let column = u32::try_from(at - self.begin.min(at)).unwrap_or(u32::MAX).saturating_add(1);
        Span::new(&self.file, self.line, column)
    }

    fn takes(&mut self, wanted: char) -> bool {
        self.blanks();
        self.rest.next_if(|&(_, letter)| letter == wanted).is_some()
    }

    fn peek(&mut self) -> Option<char> {
        self.blanks();
        self.rest.peek().map(|&(_, letter)| letter)
    }

    fn found(&mut self) -> String {
        self.peek().map_or_else(|| "the end of the file".to_owned(), String::from)
    }

    fn value(&mut self, depth: usize, problems: &mut Problems) -> Option<Json> {
        let span = self.here();
        match self.peek() {
            Some('{' | '[') if depth >= DEEPEST => {
                problems.error(&span, "", Reason::TooDeep { most: DEEPEST });
                self.skip();
                None
            }
            Some('{') => {
                self.rest.next();
                Some(self.object(&span, depth, problems))
            }
            Some('[') => {
                self.rest.next();
                Some(self.list(&span, depth, problems))
            }
            Some('"') => {
                self.rest.next();
                Some(Json::Scalar(self.string(&span, problems), true))
            }
            Some(letter) if letter.is_ascii_alphanumeric() || letter == '-' => self.bare(&span, problems),
            _ => {
                let found = self.found();
                problems.error(&span, "", Reason::Expected { what: "a value", found });
                None
            }
        }
    }

    /// `true`, `false`, `null`, or a number.
    fn bare(&mut self, span: &Span, problems: &mut Problems) -> Option<Json> {
        let letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '+' | '.');
        let mut text = String::new();
        while let Some((_, next)) = self.rest.next_if(|&(_, next)| letter(next)) {
            text.push(next);
        }
        match text.as_str() {
            "null" => Some(Json::Null),
            "true" | "false" => Some(Json::Scalar(text, false)),
            _ if is_number(&text) => Some(Json::Scalar(text, false)),
            _ => {
                problems.error(
                    span,
                    "",
                    Reason::Expected { what: "a string in quotes, a number, true, false or null", found: text },
                );
                None
            }
        }
    }

    fn object(&mut self, span: &Span, depth: usize, problems: &mut Problems) -> Json {
        let mut members = Vec::new();
        if self.takes('}') {
            return Json::Object(members);
        }
        loop {
            let at = self.here();
            if self.takes('"') {
                let name = self.string(&at, problems);
                let colon = self.here();
                if self.takes(':') {
                    let at_value = self.here();
                    if let Some(value) = self.value(depth + 1, problems) {
                        members.push(Member { name, span: at, value, at: at_value });
                    }
                } else {
                    let found = self.found();
                    problems.error(&colon, "", Reason::Expected { what: ":", found });
                }
            } else {
                let found = self.found();
                problems.error(&at, "", Reason::Expected { what: "a name in quotes", found });
            }
            match self.behind('}', span, problems) {
                Behind::More => {}
                Behind::End => return Json::Object(members),
            }
        }
    }

    fn list(&mut self, span: &Span, depth: usize, problems: &mut Problems) -> Json {
        let mut values = Vec::new();
        if self.takes(']') {
            return Json::List(values);
        }
        loop {
            let at = self.here();
            if let Some(value) = self.value(depth + 1, problems) {
                values.push((value, at));
            }
            match self.behind(']', span, problems) {
                Behind::More => {}
                Behind::End => return Json::List(values),
            }
        }
    }

    /// What comes behind a member or a value, past what does not belong there.
    fn behind(&mut self, close: char, span: &Span, problems: &mut Problems) -> Behind {
        if self.takes(',') {
            return Behind::More;
        }
        if self.takes(close) {
            return Behind::End;
        }
        let at = self.here();
        if self.peek().is_some() {
            let what = if close == '}' { ", or }" } else { ", or ]" };
            let found = self.found();
            problems.error(&at, "", Reason::Expected { what, found });
        }
        loop {
            match self.peek() {
                None => {
                    problems.error(span, "", Reason::Unclosed { with: if close == '}' { "}" } else { "]" } });
                    return Behind::End;
                }
                Some(',') => {
                    self.rest.next();
                    return Behind::More;
                }
                // The other bracket ends this level too: its own end is missing.
                Some('}' | ']') => {
                    self.rest.next();
                    return Behind::End;
                }
                Some('{' | '[') => self.skip(),
                Some('"') => {
                    self.rest.next();
                    self.string(&at, &mut Problems::new());
                }
                Some(_) => {
                    self.rest.next();
                }
            }
        }
    }

    /// Goes past a list or object without looking at it.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        while let Some(letter) = self.peek() {
            self.rest.next();
            match letter {
                '{' | '[' => depth += 1,
                '}' | ']' => depth = depth.saturating_sub(1),
                '"' => {
                    let span = Span::whole(&self.file);
                    self.string(&span, &mut Problems::new());
                }
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// The rest of a string, behind its first quote.
    fn string(&mut self, span: &Span, problems: &mut Problems) -> String {
        let mut text = String::new();
        let mut control = None;
        while let Some(&(_, letter)) = self.rest.peek() {
            if letter == '\n' {
                break;
            }
            self.rest.next();
            match letter {
                '"' => {
                    if let Some(character) = control {
                        problems.error(span, "", Reason::Control { character });
                    }
                    return text;
                }
                '\\' => match self.escape() {
                    Some(letter) if letter.is_control() && !matches!(letter, '\n' | '\t') => control = Some(letter),
                    Some(letter) => text.push(letter),
                    None => {
                        problems.error(span, "", Reason::Expected { what: "an escape of JSON", found: "\\".into() })
                    }
                },
                letter if letter.is_control() => control = control.or(Some(letter)),
                letter => text.push(letter),
            }
        }
        problems.error(span, "", Reason::OpenQuote);
        text
    }

    fn escape(&mut self) -> Option<char> {
        let (_, letter) = self.rest.next_if(|&(_, letter)| letter != '\n')?;
        Some(match letter {
            '"' | '\\' | '/' => letter,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let high = self.hex()?;
                if (0xd800..0xdc00).contains(&high) {
                    self.rest.next_if(|&(_, letter)| letter == '\\')?;
                    self.rest.next_if(|&(_, letter)| letter == 'u')?;
                    let low = self.hex()?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                    char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + low)?
                } else {
                    char::from_u32(high)?
                }
            }
            _ => return None,
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let mut number = 0;
        for _ in 0..4 {
            let (_, digit) = self.rest.next_if(|(_, letter)| letter.is_ascii_hexdigit())?;
            number = number << 4 | digit.to_digit(16)?;
        }
        Some(number)
    }
}

enum Behind {
    More,
    End,
}

/// Whether it is a number of JSON (RFC 8259 section 6).
pub fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
}
