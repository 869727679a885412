//! A configuration that no check has anything to say about, and changes of it.

use super::{Facts, validate};
use crate::tree::{Format, NoFiles, Problems, Tree, apply, read};

const BASE: &str = "authority {
    tenant a;
    tenant b;
    service web { address 0.0.0.0/0; transport tcp; access-policy a { idp-policy standard; } access-policy b; }
    router r {
        node n {
            device-interface d {
                network-interface lan {
                    tenant-prefixes a { source-address 10.1.0.0/16; }
                    tenant-prefixes b { source-address 10.2.0.0/16; }
                    address 10.1.0.1 { prefix-length 16; }
                }
                network-interface wan;
            }
        }
        service-route out { service-name web; next-hop n wan; }
    }
}";

/// The base, changed by `set` lines.
pub fn tree(lines: &str) -> (Tree, Problems) {
    let (tree, problems) = read(BASE.as_bytes(), Some(Format::Junos), "base", &NoFiles);
    assert!(problems.is_empty(), "{problems}");
    apply(tree, lines.as_bytes(), Some(Format::Set), "lines", &NoFiles)
}

/// What all checks say of the base changed by `lines`, without places.
pub fn all(lines: &str, facts: &Facts) -> Vec<String> {
    let (tree, mut problems) = tree(lines);
    validate(&tree, facts, &mut problems);
    let without_place = |problem: &crate::tree::Problem| {
        let text = problem.to_string();
        let place = format!(" {}:", problem.place);
        assert!(problem.place.line > 0, "{text} has no place");
        text.replacen(&place, "", 1)
    };
    problems.list.iter().map(without_place).collect()
}

/// What the check `number` says.
pub fn told_with(number: u8, lines: &str, facts: &Facts) -> Vec<String> {
    let end = format!(" [check {number}]");
    all(lines, facts).iter().filter_map(|text| text.strip_suffix(&end)).map(str::to_owned).collect()
}

/// What the check `number` says of a machine of which nothing is known.
pub fn told(number: u8, lines: &str) -> Vec<String> {
    told_with(number, lines, &Facts::default())
}

#[test]
fn the_base_is_one_that_no_check_has_anything_to_say_about() {
    assert_eq!(all("", &Facts::default()), Vec::<String>::new());
}
