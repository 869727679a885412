//! What is asked of the model again and again: who is inspected where, and which networks a tenant has behind which interface.
//!
//! Made once for a model ([`View::of`]); used by the checks and by the decision about the mode.
//!
//! An interface is a *peering* one if a neighborhood of it has a topology or an interface of another router is in the same one: that is how routers of this kind
//! find each other. All others are *local*.
//!
//! Sources: `spec/ssr-idp.md` sections 1.1, 1.3, 2 and 4 (checks 3 and 34).

use super::{
    model::{
        AccessPolicy, Authority, IdpMode, Interface, Member, Permission, Policy, Profile, Router, RouterNode, Service,
        ServiceRoute,
    },
    value::{Prefix, Source},
};
use sluice_core::Severity;
use std::collections::{HashMap, HashSet};

/// How an access policy wants its sessions inspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment<'a> {
    /// Not at all.
    Uninspected,
    /// By a profile that comes with the product.
    Policy(Policy),
    /// By a custom profile.
    Profile(&'a str),
}

impl AccessPolicy {
    /// What it asks for. Where it names both, which check 7 refuses, the custom profile counts.
    pub fn treatment(&self) -> Treatment<'_> {
        match (&self.idp_profile, self.idp_policy) {
            (Some(profile), _) => Treatment::Profile(profile),
            (None, None | Some(Policy::None)) => Treatment::Uninspected,
            (None, Some(policy)) => Treatment::Policy(policy),
        }
    }

    /// Whether it names a profile or policy other than `none`.
    pub fn asks(&self) -> bool {
        self.treatment() != Treatment::Uninspected
    }

    /// Whether sessions are admitted by it and inspected.
    pub fn inspects(&self) -> bool {
        self.permission == Permission::Allow && self.asks()
    }
}

impl Policy {
    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Standard => "standard",
            Self::Strict => "strict",
            Self::Critical => "critical",
            Self::None => "none",
        }
    }

    /// Whether it stops attacks of this severity (section 3.5 of the specification, without its classes of attacks).
    pub fn stops(self, severity: Severity) -> bool {
        match self {
            Self::Alert | Self::None => false,
            Self::Standard => severity >= Severity::High,
            Self::Strict => severity >= Severity::Medium,
            Self::Critical => severity == Severity::Critical,
        }
    }
}

impl Profile {
    /// What it is built on: *standard* unless it says so.
    pub fn base(&self) -> Policy {
        self.base_policy.unwrap_or(Policy::Standard)
    }
}

impl Router {
    /// Its interfaces, with their node.
    pub fn interfaces(&self) -> impl Iterator<Item = (&RouterNode, &str, &Interface)> {
        self.node.iter().flat_map(|node| {
            node.device_interface.iter().flat_map(move |device| {
                device.network_interface.iter().map(move |interface| (node, device.name.as_str(), interface))
            })
        })
    }

    /// Its routes for a service.
    pub fn routes<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a ServiceRoute> {
        self.service_route.iter().filter(move |route| route.service_name == service)
    }
}

impl Service {
    /// Whether `router` knows it.
    pub fn is_known_to(&self, router: &Router) -> bool {
        self.applies_to.is_empty()
            || self.applies_to.iter().any(|to| match to.r#type.as_str() {
                "authority" => true,
                "router" => to.router_name.contains(&router.name),
                "router-group" => to.group_name.iter().any(|group| router.group.contains(group)),
                "resource-group" => to.resource_group.iter().any(|group| router.resource_group.contains(group)),
                _ => false,
            })
    }

    /// Its access policies that admit and inspect.
    pub fn inspecting(&self) -> impl Iterator<Item = &AccessPolicy> {
        self.access_policy.iter().filter(|policy| policy.inspects())
    }
}

/// A network of a tenant behind a local interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// The network.
    pub network: Prefix,
    /// The interface.
    pub interface: &'a str,
}

/// A model and what was found out about it once.
#[derive(Debug)]
pub struct View<'a> {
    /// The model.
    pub authority: &'a Authority,
    /// Neighborhoods that more than one router is in.
    shared: HashSet<&'a str>,
    services: HashMap<&'a str, &'a Service>,
    profiles: HashMap<&'a str, &'a Profile>,
    /// Members of tenants by neighborhood.
    members: HashMap<&'a str, Vec<(&'a str, &'a Member)>>,
}

