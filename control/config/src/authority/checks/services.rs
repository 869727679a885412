//! Checks of services and their access policies: 1, 2, 7, 8, 16, 17, 18, 30.

use super::finding::Checks;
use crate::authority::model::{IdpMode, Permission};
use std::collections::HashSet;

/// 1: inspection belongs to the parent; a child inherits it.
pub fn child_carries_inspection(checks: &mut Checks<'_>) {
    for service in &checks.view.authority.service {
        let Some(parent) = checks.view.parent(service) else { continue };
        for policy in
            service.access_policy.iter().filter(|policy| policy.idp_policy.is_some() || policy.idp_profile.is_some())
        {
            let source = policy.source.to_string();
            let why =
                format!("service {} is a child of {}, and only a parent carries inspection", service.name, parent.name);
            let fix = format!("set it on service {} and delete it here", parent.name);
            checks.error(1, &["service", &service.name, "access-policy", &source], "", why, fix);
        }
    }
}

/// 2: a child with its own access policy does not inherit the parent's inspection.
pub fn child_has_a_policy_for_a_tenant_of_its_parent(checks: &mut Checks<'_>) {
    for service in &checks.view.authority.service {
        let Some(parent) = checks.view.parent(service) else { continue };
        for policy in service.access_policy.iter().filter(|policy| !policy.asks()) {
            if parent.inspecting().any(|above| above.source == policy.source) {
                let source = policy.source.to_string();
                let why = format!(
                    "sessions of it are not inspected, though those of its parent {} are: the child's access policy applies",
                    parent.name
                );
                let fix =
                    format!("delete authority service {} access-policy {source} to inherit the parent's", service.name);
                checks.warning(2, &["service", &service.name, "access-policy", &source], "", why, fix);
            }
        }
    }
}

/// 7: one answer, not two.
pub fn policy_and_profile(checks: &mut Checks<'_>) {
    for service in &checks.view.authority.service {
        for policy in &service.access_policy {
            if let (Some(_), Some(profile)) = (policy.idp_policy, &policy.idp_profile) {
                let source = policy.source.to_string();
                let path = ["service", service.name.as_str(), "access-policy", &source, "idp-profile"];
                let why = "idp-policy and idp-profile both say how to inspect";
                checks.error(7, &path, profile, why, "delete one of the two");
            }
        }
    }
}

/// 8: a profile that is named has to be there; one without base-policy is built on *standard*.
pub fn profile_that_is_not_there(checks: &mut Checks<'_>) {
    for service in &checks.view.authority.service {
        for policy in &service.access_policy {
            let Some(profile) = policy.idp_profile.as_deref().filter(|name| checks.view.profile(name).is_none()) else {
                continue;
            };
            let source = policy.source.to_string();
            let path = ["service", service.name.as_str(), "access-policy", &source, "idp-profile"];
            let fix = format!("set authority idp-profile {profile} base-policy standard, or name one that is there");
            checks.error(8, &path, profile, "there is no such idp-profile", fix);
        }
    }
    for profile in checks.view.authority.idp_profile.iter().filter(|profile| profile.base_policy.is_none()) {
        let why = "it names no base-policy, so standard is taken";
        let fix = format!("set authority idp-profile {} base-policy standard", profile.name);
        checks.warning(8, &["idp-profile", &profile.name], "", why, fix);
    }
}

/// 16: what is denied is never inspected.
pub fn inspection_of_what_is_denied(checks: &mut Checks<'_>) {
    for service in &checks.view.authority.service {
        for policy in
            service.access_policy.iter().filter(|policy| policy.permission == Permission::Deny && policy.asks())
        {
            let source = policy.source.to_string();
            let path = ["service", service.name.as_str(), "access-policy", &source, "permission"];
            checks.warning(
                16,
                &path,
                "deny",
                "inspection is never reached, for sessions are denied",
                "delete idp-policy and idp-profile here, or set permission allow",
            );
        }
    }
}

