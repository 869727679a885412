//! One assignment: `PATH=VALUE`, in our words or, where another engine's users have them in their scripts, in that engine's dotted names.

use crate::{
    defrag, file_store, http,
    settings::{ActionWord, CaptureDevice, Checksums, Deployment, Settings, Stages},
    streams, tls,
};
use sluice_app::{
    AppProtocol,
    dns::{DnsSettings, names},
    protocol::{Ports, ProtocolSettings},
};
use sluice_core::{ExceptionPolicy, Resource};
use sluice_packet::normalise::{Action, Switch, Switches};
use std::{fmt, path::PathBuf};

/// What became of an assignment that is sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assigned {
    /// It is in force.
    InForce,
    /// The name is known, but what it sets does not exist here yet, or not all of it.
    NotYet,
}

/// Why an assignment was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetError {
    /// There is no `=`.
    NoValue {
        /// As given.
        given: String,
    },
    /// Nobody knows the path.
    UnknownPath {
        /// As given.
        path: String,
        /// The nearest path there is.
        nearest: &'static str,
    },
    /// The value doesn't fit.
    BadValue {
        /// The path.
        path: String,
        /// As given.
        value: String,
        /// What would fit.
        wanted: &'static str,
    },
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoValue { given } => write!(f, "--set {given}: no value; write PATH=VALUE"),
            Self::UnknownPath { path, nearest } => write!(f, "--set {path}: no such setting; did you mean {nearest}?"),
            Self::BadValue { path, value, wanted } => write!(f, "--set {path}={value}: write {wanted}"),
        }
    }
}

impl std::error::Error for SetError {}

/// Our paths, for messages.
const PATHS: &[&str] = &[
    "system.ports.pair.NAME.inside",
    "system.ports.pair.NAME.outside",
    "system.ports.pair.NAME.deployment",
    "system.workers",
    "system.capture-device",
    "detection.checksums",
    "detection.stream.midstream",
    "detection.stream.async-oneside",
    "detection.stream.drop-invalid",
    "detection.stream.max-syn-queued",
    "detection.stream.max-synack-queued",
    "detection.exception-policy",
    "detection.exceptions.NAME",
    "detection.packet-alert-max",
    "detection.vlan-tracking",
    "detection.flow-capacity",
    "detection.defrag.memcap",
    "detection.defrag.trackers",
    "detection.defrag.max-fragments",
    "detection.defrag.timeout",
    "detection.defrag.policy",
    "detection.applications.memory",
    "detection.applications.transactions",
    "detection.applications.NAME.enabled",
    "detection.applications.NAME.ports",
    "detection.applications.dns.udp.enabled",
    "detection.applications.dns.udp.ports",
    "detection.applications.dns.tcp.enabled",
    "detection.applications.dns.tcp.ports",
    "detection.applications.dnp3.max-objects",
    "detection.applications.dnp3.max-points",
    "detection.applications.http.request-body-limit",
    "detection.applications.http.response-body-limit",
    "detection.applications.http.decompress-layers",
    "detection.applications.http.compression-bomb-limit",
    "detection.applications.http.lzma-enabled",
    "detection.applications.http.lzma-memlimit",
    "detection.applications.http.line-limit",
    "detection.applications.http.headers-limit",
    "detection.applications.http.max-tx",
    "detection.applications.tls.encryption-handling",
    "detection.applications.tls.ja3-fingerprints",
    "detection.applications.tls.ja4-fingerprints",
    "detection.applications.tls.log-certificates",
    "detection.applications.tls.log-client",
    "detection.applications.tls.log-handshake",
    "detection.applications.tls.log-resumed",
    "detection.applications.quic.encryption-handling",
    "detection.action-order",
    "detection.variables.address.NAME",
    "detection.variables.port.NAME",
    "detection.datasets.allow-write",
    "detection.datasets.folder",
    "detection.iprep-categories",
    "detection.iprep-files",
    "detection.geoip-database",
    "detection.classification-file",
    "detection.reference-file",
    "detection.enable-conf",
    "detection.disable-conf",
    "detection.drop-conf",
    "detection.modify-conf",
    "detection.cache-folder",
    "detection.threshold-file",
    "events.eve.types",
    "events.eve.payload",
    "events.eve.payload-length",
    "events.eve.payload-printable",
    "events.eve.packet",
    "events.eve.ethernet",
    "events.eve.community-id",
    "events.eve.community-id-seed",
    "events.eve.suricata-version",
    "events.eve.anomaly-decode",
    "events.eve.anomaly-stream",
    "events.eve.anomaly-application",
    "events.eve.dns-version",
    "events.eve.dns-requests",
    "events.eve.dns-responses",
    "events.eve.dns-types",
    "events.eve.stats-zero",
    "detection.applications.digests",
    "events.eve.xff",
    "events.eve.xff-deployment",
    "events.eve.http-headers",
    "events.eve.stats-stream-events",
    "measure.stages",
    "measure.forwarded",
    "measure.swaps",
    "measure.stop-after-idle",
    "measure.fail.NAME",
    "detection.normalise",
    "detection.normalise.NAME",
    "detection.normalise.min-ttl",
];

