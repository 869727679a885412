//! The typed syntax tree of one rule: what `compile` builds detection from.
//!
//! Made by `builder`, read by `compile`. Holds no engine types and no resolved variables. All payload matches name
//! their buffer by index into [`Rule::buffers`]; index 0 is always the packet or stream payload.
use crate::diagnostic::{Diagnostic, Problem, Severity, Span};
use crate::syntax::header::{Action, Direction, Endpoint};
use crate::syntax::keyword::app::AppMatch;
use crate::syntax::keyword::base64::Base64Decode;
use crate::syntax::keyword::bits::{FlowBits, FlowInt, HostBits, XBits};
use crate::syntax::keyword::buffer_table::Buffer;
use crate::syntax::keyword::byte::{ByteExtract, ByteJump, ByteMath, ByteTest};
use crate::syntax::keyword::content::Content;
use crate::syntax::keyword::dataset::{Datarep, Dataset, IpReputation};
use crate::syntax::keyword::event::Event;
use crate::syntax::keyword::flow::{Elephant, Flow, FlowCounter, StreamSize};
use crate::syntax::keyword::icmp::IcmpTest;
use crate::syntax::keyword::ip::IpTest;
use crate::syntax::keyword::meta::{Metadata, Reference, Target};
use crate::syntax::keyword::pcre::Pcre;
use crate::syntax::keyword::protocol::{AppLayerProtocol, ProtocolDetection};
use crate::syntax::keyword::size::{Absent, BufferSize, Entropy, IsDataAt};
use crate::syntax::keyword::tag::Tag;
use crate::syntax::keyword::tcp::TcpTest;
use crate::syntax::keyword::threshold::{DetectionFilter, Threshold};
use crate::syntax::keyword::transform::Transform;
use crate::syntax::lexer::Text;
use crate::syntax::protocol::Protocol;
use std::path::Path;
use std::sync::Arc;

/// One rule, valid in the language.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What a match leads to.
    pub action: Action,
    /// Protocol of the header.
    pub protocol: Protocol,
    /// Point of the transaction at which the rule is looked at; see [`crate::Header::hook`].
    pub hook: Option<Box<str>>,
    /// First endpoint.
    pub source: Endpoint,
    /// Direction.
    pub direction: Direction,
    /// Second endpoint.
    pub destination: Endpoint,
    /// Group, 1 unless given.
    pub gid: u32,
    /// Number of the rule, never 0.
    pub sid: u32,
    /// Revision, 0 unless given.
    pub rev: u32,
    /// `msg`, escapes taken away; empty unless given.
    pub message: Box<str>,
    /// `classtype`, the name only.
    pub classtype: Option<Box<str>>,
    /// `priority`; without it the classification's counts.
    pub priority: Option<u8>,
    /// `reference`s in order.
    pub references: Vec<Reference>,
    /// All `metadata` items in order.
    pub metadata: Vec<Metadata>,
    /// `target`.
    pub target: Option<Target>,
    /// Whether a match is reported.
    pub report: Report,
    /// The buffers matches refer to. Index 0 is the payload; a buffer named again has an entry of its own where
    /// the language says that it is another instance.
    pub buffers: Vec<BufferUse>,
    /// Everything that must hold, and what is done then, in the order written.
    pub matches: Vec<Match>,
    /// What the rule needs, sorted, each once: names such as `http` or `ja3`.
    pub features: Vec<&'static str>,
    /// Every option as written, in order.
    pub options: Vec<RawOption>,
    /// The rule as written, lines joined.
    pub text: Text,
    /// The file it came from.
    pub file: Arc<Path>,
}

impl Rule {
    /// Line of the file the rule starts on, from 1.
    pub fn line(&self) -> u32 {
        self.text.line()
    }

    /// A finding about a part of this rule.
    pub fn diagnostic(&self, span: Span, severity: Severity, problem: Problem) -> Diagnostic {
        diagnostic(&self.file, &self.text, Some(self.sid), span, severity, problem)
    }
}

/// A finding about a part of a rule's text.
pub(crate) fn diagnostic(
    file: &Arc<Path>,
    text: &Text,
    sid: Option<u32>,
    span: Span,
    severity: Severity,
    problem: Problem,
) -> Diagnostic {
    let (line, column) = text.place(span.start);
    let value = span.of(text.bytes());
    let value = String::from_utf8_lossy(value.get(..80).unwrap_or(value)).into();
    Diagnostic { severity, file: Arc::clone(file), line, column, sid, value, problem }
}

/// Whether a match of the rule is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Report {
    /// As the action says.
    #[default]
    ByAction,
    /// Never: `noalert` or `flowbits:noalert`.
    Never,
    /// Always: `alert` as an option, for pass and drop rules.
    Always,
}

/// One option as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawOption {
    /// The name.
    pub name: Span,
    /// The value, trimmed; absent without a colon.
    pub value: Option<Span>,
}

