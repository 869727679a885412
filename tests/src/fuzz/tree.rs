//! Targets `junos`, `set`, `pcli` and `json`: a configuration in each notation.
//!
//! Nothing panics, every problem has words; whatever tree comes of it is read back from what is written of it, in every notation that holds it all; the model, the
//! checks and the difference to nothing can be made of it.

use sluice_config::{
    Settings,
    authority::{Authority, Facts, View, decide, validate},
    store::diff,
    tree::{Format, NoFiles, Tree, read, write},
};

/// Runs one input as Junos' notation.
pub fn junos(input: &[u8]) {
    run(input, Format::Junos);
}

/// Runs one input as `set` lines.
pub fn set(input: &[u8]) {
    run(input, Format::Set);
}

/// Runs one input as PCLI.
pub fn pcli(input: &[u8]) {
    run(input, Format::Pcli);
}

/// Runs one input as JSON.
pub fn json(input: &[u8]) {
    run(input, Format::Json);
}

fn run(input: &[u8], format: Format) {
    let (tree, mut problems) = read(input, Some(format), "fuzz", &NoFiles);
    for other in [Format::Junos, Format::Set, Format::Json] {
        let text = write(&tree, other).text;
        let (again, problems) = read(text.as_bytes(), Some(other), "again", &NoFiles);
        assert!(problems.is_empty(), "{other}: {problems}\n{text}");
        assert!(again == tree, "{other}\n{text}");
    }
    let text = write(&tree, Format::Pcli).text;
    let (again, lost) = read(text.as_bytes(), Some(Format::Pcli), "again", &NoFiles);
    assert!(lost.is_empty(), "{lost}\n{text}");
    assert!(again == tree.active(), "{text}");
    assert!(diff(&tree, &tree).is_empty());
    assert!(diff(&Tree::default(), &tree).is_empty() == tree.nodes.is_empty());
    validate(&tree, &Facts::default(), &mut problems);
    Settings::default().feed(&tree, &mut problems);
    for problem in &problems.list {
        assert!(!problem.to_string().is_empty());
    }
    let authority = Authority::of(&tree).unwrap();
    let view = View::of(&authority);
    for router in &authority.router {
        assert!(!decide(&view, router).to_string().is_empty());
    }
}