/// Dotted names of the reference engine that mean one of ours.
const ALIASES: &[(&str, &str)] = &[
    ("stream.checksum-validation", "detection.checksums"),
    ("stream.midstream", "detection.stream.midstream"),
    ("stats.stream-events", "events.eve.stats-stream-events"),
    ("stream.async-oneside", "detection.stream.async-oneside"),
    ("stream.drop-invalid", "detection.stream.drop-invalid"),
    ("stream.max-syn-queued", "detection.stream.max-syn-queued"),
    ("stream.max-synack-queued", "detection.stream.max-synack-queued"),
    ("exception-policy", "detection.exception-policy"),
    ("packet-alert-max", "detection.packet-alert-max"),
    ("vlan.use-for-tracking", "detection.vlan-tracking"),
    ("action-order", "detection.action-order"),
    ("defrag.memcap", "detection.defrag.memcap"),
    ("defrag.trackers", "detection.defrag.trackers"),
    ("defrag.timeout", "detection.defrag.timeout"),
    ("app-layer.protocols.dnp3.max-objects", "detection.applications.dnp3.max-objects"),
    ("app-layer.protocols.dnp3.max-points", "detection.applications.dnp3.max-points"),
    ("app-layer.protocols.tls.encryption-handling", "detection.applications.tls.encryption-handling"),
    ("app-layer.protocols.tls.ja3-fingerprints", "detection.applications.tls.ja3-fingerprints"),
    ("app-layer.protocols.tls.ja4-fingerprints", "detection.applications.tls.ja4-fingerprints"),
    ("app-layer.protocols.quic.encryption-handling", "detection.applications.quic.encryption-handling"),
    ("datasets.rules.allow-write", "detection.datasets.allow-write"),
    ("default-data-dir", "detection.datasets.folder"),
    ("reputation-categories-file", "detection.iprep-categories"),
    ("reputation-files", "detection.iprep-files"),
    ("geoip-database", "detection.geoip-database"),
    ("classification-file", "detection.classification-file"),
    ("reference-config-file", "detection.reference-file"),
    ("threshold-file", "detection.threshold-file"),
];

/// What a policy can be.
pub(crate) const POLICIES: &str = "auto, ignore, drop-flow, drop-packet, reject, pass-flow, pass-packet or bypass";

/// Record types that are written.
const EVE_TYPES: &[&str] = &[
    "alert", "anomaly", "arp", "dnp3", "dns", "drop", "enip", "fileinfo", "files", "flow", "http", "llmnr", "mdns",
    "modbus", "packet", "stats",
];

/// Record types that readers know and that wait for their protocols.
const EVE_TYPES_LATER: &[&str] = &[
    "bittorrent-dht",
    "dcerpc",
    "dhcp",
    "frame",
    "ftp",
    "ftp_data",
    "http2",
    "ike",
    "krb5",
    "ldap",
    "metadata",
    "mqtt",
    "netflow",
    "nfs",
    "ntp",
    "pgsql",
    "pop3",
    "quic",
    "rdp",
    "rfb",
    "sip",
    "smb",
    "smtp",
    "snmp",
    "ssh",
    "telnet",
    "tftp",
    "tls",
    "websocket",
    "doh2",
];

/// Beginnings of the reference engine's names for what does not exist here yet.
const NOT_YET: &[&str] =
    &["app-layer.", "stream.", "datasets.", "detect.", "stats.", "defrag.", "host-os-policy.", "file-store."];

