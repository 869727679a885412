//! What the table of words consists of.
//!
//! Constants are made of these in the files beside this one; the builder asks [`Section::find`] for each word.

use super::types::Type;

/// A key word and what it takes.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The key word.
    pub word: &'static str,
    /// What it takes.
    pub kind: Kind,
}

/// What a key word takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Other statements.
    Section(&'static Section),
    /// A name, then other statements; there may be many.
    List(&'static List),
    /// One value.
    Leaf(Type),
    /// Values.
    LeafList(Type),
    /// Nothing: its being there is all.
    Flag,
}

/// Statements of one level.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Those that are known.
    pub entries: &'static [Entry],
    /// What a word means here that is none of them: Junos leaves out a key word where only names stand, as in `prefix-list`.
    pub bare: Option<&'static Entry>,
    /// Any words: sections, and at the end of each chain one value or a list of values. What they mean is decided behind the tree.
    pub open: bool,
}

/// Entries told apart by names.
#[derive(Clone, Copy, Debug)]
pub struct List {
    /// What the names are called, and what they can be. Never empty.
    pub keys: &'static [(&'static str, Type)],
    /// Each name stands behind what it is called: `source-address-range low A high B`.
    pub labelled: bool,
    /// Junos writes an entry in one line: `source-address 10.0.0.0/8 except;`. A tag before it speaks of the entry.
    pub one_line: bool,
    /// What stands in an entry.
    pub section: Section,
}

/// Any words.
pub const OPEN: Section = Section { entries: &[], bare: None, open: true };

/// A level of any words.
pub static OPEN_LEVEL: Section = OPEN;

impl Section {
    /// These words and no others.
    pub const fn of(entries: &'static [Entry]) -> Self {
        Self { entries, bare: None, open: false }
    }

    /// What `word` takes here. Cost: one comparison for each word that is known here.
    pub fn find(&self, word: &str) -> Option<&'static Entry> {
        self.entries.iter().find(|entry| entry.word == word)
    }

    /// All words that are known here.
    pub fn words(&self) -> Vec<&'static str> {
        self.entries.iter().map(|entry| entry.word).collect()
    }
}

impl List {
    /// Entries told apart by one name of the kind `Name`.
    pub const fn named(entries: &'static [Entry]) -> Self {
        Self { keys: &[("name", Type::Name)], labelled: false, one_line: false, section: Section::of(entries) }
    }
}

impl Entry {
    /// One value.
    pub const fn leaf(word: &'static str, value: Type) -> Self {
        Self { word, kind: Kind::Leaf(value) }
    }

    /// Values.
    pub const fn list_of(word: &'static str, value: Type) -> Self {
        Self { word, kind: Kind::LeafList(value) }
    }

    /// Nothing.
    pub const fn flag(word: &'static str) -> Self {
        Self { word, kind: Kind::Flag }
    }

    /// Other statements.
    pub const fn section(word: &'static str, section: &'static Section) -> Self {
        Self { word, kind: Kind::Section(section) }
    }

    /// Entries of a list.
    pub const fn list(word: &'static str, list: &'static List) -> Self {
        Self { word, kind: Kind::List(list) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::schema::ROOT;

    fn check(section: &Section, path: &str, depth: usize) {
        assert!(depth < 24, "{path} is too deep");
        let mut words = section.words();
        words.sort_unstable();
        let all = words.len();
        words.dedup();
        assert_eq!(words.len(), all, "{path} knows a word twice");
        for entry in section.entries.iter().chain(section.bare) {
            let path = format!("{path} {}", entry.word);
            match entry.kind {
                Kind::Section(inner) => check(inner, &path, depth + 1),
                Kind::List(list) => {
                    assert!(!list.keys.is_empty(), "{path} has no name");
                    for (key, value) in list.keys {
                        // A key word of the name's own name has to be the name, or readers could not tell them apart.
                        assert!(list.section.find(key).is_none(), "{path} has {key} twice");
                        assert!(!value.describe().is_empty());
                    }
                    check(&list.section, &path, depth + 1);
                }
                Kind::Leaf(_) | Kind::LeafList(_) | Kind::Flag => {}
            }
        }
    }

    #[test]
    fn the_table_knows_no_word_twice_and_every_list_has_names() {
        check(&ROOT, "", 0);
    }
}
