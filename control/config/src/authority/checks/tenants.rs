//! Checks of tenants and their networks: 3, 4, 5, 6, 34.
//!
//! Inspection needs to know whose an address is: by `tenant-prefixes` of an interface, or by a member of the tenant in a neighborhood of an interface.

use super::finding::Checks;
use crate::authority::{
    model::{Interface, Router, RouterNode},
    view::{Local, Treatment},
};
use std::collections::{BTreeMap, HashSet};

/// Tenants that are inspected, and the service and source that say so first. A source that names a network needs none of the tenant.
fn inspected<'a>(checks: &Checks<'a>) -> BTreeMap<&'a str, (&'a str, String)> {
    let mut tenants = BTreeMap::new();
    for service in &checks.view.authority.service {
        for policy in service.inspecting().filter(|policy| policy.source.network().is_none()) {
            if let Some(tenant) = policy.source.tenant() {
                tenants.entry(tenant).or_insert((service.name.as_str(), policy.source.to_string()));
            }
        }
    }
    tenants
}

fn interfaces<'a>(checks: &Checks<'a>) -> impl Iterator<Item = (&'a Router, &'a RouterNode, &'a str, &'a Interface)> {
    let routers = checks.view.authority.router.iter();
    routers
        .flat_map(|router| router.interfaces().map(move |(node, device, interface)| (router, node, device, interface)))
}

/// The path of an interface.
fn path<'p>(router: &'p Router, node: &'p RouterNode, device: &'p str, interface: &'p Interface) -> Vec<&'p str> {
    vec!["router", &router.name, "node", &node.name, "device-interface", device, "network-interface", &interface.name]
}

/// Tenants that have a network somewhere.
fn with_network<'a>(checks: &Checks<'a>) -> HashSet<&'a str> {
    interfaces(checks).flat_map(|(.., interface)| checks.view.networks(interface)).map(|local| local.tenant).collect()
}

/// Tenants that an interface names without a network, with the first such interface.
fn alone<'a>(checks: &Checks<'a>) -> BTreeMap<&'a str, (&'a Router, &'a RouterNode, &'a str, &'a Interface)> {
    let mut found = BTreeMap::new();
    for (router, node, device, interface) in interfaces(checks) {
        if let Some(tenant) = &interface.tenant {
            found.entry(tenant.as_str()).or_insert((router, node, device, interface));
        }
    }
    found
}

/// 3: a tenant that is inspected has a network.
pub fn tenant_without_a_network(checks: &mut Checks<'_>) {
    let (known, alone) = (with_network(checks), alone(checks));
    for (tenant, (service, source)) in inspected(checks) {
        // An interface that names the tenant alone is check 34, which says more.
        if known.contains(tenant) || alone.contains_key(tenant) {
            continue;
        }
        let why = "it is inspected, and no interface has tenant-prefixes or a member with addresses for it, so no session is known to be its own";
        let fix = format!("set tenant-prefixes {tenant} source-address PREFIX on the network-interface it comes in by");
        checks.error(3, &["service", service, "access-policy", &source], tenant, why, fix);
    }
}

/// 34: `tenant` on an interface says who, and not which addresses.
pub fn interface_with_a_tenant_alone(checks: &mut Checks<'_>) {
    let (known, alone) = (with_network(checks), alone(checks));
    for tenant in inspected(checks).into_keys().filter(|tenant| !known.contains(tenant)) {
        let Some((router, node, device, interface)) = alone.get(tenant) else { continue };
        let mut path = path(router, node, device, interface);
        path.push("tenant");
        let prefix = interface.address.first().map_or("PREFIX".to_owned(), |address| {
            let length = address.prefix_length.unwrap_or(if address.ip_address.is_ipv4() { 32 } else { 128 });
            crate::authority::value::Prefix::new(address.ip_address, length)
                .map_or("PREFIX".into(), |own| own.to_string())
        });
        let why = "the interface names the tenant without its addresses, and inspection needs those";
        let fix = format!("set tenant-prefixes {tenant} source-address {prefix} on this interface");
        checks.error(34, &path, tenant, why, fix);
    }
}

/// 4: an entry of tenant-prefixes has addresses.
pub fn tenant_prefixes_without_an_address(checks: &mut Checks<'_>) {
    for (router, node, device, interface) in interfaces(checks).collect::<Vec<_>>() {
        for prefixes in interface.tenant_prefixes.iter().filter(|prefixes| prefixes.source_address.is_empty()) {
            let mut path = path(router, node, device, interface);
            path.extend(["tenant-prefixes", prefixes.tenant.as_str()]);
            checks.error(4, &path, "", "it holds no source-address", "set source-address PREFIX in it, or delete it");
        }
    }
}

/// 5: all addresses are no network.
pub fn network_of_all_addresses(checks: &mut Checks<'_>) {
    let inspected = inspected(checks);
    for (router, node, device, interface) in interfaces(checks).collect::<Vec<_>>() {
        for prefixes in
            interface.tenant_prefixes.iter().filter(|prefixes| inspected.contains_key(prefixes.tenant.as_str()))
        {
            for all in prefixes.source_address.iter().filter(|network| network.is_all()) {
                let mut path = path(router, node, device, interface);
                path.extend(["tenant-prefixes", prefixes.tenant.as_str(), "source-address"]);
                let why = "a network of all addresses does not tell the tenant from others, and does not count as behind this interface";
                checks.warning(5, &path, &all.to_string(), why, "give the networks the tenant has");
            }
        }
    }
}

/// What is asked for a tenant, by service.
fn treatments<'a>(checks: &Checks<'a>, tenant: &str) -> Vec<(&'a str, Treatment<'a>)> {
    let services = checks.view.authority.service.iter();
    services
        .flat_map(|service| service.inspecting().map(move |policy| (service, policy)))
        .filter(|(_, policy)| policy.source.tenant() == Some(tenant))
        .map(|(service, policy)| (service.name.as_str(), policy.treatment()))
        .collect()
}

