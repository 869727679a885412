//! What two trees differ in, as Junos shows it.
//!
//! `[edit PATH]` says where, `+` what is added, `-` what is taken out, `!` what changes between active and inactive or moves within its list. Places, and the order of different key words, are no difference.

use crate::tree::{
    Content, Node, Tree, Value, one_statement,
    schema::{ROOT, Section},
    statement_head, statements_in,
};
use std::collections::{HashMap, HashSet};

/// From `old` to `new`; empty if they say the same.
///
/// Cost: each statement of both is looked up once in its level.
pub fn diff(old: &Tree, new: &Tree) -> String {
    let mut text = String::new();
    level(&mut text, &old.nodes, &new.nodes, &ROOT, &mut Vec::new());
    text
}

/// Key word and names.
fn key(node: &Node) -> (&str, Vec<&str>) {
    (&node.word.text, node.names.iter().map(|name| name.text.as_str()).collect())
}

/// Lines of one level, under a heading if there are any.
fn level(text: &mut String, old: &[Node], new: &[Node], section: &'static Section, path: &mut Vec<String>) {
    let mut lines = String::new();
    let before: HashMap<_, &Node> = old.iter().map(|node| (key(node), node)).collect();
    let after: HashMap<_, &Node> = new.iter().map(|node| (key(node), node)).collect();
    for node in old.iter().filter(|node| !after.contains_key(&key(node))) {
        put(&mut lines, '-', &one_statement(node, section));
    }
    let moved = moved(old, new, &before, &after);
    let mut inner = Vec::new();
    for node in new {
        let Some(known) = before.get(&key(node)) else {
            put(&mut lines, '+', &one_statement(node, section));
            continue;
        };
        let head = statement_head(node, section);
        if known.inactive != node.inactive {
            put(&mut lines, '!', &format!("{}: {head};\n", if node.inactive { "inactive" } else { "active" }));
        }
        if moved.contains(&key(node)) {
            put(&mut lines, '!', &format!("{head}; /* moved */\n"));
        }
        comments(&mut lines, &head, &known.comments, &node.comments);
        match (&known.content, &node.content) {
            (Content::Section(_), Content::Section(_)) => inner.push((*known, node, head)),
            (Content::Values(a), Content::Values(b)) if a != b => values(&mut lines, known, node, a, b, section),
            _ => {}
        }
    }
    if !lines.is_empty() {
        let edit = if path.is_empty() { "[edit]".to_owned() } else { format!("[edit {}]", path.join(" ")) };
        text.push_str(&format!("{edit}\n{lines}"));
    }
    for (known, node, head) in inner {
        path.push(head);
        level(text, known.children(), node.children(), statements_in(node, section), path);
        path.pop();
    }
}

/// Entries of lists that stand in both and in another order among those that do.
fn moved<'n>(
    old: &'n [Node],
    new: &'n [Node],
    before: &HashMap<(&str, Vec<&str>), &Node>,
    after: &HashMap<(&str, Vec<&str>), &Node>,
) -> HashSet<(&'n str, Vec<&'n str>)> {
    let listed = |node: &&Node| !node.names.is_empty();
    let mut words: Vec<&str> = Vec::new();
    for node in new.iter().filter(listed) {
        if words.last() != Some(&node.word.text.as_str()) {
            words.push(&node.word.text);
        }
    }
    let mut moved = HashSet::new();
    for word in words {
        let of = |nodes: &'n [Node], other: &HashMap<(&str, Vec<&str>), &Node>| -> Vec<(&'n str, Vec<&'n str>)> {
            nodes
                .iter()
                .filter(|node| node.word.text == word && listed(node))
                .map(key)
                .filter(|key| other.contains_key(key))
                .collect()
        };
        let (was, is) = (of(old, after), of(new, before));
        moved.extend(was.into_iter().zip(is).filter(|(was, is)| was != is).map(|(_, is)| is));
    }
    moved
}

