//! All checks, one after the other.

use super::{
    finding::{Checks, Facts},
    machine, profiles, routers, services, tenants, words,
};
use crate::{
    authority::{model::Authority, view::View},
    tree::{Problems, Reason, Span, Tree},
};

/// A check: looks at the model and says what it finds.
pub type Check = fn(&mut Checks<'_>);

/// Those that look at the model. 9, 28, 29 and 33 do their work where values are read; 27 does a part of it there.
pub const CHECKS: &[(u8, Check)] = &[
    (1, services::child_carries_inspection),
    (2, services::child_has_a_policy_for_a_tenant_of_its_parent),
    (3, tenants::tenant_without_a_network),
    (4, tenants::tenant_prefixes_without_an_address),
    (5, tenants::network_of_all_addresses),
    (6, tenants::networks_that_overlap),
    (7, services::policy_and_profile),
    (8, services::profile_that_is_not_there),
    (10, profiles::rule_without_a_match),
    (11, profiles::rule_without_an_outcome),
    (12, profiles::attack_that_nobody_knows),
    (13, profiles::rule_that_is_never_reached),
    (14, profiles::critical_attacks_let_through),
    (15, profiles::close_where_there_is_no_connection),
    (16, services::inspection_of_what_is_denied),
    (17, services::inspection_of_what_never_passes),
    (18, services::inspection_of_what_goes_to_a_peer),
    (19, routers::mode_that_leaves_sessions_uninspected),
    (20, routers::spoke_without_a_tenant),
    (21, routers::no_core_for_inspection),
    (22, machine::too_little_memory),
    (23, machine::fips_in_the_way),
    (24, routers::bypass_with_strict),
    (25, routers::no_bypass_and_no_partner),
    (26, machine::database_too_old),
    (27, routers::day_without_a_week),
    (30, services::syslog_policy_that_nobody_names),
    (31, machine::partner_that_differs),
    (32, machine::change_that_needs_a_restart),
    (34, tenants::interface_with_a_tenant_alone),
];

/// All that is wrong with a configuration that could be read: what `problems` say already, and what the checks find.
///
/// Problems of the schema with the words of checks 9 and 27 get their numbers. Cost: a few passes over the model; check 13 compares each rule of a profile
/// with the rules before it, check 6 each network of an interface with the others.
pub fn validate(tree: &Tree, facts: &Facts, problems: &mut Problems) {
    words::number(problems);
    let authority = match Authority::of(tree) {
        Ok(authority) => authority,
        Err(error) => {
            let why = error.to_string();
            return problems.error(&Span::nowhere(), "authority", Reason::Model { why });
        }
    };
    let view = View::of(&authority);
    let mut checks = Checks { view: &view, facts, found: Vec::new() };
    for (_, check) in CHECKS {
        check(&mut checks);
    }
    for finding in checks.found {
        problems.push(finding.into_problem(tree));
    }
}