impl Settings {
    /// Applies `PATH=VALUE`.
    ///
    /// # Errors
    /// [`SetError`], and nothing is changed.
    pub fn assign(&mut self, assignment: &str) -> Result<Assigned, SetError> {
        let Some((given, value)) = assignment.split_once('=') else {
            return Err(SetError::NoValue { given: assignment.to_owned() });
        };
        let (given, value) = (given.trim(), value.trim());
        let mut aliases = ALIASES.iter().chain(streams::ALIASES).chain(file_store::ALIASES);
        let path = aliases.find(|(alias, _)| *alias == given).map_or(given, |(_, path)| path);
        let bad = |wanted| SetError::BadValue { path: given.to_owned(), value: value.to_owned(), wanted };
        let flag = || match value {
            "true" | "yes" | "on" => Ok(true),
            "false" | "no" | "off" => Ok(false),
            _ => Err(bad("true or false")),
        };
        let file = || Some(PathBuf::from(value));
        let variable = |prefix: &[&str]| prefix.iter().find_map(|prefix| path.strip_prefix(prefix)).map(str::to_owned);
        if let Some(name) = variable(&["detection.variables.address.", "vars.address-groups."]) {
            self.variables.address.insert(name, value.to_owned());
            return Ok(Assigned::InForce);
        }
        if let Some(name) = variable(&["detection.variables.port.", "vars.port-groups."]) {
            self.variables.port.insert(name, value.to_owned());
            return Ok(Assigned::InForce);
        }
        if let Some((name, leaf)) = path.strip_prefix("system.ports.pair.").and_then(|rest| rest.rsplit_once('.'))
            && ["inside", "outside", "deployment"].contains(&leaf)
        {
            let deployment = match (leaf, value) {
                ("deployment", "inline") => Some(Deployment::Inline),
                ("deployment", "passive") => Some(Deployment::Passive),
                ("deployment", _) => return Err(bad("inline or passive")),
                _ => None,
            };
            let pair = self.pairs.entry(name.to_owned()).or_default();
            match leaf {
                "inside" => pair.inside = Some(value.to_owned()),
                "outside" => pair.outside = Some(value.to_owned()),
                _ => pair.deployment = deployment.unwrap_or_default(),
            }
            return Ok(Assigned::InForce);
        }
        if let Some(leaf) = variable(&["detection.applications.dns.", "app-layer.protocols.dns."])
            && let Some(done) = dns(&mut self.applications.dns, &leaf, value)
        {
            return done.map_err(bad);
        }
        if let Some(done) = http::assign(&mut self.applications.http, path, value) {
            return done.map(|()| Assigned::InForce).map_err(bad);
        }
        if let Some(done) = tls::assign(&mut self.applications, path, value) {
            return done.map(|()| Assigned::InForce).map_err(bad);
        }
        if !matches!(path, "detection.applications.dnp3.max-objects" | "detection.applications.dnp3.max-points")
            && let Some((name, leaf)) = variable(&["detection.applications.", "app-layer.protocols."])
                .as_deref()
                .and_then(|rest| rest.split_once('.'))
            && let Some(settings) = AppProtocol::from_name(name)
                .filter(|protocol| HAS_PARSER.contains(protocol))
                .and_then(|protocol| self.applications.of_mut(protocol))
        {
            return application(settings, leaf, value).map_err(bad);
        }
        if let Some(done) = streams::assign(self, path, value).or_else(|| file_store::assign(self, path, value)) {
            return done.map(|()| Assigned::InForce).map_err(bad);
        }
        if let Some(leaf) = path.strip_prefix("detection.defrag.") {
            return match defrag::assign(&mut self.defrag, leaf, value) {
                Ok(()) => Ok(Assigned::InForce),
                Err(Some(wanted)) => Err(bad(wanted)),
                Err(None) => Err(SetError::UnknownPath { path: given.to_owned(), nearest: nearest(path) }),
            };
        }
        if let Some(resource) = excepted(path) {
            let fits = ExceptionPolicy::from_name(value).is_some_and(|policy| self.exceptions.choose(resource, policy));
            return if fits { Ok(Assigned::InForce) } else { Err(bad(policies_of(resource))) };
        }
        if let Some(name) = path.strip_prefix("detection.normalise.").filter(|name| *name != "min-ttl") {
            let Some(action) = Action::from_name(name) else {
                return Err(SetError::UnknownPath { path: path.to_owned(), nearest: nearest_action(name) });
            };
            let switch = match value {
                "off" | "no" | "false" => Switch::Off,
                "on" | "yes" | "true" => Switch::On,
                "drop" => Switch::Drop,
                _ => return Err(bad("off, on or drop")),
            };
            self.normalise.set(action, switch);
            return Ok(Assigned::InForce);
        }
        if let Some(resource) = path.strip_prefix("measure.fail.").and_then(Resource::from_name) {
            self.faults.set(
                resource,
                value.parse().map_err(|_| bad("which use fails: 1 for each, 2 for every second, 0 for none"))?,
            );
            return Ok(Assigned::InForce);
        }
        match path {
            "detection.applications.memory" => {
                self.applications.memory = defrag::bytes(value)
                    .filter(|bytes| (4 << 20..=1 << 36).contains(bytes))
                    .ok_or_else(|| bad("bytes, from 4mb to 64gb"))?;
            }
            "detection.applications.transactions" => {
                self.applications.transactions = match value.parse() {
                    Ok(count @ 16..=16_777_216) => count,
                    _ => return Err(bad("a number from 16 to 16777216")),
                };
            }
            "detection.applications.dnp3.max-objects" => {
                self.applications.dnp3_max_objects = value.parse().map_err(|_| bad("a number"))?;
            }
            "detection.applications.dnp3.max-points" => {
                self.applications.dnp3_max_points = value.parse().map_err(|_| bad("a number"))?;
            }
            "system.workers" => {
                self.workers = match (value, value.parse()) {
                    ("auto", _) => None,
                    (_, Ok(workers @ 1..=64)) => Some(workers),
                    _ => return Err(bad("auto, or a number from 1 to 64")),
                }
            }
            "measure.stop-after-idle" => {
                self.stop_after_idle_s = Some(value.parse().map_err(|_| bad("a number of seconds"))?);
            }
            "detection.checksums" => {
                self.checksums = match value {
                    "off" | "no" | "false" => Checksums::Off,
                    "on" | "yes" | "true" => Checksums::On,
                    "auto" => Checksums::Auto,
                    _ => return Err(bad("off, on or auto")),
                }
            }
            "detection.stream.midstream" => self.midstream = flag()?,
            "detection.stream.async-oneside" => self.async_oneside = flag()?,
            "detection.stream.drop-invalid" => self.drop_invalid = flag()?,
            "detection.stream.max-syn-queued" => {
                self.max_syn_queued = match value.parse() {
                    Ok(most @ 0..=10) => most,
                    _ => return Err(bad("a number from 0 to 10")),
                }
            }
            "detection.stream.max-synack-queued" => {
                self.max_syn_ack_queued = match value.parse() {
                    Ok(most @ 0..=5) => most,
                    _ => return Err(bad("a number from 0 to 5")),
                }
            }
            "detection.normalise" => self.normalise = if flag()? { Switches::default() } else { Switches::OFF },
            "detection.normalise.min-ttl" => {
                self.normalise.set_min_ttl(value.parse().map_err(|_| bad("a number from 0, for none, to 255"))?);
            }
            "detection.exception-policy" => {
                self.exceptions.master = ExceptionPolicy::from_name(value).ok_or_else(|| bad(POLICIES))?;
            }
            "detection.packet-alert-max" => {
                self.packet_alert_max = match value.parse() {
                    Ok(most @ 1..=64) => most,
                    _ => return Err(bad("a number from 1 to 64")),
                }
            }
            "detection.vlan-tracking" => self.vlan_tracking = flag()?,
            "detection.flow-capacity" => {
                self.flow_capacity = match value.parse() {
                    Ok(capacity @ 1..=100_000_000) => capacity,
                    _ => return Err(bad("a number from 1 to 100000000")),
                }
            }
            "detection.action-order" => {
                self.action_order =
                    action_order(value).ok_or_else(|| bad("pass, drop, reject and alert, each once, with commas"))?;
            }
            "detection.datasets.allow-write" => self.dataset_writes = flag()?,
            "detection.datasets.folder" => self.dataset_folder = file(),
            "detection.iprep-categories" => self.iprep_categories = file(),
            "detection.iprep-files" => {
                self.iprep_files = value.split(',').map(|path| PathBuf::from(path.trim())).collect();
            }
            "detection.geoip-database" => self.geoip_database = file(),
            "detection.classification-file" => self.classification_file = file(),
            "detection.reference-file" => self.reference_file = file(),
            "detection.enable-conf" => self.rule_edits.enable = file(),
            "detection.disable-conf" => self.rule_edits.disable = file(),
            "detection.drop-conf" => self.rule_edits.drop = file(),
            "detection.modify-conf" => self.rule_edits.modify = file(),
            "detection.cache-folder" => self.cache_folder = if value == "off" { None } else { file() },
            "detection.threshold-file" => self.threshold_file = file(),
            "events.eve.types" => {
                let kinds: Vec<String> = value.split(',').map(|kind| kind.trim().to_owned()).collect();
                if !kinds.iter().all(|kind| EVE_TYPES.contains(&&**kind) || EVE_TYPES_LATER.contains(&&**kind)) {
                    return Err(bad(
                        "record types with commas between: alert, anomaly, arp, dnp3, drop, enip, flow, modbus, packet, stats",
                    ));
                }
                let later = kinds.iter().any(|kind| EVE_TYPES_LATER.contains(&&**kind));
                self.eve.types = Some(kinds);
                if later {
                    return Ok(Assigned::NotYet);
                }
            }
            "events.eve.payload" => self.eve.payload = flag()?,
            "events.eve.payload-length" => self.eve.payload_length = flag()?,
            "events.eve.payload-printable" => self.eve.payload_printable = flag()?,
            "events.eve.packet" => self.eve.packet = flag()?,
            "events.eve.ethernet" => self.eve.ethernet = flag()?,
            "events.eve.community-id" => self.eve.community_id = flag()?,
            "events.eve.community-id-seed" => {
                self.eve.community_id_seed = value.parse().map_err(|_| bad("a number from 0 to 65535"))?;
            }
            "events.eve.suricata-version" => self.eve.suricata_version = flag()?,
            "events.eve.anomaly-decode" => self.eve.anomaly_decode = flag()?,
            "events.eve.anomaly-stream" => self.eve.anomaly_stream = flag()?,
            "events.eve.anomaly-application" => self.eve.anomaly_application = flag()?,
            "events.eve.dns-version" => {
                self.eve.dns_version = match value {
                    "2" => 2,
                    "3" => 3,
                    _ => return Err(bad("2 or 3")),
                };
            }
            "events.eve.dns-requests" => self.eve.dns_requests = flag()?,
            "events.eve.dns-responses" => self.eve.dns_responses = flag()?,
            "events.eve.dns-types" => {
                let types = value.split(',').map(str::trim).filter(|name| !name.is_empty());
                let types = types.map(names::type_number).collect::<Option<Vec<_>>>();
                self.eve.dns_types =
                    Some(types.ok_or_else(|| bad("types of records with commas between, such as a, aaaa, https"))?);
            }
            "events.eve.stats-zero" => self.eve.stats_zero = flag()?,
            "detection.applications.digests" => {
                let names = ["md5", "sha1", "sha256"];
                let given: Vec<&str> = value.split(',').map(str::trim).filter(|name| *name != "none").collect();
                if !given.iter().all(|name| names.contains(name)) {
                    return Err(bad("none, or md5, sha1 and sha256 with commas between"));
                }
                self.applications.digests = names.map(|name| given.contains(&name));
            }
            "events.eve.xff" => {
                self.eve.xff = match value {
                    "off" | "no" | "false" => None,
                    "extra-data" => Some(false),
                    "overwrite" => Some(true),
                    _ => return Err(bad("off, extra-data or overwrite")),
                };
            }
            "events.eve.xff-deployment" => {
                self.eve.xff_reverse = match value {
                    "reverse" => true,
                    "forward" => false,
                    _ => return Err(bad("reverse or forward")),
                };
            }
            "events.eve.http-headers" => {
                self.eve.http_headers = match value {
                    "none" => [false; 2],
                    "request" => [true, false],
                    "response" => [false, true],
                    "both" => [true; 2],
                    _ => return Err(bad("none, request, response or both")),
                };
            }
            "events.eve.stats-stream-events" => self.eve.stats_stream_events = flag()?,
            "system.capture-device" => {
                self.capture_device = match value {
                    "file" => CaptureDevice::File,
                    "net_pcap" => CaptureDevice::NetPcap,
                    _ => return Err(bad("file or net_pcap")),
                }
            }
            "measure.stages" => {
                self.stages = match value {
                    "forward" => Stages::Forward,
                    "lookup" => Stages::Lookup,
                    "inspect" => Stages::Inspect,
                    _ => return Err(bad("forward, lookup or inspect")),
                }
            }
            "measure.forwarded" => self.forwarded = flag()?,
            "measure.swaps" => self.swaps = value.parse().map_err(|_| bad("how many, 0 for none"))?,
            other if NOT_YET.iter().any(|prefix| other.starts_with(prefix)) => return Ok(Assigned::NotYet),
            other => return Err(SetError::UnknownPath { path: other.to_owned(), nearest: nearest(other) }),
        }
        Ok(Assigned::InForce)
    }
}

