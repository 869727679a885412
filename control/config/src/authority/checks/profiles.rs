//! Checks of the rules of custom profiles: 10 to 15.
//!
//! Rules are tried in their order and the first that matches decides; that is ours to say, SSR does not.

use super::finding::Checks;
use crate::authority::model::{Policy, Profile, ProfileRule, RuleMatch};
use sluice_core::{Action, Severity};

/// Profiles with their rules.
fn rules<'a>(checks: &Checks<'a>) -> Vec<(&'a Profile, &'a ProfileRule)> {
    let profiles = checks.view.authority.idp_profile.iter();
    profiles.flat_map(|profile| profile.rule.iter().map(move |rule| (profile, rule))).collect()
}

fn is_empty(matched: &RuleMatch) -> bool {
    *matched == RuleMatch::default()
}

fn lets_through(rule: &ProfileRule) -> bool {
    rule.outcome.action == Some(Action::Alert)
}

/// 10: a rule without a match is about everything.
pub fn rule_without_a_match(checks: &mut Checks<'_>) {
    for (profile, rule) in rules(checks) {
        if !is_empty(&rule.r#match) {
            continue;
        }
        let path = ["idp-profile", profile.name.as_str(), "rule", &rule.name];
        let fix = "set what it is about in match: client-address, destination-address, severity, vulnerability";
        if lets_through(rule) && profile.base() != Policy::Alert {
            let why = format!(
                "it matches every attack and only tells of it, so {} stops nothing any more",
                profile.base().name()
            );
            checks.error(10, &path, "", why, fix);
        } else {
            checks.warning(10, &path, "", "it matches every attack", fix);
        }
    }
}

/// 11: a rule without an outcome does nothing.
pub fn rule_without_an_outcome(checks: &mut Checks<'_>) {
    for (profile, rule) in rules(checks) {
        if rule.outcome.action.is_none() && rule.outcome.severity.is_none() {
            let path = ["idp-profile", profile.name.as_str(), "rule", &rule.name];
            checks.error(
                11,
                &path,
                "",
                "it has no outcome, so it changes nothing",
                "set outcome action or outcome severity, or delete the rule",
            );
        }
    }
}

/// 12: the name of an attack that the installed database does not know.
pub fn attack_that_nobody_knows(checks: &mut Checks<'_>) {
    let Some(attacks) = &checks.facts.attacks else { return };
    for (profile, rule) in rules(checks) {
        for name in rule.r#match.vulnerability.iter().filter(|name| !attacks.contains_key(*name)) {
            let path = ["idp-profile", profile.name.as_str(), "rule", &rule.name, "match", "vulnerability"];
            let like = attacks.keys().find(|known| known.eq_ignore_ascii_case(name));
            let fix =
                like.map_or_else(|| "write the name as events have it".to_owned(), |like| format!("write {like}"));
            checks.warning(
                12,
                &path,
                name,
                "the installed database has no attack of this name, so this never matches",
                fix,
            );
        }
    }
}

/// Whether everything `inner` matches, `outer` matches too. It may say no where it is so; never yes where it is not.
fn covers(outer: &RuleMatch, inner: &RuleMatch) -> bool {
    fn list<T>(outer: &[T], inner: &[T], within: impl Fn(&T, &T) -> bool) -> bool {
        outer.is_empty() || (!inner.is_empty() && inner.iter().all(|one| outer.iter().any(|other| within(other, one))))
    }
    list(&outer.client_address, &inner.client_address, |a, b| a.holds(*b))
        && list(&outer.destination_address, &inner.destination_address, |a, b| a.holds(*b))
        && list(&outer.destination_port, &inner.destination_port, |a, b| a.hold(b))
        && list(&outer.tenant, &inner.tenant, |a, b| a == b)
        && list(&outer.service, &inner.service, |a, b| a == b)
        && list(&outer.vulnerability, &inner.vulnerability, |a, b| a == b)
        && list(&outer.sid, &inner.sid, |a, b| a == b)
        && outer.severity.unwrap_or(Severity::Info) <= inner.severity.unwrap_or(Severity::Info)
}

