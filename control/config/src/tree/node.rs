//! The tree: what every notation is read into and written from.
//!
//! A tree is a list of statements. A statement has a key word, the names of a list's entry, and beneath it either more statements, values, or nothing (a
//! flag). What is inactive stays in the tree and has no effect; comments stand before what they speak of. Statements of one key word stand together, in
//! the order they were written in; the order among different key words says nothing, and [`Tree`]s are compared without it.
//!
//! Made by `build` alone, so that a tree always fits the schema. Knows no notation.

use super::place::{Span, Word};

/// A whole configuration.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Statements of the outermost level.
    pub nodes: Vec<Node>,
    /// Comments of a file without statements.
    pub comments: Vec<String>,
}

/// One statement.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its key word.
    pub word: Word,
    /// What tells entries of a list apart; empty for all else.
    pub names: Vec<Word>,
    /// What it holds.
    pub content: Content,
    /// In the text and not in effect.
    pub inactive: bool,
    /// What was said before it, or behind it in its line.
    pub comments: Vec<String>,
}

/// What a statement holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// Nothing: its being there is all.
    Flag,
    /// One value, or those of a list of values.
    Values(Vec<Value>),
    /// Other statements.
    Section(Vec<Node>),
}

/// One value.
#[derive(Clone, Debug)]
pub struct Value {
    /// The value.
    pub word: Word,
    /// In the text and not in effect; only in lists of values.
    pub inactive: bool,
    /// What was said of it; only in lists of values.
    pub comments: Vec<String>,
}

impl Value {
    /// An active value without comments.
    pub fn new(word: Word) -> Self {
        Self { word, inactive: false, comments: Vec::new() }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word && self.inactive == other.inactive && self.comments == other.comments
    }
}

impl Eq for Value {}

impl Node {
    /// Where it begins.
    pub fn span(&self) -> &Span {
        &self.word.span
    }

    /// The statements in it.
    pub fn children(&self) -> &[Self] {
        match &self.content {
            Content::Section(nodes) => nodes,
            _ => &[],
        }
    }

    /// The values in it.
    pub fn values(&self) -> &[Value] {
        match &self.content {
            Content::Values(values) => values,
            _ => &[],
        }
    }

    /// Whether it is the statement of this key word and these names.
    pub fn is(&self, word: &str, names: &[Word]) -> bool {
        self.word.text == word && self.names == names
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
            && self.names == other.names
            && self.inactive == other.inactive
            && self.comments == other.comments
            && match (&self.content, &other.content) {
                (Content::Flag, Content::Flag) => true,
                (Content::Values(a), Content::Values(b)) => a == b,
                (Content::Section(a), Content::Section(b)) => same(a, b),
                _ => false,
            }
    }
}

impl Eq for Node {}

impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        self.comments == other.comments && same(&self.nodes, &other.nodes)
    }
}

impl Eq for Tree {}

/// Whether two lists of statements say the same: for each key word the same statements in the same order.
fn same(a: &[Node], b: &[Node]) -> bool {
    let sorted = |nodes: &[Node]| {
        let mut order: Vec<usize> = (0..nodes.len()).collect();
        order.sort_by_key(|&at| nodes.get(at).map(|node| node.word.text.clone()));
        order
    };
    a.len() == b.len()
        && sorted(a).iter().zip(sorted(b)).all(|(&x, y)| match (a.get(x), b.get(y)) {
            (Some(x), Some(y)) => x == y,
            _ => false,
        })
}

impl Tree {
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.comments.is_empty()
    }

    /// The statement at `path`: key words and names one after the other, as in `["authority", "service", "internet"]`. Cost: the statements of each level on the
    /// way.
    pub fn find(&self, path: &[&str]) -> Option<&Node> {
        let mut nodes = self.nodes.as_slice();
        let mut path = path;
        loop {
            let found = nodes.iter().find(|node| starts(node, path))?;
            path = path.get(1 + found.names.len()..)?;
            if path.is_empty() {
                return Some(found);
            }
            nodes = found.children();
        }
    }

    /// Where `path` stands, or what is nearest above it, or its value.
    pub fn place(&self, path: &[&str]) -> Span {
        let mut nodes = self.nodes.as_slice();
        let mut rest = path;
        let mut best = Span::nowhere();
        while let Some(found) = nodes.iter().find(|node| !rest.is_empty() && starts(node, rest)) {
            best = found.span().clone();
            rest = rest.get(1 + found.names.len()..).unwrap_or_default();
            if let [value] = rest
                && let Some(found) = found.values().iter().find(|known| known.word.text == *value)
            {
                best = found.word.span.clone();
            }
            nodes = found.children();
        }
        best
    }

    /// What is in effect: without what is inactive, and without comments.
    pub fn active(&self) -> Self {
        Self { nodes: active(&self.nodes), comments: Vec::new() }
    }
}

fn starts(node: &Node, path: &[&str]) -> bool {
    let mut words = path.iter();
    words.next() == Some(&node.word.text.as_str())
        && node.names.iter().all(|name| words.next() == Some(&name.text.as_str()))
}

fn active(nodes: &[Node]) -> Vec<Node> {
    let mut kept = Vec::new();
    for node in nodes.iter().filter(|node| !node.inactive) {
        let content = match &node.content {
            Content::Flag => Content::Flag,
            Content::Values(values) => {
                let values: Vec<Value> =
                    values.iter().filter(|value| !value.inactive).map(|value| Value::new(value.word.clone())).collect();
                if values.is_empty() {
                    continue;
                }
                Content::Values(values)
            }
            Content::Section(nodes) => {
                let inner = active(nodes);
                if inner.is_empty() && node.names.is_empty() {
                    continue;
                }
                Content::Section(inner)
            }
        };
        let (word, names) = (node.word.clone(), node.names.clone());
        kept.push(Node { word, names, content, inactive: false, comments: Vec::new() });
    }
    kept
}
