//! Event records: what a worker tells the control core.
//!
//! Filled by `sluice-worker`, rendered by `sluice-events`. Fixed size and without heap: texts of signatures stay in the rule set and
//! are found by number; the packet's bytes travel in the slot that carries the record.

use crate::{
    application::{AppFacts, AppProtocol, AppState},
    direction::Direction,
    order::Position,
    resource::FlowExceptions,
    time::Nanos,
    verdict::{Action, Cause},
};

/// The packet an event is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct PacketFacts {
    /// Time of the packet.
    pub time: Nanos,
    /// Number of the record in its capture, from 1; 0 when live.
    pub record: u64,
    /// IPv6 address, or IPv4 in the first four bytes.
    pub src: [u8; 16],
    /// As `src`.
    pub dst: [u8; 16],
    /// Source port, 0 where the protocol has none.
    pub src_port: u16,
    /// Destination port, 0 where the protocol has none.
    pub dst_port: u16,
    /// IP protocol number.
    pub protocol: u8,
    /// 4, 6, or 0 where there is no IP.
    pub ip_version: u8,
    /// Ether type, for packets without IP.
    pub ether_type: u16,
    /// ICMP type.
    pub icmp_type: u8,
    /// ICMP code.
    pub icmp_code: u8,
    /// VLAN ids, outermost first.
    pub vlan: [u16; 3],
    /// Used places of `vlan`.
    pub vlan_count: u8,
    /// EVE's `pkt_src`.
    pub pkt_src: &'static str,
    /// Which layer of the decoded frame this is: 0 on the wire, 1 inside a tunnel.
    pub layer: u8,
    /// Whether transport headers were decoded (so ports mean something).
    pub has_transport: bool,
}

/// Where a flow stands, as EVE words it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowState {
    /// Seen in one direction, or a handshake that is not finished.
    #[default]
    New,
    /// Both directions seen, or handshake finished.
    Established,
    /// Ended by its own protocol.
    Closed,
}

impl FlowState {
    /// EVE's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Established => "established",
            Self::Closed => "closed",
        }
    }
}

/// Why a flow left the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowEnd {
    /// Idle for longer than its state allows.
    #[default]
    Timeout,
    /// Made room for another.
    Forced,
    /// The engine stopped.
    Shutdown,
    /// A new connection began with the same ports.
    TcpReuse,
}

impl FlowEnd {
    /// EVE's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Forced => "forced",
            Self::Shutdown => "shutdown",
            Self::TcpReuse => "tcp_reuse",
        }
    }
}

/// Where a TCP connection stands, as EVE words it: seen from the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TcpState {
    /// No connection: no handshake was seen.
    #[default]
    None,
    /// The client asked.
    SynSent,
    /// The server answered.
    SynReceived,
    /// The handshake is complete.
    Established,
    /// The server has finished sending.
    FinWait1,
    /// The server has finished sending, and the client has acknowledged that.
    FinWait2,
    /// Both have finished at the same time, and the client has not acknowledged it yet.
    Closing,
    /// The client has finished sending.
    CloseWait,
    /// The client, then the server has finished sending.
    LastAck,
    /// Both have finished sending, the server first, and the client's end is not acknowledged yet.
    TimeWait,
    /// Both have finished and know it, or one has reset the connection.
    Closed,
}

impl TcpState {
    /// EVE's word; nothing where there is no connection.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::SynSent => Some("syn_sent"),
            Self::SynReceived => Some("syn_recv"),
            Self::Established => Some("established"),
            Self::FinWait1 => Some("fin_wait1"),
            Self::FinWait2 => Some("fin_wait2"),
            Self::Closing => Some("closing"),
            Self::CloseWait => Some("close_wait"),
            Self::LastAck => Some("last_ack"),
            Self::TimeWait => Some("time_wait"),
            Self::Closed => Some("closed"),
        }
    }
}

