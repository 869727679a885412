//! From statements to a tree: the schema is asked for each word, here and nowhere else.
//!
//! Called for what the readers of all notations made. A statement that is wrong is told of and left out; the next is looked at. Includes are followed
//! here, since only here it is known whether `include` is a word of the place.
//!
//! Cost: each word is looked up once in the words of its level and once in the index of the draft.
//!
//! Source: `spec/junos-ids-idp.md` section 2.3, rules 1, 2, 6 and 10.

use super::{
    draft::{Draft, Item, ItemContent, once},
    include::{Files, Includes},
    lex,
    node::{Node, Tree, Value},
    place::{Span, Word},
    problem::{Problems, Reason},
    raw::{Body, DEEPEST, Op, Raw},
    schema::{Entry, Kind, List, ROOT, Section, Type, types},
};

/// Key words and names of one statement. Less than what readers go down, so that every tree can be read back from what is written of it; the schema
/// needs 16.
const DEEPEST_PATH: usize = DEEPEST - 8;

/// What a level belongs to: the list and the names of the entry.
type Owner<'o> = Option<(&'static List, &'o [Word])>;

/// What is being built, and what is wrong with it.
pub struct Builder<'a> {
    pub(super) problems: &'a mut Problems,
    includes: Includes<'a>,
    path: Vec<String>,
}

impl<'a> Builder<'a> {
    /// Nothing yet. Files that are included come from `files`; `whole` bytes of the first one are counted as read.
    pub fn new(problems: &'a mut Problems, files: &'a dyn Files, first: &str, whole: usize) -> Self {
        Self { problems, includes: Includes::new(files, first, whole), path: Vec::new() }
    }

    /// What `statements` make of `tree`.
    pub fn build(&mut self, tree: Tree, statements: Vec<Raw>) -> Tree {
        let mut comments = tree.comments;
        let mut draft = drafted(tree.nodes, &ROOT);
        for raw in statements {
            if raw.words.is_empty() {
                comments.extend(raw.comments);
                continue;
            }
            self.statement(&mut draft, &ROOT, None, &raw);
        }
        let mut said = Vec::new();
        let mut nodes = draft.finish(&mut said);
        comments.append(&mut said);
        if let Some(first) = nodes.first_mut() {
            // What is said at the top belongs to the first statement.
            comments.append(&mut first.comments);
            first.comments = once(std::mem::take(&mut comments));
        }
        Tree { nodes, comments: once(comments) }
    }

    fn shown(&self) -> String {
        lex::path(self.path.iter().map(String::as_str))
    }

    fn error(&mut self, place: &Span, reason: Reason) {
        let path = self.shown();
        self.problems.error(place, path, reason);
    }

    /// One statement of `section`.
    pub(super) fn statement(&mut self, draft: &mut Draft, section: &'static Section, owner: Owner<'_>, raw: &Raw) {
        let depth = self.path.len();
        match raw.op {
            Op::State | Op::Set => self.state(draft, section, owner, &raw.words, raw, true),
            _ => self.change(draft, section, &raw.words, raw),
        }
        self.path.truncate(depth);
    }

    fn unknown(&mut self, word: &Word, section: &Section) {
        let known = section.words();
        let nearest = types::nearest(&word.text, known.iter().copied());
        self.error(&word.span, Reason::UnknownWord { word: word.text.clone(), nearest, known });
    }

    /// Whether the path may go on by one.
    fn deeper(&mut self, word: &Word) -> bool {
        if self.path.len() >= DEEPEST_PATH {
            self.error(&word.span, Reason::TooDeep { most: DEEPEST_PATH });
            return false;
        }
        self.path.push(word.text.clone());
        true
    }

