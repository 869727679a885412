//! Junos' `services`, `applications`, `policy-options` and `interfaces`, as far as detection and prevention need them.
//!
//! The model behind these words is built later; here they are held, and their ranges are checked.
//!
//! Sources: `spec/junos-ids-idp.md` sections 1.1, 1.2 and 2.1. Bounds of `session-limit` that no public page states are those of the field itself.

use super::{
    kind::{Entry, Kind, List, OPEN, Section},
    types::Type::{self, Address, JunosPrefix, Name, Number, Ports, Prefix, Text, Word},
};

const U32: u64 = 4_294_967_295;
const ANY_NUMBER: Type = Number(0, U32, true);

/// `services`
pub static SERVICES: Section = Section::of(&[
    Entry::section("stateful-firewall", &FIREWALL),
    Entry::section("ids", &IDS),
    Entry::list("service-set", &SERVICE_SET),
]);

const MATCH_DIRECTION: Entry = Entry::leaf("match-direction", Word(&["input", "output", "input-output"]));

static FIREWALL: Section = Section::of(&[Entry::list("rule", &FIREWALL_RULE), Entry::list("rule-set", &RULE_SET)]);
static FIREWALL_RULE: List = List::named(&[MATCH_DIRECTION, Entry::list("term", &FIREWALL_TERM)]);
static FIREWALL_TERM: List = List::named(&[Entry::section("from", &FROM), Entry::section("then", &FIREWALL_THEN)]);
static FIREWALL_THEN: Section = Section::of(&[
    Entry::flag("accept"),
    Entry::flag("discard"),
    Entry::flag("reject"),
    Entry::flag("skip-ids"),
    Entry::flag("syslog"),
    Entry::list_of("allow-ip-options", Text),
]);

static IDS: Section = Section::of(&[Entry::list("rule", &IDS_RULE), Entry::list("rule-set", &RULE_SET)]);
static IDS_RULE: List = List::named(&[MATCH_DIRECTION, Entry::list("term", &IDS_TERM)]);
static IDS_TERM: List = List::named(&[Entry::section("from", &FROM), Entry::section("then", &IDS_THEN)]);
static RULE_SET: List = List::named(&[Entry::list("rule", &NAMED)]);
static NAMED: List = List { one_line: true, ..List::named(&[]) };

static FROM: Section = Section::of(&[
    Entry::list("source-address", &ADDRESS),
    Entry::list("destination-address", &ADDRESS),
    Entry::list("source-address-range", &ADDRESS_RANGE),
    Entry::list("destination-address-range", &ADDRESS_RANGE),
    Entry::list("source-prefix-list", &EXCEPTED_NAME),
    Entry::list("destination-prefix-list", &EXCEPTED_NAME),
    Entry::section("destination-port", &PORT),
    Entry::list_of("applications", Name),
    Entry::list_of("application-sets", Name),
]);
static EXCEPT: &[Entry] = &[Entry::flag("except")];
static ADDRESS: List =
    List { keys: &[("address", JunosPrefix)], labelled: false, one_line: true, section: Section::of(EXCEPT) };
static ADDRESS_RANGE: List =
    List { keys: &[("low", Address), ("high", Address)], labelled: true, one_line: true, section: Section::of(EXCEPT) };
static EXCEPTED_NAME: List = List { one_line: true, ..List::named(EXCEPT) };
static PORT: Section = Section::of(&[Entry::list("range", &PORT_RANGE)]);
static PORT_RANGE: List = List {
    keys: &[("low", Number(0, 65_535, false)), ("high", Number(0, 65_535, false))],
    labelled: true,
    one_line: true,
    section: Section::of(&[]),
};

static IDS_THEN: Section = Section::of(&[
    Entry::flag("force-entry"),
    Entry::flag("ignore-entry"),
    Entry::section("aggregation", &AGGREGATION),
    Entry::section("logging", &LOGGING),
    Entry::section("session-limit", &SESSION_LIMIT),
    Entry::section("syn-cookie", &SYN_COOKIE),
    Entry::list_of("allow-ip-options", Text),
    Entry::list_of("allow-ipv6-extension-header", Text),
    Entry::flag("tcp-syn-defense"),
    Entry::flag("tcp-syn-fragment-check"),
    Entry::flag("tcp-winnuke-check"),
    Entry::flag("icmp-fragment-check"),
    Entry::flag("icmp-large-packet-check"),
    Entry::leaf("land-attack-check", Word(&["ip-only", "ip-port"])),
]);
static AGGREGATION: Section = Section::of(&[
    Entry::leaf("source-prefix", Number(1, 32, false)),
    Entry::leaf("destination-prefix", Number(1, 32, false)),
    Entry::leaf("source-prefix-ipv6", Number(1, 128, false)),
    Entry::leaf("destination-prefix-ipv6", Number(1, 128, false)),
]);
static LOGGING: Section = Section::of(&[Entry::flag("syslog"), Entry::leaf("threshold", ANY_NUMBER)]);
static SESSION_LIMIT: Section = Section::of(&[
    Entry::section("by-source", &LIMIT),
    Entry::section("by-destination", &LIMIT),
    Entry::section("by-pair", &LIMIT),
]);
const MAXIMUM: Entry = Entry::leaf("maximum", Number(1, U32, true));
const RATE: Entry = Entry::leaf("rate", Number(1, U32, true));
const PACKETS: Entry = Entry::leaf("packets", Number(1, U32, true));
static LIMIT: Section = Section::of(&[
    MAXIMUM,
    RATE,
    PACKETS,
    Entry::leaf("hold-time", Number(0, 60, false)),
    Entry::section("by-protocol", &BY_PROTOCOL),
]);
static BY_PROTOCOL: Section = Section::of(&[
    Entry::section("tcp", &PROTOCOL_LIMIT),
    Entry::section("udp", &PROTOCOL_LIMIT),
    Entry::section("icmp", &PROTOCOL_LIMIT),
]);
static PROTOCOL_LIMIT: Section = Section::of(&[MAXIMUM, RATE, PACKETS]);
static SYN_COOKIE: Section =
    Section::of(&[Entry::leaf("threshold", ANY_NUMBER), Entry::leaf("mss", Number(128, 8_192, false))]);

