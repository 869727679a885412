//! JSON values to statements: the schema says which members are lists and what their entries are called.

use super::parse::{Json, Member, Parser};
use crate::tree::{
    node::Value,
    place::{Span, Word},
    problem::{Problems, Reason},
    raw::{Body, Op, Raw, comment},
    schema::{Entry, Kind, List, Section, kind::OPEN_LEVEL},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Statements of `text`, which stands in `section`.
pub fn read(text: &str, file: &Arc<str>, section: &'static Section, problems: &mut Problems) -> Vec<Raw> {
    match Parser::new(text, file).whole(problems) {
        Some((Json::Object(members), span)) => {
            let mut statements = lower(&members, section, None, problems);
            // What is said of the whole is said of its first statement.
            let said = Said::of(&members, "@", problems);
            match statements.first_mut() {
                Some(first) => first.comments.splice(0..0, said.comments).for_each(drop),
                None if said.comments.is_empty() => {}
                None => {
                    let comments = said.comments;
                    statements.push(Raw { comments, ..Raw::new(Op::State, Vec::new(), span) });
                }
            }
            statements
        }
        Some((other, span)) => {
            problems.error(&span, "", Reason::Expected { what: "{", found: shown(&other) });
            Vec::new()
        }
        None => Vec::new(),
    }
}

fn shown(value: &Json) -> String {
    match value {
        Json::Null => "null".into(),
        Json::Scalar(text, _) => text.clone(),
        Json::List(_) => "[".into(),
        Json::Object(_) => "{".into(),
    }
}

/// What stands beside a statement.
#[derive(Default)]
struct Said {
    inactive: Option<bool>,
    comments: Vec<String>,
}

impl Said {
    /// The member `name` of an object.
    fn of(members: &[Member], name: &str, problems: &mut Problems) -> Self {
        match members.iter().rev().find(|member| member.name == name) {
            Some(Member { value: Json::Object(said), .. }) => Self::from(said, problems),
            Some(Member { at, value, .. }) => {
                problems.error(at, name, Reason::Expected { what: "{", found: shown(value) });
                Self::default()
            }
            None => Self::default(),
        }
    }

    fn from(members: &[Member], problems: &mut Problems) -> Self {
        let mut said = Self::default();
        for member in members {
            match (member.name.as_str(), &member.value) {
                ("inactive", Json::Scalar(text, false)) if text == "true" => said.inactive = Some(true),
                ("inactive", Json::Scalar(text, false)) if text == "false" => said.inactive = Some(false),
                ("comment", Json::Scalar(text, true)) => said.comments.push(comment(text)),
                ("comment", Json::List(all)) if all.iter().all(|(one, _)| matches!(one, Json::Scalar(_, true))) => {
                    said.comments.extend(all.iter().map(|(one, _)| comment(&shown(one))));
                }
                (name, _) => {
                    let reason =
                        Reason::UnknownWord { word: name.into(), nearest: None, known: vec!["inactive", "comment"] };
                    problems.error(&member.span, "@", reason);
                }
            }
        }
        said.comments.retain(|comment| !comment.is_empty());
        said
    }
}

fn lower(
    members: &[Member],
    section: &'static Section,
    list: Option<&'static List>,
    problems: &mut Problems,
) -> Vec<Raw> {
    let beside: HashMap<&str, &Member> = members
        .iter()
        .filter(|member| member.name.len() > 1)
        .filter_map(|member| Some((member.name.strip_prefix('@')?, member)))
        .collect();
    let names: HashSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    for member in members {
        if let Some(name) = member.name.strip_prefix('@').filter(|name| !name.is_empty() && !names.contains(name)) {
            problems.error(&member.span, name, Reason::NotThere);
        }
    }
    let mut statements = Vec::new();
    for member in members.iter().filter(|member| !member.name.starts_with('@')) {
        if list.is_some_and(|list| list.keys.iter().any(|(key, _)| *key == member.name)) {
            continue;
        }
        let about = beside.get(member.name.as_str()).copied();
        one(member, section, about, &mut statements, problems);
    }
    statements
}

fn one(
    member: &Member,
    section: &'static Section,
    about: Option<&Member>,
    statements: &mut Vec<Raw>,
    problems: &mut Problems,
) {
    let word = Word::new(member.name.clone(), member.span.clone());
    let mut raw = Raw::new(Op::State, vec![word], member.span.clone());
    let entry = section.find(&member.name);
    let values = matches!(member.value, Json::List(_));
    match about.map(|about| (&about.value, about)) {
        Some((Json::Object(said), _)) => {
            let said = Said::from(said, problems);
            (raw.inactive, raw.comments) = (said.inactive, said.comments);
        }
        Some((Json::List(_), _)) if values => {}
        Some((other, about)) => {
            problems.error(&about.at, member.name.clone(), Reason::Expected { what: "{", found: shown(other) });
        }
        None => {}
    }
    let refuse = |what: &'static str, problems: &mut Problems| {
        problems.error(&member.at, member.name.clone(), Reason::Expected { what, found: shown(&member.value) });
    };
    match (entry.map(|entry| entry.kind), &member.value) {
        (Some(Kind::List(list)), value) => return entries(entry, list, member, value, statements, problems),
        (Some(Kind::Section(inner)), Json::Object(members)) => {
            let said = Said::of(members, "@", problems);
            raw.inactive = raw.inactive.or(said.inactive);
            raw.comments.extend(said.comments);
            raw.body = Body::Block(lower(members, inner, None, problems));
        }
        (Some(Kind::Section(_)), _) => return refuse("{", problems),
        (Some(Kind::Flag), Json::Scalar(text, false)) if text == "true" => {}
        (Some(Kind::Flag), Json::Scalar(text, false)) if text == "false" => return,
        (Some(Kind::Flag), Json::List(list)) if matches!(list.as_slice(), [(Json::Null, _)]) => {}
        (Some(Kind::Flag), _) => return refuse("true", problems),
        (Some(Kind::Leaf(_) | Kind::LeafList(_)), Json::Null | Json::Object(_)) => return refuse("a value", problems),
        (None, Json::Object(_)) if section.open => {
            let Json::Object(members) = &member.value else { return };
            let said = Said::of(members, "@", problems);
            raw.inactive = raw.inactive.or(said.inactive);
            raw.comments.extend(said.comments);
            raw.body = Body::Block(lower(members, &OPEN_LEVEL, None, problems));
        }
        (None, Json::Null) if section.open => return refuse("a value", problems),
        // The builder tells that it does not know the word.
        (None, Json::Object(_) | Json::Null) => raw.body = Body::Block(Vec::new()),
        (_, Json::Scalar(text, _)) => raw.words.push(Word::new(text.clone(), member.at.clone())),
        (_, Json::List(values)) => {
            let about = match about.map(|about| &about.value) {
                Some(Json::List(about)) => about.as_slice(),
                _ => &[],
            };
            raw.body = Body::List(list_of(member, values, about, problems));
        }
    }
    statements.push(raw);
}