/// The resource whose policy `path` sets, in our words or the reference engine's.
fn excepted(path: &str) -> Option<Resource> {
    match path.strip_prefix("detection.exceptions.") {
        Some(name) => Resource::from_name(name),
        None if path == "detection.stream.midstream-policy" => Some(Resource::Midstream),
        None => Resource::from_alias(path),
    }
}

/// What the policy for `resource` can be.
const fn policies_of(resource: Resource) -> &'static str {
    let entry = resource.entry();
    match (entry.fits_exactly(ExceptionPolicy::DropFlow), entry.fits_exactly(ExceptionPolicy::PassPacket)) {
        (true, _) => POLICIES,
        (false, true) if entry.fits_exactly(ExceptionPolicy::Reject) => {
            "auto, ignore, drop-packet, reject or pass-packet"
        }
        (false, true) => "auto, drop-packet or pass-packet",
        (false, false) if resource.has_choice() => "auto, ignore or drop-packet",
        (false, false) => "nothing: what happens there can't be chosen",
    }
}

/// Protocols that can be switched on.
const HAS_PARSER: [AppProtocol; 8] = [
    AppProtocol::Doh2,
    AppProtocol::Http2,
    AppProtocol::Dns,
    AppProtocol::Mdns,
    AppProtocol::Llmnr,
    AppProtocol::Enip,
    AppProtocol::Modbus,
    AppProtocol::Dnp3,
];

