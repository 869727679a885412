//! The typed model of `authority`.
//!
//! Made by serde of a tree without its inactive parts ([`Authority::of`]); asked by the checks, by the decision about the mode, and later by policy. Fields
//! bear the names of the key words; a default is the one the specification gives.
//!
//! Source: `spec/ssr-idp.md` section 1.1.
#![allow(missing_docs, reason = "fields and variants bear the names of the key words and of their values")]

use super::{
    de::{Level, ModelError},
    value::{self, Ports, Prefix, ServiceAddress, Source},
};
use crate::tree::{
    Tree,
    schema::{Kind, ROOT},
};
use serde::Deserialize;
use sluice_core::{Action, Severity};
use std::net::IpAddr;

/// `authority`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Authority {
    pub name: String,
    pub tenant: Vec<Tenant>,
    pub service: Vec<Service>,
    pub idp_profile: Vec<Profile>,
    pub syslog_policy: Vec<SyslogPolicy>,
    pub router: Vec<Router>,
}

/// `tenant`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Tenant {
    pub name: String,
    pub member: Vec<Member>,
}

/// `tenant > member`: networks of the tenant behind the interfaces of a neighborhood.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Member {
    pub neighborhood: String,
    pub address: Vec<Prefix>,
}

/// `service`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Service {
    pub name: String,
    pub enabled: bool,
    pub address: Vec<ServiceAddress>,
    pub transport: Vec<Transport>,
    pub applies_to: Vec<AppliesTo>,
    pub access_policy: Vec<AccessPolicy>,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            name: String::new(),
            enabled: true,
            address: Vec::new(),
            transport: Vec::new(),
            applies_to: Vec::new(),
            access_policy: Vec::new(),
        }
    }
}

/// `service > transport`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Transport {
    pub protocol: String,
    pub port_range: Vec<PortRange>,
}

/// `service > transport > port-range`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct PortRange {
    pub start_port: u16,
    pub end_port: Option<u16>,
}

/// `service > applies-to`: routers that know the service. Without any, all do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct AppliesTo {
    pub r#type: String,
    pub router_name: Vec<String>,
    pub group_name: Vec<String>,
    pub resource_group: Vec<String>,
}

/// `service > access-policy`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct AccessPolicy {
    pub source: Source,
    pub permission: Permission,
    pub idp_policy: Option<Policy>,
    pub idp_profile: Option<String>,
    pub syslog: AccessSyslog,
}

/// `access-policy > syslog`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct AccessSyslog {
    pub syslog_policy: Option<String>,
}

/// `permission`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    #[default]
    Allow,
    Deny,
}

/// A profile that comes with the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    Alert,
    Standard,
    Strict,
    Critical,
    None,
}

/// `idp-profile`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Profile {
    pub name: String,
    /// None: *standard*.
    pub base_policy: Option<Policy>,
    pub rule: Vec<ProfileRule>,
}

/// `idp-profile > rule`: an exception. In their order, the first that matches decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ProfileRule {
    pub name: String,
    /// Seconds since 1970 from which on it has no effect.
    #[serde(deserialize_with = "value::date")]
    pub expires: Option<u64>,
    pub r#match: RuleMatch,
    pub outcome: Outcome,
}

/// `rule > match`: within one kind any, among kinds all. What is not given matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RuleMatch {
    pub client_address: Vec<Prefix>,
    pub destination_address: Vec<Prefix>,
    pub destination_port: Vec<Ports>,
    pub tenant: Vec<String>,
    pub service: Vec<String>,
    /// This and above.
    #[serde(deserialize_with = "value::severity")]
    pub severity: Option<Severity>,
    pub vulnerability: Vec<String>,
    pub sid: Vec<u32>,
}

/// `rule > outcome`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Outcome {
    #[serde(deserialize_with = "value::action")]
    pub action: Option<Action>,
    /// What the event says instead of the rule's own severity.
    #[serde(deserialize_with = "value::severity")]
    pub severity: Option<Severity>,
}

/// `syslog-policy`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct SyslogPolicy {
    pub name: String,
    pub enabled: bool,
    pub create: bool,
    pub close: bool,
    pub error: bool,
    pub security: bool,
    /// Whether `security` was written, and not the default.
    #[serde(skip)]
    pub says_security: bool,
}

impl Default for SyslogPolicy {
    fn default() -> Self {
        let name = String::new();
        Self { name, enabled: true, create: false, close: true, error: true, security: true, says_security: false }
    }
}