static SERVICE_SET: List = List::named(&[
    Entry::list_of("stateful-firewall-rules", Name),
    Entry::list_of("stateful-firewall-rule-sets", Name),
    Entry::list_of("ids-rules", Name),
    Entry::list_of("ids-rule-sets", Name),
    Entry::list_of("nat-rules", Name),
    Entry::list_of("nat-rule-sets", Name),
    Entry::leaf("max-flows", ANY_NUMBER),
    Entry::leaf("max-session-setup-rate", ANY_NUMBER),
    Entry::section("max-drop-flows", &DROP_FLOWS),
    Entry::section("snmp-trap-thresholds", &TRAPS),
    Entry::section("syslog", &SET_SYSLOG),
    Entry::section("interface-service", &INTERFACE_SERVICE),
    Entry::section("next-hop-service", &NEXT_HOP_SERVICE),
    Entry::section("sampling-service", &INTERFACE_SERVICE),
    Entry::section("service-order", &SERVICE_ORDER),
    Entry::section("service-set-options", &ANYTHING),
]);
static DROP_FLOWS: Section = Section::of(&[
    Entry::leaf("ingress", Number(0, 8_500_000, true)),
    Entry::leaf("egress", Number(0, 8_500_000, true)),
]);
static TRAPS: Section = Section::of(&[Entry::section("flow", &TRAP), Entry::section("session", &TRAP)]);
static TRAP: Section =
    Section::of(&[Entry::leaf("low", Number(0, 100, false)), Entry::leaf("high", Number(0, 100, false))]);
static SET_SYSLOG: Section = Section::of(&[Entry::list("host", &SYSLOG_HOST)]);
static SYSLOG_HOST: List = List::named(&[Entry::leaf("services", Text)]);
static INTERFACE_SERVICE: Section = Section::of(&[Entry::leaf("service-interface", Name)]);
static NEXT_HOP_SERVICE: Section =
    Section::of(&[Entry::leaf("inside-service-interface", Name), Entry::leaf("outside-service-interface", Name)]);
static SERVICE_ORDER: Section =
    Section::of(&[Entry::list_of("forward-flow", Name), Entry::list_of("reverse-flow", Name)]);
static ANYTHING: Section = OPEN;

/// `policy-options`
pub static POLICY_OPTIONS: Section = Section::of(&[Entry::list("prefix-list", &PREFIX_LIST)]);
static PREFIX: Entry = Entry::list_of("prefix", Prefix);
static PREFIX_LIST: List = List {
    keys: &[("name", Name)],
    labelled: false,
    one_line: false,
    section: Section {
        entries: &[Entry::list_of("prefix", Prefix), Entry::leaf("apply-path", Text)],
        bare: Some(&PREFIX),
        open: false,
    },
};

/// `applications`
pub static APPLICATIONS: Section =
    Section::of(&[Entry::list("application", &APPLICATION), Entry::list("application-set", &APPLICATION_SET)]);
