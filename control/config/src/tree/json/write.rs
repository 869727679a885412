//! A tree as JSON, two blanks a level.

use super::parse::is_number;
use crate::tree::{
    junos,
    node::{Content, Node, Tree, Value},
    schema::{Kind, ROOT, Section, Type},
};

/// The tree.
pub fn write(tree: &Tree) -> String {
    let mut text = String::new();
    object(&mut text, &tree.nodes, &ROOT, Vec::new(), said(false, &tree.comments), 0);
    text.push('\n');
    text
}

/// `{"inactive": true, "comment": [...]}`, unless there is nothing to say.
fn said(inactive: bool, comments: &[String]) -> Option<String> {
    let mut parts = Vec::new();
    if inactive {
        parts.push("\"inactive\": true".to_owned());
    }
    if !comments.is_empty() {
        let all: Vec<String> = comments.iter().map(|comment| string(comment)).collect();
        parts.push(format!("\"comment\": [{}]", all.join(", ")));
    }
    (!parts.is_empty()).then(|| format!("{{{}}}", parts.join(", ")))
}

fn string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            letter if letter.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// A value: numbers and booleans bare, where the schema says that they are and they can be.
fn scalar(text: &str, kind: Option<Type>) -> String {
    let bare = match kind {
        Some(Type::Number(..)) => is_number(text),
        Some(Type::Bool) => matches!(text, "true" | "false"),
        _ => false,
    };
    if bare { text.to_owned() } else { string(text) }
}

fn blanks(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

/// An object with `front` members, what is said of it, and those of `nodes`.
fn object(
    text: &mut String,
    nodes: &[Node],
    section: &Section,
    front: Vec<(String, String)>,
    said_of: Option<String>,
    depth: usize,
) {
    text.push('{');
    let mut first = true;
    let mut begin = |text: &mut String, name: &str| {
        if !std::mem::take(&mut first) {
            text.push(',');
        }
        blanks(text, depth + 1);
        text.push_str(&string(name));
        text.push_str(": ");
    };
    if let Some(said) = said_of {
        begin(text, "@");
        text.push_str(&said);
    }
    for (name, value) in front {
        begin(text, &name);
        text.push_str(&value);
    }
    let mut rest = nodes;
    while let Some(node) = rest.first() {
        let word = &node.word.text;
        let kind = section.find(word).map(|entry| entry.kind);
        // Entries of one list stand together in a tree.
        let together = rest.iter().take_while(|next| next.word.text == *word).count();
        let (group, behind) = rest.split_at(together);
        rest = behind;
        match (&node.content, kind) {
            (Content::Section(_), Some(Kind::List(list))) => {
                begin(text, word);
                text.push('[');
                for (at, node) in group.iter().enumerate() {
                    if at > 0 {
                        text.push(',');
                    }
                    blanks(text, depth + 2);
                    let keys = list.keys.iter().zip(&node.names);
                    let names = keys.map(|((key, kind), name)| ((*key).to_owned(), scalar(&name.text, Some(*kind))));
                    let said = said(node.inactive, &node.comments);
                    object(text, node.children(), &list.section, names.collect(), said, depth + 2);
                }
                blanks(text, depth + 1);
                text.push(']');
            }
            (Content::Section(nodes), _) => {
                begin(text, word);
                let said = said(node.inactive, &node.comments);
                object(text, nodes, junos::inside(node, section), Vec::new(), said, depth + 1);
            }
            (Content::Flag, _) => {
                begin(text, word);
                text.push_str("true");
                if let Some(said) = said(node.inactive, &node.comments) {
                    begin(text, &format!("@{word}"));
                    text.push_str(&said);
                }
            }
            (Content::Values(values), Some(Kind::LeafList(kind))) => {
                begin(text, word);
                text.push_str(&list(values, Some(kind)));
                if values.iter().any(|value| value.inactive || !value.comments.is_empty()) {
                    begin(text, &format!("@{word}"));
                    let all = values.iter().map(|value| said(value.inactive, &value.comments));
                    let all: Vec<String> = all.map(|said| said.unwrap_or_else(|| "null".into())).collect();
                    text.push_str(&format!("[{}]", all.join(", ")));
                }
            }
            (Content::Values(values), kind) => {
                let kind = match kind {
                    Some(Kind::Leaf(kind)) => Some(kind),
                    _ => None,
                };
                begin(text, word);
                match values.as_slice() {
                    [one] => text.push_str(&scalar(&one.word.text, kind)),
                    _ => text.push_str(&list(values, kind)),
                }
                if let Some(said) = said(node.inactive, &node.comments) {
                    begin(text, &format!("@{word}"));
                    text.push_str(&said);
                }
            }
        }
    }
    let empty = first;
    if !empty {
        blanks(text, depth);
    }
    text.push('}');
}

fn list(values: &[Value], kind: Option<Type>) -> String {
    let all: Vec<String> = values.iter().map(|value| scalar(&value.word.text, kind)).collect();
    format!("[{}]", all.join(", "))
}
