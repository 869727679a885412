//! Checks of routers: 19, 20, 21, 24, 25, and the part of 27 that concerns two leaves.

use super::finding::Checks;
use crate::authority::{
    model::{CoreMode, Frequency, IdpMode, Policy, Router},
    view::Treatment,
};

/// The first session that `router` lets in by a local interface and that asks for inspection: its tenant, interface, and service.
fn local<'a>(checks: &Checks<'a>, router: &'a Router) -> Option<(String, &'a str, &'a str)> {
    checks.view.inspected(router).find_map(|(service, policy)| {
        let (tenant, interface) = checks.view.door(router, &policy.source)?;
        Some((tenant, interface, service.name.as_str()))
    })
}

/// 19: a mode under which sessions that ask for inspection pass without.
pub fn mode_that_leaves_sessions_uninspected(checks: &mut Checks<'_>) {
    for router in &checks.view.authority.router {
        let path = ["router", router.name.as_str(), "idp", "mode"];
        match router.idp.mode {
            IdpMode::Hub => {
                let Some((tenant, interface, service)) = local(checks, router) else { continue };
                let why = format!(
                    "sessions of {tenant} on {interface} to service {service} ask for inspection, and a hub does not inspect"
                );
                checks.warning(19, &path, "hub", why, "set mode auto");
            }
            IdpMode::Disabled => {
                let Some((service, policy)) = checks.view.inspected(router).next() else { continue };
                let why = format!(
                    "sessions of {} to service {} ask for inspection and pass this router without",
                    policy.source, service.name
                );
                checks.warning(19, &path, "disabled", why, "set mode auto, or delete the inspection");
            }
            IdpMode::Auto | IdpMode::Spoke => {}
        }
    }
}

/// 20: a spoke that has nothing to inspect.
pub fn spoke_without_a_tenant(checks: &mut Checks<'_>) {
    for router in checks.view.authority.router.iter().filter(|router| router.idp.mode == IdpMode::Spoke) {
        if local(checks, router).is_none() {
            let why =
                "no tenant that is inspected is behind an interface of this router, so cores are held for nothing";
            checks.warning(20, &["router", &router.name, "idp", "mode"], "spoke", why, "set mode auto");
        }
    }
}

/// 21: a core for forwarding and one for inspection.
pub fn no_core_for_inspection(checks: &mut Checks<'_>) {
    for router in checks.view.able() {
        if !matches!(router.idp.mode, IdpMode::Spoke) && local(checks, router).is_none() {
            continue;
        }
        for node in router.node.iter().filter(|node| node.forwarding_core_mode == CoreMode::Manual) {
            let path = ["router", router.name.as_str(), "node", &node.name, "forwarding-core-count"];
            match (node.forwarding_core_count, checks.facts.processors) {
                (Some(count), _) if count < 2 => {
                    let why = "it counts the core of inspection too, and leaves none for that";
                    checks.error(
                        21,
                        &path,
                        &count.to_string(),
                        why,
                        "set forwarding-core-count 2 or more, or forwarding-core-mode automatic",
                    );
                }
                // One core is the control core's.
                (Some(count), Some(processors)) if count >= processors => {
                    let why =
                        format!("the machine has {processors} processors, of which one is left to the control core");
                    let most = processors.saturating_sub(1).max(2);
                    checks.error(
                        21,
                        &path,
                        &count.to_string(),
                        why,
                        format!("set forwarding-core-count {most} or less, or forwarding-core-mode automatic"),
                    );
                }
                (Some(_), _) => {}
                (None, _) => {
                    let path = ["router", router.name.as_str(), "node", &node.name, "forwarding-core-mode"];
                    checks.error(
                        21,
                        &path,
                        "manual",
                        "no forwarding-core-count says how many cores there are for inspection",
                        "set forwarding-core-count 2 or more, or forwarding-core-mode automatic",
                    );
                }
            }
        }
    }
}

/// 24: *strict* with a window in which nothing is inspected.
pub fn bypass_with_strict(checks: &mut Checks<'_>) {
    for router in checks.view.able().filter(|router| router.idp.bypass_enabled && router.idp.mode != IdpMode::Hub) {
        let strict = checks.view.inspected(router).find(|(_, policy)| match policy.treatment() {
            Treatment::Policy(policy) => policy == Policy::Strict,
            Treatment::Profile(name) => {
                checks.view.profile(name).is_some_and(|profile| profile.base() == Policy::Strict)
            }
            Treatment::Uninspected => false,
        });
        let Some((service, policy)) = strict else { continue };
        if router.idp.mode == IdpMode::Auto && checks.view.door(router, &policy.source).is_none() {
            continue;
        }
        let why = format!(
            "sessions of {} to service {} are to be inspected strictly, and pass without while the engine starts",
            policy.source, service.name
        );
        checks.warning(
            24,
            &["router", &router.name, "idp", "bypass-enabled"],
            "true",
            why,
            "set bypass-enabled false, or leave it so and count the window",
        );
    }
}

/// 25: no bypass, and no other node.
pub fn no_bypass_and_no_partner(checks: &mut Checks<'_>) {
    for router in checks.view.able().filter(|router| !router.idp.bypass_enabled && router.idp.mode != IdpMode::Hub) {
        if router.node.iter().filter(|node| node.enabled).count() < 2 {
            let why = "the router has one node, so traffic waits or is dropped while the engine starts";
            checks.warning(
                25,
                &["router", &router.name, "idp", "bypass-enabled"],
                "false",
                why,
                "leave it so, set bypass-enabled true, or add a second node",
            );
        }
    }
}

