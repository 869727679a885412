//! EVE records.
//!
//! Field names and types are those of the reference engine (public schema; `alert`, `drop`, `flow`, `arp`, `anomaly`, `stats`). What a record says beyond the facts
//! sent by the worker (header fields of a dropped packet, tunnel, hardware addresses) is read again from the packet's bytes here, off the packet path.

use crate::{
    app::{self, Common, DnsRecords, Part},
    community_id,
    file_store::FileStoreCounts,
    flow,
    json::Json,
    names,
    remarks::{self, MarkNames},
    signature::{Signature, Target},
    stats, time, transport,
    xff::{self, Xff},
};
use sluice_core::{
    Action, AppProtocol, Cause, Counters, Direction, Nanos, Position,
    context::{ContextText, entries},
    event::{AnomalyKind, Ether, EventBody, EventSlot, FlowFacts, PacketFacts, Spoken},
    resource::PoliciesInForce,
};
use sluice_flow::StreamEvent;
use sluice_packet::{DecodeConfig, DecodeEvent, Decoded, Headers, LinkType, PacketSource};
use std::net::IpAddr;

/// What goes into `eve.json`.
#[derive(Clone, Debug)]
pub struct EveOptions {
    /// `alert` records.
    pub alerts: bool,
    /// `drop` records.
    pub drops: bool,
    /// `flow` records.
    pub flows: bool,
    /// `stats` records.
    pub stats: bool,
    /// `arp` records.
    pub arp: bool,
    /// `anomaly` records of decoder events.
    pub anomalies: bool,
    /// `anomaly` records of stream events.
    pub stream_anomalies: bool,
    /// `anomaly` records of what parsers found wrong.
    pub application_anomalies: bool,
    /// Records of transactions, by number of their protocol.
    pub applications: [bool; AppProtocol::ALL.len()],
    /// What `dns` records tell.
    pub dns: DnsRecords,
    /// `fileinfo` records.
    pub files: bool,
    /// `packet` records of tagged packets.
    pub tagged: bool,
    /// `payload`
    pub payload: bool,
    /// `payload_length`
    pub payload_length: bool,
    /// `payload_printable`
    pub payload_printable: bool,
    /// `packet` and `packet_info`
    pub packet: bool,
    /// `ether`
    pub ethernet: bool,
    /// `pcap_cnt`
    pub record_number: bool,
    /// Number of the last record of a replay; 0 live.
    pub last_record: u64,
    /// What alerts say of `X-Forwarded-For`.
    pub xff: Option<Xff>,
    /// All headers of requests, and of responses, in `http` records.
    pub http_headers: [bool; 2],
    /// `community_id`, with this seed.
    pub community_id: Option<u16>,
    /// `suricata_version`: the name and version of this engine, under the name readers know.
    pub engine_version: Option<String>,
    /// Counters that are 0, in `stats`.
    pub stats_zero: bool,
    /// Stream events by name, in `stats`.
    pub stats_stream_events: bool,
    /// How tunnels are found, to tell the outer packet.
    pub decode: DecodeConfig,
    /// The policies that flows met.
    pub exceptions: PoliciesInForce,
}

impl EveOptions {
    /// Whether `anomaly` records of this kind are written.
    const fn tells_of(&self, kind: AnomalyKind) -> bool {
        match kind {
            AnomalyKind::Decode => self.anomalies,
            AnomalyKind::Stream => self.stream_anomalies,
        }
    }
}

impl Default for EveOptions {
    fn default() -> Self {
        Self {
            alerts: true,
            drops: true,
            flows: true,
            stats: true,
            arp: true,
            anomalies: false,
            stream_anomalies: false,
            application_anomalies: true,
            applications: [true; AppProtocol::ALL.len()],
            dns: DnsRecords::default(),
            files: true,
            tagged: true,
            payload: true,
            payload_length: false,
            payload_printable: true,
            packet: true,
            ethernet: true,
            record_number: true,
            last_record: 0,
            xff: None,
            http_headers: [false; 2],
            community_id: None,
            engine_version: None,
            stats_zero: true,
            stats_stream_events: false,
            decode: DecodeConfig::default(),
            exceptions: PoliciesInForce::default(),
        }
    }
}