/// A flow, as it stood when the event was made.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlowFacts {
    /// Stable over the flow's life, below 2^53, never 0.
    pub id: u64,
    /// Time of the first packet.
    pub start: Nanos,
    /// Time of the last packet.
    pub last: Nanos,
    /// Packets to the server and to the client.
    pub packets: [u64; 2],
    /// Bytes of the frames to the server and to the client.
    pub bytes: [u64; 2],
    /// Address of the client.
    pub client: [u8; 16],
    /// Address of the server.
    pub server: [u8; 16],
    /// Port of the client.
    pub client_port: u16,
    /// Port of the server.
    pub server_port: u16,
    /// IP protocol number.
    pub protocol: u8,
    /// 4 or 6.
    pub ip_version: u8,
    /// VLAN ids.
    pub vlan: [u16; 3],
    /// Used places of `vlan`.
    pub vlan_count: u8,
    /// ICMP type and code of the first packet to the server and of the first to the client.
    pub icmp: [(u8, u8); 2],
    /// State.
    pub state: FlowState,
    /// State of the TCP connection.
    pub tcp_state: TcpState,
    /// TCP flags seen to the server and to the client.
    pub tcp_flags: [u8; 2],
    /// Whether a signature alerted in this flow.
    pub alerted: bool,
    /// Whether the flow is dropped, passed or neither.
    pub action: Option<Action>,
    /// The exceptions it has met.
    pub exceptions: FlowExceptions,
    /// Nothing looks at it any more.
    pub bypassed: bool,
    /// Its application protocol.
    pub app: AppState,
    /// The protocol it spoke before it spoke another.
    pub app_first: Option<AppProtocol>,
}

/// Who finds a packet odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnomalyKind {
    /// The decoder.
    Decode,
    /// The state machine of TCP, or reassembly.
    Stream,
}

/// Hardware addresses of a frame: source and destination.
pub type Ether = ([u8; 6], [u8; 6]);

/// What the two ends of a flow spoke, for the record of its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spoken {
    /// Transactions that ever began.
    pub transactions: u64,
    /// What was spoken to the server and to the client, where that was not the flow's protocol.
    pub ends: [Option<&'static str>; 2],
    /// The protocol they spoke first, where they changed it.
    pub first: Option<AppProtocol>,
}

/// What an event says.
#[derive(Clone, Copy, Debug, Default)]
pub enum EventBody {
    /// A slot not yet filled.
    #[default]
    Empty,
    /// A signature matched.
    Alert {
        /// The packet.
        packet: PacketFacts,
        /// Its flow, if it has one, and the packet's direction in it.
        flow: Option<(FlowFacts, Direction)>,
        /// Number of the rule in the rule set of `generation`.
        rule: u32,
        /// Generation of the rule set.
        generation: u32,
        /// What the signature asked for, after rate filters.
        action: Action,
        /// Whether the packet (or, passive, what it would have been) is stopped.
        blocked: bool,
        /// What all signatures together decided about the packet.
        verdict: Action,
        /// Whether it matched the stream, not the packet.
        on_stream: bool,
        /// Place of the payload in the slot's bytes.
        payload: (u32, u32),
        /// The transaction that matched, when the signature is about one.
        app: Option<AppFacts>,
        /// Place of what else is told in the slot's bytes: see [`crate::remark`].
        remarks: (u32, u32),
        /// Place of what the signature tells besides, in the slot's bytes: [`crate::context::entries`].
        context: (u32, u32),
    },
    /// A packet was stopped.
    Drop {
        /// The packet.
        packet: PacketFacts,
        /// Its flow, and the packet's direction in it.
        flow: Option<(FlowFacts, Direction)>,
        /// Why.
        cause: Cause,
        /// The rule that stopped it and what it asked for.
        rule: Option<(u32, Action)>,
        /// Generation of the rule set.
        generation: u32,
    },
    /// A transaction of an application protocol is complete, or as complete as it will be.
    Application {
        /// Time at which it ended.
        time: Nanos,
        /// Number of the record it ended with, 0 for none.
        record: u64,
        /// Where the packet at hand came from.
        pkt_src: &'static str,
        /// Its flow.
        flow: FlowFacts,
        /// The transaction.
        app: AppFacts,
        /// Place of the flow's marks in the slot's bytes: see [`crate::remark`].
        remarks: (u32, u32),
        /// Hardware addresses of the packet at hand, from and to.
        ether: Option<Ether>,
    },
    /// A file of a transaction is over, or as whole as it will be.
    File {
        /// Time at which it ended.
        time: Nanos,
        /// Number of the record it ended with, 0 for none.
        record: u64,
        /// Its flow.
        flow: FlowFacts,
        /// The direction it went.
        direction: Direction,
        /// The transaction, with this file alone.
        app: AppFacts,
        /// Place of the flow's marks in the slot's bytes: see [`crate::remark`].
        remarks: (u32, u32),
        /// Hardware addresses of the packet at hand, from and to.
        ether: Option<Ether>,
    },
    /// A part of a file that is to be stored.
    FileBytes {
        /// Its flow.
        flow: u64,
        /// The direction it went.
        direction: Direction,
        /// Its number in its flow, from 1.
        number: u32,
        /// Where the part begins, bytes.
        offset: u64,
        /// Place of the part in the slot's bytes.
        bytes: (u32, u32),
        /// It is the last part.
        last: bool,
    },
    /// An ARP packet.
    Arp {
        /// The packet.
        packet: PacketFacts,
    },
    /// A packet behind an alert whose rule asks for what follows (`tag`).
    Tagged {
        /// The packet.
        packet: PacketFacts,
        /// Its flow, and the packet's direction in it.
        flow: Option<(FlowFacts, Direction)>,
    },
    /// Something odd in a packet's headers.
    Anomaly {
        /// The packet.
        packet: PacketFacts,
        /// Its flow, and the packet's direction in it.
        flow: Option<(FlowFacts, Direction)>,
        /// Who says so.
        kind: AnomalyKind,
        /// Its number for it.
        event: u8,
        /// Place of the flow's marks in the slot's bytes: see [`crate::remark`].
        remarks: (u32, u32),
    },
    /// A flow ended.
    Flow {
        /// The flow as it ended.
        flow: FlowFacts,
        /// Why it ended.
        end: FlowEnd,
        /// What its ends spoke.
        spoken: Spoken,
        /// Place of its marks in the slot's bytes: see [`crate::remark`].
        remarks: (u32, u32),
    },
}