/// 13: a rule behind one that matches all it could.
pub fn rule_that_is_never_reached(checks: &mut Checks<'_>) {
    for profile in &checks.view.authority.idp_profile {
        for (at, rule) in profile.rule.iter().enumerate() {
            // A rule that ends at a time hides what comes behind it only until then.
            let hides = |earlier: &&ProfileRule| {
                covers(&earlier.r#match, &rule.r#match)
                    && earlier.expires.is_none_or(|ends| rule.expires.is_some_and(|own| own <= ends))
            };
            let Some(earlier) = profile.rule.iter().take(at).find(hides) else { continue };
            let why = format!("it is never reached: rule {} before it matches all that it matches", earlier.name);
            let fix = format!("move it before {}, or delete it", earlier.name);
            checks.warning(13, &["idp-profile", &profile.name, "rule", &rule.name], "", why, fix);
        }
    }
}

/// 14: critical attacks that are only told of, from and to anywhere.
pub fn critical_attacks_let_through(checks: &mut Checks<'_>) {
    for (profile, rule) in rules(checks) {
        let matched = &rule.r#match;
        let scoped = !matched.client_address.is_empty() || !matched.destination_address.is_empty();
        // A rule without a match is check 10.
        if !lets_through(rule) || scoped || is_empty(matched) || !profile.base().stops(Severity::Critical) {
            continue;
        }
        // Names and sids say which attacks; only the database says how severe those are.
        let severe = match &checks.facts.attacks {
            _ if matched.vulnerability.is_empty() && matched.sid.is_empty() => true,
            Some(attacks) => matched.vulnerability.iter().any(|name| attacks.get(name) == Some(&Severity::Critical)),
            None => false,
        };
        if severe {
            let path = ["idp-profile", profile.name.as_str(), "rule", &rule.name, "outcome", "action"];
            let why = "it lets critical attacks through between any addresses";
            checks.warning(14, &path, "alert", why, "set client-address or destination-address in its match");
        }
    }
}

/// 15: closing where nothing can be closed is dropping.
pub fn close_where_there_is_no_connection(checks: &mut Checks<'_>) {
    for service in &checks.view.authority.service {
        let connectionless =
            !service.transport.is_empty() && service.transport.iter().all(|transport| transport.protocol != "tcp");
        if !connectionless {
            continue;
        }
        for policy in service.inspecting() {
            let profile = policy.idp_profile.as_deref().and_then(|name| checks.view.profile(name));
            let closes = |rule: &&ProfileRule| rule.outcome.action == Some(Action::RejectBoth);
            let Some((profile, rule)) = profile.and_then(|profile| Some((profile, profile.rule.iter().find(closes)?)))
            else {
                continue;
            };
            let path = ["idp-profile", profile.name.as_str(), "rule", &rule.name, "outcome", "action"];
            let why = format!("service {} has no TCP, so packets of it are dropped instead", service.name);
            checks.warning(15, &path, "close-tcp-connection", why, "leave it so, or set action drop");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Facts,
            sample::{told, told_with},
        },
        covers,
    };
    use crate::{
        authority::Authority,
        tree::{NoFiles, read},
    };
    use sluice_core::Severity;

    const P: &str = "authority idp-profile p";

    /// The base, its tenant inspected by a profile of a base and rules.
    fn with(base: &str, lines: &[&str]) -> String {
        let mut all = format!(
            "delete authority service web access-policy a idp-policy\nset authority service web access-policy a idp-profile p\nset {P} base-policy {base}\n"
        );
        for line in lines {
            all.push_str(&format!("set {P} rule {line}\n"));
        }
        all
    }

    fn facts() -> Facts {
        let attacks = [("HTTP:BAD".to_owned(), Severity::Critical), ("HTTP:ODD".to_owned(), Severity::Medium)];
        Facts { attacks: Some(attacks.into()), ..Facts::default() }
    }

    #[test]
    fn check_10_tells_of_a_rule_without_a_match_and_refuses_one_that_lets_all_through() {
        assert_eq!(
            told(10, &with("strict", &["x outcome action alert"])),
            [
                "error: authority idp-profile p rule x: it matches every attack and only tells of it, so strict stops nothing any more; set what it is about in match: client-address, destination-address, severity, vulnerability"
            ]
        );
        let warned = "warning: authority idp-profile p rule x: it matches every attack; set what it is about in match: client-address, destination-address, severity, vulnerability";
        assert_eq!(told(10, &with("alert", &["x outcome action alert"])), [warned]);
        assert_eq!(told(10, &with("strict", &["x outcome action drop"])), [warned]);
        assert_eq!(told(10, &with("strict", &["x outcome action alert", "x match severity info"])), [""; 0]);
    }

    #[test]
    fn check_11_refuses_a_rule_without_an_outcome() {
        assert_eq!(
            told(11, &with("strict", &["x match severity info"])),
            [
                "error: authority idp-profile p rule x: it has no outcome, so it changes nothing; set outcome action or outcome severity, or delete the rule"
            ]
        );
        assert_eq!(told(11, &with("strict", &["x match severity info", "x outcome severity info"])), [""; 0]);
    }

    #[test]
    fn check_12_tells_of_attacks_the_database_does_not_know() {
        let lines = with(
            "strict",
            &[
                "x match vulnerability HTTP:BAD",
                "x match vulnerability http:odd",
                "x match vulnerability NEW",
                "x outcome action alert",
            ],
        );
        assert_eq!(
            told_with(12, &lines, &facts()),
            [
                "warning: authority idp-profile p rule x match vulnerability: \"http:odd\": the installed database has no attack of this name, so this never matches; write HTTP:ODD",
                "warning: authority idp-profile p rule x match vulnerability: \"NEW\": the installed database has no attack of this name, so this never matches; write the name as events have it",
            ]
        );
        assert_eq!(told(12, &lines), [""; 0], "nothing is known of a database");
    }

    #[test]
    fn check_13_tells_of_a_rule_that_another_hides() {
        let wide = "wide match client-address 10.0.0.0/8";
        let lines = with(
            "strict",
            &[wide, "wide outcome action alert", "x match client-address 10.1.0.0/16", "x outcome action drop"],
        );
        assert_eq!(
            told(13, &lines),
            [
                "warning: authority idp-profile p rule x: it is never reached: rule wide before it matches all that it matches; move it before wide, or delete it"
            ]
        );
        assert_eq!(told(13, &format!("{lines}insert {P} rule x before wide")), [""; 0]);
        assert_eq!(told(13, &format!("{lines}set {P} rule wide match severity major")), [""; 0]);
        assert_eq!(told(13, &format!("{lines}set {P} rule wide expires 2027-01-01")), [""; 0]);
        assert_eq!(
            told(13, &format!("{lines}set {P} rule wide expires 2027-01-01\nset {P} rule x expires 2026-12-01")).len(),
            1
        );
    }

    #[test]
    fn check_14_tells_of_critical_attacks_that_are_let_through_between_any_addresses() {
        let lines = with("standard", &["x match severity minor", "x outcome action alert"]);
        assert_eq!(
            told(14, &lines),
            [
                "warning: authority idp-profile p rule x outcome action: \"alert\": it lets critical attacks through between any addresses; set client-address or destination-address in its match"
            ]
        );
        assert_eq!(told(14, &format!("{lines}set {P} rule x match destination-address 10.0.0.0/8")), [""; 0]);
        assert_eq!(told(14, &lines.replace("action alert", "action drop")), [""; 0]);
        assert_eq!(told(14, &lines.replace("standard", "alert")), [""; 0], "nothing is stopped anyway");
        // By name: only the database says how severe an attack is.
        let named =
            |name: &str| with("standard", &[&format!("x match vulnerability {name}"), "x outcome action alert"]);
        assert_eq!(told_with(14, &named("HTTP:BAD"), &facts()).len(), 1);
        assert_eq!(told_with(14, &named("HTTP:ODD"), &facts()), [""; 0]);
        assert_eq!(told(14, &named("HTTP:BAD")), [""; 0]);
    }

    #[test]
    fn check_15_tells_that_close_is_drop_where_there_is_no_tcp() {
        let lines = with("strict", &["x match severity critical", "x outcome action close-tcp-connection"]);
        let udp = format!("{lines}delete authority service web transport\nset authority service web transport udp");
        assert_eq!(
            told(15, &udp),
            [
                "warning: authority idp-profile p rule x outcome action: \"close-tcp-connection\": service web has no TCP, so packets of it are dropped instead; leave it so, or set action drop"
            ]
        );
        assert_eq!(told(15, &lines), [""; 0]);
        assert_eq!(told(15, &format!("{udp}\nset authority service web transport tcp")), [""; 0]);
        assert_eq!(told(15, &udp.replace("close-tcp-connection", "drop")), [""; 0]);
        assert_eq!(told(15, &format!("{udp}\ndelete authority service web transport")), [""; 0], "any transport");
    }

    #[test]
    fn a_match_covers_another_only_if_each_of_its_kinds_does() {
        let matched = |text: &str| {
            let text = format!("authority {{ idp-profile p {{ rule r {{ match {{ {text} }} }} }} }}");
            let (tree, problems) = read(text.as_bytes(), None, "f", &NoFiles);
            assert!(problems.is_empty(), "{problems}");
            Authority::of(&tree).unwrap().idp_profile.remove(0).rule.remove(0).r#match
        };
        for (outer, inner, wanted) in [
            ("", "severity info;", true),
            ("severity info;", "", true),
            ("severity major;", "", false),
            ("severity major;", "severity critical;", true),
            ("severity critical;", "severity major;", false),
            ("sid 1;", "", false),
            ("sid [ 1 2 ];", "sid 2;", true),
            ("sid 1;", "sid [ 1 2 ];", false),
            ("destination-port 80-90;", "destination-port [ 80 85-86 ];", true),
            ("destination-port 80-90;", "destination-port 85-91;", false),
            ("client-address 10.0.0.0/8;", "destination-address 10.0.0.0/8;", false),
            ("client-address 0.0.0.0/0;", "client-address ::/0;", false),
            ("tenant a;", "tenant a; service s;", true),
        ] {
            assert_eq!(covers(&matched(outer), &matched(inner)), wanted, "{outer} / {inner}");
        }
    }
}