    /// The statement `words` of `raw` in `section`; `marks`: what is said of the statement has not found its place yet.
    fn state(
        &mut self,
        draft: &mut Draft,
        section: &'static Section,
        owner: Owner<'_>,
        words: &[Word],
        raw: &Raw,
        marks: bool,
    ) {
        let Some((word, rest)) = words.split_first() else { return };
        if section.open && !is_include(words, raw) {
            return self.open(draft, words, raw);
        }
        if let Some((list, names)) = owner
            && let Some(at) = list.keys.iter().position(|(key, _)| *key == word.text)
        {
            return self.own_name(word, rest, names.get(at), raw);
        }
        let (entry, rest) = match (section.find(&word.text), section.bare) {
            (Some(entry), _) => (entry, rest),
            (None, _) if is_include(words, raw) => return self.include(draft, section, owner, words),
            (None, Some(bare)) => (bare, words),
            (None, None) => return self.unknown(word, section),
        };
        let word = Word::new(entry.word, word.span.clone());
        if !self.deeper(&word) {
            return;
        }
        match entry.kind {
            Kind::Section(inner) => self.section(draft, (&word, &[]), (inner, None), rest, raw, marks),
            Kind::List(list) => {
                let Some((names, rest)) = self.names(entry, list, &word, rest) else { return };
                self.path.extend(names.iter().map(|name| name.text.clone()));
                let one_line = list.one_line && !rest.is_empty();
                if one_line && marks {
                    // `inactive: source-address 10.0.0.0/8 except;` speaks of the address, not of the exception.
                    if let Some(item) = draft.item(&word, &names, section_content) {
                        mark(item, raw);
                    }
                }
                let inner = (&list.section, Some((list, names.as_slice())));
                self.section(draft, (&word, &names), inner, rest, raw, marks && !one_line);
            }
            Kind::Leaf(kind) => self.leaf(draft, &word, kind, rest, raw, marks),
            Kind::LeafList(kind) => self.values(draft, &word, kind, rest, raw, marks),
            Kind::Flag => self.flag(draft, &word, rest, raw, marks),
        }
    }

    fn section(
        &mut self,
        draft: &mut Draft,
        (word, names): (&Word, &[Word]),
        (inner, owner): (&'static Section, Owner<'_>),
        rest: &[Word],
        raw: &Raw,
        marks: bool,
    ) {
        let Some(item) = draft.item(word, names, section_content) else { return };
        if rest.is_empty() && marks {
            mark(item, raw);
        }
        let ItemContent::Section(level) = &mut item.content else { return };
        if !rest.is_empty() {
            return self.state(level, inner, owner, rest, raw, marks);
        }
        match &raw.body {
            Body::None => {}
            Body::Block(statements) => {
                for statement in statements {
                    self.statement(level, inner, owner, statement);
                }
            }
            Body::List(_) => {
                self.error(&word.span.clone(), Reason::Expected { what: "{", found: "[".into() });
            }
        }
    }