/// A record on its way from a worker to the control core, with a copy of the packet's bytes where the sinks want them.
///
/// A clone allocates: for the control core.
#[derive(Clone, Debug, Default)]
pub struct EventSlot {
    /// Number of the worker.
    pub worker: u16,
    /// Dense per worker: a gap is a loss.
    pub sequence: u64,
    /// Where in the run it happened; nothing when live.
    pub position: Position,
    /// What happened.
    pub body: EventBody,
    /// Link type of the bytes, as captures number it.
    pub link: u16,
    /// The frame, or its beginning, then what else was added. Never grows beyond the capacity it was made with.
    bytes: Vec<u8>,
    /// How many of them are the frame's.
    frame: usize,
}

impl EventSlot {
    /// A slot that can carry up to `capacity` bytes of a packet.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity), ..Self::default() }
    }

    /// The bytes of the frame that are carried.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.frame).unwrap_or_default()
    }

    /// What [`EventSlot::add_bytes`] put there.
    pub fn piece(&self, (start, length): (u32, u32)) -> &[u8] {
        let rest = self.bytes.get(start as usize..).unwrap_or_default();
        rest.get(..length as usize).unwrap_or(rest)
    }

    /// Bytes that can still be added.
    pub fn room(&self) -> usize {
        self.bytes.capacity().saturating_sub(self.bytes.len())
    }

    /// Appends as much of `data` as fits behind the frame; where it lies: start and length. Never allocates.
    pub fn add_bytes(&mut self, data: &[u8]) -> (u32, u32) {
        let start = self.bytes.len();
        let room = self.bytes.capacity().saturating_sub(start).min(data.len());
        if let Some(part) = data.get(..room) {
            self.bytes.extend_from_slice(part);
        }
        (start as u32, room as u32)
    }

    /// Replaces the bytes by as much of `data` as fits. Never allocates.
    pub fn set_bytes(&mut self, data: &[u8]) {
        self.bytes.clear();
        let room = self.bytes.capacity().min(data.len());
        if let Some(part) = data.get(..room) {
            self.bytes.extend_from_slice(part);
        }
        self.frame = self.bytes.len();
    }
}
