//! The text of the Session Smart Router's PCLI, as `show config` prints it: one key word a line, `exit` at the end of each block.
//!
//! `read` goes by the key words, not by blanks; only where a word is unknown the blanks before the next line decide whether it began a block, so that one
//! problem does not become many. `write` gives what SSR prints, names of entries also inside them. The notation knows no inactive statements and no
//! comments: `write` leaves both out and says so; `#` and what follows is read as a comment all the same.
//!
//! Source: `spec/ssr-idp.md` sections 1.2 to 1.4.

use super::{
    lex,
    node::{Content, Node, Tree},
    place::Word,
    problem::{Problems, Reason},
    raw::{Body, DEEPEST, Op, Raw},
    schema::{Kind, List, ROOT, Section, kind::OPEN_LEVEL},
    set::{self, Line},
};
use std::sync::Arc;

/// A block whose `exit` has not come.
struct Block {
    head: Option<Raw>,
    statements: Vec<Raw>,
    /// What may stand in it; none: nobody knows.
    section: Option<&'static Section>,
    list: Option<&'static List>,
    /// It lies too deep and is not kept.
    lost: bool,
}

impl Block {
    fn new(head: Option<Raw>, section: Option<&'static Section>, list: Option<&'static List>) -> Self {
        Self { head, statements: Vec::new(), section, list, lost: false }
    }
}

/// Statements of `text`, which stands in `section`.
pub fn read(text: &str, file: &Arc<str>, section: &'static Section, problems: &mut Problems) -> Vec<Raw> {
    let (lines, rest) = set::lines(text, file, problems);
    let mut blocks: Vec<Block> = Vec::new();
    let mut outermost = Block::new(None, Some(section), None);
    let indents: Vec<u32> = lines.iter().map(|line| line.span.column).collect();
    let mut too_deep = false;
    for (at, line) in lines.into_iter().enumerate() {
        let next = indents.get(at + 1).copied().unwrap_or(0);
        let level = blocks.last().unwrap_or(&outermost);
        let alone = line.list.is_none();
        match line.words.as_slice() {
            [word] if word.text == "exit" && alone => {
                let Some(block) = blocks.pop() else {
                    problems.error(&line.span, "", Reason::Unopened { what: "exit" });
                    continue;
                };
                let level = blocks.last_mut().unwrap_or(&mut outermost);
                settle(block, level, line.comments);
                continue;
            }
            [word] if matches!(word.text.as_str(), "config" | "configure") && alone && blocks.is_empty() => {
                blocks.push(Block::new(None, Some(section), None));
                if let (Some(block), false) = (blocks.last_mut(), line.comments.is_empty()) {
                    let comments = line.comments;
                    block.statements.push(Raw { comments, ..Raw::new(Op::State, Vec::new(), line.span) });
                }
                continue;
            }
            _ => {}
        }
        let inside = begins(level, &line, next > line.span.column);
        let Line { words, list, comments, span } = line;
        let body = list.map_or(Body::None, Body::List);
        let raw = Raw { body, comments, ..Raw::new(Op::State, words, span) };
        match inside {
            Some((section, list)) if blocks.len() < DEEPEST => {
                blocks.push(Block::new(Some(raw), section, list));
            }
            Some((section, list)) => {
                if !std::mem::replace(&mut too_deep, true) {
                    problems.error(&raw.span, "", Reason::TooDeep { most: DEEPEST });
                }
                // Its `exit` has to find something to end.
                blocks.push(Block { lost: true, ..Block::new(None, section, list) });
            }
            None => blocks.last_mut().unwrap_or(&mut outermost).statements.push(raw),
        }
    }
    if let Some(first) = blocks.iter().find_map(|block| block.head.as_ref()) {
        problems.error(&first.span, "", Reason::Unclosed { with: "exit" });
    }
    while let Some(block) = blocks.pop() {
        settle(block, blocks.last_mut().unwrap_or(&mut outermost), Vec::new());
    }
    match outermost.statements.last_mut() {
        Some(last) => last.comments.extend(rest),
        None if rest.is_empty() => {}
        None => outermost
            .statements
            .push(Raw { comments: rest, ..Raw::new(Op::State, Vec::new(), super::place::Span::whole(file)) }),
    }
    outermost.statements
}

/// A block is whole: it becomes a statement of `level`.
fn settle(block: Block, level: &mut Block, mut comments: Vec<String>) {
    let Block { head, mut statements, lost, .. } = block;
    if lost {
        return;
    }
    if let Some(mut head) = head {
        match statements.last_mut() {
            Some(last) => last.comments.append(&mut comments),
            None => head.comments.append(&mut comments),
        }
        // Comments that stand alone have no statement to belong to but the block's.
        statements.retain_mut(|raw| {
            let alone = raw.words.is_empty();
            if alone {
                head.comments.append(&mut raw.comments);
            }
            !alone
        });
        head.body = Body::Block(statements);
        level.statements.push(head);
    } else {
        level.statements.append(&mut statements);
        if let Some(last) = level.statements.last_mut() {
            last.comments.append(&mut comments);
        }
    }
}

