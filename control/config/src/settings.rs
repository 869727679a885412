//! The typed model.

use crate::file_store::FileStoreSettings;
use sluice_app::AppSettings;
use sluice_core::{Resource, fault::Faults, resource::Exceptions};
use sluice_flow::{StreamSettings, stream::TargetPolicies};
use sluice_packet::{defrag::Policies, normalise::Switches};
use std::{collections::BTreeMap, path::PathBuf};

/// `detection.checksums`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksums {
    /// Never verified.
    Off,
    /// Always verified.
    On,
    /// Verified unless the capture looks as if the card had filled them in later.
    #[default]
    Auto,
}

/// How far packets go: for measuring what each stage costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stages {
    /// Received and transmitted.
    Forward,
    /// Decoded and looked up as well.
    Lookup,
    /// Everything.
    #[default]
    Inspect,
}

/// `system.capture-device`: what gives a replay the records of a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CaptureDevice {
    /// The file itself.
    #[default]
    File,
    /// DPDK's device for captures.
    NetPcap,
}

/// How a pair of ports stands to the traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deployment {
    /// Between them: what comes in by one leaves by the other, or not.
    #[default]
    Inline,
    /// Beside them: what comes in is looked at and goes nowhere.
    Passive,
}

/// `system.ports.pair.NAME`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    /// The port towards what is protected: a device's name or PCI address.
    pub inside: Option<String>,
    /// The port towards the others.
    pub outside: Option<String>,
    /// Inline or passive.
    pub deployment: Deployment,
}

/// An action by its word, for `detection.action-order`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionWord {
    /// `pass`
    Pass,
    /// `drop`
    Drop,
    /// `reject`
    Reject,
    /// `alert`
    Alert,
}

/// Address and port variables of rules, by name without `$`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variables {
    /// Addresses.
    pub address: BTreeMap<String, String>,
    /// Ports.
    pub port: BTreeMap<String, String>,
}

impl Default for Variables {
    /// What published rule sets expect to find.
    fn default() -> Self {
        let table =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Self {
            address: table(&[
                ("HOME_NET", "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]"),
                ("EXTERNAL_NET", "!$HOME_NET"),
                ("HTTP_SERVERS", "$HOME_NET"),
                ("SMTP_SERVERS", "$HOME_NET"),
                ("SQL_SERVERS", "$HOME_NET"),
                ("DNS_SERVERS", "$HOME_NET"),
                ("TELNET_SERVERS", "$HOME_NET"),
                ("SSH_SERVERS", "$HOME_NET"),
                ("FTP_SERVERS", "$HOME_NET"),
                ("SIP_SERVERS", "$HOME_NET"),
                ("AIM_SERVERS", "$EXTERNAL_NET"),
                ("DC_SERVERS", "$HOME_NET"),
                ("DNP3_SERVER", "$HOME_NET"),
                ("DNP3_CLIENT", "$HOME_NET"),
                ("MODBUS_CLIENT", "$HOME_NET"),
                ("MODBUS_SERVER", "$HOME_NET"),
                ("ENIP_CLIENT", "$HOME_NET"),
                ("ENIP_SERVER", "$HOME_NET"),
            ]),
            port: table(&[
                ("HTTP_PORTS", "80"),
                ("SHELLCODE_PORTS", "!80"),
                ("ORACLE_PORTS", "1521"),
                ("SSH_PORTS", "22"),
                ("DNP3_PORTS", "20000"),
                ("MODBUS_PORTS", "502"),
                ("FILE_DATA_PORTS", "[$HTTP_PORTS,110,143]"),
                ("FTP_PORTS", "21"),
                ("GENEVE_PORTS", "6081"),
                ("VXLAN_PORTS", "4789"),
                ("TEREDO_PORTS", "3544"),
                ("SIP_PORTS", "[5060,5061]"),
            ]),
        }
    }
}