/// The ports in `list`; or what would fit.
fn ports(list: &str) -> Result<Ports, &'static str> {
    let ports: Result<Vec<u16>, _> = list.split(',').map(|port| port.trim().parse()).collect();
    match ports {
        Ok(ports) if ports.len() <= 4 && !ports.contains(&0) => Ok(Ports::of(&ports)),
        _ => Err("up to four ports with commas between"),
    }
}

/// Sets `leaf` of the settings of DNS that are for UDP and TCP apart; or what would fit. None when it is another's.
fn dns(settings: &mut DnsSettings, leaf: &str, value: &str) -> Option<Result<Assigned, &'static str>> {
    let (transport, leaf) = leaf.split_once('.')?;
    let (enabled, own_ports) = match transport {
        "udp" => (&mut settings.udp, &mut settings.udp_ports),
        "tcp" => (&mut settings.tcp, &mut settings.tcp_ports),
        _ => return None,
    };
    match (leaf, value) {
        ("enabled", "true" | "yes" | "on") => *enabled = true,
        ("enabled", "false" | "no" | "off") => *enabled = false,
        ("enabled", _) => return Some(Err("true or false")),
        ("ports" | "detection-ports.dp", list) => match ports(list) {
            Ok(ports) => *own_ports = Some(ports),
            Err(wanted) => return Some(Err(wanted)),
        },
        _ => return None,
    }
    Some(Ok(Assigned::InForce))
}

