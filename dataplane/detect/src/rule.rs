//! One compiled signature.

use crate::{
    app::Protocols,
    check::{Check, IntOperand, IntTest, Owner, SharedBit},
    program::Program,
    threshold::{Suppression, Threshold},
};
use sluice_app::TransactionView;
use sluice_core::{Action, Direction};
pub use sluice_flow::marks::TagLimit;
pub use sluice_flow::{FLOW_BITS, FLOW_INTS};

/// The protocol in a rule's header, as far as packets without application layer tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Any IP.
    Ip,
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
    /// An upper-layer protocol over IPv4 or IPv6.
    Upper(u8),
    /// An upper-layer protocol over this IP version.
    UpperOver(u8, u8),
    /// ICMP of either IP version.
    AnyIcmp,
    /// Any packet, also one that could not be decoded.
    PacketHeader,
    /// ARP.
    Arp,
    /// Any frame with an Ethernet header.
    Ethernet,
}

/// What `flow` asks of the connection's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowState {
    /// Nothing.
    #[default]
    Any,
    /// Established.
    Established,
    /// Not established.
    NotEstablished,
}

/// What a rule with payload contents is judged on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Packets and, once reassembly exists, the stream.
    #[default]
    Either,
    /// Packets only (`tcp-pkt`, `no_stream`).
    Packet,
    /// The stream only (`tcp-stream`, `only_stream`).
    Stream,
}

/// Addresses and ports of a rule's header, as numbers of sets in the rule set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Source addresses.
    pub source: u32,
    /// Source ports.
    pub source_ports: u32,
    /// Destination addresses.
    pub destination: u32,
    /// Destination ports.
    pub destination_ports: u32,
    /// `<>`: also the other way round.
    pub both_ways: bool,
    /// `=>`: the source is the client, whichever way the packet goes.
    pub of_transaction: bool,
}

/// What a match leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// `flowbits:set`
    SetFlowBit(u16),
    /// `flowbits:unset`
    UnsetFlowBit(u16),
    /// `flowbits:toggle`
    ToggleFlowBit(u16),
    /// `flowint:name,=,n`
    SetFlowInt(u16, IntOperand),
    /// `flowint:name,+,n`
    AddFlowInt(u16, IntOperand),
    /// `flowint:name,-,n`, down to 0
    SubtractFlowInt(u16, IntOperand),
    /// `bypass`
    BypassFlow,
    /// `tag:session`
    TagFlow(TagLimit),
    /// `tag:host`
    TagHost(Owner, TagLimit),
    /// `hostbits:set`, `xbits:set`
    SetSharedBit {
        /// The bit.
        bit: SharedBit,
        /// Whose.
        owner: Owner,
        /// For how long, seconds.
        seconds: u32,
    },
    /// `hostbits:unset`, `xbits:unset`
    UnsetSharedBit {
        /// The bit.
        bit: SharedBit,
        /// Whose.
        owner: Owner,
    },
    /// `hostbits:toggle`, `xbits:toggle`
    ToggleSharedBit {
        /// The bit.
        bit: SharedBit,
        /// Whose.
        owner: Owner,
        /// For how long when set, seconds.
        seconds: u32,
    },
}

/// One `flowint` of a rule that both changes and compares: they act in the order they are written, once everything else has matched, so
/// that a rule may count its matches and speak from the fifth on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntStep {
    /// Compare; nothing behind it happens when it does not hold.
    Test(u16, IntTest),
    /// Change.
    Change(Effect),
}

/// One signature, ready to be judged.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Generator id.
    pub gid: u32,
    /// Signature id.
    pub sid: u32,
    /// What it asks for.
    pub action: Action,
    /// 1 is the most severe.
    pub priority: u8,
    /// Protocol of the header.
    pub protocol: Protocol,
    /// Addresses and ports of the header.
    pub endpoints: Endpoints,
    /// Direction asked by `flow`.
    pub direction: Option<Direction>,
    /// State asked by `flow`.
    pub flow_state: FlowState,
    /// What the contents are judged on.
    pub unit: Unit,
    /// Header keywords and reads of state.
    pub checks: Box<[Check]>,
    /// Contents and the like.
    pub programs: Box<[Program]>,
    /// Flow integers that are changed and compared, in order; empty for rules that do one of the two.
    pub ints: Box<[IntStep]>,
    /// What a match leaves behind.
    pub effects: Box<[Effect]>,
    /// What an alert leaves behind: tags.
    pub tags: Box<[Effect]>,
    /// `detection_filter`, `threshold`, `rate_filter`, in the order they are judged.
    pub thresholds: Box<[Threshold]>,
    /// Addresses for which the signature never speaks.
    pub suppressions: Box<[Suppression]>,
    /// `noalert`
    pub silent: bool,
    /// Looks at nothing but protocol and addresses: judged once per flow and direction.
    pub addresses_only: bool,
    /// Asks for a flow bit that is set, or compares a flow integer: nothing of that holds in a flow without marks.
    pub needs_marks: bool,
    /// Asks for nothing that differs from packet to packet: header and application protocol alone. What it decides holds for the flow.
    pub of_flow: bool,
    /// Asks for the flow's application protocol alone: judged once for each end, when it becomes known what that speaks.
    pub of_protocol: bool,
    /// The generation since which it has been in force unchanged: a flow that was judged by addresses since then is not judged again.
    pub since: u32,
    /// Asks for TCP, UDP, SCTP or ICMP and for no event of the decoder: silent about packets whose header of that protocol could not be
    /// decoded, and about fragments.
    pub needs_transport: bool,
    /// Asks something of the messages of these protocols: judged for each of them, and never for a packet. None for all other rules.
    pub app: Protocols,
}

impl Rule {
    /// Whether it asks for nothing but that a direction of a transaction stands somewhere, and for each piece that comes there.
    pub(crate) fn of_pieces(&self, view: &TransactionView) -> bool {
        self.programs.is_empty() && matches!(&*self.checks, [Check::App(check)] if check.is_of_pieces(view))
    }
}