/// 17: inspection of a service that no session can use.
pub fn inspection_of_what_never_passes(checks: &mut Checks<'_>) {
    let routers = &checks.view.authority.router;
    for service in checks.view.authority.service.iter().filter(|service| service.inspecting().next().is_some()) {
        let name = service.name.as_str();
        if !service.enabled {
            checks.warning(
                17,
                &["service", name, "enabled"],
                "false",
                "the service is inspected and disabled, so nothing passes it",
                "set enabled true, or delete its inspection",
            );
        } else if !checks.view.able().any(|router| service.is_known_to(router)) {
            let (why, fix) = if routers.iter().any(|router| service.is_known_to(router)) {
                ("the only routers that know the service have idp mode disabled", "set idp mode auto on one of them")
            } else {
                ("applies-to names no router there is", "name a router in applies-to, or delete applies-to")
            };
            checks.warning(17, &["service", name], "", why, fix);
        } else if !routers.iter().any(|router| router.routes(name).next().is_some()) {
            let fix = format!("set a service-route with service-name {name} on a router");
            checks.warning(
                17,
                &["service", name],
                "",
                "no router has a service-route for it, so nothing passes it",
                fix,
            );
        }
    }
}

/// 18: where a router hands the sessions to a peer, it inspects them before.
pub fn inspection_of_what_goes_to_a_peer(checks: &mut Checks<'_>) {
    for router in checks.view.able().filter(|router| router.idp.mode != IdpMode::Hub) {
        let mut said = HashSet::new();
        for (service, policy) in checks.view.inspected(router) {
            let mut routes = router.routes(&service.name).peekable();
            let Some(peer) = routes.peek().and_then(|route| route.peer.clone()) else { continue };
            if !routes.all(|route| route.peer.is_some())
                || checks.view.door(router, &policy.source).is_none()
                || !said.insert(&service.name)
            {
                continue;
            }
            let why = format!(
                "router {} reaches it through its peer alone; its sessions are inspected where they come in, on router {}",
                router.name, router.name
            );
            let fix = format!("leave it so, or give router {} a next-hop for service {}", router.name, service.name);
            let route = router.routes(&service.name).next().map_or("", |route| route.name.as_str());
            checks.warning(18, &["router", &router.name, "service-route", route, "peer"], &peer, why, fix);
        }
    }
}

