//! What stands below `authority`: the words of the Session Smart Router that detection and prevention touch, and ours beside them.
//!
//! Ours are in `match`: `destination-port`, `tenant`, `service` and `sid`; in a profile's rule: `expires`. All others are SSR's.
//!
//! Source: `spec/ssr-idp.md` sections 1.1 to 1.4; leaves of devices, neighborhoods, routes and transports follow the examples there.

use super::{
    kind::{Entry, List, OPEN, Section},
    types::Type::{Address, Bool, Date, Name, Number, Ports, Prefix, PrefixOrHost, Source, Text, Word},
};

/// Profiles an access policy can name.
pub const POLICIES: &[&str] = &["alert", "standard", "strict", "critical", "none"];
/// Profiles a custom one can be built on.
pub const BASES: &[&str] = &["alert", "standard", "strict", "critical"];
/// Modes of a router.
pub const MODES: &[&str] = &["auto", "disabled", "spoke", "hub"];
/// What an exception can do.
pub const ACTIONS: &[&str] = &["alert", "drop", "close-tcp-connection"];
/// Severities of attacks, from the least.
pub const SEVERITIES: &[&str] = &["info", "warning", "minor", "major", "critical"];
/// Days.
pub const DAYS: &[&str] = &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

const DESCRIPTION: Entry = Entry::leaf("description", Text);
const ENABLED: Entry = Entry::leaf("enabled", Bool);

/// `authority`
pub static AUTHORITY: Section = Section::of(&[
    Entry::leaf("name", Name),
    DESCRIPTION,
    Entry::list("tenant", &TENANT),
    Entry::list("service", &SERVICE),
    Entry::list("idp-profile", &PROFILE),
    Entry::list("syslog-policy", &SYSLOG_POLICY),
    Entry::list("anti-virus-profile", &ANTI_VIRUS),
    Entry::list("router", &ROUTER),
]);

static TENANT: List = List::named(&[DESCRIPTION, Entry::list("member", &MEMBER)]);

static MEMBER: List = List {
    keys: &[("neighborhood", Name)],
    labelled: false,
    one_line: false,
    section: Section::of(&[Entry::list_of("address", Prefix)]),
};

static SERVICE: List = List::named(&[
    DESCRIPTION,
    ENABLED,
    Entry::leaf("scope", Word(&["private", "public"])),
    Entry::leaf("security", Name),
    Entry::leaf("service-policy", Name),
    Entry::list_of("service-group", Name),
    Entry::list_of("address", PrefixOrHost),
    Entry::list_of("application-name", Text),
    Entry::list("transport", &TRANSPORT),
    Entry::list("applies-to", &APPLIES_TO),
    Entry::list("access-policy", &ACCESS_POLICY),
]);

static TRANSPORT: List = List {
    keys: &[("protocol", Word(&["tcp", "udp", "icmp", "gre", "esp", "sctp"]))],
    labelled: false,
    one_line: false,
    section: Section::of(&[Entry::list("port-range", &PORT_RANGE)]),
};

static PORT_RANGE: List = List {
    keys: &[("start-port", Number(0, 65_535, false))],
    labelled: false,
    one_line: false,
    section: Section::of(&[Entry::leaf("end-port", Number(0, 65_535, false))]),
};

static APPLIES_TO: List = List {
    keys: &[("type", Word(&["authority", "router", "router-group", "resource-group"]))],
    labelled: false,
    one_line: false,
    section: Section::of(&[
        Entry::list_of("router-name", Name),
        Entry::list_of("group-name", Name),
        Entry::list_of("resource-group", Name),
    ]),
};

static ACCESS_POLICY: List = List {
    keys: &[("source", Source)],
    labelled: false,
    one_line: false,
    section: Section::of(&[
        Entry::leaf("permission", Word(&["allow", "deny"])),
        Entry::leaf("idp-policy", Word(POLICIES)),
        Entry::leaf("idp-profile", Name),
        Entry::section("syslog", &ACCESS_SYSLOG),
        Entry::leaf("anti-virus-policy", Word(&["http-only", "default-profile", "no-ftp"])),
        Entry::leaf("anti-virus-profile", Name),
    ]),
};

static ACCESS_SYSLOG: Section = Section::of(&[Entry::leaf("syslog-policy", Name)]);

static PROFILE: List =
    List::named(&[DESCRIPTION, Entry::leaf("base-policy", Word(BASES)), Entry::list("rule", &PROFILE_RULE)]);

static PROFILE_RULE: List = List::named(&[
    DESCRIPTION,
    Entry::leaf("expires", Date),
    Entry::section("match", &RULE_MATCH),
    Entry::section("outcome", &RULE_OUTCOME),
]);

static RULE_MATCH: Section = Section::of(&[
    Entry::list_of("client-address", Prefix),
    Entry::list_of("destination-address", Prefix),
    Entry::list_of("destination-port", Ports),
    Entry::list_of("tenant", Name),
    Entry::list_of("service", Name),
    Entry::leaf("severity", Word(SEVERITIES)),
    Entry::list_of("vulnerability", Text),
    Entry::list_of("sid", Number(1, 4_294_967_295, false)),
]);

static RULE_OUTCOME: Section =
    Section::of(&[Entry::leaf("action", Word(ACTIONS)), Entry::leaf("severity", Word(SEVERITIES))]);

static SYSLOG_POLICY: List = List::named(&[
    ENABLED,
    Entry::leaf("create", Bool),
    Entry::leaf("close", Bool),
    Entry::leaf("error", Bool),
    Entry::leaf("security", Bool),
]);

