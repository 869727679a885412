//! What the control core decides before a worker starts.

use sluice_app::AppSettings;
use sluice_core::{fault::Faults, resource::PoliciesInForce, verdict::Mode};
use sluice_flow::{Partitions, StreamSettings, TcpSettings, Timeouts, stream::TargetPolicies};
use sluice_packet::{DecodeConfig, LinkType, defrag::DefragSettings, normalise::Switches};

/// Whether checksums are verified. A TCP packet with a wrong one does not move its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChecksumMode {
    /// Never.
    Off,
    /// Always.
    On,
    /// Until one packet in ten of the first thousand is wrong: then the capture was taken where the card fills them in later.
    #[default]
    Auto,
}

/// How far a packet goes. For measuring what a stage costs; operators use [`Stages::Inspect`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stages {
    /// Receive and transmit.
    Forward,
    /// Also decode and look up the flow.
    Lookup,
    /// Everything.
    #[default]
    Inspect,
}

/// Which copies of a packet's bytes travel with its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copies {
    /// With alerts: some sink writes `payload` or `packet`.
    pub alerts: bool,
    /// Records of ended flows are wanted.
    pub flows: bool,
    /// Records of dropped packets are wanted.
    pub drops: bool,
    /// Records of ARP packets are wanted.
    pub arp: bool,
    /// Records of decoder events are wanted.
    pub anomalies: bool,
    /// Records of stream events are wanted.
    pub stream_anomalies: bool,
    /// Records of transactions of application protocols are wanted.
    pub applications: bool,
    /// Files of transactions.
    pub files: bool,
    /// Bytes of files, to be stored.
    pub store: FileStoring,
    /// All headers of HTTP with its transactions.
    pub headers: bool,
    /// Records of tagged packets are wanted.
    pub tagged: bool,
    /// Records of flows tell of hardware addresses.
    pub ethernet: bool,
}

impl Copies {
    /// Whether records of packets are wanted that no rule asks for.
    #[inline(always)]
    pub const fn of_packets(&self) -> bool {
        self.arp || self.anomalies
    }
}

/// Which files go to the control core to be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileStoring {
    /// None.
    #[default]
    Off,
    /// Those that rules ask for.
    ByRules,
    /// All.
    All,
}

/// A live worker begins in the middle of everybody's connections: for a while it picks up those whose handshake it can't have seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PickUp {
    /// For so long, seconds.
    pub seconds: u32,
    /// The policies that hold meanwhile.
    pub exceptions: PoliciesInForce,
}

/// Settings of one worker.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Passive or inline.
    pub mode: Mode,
    /// Link type of the port.
    pub link: LinkType,
    /// Decoder.
    pub decode: DecodeConfig,
    /// Checksums.
    pub checksums: ChecksumMode,
    /// How TCP connections are followed.
    pub tcp: TcpSettings,
    /// `stream.drop-invalid`: inline, TCP packets that the other end throws away are dropped.
    pub drop_invalid: bool,
    /// What becomes of traffic that can't be followed.
    pub exceptions: PoliciesInForce,
    /// What holds when a live worker begins; none: the same as later.
    pub pick_up: Option<PickUp>,
    /// What is done about odd packets, inline.
    pub normalise: Switches,
    /// Resources that are said to be full: for tests.
    pub faults: Faults,
    /// Flows the table holds.
    pub flow_capacity: usize,
    /// Half-open TCP connections the table holds besides.
    pub half_open_capacity: usize,
    /// How the table is divided: in replay into partitions, live not at all.
    pub partitions: Partitions,
    /// Streams: how much of them is kept and judged.
    pub streams: StreamSettings,
    /// What hosts do with overlapping segments, for passive engines.
    pub targets: TargetPolicies,
    /// Idle times.
    pub timeouts: Timeouts,
    /// Whether VLAN ids tell flows apart.
    pub vlan_tracking: bool,
    /// Events and bytes that are wanted.
    pub copies: Copies,
    /// How far packets go.
    pub stages: Stages,
    /// Parsers of application protocols.
    pub applications: AppSettings,
    /// Fragments: bounds, times, policies. Of all workers together; whether inline is `mode`'s.
    pub defrag: DefragSettings,
}

impl Settings {
    /// The settings of a defragmenter that has one part of `parts` of the room.
    pub fn defrag_part(&self, parts: usize) -> DefragSettings {
        let parts = parts.max(1);
        DefragSettings {
            inline: self.mode == Mode::Inline,
            vlan_tracking: self.vlan_tracking,
            bytes: self.defrag.bytes / parts,
            trackers: self.defrag.trackers / u32::try_from(parts).unwrap_or(1),
            ..self.defrag.clone()
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Passive,
            link: LinkType::Ethernet,
            decode: DecodeConfig::default(),
            checksums: ChecksumMode::Auto,
            tcp: TcpSettings::default(),
            drop_invalid: true,
            exceptions: PoliciesInForce::default(),
            pick_up: None,
            normalise: Switches::OFF,
            faults: Faults::default(),
            flow_capacity: 262_144,
            half_open_capacity: 262_144,
            partitions: Partitions::ONE,
            streams: StreamSettings::default(),
            targets: TargetPolicies::default(),
            timeouts: Timeouts::default(),
            vlan_tracking: true,
            copies: Copies {
                alerts: true,
                flows: true,
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
            stages: Stages::Inspect,
            applications: AppSettings::default(),
            defrag: DefragSettings::default(),
        }
    }
}
