//! From bytes to words: what braces, `set` lines and PCLI have in common.
//!
//! [`decode`] makes text of bytes, [`Lexer`] makes tokens of text. Both go over their input once. A problem is told and reading goes on behind it.
//!
//! Source: `spec/junos-ids-idp.md` section 2.3 (words, quotes, comments).

use super::{
    place::{Span, Word},
    problem::{Problems, Reason},
    raw,
};
use std::sync::Arc;

/// The text of a file. Bytes that are no UTF-8 are told of, once a line, and become U+FFFD. A byte order mark is left out.
pub fn decode(bytes: &[u8], file: &Arc<str>, problems: &mut Problems) -> String {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut text = String::with_capacity(bytes.len());
    let (mut line, mut column, mut told) = (1_u32, 1_u32, 0);
    for chunk in bytes.utf8_chunks() {
        for byte in chunk.valid().bytes() {
            (line, column) = if byte == b'\n' { (line.saturating_add(1), 1) } else { (line, column.saturating_add(1)) };
        }
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            if told != line {
                problems.error(&Span::new(file, line, column), "", Reason::NotUtf8);
                told = line;
            }
            column = column.saturating_add(u32::try_from(chunk.invalid().len()).unwrap_or(u32::MAX));
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    text
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A word; whether it stood in quotes.
    Word(String, bool),
    /// `{`
    Open,
    /// `}`
    Close,
    /// `[`
    ListOpen,
    /// `]`
    ListClose,
    /// `;`
    End,
    /// The end of a line.
    Line,
    /// A comment; whether a token stood before it in its line.
    Comment(String, bool),
}

impl Token {
    /// As it stood in the text.
    pub fn shown(&self) -> String {
        match self {
            Self::Word(text, _) | Self::Comment(text, _) => text.clone(),
            Self::Open => "{".into(),
            Self::Close => "}".into(),
            Self::ListOpen => "[".into(),
            Self::ListClose => "]".into(),
            Self::End => ";".into(),
            Self::Line => "end of line".into(),
        }
    }
}

/// Which notation the tokens are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Ends of lines are blanks.
    Braces,
    /// Ends of lines are tokens; braces and semicolons are letters.
    Lines,
}

/// Tokens of a text, one after the other.
pub struct Lexer<'a> {
    rest: std::iter::Peekable<std::str::CharIndices<'a>>,
    text: &'a str,
    style: Style,
    file: Arc<str>,
    line: u32,
    /// Where the line begins, in bytes of the text.
    begin: usize,
    /// Whether the line has a token.
    begun: bool,
    /// Whether the line's control character was told of.
    control: u32,
}

impl<'a> Lexer<'a> {
    /// Of `text`, which `file` holds.
    pub fn new(text: &'a str, file: &Arc<str>, style: Style) -> Self {
        let rest = text.char_indices().peekable();
        Self { rest, text, style, file: Arc::clone(file), line: 1, begin: 0, begun: false, control: 0 }
    }

    fn span(&self, at: usize) -> Span {
        let column = u32::try_from(at - self.begin.min(at)).unwrap_or(u32::MAX).saturating_add(1);
        Span::new(&self.file, self.line, column)
    }

    /// Where the text ends.
    pub fn end(&self) -> Span {
        self.span(self.text.len())
    }

    fn break_line(&mut self, at: usize) {
        self.line = self.line.saturating_add(1);
        self.begin = at + 1;
        self.begun = false;
    }

    fn takes(&mut self, wanted: char) -> bool {
        self.rest.next_if(|&(_, letter)| letter == wanted).is_some()
    }

    fn second(&self, at: usize) -> Option<char> {
        self.text.get(at..)?.chars().nth(1)
    }