/// `bytes` with a dot for each that is not printed.
pub(crate) fn printable(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .map(|&byte| if byte.is_ascii_graphic() || matches!(byte, b' ' | b'\n' | b'\r') { byte } else { b'.' })
        .collect()
}

/// Numbers of rules for `stats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleCounts {
    /// In use.
    pub loaded: u64,
    /// Refused: wrong in the language.
    pub failed: u64,
    /// Left out: need what isn't here yet, or say themselves that they need another engine.
    pub skipped: u64,
}

/// Makes EVE lines.
pub struct EveWriter {
    options: EveOptions,
    decoded: Box<Decoded>,
}

impl EveWriter {
    /// A writer.
    pub fn new(options: EveOptions) -> Self {
        Self { options, decoded: Box::new(Decoded::new()) }
    }

    /// Appends the line of one event, if it is wanted. `signature` finds the texts of a rule by its number, `names` those of marks.
    pub fn event<'s>(
        &mut self,
        out: &mut Vec<u8>,
        slot: &EventSlot,
        signature: impl Fn(u32) -> Option<&'s Signature>,
        names: &MarkNames,
    ) {
        match &slot.body {
            EventBody::Alert {
                packet,
                flow,
                rule,
                action,
                blocked,
                verdict,
                on_stream,
                payload,
                app,
                remarks,
                context,
                ..
            } if self.options.alerts => {
                let Some(signature) = signature(*rule) else { return };
                self.decode(slot);
                let request = app.and_then(|app| app.request).map(|place| slot.piece(place));
                let behind = self.options.xff.and_then(|xff| Some((xff, xff.address(request)?)));
                let shown = &match (behind, flow) {
                    (Some((xff, address)), Some((_, direction))) if xff.overwrite => {
                        let mut shown = *packet;
                        let (address, version) = xff::as_bytes(address);
                        if version == shown.ip_version {
                            let client =
                                if *direction == Direction::ToServer { &mut shown.src } else { &mut shown.dst };
                            *client = address;
                        }
                        shown
                    }
                    _ => *packet,
                };
                let mut json = Json::object(out);
                self.packet_header(&mut json, slot, shown, flow.as_ref(), "alert");
                if let Some(app) = app {
                    json.number("tx_id", app.transaction);
                }
                let beside = behind.filter(|(xff, _)| !xff.overwrite).map(|(_, address)| address);
                alert(&mut json, packet, signature, *blocked, beside, slot.piece(*context));
                remarks::metadata(&mut json, slot.piece(*remarks), names);
                if let Some(app) = app {
                    app::transaction(&mut json, slot, app, true);
                }
                self.transport(&mut json, slot, packet);
                self.tunnel(&mut json, packet);
                if let Some((flow, direction)) = flow {
                    flow::app_proto(&mut json, flow, &Spoken::default());
                    json.text("direction", direction.name());
                    flow::in_alert(&mut json, flow);
                }
                self.payload(&mut json, slot, packet, *payload);
                json.number("stream", u64::from(*on_stream || (app.is_some() && packet.protocol == 6)));
                verdict_object(&mut json, *verdict, packet);
                json.end();
                out.push(b'\n');
                let _ = action;
            }
            EventBody::Drop { packet, flow, cause, rule, .. } if self.options.drops => {
                self.decode(slot);
                let mut json = Json::object(out);
                self.packet_header(&mut json, slot, packet, flow.as_ref(), "drop");
                if let Some((_, direction)) = flow {
                    json.text("direction", direction.name());
                }
                self.drop_object(&mut json, packet, *cause);
                if let Some((rule, action)) = rule {
                    if let Some(signature) = signature(*rule) {
                        alert(&mut json, packet, signature, true, None, &[]);
                    }
                    verdict_object(&mut json, *action, packet);
                } else {
                    verdict_object(&mut json, Action::Drop, packet);
                }
                json.end();
                out.push(b'\n');
            }
            EventBody::Flow { flow, end, spoken, remarks } if self.options.flows => {
                let common = self.common(slot, *remarks, None, names);
                flow::record(out, flow, (*end, spoken), &self.options, &common);
                out.push(b'\n');
            }
            EventBody::Application { time, record, pkt_src, flow, app, remarks, ether } => {
                let common = &self.common(slot, *remarks, *ether, names);
                let record = if self.options.record_number { *record } else { 0 };
                let ended = (*time, record, *pkt_src);
                if self.options.applications.get(app.protocol as usize) == Some(&true) {
                    let part = |part| Part { dns: &self.options.dns, part, headers: self.options.http_headers };
                    for number in 0..app::records(slot, app, &self.options.dns) {
                        app::record(out, slot, flow, ended, common, app, part(number));
                    }
                }
                if self.options.application_anomalies {
                    app::anomaly::records(out, slot, flow, (ended.0, ended.1), common, app);
                }
            }
            EventBody::File { time, record, flow, direction, app, remarks, ether } if self.options.files => {
                let common = self.common(slot, *remarks, *ether, names);
                let record = if self.options.record_number { *record } else { 0 };
                app::file::record(out, slot, flow, (*time, record), *direction, &common, app);
            }
            EventBody::Tagged { packet, flow } if self.options.tagged => {
                self.decode(slot);
                let mut json = Json::object(out);
                self.packet_header(&mut json, slot, packet, flow.as_ref(), "packet");
                self.packet_bytes(&mut json, slot, packet);
                json.end();
                out.push(b'\n');
            }
            EventBody::Arp { packet } if self.options.arp => {
                self.decode(slot);
                let mut json = Json::object(out);
                self.packet_header(&mut json, slot, packet, None, "arp");
                if let Some(headers) = self.layer(packet) {
                    transport::arp(&mut json, slot.bytes(), headers);
                }
                json.end();
                out.push(b'\n');
            }
            EventBody::Anomaly { packet, flow, kind, event, remarks } if self.options.tells_of(*kind) => {
                let number = usize::from(*event);
                let named = match kind {
                    AnomalyKind::Decode => {
                        DecodeEvent::ALL.get(number).map(|event| ("decode", "decoder", event.name()))
                    }
                    AnomalyKind::Stream => StreamEvent::ALL.get(number).map(|event| ("stream", "stream", event.name())),
                };
                let Some((kind, prefix, name)) = named else { return };
                self.decode(slot);
                let mut json = Json::object(out);
                self.packet_header(&mut json, slot, packet, flow.as_ref(), "anomaly");
                remarks::metadata(&mut json, slot.piece(*remarks), names);
                json.nested("anomaly", |json| {
                    json.text("type", kind);
                    json.text("event", &format!("{prefix}.{name}"));
                });
                json.end();
                out.push(b'\n');
            }
            _ => {}
        }
    }

    /// Appends the `stats` line.
    pub fn stats(
        &self,
        out: &mut Vec<u8>,
        now: Nanos,
        counters: &Counters,
        (dropped, stored): (&[u64; Cause::COUNT], Option<FileStoreCounts>),
        rules: RuleCounts,
        inline: bool,
    ) {
        if !self.options.stats {
            return;
        }
        let mut named: Vec<(String, u64)> =
            Counters::NAMES.iter().map(|&name| name.to_owned()).zip(counters.values()).collect();
        named.extend(stats::of_decoder(counters));
        if self.options.stats_stream_events {
            named.extend(stats::of_streams(counters));
        }
        named.extend(stats::of_normaliser(counters));
        named.extend(stats::of_applications(counters));
        named.extend(counters.exceptions.named());
        if let Some(FileStoreCounts { stored, known, bytes, left_out, errors }) = stored {
            let counts =
                [("stored", stored), ("known", known), ("bytes", bytes), ("left_out", left_out), ("fs_errors", errors)];
            named.extend(counts.map(|(name, count)| (format!("file_store.{name}"), count)));
        }
        named.push((
            "decoder.avg_pkt_size".to_owned(),
            counters.decoder_bytes.checked_div(counters.decoder_pkts).unwrap_or(0),
        ));
        named.extend(
            Cause::ALL
                .into_iter()
                .zip(dropped)
                .map(|(cause, &count)| (format!("ips.drop_reason.{}", cause.name()), count)),
        );
        // Counters of what was not asked for say nothing: those of policies that never acted, those of the other mode.
        named.retain(|(name, value)| {
            let zero_is_told = self.options.stats_zero && !name.starts_with("exception_policy.");
            (*value > 0 || zero_is_told) && (inline || !(name.starts_with("ips.") || name.starts_with("normalise.")))
        });
        let mut json = Json::object(out);
        json.text("timestamp", &time::eve(now));
        json.text("event_type", "stats");
        if let Some(version) = &self.options.engine_version {
            json.text("suricata_version", version);
        }
        json.nested("stats", |json| {
            json.number("uptime", 0);
            stats::tree(json, &named, &|path, json| {
                if path == "detect" {
                    json.list_of_one("engines", |json| {
                        json.number("id", 0);
                        json.number("rules_loaded", rules.loaded);
                        json.number("rules_failed", rules.failed);
                        json.number("rules_skipped", rules.skipped);
                    });
                }
            });
        });
        json.end();
        out.push(b'\n');
    }

    /// Decodes the bytes that came with the record.
    fn decode(&mut self, slot: &EventSlot) {
        let link = LinkType::from_pcap(i32::from(slot.link)).unwrap_or(LinkType::Ethernet);
        sluice_packet::decode(slot.bytes(), link, &self.options.decode, &mut self.decoded);
    }

    fn layer(&self, packet: &PacketFacts) -> Option<&Headers> {
        self.decoded.layers().get(usize::from(packet.layer))
    }

    /// The record read last before what happened at `position`, which was no packet's doing; 0 when that is not known.
    fn record_before(&self, position: Position) -> u64 {
        match position {
            Position::END => self.options.last_record,
            position if position.is_clock() => position.record.saturating_sub(1),
            position => position.record,
        }
    }

    fn packet_header(
        &self,
        json: &mut Json,
        slot: &EventSlot,
        packet: &PacketFacts,
        flow: Option<&(FlowFacts, Direction)>,
        kind: &str,
    ) {
        json.text("timestamp", &time::eve(packet.time));
        if let Some((flow, _)) = flow {
            json.number("flow_id", flow.id);
        }
        let record = if packet.record == 0 { self.record_before(slot.position) } else { packet.record };
        if self.options.record_number && record > 0 {
            json.number("pcap_cnt", record);
        }
        json.text("event_type", kind);
        vlan(json, &packet.vlan, packet.vlan_count);
        if packet.ip_version != 0 {
            let (source, destination) = ((&packet.src, packet.src_port), (&packet.dst, packet.dst_port));
            ends(json, packet.ip_version, packet.protocol, source, destination);
        }
        if packet.has_transport && matches!(packet.protocol, 1 | 58) {
            json.number("icmp_type", packet.icmp_type);
            json.number("icmp_code", packet.icmp_code);
        }
        json.text("pkt_src", packet.pkt_src);
        if let (Some(seed), Some((flow, _))) = (self.options.community_id, flow) {
            json.text("community_id", &community_id::of_flow(flow, seed));
        }
        if self.options.ethernet
            && let Some((source, destination)) =
                self.layer(packet).and_then(|headers| headers.mac_addresses(slot.bytes()))
        {
            ether(json, source, destination);
        }
        if let Some(version) = &self.options.engine_version {
            json.text("suricata_version", version);
        }
    }

    /// What stands in every record about a flow.
    fn common<'a>(
        &'a self,
        slot: &'a EventSlot,
        remarks: (u32, u32),
        ether: Option<Ether>,
        names: &'a MarkNames,
    ) -> Common<'a> {
        Common {
            community_seed: self.options.community_id,
            version: self.options.engine_version.as_deref(),
            ether: ether.filter(|_| self.options.ethernet),
            remarks: slot.piece(remarks),
            names,
        }
    }

    /// What the record says of an SCTP or IGMP packet.
    fn transport(&self, json: &mut Json, slot: &EventSlot, packet: &PacketFacts) {
        let Some(headers) = self.layer(packet).filter(|headers| headers.has_transport) else { return };
        match headers.protocol {
            2 => transport::igmp(json, slot.bytes(), headers),
            132 => transport::sctp(json, slot.bytes(), headers),
            _ => {}
        }
    }

    /// The packet around a tunnelled one.
    fn tunnel(&self, json: &mut Json, packet: &PacketFacts) {
        if packet.layer == 0 {
            return;
        }
        let outer = self.decoded.layers().iter().take(usize::from(packet.layer)).rev().find(|headers| headers.is_ip());
        let Some(outer) = outer else { return };
        json.nested("tunnel", |json| {
            json.text("src_ip", &names::address(outer.ip_version, &outer.src));
            json.number("src_port", outer.src_port);
            json.text("dest_ip", &names::address(outer.ip_version, &outer.dst));
            json.number("dest_port", outer.dst_port);
            json.text("proto", &names::protocol(outer.protocol));
            json.number("depth", packet.layer);
            if self.options.record_number && packet.record > 0 {
                json.number("pcap_cnt", packet.record);
            }
            json.text("pkt_src", outer.source.pkt_src());
        });
    }

    fn payload(&self, json: &mut Json, slot: &EventSlot, packet: &PacketFacts, place: (u32, u32)) {
        let payload = slot.piece(place);
        if self.options.payload {
            json.base64("payload", payload);
        }
        if self.options.payload_length {
            json.number("payload_length", payload.len() as u64);
        }
        if self.options.payload_printable {
            json.bytes("payload_printable", &printable(payload));
        }
        if self.options.packet {
            self.packet_bytes(json, slot, packet);
        }
    }

    /// `packet` and `packet_info`.
    fn packet_bytes(&self, json: &mut Json, slot: &EventSlot, packet: &PacketFacts) {
        // What came out of a tunnel has no link of its own.
        let inner = self.layer(packet).filter(|headers| headers.source != PacketSource::Wire);
        let start = inner.map_or(0, |headers| headers.frame_start as usize);
        json.base64("packet", slot.bytes().get(start..).unwrap_or_default());
        let link = if inner.is_some() { RAW_LINK } else { slot.link };
        json.nested("packet_info", |json| {
            json.number("linktype", link);
            json.text("linktype_name", names::link_type(link));
        });
    }

    fn drop_object(&self, json: &mut Json, packet: &PacketFacts, cause: Cause) {
        json.nested("drop", |json| {
            if let Some(headers) = self.layer(packet) {
                if headers.is_ip() {
                    json.number("len", headers.ip_len);
                    if headers.ip_version == 4 {
                        json.number("tos", headers.tos);
                        json.number("ttl", headers.ttl);
                        json.number("ipid", headers.fragment.id);
                    } else {
                        json.number("tc", headers.tos);
                        json.number("hoplimit", headers.ttl);
                    }
                }
                if headers.is_tcp() {
                    let tcp = &headers.tcp;
                    json.number("tcpseq", tcp.seq);
                    json.number("tcpack", tcp.ack);
                    json.number("tcpwin", tcp.window);
                    for (name, bit) in
                        [("syn", 0x02), ("ack", 0x10), ("psh", 0x08), ("rst", 0x04), ("urg", 0x20), ("fin", 0x01)]
                    {
                        json.flag(name, tcp.flags & bit != 0);
                    }
                    json.number("tcpres", tcp.reserved);
                    json.number("tcpurgp", tcp.urgent_pointer);
                } else if headers.is_udp() {
                    json.number("udplen", headers.payload_len + 8);
                } else if headers.has_icmp_id {
                    json.number("icmp_id", headers.icmp_id);
                    json.number("icmp_seq", headers.icmp_seq);
                }
            }
            json.text("reason", cause.words());
        });
    }
}