/// 27, its second part: a day belongs to a week.
pub fn day_without_a_week(checks: &mut Checks<'_>) {
    for router in &checks.view.authority.router {
        let update = &router.application_identification.auto_update;
        if let (Some(day), Frequency::Daily | Frequency::Monthly) = (&update.day_of_week, update.update_frequency) {
            let path = ["router", router.name.as_str(), "application-identification", "auto-update", "day-of-week"];
            checks.error(
                27,
                &path,
                day,
                "a day of the week has a meaning for weekly updates alone",
                "delete day-of-week, or set update-frequency weekly",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Facts,
        sample::{told, told_with},
    };

    const R: &str = "authority router r";

    #[test]
    fn check_19_tells_of_a_mode_that_leaves_sessions_uninspected() {
        assert_eq!(
            told(19, &format!("set {R} idp mode hub")),
            [
                "warning: authority router r idp mode: \"hub\": sessions of a on lan to service web ask for inspection, and a hub does not inspect; set mode auto"
            ]
        );
        assert_eq!(
            told(19, &format!("set {R} idp mode disabled")),
            [
                "warning: authority router r idp mode: \"disabled\": sessions of a to service web ask for inspection and pass this router without; set mode auto, or delete the inspection"
            ]
        );
        assert_eq!(told(19, &format!("set {R} idp mode spoke")), [""; 0]);
        assert_eq!(
            told(19, &format!("set {R} idp mode hub\nset authority service web access-policy a idp-policy none")),
            [""; 0]
        );
        assert_eq!(told(19, "set authority router s idp mode hub"), [""; 0]);
    }

    #[test]
    fn check_20_tells_of_a_spoke_without_a_tenant() {
        assert_eq!(
            told(20, "set authority router s idp mode spoke"),
            [
                "warning: authority router s idp mode: \"spoke\": no tenant that is inspected is behind an interface of this router, so cores are held for nothing; set mode auto"
            ]
        );
        assert_eq!(told(20, &format!("set {R} idp mode spoke")), [""; 0]);
        assert_eq!(told(20, "set authority router s idp mode auto"), [""; 0]);
    }

    #[test]
    fn check_21_refuses_a_count_that_leaves_no_core_for_inspection() {
        let manual = format!("set {R} node n forwarding-core-mode manual\n");
        let count = |count: u16| format!("{manual}set {R} node n forwarding-core-count {count}\n");
        assert_eq!(
            told(21, &count(1)),
            [
                "error: authority router r node n forwarding-core-count: \"1\": it counts the core of inspection too, and leaves none for that; set forwarding-core-count 2 or more, or forwarding-core-mode automatic"
            ]
        );
        assert_eq!(
            told(21, &manual),
            [
                "error: authority router r node n forwarding-core-mode: \"manual\": no forwarding-core-count says how many cores there are for inspection; set forwarding-core-count 2 or more, or forwarding-core-mode automatic"
            ]
        );
        let facts = Facts { processors: Some(4), ..Facts::default() };
        assert_eq!(
            told_with(21, &count(4), &facts),
            [
                "error: authority router r node n forwarding-core-count: \"4\": the machine has 4 processors, of which one is left to the control core; set forwarding-core-count 3 or less, or forwarding-core-mode automatic"
            ]
        );
        assert_eq!(told_with(21, &count(3), &facts), [""; 0]);
        assert_eq!(told(21, &format!("set {R} node n forwarding-core-count 1")), [""; 0], "automatic");
        assert_eq!(told(21, &format!("{}set {R} idp mode disabled", count(1))), [""; 0]);
    }

    #[test]
    fn check_24_tells_of_bypass_with_strict() {
        let wanted = "warning: authority router r idp bypass-enabled: \"true\": sessions of a to service web are to be inspected strictly, and pass without while the engine starts; set bypass-enabled false, or leave it so and count the window";
        let strict = "set authority service web access-policy a idp-policy strict\n";
        assert_eq!(told(24, strict), [wanted]);
        let profile = "delete authority service web access-policy a idp-policy\nset authority service web access-policy a idp-profile p\nset authority idp-profile p base-policy strict";
        assert_eq!(told(24, profile), [wanted]);
        assert_eq!(told(24, &format!("{strict}set {R} idp bypass-enabled false")), [""; 0]);
        assert_eq!(told(24, ""), [""; 0]);
    }

    #[test]
    fn check_25_tells_of_no_bypass_without_a_second_node() {
        let lines = format!("set {R} idp bypass-enabled false\n");
        assert_eq!(
            told(25, &lines),
            [
                "warning: authority router r idp bypass-enabled: \"false\": the router has one node, so traffic waits or is dropped while the engine starts; leave it so, set bypass-enabled true, or add a second node"
            ]
        );
        assert_eq!(told(25, &format!("{lines}set {R} node m")), [""; 0]);
        assert_eq!(told(25, &format!("{lines}set {R} node m enabled false")).len(), 1);
    }

    #[test]
    fn check_27_refuses_a_day_of_the_week_for_updates_that_are_not_weekly() {
        let day = format!("set {R} application-identification auto-update day-of-week monday\n");
        assert_eq!(
            told(27, &format!("{day}set {R} application-identification auto-update update-frequency daily")),
            [
                "error: authority router r application-identification auto-update day-of-week: \"monday\": a day of the week has a meaning for weekly updates alone; delete day-of-week, or set update-frequency weekly"
            ]
        );
        assert_eq!(told(27, &day), [""; 0], "weekly is the default");
    }
}
