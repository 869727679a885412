//! Golden captures, their descriptions and the demo capture are what the builder makes.
//!
//! `SLUICE_BLESS=1 cargo test -p sluice-tests --test captures` writes them anew after a change of the builder.
#![cfg(test)]

use sluice_tests::{cases, demo};
use std::{fs, path::Path};

fn check(folder: &Path, files: Vec<(String, Vec<u8>)>, wrong: &mut Vec<String>) {
    let bless = std::env::var_os("SLUICE_BLESS").is_some_and(|value| value == "1");
    for (name, bytes) in files {
        let path = folder.join(&name);
        if fs::read(&path).is_ok_and(|there| there == bytes) {
            continue;
        }
        if bless {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
        } else {
            wrong.push(name);
        }
    }
}

#[test]
fn golden_captures_are_what_the_builder_makes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for case in cases::all() {
        check(&root.join("golden/cases"), case.files(), &mut wrong);
    }
    check(&root.join("demo"), vec![("branch-office.pcap".into(), demo::capture().to_bytes())], &mut wrong);
    assert!(wrong.is_empty(), "differ from what the builder makes: {wrong:?}; SLUICE_BLESS=1 writes them anew");
}

#[test]
fn the_same_source_makes_the_same_bytes_twice() {
    assert_eq!(demo::capture().to_bytes(), demo::capture().to_bytes());
}

#[test]
fn the_demo_capture_is_small_and_long_enough_to_watch() {
    let capture = demo::capture();
    assert!((3_000..=6_000).contains(&capture.len()), "{} packets", capture.len());
    assert!(capture.to_bytes().len() < 1_000_000, "{} bytes", capture.to_bytes().len());
}