fn list_of(member: &Member, values: &[(Json, Span)], about: &[(Json, Span)], problems: &mut Problems) -> Vec<Value> {
    let mut list = Vec::with_capacity(values.len());
    for (at, (value, span)) in values.iter().enumerate() {
        let Json::Scalar(text, _) = value else {
            problems.error(span, member.name.clone(), Reason::Expected { what: "a value", found: shown(value) });
            continue;
        };
        let said = match about.get(at) {
            Some((Json::Object(said), _)) => Said::from(said, problems),
            _ => Said::default(),
        };
        let word = Word::new(text.clone(), span.clone());
        list.push(Value { word, inactive: said.inactive == Some(true), comments: said.comments });
    }
    list
}

/// The entries of a list, each a statement of its own.
fn entries(
    entry: Option<&'static Entry>,
    list: &'static List,
    member: &Member,
    value: &Json,
    statements: &mut Vec<Raw>,
    problems: &mut Problems,
) {
    let one = std::slice::from_ref;
    let single;
    let all: &[(Json, Span)] = match value {
        Json::List(all) => all,
        Json::Object(_) => {
            single = (value.clone(), member.at.clone());
            one(&single)
        }
        other => {
            problems.error(&member.at, member.name.clone(), Reason::Expected { what: "[", found: shown(other) });
            return;
        }
    };
    for (value, span) in all {
        let word = Word::new(entry.map_or(member.name.as_str(), |entry| entry.word), span.clone());
        let mut raw = Raw::new(Op::State, vec![word], span.clone());
        match (value, list.keys) {
            (Json::Object(members), keys) => {
                let said = Said::of(members, "@", problems);
                (raw.inactive, raw.comments) = (said.inactive, said.comments);
                for (key, _) in keys {
                    let Some(found) = members.iter().find(|member| member.name == *key) else { break };
                    if let Json::Scalar(text, _) = &found.value {
                        raw.words.push(Word::new(text.clone(), found.at.clone()));
                    } else {
                        let what = "a value";
                        problems.error(&found.at, *key, Reason::Expected { what, found: shown(&found.value) });
                    }
                }
                raw.body = Body::Block(lower(members, &list.section, Some(list), problems));
            }
            (Json::Scalar(text, _), [_]) => raw.words.push(Word::new(text.clone(), span.clone())),
            (other, _) => {
                problems.error(span, member.name.clone(), Reason::Expected { what: "{", found: shown(other) });
                continue;
            }
        }
        if list.labelled {
            // The builder takes labels or leaves them; names alone would be taken for labels if they are called so.
            let names: Vec<Word> = raw.words.drain(1..).collect();
            for ((key, _), name) in list.keys.iter().zip(names) {
                raw.words.push(Word::new(*key, name.span.clone()));
                raw.words.push(name);
            }
        }
        statements.push(raw);
    }
}