/// Whether a line begins a block: what may stand in that.
type Begun = Option<(Option<&'static Section>, Option<&'static List>)>;

fn begins(level: &Block, line: &Line, indented: bool) -> Begun {
    if line.list.is_some() {
        return None;
    }
    let guess = || indented.then_some((None, None));
    let Some(section) = level.section else { return guess() };
    if let (Some(list), Some(first)) = (level.list, line.words.first())
        && list.keys.iter().any(|(key, _)| *key == first.text)
    {
        return None;
    }
    match resolve(section, &line.words) {
        Resolved::Begins(section, list) => Some((Some(section), list)),
        Resolved::Value => None,
        Resolved::Unknown => guess(),
    }
}

enum Resolved {
    Begins(&'static Section, Option<&'static List>),
    Value,
    Unknown,
}

/// What a line of `words` is in `section`.
fn resolve(section: &'static Section, words: &[Word]) -> Resolved {
    let Some((word, rest)) = words.split_first() else { return Resolved::Value };
    if section.open {
        return if rest.is_empty() { Resolved::Begins(&OPEN_LEVEL, None) } else { Resolved::Value };
    }
    let (entry, rest) = match (section.find(&word.text), section.bare) {
        (Some(entry), _) => (entry, rest),
        (None, _) if word.text == "include" => return Resolved::Value,
        (None, Some(bare)) => (bare, words),
        (None, None) => return Resolved::Unknown,
    };
    match entry.kind {
        Kind::Section(inner) if rest.is_empty() => Resolved::Begins(inner, None),
        Kind::Section(inner) => resolve(inner, rest),
        Kind::List(list) => {
            let taken = list.keys.len() * if list.labelled { 2 } else { 1 };
            match rest.get(taken..) {
                None | Some([]) => Resolved::Begins(&list.section, Some(list)),
                Some(rest) => resolve(&list.section, rest),
            }
        }
        Kind::Leaf(_) | Kind::LeafList(_) | Kind::Flag => Resolved::Value,
    }
}

/// The tree as text, and how many inactive statements and comments the notation could not hold.
pub fn write(tree: &Tree) -> (String, usize) {
    let mut text = String::from("config\n");
    put(&mut text, &tree.active().nodes, &ROOT, 1);
    text.push_str("exit\n");
    (text, lost(&tree.nodes) + tree.comments.len())
}

/// Inactive statements, with what stands in them as one, and comments.
fn lost(nodes: &[Node]) -> usize {
    let of = |node: &Node| {
        if node.inactive {
            return 1;
        }
        let values = node.values().iter().map(|value| usize::from(value.inactive) + value.comments.len());
        node.comments.len() + values.sum::<usize>() + lost(node.children())
    };
    nodes.iter().map(of).sum()
}

fn put(text: &mut String, nodes: &[Node], section: &Section, depth: usize) {
    let widest = nodes
        .iter()
        .filter(|node| !matches!(node.content, Content::Section(_)))
        .map(|node| lex::quote(&node.word.text).chars().count())
        .max()
        .unwrap_or(0);
    for node in nodes {
        let word = lex::quote(&node.word.text);
        match &node.content {
            Content::Flag => leaf(text, depth, widest, &word, "true"),
            Content::Values(values) if section.open && values.len() > 1 => {
                let all: Vec<String> = values.iter().map(|value| lex::quote(&value.word.text)).collect();
                leaf(text, depth, widest, &word, &format!("[ {} ]", all.join(" ")));
            }
            Content::Values(values) => {
                for value in values {
                    leaf(text, depth, widest, &word, &lex::quote(&value.word.text));
                }
            }
            Content::Section(nodes) => {
                let (mut names, mut labelled, mut keys): (Vec<String>, bool, &[_]) = (Vec::new(), false, &[]);
                if let Some(Kind::List(list)) = section.find(&node.word.text).map(|entry| entry.kind) {
                    (labelled, keys) = (list.labelled, list.keys);
                }
                for (at, name) in node.names.iter().enumerate() {
                    if let (true, Some((key, _))) = (labelled, keys.get(at)) {
                        names.push((*key).to_owned());
                    }
                    names.push(lex::quote(&name.text));
                }
                line(text, depth, &std::iter::once(word).chain(names).collect::<Vec<_>>().join(" "));
                if !labelled {
                    for ((key, _), name) in keys.iter().zip(&node.names) {
                        leaf(text, depth + 1, 0, key, &lex::quote(&name.text));
                    }
                }
                put(text, nodes, super::junos::inside(node, section), depth + 1);
                line(text, depth, "exit");
            }
        }
    }
}

fn leaf(text: &mut String, depth: usize, widest: usize, word: &str, value: &str) {
    line(text, depth, &format!("{word:widest$}  {value}"));
}

fn line(text: &mut String, depth: usize, words: &str) {
    text.extend(std::iter::repeat_n("    ", depth));
    text.push_str(words);
    text.push('\n');
}
