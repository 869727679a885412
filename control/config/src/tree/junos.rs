//! Junos' own notation: braces.
//!
//! `read` makes statements of text, `write` makes text of a tree. Blocks, `[ lists ]`, the tags `inactive:` and `active:`, comments before and behind a statement, and a line
//! `[edit authority service internet]` that says where what follows belongs. A semicolon may be missing before `}` and at the end.
//!
//! Source: `spec/junos-ids-idp.md` section 2.3.

use super::{
    lex::{self, Lexer, Style, Token},
    node::{Content, Node, Tree, Value},
    place::{Span, Word},
    problem::{Problems, Reason},
    raw::{Body, DEEPEST, Op, Raw},
    schema::{Kind, ROOT, Section},
};
use std::sync::Arc;

/// A block whose end has not come.
struct Block {
    head: Raw,
    statements: Vec<Raw>,
    waiting: Vec<String>,
}

/// What was read of the statement at hand.
struct Reader<'a> {
    lexer: Lexer<'a>,
    problems: &'a mut Problems,
    blocks: Vec<Block>,
    statements: Vec<Raw>,
    /// Comments that wait for a statement.
    waiting: Vec<String>,
    words: Vec<Word>,
    list: Option<Vec<Value>>,
    tag: Option<bool>,
    /// Line in which the last statement ended: a comment there belongs to it.
    ended: u32,
    /// `[edit ...]`: where what follows belongs, and what of it was read.
    edit: Option<(Vec<Word>, Span)>,
    edited: Vec<Raw>,
    /// Levels that are skipped since they lie too deep.
    skipped: usize,
}

/// Statements of `text`.
pub fn read(text: &str, file: &Arc<str>, problems: &mut Problems) -> Vec<Raw> {
    let mut reader = Reader {
        lexer: Lexer::new(text, file, Style::Braces),
        problems,
        blocks: Vec::new(),
        statements: Vec::new(),
        waiting: Vec::new(),
        words: Vec::new(),
        list: None,
        tag: None,
        ended: 0,
        edit: None,
        edited: Vec::new(),
        skipped: 0,
    };
    while let Some((token, span)) = reader.lexer.next(reader.problems) {
        reader.take(token, span);
    }
    reader.finish()
}

