//! Texts that mean no good: a clear problem each, never a panic, and time that grows as the text does.
#![cfg(test)]

#[path = "../../../tests/src/fuzz/tree.rs"]
mod promises;
mod trees;

use sluice_config::tree::{Format, NoFiles, Tree, include::MOST_BYTES, read};
use std::{
    collections::HashMap,
    path::PathBuf,
    time::{Duration, Instant},
};

fn problems(text: &[u8], format: Format) -> Vec<String> {
    let (_, problems) = read(text, Some(format), "f", &NoFiles);
    problems.list.iter().map(ToString::to_string).collect()
}

#[test]
fn each_damage_has_its_problem_with_place_reason_and_remedy() {
    use Format::{Json, Junos, Pcli, Set};
    let cases: &[(Format, &str, &[&str])] = &[
        (
            Junos,
            "authority {\n    tennant a;\n}",
            &[
                "error: f:2:5: authority: unknown word \"tennant\"; did you mean tenant? known here: name, description, tenant, service, idp-profile, syslog-policy, anti-virus-profile, router",
            ],
        ),
        (Junos, "authority { tenant a;", &["error: f:1:1: is never closed; add }"]),
        (Junos, "authority { tenant a; } }\n", &["error: f:1:25: } closes nothing; take it out"]),
        (
            Junos,
            "authority { name \"x; }",
            &[
                "error: f:1:18: the text in quotes has no end in this line; add \"",
                "error: f:1:1: is never closed; add }",
            ],
        ),
        (Junos, "/* a", &["error: f:1:1: the comment has no end; add */"]),
        (Junos, "authority { name [ a; }", &["error: f:1:21: ] is expected, \";\" stands there"]),
        (
            Junos,
            "authority { router r { idp { mode hubb; } } }",
            &[
                "error: f:1:35: authority router r idp mode: \"hubb\" is refused; give auto, disabled, spoke or hub (nearest: hub)",
            ],
        ),
        (
            Junos,
            "authority { router r { idp { mode; } } }",
            &["error: f:1:30: authority router r idp mode: has no value; give auto, disabled, spoke or hub"],
        ),
        (
            Junos,
            "authority { name a b; }",
            &[
                "error: f:1:20: authority name: \"b\" is too much: one value stands here; put a text of several words in quotes",
            ],
        ),
        (
            Junos,
            "authority { tenant; }",
            &["error: f:1:13: authority tenant: an entry of tenant needs its name; write tenant NAME"],
        ),
        (
            Junos,
            "authority { tenant a { name b; } }",
            &[
                "error: f:1:29: authority tenant a name: name is \"b\" here and \"a\" before it; write \"a\" or leave the line out",
            ],
        ),
        (
            Junos,
            "authority { name a; name b; }",
            &["warning: f:1:21: authority name: said twice, first \"a\" at f:1:13; the last counts, take one out"],
        ),
        (
            Junos,
            "protect: authority { name a; }",
            &[
                "error: f:1:1: \"protect:\" is not supported; take the tag out; to change a candidate write set, delete and deactivate lines",
            ],
        ),
        (Junos, "{ }", &["error: f:1:1: a key word is expected, \"{\" stands there"]),
        (
            Junos,
            "services { ids { rule r { term t { from { source-address-range low 10.0.0.1 up 10.0.0.9; } } } } }",
            &[
                "error: f:1:43: services ids rule r term t from source-address-range: high is expected, \"up\" stands there",
            ],
        ),
        (
            Set,
            "set authority tenant a\nsett authority",
            &[
                "error: f:2:1: unknown word \"sett\"; did you mean set? known here: set, delete, deactivate, activate, annotate, insert, include",
            ],
        ),
        (Set, "delete authority tenant a", &["warning: f:1:8: authority: is not there; nothing is changed"]),
        (Set, "set", &["error: f:1:1: set: has no value; give the statement it is about"]),
        (Set, "set authority name [ a", &["error: f:1:1: is never closed; add ]"]),
        (Pcli, "config\nauthority\nname a\nexit\n", &[]),
        (Pcli, "config\nauthority\nname a\nexit\nexit\nexit\n", &["error: f:6:1: exit closes nothing; take it out"]),
        (Pcli, "config\n  authority\n", &["error: f:2:3: is never closed; add exit"]),
        (
            Pcli,
            "config\n  authority\n    tennant x\n      name x\n    exit\n    name a\n  exit\nexit",
            &[
                "error: f:3:5: authority: unknown word \"tennant\"; did you mean tenant? known here: name, description, tenant, service, idp-profile, syslog-policy, anti-virus-profile, router",
            ],
        ),
        (Json, "{\"authority\": {\"name\": }}", &["error: f:1:24: a value is expected, \"}\" stands there"]),
        (Json, "{\"authority\": {\"name\": \"a\"}", &["error: f:1:1: is never closed; add }"]),
        (Json, "[]", &["error: f:1:1: { is expected, \"[\" stands there"]),
        (Json, "{\"authority\": 5}", &["error: f:1:15: authority: { is expected, \"5\" stands there"]),
        (
            Json,
            "{\"authority\": {\"tenant\": [{}]}}",
            &["error: f:1:27: authority tenant: an entry of tenant needs its name; write tenant NAME"],
        ),
        (
            Json,
            "{\"authority\": {\"name\": tru, \"nam\": 1}}",
            &[
                "error: f:1:24: a string in quotes, a number, true, false or null is expected, \"tru\" stands there",
                "error: f:1:29: authority: unknown word \"nam\"; did you mean name? known here: name, description, tenant, service, idp-profile, syslog-policy, anti-virus-profile, router",
            ],
        ),
        (Json, "{} {}", &["error: f:1:4: the end of the file is expected, \"{\" stands there"]),
    ];
    for (format, text, wanted) in cases {
        let found = problems(text.as_bytes(), *format);
        assert_eq!(found, *wanted, "{format} {text}");
    }
}