/// `events.eve`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EveSettings {
    /// Record types; none: all there are.
    pub types: Option<Vec<String>>,
    /// `payload`
    pub payload: bool,
    /// `payload_length`: bytes of what is printed as the payload.
    pub payload_length: bool,
    /// `payload_printable`
    pub payload_printable: bool,
    /// `packet`
    pub packet: bool,
    /// `ether`
    pub ethernet: bool,
    /// `community_id`
    pub community_id: bool,
    /// The number that makes the identifiers of one site unlike those of others.
    pub community_id_seed: u16,
    /// `events.eve.suricata-version`: name and version of this engine in every record.
    pub suricata_version: bool,
    /// Decoder events as `anomaly` records.
    pub anomaly_decode: bool,
    /// Stream events as `anomaly` records.
    pub anomaly_stream: bool,
    /// What parsers find wrong as `anomaly` records.
    pub anomaly_application: bool,
    /// `events.eve.dns-version`: 3, or 2 with a record for each question.
    pub dns_version: u8,
    /// `events.eve.dns-requests`: `dns` records of questions.
    pub dns_requests: bool,
    /// `events.eve.dns-responses`: `dns` records of responses.
    pub dns_responses: bool,
    /// `events.eve.dns-types`: of messages that ask for these types of records alone; none: of all.
    pub dns_types: Option<Vec<u16>>,
    /// Counters that are 0, in `stats`.
    pub stats_zero: bool,
    /// `events.eve.xff`: what alerts say of `X-Forwarded-For`: nothing, the address beside theirs, or in its place.
    pub xff: Option<bool>,
    /// `events.eve.xff-deployment`: the proxy is the servers'.
    pub xff_reverse: bool,
    /// `events.eve.http-headers`: all headers of requests, and of responses.
    pub http_headers: [bool; 2],
    /// `events.eve.stats-stream-events`: stream events by name in `stats` records.
    pub stats_stream_events: bool,
}

impl Default for EveSettings {
    fn default() -> Self {
        Self {
            types: None,
            payload: false,
            payload_length: false,
            payload_printable: false,
            packet: false,
            ethernet: false,
            community_id: false,
            community_id_seed: 0,
            suricata_version: false,
            anomaly_decode: false,
            anomaly_stream: false,
            anomaly_application: true,
            dns_version: 3,
            dns_requests: true,
            dns_responses: true,
            dns_types: None,
            stats_zero: true,
            xff: None,
            xff_reverse: true,
            http_headers: [false; 2],
            stats_stream_events: false,
        }
    }
}

/// `detection.defrag`: how fragments are put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefragSettings {
    /// `memcap`: bytes for what is not whole, of all workers together.
    pub memcap: usize,
    /// `trackers`: datagrams that are not whole at once.
    pub trackers: u32,
    /// `max-fragments`: fragments of one datagram.
    pub max_fragments: u16,
    /// `timeout`: seconds after its first fragment that a datagram has to become whole.
    pub timeout_s: u32,
    /// `policy`: whose data count where IPv4 fragments overlap, by network; passive.
    pub policies: Policies,
}

impl Default for DefragSettings {
    fn default() -> Self {
        let room = sluice_packet::defrag::DefragSettings::default();
        Self {
            memcap: room.bytes,
            trackers: room.trackers,
            max_fragments: room.fragments,
            timeout_s: room.timeout_s,
            policies: room.policies,
        }
    }
}

/// Everything a replay can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `detection.checksums`
    pub checksums: Checksums,
    /// `detection.stream.midstream`
    pub midstream: bool,
    /// `detection.stream.async-oneside`: connections of which only one direction is seen are followed.
    pub async_oneside: bool,
    /// `detection.stream.drop-invalid`: inline, TCP packets that the other end throws away are dropped.
    pub drop_invalid: bool,
    /// `detection.stream.max-syn-queued`: SYNs of one connection remembered besides the first, at most 10.
    pub max_syn_queued: u8,
    /// `detection.stream.max-synack-queued`: SYN-ACKs of one connection remembered besides the first, at most 5.
    pub max_syn_ack_queued: u8,
    /// `detection.stream.pick-up`: seconds from its start on in which `sluice run` picks up connections whose handshake it can't have seen.
    pub pick_up_s: u32,
    /// `detection.stream`: how much of streams is kept and judged.
    pub streams: StreamSettings,
    /// `detection.stream.targets`: what hosts do with overlapping segments.
    pub targets: TargetPolicies,
    /// `detection.stream.inline`: judge bytes when they come, also where nothing is dropped; none: as the mode says.
    pub stream_inline: Option<bool>,
    /// `detection.exception-policy` and `detection.exceptions.NAME`: what becomes of traffic that can't be followed.
    pub exceptions: Exceptions,
    /// `detection.normalise.NAME`: what is done about odd packets, inline.
    pub normalise: Switches,
    /// `measure.fail.NAME`: resources that are said to be full.
    pub faults: Faults,
    /// `detection.packet-alert-max`: alerts one packet can raise.
    pub packet_alert_max: usize,
    /// `detection.vlan-tracking`: whether VLAN ids tell flows apart.
    pub vlan_tracking: bool,
    /// `detection.flow-capacity`: flows a worker remembers at once.
    pub flow_capacity: usize,
    /// `detection.defrag`
    pub defrag: DefragSettings,
    /// `detection.applications`: parsers of application protocols, all off by default.
    pub applications: AppSettings,
    /// `detection.action-order`
    pub action_order: [ActionWord; 4],
    /// `detection.variables`
    pub variables: Variables,
    /// `detection.datasets.allow-write`: rules may name files that their sets are written to.
    pub dataset_writes: bool,
    /// `detection.datasets.folder`: where data sets are written to, and read from again; without it the folder of the logs.
    pub dataset_folder: Option<PathBuf>,
    /// `detection.iprep-categories`: categories of reputations; without it no rule can ask for one.
    pub iprep_categories: Option<PathBuf>,
    /// `detection.iprep-files`: reputations of addresses.
    pub iprep_files: Vec<PathBuf>,
    /// `detection.geoip-database`: countries of addresses, in the MaxMind format.
    pub geoip_database: Option<PathBuf>,
    /// `detection.classification-file`
    pub classification_file: Option<PathBuf>,
    /// `detection.reference-file`
    pub reference_file: Option<PathBuf>,
    /// `detection.enable-conf`, `disable-conf`, `drop-conf` and `modify-conf`: what is changed in the rules of others.
    pub rule_edits: RuleEdits,
    /// `detection.cache-folder`: where compiled matchers are kept; none: they are compiled each time.
    pub cache_folder: Option<PathBuf>,
    /// `detection.threshold-file`
    pub threshold_file: Option<PathBuf>,
    /// `events.eve`
    pub eve: EveSettings,
    /// `system.ports.pair`, by name.
    pub pairs: BTreeMap<String, Pair>,
    /// `system.workers` of `sluice run`; none: `auto`, one for each processor but the first.
    pub workers: Option<u16>,
    /// `measure.stop-after-idle`: seconds without a packet after which `sluice run` ends; none: never.
    pub stop_after_idle_s: Option<u32>,
    /// `events.file-store`
    pub file_store: FileStoreSettings,
    /// `measure.stages`
    pub stages: Stages,
    /// `system.capture-device`
    pub capture_device: CaptureDevice,
    /// `measure.forwarded`: whether an inline replay writes `forwarded.pcapng`; without, packets leave by a null device.
    pub forwarded: bool,
    /// `measure.swaps`: how often a replay loads its rules anew and swaps them, spread over its records.
    pub swaps: u64,
}

