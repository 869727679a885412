//! Junos' lines of commands: `set`, `delete`, `deactivate`, `activate`, `annotate`, `insert`.
//!
//! `read` makes statements of lines; applied to an empty tree they make one, applied to a tree they change it. `write` gives the lines that make a tree: `set` for what is there,
//! `annotate PATH "text"` for comments, `deactivate PATH` for what is inactive, each behind what it speaks of.
//!
//! Source: `spec/junos-ids-idp.md` section 2.3, rule 10.

use super::{
    junos,
    lex::{self, Lexer, Style, Token},
    node::{Content, Node, Tree, Value},
    place::{Span, Word},
    problem::{Problems, Reason},
    raw::{self, Body, Op, Raw},
    schema::{ROOT, Section, types},
};
use std::sync::Arc;

/// The commands.
pub const COMMANDS: &[&str] = &["set", "delete", "deactivate", "activate", "annotate", "insert", "include"];

/// One line: its words, and the values in brackets behind them.
pub struct Line {
    pub words: Vec<Word>,
    pub list: Option<Vec<Value>>,
    pub comments: Vec<String>,
    pub span: Span,
}

/// The lines of `text` that hold words. What is said before a line or behind it comes with it; what is said behind the last one is given beside them.
pub fn lines(text: &str, file: &Arc<str>, problems: &mut Problems) -> (Vec<Line>, Vec<String>) {
    let mut lexer = Lexer::new(text, file, Style::Lines);
    let mut lines: Vec<Line> = Vec::new();
    let mut waiting: Vec<String> = Vec::new();
    let mut line = Line { words: Vec::new(), list: None, comments: Vec::new(), span: Span::whole(file) };
    let mut inside = false;
    let mut close = |line: &mut Line, waiting: &mut Vec<String>, inside: &mut bool, problems: &mut Problems| {
        if std::mem::take(inside) {
            problems.error(&line.span, "", Reason::Unclosed { with: "]" });
        }
        let span = line.span.clone();
        let done = std::mem::replace(line, Line { words: Vec::new(), list: None, comments: Vec::new(), span });
        if done.words.is_empty() {
            waiting.extend(done.comments);
        } else {
            let mut comments = std::mem::take(waiting);
            comments.extend(done.comments.iter().cloned());
            lines.push(Line { comments, ..done });
        }
    };
    while let Some((token, span)) = lexer.next(problems) {
        match token {
            Token::Line => close(&mut line, &mut waiting, &mut inside, problems),
            Token::Comment(text, _) if !text.is_empty() => line.comments.push(text),
            Token::Comment(..) => {}
            Token::ListOpen if line.words.is_empty() || line.list.is_some() => {
                problems.error(&span, "", Reason::Expected { what: "a word", found: "[".into() });
            }
            Token::ListOpen => {
                line.list = Some(Vec::new());
                inside = true;
            }
            Token::ListClose if inside => inside = false,
            Token::ListClose => problems.error(&span, "", Reason::Unopened { what: "]" }),
            token => {
                let found = token.shown();
                let Some(word) = lex::as_word(token, span.clone()) else { continue };
                match (&mut line.list, inside) {
                    (Some(list), true) => list.push(Value::new(word)),
                    (Some(_), false) => problems.error(&span, "", Reason::Expected { what: "end of line", found }),
                    (None, _) => {
                        if line.words.is_empty() {
                            line.span = span;
                        }
                        line.words.push(word);
                    }
                }
            }
        }
    }
    close(&mut line, &mut waiting, &mut inside, problems);
    (lines, waiting)
}

/// Statements of `text`.
pub fn read(text: &str, file: &Arc<str>, problems: &mut Problems) -> Vec<Raw> {
    let (lines, rest) = lines(text, file, problems);
    let mut statements: Vec<Raw> = lines.into_iter().filter_map(|line| command(line, problems)).collect();
    match statements.last_mut() {
        Some(last) => last.comments.extend(rest),
        None if rest.is_empty() => {}
        None => statements.push(Raw { comments: rest, ..Raw::new(Op::Set, Vec::new(), Span::whole(file)) }),
    }
    statements
}

