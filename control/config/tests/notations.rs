//! Every notation gives the same tree.
//!
//! The examples of the specification, written by hand in Junos' notation and in PCLI, and trees grown from the schema.
#![cfg(test)]

mod trees;

use proptest::prelude::*;
use sluice_config::tree::{Format, NoFiles, Tree, read, write};
use std::path::Path;

const EXAMPLES: [&str; 3] = ["three-treatments", "spoke-and-hub", "exceptions"];

fn load(text: &str, format: Option<Format>, file: &str) -> Tree {
    let (tree, problems) = read(text.as_bytes(), format, file, &NoFiles);
    assert!(problems.is_empty(), "{problems}\n{text}");
    tree
}

fn example(name: &str, extension: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples").join(format!("{name}.{extension}"));
    std::fs::read_to_string(&path).unwrap()
}

#[test]
fn the_three_examples_are_the_same_tree_in_all_notations() {
    for name in EXAMPLES {
        let native = load(&example(name, "conf"), Some(Format::Junos), name);
        assert!(!native.is_empty());
        for (extension, format) in [("pcli", Format::Pcli), ("set", Format::Set), ("json", Format::Json)] {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/examples/{name}.{extension}"));
            if std::env::var_os("SLUICE_BLESS").is_some() && extension != "pcli" {
                std::fs::write(file, write(&native, format).text).unwrap();
            }
            let text = example(name, extension);
            assert_eq!(Format::detect(&text), format, "{name}.{extension}");
            let other = load(&text, None, name);
            // PCLI says comments in other places; what is in effect is the same.
            assert_eq!(native.active(), other.active(), "{name}.{extension}");
            if extension != "pcli" {
                assert_eq!(native, other, "{name}.{extension}");
            }
        }
    }
}

#[test]
fn blanks_tabs_and_line_ends_change_nothing() {
    for name in EXAMPLES {
        for extension in ["conf", "pcli", "set", "json"] {
            let text = example(name, extension);
            let tree = load(&text, None, name);
            assert_eq!(load(&text.replace('\n', "\r\n"), None, name), tree, "{name}.{extension} with CR LF");
            assert_eq!(load(&text.replace("  ", "\t"), None, name), tree, "{name}.{extension} with tabs");
            let flat: Vec<&str> = text.lines().map(str::trim).collect();
            assert_eq!(load(&flat.join("\n"), None, name), tree, "{name}.{extension} without blanks");
        }
    }
}

#[test]
fn what_is_written_as_json_is_json_to_others_too() {
    for seed in 1..200 {
        let (tree, problems) = read(trees::grown(seed * 7_919, true).as_bytes(), Some(Format::Junos), "seed", &NoFiles);
        assert!(!problems.has_errors(), "{problems}");
        let text = write(&tree, Format::Json).text;
        let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert!(value.is_object());
        let again = load(&serde_json::to_string(&value).unwrap(), Some(Format::Json), "again");
        assert_eq!(again, tree, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_written_and_read_back_is_the_same_tree(seed in any::<u64>()) {
        let grown = trees::grown(seed, true);
        let (tree, problems) = read(grown.as_bytes(), Some(Format::Junos), "grown", &NoFiles);
        prop_assert!(!problems.has_errors(), "{problems}\n{grown}");
        for format in [Format::Junos, Format::Set, Format::Json] {
            let written = write(&tree, format);
            prop_assert_eq!(written.left_out, 0);
            let (again, problems) = read(written.text.as_bytes(), Some(format), "again", &NoFiles);
            prop_assert!(problems.is_empty(), "{format}: {problems}\n{}", written.text);
            prop_assert_eq!(&again, &tree, "{}\n{}", format, written.text);
            if !tree.is_empty() && !tree.nodes.is_empty() {
                prop_assert_eq!(Format::detect(&written.text), format, "{}", written.text);
            }
        }
        // PCLI holds what is in effect.
        let written = write(&tree, Format::Pcli);
        let (again, problems) = read(written.text.as_bytes(), None, "again", &NoFiles);
        prop_assert!(problems.is_empty(), "{problems}\n{}", written.text);
        prop_assert_eq!(&again, &tree.active(), "{}", written.text);
        prop_assert_eq!(written.left_out == 0, again == tree);
    }
}