/// Sets `leaf` of one parser's settings; or what would fit.
fn application(settings: &mut ProtocolSettings, leaf: &str, value: &str) -> Result<Assigned, &'static str> {
    match (leaf, value) {
        ("enabled", "true" | "yes" | "on") => (settings.enabled, settings.detection_only) = (true, false),
        ("enabled", "false" | "no" | "off") => (settings.enabled, settings.detection_only) = (false, false),
        ("enabled", "detection-only") => (settings.enabled, settings.detection_only) = (true, true),
        ("enabled", _) => return Err("true, false or detection-only"),
        ("ports" | "detection-ports.dp", list) => settings.ports = ports(list)?,
        // The reference engine has more to set for each parser.
        _ => return Ok(Assigned::NotYet),
    }
    Ok(Assigned::InForce)
}

fn action_order(value: &str) -> Option<[ActionWord; 4]> {
    let words: Vec<ActionWord> = value
        .split(',')
        .map(|word| match word.trim() {
            "pass" => Some(ActionWord::Pass),
            "drop" => Some(ActionWord::Drop),
            "reject" => Some(ActionWord::Reject),
            "alert" => Some(ActionWord::Alert),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let each_once = words.iter().enumerate().all(|(place, word)| !words.iter().take(place).any(|other| other == word));
    if each_once { words.try_into().ok() } else { None }
}

/// The known path with the fewest edits to `path`.
fn nearest(path: &str) -> &'static str {
    let mut best = ("detection.checksums", usize::MAX);
    for known in PATHS.iter().chain(streams::PATHS).chain(file_store::PATHS) {
        let distance = edits(path, known);
        if distance < best.1 {
            best = (known, distance);
        }
    }
    best.0
}

/// The setting of the action whose name is most like `name`.
fn nearest_action(name: &str) -> &'static str {
    let best = Action::ALL.iter().min_by_key(|action| edits(name, action.name()));
    best.map_or("detection.normalise", |action| action.setting())
}