impl<'a> View<'a> {
    /// What can be found out about a model.
    pub fn of(authority: &'a Authority) -> Self {
        let mut first: HashMap<&str, &str> = HashMap::new();
        let mut shared = HashSet::new();
        for router in &authority.router {
            for (_, _, interface) in router.interfaces() {
                for neighborhood in &interface.neighborhood {
                    if *first.entry(&neighborhood.name).or_insert(&router.name) != router.name {
                        shared.insert(neighborhood.name.as_str());
                    }
                }
            }
        }
        let services = authority.service.iter().map(|service| (service.name.as_str(), service)).collect();
        let profiles = authority.idp_profile.iter().map(|profile| (profile.name.as_str(), profile)).collect();
        let mut members: HashMap<&str, Vec<_>> = HashMap::new();
        for tenant in &authority.tenant {
            for member in &tenant.member {
                members.entry(&member.neighborhood).or_default().push((tenant.name.as_str(), member));
            }
        }
        Self { authority, shared, services, profiles, members }
    }

    /// The service of a name.
    pub fn service(&self, name: &str) -> Option<&'a Service> {
        self.services.get(name).copied()
    }

    /// The profile of a name.
    pub fn profile(&self, name: &str) -> Option<&'a Profile> {
        self.profiles.get(name).copied()
    }

    /// The service above a service: the one whose name is what stands behind the first dots of its own, as `example` is above `www.example`.
    pub fn parent(&self, service: &Service) -> Option<&'a Service> {
        let dots = service.name.match_indices('.').map(|(at, _)| at);
        dots.filter_map(|at| service.name.get(at + 1..)).find_map(|above| self.service(above))
    }

    /// Whether other routers are behind an interface.
    pub fn is_peering(&self, interface: &Interface) -> bool {
        interface
            .neighborhood
            .iter()
            .any(|neighborhood| neighborhood.topology.is_some() || self.shared.contains(neighborhood.name.as_str()))
    }

    /// Whether a router has others to forward to.
    pub fn has_peers(&self, router: &Router) -> bool {
        !router.peer.is_empty() || router.interfaces().any(|(_, _, interface)| self.is_peering(interface))
    }

    /// Networks of tenants behind an interface.
    pub fn networks(&self, interface: &'a Interface) -> Vec<Local<'a>> {
        let mut found = Vec::new();
        let mut add = |tenant: &'a str, networks: &[Prefix]| {
            found.extend(networks.iter().map(|&network| Local { tenant, network, interface: &interface.name }));
        };
        for prefixes in &interface.tenant_prefixes {
            add(&prefixes.tenant, &prefixes.source_address);
        }
        for neighborhood in &interface.neighborhood {
            for (tenant, member) in self.members.get(neighborhood.name.as_str()).into_iter().flatten() {
                add(tenant, &member.address);
            }
        }
        found
    }

    /// Networks of tenants behind the local interfaces of a router.
    pub fn local(&self, router: &'a Router) -> Vec<Local<'a>> {
        let interfaces = router.interfaces().filter(|(_, _, interface)| !self.is_peering(interface));
        interfaces.flat_map(|(_, _, interface)| self.networks(interface)).collect()
    }

    /// The local interface of `router` that sessions of `source` come in by, and the tenant or network they are of. A tenant needs a network that is not all
    /// there is; a network given in the policy needs an address of the interface in it.
    pub fn door(&self, router: &'a Router, source: &Source) -> Option<(String, &'a str)> {
        let Some(tenant) = source.tenant() else {
            let network = source.network()?;
            let inside = |interface: &Interface| {
                interface.address.iter().any(|address| {
                    let length = address.prefix_length.unwrap_or(if address.ip_address.is_ipv4() { 32 } else { 128 });
                    Prefix::new(address.ip_address, length).is_some_and(|own| own.overlaps(network))
                })
            };
            let mut interfaces = router.interfaces().filter(|(_, _, interface)| !self.is_peering(interface));
            return interfaces
                .find(|(_, _, interface)| inside(interface))
                .map(|(_, _, interface)| (network.to_string(), interface.name.as_str()));
        };
        self.local(router)
            .into_iter()
            .find(|local| {
                local.tenant == tenant
                    && !local.network.is_all()
                    && source.network().is_none_or(|network| network.overlaps(local.network))
            })
            .map(|local| (tenant.to_owned(), local.interface))
    }

    /// Services and access policies that `router` has to inspect.
    pub fn inspected(&self, router: &'a Router) -> impl Iterator<Item = (&'a Service, &'a AccessPolicy)> {
        let known = self.authority.service.iter().filter(|service| service.enabled && service.is_known_to(router));
        known.flat_map(|service| service.inspecting().map(move |policy| (service, policy)))
    }

    /// Routers that are not forbidden to inspect.
    pub fn able(&self) -> impl Iterator<Item = &'a Router> {
        self.authority.router.iter().filter(|router| router.idp.mode != IdpMode::Disabled)
    }
}
