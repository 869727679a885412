//! Rules as text and frames as bytes through the real pipeline: what a test of a keyword needs.
//!
//! Used by the tests of this folder. Frames are built by hand here, not with the builder of `sluice-tests`, which lies above this crate.
//! Checksums of frames are right only where a helper says so, and are not verified unless a test asks.
#![allow(dead_code, reason = "each test file uses its own part")]

use sluice_core::{
    Action, Cause, HashKey, Nanos, Verdict,
    context::{ContextText, entries},
    event::{EventBody, EventSlot},
    ring::{EventReceiver, WhenFull, event_ring},
    verdict::Mode,
};
use sluice_detect::{
    Inspector, Ruleset,
    prefix::{Countries, Network},
    state::State,
};
use sluice_flow::StreamSettings;
use sluice_packet::{Decoded, LinkType, checksum, decode};
use sluice_rules::{
    LoadOptions, Variables,
    compile::{ActionOrder, CompileOptions, Compiled, Names, Outside, compile, limits},
    config::{reputation, threshold},
    load_bytes,
};
use sluice_worker::{
    ChecksumMode, Copies, FileStoring, Generation, Pipeline, Reporter, Settings, checksums::ChecksumJudge,
    glance::Glance, inbox::Job, pipeline::At,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const PSH: u8 = 0x08;
pub const ACK: u8 = 0x10;

/// How an engine differs from the ordinary one.
pub struct Setup<'a> {
    pub thresholds: &'a str,
    pub most_alerts: usize,
    pub action_order: ActionOrder,
    pub settings: Settings,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            thresholds: "",
            most_alerts: 15,
            action_order: ActionOrder::default(),
            settings: Settings {
                checksums: ChecksumMode::Off,
                flow_capacity: 1024,
                // Most tests ask what a rule finds, not when it is judged.
                streams: StreamSettings { at_once: true, memory: 4 << 20, ..StreamSettings::default() },
                copies: Copies {
                    alerts: false,
                    flows: false,
                    drops: true,
                    arp: false,
                    anomalies: false,
                    stream_anomalies: false,
                    applications: false,
                    files: false,
                    store: FileStoring::Off,
                    headers: false,
                    tagged: true,
                    ethernet: false,
                },
                ..Settings::default()
            },
        }
    }
}

pub fn inline() -> Setup<'static> {
    let mut setup = Setup::default();
    setup.settings.mode = Mode::Inline;
    setup
}

pub fn variables() -> Variables {
    let mut variables = Variables::default();
    variables.address.insert("HOME_NET".into(), "[10.0.0.0/8,fd00::/8]".into());
    variables.address.insert("EXTERNAL_NET".into(), "!$HOME_NET".into());
    variables.port.insert("HTTP_PORTS".into(), "[80,8080]".into());
    variables
}

/// Data sets as the rules name them, and reputations and countries of the hosts that frames are between.
fn outside(set: &sluice_rules::RuleSet) -> Outside<'_> {
    let (categories, wrong) = reputation::categories(Path::new("c"), b"1,Bad,x\n2,Worse,x\n");
    assert!(wrong.is_empty(), "{wrong:?}");
    let (scores, wrong) = reputation::scores(
        Path::new("s"),
        b"10.0.0.1,1,50\nfd00::1,1,50\n10.0.0.0/24,2,7\nfd00::/64,2,7\n10.0.0.3,2,0\nfd00::3,2,0\n",
    );
    assert!(wrong.is_empty(), "{wrong:?}");
    let network = |text: &str, length| Network::new(text.parse().expect("an address"), length).expect("a network");
    let countries = Countries::new(vec![
        (network("10.0.0.0", 31), *b"DE"),
        (network("10.0.0.2", 32), *b"FR"),
        (network("fd00::", 127), *b"DE"),
        (network("fd00::2", 128), *b"FR"),
    ]);
    Outside {
        datasets: &set.datasets,
        reputations: Some(reputation::build(categories, scores)),
        countries: Some(Arc::new(countries)),
    }
}

