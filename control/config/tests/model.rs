//! The typed model and the mode of the examples of the specification.
#![cfg(test)]

use sluice_config::{
    authority::{Authority, Facts, View, decide, model::Policy, validate, value::Ports},
    tree::{NoFiles, Problems, Tree, read},
};
use sluice_core::{Action, Severity};
use std::path::Path;

fn example(name: &str) -> Tree {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples").join(name);
    let (tree, problems) = read(&std::fs::read(path).unwrap(), None, name, &NoFiles);
    assert!(problems.is_empty(), "{problems}");
    tree
}

fn modes(name: &str) -> Vec<String> {
    let authority = Authority::of(&example(name)).unwrap();
    let view = View::of(&authority);
    authority.router.iter().map(|router| format!("{} {}", router.name, decide(&view, router))).collect()
}

#[test]
fn the_examples_come_out_as_the_specification_says() {
    assert_eq!(modes("three-treatments.conf"), ["branch1 spoke (local-tenant:corporate@lan0)"]);
    assert_eq!(modes("spoke-and-hub.pcli"), ["branch1 spoke (local-tenant:staff@lan0)", "hq hub (svr-transit:erp)"]);
    assert_eq!(modes("exceptions.json"), ["branch1 spoke (configured)"]);
}

#[test]
fn the_validator_says_of_the_examples_what_the_specification_notes_beside_them() {
    let said = |name: &str| {
        let mut problems = Problems::new();
        validate(&example(name), &Facts::default(), &mut problems);
        problems.list.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        said("three-treatments.conf"),
        [
            "warning: three-treatments.conf:16:41: authority router branch1 idp bypass-enabled: \"true\": sessions of corporate to service internet are to be inspected strictly, and pass without while the engine starts; set bypass-enabled false, or leave it so and count the window [check 24]"
        ]
    );
    assert_eq!(
        said("spoke-and-hub.conf"),
        [
            "warning: spoke-and-hub.conf:26:59: authority router branch1 service-route erp-via-hq peer: \"hq\": router branch1 reaches it through its peer alone; its sessions are inspected where they come in, on router branch1; leave it so, or give router branch1 a next-hop for service erp [check 18]",
            "warning: spoke-and-hub.conf:14:9: authority router branch1 idp bypass-enabled: \"true\": sessions of staff to service erp are to be inspected strictly, and pass without while the engine starts; set bypass-enabled false, or leave it so and count the window [check 24]",
        ]
    );
    assert_eq!(
        said("exceptions.conf"),
        [
            "warning: exceptions.conf:23:5: authority service internet: no router has a service-route for it, so nothing passes it; set a service-route with service-name internet on a router [check 17]",
            "warning: exceptions.conf:30:28: authority router branch1 idp bypass-enabled: \"false\": the router has one node, so traffic waits or is dropped while the engine starts; leave it so, set bypass-enabled true, or add a second node [check 25]",
        ]
    );
}

#[test]
fn the_model_holds_every_part_of_an_example() {
    let authority = Authority::of(&example("exceptions.set")).unwrap();
    let [office] = authority.idp_profile.as_slice() else { panic!("{authority:?}") };
    assert_eq!(office.base_policy, Some(Policy::Strict));
    let [scanner, headers, never] = office.rule.as_slice() else { panic!("{office:?}") };
    assert_eq!(scanner.r#match.client_address[0].to_string(), "10.20.9.10/32");
    assert_eq!(scanner.outcome.action, Some(Action::Alert));
    assert_eq!(headers.r#match.vulnerability.len(), 2);
    assert_eq!(headers.outcome.severity, Some(Severity::Info));
    assert_eq!(never.r#match.severity, Some(Severity::Critical));
    assert_eq!(never.outcome.action, Some(Action::RejectBoth));
    assert!(!authority.router[0].idp.bypass_enabled);

    let authority = Authority::of(&example("three-treatments.json")).unwrap();
    let update = &authority.router[0].application_identification.auto_update;
    assert_eq!((update.update_time, update.update_jitter), (3, 20));
    let [lan, wan] = authority.router[0].node[0].device_interface.as_slice() else { panic!() };
    assert_eq!(lan.network_interface[0].tenant_prefixes.len(), 4);
    let address = &wan.network_interface[0].address[0];
    assert_eq!((address.ip_address.to_string(), address.prefix_length), ("198.51.100.2".into(), Some(30)));
    let hop = &authority.router[0].service_route[0].next_hop[0];
    assert_eq!((hop.node_name.as_str(), hop.interface.as_str()), ("node0", "wan0"));
}

#[test]
fn what_is_ours_in_an_exception_is_in_the_model_too() {
    let text = "authority { idp-profile p { rule r { expires 2027-03-01; match { destination-port [ 80-90 http ]; tenant t; service s; sid [ 1 4294967295 ]; } } } }";
    let (tree, problems) = read(text.as_bytes(), None, "f", &NoFiles);
    assert!(problems.is_empty(), "{problems}");
    let authority = Authority::of(&tree).unwrap();
    let rule = &authority.idp_profile[0].rule[0];
    assert_eq!(rule.expires, Some(1_803_859_200));
    assert_eq!(rule.r#match.destination_port, [Ports::Range(80, 90), Ports::Named("http".into())]);
    assert_eq!(rule.r#match.sid, [1, u32::MAX]);
}

#[test]
fn what_is_inactive_is_not_in_the_model_and_a_tree_without_authority_is_the_default() {
    let text = "authority { inactive: tenant a; tenant b; router r { idp { inactive: bypass-enabled false; } } }";
    let (tree, _) = read(text.as_bytes(), None, "f", &NoFiles);
    let authority = Authority::of(&tree).unwrap();
    assert_eq!(authority.tenant.len(), 1);
    assert!(authority.router[0].idp.bypass_enabled);
    assert_eq!(Authority::of(&Tree::default()).unwrap(), Authority::default());
}

#[test]
fn any_tree_the_schema_accepts_has_a_model() {
    for seed in 1..100_u64 {
        let text = trees::grown(seed * 15_485_863, true);
        let (tree, problems) = read(text.as_bytes(), None, "f", &NoFiles);
        assert!(!problems.has_errors());
        let authority = Authority::of(&tree).unwrap();
        let view = View::of(&authority);
        let mut problems = Problems::new();
        validate(&tree, &Facts::default(), &mut problems);
        for problem in &problems.list {
            assert!(!problem.to_string().is_empty());
        }
        for router in &authority.router {
            assert!(!decide(&view, router).to_string().is_empty());
        }
    }
}

mod trees;
