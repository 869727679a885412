//! From the tree to [`Settings`]: what stands below `system`, `detection`, `events` and `measure` is said as `PATH=VALUE`.
//!
//! So a configuration and `--set` know the same words, take the same values and refuse for the same reasons; what is refused is told with its place in the file. Lists are
//! joined by commas. Called behind `tree::read` by whoever runs a replay or the engine.

use crate::{
    Settings,
    assign::Assigned,
    tree::{Node, Problems, Reason, Tree, schema::root::SETTINGS, shown_path},
};

impl Settings {
    /// Takes over what `tree` says in words of `--set`. What is refused is left as it was and told of; a word that is known and has no effect yet is a warning.
    pub fn feed(&mut self, tree: &Tree, problems: &mut Problems) {
        for node in tree.active().nodes.iter().filter(|node| SETTINGS.contains(&node.word.text.as_str())) {
            self.feed_node(node, &mut Vec::new(), problems);
        }
    }

    fn feed_node<'n>(&mut self, node: &'n Node, path: &mut Vec<&'n str>, problems: &mut Problems) {
        path.push(&node.word.text);
        for inner in node.children() {
            self.feed_node(inner, path, problems);
        }
        if !node.values().is_empty() {
            let values: Vec<&str> = node.values().iter().map(|value| value.word.text.as_str()).collect();
            let assignment = format!("{}={}", path.join("."), values.join(","));
            let shown = || shown_path(path.iter().copied());
            match self.assign(&assignment) {
                Ok(Assigned::InForce) => {}
                Ok(Assigned::NotYet) => {
                    let why =
                        "is known and has no effect yet; leave it out, or leave it for a later version".to_owned();
                    problems.warning(node.span(), shown(), Reason::Setting { why });
                }
                Err(error) => {
                    let why = error.to_string();
                    // The place and the path stand before it already.
                    let why = why.strip_prefix(&format!("--set {assignment}: ")).unwrap_or(&why).to_owned();
                    problems.error(node.span(), shown(), Reason::Setting { why });
                }
            }
        }
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{NoFiles, read};

    fn fed(text: &str) -> (Settings, Vec<String>) {
        let (tree, mut problems) = read(text.as_bytes(), None, "f", &NoFiles);
        let mut settings = Settings::default();
        settings.feed(&tree, &mut problems);
        (settings, problems.list.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_configuration_says_what_set_says() {
        let (settings, problems) = fed(
            "system { ports { pair wan-lan { inside 0000:03:00.0; outside 0000:04:00.0; deployment passive; } } }
             detection { checksums off; variables { address { HOME_NET [ 10.0.0.0/8 ]; } } inactive: vlan-tracking false; }
             events { eve { types [ alert drop ]; } }",
        );
        assert_eq!(problems, [""; 0]);
        let mut wanted = Settings::default();
        for assignment in [
            "system.ports.pair.wan-lan.inside=0000:03:00.0",
            "system.ports.pair.wan-lan.outside=0000:04:00.0",
            "system.ports.pair.wan-lan.deployment=passive",
            "detection.checksums=off",
            "detection.variables.address.HOME_NET=10.0.0.0/8",
            "events.eve.types=alert,drop",
        ] {
            wanted.assign(assignment).unwrap();
        }
        assert_eq!(settings, wanted);
    }

    #[test]
    fn what_set_refuses_is_refused_with_its_place_and_changes_nothing() {
        let (settings, problems) = fed("detection {\n  checksums perhaps;\n  chekcsums on;\n}");
        assert_eq!(settings, Settings::default());
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(problems[0], "error: f:2:3: detection checksums: write off, on or auto");
        assert!(
            problems[1].starts_with("error: f:3:3: detection chekcsums: ")
                && problems[1].contains("detection.checksums"),
            "{problems:?}"
        );
    }
}