/// `router`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Router {
    pub name: String,
    pub group: Vec<String>,
    pub resource_group: Vec<String>,
    pub idp: Idp,
    pub application_identification: Identification,
    pub peer: Vec<Peer>,
    pub node: Vec<RouterNode>,
    pub service_route: Vec<ServiceRoute>,
}

/// `router > idp`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Idp {
    pub mode: IdpMode,
    pub bypass_enabled: bool,
}

impl Default for Idp {
    fn default() -> Self {
        Self { mode: IdpMode::Auto, bypass_enabled: true }
    }
}

/// `router > idp > mode`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdpMode {
    #[default]
    Auto,
    Disabled,
    Spoke,
    Hub,
}

/// `router > application-identification`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Identification {
    pub mode: Vec<String>,
    pub auto_update: AutoUpdate,
}

/// `application-identification > auto-update`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct AutoUpdate {
    pub enabled: bool,
    pub update_frequency: Frequency,
    pub day_of_week: Option<String>,
    /// Hour, local time.
    pub update_time: u8,
    /// Minutes.
    pub update_jitter: u8,
}

impl Default for AutoUpdate {
    fn default() -> Self {
        let update_frequency = Frequency::Weekly;
        Self { enabled: true, update_frequency, day_of_week: None, update_time: 2, update_jitter: 15 }
    }
}

/// `update-frequency`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Frequency {
    Daily,
    Weekly,
    Monthly,
}

/// `router > peer`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Peer {
    pub name: String,
    pub authority_name: Option<String>,
    pub router_name: Option<String>,
}

/// `router > node`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RouterNode {
    pub name: String,
    pub enabled: bool,
    pub forwarding_core_mode: CoreMode,
    pub forwarding_core_count: Option<u16>,
    pub device_interface: Vec<Device>,
}

impl Default for RouterNode {
    fn default() -> Self {
        Self {
            name: String::new(),
            enabled: true,
            forwarding_core_mode: CoreMode::Automatic,
            forwarding_core_count: None,
            device_interface: Vec::new(),
        }
    }
}

/// `forwarding-core-mode`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CoreMode {
    #[default]
    Automatic,
    Manual,
}

/// `node > device-interface`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Device {
    pub name: String,
    pub pci_address: Option<String>,
    pub network_interface: Vec<Interface>,
}

/// `device-interface > network-interface`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Interface {
    pub name: String,
    pub tenant: Option<String>,
    pub source_nat: bool,
    pub tenant_prefixes: Vec<TenantPrefixes>,
    pub neighborhood: Vec<Neighborhood>,
    pub address: Vec<InterfaceAddress>,
}

/// `network-interface > tenant-prefixes`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct TenantPrefixes {
    pub tenant: String,
    pub source_address: Vec<Prefix>,
}

/// `network-interface > neighborhood`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Neighborhood {
    pub name: String,
    pub topology: Option<String>,
}

/// `network-interface > address`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct InterfaceAddress {
    pub ip_address: IpAddr,
    pub prefix_length: Option<u8>,
    pub gateway: Option<IpAddr>,
}

impl Default for InterfaceAddress {
    fn default() -> Self {
        Self { ip_address: IpAddr::from([0, 0, 0, 0]), prefix_length: None, gateway: None }
    }
}

/// `router > service-route`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ServiceRoute {
    pub name: String,
    pub service_name: String,
    pub peer: Option<String>,
    pub next_hop: Vec<NextHop>,
}

/// `service-route > next-hop`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct NextHop {
    pub node_name: String,
    pub interface: String,
}

impl Authority {
    /// What `tree` says under `authority`, without what is inactive; the default where it says nothing.
    ///
    /// # Errors
    /// [`ModelError`] where schema and model disagree.
    pub fn of(tree: &Tree) -> Result<Self, ModelError> {
        let tree = tree.active();
        let Some(node) = tree.find(&["authority"]) else { return Ok(Self::default()) };
        let Some(Kind::Section(section)) = ROOT.find("authority").map(|entry| entry.kind) else {
            return Err(ModelError("there is no authority in the table of words".into()));
        };
        let mut authority = Self::deserialize(Level::new(node.children(), section))?;
        for policy in &mut authority.syslog_policy {
            policy.says_security = tree.find(&["authority", "syslog-policy", &policy.name, "security"]).is_some();
        }
        Ok(authority)
    }
}