#[test]
fn bytes_that_are_no_text_are_a_problem_in_every_notation() {
    for format in Format::ALL {
        let text = match format {
            Format::Junos => b"authority { name \"a\xff\"; }".to_vec(),
            Format::Set => b"set authority name \"a\xff\"".to_vec(),
            Format::Pcli => b"config\nauthority\nname \"a\xff\"\nexit\nexit".to_vec(),
            Format::Json => b"{\"authority\": {\"name\": \"a\xff\"}}".to_vec(),
        };
        let found = problems(&text, format);
        assert!(found.len() == 1 && found[0].contains("no UTF-8"), "{format}: {found:?}");
        let text = String::from_utf8_lossy(&text).replace('\u{fffd}', "\u{1}");
        let found = problems(text.as_bytes(), format);
        assert!(found.len() == 1 && found[0].contains("control character U+0001"), "{format}: {found:?}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let text = "authority {\n  tenant;\n  service a { address x/y; adress 1.2.3.4; }\n  router r { idp { mode hubb; bypass-enabled maybe; } }\n}\n";
    let found = problems(text.as_bytes(), Format::Junos);
    let places: Vec<&str> = found.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(places, ["f:2:3:", "f:3:23:", "f:3:28:", "f:4:25:", "f:4:46:"], "{found:#?}");
}

#[test]
fn deep_nesting_is_one_problem_and_the_rest_is_read() {
    for (format, open, close) in [
        (Format::Junos, "detection { ", "} "),
        (Format::Pcli, "detection\n", "exit\n"),
        (Format::Json, "{\"detection\":", "}"),
    ] {
        let depth = 100_000;
        let inner = if format == Format::Json { "{}" } else { "" };
        let text = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
        let found = problems(text.as_bytes(), format);
        assert!(found.iter().any(|line| line.contains("lies deeper than")), "{format}: {found:?}");
        assert!(found.len() <= 2, "{format}: {} problems", found.len());
    }
    let long = format!("set detection {}", "a ".repeat(100_000));
    let found = problems(long.as_bytes(), Format::Set);
    assert!(found.len() == 1 && found[0].ends_with("lies deeper than 40 levels; the rest of it is not read"));
    let lists = format!("{{\"detection\": {}", "[".repeat(100_000));
    assert!(!problems(lists.as_bytes(), Format::Json).is_empty());
}

#[test]
fn what_is_too_large_is_refused_without_being_read() {
    let text = vec![b' '; MOST_BYTES + 1];
    for format in Format::ALL {
        let found = problems(&text, format);
        assert_eq!(found, [format!("error: f: is larger than {MOST_BYTES} bytes with what it includes; divide it")]);
    }
}

/// Time to read `count` services.
fn time(format: Format, count: usize) -> Duration {
    let text = match format {
        Format::Junos => {
            let all: String = (0..count).map(|at| format!("service s{at} {{ address 10.0.0.0/8; }}\n")).collect();
            format!("authority {{ {all} }}")
        }
        Format::Set => (0..count).map(|at| format!("set authority service s{at} address 10.0.0.0/8\n")).collect(),
        Format::Pcli => {
            let all: String = (0..count).map(|at| format!("service s{at}\naddress 10.0.0.0/8\nexit\n")).collect();
            format!("config\nauthority\n{all}exit\nexit\n")
        }
        Format::Json => {
            let all: Vec<String> =
                (0..count).map(|at| format!("{{\"name\": \"s{at}\", \"address\": \"10.0.0.0/8\"}}")).collect();
            format!("{{\"authority\": {{\"service\": [{}]}}}}", all.join(","))
        }
    };
    let begun = Instant::now();
    let (tree, problems) = read(text.as_bytes(), Some(format), "f", &NoFiles);
    let took = begun.elapsed();
    assert!(problems.is_empty(), "{problems}");
    assert_eq!(tree.nodes[0].children().len(), count);
    took
}

#[test]
fn eight_times_the_text_does_not_take_more_than_a_constant_times_the_time() {
    for format in Format::ALL {
        let (few, many) = (time(format, 2_000), time(format, 16_000));
        // Eight times, and a factor of four for a loaded machine; the square would be sixty-four times.
        assert!(many < few * 32 + Duration::from_millis(200), "{format}: {few:?} and {many:?}");
    }
}

/// What the fuzz targets ask of a text, in the order of [`Format::ALL`].
const PROMISES: [fn(&[u8]); 4] = [promises::junos, promises::set, promises::pcli, promises::json];

/// `SLUICE_CUTS` says how many trees are cut up; 6 when not given.
#[test]
fn a_text_cut_or_changed_anywhere_keeps_the_promises_of_the_fuzz_targets() {
    let trees: u64 = std::env::var("SLUICE_CUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let mut dice = trees::Dice(0x5eed);
    for seed in 1..=trees {
        let text = trees::grown(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), true);
        let (tree, _) = read(text.as_bytes(), Some(Format::Junos), "f", &NoFiles);
        for (at, format) in Format::ALL.into_iter().enumerate() {
            let text = sluice_config::tree::write(&tree, format).text.into_bytes();
            let from = dice.below(text.len() as u64) as usize;
            let text = &text[from..(from + 4_000).min(text.len())];
            for _ in 0..12 {
                let mut bytes = text.to_vec();
                for _ in 0..=dice.below(3) {
                    let at = dice.below(bytes.len() as u64) as usize;
                    match dice.below(4) {
                        0 => bytes.truncate(at + 1),
                        1 => bytes[at] = dice.below(256) as u8,
                        2 => bytes[at] = dice.one(b"{}[];\"#/*\\\n @:!,x0\r\t"),
                        _ => drop(bytes.drain(at..(at + 9).min(bytes.len() - 1).max(at))),
                    }
                }
                PROMISES[at](&bytes);
                PROMISES[dice.below(4) as usize](&bytes);
            }
        }
    }
}

fn folder(files: &[(&str, &str)]) -> HashMap<PathBuf, Vec<u8>> {
    files.iter().map(|(name, text)| (PathBuf::from(name), text.as_bytes().to_vec())).collect()
}

fn load(files: &HashMap<PathBuf, Vec<u8>>) -> (Tree, Vec<String>) {
    let first = files.get(&PathBuf::from("etc/main.conf")).unwrap();
    let (tree, problems) = read(first, None, "etc/main.conf", files);
    (tree, problems.list.iter().map(ToString::to_string).collect())
}

#[test]
fn an_included_file_stands_where_it_is_included_in_any_notation() {
    let files = folder(&[
        (
            "etc/main.conf",
            "authority { include \"parts/tenants.set\"; router r { include \"parts/router.pcli\"; } include \"parts/more.json\"; }",
        ),
        ("etc/parts/tenants.set", "set tenant a\nset tenant b\ninclude \"inner.conf\"\n"),
        ("etc/parts/inner.conf", "tenant c { description \"of the inner file\"; }"),
        ("etc/parts/router.pcli", "name r\nidp\n mode hub\nexit\n"),
        ("etc/parts/more.json", "{\"service\": [{\"name\": \"s\"}]}"),
    ]);
    let (tree, problems) = load(&files);
    assert!(problems.is_empty(), "{problems:?}");
    let (whole, _) = read(
        b"authority { tenant a; tenant b; tenant c { description \"of the inner file\"; } router r { idp mode hub; } service s; }",
        None,
        "x",
        &NoFiles,
    );
    assert_eq!(tree, whole);
    let place = tree.place(&["authority", "tenant", "c", "description"]).to_string();
    assert_eq!(place, "etc/parts/inner.conf:1:12");
}

#[test]
fn files_that_include_each_other_are_refused_with_the_chain() {
    let files = folder(&[
        ("etc/main.conf", "include \"b.conf\";"),
        ("etc/b.conf", "include \"main.conf\"; authority { name x; }"),
    ]);
    let (tree, problems) = load(&files);
    assert_eq!(
        problems,
        ["error: etc/b.conf:1:9: includes itself: etc/main.conf -> etc/b.conf -> etc/main.conf; take one include out"]
    );
    assert_eq!(tree.nodes.len(), 1, "the rest is read");
}

#[test]
fn includes_are_bounded_in_depth_number_and_bytes() {
    let name = |at: usize| format!("etc/f{at}.conf");
    let mut files = folder(&[("etc/main.conf", "include \"f0.conf\";")]);
    for at in 0..40 {
        files.insert(
            PathBuf::from(name(at)),
            format!("include \"f{}.conf\"; include \"f{}.conf\";", at + 1, at + 1).into_bytes(),
        );
    }
    files.insert(PathBuf::from(name(40)), b"authority { name x; }".to_vec());
    let (_, problems) = load(&files);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("more than 16 files that include one another in a chain"), "{problems:?}");

    // Each of ten files includes the next twice: 1,023 files, though no chain is long.
    for at in 0..12 {
        let next = if at < 11 { format!("include \"f{}.conf\"; ", at + 1).repeat(2) } else { String::new() };
        files.insert(PathBuf::from(name(at)), next.into_bytes());
    }
    let (_, problems) = load(&files);
    assert!(problems.len() == 1 && problems[0].contains("more than 1000 files in one configuration"), "{problems:?}");

    // Each is small enough, and with the first file it is too much.
    let mut files = folder(&[("etc/main.conf", "include \"a.conf\";")]);
    files.insert("etc/a.conf".into(), vec![b' '; MOST_BYTES]);
    let (_, problems) = load(&files);
    assert!(problems.len() == 1 && problems[0].contains("is larger than"), "{problems:?}");

    let (_, problems) = load(&folder(&[("etc/main.conf", "include \"none.conf\";")]));
    assert_eq!(
        problems,
        ["error: etc/main.conf:1:9: can't be read: none.conf: no such file; give a file that this user may read"]
    );
}
