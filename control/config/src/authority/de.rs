//! serde's way from a tree to a typed model.
//!
//! Sections are maps, lists of entries and of values are sequences, names of entries are members, flags are `true`. Inactive statements must be taken out before
//! ([`crate::tree::Tree::active`]). The schema has looked at every value already, so an error here is a disagreement between schema and model; it is told all the same.

use crate::tree::{
    Content, Node,
    schema::{Kind, Section},
};
use serde::{
    Deserializer,
    de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor, value::StrDeserializer},
    forward_to_deserialize_any,
};
use std::fmt;

/// Why a model could not be made of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelError(pub String);

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration does not fit its model: {}", self.0)
    }
}

impl std::error::Error for ModelError {}

impl de::Error for ModelError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Statements of one level.
#[derive(Clone, Copy)]
pub struct Level<'a> {
    nodes: &'a [Node],
    section: &'static Section,
    /// The entry the level belongs to, and what its names are called.
    entry: Option<(&'a Node, &'static [(&'static str, crate::tree::schema::Type)])>,
}

impl<'a> Level<'a> {
    /// `nodes`, which stand in `section`.
    pub fn new(nodes: &'a [Node], section: &'static Section) -> Self {
        Self { nodes, section, entry: None }
    }
}

impl<'de> Deserializer<'de> for Level<'de> {
    type Error = ModelError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ModelError> {
        visitor.visit_map(Members { level: self, name: 0, rest: self.nodes, value: None })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ModelError> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq tuple tuple_struct map struct enum
        identifier ignored_any
    }
}

/// Members of a level: names of the entry first, then key words.
struct Members<'de> {
    level: Level<'de>,
    name: usize,
    rest: &'de [Node],
    value: Option<Member<'de>>,
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = ModelError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ModelError> {
        let deserialize = |seed: K, word: &str| {
            let word: StrDeserializer<'_, ModelError> = word.into_deserializer();
            seed.deserialize(word).map(Some)
        };
        if let Some((node, keys)) = self.level.entry
            && let (Some((key, _)), Some(name)) = (keys.get(self.name), node.names.get(self.name))
        {
            self.name += 1;
            self.value = Some(Member::Text(&name.text));
            return deserialize(seed, key);
        }
        let Some(first) = self.rest.first() else { return Ok(None) };
        // Statements of one key word stand together.
        let together = self.rest.iter().take_while(|node| node.word == first.word).count();
        let (group, rest) = self.rest.split_at(together);
        self.rest = rest;
        self.value = Some(Member::Group(group, self.level.section));
        deserialize(seed, &first.word.text)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ModelError> {
        let value = self.value.take().ok_or_else(|| ModelError("a value without a key".into()))?;
        seed.deserialize(value)
    }
}

/// What stands behind a key word.
#[derive(Clone, Copy)]
enum Member<'de> {
    /// A name, or one value of several.
    Text(&'de str),
    /// All statements of the key word.
    Group(&'de [Node], &'static Section),
}

impl<'de> Member<'de> {
    /// The one value.
    fn text(&self) -> Result<&'de str, ModelError> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Group([node], _) => match (&node.content, node.values()) {
                (Content::Flag, _) => Ok("true"),
                (_, [value]) => Ok(&value.word.text),
                _ => Err(ModelError(format!("{} holds no single value", node.word.text))),
            },
            Self::Group(..) => Err(ModelError("several statements where one value is wanted".into())),
        }
    }

    fn level(&self) -> Option<Level<'de>> {
        let Self::Group([node], section) = self else { return None };
        match section.find(&node.word.text).map(|entry| entry.kind) {
            Some(Kind::Section(inner)) => Some(Level::new(node.children(), inner)),
            _ => None,
        }
    }
}

macro_rules! numbers {
    ($($name:ident $visit:ident $type:ty,)*) => {$(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ModelError> {
            let text = self.text()?;
            let number = text.parse::<$type>().map_err(|error| ModelError(format!("{text}: {error}")))?;
            visitor.$visit(number)
        }
    )*};
}

impl<'de> Deserializer<'de> for Member<'de> {
    type Error = ModelError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ModelError> {
        match (self.level(), &self) {
            (Some(level), _) => level.deserialize_any(visitor),
            (None, Self::Group(..)) if self.text().is_err() => self.deserialize_seq(visitor),
            _ => visitor.visit_borrowed_str(self.text()?),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ModelError> {
        match self.text()? {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            other => Err(ModelError(format!("{other} is neither true nor false"))),
        }
    }

    numbers! {
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ModelError> {
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ModelError> {
        match self {
            Self::Group([node], section) if node.names.is_empty() => {
                visitor.visit_seq(Entries { nodes: &[], section, values: node.values() })
            }
            Self::Group(nodes, section) => visitor.visit_seq(Entries { nodes, section, values: &[] }),
            Self::Text(text) => Err(ModelError(format!("{text} is no list"))),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ModelError> {
        match self.level() {
            Some(level) => level.deserialize_any(visitor),
            None => Err(ModelError("a value where a section is wanted".into())),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ModelError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ModelError> {
        let word: StrDeserializer<'_, ModelError> = self.text()?.into_deserializer();
        word.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ModelError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct tuple tuple_struct identifier
    }
}

/// Entries of a list, or values.
struct Entries<'de> {
    nodes: &'de [Node],
    section: &'static Section,
    values: &'de [crate::tree::Value],
}

impl<'de> SeqAccess<'de> for Entries<'de> {
    type Error = ModelError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ModelError> {
        if let Some((value, rest)) = self.values.split_first() {
            self.values = rest;
            return seed.deserialize(Member::Text(&value.word.text)).map(Some);
        }
        let Some((node, rest)) = self.nodes.split_first() else { return Ok(None) };
        self.nodes = rest;
        match self.section.find(&node.word.text).map(|entry| entry.kind) {
            Some(Kind::List(list)) => {
                let level = Level { nodes: node.children(), section: &list.section, entry: Some((node, list.keys)) };
                seed.deserialize(level).map(Some)
            }
            _ => Err(ModelError(format!("{} is no list", node.word.text))),
        }
    }
}