/// Compiles `rules`; panics with the diagnostics when one is left out.
pub fn ruleset(rules: &str, thresholds: &str, action_order: ActionOrder) -> Ruleset {
    let variables = variables();
    let options = LoadOptions { variables: Some(variables.clone()), ..LoadOptions::default() };
    let set = load_bytes(Path::new("test.rules"), rules.as_bytes(), &options);
    let wanted = rules.lines().filter(|line| !line.trim().is_empty()).count();
    assert_eq!(set.rules.len(), wanted, "{rules}\n{:?}", set.diagnostics);
    let (lines, wrong) = threshold::parse(Path::new("threshold.config"), thresholds.as_bytes());
    assert!(wrong.is_empty(), "{wrong:?}");
    let (limits, wrong) = limits::resolve(&lines, &variables);
    assert!(wrong.is_empty(), "{wrong:?}");
    let options = CompileOptions {
        variables: &variables,
        action_order,
        class_priority: &|_| None,
        limits: &limits,
        outside: outside(&set),
        applications: sluice_app::AppSettings::default(),
        cache: None,
    };
    let compiled = compile(&set.rules, &options, &mut Names::default(), 1).expect("a rule set");
    assert_eq!(compiled.ruleset.rules().len(), wanted, "{rules}\n{:?}", compiled.diagnostics);
    compiled.ruleset
}

/// One engine: a rule set, a pipeline, and what they said of the last frame.
pub struct Engine {
    pub pipeline: Pipeline,
    pub verdict: Verdict,
    ruleset: Arc<Ruleset>,
    events: EventReceiver,
    link: LinkType,
    records: u64,
    checksums: ChecksumJudge,
    decoded: Box<Decoded>,
    glance: Glance,
}

impl Engine {
    pub fn new(rules: &str) -> Self {
        Self::with(rules, Setup::default())
    }

    pub fn with(rules: &str, setup: Setup) -> Self {
        let ruleset = Arc::new(ruleset(rules, setup.thresholds, setup.action_order));
        let inspector = Inspector::new(&ruleset, setup.most_alerts).expect("room to inspect");
        let (sender, events) = event_ring(0, 4096, 256, WhenFull::Lose);
        let reporter = Reporter::new(sender, setup.settings.copies);
        let link = setup.settings.link;
        let generation = Box::new(Generation { ruleset: Arc::clone(&ruleset), inspector });
        let state = State::alone(HashKey::fixed());
        let checksums = ChecksumJudge::new(setup.settings.checksums);
        let pipeline = Pipeline::new(setup.settings, generation, state, HashKey::fixed(), reporter);
        let (verdict, decoded, glance) = (Verdict::Pass, Box::default(), Glance::NONE);
        Self { pipeline, verdict, ruleset, events, link, records: 0, checksums, decoded, glance }
    }

    /// Signatures that spoke about `frame`, in order.
    pub fn feed(&mut self, frame: &[u8]) -> Vec<u32> {
        self.feed_at(0, frame)
    }

    /// The same, `seconds` after the test began.
    pub fn feed_at(&mut self, seconds: u64, frame: &[u8]) -> Vec<u32> {
        self.judge(seconds, frame);
        let mut sids = Vec::new();
        self.events(|body, ruleset| {
            if let EventBody::Alert { rule, .. } = body {
                sids.push(ruleset.rule(*rule).expect("a rule").sid);
            }
        });
        sids
    }

    pub fn judge(&mut self, seconds: u64, frame: &[u8]) -> Verdict {
        self.records += 1;
        let now = Nanos::from_seconds(1_000_000 + seconds);
        decode(frame, self.link, &self.pipeline.settings().decode, &mut self.decoded);
        let key = self.pipeline.prefetch(&self.decoded);
        let at = At { time: now, now, record: self.records };
        let checksums = self.checksums.judge(&self.decoded, frame);
        let job = Job::whole(at, checksums);
        self.verdict = self.pipeline.process(&self.decoded, key, frame, &job);
        self.verdict
    }

    /// As [`Engine::judge`], but by a glance where that is enough, and whether it was.
    #[allow(dead_code, reason = "not every test binary asks")]
    pub fn judge_by_glance(&mut self, seconds: u64, frame: &[u8]) -> (Verdict, bool) {
        let now = Nanos::from_seconds(1_000_000 + seconds);
        // What is left of the glance before may not matter.
        self.pipeline.glance(frame, &mut self.glance);
        self.pipeline.glance_at_flow(&mut self.glance);
        match self.pipeline.short_cut(&self.glance, || self.checksums.next(), now) {
            Some(verdict) => {
                self.records += 1;
                self.verdict = verdict;
                (verdict, true)
            }
            None => (self.judge(seconds, frame), false),
        }
    }

    pub fn events(&mut self, mut read: impl FnMut(&EventBody, &Ruleset)) {
        while self.events.receive(|slot| read(&slot.body, &self.ruleset)) {}
    }

    /// The events since the last call, with their bytes.
    pub fn slots(&mut self, mut read: impl FnMut(&EventSlot, &Ruleset)) {
        while self.events.receive(|slot| read(slot, &self.ruleset)) {}
    }

