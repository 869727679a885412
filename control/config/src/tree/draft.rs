//! A tree while it is being made: as a tree, with an index of each level so that a statement is found at once.
//!
//! Used by `build` alone. Without the index a list of a hundred thousand services would take the square of that.

use super::{
    node::{Content, Node, Value},
    place::Word,
};
use std::collections::{HashMap, HashSet};

/// One level.
#[derive(Debug, Default)]
pub struct Draft {
    items: Vec<Option<Item>>,
    index: HashMap<Key, usize>,
}

/// Key word and names.
type Key = (String, Vec<String>);

/// One statement.
#[derive(Debug)]
pub struct Item {
    pub word: Word,
    pub names: Vec<Word>,
    pub inactive: bool,
    pub comments: Vec<String>,
    pub content: ItemContent,
}

/// What it holds.
#[derive(Debug)]
pub enum ItemContent {
    Flag,
    Leaf(Vec<Value>),
    Values(Values),
    Section(Draft),
}

/// Values, each once, in the order they came.
#[derive(Debug, Default)]
pub struct Values {
    list: Vec<Option<Value>>,
    index: HashMap<String, usize>,
}

impl Values {
    /// The value, made if it is not there.
    pub fn value(&mut self, word: &Word) -> Option<&mut Value> {
        let at = *self.index.entry(word.text.clone()).or_insert_with(|| {
            self.list.push(Some(Value::new(word.clone())));
            self.list.len() - 1
        });
        self.list.get_mut(at)?.as_mut()
    }

    /// The value, if it is there.
    pub fn find(&mut self, word: &str) -> Option<&mut Value> {
        let at = *self.index.get(word)?;
        self.list.get_mut(at)?.as_mut()
    }

    /// Takes it out; whether it was there.
    pub fn remove(&mut self, word: &str) -> bool {
        self.index.remove(word).and_then(|at| self.list.get_mut(at)).is_some_and(|slot| slot.take().is_some())
    }

    /// All of them.
    pub fn all(&mut self) -> impl Iterator<Item = &mut Value> {
        self.list.iter_mut().flatten()
    }
}

/// Each comment once.
pub fn once(mut comments: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    comments.retain(|comment| seen.insert(comment.clone()));
    comments
}

fn key(word: &str, names: &[Word]) -> Key {
    (word.to_owned(), names.iter().map(|name| name.text.clone()).collect())
}

impl Draft {
    /// The draft of a level of a tree.
    pub fn of(nodes: Vec<Node>, is_list: &dyn Fn(&Node) -> bool) -> Self {
        let mut draft = Self::default();
        for node in nodes {
            let listed = is_list(&node);
            let content = match node.content {
                Content::Flag => ItemContent::Flag,
                Content::Values(values) if listed => {
                    let mut kept = Values::default();
                    for value in values {
                        kept.index.insert(value.word.text.clone(), kept.list.len());
                        kept.list.push(Some(value));
                    }
                    ItemContent::Values(kept)
                }
                Content::Values(values) => ItemContent::Leaf(values),
                Content::Section(_) => ItemContent::Section(Self::default()),
            };
            let Node { word, names, inactive, comments, .. } = node;
            draft.add(Item { word, names, inactive, comments, content });
        }
        draft
    }

    /// All statements.
    pub fn items_mut(&mut self) -> impl Iterator<Item = &mut Item> {
        self.items.iter_mut().flatten()
    }

    fn add(&mut self, item: Item) -> usize {
        self.index.insert(key(&item.word.text, &item.names), self.items.len());
        self.items.push(Some(item));
        self.items.len() - 1
    }

    /// The statement, made with `content` if it is not there.
    pub fn item(&mut self, word: &Word, names: &[Word], content: impl FnOnce() -> ItemContent) -> Option<&mut Item> {
        let known = self.index.get(&key(&word.text, names)).copied();
        let at = known.unwrap_or_else(|| {
            let (word, names) = (word.clone(), names.to_vec());
            self.add(Item { word, names, inactive: false, comments: Vec::new(), content: content() })
        });
        self.items.get_mut(at)?.as_mut()
    }

    /// The statement, if it is there.
    pub fn find(&mut self, word: &str, names: &[Word]) -> Option<&mut Item> {
        let at = *self.index.get(&key(word, names))?;
        self.items.get_mut(at)?.as_mut()
    }

    /// Takes it out; whether it was there.
    pub fn remove(&mut self, word: &str, names: &[Word]) -> bool {
        self.index
            .remove(&key(word, names))
            .and_then(|at| self.items.get_mut(at))
            .is_some_and(|slot| slot.take().is_some())
    }

    /// Takes all of a key word out; whether there was one.
    pub fn remove_all(&mut self, word: &str) -> bool {
        let before = self.index.len();
        for slot in &mut self.items {
            if slot.as_ref().is_some_and(|item| item.word.text == word) {
                *slot = None;
            }
        }
        self.index.retain(|(known, _), _| known != word);
        self.index.len() < before
    }

    /// Moves an entry before or behind another of its list; whether both are there.
    pub fn shift(&mut self, word: &str, names: &[Word], before: bool, other: &[Word]) -> bool {
        let at = |draft: &Self, names: &[Word]| draft.index.get(&key(word, names)).copied();
        let (Some(from), Some(_)) = (at(self, names), at(self, other)) else { return false };
        if names == other {
            return true;
        }
        let moved = self.items.get_mut(from).and_then(Option::take);
        self.items.retain(Option::is_some);
        let place = self.items.iter().flatten().position(|item| item.word.text == word && item.names == other);
        let place = place.map_or(self.items.len(), |place| if before { place } else { place + 1 });
        self.items.insert(place, moved);
        let keys = self.items.iter().flatten().map(|item| key(&item.word.text, &item.names));
        self.index = keys.enumerate().map(|(at, key)| (key, at)).collect();
        true
    }

    /// The level as a tree has it: statements of one key word together, sections with nothing in them left out. What was said of those is added to `said`.
    pub fn finish(self, said: &mut Vec<String>) -> Vec<Node> {
        let mut groups: Vec<Vec<Node>> = Vec::new();
        let mut group_of: HashMap<String, usize> = HashMap::new();
        for item in self.items.into_iter().flatten() {
            let Item { word, names, inactive, mut comments, content } = item;
            let content = match content {
                ItemContent::Flag => Content::Flag,
                ItemContent::Leaf(values) => Content::Values(values),
                ItemContent::Values(values) => Content::Values(values.list.into_iter().flatten().collect()),
                ItemContent::Section(draft) => Content::Section(draft.finish(&mut comments)),
            };
            let empty = match &content {
                Content::Flag => false,
                Content::Values(values) => values.is_empty(),
                Content::Section(nodes) => nodes.is_empty() && names.is_empty(),
            };
            comments = once(comments);
            if empty {
                said.append(&mut comments);
                continue;
            }
            let group = *group_of.entry(word.text.clone()).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(group) {
                group.push(Node { word, names, content, inactive, comments });
            }
        }
        groups.into_iter().flatten().collect()
    }
}