    /// The names behind the key word of a list, and what stands behind them.
    fn names<'w>(
        &mut self,
        entry: &'static Entry,
        list: &'static List,
        word: &Word,
        mut rest: &'w [Word],
    ) -> Option<(Vec<Word>, &'w [Word])> {
        let mut names = Vec::with_capacity(list.keys.len());
        for (key, kind) in list.keys {
            if list.labelled && rest.first().is_some_and(|word| word.text == *key) {
                rest = rest.get(1..).unwrap_or_default();
            } else if list.labelled && !rest.is_empty() {
                let found = rest.first().map_or_else(String::new, |word| word.text.clone());
                self.error(&word.span, Reason::Expected { what: key, found });
                return None;
            }
            let Some((name, behind)) = rest.split_first() else {
                self.error(&word.span, Reason::NoName { word: entry.word, key });
                return None;
            };
            self.value(name, *kind).then_some(())?;
            names.push(name.clone());
            rest = behind;
        }
        Some((names, rest))
    }

    /// `name corporate` inside `tenant corporate`.
    fn own_name(&mut self, word: &Word, rest: &[Word], name: Option<&Word>, raw: &Raw) {
        self.path.push(word.text.clone());
        match (rest, name, &raw.body) {
            ([inside], Some(name), Body::None) if inside.text == name.text => {}
            ([inside], Some(name), Body::None) => {
                let (inside_text, before) = (inside.text.clone(), name.text.clone());
                let key = word.text.clone();
                self.error(&inside.span, Reason::NameDiffers { key, inside: inside_text, before });
            }
            ([], ..) => self.error(&word.span, Reason::NoValue { wants: "the name of the entry".into() }),
            ([_, extra, ..], ..) => {
                let extra_text = extra.text.clone();
                self.error(&extra.span, Reason::TooMuch { extra: extra_text, wants: "one value stands here" });
            }
            _ => self.error(&word.span, Reason::Expected { what: "one value", found: "{".into() }),
        }
    }

    /// Whether a value is what it has to be.
    fn value(&mut self, word: &Word, kind: Type) -> bool {
        match kind.check(&word.text) {
            Ok(()) => true,
            Err(nearest) => {
                let value = word.text.clone();
                self.error(&word.span, Reason::BadValue { value, wants: kind.describe(), nearest });
                false
            }
        }
    }

    /// The values behind a key word, in its line and in brackets; none if something else stands there.
    fn given(&mut self, word: &Word, rest: &[Word], raw: &Raw) -> Option<Vec<Value>> {
        let mut given: Vec<Value> = rest.iter().map(|word| Value::new(word.clone())).collect();
        match &raw.body {
            Body::None => {}
            Body::List(values) => given.extend(values.iter().cloned()),
            Body::Block(_) => {
                self.error(&word.span, Reason::Expected { what: "a value", found: "{".into() });
                return None;
            }
        }
        Some(given)
    }

    fn leaf(&mut self, draft: &mut Draft, word: &Word, kind: Type, rest: &[Word], raw: &Raw, marks: bool) {
        let Some(given) = self.given(word, rest, raw) else { return };
        let value = match given.as_slice() {
            [] => return self.error(&word.span, Reason::NoValue { wants: kind.describe() }),
            [one] => one,
            [_, extra, ..] => {
                let wants = "one value stands here; put a text of several words in quotes";
                return self.error(&extra.word.span, Reason::TooMuch { extra: extra.word.text.clone(), wants });
            }
        };
        if !self.value(&value.word, kind) {
            return;
        }
        let path = self.shown();
        let Some(item) = draft.item(word, &[], || ItemContent::Leaf(Vec::new())) else { return };
        let ItemContent::Leaf(values) = &mut item.content else { return };
        if let Some(first) = values.first()
            && raw.op == Op::State
        {
            if first.word != value.word {
                let (first, place) = (first.word.text.clone(), item.word.span.clone());
                self.problems.warning(&word.span, path, Reason::Twice { first, place });
            }
            // The last counts with all that is said of it.
            item.inactive = false;
        }
        *values = vec![Value::new(value.word.clone())];
        item.word.span = word.span.clone();
        item.comments.extend(value.comments.iter().cloned());
        if marks {
            mark(item, raw);
        }
    }

    fn values(&mut self, draft: &mut Draft, word: &Word, kind: Type, rest: &[Word], raw: &Raw, marks: bool) {
        if let [_, extra, ..] = rest {
            let wants = "one value stands here; put several between [ and ], or each in a line of its own";
            return self.error(&extra.span, Reason::TooMuch { extra: extra.text.clone(), wants });
        }
        let Some(given) = self.given(word, rest, raw) else { return };
        if given.is_empty() && matches!(raw.body, Body::None) {
            return self.error(&word.span, Reason::NoValue { wants: kind.describe() });
        }
        let sound: Vec<&Value> = given.iter().filter(|value| self.value(&value.word, kind)).collect();
        let Some(item) = draft.item(word, &[], || ItemContent::Values(super::draft::Values::default())) else { return };
        let ItemContent::Values(values) = &mut item.content else { return };
        for (at, given) in sound.into_iter().enumerate() {
            let Some(value) = values.value(&given.word) else { continue };
            value.inactive |= given.inactive;
            if marks && at == 0 {
                value.comments.extend(raw.comments.iter().cloned());
            }
            value.comments.extend(given.comments.iter().cloned());
            if let (true, Some(inactive)) = (marks, raw.inactive) {
                value.inactive = inactive;
            }
        }
    }

    fn flag(&mut self, draft: &mut Draft, word: &Word, rest: &[Word], raw: &Raw, marks: bool) {
        let Some(given) = self.given(word, rest, raw) else { return };
        match given.as_slice() {
            [] => {}
            [one] if one.word.text == "true" => {}
            [extra, ..] => {
                let extra_text = extra.word.text.clone();
                return self.error(
                    &extra.word.span,
                    Reason::TooMuch { extra: extra_text, wants: "nothing stands behind this word" },
                );
            }
        }
        if let Some(item) = draft.item(word, &[], || ItemContent::Flag)
            && marks
        {
            mark(item, raw);
        }
    }

    /// A statement where any words may stand: sections, and at the end one value, or a list of values.
    fn open(&mut self, draft: &mut Draft, words: &[Word], raw: &Raw) {
        let (sections, leaf, values) = match (&raw.body, words) {
            (Body::Block(_), words) => (words, None, Vec::new()),
            (Body::List(values), [sections @ .., leaf]) => {
                (sections, Some(leaf), values.iter().map(|value| value.word.clone()).collect())
            }
            (Body::None, [flag]) => (&[][..], Some(flag), vec![Word::new("true", flag.span.clone())]),
            (Body::None, [sections @ .., leaf, value]) => (sections, Some(leaf), vec![value.clone()]),
            (_, []) => return,
        };
        // `@` is JSON's for what stands beside a statement; `include` would be followed when the tree is read again, and `exit` ends a block of PCLI.
        let no_key = |word: &&Word| {
            word.text.is_empty() || word.text.starts_with('@') || matches!(word.text.as_str(), "include" | "exit")
        };
        if let Some(bad) = sections.iter().chain(leaf).find(no_key) {
            return self.error(&bad.span, Reason::Expected { what: "a key word", found: bad.text.clone() });
        }
        if let Some((first, _)) = sections.split_first() {
            if !self.deeper(first) {
                return;
            }
            let Some(item) = draft.item(first, &[], section_content) else { return };
            let last = sections.len() == 1;
            if leaf.is_none() && last {
                mark(item, raw);
            }
            let ItemContent::Section(level) = &mut item.content else {
                return self.error(
                    &first.span,
                    Reason::Expected { what: "no section, for it has a value,", found: "{".into() },
                );
            };
            if let (Body::Block(statements), true) = (&raw.body, last) {
                for statement in statements {
                    self.statement(level, &super::schema::kind::OPEN_LEVEL, None, statement);
                }
                return;
            }
            return self.open(level, words.get(1..).unwrap_or_default(), raw);
        }
        let Some(leaf) = leaf else { return };
        if !self.deeper(leaf) {
            return;
        }
        let path = self.shown();
        let Some(item) = draft.item(leaf, &[], || ItemContent::Leaf(Vec::new())) else { return };
        let ItemContent::Leaf(known) = &mut item.content else {
            return self.error(
                &leaf.span,
                Reason::Expected { what: "no value, for it is a section,", found: leaf.text.clone() },
            );
        };
        let values: Vec<Value> = values.into_iter().map(Value::new).collect();
        if let Some(first) = known.first()
            && raw.op == Op::State
        {
            if *known != values {
                let (first, place) = (first.word.text.clone(), item.word.span.clone());
                self.problems.warning(&leaf.span, path, Reason::Twice { first, place });
            }
            item.inactive = false;
        }
        *known = values;
        item.word.span = leaf.span.clone();
        mark(item, raw);
    }

    /// `delete`, `deactivate`, `activate`, `annotate` and `insert`: `words` name what is there.
    fn change(&mut self, draft: &mut Draft, section: &'static Section, words: &[Word], raw: &Raw) {
        let Some((word, rest)) = words.split_first() else { return };
        let (name, kind, rest) = match (section.find(&word.text), section.bare) {
            (Some(entry), _) => (entry.word.to_owned(), Some((entry, entry.kind)), rest),
            (None, Some(bare)) => (bare.word.to_owned(), Some((bare, bare.kind)), words),
            (None, None) if section.open => (word.text.clone(), None, rest),
            (None, None) => return self.unknown(word, section),
        };
        let word = Word::new(name, word.span.clone());
        if !self.deeper(&word) {
            return;
        }
        if let (Op::Delete, [], Some((_, Kind::List(_)))) = (&raw.op, rest, kind) {
            if !draft.remove_all(&word.text) {
                self.not_there(&word);
            }
            return;
        }
        let (names, rest, inner) = match kind {
            Some((entry, Kind::List(list))) => {
                let Some((names, rest)) = self.names(entry, list, &word, rest) else { return };
                self.path.extend(names.iter().map(|name| name.text.clone()));
                (names, rest, Some(&list.section))
            }
            Some((_, Kind::Section(inner))) => (Vec::new(), rest, Some(inner)),
            None => (Vec::new(), rest, Some(&super::schema::kind::OPEN_LEVEL)),
            Some(_) => (Vec::new(), rest, None),
        };
        let Some(item) = draft.find(&word.text, &names) else { return self.not_there(&word) };
        match (&mut item.content, rest, inner) {
            (_, [], _) if raw.op == Op::Delete => {
                draft.remove(&word.text, &names);
            }
            (_, [], _) => match &raw.op {
                Op::Insert { before, other } => {
                    if names.is_empty() || !draft.shift(&word.text, &names, *before, other) {
                        self.not_there(&word);
                    }
                }
                Op::Annotate(comment) => match &mut item.content {
                    ItemContent::Values(values) => {
                        if let Some(first) = values.all().next() {
                            first.comments.push(comment.clone());
                        }
                    }
                    _ => item.comments.push(comment.clone()),
                },
                op => match &mut item.content {
                    ItemContent::Values(values) => {
                        values.all().for_each(|value| value.inactive = *op == Op::Deactivate)
                    }
                    _ => item.inactive = *op == Op::Deactivate,
                },
            },
            (ItemContent::Section(level), rest, Some(inner)) => self.change(level, inner, rest, raw),
            (ItemContent::Values(values), [value], _) => {
                let found = match &raw.op {
                    Op::Delete => values.remove(&value.text),
                    Op::Annotate(comment) => {
                        values.find(&value.text).map(|value| value.comments.push(comment.clone())).is_some()
                    }
                    op => values.find(&value.text).map(|value| value.inactive = *op == Op::Deactivate).is_some(),
                };
                if !found {
                    self.not_there(value);
                }
            }
            (ItemContent::Leaf(known), [value], _) if known.iter().any(|known| known.word == *value) => match &raw.op {
                Op::Delete => {
                    draft.remove(&word.text, &names);
                }
                Op::Annotate(comment) => item.comments.push(comment.clone()),
                op => item.inactive = *op == Op::Deactivate,
            },
            (_, [first, ..], _) => self.not_there(&first.clone()),
        }
    }

    fn not_there(&mut self, word: &Word) {
        let path = self.shown();
        self.problems.warning(&word.span, path, Reason::NotThere);
    }

    fn include(&mut self, draft: &mut Draft, section: &'static Section, owner: Owner<'_>, words: &[Word]) {
        let [_, name] = words else { return };
        let path = self.shown();
        let Some(statements) = self.includes.enter(name, section, &path, self.problems) else { return };
        for statement in &statements {
            if !statement.words.is_empty() {
                self.statement(draft, section, owner, statement);
            }
        }
        self.includes.leave();
    }
}

fn section_content() -> ItemContent {
    ItemContent::Section(Draft::default())
}

/// `include FILE`
fn is_include(words: &[Word], raw: &Raw) -> bool {
    matches!(words, [word, _] if word.text == "include")
        && matches!(raw.body, Body::None)
        && matches!(raw.op, Op::State | Op::Set)
}

/// What was said of the statement goes to `item`.
fn mark(item: &mut Item, raw: &Raw) {
    item.comments.extend(raw.comments.iter().cloned());
    if let Some(inactive) = raw.inactive {
        item.inactive = inactive;
    }
}

/// The draft of `nodes`, which stand in `section`.
fn drafted(nodes: Vec<Node>, section: &'static Section) -> Draft {
    let inner: Vec<(Vec<Node>, &'static Section)> =
        nodes.iter().map(|node| (node.children().to_vec(), super::junos::inside(node, section))).collect();
    let is_list =
        |node: &Node| matches!(section.find(&node.word.text).map(|entry| entry.kind), Some(Kind::LeafList(_)));
    let mut draft = Draft::of(nodes, &is_list);
    for (item, (children, section)) in draft.items_mut().zip(inner) {
        if let ItemContent::Section(level) = &mut item.content {
            *level = drafted(children, section);
        }
    }
    draft
}