const ALGS: &[&str] = &[
    "bootp",
    "dce-rpc",
    "dce-rpc-portmap",
    "dns",
    "exec",
    "ftp",
    "ftp-data",
    "gprs-gtp-c",
    "gprs-gtp-u",
    "gprs-gtp-v0",
    "gprs-sctp",
    "h323",
    "http",
    "https",
    "icmp",
    "icmpv6",
    "ignore",
    "iiop",
    "ike-esp-nat",
    "imap",
    "ip",
    "login",
    "mgcp-ca",
    "mgcp-ua",
    "ms-rpc",
    "netbios",
    "netshow",
    "none",
    "pptp",
    "q931",
    "ras",
    "realaudio",
    "rpc",
    "rpc-portmap",
    "rsh",
    "rtsp",
    "sccp",
    "shell",
    "sip",
    "smtp",
    "snmp",
    "sqlnet",
    "sqlnet-v2",
    "ssh",
    "sun-rpc",
    "talk",
    "telnet",
    "tftp",
    "traceroute",
    "twamp",
    "winframe",
];
const PROTOCOL: Entry = Entry::leaf("protocol", Text);
const SOURCE_PORT: Entry = Entry::leaf("source-port", Ports);
const DESTINATION_PORT: Entry = Entry::leaf("destination-port", Ports);
const ICMP_TYPE: Entry = Entry::leaf("icmp-type", Text);
const ICMP_CODE: Entry = Entry::leaf("icmp-code", Text);
const INACTIVITY: Entry = Entry::leaf("inactivity-timeout", Text);
static APPLICATION: List = List::named(&[
    Entry::leaf("description", Text),
    Entry::leaf("application-protocol", Word(ALGS)),
    PROTOCOL,
    SOURCE_PORT,
    DESTINATION_PORT,
    ICMP_TYPE,
    ICMP_CODE,
    Entry::leaf("icmp6-type", Text),
    Entry::leaf("icmp6-code", Text),
    Entry::leaf("ether-type", Text),
    Entry::leaf("snmp-command", Word(&["get", "get-next", "get-response", "set", "trap"])),
    Entry::leaf("rpc-program-number", Text),
    Entry::leaf("uuid", Text),
    Entry::leaf("ttl-threshold", Number(0, 255, false)),
    INACTIVITY,
    Entry::leaf("gate-timeout", Number(5, 21_600, false)),
    Entry::leaf("child-inactivity-timeout", Number(4, 86_400, false)),
    Entry::flag("learn-sip-register"),
    Entry::leaf("sip-call-hold-timeout", Number(0, 36_000, false)),
    Entry::list("term", &APPLICATION_TERM),
]);
static APPLICATION_TERM: List = List::named(&[
    Entry::leaf("alg", Word(ALGS)),
    PROTOCOL,
    SOURCE_PORT,
    DESTINATION_PORT,
    ICMP_TYPE,
    ICMP_CODE,
    INACTIVITY,
]);
static APPLICATION_SET: List =
    List::named(&[Entry::list("application", &NAMED), Entry::list("application-set", &NAMED)]);

/// `interfaces`
pub static INTERFACES: Section = Section {
    entries: &[Entry { word: "interface", kind: Kind::List(&INTERFACE) }],
    bare: Some(&BARE_INTERFACE),
    open: false,
};
static BARE_INTERFACE: Entry = Entry { word: "interface", kind: Kind::List(&INTERFACE) };
static INTERFACE: List = List::named(&[
    Entry::leaf("description", Text),
    Entry::list("unit", &UNIT),
    Entry::section("services-options", &SERVICES_OPTIONS),
]);
static UNIT: List = List {
    keys: &[("name", Number(0, 16_385, false))],
    labelled: false,
    one_line: false,
    section: Section::of(&[Entry::leaf("description", Text), Entry::list("family", &FAMILY)]),
};
static FAMILY: List = List {
    keys: &[("name", Word(&["inet", "inet6"]))],
    labelled: false,
    one_line: false,
    section: Section::of(&[Entry::list_of("address", Prefix), Entry::section("service", &FAMILY_SERVICE)]),
};
static FAMILY_SERVICE: Section =
    Section::of(&[Entry::section("input", &SERVICE_INPUT), Entry::section("output", &SERVICE_OUTPUT)]);
static SERVICE_INPUT: Section =
    Section::of(&[Entry::list("service-set", &FILTERED_SET), Entry::leaf("post-service-filter", Name)]);
static SERVICE_OUTPUT: Section = Section::of(&[Entry::list("service-set", &FILTERED_SET)]);
static FILTERED_SET: List = List { one_line: true, ..List::named(&[Entry::leaf("service-filter", Name)]) };
static SERVICES_OPTIONS: Section = Section::of(&[
    Entry::leaf("open-timeout", Number(4, 300, false)),
    Entry::leaf("close-timeout", Number(2, 300, false)),
    Entry::leaf("inactivity-timeout", Number(4, 86_400, false)),
    Entry::leaf("tcp-tickles", Number(0, 30, false)),
    Entry::leaf("fragment-limit", Number(1, 250, false)),
    Entry::leaf("reassembly-timeout", Number(1, 60, false)),
    Entry::section("session-limit", &OPTIONS_LIMIT),
    Entry::section("ignore-errors", &IGNORE_ERRORS),
]);
static OPTIONS_LIMIT: Section = Section::of(&[
    Entry::leaf("maximum", ANY_NUMBER),
    Entry::leaf("rate", ANY_NUMBER),
    Entry::leaf("cpu-load-threshold", Number(1, 100, false)),
]);
static IGNORE_ERRORS: Section = Section::of(&[Entry::flag("tcp"), Entry::flag("alg")]);