/// Letters to insert, delete or replace (Levenshtein).
pub(crate) fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, a) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, b) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Assigned, SetError};
    use crate::settings::{ActionWord, Checksums, Settings};
    use sluice_core::{ExceptionPolicy, Resource};

    #[test]
    fn our_paths_and_the_other_engines_names_set_the_same() {
        let mut settings = Settings::default();
        assert_eq!(settings.assign("detection.stream.midstream=true"), Ok(Assigned::InForce));
        let mut other = Settings::default();
        assert_eq!(other.assign("stream.midstream=yes"), Ok(Assigned::InForce));
        assert_eq!(settings, other);
        assert_eq!(settings.assign("vars.address-groups.HOME_NET=any"), Ok(Assigned::InForce));
        assert_eq!(settings.variables.address["HOME_NET"], "any");
        assert_eq!(settings.assign("detection.checksums=off"), Ok(Assigned::InForce));
        assert_eq!(settings.checksums, Checksums::Off);
    }

    #[test]
    fn what_does_not_exist_yet_is_said_not_hidden() {
        let mut settings = Settings::default();
        assert_eq!(settings.assign("app-layer.protocols.mqtt.enabled=true"), Ok(Assigned::NotYet));
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn dns_has_settings_for_each_transport_and_for_its_records() {
        let mut settings = Settings::default();
        for assignment in [
            "app-layer.protocols.dns.udp.enabled=no",
            "app-layer.protocols.dns.tcp.detection-ports.dp=1053, 53",
            "detection.applications.dns.ports=5300",
            "detection.applications.mdns.enabled=false",
            "events.eve.dns-version=2",
            "events.eve.dns-requests=no",
            "events.eve.dns-types=a, HTTPS",
        ] {
            assert_eq!(settings.assign(assignment), Ok(Assigned::InForce), "{assignment}");
        }
        let dns = settings.applications.dns;
        assert!(
            !dns.udp && dns.tcp && dns.tcp_ports.is_some_and(|ports| ports.contains(1_053)) && dns.udp_ports.is_none()
        );
        assert!(settings.applications.of(sluice_app::AppProtocol::Dns).is_some_and(|dns| dns.ports.contains(5_300)));
        assert!(!settings.applications.is_enabled(sluice_app::AppProtocol::Mdns));
        assert_eq!((settings.eve.dns_version, settings.eve.dns_requests, settings.eve.dns_responses), (2, false, true));
        assert_eq!(settings.eve.dns_types, Some(vec![1, 65]));
        for wrong in [
            "events.eve.dns-version=4",
            "events.eve.dns-types=a,nonsense",
            "app-layer.protocols.dns.tcp.enabled=perhaps",
            "app-layer.protocols.dns.udp.detection-ports.dp=0",
        ] {
            assert!(settings.assign(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn parsers_are_switched_on_by_name() {
        use sluice_app::AppProtocol::{Enip, Modbus};
        let mut settings = Settings::default();
        assert!(!settings.applications.is_enabled(Modbus) && !settings.applications.is_enabled(Enip));
        assert_eq!(settings.assign("app-layer.protocols.enip.enabled=yes"), Ok(Assigned::InForce));
        assert_eq!(settings.assign("detection.applications.modbus.enabled=detection-only"), Ok(Assigned::InForce));
        assert!(settings.applications.is_read(Enip));
        assert!(settings.applications.is_enabled(Modbus) && !settings.applications.is_read(Modbus));
        assert_eq!(settings.assign("app-layer.protocols.enip.detection-ports.dp=44818, 2222"), Ok(Assigned::InForce));
        assert!(settings.assign("detection.applications.enip.ports=0").is_err());
        assert_eq!(settings.assign("detection.applications.memory=64mb"), Ok(Assigned::InForce));
        assert_eq!(settings.assign("detection.applications.transactions=1000"), Ok(Assigned::InForce));
        assert_eq!((settings.applications.memory, settings.applications.transactions), (64 << 20, 1_000));
        assert!(settings.assign("detection.applications.memory=1mb").is_err());
        assert!(settings.assign("detection.applications.transactions=0").is_err());
        assert!(settings.assign("detection.applications.enip.enabled=perhaps").is_err());
    }

    #[test]
    fn policies_are_known_or_refused_and_contradictions_are_found() {
        let mut settings = Settings::default();
        let midstream = |settings: &Settings| settings.exceptions.wish(Resource::Midstream);
        assert_eq!(settings.assign("exception-policy=bypass"), Ok(Assigned::InForce));
        assert_eq!(midstream(&settings), ExceptionPolicy::Bypass);
        assert_eq!(settings.assign("stream.midstream-policy=pass-flow"), Ok(Assigned::InForce));
        assert_eq!(midstream(&settings), ExceptionPolicy::PassFlow);
        settings.midstream = true;
        assert_eq!(settings.contradiction(), None);
        assert!(settings.assign("stream.midstream-policy=drop").is_err());
        settings.exceptions.choose(Resource::Midstream, ExceptionPolicy::Bypass);
        assert!(settings.contradiction().is_some());
    }

    #[test]
    fn odd_packets_are_put_right_as_chosen() {
        use sluice_packet::normalise::{Action, Switch, Switches};
        let mut settings = Settings::default();
        for action in Action::ALL {
            for (word, switch) in [("off", Switch::Off), ("on", Switch::On), ("drop", Switch::Drop)] {
                let path = format!("detection.normalise.{}", action.name());
                if *action == Action::MinTtl {
                    continue;
                }
                assert_eq!(settings.assign(&format!("{path}={word}")), Ok(Assigned::InForce));
                let wanted = if switch == Switch::On && !action.edits() { Switch::Drop } else { switch };
                assert_eq!(settings.normalise.of(*action), wanted);
                assert_eq!(action.setting(), path);
            }
        }
        assert_eq!(settings.assign("detection.normalise=on"), Ok(Assigned::InForce));
        assert_eq!(settings.normalise, Switches::default());
        assert_eq!(settings.assign("detection.normalise.min-ttl=8"), Ok(Assigned::InForce));
        assert_eq!((settings.normalise.min_ttl(), settings.normalise.of(Action::MinTtl)), (8, Switch::On));
        assert_eq!(settings.assign("detection.normalise=off"), Ok(Assigned::InForce));
        assert!(settings.normalise.is_off());
        assert!(settings.assign("detection.normalise.min-ttl=256").is_err());
        let error = settings.assign("detection.normalise.tcp-reservd=on").unwrap_err();
        assert!(error.to_string().contains("did you mean detection.normalise.tcp-reserved?"), "{error}");
    }

    #[test]
    fn each_resource_takes_the_policies_that_fit_it_under_both_names_and_no_other() {
        for resource in Resource::ALL {
            let entry = resource.entry();
            for policy in ExceptionPolicy::ALL {
                let fits = resource.has_choice() && (policy == ExceptionPolicy::Auto || entry.fits_exactly(policy));
                let mut ways = vec![format!("detection.exceptions.{}", entry.name)];
                if !entry.alias.is_empty() {
                    ways.push(entry.alias.to_owned());
                }
                for path in ways {
                    let mut settings = Settings::default();
                    let word = policy.word().replace('_', "-");
                    let told = settings.assign(&format!("{path}={word}"));
                    assert_eq!(told.is_ok(), fits, "{path}={word}");
                    match told {
                        Ok(_) => assert_eq!(settings.exceptions.wish(resource), policy),
                        // What is proposed instead is right.
                        Err(SetError::BadValue { wanted, .. }) => {
                            assert!(!wanted.contains(&format!("{word},")), "{path}={word}: {wanted}");
                        }
                        Err(other) => panic!("{other}"),
                    }
                }
            }
            let mut settings = Settings::default();
            assert_eq!(settings.assign(&format!("measure.fail.{}=2", entry.name)), Ok(Assigned::InForce));
            assert!(!settings.faults.is_empty());
        }
        assert!(Settings::default().assign("detection.exceptions.nonsense=auto").is_err());
        assert!(Settings::default().assign("measure.fail.nonsense=1").is_err());
    }

    #[test]
    fn record_types_are_known_or_refused() {
        let mut settings = Settings::default();
        assert_eq!(settings.assign("events.eve.types=alert, drop"), Ok(Assigned::InForce));
        assert_eq!(settings.assign("events.eve.types=alert,smb"), Ok(Assigned::NotYet));
        assert!(settings.assign("events.eve.types=alrt").is_err());
    }

    #[test]
    fn mistakes_name_the_place_and_the_remedy() {
        let mut settings = Settings::default();
        let error = settings.assign("detection.checksum=off").unwrap_err();
        assert_eq!(error.to_string(), "--set detection.checksum: no such setting; did you mean detection.checksums?");
        let error = settings.assign("detection.checksums=maybe").unwrap_err();
        assert_eq!(error.to_string(), "--set detection.checksums=maybe: write off, on or auto");
        assert!(matches!(settings.assign("nonsense"), Err(SetError::NoValue { .. })));
    }

    #[test]
    fn an_action_order_holds_each_action_once() {
        let mut settings = Settings::default();
        assert_eq!(settings.assign("action-order=alert,drop,reject,pass"), Ok(Assigned::InForce));
        assert_eq!(settings.action_order[0], ActionWord::Alert);
        assert!(settings.assign("action-order=alert,alert,reject,pass").is_err());
        assert!(settings.assign("action-order=alert,drop").is_err());
    }
}