    /// What the alerts since the last call tell besides: for each its signature, and texts by key.
    pub fn contexts(&mut self) -> Vec<(u32, Vec<(String, String)>)> {
        let mut told = Vec::new();
        while self.events.receive(|slot| {
            if let EventBody::Alert { rule, context, .. } = slot.body {
                let texts = entries(slot.piece(context)).map(|(key, text)| match text {
                    ContextText::Bytes(bytes) => (key.to_owned(), String::from_utf8_lossy(bytes).into_owned()),
                    ContextText::Json(text) => (key.to_owned(), text.to_owned()),
                });
                told.push((self.ruleset.rule(rule).expect("a rule").sid, texts.collect()));
            }
        }) {}
        told
    }

    /// Feeds all, and gives what was said of each.
    pub fn all(&mut self, frames: &[Vec<u8>]) -> Vec<Vec<u32>> {
        frames.iter().map(|frame| self.feed(frame)).collect()
    }

    pub fn dropped(&self) -> Option<Cause> {
        match self.verdict {
            Verdict::Drop(cause) => Some(cause),
            Verdict::Pass => None,
        }
    }
}

/// Whether the signatures in `rule` speak about `frame` on its own.
pub fn hits(rule: &str, frame: &[u8]) -> bool {
    !Engine::new(rule).feed(frame).is_empty()
}

/// Two hosts of one IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

pub const BOTH: [Family; 2] = [Family::V4, Family::V6];

/// Fields of a frame that a test sets.
#[derive(Clone, Debug)]
pub struct Frame {
    pub family: Family,
    /// Last byte of the addresses 10.0.0.x / fd00::x.
    pub source: u8,
    pub destination: u8,
    pub ports: (u16, u16),
    pub ttl: u8,
    pub tos: u8,
    pub id: u16,
    /// IPv4 flags and fragment offset as on the wire.
    pub fragment: u16,
    pub options: Vec<u8>,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub window: u16,
    pub tcp_options: Vec<u8>,
    pub vlans: Vec<u16>,
}

impl Frame {
    pub fn new(family: Family) -> Self {
        Self {
            family,
            source: 1,
            destination: 2,
            ports: (40_000, 80),
            ttl: 64,
            tos: 0,
            id: 0,
            fragment: 0,
            options: Vec::new(),
            seq: 1,
            ack: 1,
            flags: ACK,
            window: 1000,
            tcp_options: Vec::new(),
            vlans: Vec::new(),
        }
    }

    pub fn back(&self) -> Self {
        Self { source: self.destination, destination: self.source, ports: (self.ports.1, self.ports.0), ..self.clone() }
    }

    pub fn tcp(&self, payload: &[u8]) -> Vec<u8> {
        let mut options = self.tcp_options.clone();
        options.resize(options.len().next_multiple_of(4), 1);
        let offset = (5 + options.len() / 4) as u8;
        let mut segment = Vec::new();
        segment.extend(self.ports.0.to_be_bytes());
        segment.extend(self.ports.1.to_be_bytes());
        segment.extend(self.seq.to_be_bytes());
        segment.extend(self.ack.to_be_bytes());
        segment.extend([offset << 4, self.flags]);
        segment.extend(self.window.to_be_bytes());
        segment.extend([0; 4]);
        segment.extend(&options);
        segment.extend(payload);
        self.ip(6, &segment)
    }

    pub fn udp(&self, payload: &[u8]) -> Vec<u8> {
        let mut datagram = Vec::new();
        datagram.extend(self.ports.0.to_be_bytes());
        datagram.extend(self.ports.1.to_be_bytes());
        datagram.extend((8 + payload.len() as u16).to_be_bytes());
        datagram.extend([0; 2]);
        datagram.extend(payload);
        self.ip(17, &datagram)
    }

    pub fn icmp(&self, kind: u8, code: u8, rest: [u8; 4], payload: &[u8]) -> Vec<u8> {
        let message = [&[kind, code, 0, 0][..], &rest, payload].concat();
        self.ip(if self.family == Family::V4 { 1 } else { 58 }, &message)
    }

    /// An echo request of this family.
    pub fn ping(&self, payload: &[u8]) -> Vec<u8> {
        self.icmp(if self.family == Family::V4 { 8 } else { 128 }, 0, [0x12, 0x34, 0, 9], payload)
    }

