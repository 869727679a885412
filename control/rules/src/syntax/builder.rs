//! A rule while its options are read.
//!
//! Keyword parsers call the methods here; `parse` makes it and takes the finished rule from it. It knows which
//! buffer is current, which content is last, and which names the byte keywords have defined.
use crate::diagnostic::{Problem, Severity, Span};
use crate::syntax::header::Header;
use crate::syntax::keyword::Use;
use crate::syntax::keyword::buffer_table::{Buffer, payload};
use crate::syntax::keyword::content::{Content, FastPattern, Operand};
use crate::syntax::keyword::meta::{Metadata, Reference, Target};
use crate::syntax::keyword::transform::Transform;
use crate::syntax::protocol::{AppProtocol, Protocol};
use crate::syntax::rule::{BufferUse, Match, MatchKind, Report};
use crate::syntax::value::{Fault, Value};

/// The state of a rule being read.
#[derive(Debug)]
pub struct Builder<'h> {
    /// The header, when it could be read.
    pub(crate) header: Option<&'h Header>,
    pub(crate) gid: u32,
    pub(crate) sid: Option<u32>,
    pub(crate) rev: u32,
    pub(crate) message: Box<str>,
    pub(crate) classtype: Option<(Box<str>, Span)>,
    pub(crate) priority: Option<u8>,
    pub(crate) references: Vec<Reference>,
    pub(crate) metadata: Vec<Metadata>,
    pub(crate) target: Option<Target>,
    pub(crate) report: Report,
    pub(crate) buffers: Vec<BufferUse>,
    pub(crate) matches: Vec<Match>,
    pub(crate) features: Vec<&'static str>,
    /// Findings that do not stop the option they are about.
    pub(crate) remarks: Vec<(Severity, Fault)>,
    current: usize,
    sticky: bool,
    /// `pkt_data` stands before: the payload was chosen, not only left.
    payload_chosen: bool,
    last_content: Option<usize>,
    fast_pattern: Option<usize>,
    variables: Vec<Box<str>>,
    once: Vec<&'static str>,
    protocols: Option<(&'static [AppProtocol], &'static str)>,
}

impl<'h> Builder<'h> {
    pub(crate) fn new(header: Option<&'h Header>) -> Self {
        Self {
            header,
            gid: 1,
            sid: None,
            rev: 0,
            message: Box::default(),
            classtype: None,
            priority: None,
            references: Vec::new(),
            metadata: Vec::new(),
            target: None,
            report: Report::ByAction,
            buffers: vec![BufferUse {
                buffer: payload(),
                argument: None,
                transforms: Vec::new(),
                span: Span::default(),
            }],
            matches: Vec::with_capacity(8),
            features: Vec::new(),
            remarks: Vec::new(),
            current: 0,
            sticky: false,
            payload_chosen: false,
            last_content: None,
            fast_pattern: None,
            variables: Vec::new(),
            once: Vec::new(),
            protocols: None,
        }
    }

    /// The buffer that payload matches belong to now.
    pub(crate) fn current(&self) -> usize {
        self.current
    }

    /// Whether a sticky buffer other than the payload is chosen.
    pub(crate) fn in_sticky_buffer(&self) -> bool {
        self.sticky
    }

    /// Whether the current buffer has this canonical name.
    pub(crate) fn current_is(&self, name: &str) -> bool {
        self.buffers.get(self.current).is_some_and(|b| b.buffer.name == name)
    }

    /// Notes something odd that does not stop the rule.
    pub(crate) fn warn(&mut self, fault: Fault) {
        self.remarks.push((Severity::Warning, fault));
    }

    /// The current buffer, which must be a sticky one.
    pub(crate) fn sticky_buffer(&self, option: Use<'_>) -> Result<usize, Fault> {
        if self.sticky { Ok(self.current) } else { Err(option.fault(Problem::NothingBefore)) }
    }