impl Reader<'_> {
    fn take(&mut self, token: Token, span: Span) {
        if self.skipped > 0 {
            match token {
                Token::Open => self.skipped += 1,
                Token::Close => self.skipped -= 1,
                _ => {}
            }
            return;
        }
        match token {
            Token::Comment(text, behind) => self.comment(text, behind, &span),
            Token::Word(text, quoted) => self.word(text, quoted, span),
            Token::ListOpen => self.list(&span),
            Token::ListClose => self.problems.error(&span, "", Reason::Unopened { what: "]" }),
            Token::End => self.end(&span, Body::None),
            Token::Open => self.open(&span),
            Token::Close => self.close(&span),
            Token::Line => {}
        }
    }

    fn comment(&mut self, text: String, behind: bool, span: &Span) {
        if text.is_empty() {
            return;
        }
        let level = match (self.blocks.last_mut(), &self.edit) {
            (Some(block), _) => &mut block.statements,
            (None, Some(_)) => &mut self.edited,
            (None, None) => &mut self.statements,
        };
        match level.last_mut() {
            Some(last) if behind && self.words.is_empty() && self.ended == span.line => last.comments.push(text),
            _ => self.waiting.push(text),
        }
    }

    fn word(&mut self, text: String, quoted: bool, span: Span) {
        if !quoted && self.words.is_empty() && text.ends_with(':') {
            match text.as_str() {
                "inactive:" => self.tag = Some(true),
                "active:" => self.tag = Some(false),
                "protect:" | "replace:" | "delete:" => {
                    let instead = "take the tag out; to change a candidate write set, delete and deactivate lines";
                    self.problems.error(&span, "", Reason::Unsupported { what: text, instead });
                }
                _ => self.words.push(Word::new(text, span)),
            }
            return;
        }
        self.words.push(Word::new(text, span));
    }

    /// What stands between brackets.
    fn list(&mut self, span: &Span) {
        let mut values: Vec<Value> = Vec::new();
        let mut waiting = Vec::new();
        let mut closed = false;
        while let Some((token, at)) = self.lexer.next(self.problems) {
            match token {
                Token::ListClose => {
                    closed = true;
                    break;
                }
                Token::Comment(text, _) => waiting.push(text),
                Token::Word(text, _) => {
                    let comments = std::mem::take(&mut waiting);
                    values.push(Value { word: Word::new(text, at), inactive: false, comments });
                }
                other => {
                    let found = other.shown();
                    self.problems.error(&at, "", Reason::Expected { what: "]", found });
                    self.finish_list(span, values, waiting);
                    return self.take(other, at);
                }
            }
        }
        if !closed {
            self.problems.error(span, "", Reason::Unclosed { with: "]" });
        }
        self.finish_list(span, values, waiting);
    }

    fn finish_list(&mut self, span: &Span, values: Vec<Value>, waiting: Vec<String>) {
        let waiting = waiting.into_iter().filter(|text| !text.is_empty());
        self.waiting.extend(waiting);
        let first_word = self.words.is_empty();
        let edit = values.first().is_some_and(|value| value.word.text == "edit");
        if first_word && edit && self.blocks.is_empty() {
            self.leave_edit();
            let path: Vec<Word> = values.into_iter().skip(1).map(|value| value.word).collect();
            self.edit = (!path.is_empty()).then(|| (path, span.clone()));
        } else if first_word {
            self.problems.error(span, "", Reason::Expected { what: "a key word", found: "[".into() });
        } else if self.list.is_some() {
            self.problems.error(span, "", Reason::Expected { what: ";", found: "[".into() });
        } else {
            self.list = Some(values);
        }
    }

    fn leave_edit(&mut self) {
        let statements = std::mem::take(&mut self.edited);
        if let Some((words, span)) = self.edit.take() {
            let raw = Raw { body: Body::Block(statements), ..Raw::new(Op::State, words, span) };
            self.statements.push(raw);
        }
    }

    fn push(&mut self, raw: Raw) {
        match (self.blocks.last_mut(), &self.edit) {
            (Some(block), _) => block.statements.push(raw),
            (None, Some(_)) => self.edited.push(raw),
            (None, None) => self.statements.push(raw),
        }
    }

    /// What was read since the last statement, as a statement.
    fn taken(&mut self, span: &Span, body: Body) -> Raw {
        let words = std::mem::take(&mut self.words);
        let span = words.first().map_or_else(|| span.clone(), |word| word.span.clone());
        let comments = std::mem::take(&mut self.waiting);
        Raw { op: Op::State, words, body, inactive: self.tag.take(), comments, span }
    }

    fn end(&mut self, span: &Span, body: Body) {
        self.ended = span.line;
        let body = self.list.take().map_or(body, Body::List);
        // A stray semicolon is nothing.
        if !self.words.is_empty() {
            let raw = self.taken(span, body);
            self.push(raw);
        }
    }

    fn open(&mut self, span: &Span) {
        if self.words.is_empty() {
            self.problems.error(span, "", Reason::Expected { what: "a key word", found: "{".into() });
        }
        if self.list.take().is_some() {
            self.problems.error(span, "", Reason::Expected { what: ";", found: "{".into() });
        }
        if self.blocks.len() >= DEEPEST {
            self.problems.error(span, "", Reason::TooDeep { most: DEEPEST });
            self.words.clear();
            self.skipped = 1;
            return;
        }
        let head = self.taken(span, Body::None);
        let waiting = Vec::new();
        self.blocks.push(Block { head, statements: Vec::new(), waiting });
        self.ended = span.line;
    }

    fn close(&mut self, span: &Span) {
        self.end(span, Body::None);
        self.tag = None;
        let Some(block) = self.blocks.pop() else {
            self.problems.error(span, "", Reason::Unopened { what: "}" });
            return;
        };
        self.settle(block);
        self.ended = span.line;
    }

    /// A block is whole.
    fn settle(&mut self, block: Block) {
        let Block { mut head, mut statements, mut waiting } = block;
        waiting.append(&mut self.waiting);
        // What was said behind the last statement of a block stays with that, or with the block.
        match statements.last_mut() {
            Some(last) => last.comments.append(&mut waiting),
            None => head.comments.append(&mut waiting),
        }
        if head.words.is_empty() {
            return;
        }
        head.body = Body::Block(statements);
        self.push(head);
    }

    fn finish(mut self) -> Vec<Raw> {
        let end = self.lexer.end();
        self.end(&end, Body::None);
        if let Some(first) = self.blocks.first() {
            self.problems.error(&first.head.span, "", Reason::Unclosed { with: "}" });
        }
        while let Some(block) = self.blocks.pop() {
            self.settle(block);
        }
        self.leave_edit();
        if !self.waiting.is_empty() {
            let waiting = std::mem::take(&mut self.waiting);
            match self.statements.last_mut() {
                Some(last) => last.comments.extend(waiting),
                None => {
                    // No statement at all: the comments are the file.
                    let comments = waiting;
                    self.statements.push(Raw { comments, ..Raw::new(Op::State, Vec::new(), end) });
                }
            }
        }
        self.statements
    }
}

/// The tree as text, four blanks a level.
pub fn write(tree: &Tree) -> String {
    let mut text = String::new();
    for comment in &tree.comments {
        put_comment(&mut text, comment, 0);
    }
    put(&mut text, &tree.nodes, &ROOT, 0);
    text
}