impl Settings {
    /// What of the settings contradicts itself, in words for the operator; none when nothing does.
    pub fn contradiction(&self) -> Option<&'static str> {
        let chosen = self.exceptions.is_chosen(Resource::Midstream);
        let stops = chosen && !self.exceptions.wish(Resource::Midstream).fits_picking_up();
        (self.midstream && stops).then_some(
            "detection.stream.midstream asks to follow connections from the middle, detection.exceptions.midstream to stop them; \
             write auto, ignore or pass-flow, or midstream=false",
        )
    }
}

impl Default for Settings {
    fn default() -> Self {
        use ActionWord::{Alert, Drop, Pass, Reject};
        Self {
            checksums: Checksums::Auto,
            midstream: false,
            async_oneside: false,
            drop_invalid: true,
            max_syn_queued: 10,
            max_syn_ack_queued: 5,
            pick_up_s: 60,
            streams: StreamSettings::default(),
            targets: TargetPolicies::default(),
            stream_inline: None,
            exceptions: Exceptions::default(),
            normalise: Switches::default(),
            faults: Faults::default(),
            packet_alert_max: 15,
            vlan_tracking: true,
            flow_capacity: 262_144,
            defrag: DefragSettings::default(),
            applications: AppSettings::default(),
            action_order: [Pass, Drop, Reject, Alert],
            variables: Variables::default(),
            dataset_writes: true,
            dataset_folder: None,
            iprep_categories: None,
            iprep_files: Vec::new(),
            geoip_database: None,
            classification_file: None,
            reference_file: None,
            rule_edits: RuleEdits::default(),
            cache_folder: default_cache_folder(),
            threshold_file: None,
            eve: EveSettings::default(),
            pairs: BTreeMap::new(),
            workers: None,
            stop_after_idle_s: None,
            file_store: FileStoreSettings::default(),
            stages: Stages::Inspect,
            capture_device: CaptureDevice::File,
            forwarded: true,
            swaps: 0,
        }
    }
}

/// Files with what is changed in the rules of others, in the form of suricata-update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleEdits {
    /// Rules to be used although their publisher has disabled them.
    pub enable: Option<PathBuf>,
    /// Rules not to be used.
    pub disable: Option<PathBuf>,
    /// Rules that are to drop.
    pub drop: Option<PathBuf>,
    /// Changes of texts.
    pub modify: Option<PathBuf>,
}

/// `$XDG_CACHE_HOME/sluice`, or `.cache/sluice` in the user's home; none where there is neither.
fn default_cache_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache"))).map(|folder| folder.join("sluice"))
}
