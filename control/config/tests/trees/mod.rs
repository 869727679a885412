//! Trees for property tests: made of the schema by a seed, so that every part of the table comes up.
//!
//! [`grown`] makes a tree in Junos' text with its own few lines of writing, not with the writer that is tested.
#![allow(dead_code, reason = "each test program uses its own part")]

use sluice_config::tree::schema::{Entry, Kind, ROOT, Section, Type};

/// Numbers from a seed (xorshift).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most.max(1)
    }

    pub fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize].clone()
    }
}

/// Texts that are hard on a notation.
const HARD: &[&str] = &[
    "a",
    "exit",
    "config",
    "set",
    "inactive:",
    "a b",
    "\"",
    "\\",
    "\\d+\\.",
    "{",
    "}",
    ";",
    "[ x ]",
    "#x",
    "/* y */",
    "!",
    "",
    "true",
    "null",
    "0",
    "ä\u{1f980}",
    "two\nlines\tand tab",
    "include",
    "@",
    "name",
    "exit;",
    "'",
    "a\\",
    "x:",
    "-",
    "--",
    "007",
    "1e5",
    "*/",
    "//",
    "$a",
    "%",
    "=",
];

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t"))
}

fn value(dice: &mut Dice, kind: Type) -> String {
    match kind {
        Type::Text => dice.one(HARD).to_owned(),
        Type::Name | Type::Source => loop {
            let name = dice.one(HARD);
            if kind.check(name).is_ok() {
                return name.to_owned();
            }
        },
        Type::Bool => dice.one(&["true", "false"]).to_owned(),
        Type::Number(low, high, _) => (low + dice.below(high - low + 1)).to_string(),
        Type::Word(words) => dice.one(words).to_owned(),
        Type::Prefix | Type::PrefixOrHost | Type::JunosPrefix => match dice.below(3) {
            0 => format!("10.{}.0.0/16", dice.below(256)),
            1 => format!("2001:db8:{:x}::/48", dice.below(65_536)),
            _ => format!("192.0.2.{}", dice.below(256)),
        },
        Type::Address => format!("10.0.0.{}", dice.below(256)),
        Type::Ports => dice.one(&["80", "80-90", "http"]).to_owned(),
        Type::Date => "2027-03-01".to_owned(),
    }
}

/// A comment or a tag before a statement, sometimes.
fn tag(dice: &mut Dice, text: &mut String, marks: bool) {
    if !marks {
        return;
    }
    if dice.below(8) == 0 {
        let said = dice.one(HARD).replace("*/", "").replace("/*", "");
        text.push_str(&format!("/* {said} */\n"));
    }
    if dice.below(8) == 0 {
        text.push_str("inactive: ");
    }
}

fn put_open(dice: &mut Dice, text: &mut String, depth: usize, marks: bool) {
    for at in 0..=dice.below(3) {
        tag(dice, text, marks);
        match dice.below(4) {
            0 if depth < 4 => {
                text.push_str(&format!("section{at} {{\n"));
                put_open(dice, text, depth + 1, marks);
                text.push_str("}\n");
            }
            1 => {
                let values = [quoted(dice.one(HARD)), quoted(dice.one(HARD)), "x".into()];
                text.push_str(&format!("many{at} [ {} ];\n", values.join(" ")));
            }
            _ => text.push_str(&format!("one{at} {};\n", quoted(dice.one(HARD)))),
        }
    }
}

fn put(dice: &mut Dice, text: &mut String, section: &Section, depth: usize, marks: bool) {
    if section.open {
        return put_open(dice, text, depth, marks);
    }
    for entry in section.entries {
        if dice.below(if depth < 2 { 3 } else { 4 }) > 1 {
            continue;
        }
        for _ in 0..=dice.below(if matches!(entry.kind, Kind::List(_) | Kind::LeafList(_)) { 3 } else { 1 }) {
            put_entry(dice, text, entry, depth, marks);
        }
    }
}

fn put_entry(dice: &mut Dice, text: &mut String, entry: &Entry, depth: usize, marks: bool) {
    tag(dice, text, marks);
    text.push_str(entry.word);
    match entry.kind {
        Kind::Flag => text.push_str(";\n"),
        Kind::Leaf(kind) | Kind::LeafList(kind) => text.push_str(&format!(" {};\n", quoted(&value(dice, kind)))),
        Kind::Section(inner) => {
            text.push_str(" {\n");
            put(dice, text, inner, depth + 1, marks);
            text.push_str("}\n");
        }
        Kind::List(list) => {
            for (key, kind) in list.keys {
                if list.labelled {
                    text.push_str(&format!(" {key}"));
                }
                text.push_str(&format!(" {}", quoted(&value(dice, *kind))));
            }
            text.push_str(" {\n");
            put(dice, text, &list.section, depth + 1, marks);
            text.push_str("}\n");
        }
    }
}

/// The text of a tree; with or without comments and inactive parts.
pub fn grown(seed: u64, marks: bool) -> String {
    let mut dice = Dice(seed | 1);
    for _ in 0..4 {
        dice.below(2);
    }
    let mut text = String::new();
    put(&mut dice, &mut text, &ROOT, 0, marks);
    text
}