    /// The next token and where it begins.
    pub fn next(&mut self, problems: &mut Problems) -> Option<(Token, Span)> {
        loop {
            let (at, letter) = self.rest.next()?;
            let span = self.span(at);
            let braces = self.style == Style::Braces;
            let token = match letter {
                '\n' => {
                    self.break_line(at);
                    if braces {
                        continue;
                    }
                    return Some((Token::Line, span));
                }
                '{' if braces => Token::Open,
                '}' if braces => Token::Close,
                ';' if braces => Token::End,
                '[' => Token::ListOpen,
                ']' => Token::ListClose,
                '#' => return Some((self.line_comment(at), span)),
                '!' if braces && !self.begun => return Some((self.line_comment(at), span)),
                '/' if self.second(at) == Some('*') => return Some((self.block_comment(&span, problems), span)),
                '"' => Token::Word(self.quoted(&span, problems), true),
                letter if letter.is_whitespace() => continue,
                letter => Token::Word(self.word(at, letter, &span, problems), false),
            };
            self.begun = true;
            return Some((token, span));
        }
    }

    fn line_comment(&mut self, at: usize) -> Token {
        let behind = self.begun;
        let mut end = self.text.len();
        while let Some(&(next, letter)) = self.rest.peek() {
            if letter == '\n' {
                end = next;
                break;
            }
            self.rest.next();
        }
        let text = self.text.get(at..end).unwrap_or_default().trim_start_matches(['#', '!']);
        Token::Comment(raw::comment(text), behind)
    }

    fn block_comment(&mut self, span: &Span, problems: &mut Problems) -> Token {
        let begun = self.begun;
        self.rest.next();
        let from = self.rest.peek().map_or(self.text.len(), |&(at, _)| at);
        let mut end = self.text.len();
        let mut closed = false;
        while let Some((at, letter)) = self.rest.next() {
            match letter {
                '\n' => self.break_line(at),
                '*' if self.takes('/') => {
                    end = at;
                    closed = true;
                    break;
                }
                _ => {}
            }
        }
        if !closed {
            problems.error(span, "", Reason::OpenComment);
        }
        // With more behind it in its line it speaks of that.
        let rest = self.rest.peek().and_then(|&(at, _)| self.text.get(at..)).unwrap_or_default();
        let behind = begun
            && rest
                .chars()
                .find(|letter| *letter == '\n' || !letter.is_whitespace())
                .is_none_or(|letter| letter == '\n');
        Token::Comment(raw::comment(self.text.get(from..end).unwrap_or_default()), behind)
    }

    fn quoted(&mut self, span: &Span, problems: &mut Problems) -> String {
        let mut text = String::new();
        while let Some(&(at, letter)) = self.rest.peek() {
            if letter == '\n' {
                break;
            }
            self.rest.next();
            match letter {
                '"' => return text,
                '\\' => match self.rest.next_if(|&(_, letter)| letter != '\n') {
                    Some((_, '"')) => text.push('"'),
                    Some((_, '\\')) => text.push('\\'),
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    // Regular expressions are full of such: both letters stay.
                    Some((at, other)) => {
                        text.push('\\');
                        self.put(&mut text, at, other, problems);
                    }
                    None => {}
                },
                letter => self.put(&mut text, at, letter, problems),
            }
        }
        problems.error(span, "", Reason::OpenQuote);
        text
    }

    fn word(&mut self, at: usize, first: char, _span: &Span, problems: &mut Problems) -> String {
        let mut text = String::new();
        self.put(&mut text, at, first, problems);
        while let Some(&(at, letter)) = self.rest.peek() {
            let special = match self.style {
                Style::Braces => matches!(letter, '{' | '}' | ';' | '[' | ']' | '"' | '#'),
                Style::Lines => matches!(letter, '[' | ']' | '"'),
            };
            if letter.is_whitespace() || special {
                break;
            }
            self.rest.next();
            self.put(&mut text, at, letter, problems);
        }
        text
    }

    /// Adds a letter, unless it is a control character: told once a line.
    fn put(&mut self, text: &mut String, at: usize, letter: char, problems: &mut Problems) {
        if !letter.is_control() || letter == '\t' {
            text.push(letter);
        } else if letter != '\r' && self.control != self.line {
            self.control = self.line;
            problems.error(&self.span(at), "", Reason::Control { character: letter });
        }
    }
}