/// 30: a syslog-policy for security that nobody names logs nothing.
pub fn syslog_policy_that_nobody_names(checks: &mut Checks<'_>) {
    let named: HashSet<&str> = checks
        .view
        .authority
        .service
        .iter()
        .flat_map(|service| &service.access_policy)
        .filter_map(|policy| policy.syslog.syslog_policy.as_deref())
        .collect();
    for policy in &checks.view.authority.syslog_policy {
        if policy.security && policy.says_security && !named.contains(policy.name.as_str()) {
            let fix = format!("set syslog syslog-policy {} in an access-policy", policy.name);
            checks.warning(
                30,
                &["syslog-policy", &policy.name, "security"],
                "true",
                "no access-policy names it, so nothing is logged",
                fix,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::told;

    #[test]
    fn check_1_refuses_inspection_on_a_child() {
        assert_eq!(
            told(1, "set authority service mail.web access-policy a idp-policy strict"),
            [
                "error: authority service mail.web access-policy a: service mail.web is a child of web, and only a parent carries inspection; set it on service web and delete it here"
            ]
        );
        assert_eq!(told(1, "set authority service mail.other access-policy a idp-policy strict"), [""; 0]);
        assert_eq!(told(1, "set authority service mail.web access-policy a permission allow"), [""; 0]);
    }

    #[test]
    fn check_2_tells_that_a_childs_own_policy_applies() {
        assert_eq!(
            told(2, "set authority service mail.web access-policy a permission allow"),
            [
                "warning: authority service mail.web access-policy a: sessions of it are not inspected, though those of its parent web are: the child's access policy applies; delete authority service mail.web access-policy a to inherit the parent's"
            ]
        );
        assert_eq!(told(2, "set authority service mail.web access-policy b permission allow"), [""; 0]);
    }

    #[test]
    fn check_7_refuses_two_answers() {
        const PROFILE: &str =
            "set authority idp-profile p base-policy strict\nset authority service web access-policy a idp-profile p";
        assert_eq!(
            told(7, PROFILE),
            [
                "error: authority service web access-policy a idp-profile: \"p\": idp-policy and idp-profile both say how to inspect; delete one of the two"
            ]
        );
        assert_eq!(told(7, &format!("{PROFILE}\ndelete authority service web access-policy a idp-policy")), [""; 0]);
    }

    #[test]
    fn check_8_refuses_a_profile_that_is_not_there_and_tells_of_one_without_a_base() {
        const USED: &str = "delete authority service web access-policy a idp-policy\nset authority service web access-policy a idp-profile p\n";
        assert_eq!(
            told(8, USED),
            [
                "error: authority service web access-policy a idp-profile: \"p\": there is no such idp-profile; set authority idp-profile p base-policy standard, or name one that is there"
            ]
        );
        assert_eq!(
            told(8, &format!("{USED}set authority idp-profile p description x")),
            [
                "warning: authority idp-profile p: it names no base-policy, so standard is taken; set authority idp-profile p base-policy standard"
            ]
        );
        assert_eq!(told(8, &format!("{USED}set authority idp-profile p base-policy alert")), [""; 0]);
    }

    #[test]
    fn check_16_tells_of_inspection_behind_deny() {
        assert_eq!(
            told(16, "set authority service web access-policy a permission deny"),
            [
                "warning: authority service web access-policy a permission: \"deny\": inspection is never reached, for sessions are denied; delete idp-policy and idp-profile here, or set permission allow"
            ]
        );
        assert_eq!(told(16, "set authority service web access-policy b permission deny"), [""; 0]);
    }

    #[test]
    fn check_17_tells_of_inspection_that_no_session_meets() {
        assert_eq!(
            told(17, "set authority service web enabled false"),
            [
                "warning: authority service web enabled: \"false\": the service is inspected and disabled, so nothing passes it; set enabled true, or delete its inspection"
            ]
        );
        assert_eq!(
            told(17, "set authority service web applies-to router router-name x"),
            [
                "warning: authority service web: applies-to names no router there is; name a router in applies-to, or delete applies-to"
            ]
        );
        assert_eq!(
            told(17, "set authority router r idp mode disabled"),
            [
                "warning: authority service web: the only routers that know the service have idp mode disabled; set idp mode auto on one of them"
            ]
        );
        assert_eq!(
            told(17, "delete authority router r service-route"),
            [
                "warning: authority service web: no router has a service-route for it, so nothing passes it; set a service-route with service-name web on a router"
            ]
        );
        assert_eq!(told(17, "set authority service web applies-to router router-name r"), [""; 0]);
        assert_eq!(told(17, "set authority service idle enabled false"), [""; 0]);
    }

    #[test]
    fn check_18_says_where_a_service_behind_a_peer_is_inspected() {
        const PEER: &str = "delete authority router r service-route out\nset authority router r service-route via service-name web\nset authority router r service-route via peer hq";
        assert_eq!(
            told(18, PEER),
            [
                "warning: authority router r service-route via peer: \"hq\": router r reaches it through its peer alone; its sessions are inspected where they come in, on router r; leave it so, or give router r a next-hop for service web"
            ]
        );
        assert_eq!(told(18, &format!("{PEER}\nset authority router r service-route out service-name web")), [""; 0]);
        assert_eq!(told(18, &format!("{PEER}\nset authority router r idp mode hub")), [""; 0]);
    }

    #[test]
    fn check_30_tells_of_a_syslog_policy_that_nobody_names() {
        assert_eq!(
            told(30, "set authority syslog-policy siem security true"),
            [
                "warning: authority syslog-policy siem security: \"true\": no access-policy names it, so nothing is logged; set syslog syslog-policy siem in an access-policy"
            ]
        );
        assert_eq!(told(30, "set authority syslog-policy siem security false"), [""; 0]);
        assert_eq!(
            told(
                30,
                "set authority syslog-policy siem security true\nset authority service web access-policy b syslog syslog-policy siem"
            ),
            [""; 0]
        );
    }
}
