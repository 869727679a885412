//! `sluice config` as an operator and a script use it: words, exit statuses, and what is on disk after.
//!
//! Runs the `sluice` binary as `tests/golden.rs` does; skipped aloud where there is none.
#![cfg(test)]

use sluice_tests::golden;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

struct Bench {
    binary: PathBuf,
    folder: PathBuf,
}

impl Bench {
    fn new(name: &str) -> Option<Self> {
        let Some(binary) = golden::binary() else {
            eprintln!("SKIPPED: no sluice binary; build sluice-cli or set SLUICE_BIN");
            return None;
        };
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("configuration").join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Some(Self { binary, folder })
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    }

    /// Exit status, what was printed, and what was said of errors.
    fn config(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = Command::new(&self.binary)
            .arg("config")
            .args(arguments)
            .arg("--folder")
            .arg(self.folder.join("store"))
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// What was printed by a command that has to go well.
    fn sound(&self, arguments: &[&str]) -> String {
        let (status, said, errors) = self.config(arguments);
        assert_eq!(status, Some(0), "{arguments:?}: {said}{errors}");
        said
    }
}

const GOOD: &str = "authority { tenant a; service web { address 0.0.0.0/0; access-policy a { idp-policy standard; } }
    router r { node n { device-interface d { network-interface lan { tenant-prefixes a { source-address 10.1.0.0/16; } } network-interface wan; } }
    service-route out { service-name web; next-hop n wan; } } }\ndetection { checksums off; }\n";

#[test]
fn a_configuration_is_loaded_checked_shown_committed_and_rolled_back() {
    let Some(bench) = Bench::new("whole") else { return };
    let good = bench.file("good.conf", GOOD);
    assert_eq!(bench.sound(&["check", &good]), "router r: spoke (local-tenant:a@lan)\n0 errors, 0 warnings\n");
    bench.sound(&["load", &good]);
    assert!(bench.sound(&["diff"]).contains("+  authority {"));
    assert_eq!(bench.sound(&["commit", "--note", "the first"]), "commit 1 is in force\n");
    assert_eq!(bench.sound(&["diff"]), "");

    let lines = bench.file("change.set", "set authority service web access-policy a idp-policy alert\n");
    bench.sound(&["load", "--merge", &lines]);
    let wanted = "[edit authority service web access-policy a]\n-  idp-policy standard;\n+  idp-policy alert;\n";
    assert_eq!(bench.sound(&["diff"]), wanted);
    assert!(
        bench
            .sound(&["commit", "confirmed", "5"])
            .starts_with("commit 2 is in force; confirm it by another commit within 5 minutes")
    );
    assert_eq!(bench.sound(&["commit"]), "commit 2 is in force; there was nothing to change\n");
    let history = bench.sound(&["history"]);
    assert!(
        history.lines().count() == 2 && history.contains("the first") && !history.contains("to be confirmed"),
        "{history}"
    );

    bench.sound(&["rollback", "1"]);
    assert_eq!(bench.sound(&["commit"]), "commit 3 is in force\n");
    assert!(
        bench
            .sound(&["show", "--format", "set"])
            .contains("set authority service web access-policy a idp-policy standard\n")
    );
    assert!(bench.sound(&["show", "--rollback", "1"]).contains("idp-policy alert;"));
    for format in ["junos", "set", "pcli", "json"] {
        let text = bench.sound(&["show", "--format", format]);
        let again = bench.file("again", &text);
        bench.sound(&["load", &again, "--format", format]);
        assert_eq!(bench.sound(&["diff"]), "", "{format}");
    }
}

#[test]
fn what_is_wrong_is_told_all_at_once_and_nothing_is_changed() {
    let Some(bench) = Bench::new("wrong") else { return };
    let wrong = bench.file("wrong.conf", "authority {\n  tennant a;\n  router r { idp { mode hubb; } }\n}\n");
    let (status, _, errors) = bench.config(&["load", &wrong]);
    assert_eq!(status, Some(1));
    assert!(errors.contains("wrong.conf:2:3: ") && errors.contains("wrong.conf:3:25: "), "{errors}");
    // Readable, and refused by the checks and by the settings.
    let unsound = bench.file(
        "unsound.conf",
        "authority { service web { access-policy a { idp-policy strict; idp-profile p; } } }\ndetection { checksums perhaps; }\n",
    );
    let (status, said, _) = bench.config(&["check", &unsound]);
    assert_eq!((status, said.lines().last()), (Some(1), Some("4 errors, 1 warning")), "{said}");
    bench.sound(&["load", &unsound]);
    let (status, _, errors) = bench.config(&["commit"]);
    assert_eq!(status, Some(1));
    for part in ["[check 3]", "[check 7]", "[check 8]", "detection checksums"] {
        assert!(errors.contains(part), "{part}: {errors}");
    }
    assert_eq!(bench.sound(&["history"]), "");
    for arguments in [
        &["load", "absent.conf"][..],
        &["rollback", "3"],
        &["show", "--format", "xml"],
        &["commit", "confirmed", "0"],
        &[],
    ] {
        assert_eq!(bench.config(arguments).0, Some(2), "{arguments:?}");
    }
}
