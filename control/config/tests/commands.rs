//! Lines of commands change a tree.
#![cfg(test)]

use sluice_config::tree::{Format, NoFiles, Tree, apply, read, write};

const BASE: &str = "authority { tenant a; tenant b { member m { address [ 10.0.0.0/8 10.1.0.0/16 ]; } } \
    idp-profile p { base-policy strict; rule one; rule two; rule three; } router r { idp mode auto; } }";

fn changed(lines: &str) -> (Tree, Vec<String>) {
    let (tree, problems) = read(BASE.as_bytes(), Some(Format::Junos), "base", &NoFiles);
    assert!(problems.is_empty());
    let (tree, problems) = apply(tree, lines.as_bytes(), Some(Format::Set), "lines", &NoFiles);
    (tree, problems.list.iter().map(ToString::to_string).collect())
}

/// That the lines make of the base what `wanted` says.
fn makes(lines: &str, wanted: &str) {
    let (tree, problems) = changed(lines);
    assert!(problems.is_empty(), "{lines}: {problems:?}");
    let (wanted, problems) = read(wanted.as_bytes(), Some(Format::Junos), "wanted", &NoFiles);
    assert!(problems.is_empty());
    assert_eq!(tree, wanted, "{lines}\n{}", write(&tree, Format::Junos).text);
}

#[test]
fn set_adds_and_replaces_and_delete_takes_out() {
    makes("", BASE);
    makes("set authority tenant c\ndelete authority tenant c", BASE);
    makes("set authority router r idp mode hub", &BASE.replace("auto", "hub"));
    makes("delete authority tenant a", &BASE.replace("tenant a; ", ""));
    makes("delete authority tenant b member m address 10.1.0.0/16", &BASE.replace(" 10.1.0.0/16", ""));
    makes("delete authority router", &BASE.replace("router r { idp mode auto; }", ""));
    makes("delete authority router r idp mode", &BASE.replace("{ idp mode auto; }", ";"));
    makes("delete authority", "");
}

#[test]
fn deactivate_and_activate_mark_statements_and_values() {
    makes("deactivate authority tenant a", &BASE.replace("tenant a;", "inactive: tenant a;"));
    makes("deactivate authority tenant a\nactivate authority tenant a", BASE);
    makes("deactivate authority router r idp mode", &BASE.replace("idp mode auto;", "idp { inactive: mode auto; }"));
    makes("deactivate authority router r idp", &BASE.replace("idp mode auto;", "inactive: idp { mode auto; }"));
    makes(
        "deactivate authority tenant b member m address 10.1.0.0/16",
        &BASE.replace("[ 10.0.0.0/8 10.1.0.0/16 ]", "10.0.0.0/8; inactive: address 10.1.0.0/16"),
    );
}

#[test]
fn a_value_set_where_the_statement_is_inactive_stays_inactive() {
    makes(
        "deactivate authority router r idp mode\nset authority router r idp mode hub",
        &BASE.replace("idp mode auto;", "idp { inactive: mode hub; }"),
    );
}

#[test]
fn insert_moves_an_entry_before_or_behind_another() {
    let order = |order: &str| BASE.replace("rule one; rule two; rule three;", order);
    makes("insert authority idp-profile p rule three before one", &order("rule three; rule one; rule two;"));
    makes("insert authority idp-profile p rule one after rule two", &order("rule two; rule one; rule three;"));
    makes("insert authority idp-profile p rule one before one", BASE);
}

#[test]
fn annotate_adds_a_comment_to_what_is_there() {
    makes(
        "annotate authority tenant a \"of the first floor\"",
        &BASE.replace("tenant a;", "/* of the first floor */ tenant a;"),
    );
}

#[test]
fn what_is_not_there_is_told_and_nothing_changes() {
    let (tree, problems) = changed(
        "delete authority tenant x\ndeactivate authority router r idp bypass-enabled\ninsert authority idp-profile p rule one before rule nine\ndelete authority tenant b member m address 10.9.0.0/16",
    );
    let (base, _) = read(BASE.as_bytes(), None, "base", &NoFiles);
    assert_eq!(tree, base);
    assert_eq!(
        problems,
        [
            "warning: lines:1:18: authority tenant x: is not there; nothing is changed",
            "warning: lines:2:35: authority router r idp bypass-enabled: is not there; nothing is changed",
            "warning: lines:3:32: authority idp-profile p rule one: is not there; nothing is changed",
            "warning: lines:4:44: authority tenant b member m address: is not there; nothing is changed",
        ]
    );
}

#[test]
fn tags_speak_of_the_entry_where_junos_writes_it_in_one_line() {
    let text = "services { ids { rule r { term t { from { inactive: source-address 10.0.0.0/8 except; /* x */ source-address 10.1.0.0/16 except; } } } } }";
    let (tree, problems) = read(text.as_bytes(), Some(Format::Junos), "f", &NoFiles);
    assert!(problems.is_empty(), "{problems}");
    let from = tree.find(&["services", "ids", "rule", "r", "term", "t", "from"]).unwrap();
    let [first, second] = from.children() else { panic!("{from:?}") };
    assert!(first.inactive && !first.children()[0].inactive);
    assert_eq!((second.comments.as_slice(), second.children()[0].comments.len()), (&["x".to_owned()][..], 0));
    let written = write(&tree, Format::Junos).text;
    assert!(written.contains("inactive: source-address 10.0.0.0/8 except;"), "{written}");
}

#[test]
fn a_line_edit_says_where_what_follows_belongs_and_bare_names_need_no_key_word() {
    let text = "[edit services ids]\nrule r { match-direction input; }\n[edit policy-options]\nprefix-list inside { 10.0.0.0/8; inactive: 10.1.0.0/16; }\n\
        [edit]\ninterfaces { ge-0/0/0 { unit 0 { family inet { service { input { service-set s service-filter f; } } } } } }";
    let (tree, problems) = read(text.as_bytes(), Some(Format::Junos), "f", &NoFiles);
    assert!(problems.is_empty(), "{problems}");
    assert!(tree.find(&["services", "ids", "rule", "r", "match-direction"]).is_some());
    assert_eq!(tree.find(&["policy-options", "prefix-list", "inside", "prefix"]).unwrap().values().len(), 2);
    assert!(tree.find(&["interfaces", "interface", "ge-0/0/0", "unit", "0"]).is_some());
    for format in Format::ALL {
        let written = write(&tree, format).text;
        let (again, problems) = read(written.as_bytes(), Some(format), "again", &NoFiles);
        assert!(problems.is_empty(), "{format} {problems}\n{written}");
        assert_eq!(again.active(), tree.active(), "{format}\n{written}");
    }
}

#[test]
fn comments_stay_with_what_they_speak_of() {
    let text = "# top\nauthority {\n  /* of a */\n  tenant a; # and behind a\n  tenant b {\n    # only words\n  }\n  # last words\n}\n# the end\n";
    let (tree, problems) = read(text.as_bytes(), Some(Format::Junos), "f", &NoFiles);
    assert!(problems.is_empty());
    let said = |path: &[&str]| tree.find(path).unwrap().comments.join("|");
    assert_eq!(said(&["authority"]), "top|the end");
    assert_eq!(said(&["authority", "tenant", "a"]), "of a|and behind a");
    assert_eq!(said(&["authority", "tenant", "b"]), "only words|last words");
    let (only, _) = read(b"# nothing yet\n", Some(Format::Junos), "f", &NoFiles);
    assert_eq!(only.comments, ["nothing yet"]);
}