fn command(line: Line, problems: &mut Problems) -> Option<Raw> {
    let Line { mut words, list, comments, span } = line;
    let command = words.remove(0);
    if words.is_empty() {
        problems.error(&span, command.text, Reason::NoValue { wants: "the statement it is about".into() });
        return None;
    }
    let op = match command.text.as_str() {
        "set" => Op::Set,
        "include" => {
            words.insert(0, command);
            Op::Set
        }
        "delete" => Op::Delete,
        "deactivate" => Op::Deactivate,
        "activate" => Op::Activate,
        "annotate" => {
            let text = words.pop().filter(|_| !words.is_empty());
            let Some(text) = text else {
                problems.error(&span, "annotate", Reason::NoValue { wants: "a statement and a text".into() });
                return None;
            };
            let comment = raw::comment(&text.text);
            if comment.is_empty() {
                problems.error(&text.span, "annotate", Reason::NoValue { wants: "a text".into() });
                return None;
            }
            Op::Annotate(comment)
        }
        "insert" => {
            let at = words.iter().rposition(|word| matches!(word.text.as_str(), "before" | "after"));
            let Some(at) = at.filter(|&at| at > 0 && at + 1 < words.len()) else {
                problems.error(
                    &span,
                    "insert",
                    Reason::NoValue { wants: "an entry, before or after, and another".into() },
                );
                return None;
            };
            let mut other = words.split_off(at);
            let before = other.remove(0).text == "before";
            // `insert ... rule a before rule b` is the same as `insert ... rule a before b`.
            if let ([list, _], [.., own, _]) = (other.as_slice(), words.as_slice())
                && list == own
            {
                other.remove(0);
            }
            Op::Insert { before, other }
        }
        _ => {
            let nearest = types::nearest(&command.text, COMMANDS.iter().copied());
            let reason = Reason::UnknownWord { word: command.text, nearest, known: COMMANDS.to_vec() };
            problems.error(&span, "", reason);
            return None;
        }
    };
    let body = match (list, &op) {
        (Some(list), Op::Set) => Body::List(list),
        (Some(_), _) => {
            problems.error(&span, "", Reason::Expected { what: "a statement", found: "[".into() });
            return None;
        }
        (None, _) => Body::None,
    };
    Some(Raw { body, comments, ..Raw::new(op, words, span) })
}

/// The lines that make the tree.
pub fn write(tree: &Tree) -> String {
    let mut text = String::new();
    for comment in &tree.comments {
        text.push_str(&format!("/* {comment} */\n"));
    }
    put(&mut text, &tree.nodes, &ROOT, &mut Vec::new());
    text
}

fn put(text: &mut String, nodes: &[Node], section: &Section, path: &mut Vec<String>) {
    for node in nodes {
        // Names of their own key word, and a label before each name where the notation has them.
        path.push(junos::head(node, section));
        let at = path.join(" ");
        match &node.content {
            Content::Flag => text.push_str(&format!("set {at}\n")),
            Content::Values(values) => put_values(text, node, values, section, path),
            Content::Section(nodes) => {
                if nodes.is_empty() {
                    text.push_str(&format!("set {at}\n"));
                }
                put(text, nodes, junos::inside(node, section), path);
            }
        }
        for comment in &node.comments {
            text.push_str(&format!("annotate {at} {}\n", lex::quote(comment)));
        }
        if node.inactive {
            text.push_str(&format!("deactivate {at}\n"));
        }
        path.pop();
    }
}

fn put_values(text: &mut String, node: &Node, values: &[Value], section: &Section, path: &[String]) {
    let at = path.join(" ");
    if section.open && values.len() > 1 {
        let all: Vec<String> = values.iter().map(|value| lex::quote(&value.word.text)).collect();
        text.push_str(&format!("set {at} [ {} ]\n", all.join(" ")));
        return;
    }
    let bare = section.bare.is_some_and(|entry| entry.word == node.word.text);
    let above = path.split_last().map_or(String::new(), |(_, above)| above.join(" "));
    for value in values {
        let quoted = lex::quote(&value.word.text);
        let known = section.find(&value.word.text).is_some();
        let at = if bare && !known { format!("{above} {quoted}") } else { format!("{at} {quoted}") };
        text.push_str(&format!("set {at}\n"));
        for comment in &value.comments {
            text.push_str(&format!("annotate {at} {}\n", lex::quote(comment)));
        }
        if value.inactive {
            text.push_str(&format!("deactivate {at}\n"));
        }
    }
}
