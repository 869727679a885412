//! The shape of the workspace: layers, licences, sizes, headers, and that nothing declared lies idle.
//!
//! Reads the sources and `cargo metadata --offline`. A test that fails here names the file or the crate and what to do.
#![cfg(test)]

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const MOST_CRATES: usize = 18;
const MOST_PACKAGES: usize = 350;
const MOST_LINES: usize = 900;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn metadata(arguments: &[&str]) -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // Only what is built here is there without a network: other systems' packages are left out.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    command.args(["metadata", "--offline", "--format-version", "1", "--filter-platform", &platform]);
    command.args(arguments).current_dir(root());
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "cargo metadata (after `cargo fetch`?): {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn packages(metadata: &Value) -> &[Value] {
    metadata["packages"].as_array().unwrap()
}

/// Source files of ours below `folder`, build output left out.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[test]
fn no_crate_depends_on_its_own_layer_or_a_higher_one() {
    let metadata = metadata(&["--no-deps"]);
    let layers = &metadata["metadata"]["layers"];
    let layer = |name: &str| layers[name].as_u64();
    let mut wrong = Vec::new();
    for package in packages(&metadata) {
        let name = text(package, "name");
        let Some(own) = layer(name) else {
            wrong.push(format!("{name} has no layer in the root Cargo.toml"));
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let other = text(dependency, "name");
            if dependency["path"].is_string() && layer(other).is_none_or(|other| other >= own) {
                wrong.push(format!("{name} (layer {own}) depends on {other} (layer {:?})", layer(other)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn crates_and_packages_stay_few() {
    let ours = packages(&metadata(&["--no-deps"])).len();
    assert!(ours <= MOST_CRATES, "{ours} crates of ours, {MOST_CRATES} at most");
    let all = packages(&metadata(&[])).len();
    assert!(all <= MOST_PACKAGES, "{all} packages, {MOST_PACKAGES} at most");
}

/// The list of `deny.toml`: the quoted words between `allow = [` and the bracket that closes it.
fn allowed_licences() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("deny.toml")).unwrap();
    let list = text.split("allow = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether an SPDX expression can be met with `allowed` alone: `OR` (or the old `/`) needs one side, `AND` both; `AND` binds
/// tighter. `A WITH B` counts as one licence, and is also met by an allowed `A`, since an exception only gives more.
fn permitted(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let holds = either(&words, &mut at, allowed);
    holds && at == words.len() && !words.is_empty()
}

fn either(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut holds = both(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        holds |= both(words, at, allowed);
    }
    holds
}

fn both(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut holds = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        holds &= one(words, at, allowed);
    }
    holds
}

fn one(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let Some(&word) = words.get(*at) else { return false };
    *at += 1;
    if word == "(" {
        let holds = either(words, at, allowed);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return holds && closed;
    }
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1).copied().unwrap_or_default();
        *at += 2;
        return allowed.contains(&format!("{word} WITH {exception}")) || allowed.contains(word);
    }
    allowed.contains(word)
}

#[test]
fn licence_expressions_are_read_as_spdx_has_them() {
    let allowed: BTreeSet<String> = ["MIT", "Apache-2.0", "Unicode-3.0"].map(str::to_owned).into();
    for good in
        ["MIT", "MIT OR GPL-3.0", "GPL-3.0/MIT", "(MIT OR GPL-2.0) AND Unicode-3.0", "Apache-2.0 WITH LLVM-exception"]
    {
        assert!(permitted(good, &allowed), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "GPL-2.0 OR MIT AND GPL-3.0", "(MIT", "MIT MIT", "GPL-2.0 WITH MIT"] {
        assert!(!permitted(bad, &allowed), "{bad}");
    }
}

#[test]
fn every_package_has_a_licence_that_deny_toml_allows() {
    let allowed = allowed_licences();
    assert!(allowed.contains("MIT") && allowed.len() > 3, "deny.toml: {allowed:?}");
    let metadata = metadata(&[]);
    let wrong: Vec<String> = packages(&metadata)
        .iter()
        .filter(|package| !permitted(text(package, "license"), &allowed))
        .map(|package| format!("{} {}: {}", text(package, "name"), text(package, "version"), package["license"]))
        .collect();
    assert!(wrong.is_empty(), "not allowed by deny.toml:\n{}", wrong.join("\n"));
}

#[test]
fn only_crates_in_ffi_may_hold_unsafe_code() {
    let metadata = metadata(&["--no-deps"]);
    let mut wrong = Vec::new();
    for package in packages(&metadata) {
        let manifest = Path::new(text(package, "manifest_path"));
        if manifest.starts_with(root().join("ffi")) {
            continue;
        }
        for target in package["targets"].as_array().unwrap() {
            let kind = target["kind"][0].as_str().unwrap_or_default();
            let path = Path::new(text(target, "src_path"));
            if matches!(kind, "lib" | "bin") && !fs::read_to_string(path).unwrap().contains("#![forbid(unsafe_code)]") {
                wrong.push(shown(path));
            }
        }
    }
    assert!(wrong.is_empty(), "without #![forbid(unsafe_code)]: {wrong:?}");
}

#[test]
fn every_file_says_what_it_is_and_none_is_too_long() {
    let mut wrong = Vec::new();
    for path in sources(&root()) {
        let text = fs::read_to_string(&path).unwrap();
        if !text.starts_with("//!") {
            wrong.push(format!("{} does not begin with //!", shown(&path)));
        }
        let lines = text.lines().count();
        if lines > MOST_LINES {
            wrong.push(format!("{} has {lines} lines, {MOST_LINES} at most", shown(&path)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Dataplane sources up to their unit tests and without comments, which name things but use none; without the file that declares
/// what is looked for.
fn dataplane_code(declared_in: &str) -> BTreeMap<String, String> {
    let mut code = BTreeMap::new();
    for path in sources(&root().join("dataplane")) {
        let name = shown(&path);
        if name.ends_with(declared_in) || name.contains("/tests/") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let product = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
        code.insert(name, without_comments(product));
    }
    code
}

/// The lines of `code` that are no comments.
fn without_comments(code: &str) -> String {
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Whether `code` writes the field: `.name +=` or `.name =`, over a line break too.
fn writes(code: &str, field: &str) -> bool {
    code.match_indices(field).any(|(at, _)| {
        let rest = code[at + field.len()..].trim_start();
        let assigned = rest.starts_with("+=") || (rest.starts_with('=') && !rest.starts_with("=="));
        code[..at].ends_with('.') && assigned
    })
}

#[test]
fn every_counter_is_raised_somewhere_on_the_packet_path() {
    assert!(writes("self.a += 1", "a") && writes("x.a\n  = 2", "a"));
    assert!(!writes("if x.a == 2", "a") && !writes("x.ab += 1", "a") && !writes("a += 1", "a"));
    let code = dataplane_code("core/src/counters.rs");
    let idle: Vec<&str> = sluice_core::Counters::FIELDS
        .iter()
        .copied()
        .filter(|field| !code.values().any(|text| writes(text, field)))
        .collect();
    assert!(idle.is_empty(), "counters that nothing raises: {idle:?}");
}

#[test]
fn every_resource_with_a_policy_is_asked_about_it_and_every_one_is_documented() {
    let code = dataplane_code("core/src/resource.rs");
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut wrong = Vec::new();
    for resource in sluice_core::Resource::ALL {
        let name = format!("{resource:?}");
        let entry = resource.entry();
        // An arm of a match says what the resource is, and asks nothing.
        let asked = |text: &String| {
            let mention = format!("Resource::{name}");
            text.match_indices(&mention).any(|(at, _)| {
                let rest = &text[at + mention.len()..];
                !rest.trim_start().starts_with("=>") && !rest.starts_with(|next: char| next.is_alphanumeric())
            })
        };
        if resource.has_choice() && !code.values().any(asked) {
            wrong.push(format!("nothing asks for the policy of {name}"));
        }
        if !architecture.lines().any(|line| line.starts_with('|') && line.contains(&format!("`{}`", entry.name))) {
            wrong.push(format!("ARCHITECTURE.md has no row for `{}`", entry.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_cause_is_the_cause_of_something() {
    assert_eq!(without_comments("a\n  // Cause::B\n/// Cause::C\nb"), "a\nb");
    let code = dataplane_code("core/src/verdict.rs");
    let idle: Vec<String> = sluice_core::Cause::ALL
        .iter()
        .map(|cause| format!("{cause:?}"))
        .filter(|cause| !code.values().any(|text| text.contains(&format!("Cause::{cause}"))))
        .collect();
    assert!(idle.is_empty(), "causes that nothing names: {idle:?}");
}