/// One use of a buffer: which bytes payload matches look at.
#[derive(Clone, Debug, PartialEq)]
pub struct BufferUse {
    /// The buffer.
    pub buffer: &'static Buffer,
    /// The value of the keyword that chose it, if it takes one: the frame of `frame`, the object of `dnp3_obj`,
    /// a direction in a transactional rule.
    pub argument: Option<Box<str>>,
    /// What is done to the bytes first, in order.
    pub transforms: Vec<Transform>,
    /// The keyword that chose it.
    pub span: Span,
}

/// One thing that must hold, or is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// What.
    pub kind: MatchKind,
    /// Canonical name of the keyword.
    pub keyword: &'static str,
    /// The option, and only it; modifiers that came later lie elsewhere.
    pub span: Span,
    /// `prefilter` was asked for here.
    pub prefilter: bool,
}

/// What must hold. Payload matches hold their own buffer index.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MatchKind {
    /// `content` with all its modifiers, and `uricontent`.
    Content(Content),
    /// `pcre`.
    Pcre(Pcre),
    /// `isdataat`.
    IsDataAt(IsDataAt),
    /// `bsize`, and `urilen` as a size of `http.uri`.
    BufferSize(BufferSize),
    /// `entropy`.
    Entropy(Entropy),
    /// `absent`.
    Absent(Absent),
    /// `byte_test`.
    ByteTest(ByteTest),
    /// `byte_jump`.
    ByteJump(ByteJump),
    /// `byte_extract`.
    ByteExtract(ByteExtract),
    /// `byte_math`.
    ByteMath(ByteMath),
    /// `base64_decode`.
    Base64Decode(Base64Decode),
    /// `dataset`.
    Dataset(Dataset),
    /// `datarep`.
    Datarep(Datarep),
    /// `iprep`.
    IpReputation(IpReputation),
    /// `flow`.
    Flow(Flow),
    /// `flow.pkts`, `flow.bytes`, `flow.age` and their like.
    FlowCounter(FlowCounter),
    /// `flow.elephant`.
    Elephant(Elephant),
    /// `stream_size`.
    StreamSize(StreamSize),
    /// A test of the TCP header.
    Tcp(TcpTest),
    /// A test of the IP header or the packet as a whole, `dsize` among them.
    Ip(IpTest),
    /// A test of the ICMP or IGMP header.
    Icmp(IcmpTest),
    /// `flowbits`.
    FlowBits(FlowBits),
    /// `flowint`.
    FlowInt(FlowInt),
    /// `xbits`.
    XBits(XBits),
    /// `hostbits`.
    HostBits(HostBits),
    /// `threshold`.
    Threshold(Threshold),
    /// `detection_filter`.
    DetectionFilter(DetectionFilter),
    /// `tag`.
    Tag(Tag),
    /// `decode-event`, `stream-event`, `app-layer-event`, `engine-event`.
    Event(Event),
    /// `app-layer-protocol`.
    AppLayerProtocol(AppLayerProtocol),
    /// `app-layer-state` and hooks written as options.
    ProtocolDetection(ProtocolDetection),
    /// `bypass`: the rest of the flow is not looked at.
    Bypass,
    /// Any other keyword with a value; typed by [`AppMatch`].
    App(AppMatch),
}

impl MatchKind {
    /// The buffer a payload match looks at.
    pub fn buffer(&self) -> Option<usize> {
        match self {
            Self::Content(m) => Some(m.buffer),
            Self::Pcre(m) => Some(m.buffer),
            Self::IsDataAt(m) => Some(m.buffer),
            Self::BufferSize(m) => Some(m.buffer),
            Self::Entropy(m) => Some(m.buffer),
            Self::Absent(m) => Some(m.buffer),
            Self::ByteTest(m) => Some(m.buffer),
            Self::ByteJump(m) => Some(m.buffer),
            Self::ByteExtract(m) => Some(m.buffer),
            Self::ByteMath(m) => Some(m.buffer),
            Self::Base64Decode(m) => Some(m.buffer),
            Self::Dataset(m) => Some(m.buffer),
            Self::Datarep(m) => Some(m.buffer),
            _ => None,
        }
    }

    /// The same, to change.
    pub(crate) fn buffer_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::Content(m) => Some(&mut m.buffer),
            Self::Pcre(m) => Some(&mut m.buffer),
            Self::IsDataAt(m) => Some(&mut m.buffer),
            Self::BufferSize(m) => Some(&mut m.buffer),
            Self::Entropy(m) => Some(&mut m.buffer),
            Self::Absent(m) => Some(&mut m.buffer),
            Self::ByteTest(m) => Some(&mut m.buffer),
            Self::ByteJump(m) => Some(&mut m.buffer),
            Self::ByteExtract(m) => Some(&mut m.buffer),
            Self::ByteMath(m) => Some(&mut m.buffer),
            Self::Base64Decode(m) => Some(&mut m.buffer),
            Self::Dataset(m) => Some(&mut m.buffer),
            Self::Datarep(m) => Some(&mut m.buffer),
            _ => None,
        }
    }
}