/// Link type of packets without a link.
const RAW_LINK: u16 = 12;

pub(crate) fn has_ports(protocol: u8) -> bool {
    matches!(protocol, 6 | 17 | 132)
}

/// An address and a port.
type End<'a> = (&'a [u8; 16], u16);

/// Both ends and what they speak.
pub(crate) fn ends(json: &mut Json, ip_version: u8, protocol: u8, source: End<'_>, destination: End<'_>) {
    for ((ip, port), (address, number)) in
        [("src_ip", "src_port"), ("dest_ip", "dest_port")].into_iter().zip([source, destination])
    {
        json.text(ip, &names::address(ip_version, address));
        if has_ports(protocol) {
            json.number(port, number);
        }
    }
    json.text("proto", &names::protocol(protocol));
    json.number("ip_v", ip_version);
}

pub(crate) fn vlan(json: &mut Json, ids: &[u16; 3], count: u8) {
    if count > 0 {
        json.numbers("vlan", ids.iter().take(usize::from(count)).copied());
    }
}

/// `ether`
pub(crate) fn ether(json: &mut Json, source: [u8; 6], destination: [u8; 6]) {
    json.nested("ether", |json| {
        json.text("src_mac", &mac(source));
        json.text("dest_mac", &mac(destination));
    });
}

