//! Checks that need more than the configuration: 22, 23, 26, 31, 32. Where a fact is not known they say nothing.

use super::finding::{Checks, Fips};
use crate::authority::{
    mode::{Mode, decide},
    model::Authority,
    view::{Treatment, View},
};

/// Days after which an installed database is old when nobody updates it.
pub const OLD_DAYS: u32 = 30;

/// The first router that inspects.
fn inspecting<'a>(view: &View<'a>) -> Option<&'a str> {
    let routers = view.authority.router.iter();
    routers.filter(|router| decide(view, router).mode == Mode::Spoke).map(|router| router.name.as_str()).next()
}

/// 22: memory for the profiles in use. Below what is needed nothing starts; with less than a quarter more it is said.
pub fn too_little_memory(checks: &mut Checks<'_>) {
    let (Some(memory), Some(needed), Some(router)) =
        (checks.facts.memory_mib, checks.facts.needed_mib, inspecting(checks.view))
    else {
        return;
    };
    let path = ["router", router, "idp"];
    let fix = "use idp-policy critical, which needs least, or add memory";
    if memory < needed {
        checks.error(
            22,
            &path,
            &format!("{memory} MiB"),
            format!("the profiles in use need {needed} MiB of memory"),
            fix,
        );
    } else if memory < needed.saturating_add(needed / 4) {
        let why = format!("the profiles in use need {needed} MiB of memory, which leaves little for all else");
        checks.warning(22, &path, &format!("{memory} MiB"), why, fix);
    }
}

/// 23: FIPS mode, and inspection that can't run in it.
pub fn fips_in_the_way(checks: &mut Checks<'_>) {
    if let (Fips::InTheWay, Some(router)) = (checks.facts.fips, inspecting(checks.view)) {
        let why = "the system runs in FIPS mode, and inspection uses what is not allowed in it";
        let fix = format!("turn FIPS mode off and reboot, or set authority router {router} idp mode disabled");
        checks.error(23, &["router", router, "idp"], "", why, fix);
    }
}

/// 26: nobody updates an old database.
pub fn database_too_old(checks: &mut Checks<'_>) {
    let Some(age) = checks.facts.database_age_days.filter(|age| *age > OLD_DAYS) else { return };
    for router in
        checks.view.authority.router.iter().filter(|router| !router.application_identification.auto_update.enabled)
    {
        let path = ["router", router.name.as_str(), "application-identification", "auto-update", "enabled"];
        let why = format!("the installed database is {age} days old and nothing updates it");
        checks.warning(26, &path, "false", why, "set enabled true, or install a newer database");
    }
}