static ANTI_VIRUS: List = List::named(&[
    DESCRIPTION,
    Entry::list_of("url-allowlist", Text),
    Entry::list_of("mime-allowlist", Text),
    Entry::list_of("protocol", Text),
    Entry::leaf("max-filesize", Number(0, 4_294_967_295, false)),
    Entry::leaf("fallback-action", Word(&["block", "log-and-permit", "permit"])),
]);

static ROUTER: List = List::named(&[
    DESCRIPTION,
    Entry::list_of("group", Name),
    Entry::list_of("resource-group", Name),
    Entry::section("idp", &IDP),
    Entry::section("application-identification", &IDENTIFICATION),
    Entry::section("system", &ROUTER_SYSTEM),
    Entry::section("routing", &ANYTHING),
    Entry::list("peer", &PEER),
    Entry::list("node", &NODE),
    Entry::list("service-route", &SERVICE_ROUTE),
]);

static ANYTHING: Section = OPEN;

static IDP: Section = Section::of(&[Entry::leaf("mode", Word(MODES)), Entry::leaf("bypass-enabled", Bool)]);

static IDENTIFICATION: Section = Section::of(&[
    Entry::list_of("mode", Word(&["module", "tls", "http", "all"])),
    Entry::section("auto-update", &AUTO_UPDATE),
]);

static AUTO_UPDATE: Section = Section::of(&[
    ENABLED,
    Entry::leaf("update-frequency", Word(&["daily", "weekly", "monthly"])),
    Entry::leaf("day-of-week", Word(DAYS)),
    Entry::leaf("update-time", Number(0, 23, false)),
    Entry::leaf("update-jitter", Number(0, 30, false)),
]);

static ROUTER_SYSTEM: Section =
    Section::of(&[Entry::section("syslog", &SYSLOG), Entry::section("log-category", &ANYTHING)]);

static SYSLOG: Section = Section::of(&[Entry::list("server", &SYSLOG_SERVER), Entry::section("auth", &SYSLOG_AUTH)]);

static SYSLOG_SERVER: List = List {
    keys: &[("ip-address", Address), ("port", Number(1, 65_535, false))],
    labelled: false,
    one_line: false,
    section: Section::of(&[
        Entry::leaf("protocol", Word(&["udp", "tcp", "tls"])),
        Entry::section("filter", &SYSLOG_FILTER),
        Entry::leaf("ocsp", Text),
        Entry::leaf("certificate", Name),
    ]),
};

static SYSLOG_FILTER: Section =
    Section::of(&[Entry::leaf("facility", Text), Entry::leaf("severity", Text), Entry::leaf("match", Text)]);

static SYSLOG_AUTH: Section =
    Section::of(&[Entry::list_of("include", Word(&["all", "login", "session", "config-change"]))]);

static PEER: List = List::named(&[DESCRIPTION, Entry::leaf("authority-name", Name), Entry::leaf("router-name", Name)]);

static NODE: List = List::named(&[
    DESCRIPTION,
    ENABLED,
    Entry::leaf("role", Word(&["combo", "control", "fabric"])),
    Entry::leaf("forwarding-core-mode", Word(&["automatic", "manual"])),
    Entry::leaf("forwarding-core-count", Number(1, 128, false)),
    Entry::list("device-interface", &DEVICE),
]);

static DEVICE: List = List::named(&[
    DESCRIPTION,
    ENABLED,
    Entry::leaf("type", Word(&["ethernet", "host", "pppoe", "lte", "bonded"])),
    Entry::leaf("pci-address", Text),
    Entry::leaf("shared-phys-address", Text),
    Entry::list("network-interface", &INTERFACE),
]);

static INTERFACE: List = List::named(&[
    DESCRIPTION,
    Entry::leaf("type", Word(&["external", "shared", "fabric"])),
    Entry::leaf("vlan", Number(0, 4_094, false)),
    Entry::leaf("tenant", Name),
    Entry::leaf("source-nat", Bool),
    Entry::leaf("dhcp", Word(&["disabled", "v4", "v6-pd", "v6"])),
    Entry::list("tenant-prefixes", &TENANT_PREFIXES),
    Entry::list("neighborhood", &NEIGHBORHOOD),
    Entry::list("address", &INTERFACE_ADDRESS),
]);

static TENANT_PREFIXES: List = List {
    keys: &[("tenant", Name)],
    labelled: false,
    one_line: false,
    section: Section::of(&[Entry::list_of("source-address", Prefix)]),
};

static NEIGHBORHOOD: List = List::named(&[
    Entry::leaf("topology", Word(&["mesh", "hub", "spoke"])),
    Entry::leaf("peer-connectivity", Word(&["bidirectional", "outbound-only"])),
    Entry::leaf("vector", Name),
]);

static INTERFACE_ADDRESS: List = List {
    keys: &[("ip-address", Address)],
    labelled: false,
    one_line: false,
    section: Section::of(&[Entry::leaf("prefix-length", Number(0, 128, false)), Entry::leaf("gateway", Address)]),
};

static SERVICE_ROUTE: List = List::named(&[
    DESCRIPTION,
    Entry::leaf("service-name", Name),
    Entry::leaf("peer", Name),
    Entry::leaf("nat-target", Text),
    Entry::list("next-hop", &NEXT_HOP),
    Entry::section("host", &ANYTHING),
]);

static NEXT_HOP: List = List {
    keys: &[("node-name", Name), ("interface", Name)],
    labelled: false,
    one_line: false,
    section: Section::of(&[Entry::leaf("gateway-ip", Address), Entry::leaf("target-address", Address)]),
};