    /// The frame around an upper layer. The IPv4 header's checksum is right.
    pub fn ip(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
        for vlan in &self.vlans {
            frame.extend([0x81, 0x00]);
            frame.extend(vlan.to_be_bytes());
        }
        match self.family {
            Family::V4 => {
                let mut options = self.options.clone();
                options.resize(options.len().next_multiple_of(4), 0);
                let words = (5 + options.len() / 4) as u8;
                let mut header = vec![0x40 | words, self.tos];
                header.extend(((20 + options.len() + payload.len()) as u16).to_be_bytes());
                header.extend(self.id.to_be_bytes());
                header.extend(self.fragment.to_be_bytes());
                header.extend([self.ttl, protocol, 0, 0]);
                header.extend([10, 0, 0, self.source, 10, 0, 0, self.destination]);
                header.extend(&options);
                let sum = checksum::compute(&header).to_be_bytes();
                header[10..12].copy_from_slice(&sum);
                frame.extend([0x08, 0x00]);
                frame.extend(header);
            }
            Family::V6 => {
                frame.extend([0x86, 0xdd, 0x60 | (self.tos >> 4), self.tos << 4, 0, 0]);
                frame.extend((payload.len() as u16).to_be_bytes());
                frame.extend([protocol, self.ttl]);
                for last in [self.source, self.destination] {
                    frame.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
                }
            }
        }
        frame.extend(payload);
        frame
    }
}

/// A TCP connection whose numbers are right.
#[derive(Clone)]
pub struct Session {
    client: Frame,
    server: Frame,
}

impl Session {
    pub fn new(family: Family) -> Self {
        Self::between(Frame::new(family))
    }

    pub fn between(client: Frame) -> Self {
        let server = Frame { seq: 5_000, ..client.back() };
        Self { client: Frame { seq: 100, ..client }, server }
    }

    pub fn syn(&mut self) -> Vec<u8> {
        let frame = Frame { flags: SYN, ack: 0, ..self.client.clone() }.tcp(b"");
        self.client.seq += 1;
        self.server.ack = self.client.seq;
        frame
    }

    pub fn syn_ack(&mut self) -> Vec<u8> {
        let frame = Frame { flags: SYN | ACK, ..self.server.clone() }.tcp(b"");
        self.server.seq += 1;
        self.client.ack = self.server.seq;
        frame
    }

    pub fn ack(&mut self) -> Vec<u8> {
        self.client.tcp(b"")
    }

    pub fn handshake(&mut self) -> Vec<Vec<u8>> {
        vec![self.syn(), self.syn_ack(), self.ack()]
    }

    pub fn client_sends(&mut self, payload: &[u8]) -> Vec<u8> {
        let frame = Frame { flags: PSH | ACK, ..self.client.clone() }.tcp(payload);
        self.client.seq = self.client.seq.wrapping_add(payload.len() as u32);
        self.server.ack = self.client.seq;
        frame
    }

    pub fn server_sends(&mut self, payload: &[u8]) -> Vec<u8> {
        let frame = Frame { flags: PSH | ACK, ..self.server.clone() }.tcp(payload);
        self.server.seq = self.server.seq.wrapping_add(payload.len() as u32);
        self.client.ack = self.server.seq;
        frame
    }

    /// A packet of the client with other flags or numbers.
    pub fn client_frame(&self, change: impl FnOnce(&mut Frame)) -> Vec<u8> {
        let mut frame = self.client.clone();
        change(&mut frame);
        frame.tcp(b"")
    }

    pub fn server_frame(&self, change: impl FnOnce(&mut Frame)) -> Vec<u8> {
        let mut frame = self.server.clone();
        change(&mut frame);
        frame.tcp(b"")
    }

    /// An engine in which the connection is established.
    pub fn opened(rules: &str, family: Family) -> (Engine, Self) {
        let (mut engine, mut session) = (Engine::new(rules), Self::new(family));
        for frame in session.handshake() {
            engine.feed(&frame);
        }
        (engine, session)
    }
}

pub const ACTIONS: [Action; 4] = [Action::Pass, Action::Drop, Action::RejectSource, Action::Alert];

/// Whether the rule language and the compiler take this rule.
pub fn is_accepted(rule: &str) -> bool {
    compiled(rule).1 > 0
}

/// What becomes of `rules`, and how many of them are used.
pub fn compiled(rules: &str) -> (Compiled, usize) {
    let variables = variables();
    let options = LoadOptions { variables: Some(variables.clone()), ..LoadOptions::default() };
    let set = load_bytes(Path::new("test.rules"), rules.as_bytes(), &options);
    let options = CompileOptions {
        variables: &variables,
        action_order: ActionOrder::default(),
        class_priority: &|_| None,
        limits: &[],
        outside: outside(&set),
        applications: sluice_app::AppSettings::default(),
        cache: None,
    };
    let compiled = compile(&set.rules, &options, &mut Names::default(), 1).expect("a rule set");
    let used = compiled.places.len();
    (compiled, used)
}