/// 6: an address behind an interface belongs to one tenant, where that makes a difference.
pub fn networks_that_overlap(checks: &mut Checks<'_>) {
    for (router, node, device, interface) in interfaces(checks).collect::<Vec<_>>() {
        let networks = checks.view.networks(interface);
        let mut told = HashSet::new();
        for (at, second) in networks.iter().enumerate() {
            let before: Vec<&Local<'_>> = networks.iter().take(at).collect();
            for first in before {
                if first.tenant == second.tenant
                    || !first.network.overlaps(second.network)
                    || treatments(checks, first.tenant) == treatments(checks, second.tenant)
                    || !told.insert((first.tenant, second.tenant))
                {
                    continue;
                }
                let mut path = path(router, node, device, interface);
                path.extend(["tenant-prefixes", second.tenant, "source-address"]);
                let why = format!(
                    "it overlaps {} of tenant {}, which is inspected in another way, so it is open how an address in both is",
                    first.network, first.tenant
                );
                let fix = format!("divide the networks, or inspect {} and {} alike", first.tenant, second.tenant);
                checks.error(6, &path, &second.network.to_string(), why, fix);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::told;

    const LAN: &str = "authority router r node n device-interface d network-interface lan";

    #[test]
    fn check_3_refuses_an_inspected_tenant_without_a_network() {
        assert_eq!(
            told(3, &format!("delete {LAN} tenant-prefixes a")),
            [
                "error: authority service web access-policy a: \"a\": it is inspected, and no interface has tenant-prefixes or a member with addresses for it, so no session is known to be its own; set tenant-prefixes a source-address PREFIX on the network-interface it comes in by"
            ]
        );
        // Not inspected, by a member, and with the network in the policy itself.
        assert_eq!(told(3, &format!("delete {LAN} tenant-prefixes b")), [""; 0]);
        let member = format!(
            "delete {LAN} tenant-prefixes a\nset {LAN} neighborhood home\nset authority tenant a member home address 10.1.0.0/16"
        );
        assert_eq!(told(3, &member), [""; 0]);
        let given = format!(
            "delete {LAN} tenant-prefixes a\ndelete authority service web access-policy a\nset authority service web access-policy a@10.1.0.0/16 idp-policy strict"
        );
        assert_eq!(told(3, &given), [""; 0]);
        // A member in a neighborhood that no interface is in has no way in.
        assert_eq!(
            told(3, &format!("delete {LAN} tenant-prefixes a\nset authority tenant a member home address 10.1.0.0/16"))
                .len(),
            1
        );
    }

    #[test]
    fn check_34_refuses_an_interface_that_names_the_tenant_alone_and_spells_out_the_fix() {
        let lines = format!("delete {LAN} tenant-prefixes a\nset {LAN} tenant a");
        assert_eq!(
            told(34, &lines),
            [
                "error: authority router r node n device-interface d network-interface lan tenant: \"a\": the interface names the tenant without its addresses, and inspection needs those; set tenant-prefixes a source-address 10.1.0.0/16 on this interface"
            ]
        );
        assert_eq!(told(3, &lines), [""; 0], "one problem, not two");
        assert_eq!(told(34, &format!("set {LAN} tenant a")), [""; 0]);
        assert_eq!(told(34, &format!("delete {LAN} tenant-prefixes b\nset {LAN} tenant b")), [""; 0]);
    }

    #[test]
    fn check_4_refuses_tenant_prefixes_without_an_address() {
        assert_eq!(
            told(4, &format!("set {LAN} tenant-prefixes c")),
            [
                "error: authority router r node n device-interface d network-interface lan tenant-prefixes c: it holds no source-address; set source-address PREFIX in it, or delete it"
            ]
        );
        assert_eq!(told(4, &format!("set {LAN} tenant-prefixes c source-address 10.3.0.0/16")), [""; 0]);
    }

    #[test]
    fn check_5_tells_of_all_addresses_for_an_inspected_tenant() {
        for all in ["0.0.0.0/0", "::/0"] {
            assert_eq!(
                told(5, &format!("set {LAN} tenant-prefixes a source-address {all}")),
                [format!(
                    "warning: authority router r node n device-interface d network-interface lan tenant-prefixes a source-address: \"{all}\": a network of all addresses does not tell the tenant from others, and does not count as behind this interface; give the networks the tenant has"
                )]
            );
        }
        assert_eq!(told(5, &format!("set {LAN} tenant-prefixes b source-address 0.0.0.0/0")), [""; 0]);
        assert_eq!(told(5, &format!("set {LAN} tenant-prefixes a source-address 10.0.0.0/8")), [""; 0]);
    }

    #[test]
    fn check_6_refuses_networks_of_two_tenants_that_overlap_and_are_inspected_in_other_ways() {
        let lines = format!("set {LAN} tenant-prefixes b source-address 10.1.9.0/24");
        assert_eq!(
            told(6, &lines),
            [
                "error: authority router r node n device-interface d network-interface lan tenant-prefixes b source-address: \"10.1.9.0/24\": it overlaps 10.1.0.0/16 of tenant a, which is inspected in another way, so it is open how an address in both is; divide the networks, or inspect a and b alike"
            ]
        );
        assert_eq!(
            told(6, &format!("{lines}\nset authority service web access-policy b idp-policy standard")),
            [""; 0]
        );
        assert_eq!(told(6, &lines.replace("lan", "wan")), [""; 0]);
        assert_eq!(told(6, &format!("set {LAN} tenant-prefixes b source-address 2001:db8::/32")), [""; 0]);
    }
}