/// Profiles that the services a router knows name, in the order of their names.
fn profiles(view: &View<'_>, router: &str) -> Vec<String> {
    let Some(router) = view.authority.router.iter().find(|known| known.name == router) else { return Vec::new() };
    let mut names: Vec<String> = view
        .inspected(router)
        .filter_map(|(_, policy)| match policy.treatment() {
            Treatment::Policy(policy) => Some(policy.name().to_owned()),
            Treatment::Profile(name) => Some(name.to_owned()),
            Treatment::Uninspected => None,
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// 31: two nodes of a pair that would not do the same.
pub fn partner_that_differs(checks: &mut Checks<'_>) {
    for router in &checks.view.authority.router {
        let Some(partner) = checks.facts.partners.get(&router.name) else { continue };
        let path = ["router", router.name.as_str(), "idp"];
        let mode = decide(checks.view, router).mode.to_string();
        if mode != partner.mode {
            let why = format!("the other node of the pair is {}, this one would be {mode}", partner.mode);
            checks.error(31, &path, "", why, "commit the same configuration on both");
        }
        let own = profiles(checks.view, &router.name);
        if own != partner.profiles {
            let why = format!(
                "the other node of the pair inspects by {}, this one would by {}",
                shown(&partner.profiles),
                shown(&own)
            );
            checks.error(31, &path, "", why, "commit the same configuration on both");
        }
        if let Some(version) =
            checks.facts.database_version.as_ref().filter(|version| **version != partner.database_version)
        {
            let why =
                format!("the other node of the pair has database {}, this one {version}", partner.database_version);
            checks.warning(31, &path, "", why, "install the same database on both");
        }
    }
}

fn shown(names: &[String]) -> String {
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

/// 32: what is changed takes effect at a restart.
pub fn change_that_needs_a_restart(checks: &mut Checks<'_>) {
    let Some(active) = &checks.facts.active else { return };
    for router in &checks.view.authority.router {
        for node in &router.node {
            let Some(before) = known(active, &router.name, &node.name) else { continue };
            let cores =
                |node: &crate::authority::model::RouterNode| (node.forwarding_core_mode, node.forwarding_core_count);
            let devices = |node: &crate::authority::model::RouterNode| {
                node.device_interface.iter().map(|device| device.pci_address.clone()).collect::<Vec<_>>()
            };
            let mut changed = Vec::new();
            if cores(before) != cores(node) {
                changed.push("forwarding cores");
            }
            if devices(before) != devices(node) {
                changed.push("devices");
            }
            if !changed.is_empty() {
                let why = format!(
                    "{} change, which takes effect when the engine on router {} node {} is restarted",
                    changed.join(" and "),
                    router.name,
                    node.name
                );
                checks.warning(
                    32,
                    &["router", &router.name, "node", &node.name],
                    "",
                    why,
                    format!("restart the engine on router {} after the commit", router.name),
                );
            }
        }
    }
}

fn known<'a>(active: &'a Authority, router: &str, node: &str) -> Option<&'a crate::authority::model::RouterNode> {
    active.router.iter().find(|known| known.name == router)?.node.iter().find(|known| known.name == node)
}

#[cfg(test)]
mod tests {
    use super::super::{
        Facts, Fips, Partner,
        sample::{told_with, tree},
    };
    use crate::authority::Authority;

    const OFF: &str = "set authority router r idp mode disabled";

    #[test]
    fn check_22_refuses_too_little_memory_and_tells_of_little() {
        let facts = |memory| Facts { memory_mib: Some(memory), needed_mib: Some(4_000), ..Facts::default() };
        assert_eq!(
            told_with(22, "", &facts(3_999)),
            [
                "error: authority router r idp: \"3999 MiB\": the profiles in use need 4000 MiB of memory; use idp-policy critical, which needs least, or add memory"
            ]
        );
        assert_eq!(
            told_with(22, "", &facts(4_999)),
            [
                "warning: authority router r idp: \"4999 MiB\": the profiles in use need 4000 MiB of memory, which leaves little for all else; use idp-policy critical, which needs least, or add memory"
            ]
        );
        assert_eq!(told_with(22, "", &facts(5_000)), [""; 0]);
        assert_eq!(told_with(22, OFF, &facts(1)), [""; 0]);
    }

    #[test]
    fn check_23_refuses_fips_mode_that_is_in_the_way_with_the_remedy() {
        let facts = |fips| Facts { fips, ..Facts::default() };
        assert_eq!(
            told_with(23, "", &facts(Fips::InTheWay)),
            [
                "error: authority router r idp: the system runs in FIPS mode, and inspection uses what is not allowed in it; turn FIPS mode off and reboot, or set authority router r idp mode disabled"
            ]
        );
        assert_eq!(told_with(23, "", &facts(Fips::Met)), [""; 0]);
        assert_eq!(told_with(23, OFF, &facts(Fips::InTheWay)), [""; 0]);
    }

    #[test]
    fn check_26_tells_of_an_old_database_that_nobody_updates() {
        let facts = |age| Facts { database_age_days: Some(age), ..Facts::default() };
        let lines = "set authority router r application-identification auto-update enabled false";
        assert_eq!(
            told_with(26, lines, &facts(31)),
            [
                "warning: authority router r application-identification auto-update enabled: \"false\": the installed database is 31 days old and nothing updates it; set enabled true, or install a newer database"
            ]
        );
        assert_eq!(told_with(26, lines, &facts(30)), [""; 0]);
        assert_eq!(told_with(26, "", &facts(31)), [""; 0]);
    }

    #[test]
    fn check_31_refuses_a_pair_whose_nodes_would_differ() {
        let facts = |profiles: &[&str], version: &str, mode: &str| Facts {
            partners: [(
                "r".to_owned(),
                Partner {
                    profiles: profiles.iter().map(|name| (*name).to_owned()).collect(),
                    database_version: version.into(),
                    mode: mode.into(),
                },
            )]
            .into(),
            database_version: Some("7".into()),
            ..Facts::default()
        };
        assert_eq!(
            told_with(31, "", &facts(&["strict"], "6", "hub")),
            [
                "error: authority router r idp: the other node of the pair is hub, this one would be spoke; commit the same configuration on both",
                "error: authority router r idp: the other node of the pair inspects by strict, this one would by standard; commit the same configuration on both",
                "warning: authority router r idp: the other node of the pair has database 6, this one 7; install the same database on both",
            ]
            .iter()
            .map(|text| text.to_string())
            .collect::<Vec<_>>()
        );
        assert_eq!(told_with(31, "", &facts(&["standard"], "7", "spoke")), [""; 0]);
    }

    #[test]
    fn check_32_names_the_router_that_needs_a_restart() {
        let (base, _) = tree("");
        let facts = Facts { active: Some(Authority::of(&base).unwrap()), ..Facts::default() };
        assert_eq!(
            told_with(
                32,
                "set authority router r node n forwarding-core-mode manual\nset authority router r node n forwarding-core-count 3",
                &facts
            ),
            [
                "warning: authority router r node n: forwarding cores change, which takes effect when the engine on router r node n is restarted; restart the engine on router r after the commit"
            ]
        );
        assert_eq!(
            told_with(32, "set authority router r node n device-interface d pci-address 0000:03:00.0", &facts),
            [
                "warning: authority router r node n: devices change, which takes effect when the engine on router r node n is restarted; restart the engine on router r after the commit"
            ]
        );
        assert_eq!(told_with(32, "set authority service web access-policy a idp-policy strict", &facts), [""; 0]);
        assert_eq!(told_with(32, "set authority router s node n", &facts), [""; 0], "a new router is no change");
    }
}