    /// The buffer of a match: the current one, or, for a match that counts from the one before and stands in no
    /// sticky buffer, the buffer of that one (it may have been moved by an old-style modifier).
    pub(crate) fn buffer_for(&self, relative: bool) -> usize {
        if !relative || self.sticky {
            return self.current;
        }
        let before = self.matches.iter().rev().find_map(|m| match &m.kind {
            MatchKind::Content(_)
            | MatchKind::Pcre(_)
            | MatchKind::ByteTest(_)
            | MatchKind::ByteJump(_)
            | MatchKind::ByteExtract(_)
            | MatchKind::ByteMath(_) => m.kind.buffer(),
            _ => None,
        });
        before.unwrap_or(self.current)
    }

    /// Index of the plain use of `buffer`, made when there is none.
    pub(crate) fn buffer_index(&mut self, buffer: &'static Buffer, span: Span) -> usize {
        let plain = |b: &BufferUse| std::ptr::eq(b.buffer, buffer) && b.transforms.is_empty() && b.argument.is_none();
        if let Some(index) = self.buffers.iter().position(plain) {
            return index;
        }
        self.buffers.push(BufferUse { buffer, argument: None, transforms: Vec::new(), span });
        self.buffers.len() - 1
    }

    /// Makes a buffer the current one, by its sticky keyword.
    pub(crate) fn choose_buffer(
        &mut self,
        option: Use<'_>,
        buffer: &'static Buffer,
        argument: Option<Box<str>>,
    ) -> Result<(), Fault> {
        self.check_unused()?;
        self.belongs_to(option, buffer.protocols)?;
        self.use_feature(buffer.feature);
        if std::ptr::eq(buffer, payload()) {
            self.current = 0;
            self.sticky = false;
            self.payload_chosen = true;
            return Ok(());
        }
        let same = |b: &BufferUse| {
            std::ptr::eq(b.buffer, buffer) && b.transforms.is_empty() && b.argument == argument && !buffer.several
        };
        self.current = match self.buffers.iter().position(same) {
            Some(index) => index,
            None => {
                self.buffers.push(BufferUse { buffer, argument, transforms: Vec::new(), span: option.span() });
                self.buffers.len() - 1
            }
        };
        self.sticky = true;
        Ok(())
    }

    /// A sticky buffer must be matched in before the next one is chosen.
    pub(crate) fn check_unused(&self) -> Result<(), Fault> {
        match self.buffers.get(self.current) {
            Some(current) if self.sticky && self.matches_in(self.current).next().is_none() => {
                Err(Fault { span: current.span, problem: Problem::UnusedBuffer })
            }
            _ => Ok(()),
        }
    }

    /// Adds a transform to the current buffer.
    pub(crate) fn transform(&mut self, option: Use<'_>, transform: Transform) -> Result<(), Fault> {
        let chosen = self.sticky || (self.payload_chosen && self.current == 0);
        if !chosen {
            return Err(option.fault(Problem::NothingBefore));
        }
        self.use_feature(option.keyword.feature);
        // The first buffer stays the payload as it is.
        let used = self.current == 0 || self.matches_in(self.current).next().is_some();
        let Some(current) = self.buffers.get_mut(self.current) else { return Ok(()) };
        if used {
            // What was matched so far keeps the bytes as they were.
            let mut next = current.clone();
            next.transforms.push(transform);
            next.span = option.span();
            self.buffers.push(next);
            self.current = self.buffers.len() - 1;
            self.sticky = true;
        } else {
            current.transforms.push(transform);
        }
        Ok(())
    }

    /// The matches so far that look at this buffer.
    pub(crate) fn matches_in(&self, buffer: usize) -> impl Iterator<Item = &Match> {
        self.matches.iter().filter(move |m| m.kind.buffer() == Some(buffer))
    }

    /// Whether any match so far is of this kind.
    pub(crate) fn has(&self, kind: impl Fn(&MatchKind) -> bool) -> bool {
        self.matches.iter().any(|m| kind(&m.kind))
    }

    /// Adds a match.
    pub(crate) fn push(&mut self, option: Use<'_>, kind: MatchKind) {
        if matches!(kind, MatchKind::Content(_)) {
            self.last_content = Some(self.matches.len());
        }
        self.use_feature(option.keyword.feature);
        if let Some(used) = kind.buffer().and_then(|b| self.buffers.get(b)) {
            self.use_feature(used.buffer.feature);
        }
        self.matches.push(Match { kind, keyword: option.keyword.canonical, span: option.span(), prefilter: false });
    }