/// A rule for nearly every path through the engine.
pub const BROAD: &str = r#"
alert tcp any any -> any any (flow:established,to_server; content:"GET "; startswith; content:"user="; distance:0; pcre:"/^[a-z]{2,}/R"; sid:1;)
alert tcp any any -> any any (flow:established,to_client; content:"aaaa"; pcre:"/a+(a+)+c/"; sid:2;)
alert udp any any -> any any (content:"abcd"; nocase; threshold:type limit, track by_src, count 3, seconds 60; sid:3;)
alert udp any any -> any 80 (byte_extract:1,0,n; content:"abcd"; offset:n; flowbits:set,a; sid:4;)
alert udp any any -> any any (content:"efgh"; flowbits:isset,a; flowint:n,+,1; flowint:n,>,0; sid:5;)
alert icmp any any -> any any (itype:8; content:"abcd"; xbits:set,x,track ip_src,expire 60; sid:6;)
alert ip any any -> any any (xbits:isset,x,track ip_src; ttl:64; sid:7;)
drop tcp any any -> any 81 (flow:established; content:"user="; hostbits:set,h,src; sid:8;)
pass tcp any any -> any 82 (flow:established; content:"GET "; sid:9;)
alert tcp any any -> any any (flags:S; detection_filter:track by_dst, count 5, seconds 60; sid:10;)
alert ip 10.0.0.7 any -> any any (sid:11;)
alert pkthdr any any -> any any (decode-event:ipv4.trunc_pkt; sid:12;)
alert ip any any -> any any (fragbits:M; sid:13;)
alert tcp any any -> any any (content:!"GET"; dsize:>3; isdataat:5; sid:14;)
alert tcp any any -> any any (tcp.hdr; content:"|00 50|"; sid:15; threshold:type both, track by_both, count 2, seconds 10;)
alert udp any any -> any any (byte_jump:1,0; content:"abcd"; within:4; byte_test:1,>,1,0; sid:16;)
alert udp any any -> any any (byte_math:bytes 1, offset 0, oper *, rvalue 2, result r; byte_test:1,!=,r,1; sid:17;)
reject udp any any -> any 9999 (content:"zz"; sid:18;)
alert ip any any -> any any (vlan.layers:>0; flow.pkts:either,>1; flow.bytes:toserver,>1; flow.age:<9000; sid:19;)
alert tcp any any -> any any (stream_size:both,>,1; tcpv4-csum:invalid; sid:20;)
alert ipv6 any any -> any any (ip_proto:17; ipv6.hdr; content:"|fd|"; offset:8; depth:1; sid:21;)
alert ip any any -> any any (ipopts:any; sid:22;)
alert udp any any -> any any (pkt_data; url_decode; strip_whitespace; to_uppercase; content:"ABCD"; sid:23;)
alert udp any any -> any any (udp.hdr; to_md5; content:"|0a|"; sid:24;)
alert tcp any any -> any any (pkt_data; to_sha256; to_sha1; content:"|0b|"; pkt_data; pcrexform:"user=(\w+)"; content:"ab"; sid:25;)
alert udp any any -> any any (pkt_data; gunzip; content:!"x"; pkt_data; from_base64:mode rfc2045; dotprefix; content:"."; sid:26;)
alert ip any any -> any any (base64_decode:bytes 9; base64_data; content:!"x"; entropy:value > 1; sid:27;)
alert ip any any -> any any (ip.src; dataset:set,sources,type ip; sid:28;)
alert ip any any -> any any (ip.dst; dataset:isset,sources; sid:29;)
alert udp any any -> any any (pkt_data; to_md5; dataset:set,seen,type md5,memcap 500000; sid:30;)
alert udp any any -> any any (pkt_data; to_md5; dataset:unset,seen; content:!"|00|"; sid:31;)
alert ip any any -> any any (iprep:src,Bad,>,10; geoip:dst,FR; sid:32;)
alert udp any any -> any any (content:"efgh"; replace:"hgfe"; tag:host,9,packets,src; sid:34;)
alert tcp any any -> any any (content:"user="; tag:session,300,bytes; tag:session; sid:35;)
alert ip any any -> any any (udp.hdr; absent:or_else; content:"|00 50|"; flow.pkts:toserver,&1=1; sid:33;)
"#;

/// A file for a test, gone when the test ends.
pub struct File(PathBuf);

impl File {
    pub fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sluice-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}