fn blanks(text: &mut String, depth: usize) {
    text.extend(std::iter::repeat_n("    ", depth));
}

fn put_comment(text: &mut String, comment: &str, depth: usize) {
    blanks(text, depth);
    text.push_str("/* ");
    text.push_str(comment);
    text.push_str(" */\n");
}

/// One statement of `section` as text.
pub fn one_statement(node: &Node, section: &Section) -> String {
    let mut text = String::new();
    put_node(&mut text, node, section, 0);
    text
}

/// Writes `nodes`, which stand in `section`.
pub fn put(text: &mut String, nodes: &[Node], section: &Section, depth: usize) {
    for node in nodes {
        put_node(text, node, section, depth);
    }
}

/// Key word and names of a statement in `section`.
pub fn head(node: &Node, section: &Section) -> String {
    // The key word is left out where the name can't be taken for another.
    let bare = section.bare.is_some_and(|entry| entry.word == node.word.text)
        && node.names.first().is_some_and(|name| section.find(&name.text).is_none());
    let word = (!bare).then(|| lex::quote(&node.word.text));
    let names = match section.find(&node.word.text).map(|entry| entry.kind) {
        Some(Kind::List(list)) if list.labelled => {
            let pairs = list.keys.iter().zip(&node.names);
            pairs.map(|((key, _), name)| format!("{key} {}", lex::quote(&name.text))).collect()
        }
        _ => node.names.iter().map(|name| lex::quote(&name.text)).collect::<Vec<_>>(),
    };
    word.into_iter().chain(names).collect::<Vec<_>>().join(" ")
}

/// What stands below a statement in `section`.
pub fn inside(node: &Node, section: &Section) -> &'static Section {
    match section.find(&node.word.text).map(|entry| entry.kind) {
        Some(Kind::Section(inner)) => inner,
        Some(Kind::List(list)) => &list.section,
        _ => &super::schema::kind::OPEN_LEVEL,
    }
}

fn put_node(text: &mut String, node: &Node, section: &Section, depth: usize) {
    for comment in &node.comments {
        put_comment(text, comment, depth);
    }
    let tag = if node.inactive { "inactive: " } else { "" };
    let head = head(node, section);
    match &node.content {
        Content::Flag => line(text, depth, &format!("{tag}{head};")),
        Content::Values(values) => put_values(text, node, values, section, depth, tag),
        Content::Section(nodes) if nodes.is_empty() => line(text, depth, &format!("{tag}{head};")),
        Content::Section(nodes) => {
            if let Some(rest) = one_line(node, nodes, section) {
                return line(text, depth, &format!("{tag}{head} {rest};"));
            }
            line(text, depth, &format!("{tag}{head} {{"));
            put(text, nodes, inside(node, section), depth + 1);
            line(text, depth, "}");
        }
    }
}

/// What stands behind the name of an entry that Junos writes in one line.
fn one_line(node: &Node, nodes: &[Node], section: &Section) -> Option<String> {
    let Some(Kind::List(list)) = section.find(&node.word.text).map(|entry| entry.kind) else { return None };
    let [only] = nodes else { return None };
    let plain = !only.inactive && only.comments.is_empty();
    (list.one_line && plain).then_some(())?;
    match &only.content {
        Content::Flag => Some(lex::quote(&only.word.text)),
        Content::Values(values) => match values.as_slice() {
            [value] => Some(lex::path([only.word.text.as_str(), value.word.text.as_str()])),
            _ => None,
        },
        Content::Section(_) => None,
    }
}

fn put_values(text: &mut String, node: &Node, values: &[Value], section: &Section, depth: usize, tag: &str) {
    let bare = section.bare.is_some_and(|entry| entry.word == node.word.text);
    let word = lex::quote(&node.word.text);
    let plain = values.iter().all(|value| !value.inactive && value.comments.is_empty());
    let quoted = |value: &Value| lex::quote(&value.word.text);
    match values {
        [one] if plain && !bare => line(text, depth, &format!("{tag}{word} {};", quoted(one))),
        _ if plain && !bare => {
            let all: Vec<String> = values.iter().map(quoted).collect();
            line(text, depth, &format!("{tag}{word} [ {} ];", all.join(" ")));
        }
        _ => {
            for value in values {
                for comment in &value.comments {
                    put_comment(text, comment, depth);
                }
                let tag = if value.inactive { "inactive: " } else { "" };
                let known = section.find(&value.word.text).is_some();
                let word = if bare && !known { String::new() } else { format!("{word} ") };
                line(text, depth, &format!("{tag}{word}{};", quoted(value)));
            }
        }
    }
}

fn line(text: &mut String, depth: usize, words: &str) {
    blanks(text, depth);
    text.push_str(words);
    text.push('\n');
}