/// A word as any notation but JSON has it: in quotes where it needs them.
pub fn quote(word: &str) -> String {
    let special = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || matches!(letter, '{' | '}' | '[' | ']' | ';' | '"' | '#' | '\\')
    };
    let tag = word.ends_with(':') || word.starts_with('!') || word.contains("/*");
    if !word.is_empty() && !tag && !word.contains(special) {
        return word.to_owned();
    }
    let mut text = String::with_capacity(word.len() + 2);
    text.push('"');
    for letter in word.chars() {
        match letter {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            letter => text.push(letter),
        }
    }
    text.push('"');
    text
}

/// Words as a `set` line has them.
pub fn path<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// A word at a place, of a token that is one.
pub fn as_word(token: Token, span: Span) -> Option<Word> {
    match token {
        Token::Word(text, _) => Some(Word::new(text, span)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str, style: Style) -> (Vec<Token>, Vec<String>) {
        let mut problems = Problems::new();
        let file = Arc::from("f");
        let mut lexer = Lexer::new(text, &file, style);
        let mut all = Vec::new();
        while let Some((token, _)) = lexer.next(&mut problems) {
            all.push(token);
        }
        (all, problems.list.iter().map(ToString::to_string).collect())
    }

    fn word(text: &str) -> Token {
        Token::Word(text.into(), false)
    }

    #[test]
    fn words_quotes_and_comments_are_told_apart() {
        let (all, problems) = tokens("a \"b;#\\\"\" [ c ];# d\n/* e\n f */ }", Style::Braces);
        assert_eq!(
            all,
            [
                word("a"),
                Token::Word("b;#\"".into(), true),
                Token::ListOpen,
                word("c"),
                Token::ListClose,
                Token::End,
                Token::Comment("d".into(), true),
                Token::Comment("e\nf".into(), false),
                Token::Close
            ]
        );
        assert!(problems.is_empty());
    }

    #[test]
    fn what_has_no_end_is_told_with_its_place_and_reading_goes_on() {
        let (all, problems) = tokens("a \"b\nc /* d", Style::Braces);
        assert_eq!(all.len(), 4);
        assert_eq!(
            problems,
            [
                "error: f:1:3: the text in quotes has no end in this line; add \"",
                "error: f:2:3: the comment has no end; add */"
            ]
        );
    }

    #[test]
    fn a_control_character_is_told_once_a_line_and_left_out() {
        let (all, problems) = tokens("a\u{1}b\u{2}\r\nc", Style::Braces);
        assert_eq!(all, [word("ab"), word("c")]);
        assert_eq!(problems, ["error: f:1:2: control character U+0001; take it out"]);
    }

    #[test]
    fn bytes_that_are_no_utf8_are_told_once_a_line() {
        let mut problems = Problems::new();
        let text = decode(b"\xef\xbb\xbfa\xff\xfe b\n\xffc", &Arc::from("f"), &mut problems);
        assert_eq!(text, "a\u{fffd}\u{fffd} b\n\u{fffd}c");
        let told: Vec<String> = problems.list.iter().map(|problem| problem.place.to_string()).collect();
        assert_eq!(told, ["f:1:2", "f:2:1"]);
    }

    #[test]
    fn any_word_in_quotes_is_read_back() {
        for text in ["", "a", "a b", "\"", "\\", "\\d+\\\\", "a\nb\t", "{};[]#", "inactive:", "!x", "a/*b", "ä", "\\n"]
        {
            for style in [Style::Braces, Style::Lines] {
                let (all, problems) = tokens(&quote(text), style);
                assert!(matches!(all.as_slice(), [Token::Word(read, _)] if read == text), "{text:?}: {all:?}");
                assert!(problems.is_empty());
            }
        }
    }
}