pub(crate) fn mac(address: [u8; 6]) -> String {
    address.map(|byte| format!("{byte:02x}")).join(":")
}

fn alert(
    json: &mut Json,
    packet: &PacketFacts,
    signature: &Signature,
    blocked: bool,
    xff: Option<IpAddr>,
    context: &[u8],
) {
    json.nested("alert", |json| {
        json.text("action", if blocked { "blocked" } else { "allowed" });
        json.number("gid", signature.gid);
        json.number("signature_id", signature.sid);
        json.number("rev", signature.rev);
        json.text("signature", &signature.message);
        json.text("category", &signature.category);
        json.number("severity", signature.priority);
        if let Some(address) = xff {
            json.text("xff", &address.to_string());
        }
        if let Some(target) = signature.target {
            let ends = [(&packet.src, packet.src_port), (&packet.dst, packet.dst_port)];
            let [attacker, attacked] = match target {
                Target::Source => [ends[1], ends[0]],
                Target::Destination => ends,
            };
            for (name, (address, port)) in [("source", attacker), ("target", attacked)] {
                json.nested(name, |json| {
                    json.text("ip", &names::address(packet.ip_version, address));
                    if has_ports(packet.protocol) {
                        json.number("port", port);
                    }
                });
            }
        }
        if !signature.metadata.is_empty() {
            json.nested("metadata", |json| {
                for (name, values) in &signature.metadata {
                    json.texts(name, values);
                }
            });
        }
        if !signature.references.is_empty() {
            json.texts("references", &signature.references);
        }
        alert_context(json, context);
    });
}

/// What the signature tells besides, each key once: what comes first counts.
fn alert_context(json: &mut Json, context: &[u8]) {
    if context.is_empty() {
        return;
    }
    json.nested("context", |json| {
        for (place, (key, text)) in entries(context).enumerate() {
            match text {
                _ if entries(context).take(place).any(|(before, _)| before == key) => {}
                ContextText::Bytes(bytes) => json.named_bytes(key, bytes),
                ContextText::Json(text) => json.raw(key, text),
            }
        }
    });
}

/// What became of the packet, whichever signature decided it.
fn verdict_object(json: &mut Json, action: Action, packet: &PacketFacts) {
    json.nested("verdict", |json| {
        if action.drops() {
            json.text("action", "drop");
        } else if action == Action::Pass {
            json.text("action", "pass");
        } else {
            json.text("action", "alert");
        }
        if action.rejects() {
            json.text(
                "reject_target",
                match action {
                    Action::RejectDestination => "to_server",
                    Action::RejectBoth => "both",
                    _ => "to_client",
                },
            );
            json.texts("reject", [if packet.protocol == 6 { "tcp-reset" } else { "icmp-prohib" }]);
        }
    });
}