fn comments(lines: &mut String, head: &str, old: &[String], new: &[String]) {
    for (sign, these, others) in [('-', old, new), ('+', new, old)] {
        for comment in these.iter().filter(|comment| !others.contains(comment)) {
            put(lines, sign, &format!("/* {comment} */ {head}\n"));
        }
    }
}

/// Values of one statement: those of a list one by one, others whole.
fn values(lines: &mut String, known: &Node, node: &Node, old: &[Value], new: &[Value], section: &'static Section) {
    let of = |node: &Node, value: &Value| {
        let content = Content::Values(vec![value.clone()]);
        one_statement(&Node { content, comments: Vec::new(), ..node.clone() }, section)
    };
    let by_text = |values: &'_ [Value]| {
        values.iter().map(|value| (value.word.text.clone(), value.clone())).collect::<HashMap<_, _>>()
    };
    let (before, after) = (by_text(old), by_text(new));
    let gone = old.iter().filter(|value| after.get(&value.word.text) != Some(*value));
    let gone: Vec<String> = gone.map(|value| of(known, value)).collect();
    let come = new.iter().filter(|value| before.get(&value.word.text) != Some(*value));
    let come: Vec<String> = come.map(|value| of(node, value)).collect();
    if gone.is_empty() && come.is_empty() {
        // The same values in another order.
        put(lines, '!', &one_statement(node, section));
    }
    gone.iter().for_each(|text| put(lines, '-', text));
    come.iter().for_each(|text| put(lines, '+', text));
}

fn put(lines: &mut String, sign: char, statement: &str) {
    for line in statement.lines() {
        lines.push_str(&format!("{sign}  {line}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Format, NoFiles, apply, read};

    const BASE: &str = "authority { tenant a; tenant b; service s { address [ 10.0.0.0/8 10.1.0.0/16 ]; } \
        idp-profile p { rule one; rule two; rule three; } router r { idp mode auto; } }";

    fn changed(lines: &str) -> String {
        let (old, problems) = read(BASE.as_bytes(), None, "base", &NoFiles);
        assert!(problems.is_empty());
        let (new, problems) = apply(old.clone(), lines.as_bytes(), Some(Format::Set), "lines", &NoFiles);
        assert!(problems.is_empty(), "{problems}");
        diff(&old, &new)
    }

    #[test]
    fn what_comes_and_goes_is_told_under_its_path() {
        assert_eq!(changed(""), "");
        assert_eq!(
            changed(
                "set authority tenant c description \"of the lab\"\ndelete authority tenant b\nset authority router r idp mode hub"
            ),
            "[edit authority]\n-  tenant b;\n+  tenant c {\n+      description \"of the lab\";\n+  }\n[edit authority router r idp]\n-  mode auto;\n+  mode hub;\n"
        );
        assert_eq!(
            changed("delete authority service s address 10.1.0.0/16\nset authority service s address 2001:db8::/32"),
            "[edit authority service s]\n-  address 10.1.0.0/16;\n+  address 2001:db8::/32;\n"
        );
        assert_eq!(changed("set detection checksums off"), "[edit]\n+  detection {\n+      checksums off;\n+  }\n");
    }

    #[test]
    fn what_becomes_inactive_and_what_moves_is_told() {
        assert_eq!(changed("deactivate authority tenant a"), "[edit authority]\n!  inactive: tenant a;\n");
        assert_eq!(
            changed("insert authority idp-profile p rule three before one\ndelete authority idp-profile p rule two"),
            "[edit authority idp-profile p]\n-  rule two;\n!  rule three; /* moved */\n!  rule one; /* moved */\n"
        );
        assert_eq!(
            changed("annotate authority tenant a \"of the house\""),
            "[edit authority]\n+  /* of the house */ tenant a\n"
        );
    }

    #[test]
    fn trees_that_are_the_same_have_no_difference_and_others_have_one() {
        let (a, _) = read(b"authority { name x; tenant t; }", None, "f", &NoFiles);
        let (b, _) = read(b"authority { tenant t; name x; }", None, "f", &NoFiles);
        assert_eq!(diff(&a, &b), "");
        assert_ne!(diff(&a, &Tree::default()), "");
    }
}