    /// Notes that the rule needs a feature.
    pub(crate) fn use_feature(&mut self, feature: &'static str) {
        if !self.features.contains(&feature) && feature != "meta" {
            self.features.push(feature);
        }
    }

    /// The last content, which modifiers act on.
    pub(crate) fn last_content(&mut self) -> Option<&mut Content> {
        match self.last_content.and_then(|i| self.matches.get_mut(i)) {
            Some(Match { kind: MatchKind::Content(content), .. }) => Some(content),
            _ => None,
        }
    }

    /// The last match of any kind.
    pub(crate) fn last_match(&self) -> Option<&MatchKind> {
        self.matches.last().map(|m| &m.kind)
    }

    /// Marks the last match as what the rule is to be found by.
    pub(crate) fn mark_prefilter(&mut self) {
        if let Some(last) = self.matches.last_mut() {
            last.prefilter = true;
        }
    }

    /// Makes the last content the fast pattern; a rule has one at most.
    pub(crate) fn choose_fast_pattern(&mut self, option: Use<'_>, chosen: FastPattern) -> Result<(), Fault> {
        if self.fast_pattern.is_some() {
            return Err(option.fault(Problem::Repeated { keyword: "fast_pattern" }));
        }
        let index = self.last_content;
        let content = self.last_content().ok_or_else(|| option.fault(Problem::NoContentBefore))?;
        content.fast_pattern = Some(chosen);
        self.fast_pattern = index;
        Ok(())
    }

    /// A number, or a name defined by an earlier byte keyword.
    pub(crate) fn operand(&self, text: Value<'_>, (min, max): (i64, i64)) -> Result<Operand, Fault> {
        let text = text.trim();
        match text.bytes().first() {
            Some(b) if b.is_ascii_alphabetic() || *b == b'_' => {
                if self.variables.iter().any(|v| v.as_bytes() == text.bytes()) {
                    Ok(Operand::Variable(text.lossy()))
                } else {
                    Err(text.fault(Problem::UnknownByteVariable))
                }
            }
            _ => text.number(min, max).map(Operand::Number),
        }
    }

    /// Defines the name a byte keyword fills.
    pub(crate) fn define(&mut self, name: Value<'_>) -> Result<Box<str>, Fault> {
        if !name.is_name() {
            return Err(name.malformed("a name of letters, digits, `_`, `.` and `-`"));
        }
        let owned = name.lossy();
        if !self.variables.contains(&owned) {
            self.variables.push(owned.clone());
        }
        Ok(owned)
    }

    /// Refuses the second use of a keyword.
    pub(crate) fn once(&mut self, option: Use<'_>) -> Result<(), Fault> {
        let keyword = option.keyword.canonical;
        if self.once.contains(&keyword) {
            return Err(option.fault(Problem::Repeated { keyword }));
        }
        self.once.push(keyword);
        Ok(())
    }

    /// `noalert` and `alert` exclude one another.
    pub(crate) fn set_report(&mut self, option: Use<'_>, report: Report) {
        if self.report != Report::ByAction && self.report != report {
            self.remarks.push((Severity::Error, option.fault(Problem::Conflict { with: "alert and noalert".into() })));
        }
        self.report = report;
    }

    /// Refuses a keyword of another application protocol than the header's or an earlier keyword's.
    pub(crate) fn belongs_to(&mut self, option: Use<'_>, protocols: &'static [AppProtocol]) -> Result<(), Fault> {
        if protocols.is_empty() {
            return Ok(());
        }
        let shared = |a: AppProtocol| protocols.iter().any(|&p| p.covers(a) || a.covers(p));
        if let Some(Protocol::App(app)) = self.header.map(|h| h.protocol)
            && !shared(app)
        {
            return Err(option.fault(Problem::WrongProtocol { rule: app.name().into() }));
        }
        if let Some((before, keyword)) = self.protocols
            && !before.iter().any(|&a| shared(a))
        {
            return Err(option.fault(Problem::WrongProtocol { rule: format!("of {keyword}").into() }));
        }
        self.protocols = Some((protocols, option.keyword.name));
        Ok(())
    }
}
