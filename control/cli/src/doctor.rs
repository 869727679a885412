//! `sluice doctor`: what this machine can do, and what to change, each with the command.
//!
//! Prints what `sluice_service::doctor` finds. Changes nothing and needs no root; `--self-test` alone starts DPDK.

use crate::{demo, exit::Exit};
use serde_json::{Value, json};
use sluice_service::doctor::{Finding, Group, Level, Libraries, Roots, examine};
use std::{fs, io::IsTerminal, path::PathBuf, process::ExitCode};

/// Width of the column of names, letters.
const NAME_WIDTH: usize = 22;

/// Arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Folder that Sluice is to write to; it need not be there yet.
    #[arg(long, value_name = "DIR", default_value = ".")]
    log_dir: PathBuf,
    /// Also replay the bundled capture, and require that the attacks in it are found. Takes a second or two and some memory.
    #[arg(long)]
    self_test: bool,
    /// Print the findings as a JSON list of objects: id, group, level (ok, advice, problem), found, why, change.
    #[arg(long)]
    json: bool,
}

/// Runs the command. Exit status 1 when not even a replay can work.
pub fn run(arguments: &Arguments) -> ExitCode {
    let mut findings = examine(&Roots::default(), &Libraries::loaded(), &arguments.log_dir);
    if arguments.self_test {
        findings.push(self_test());
    }
    if arguments.json {
        say!("{:#}", as_json(&findings));
    } else {
        for line in text(&findings, std::io::stdout().is_terminal()) {
            say!("{line}");
        }
    }
    exit(&findings).into()
}

/// Replays the bundled capture in a folder of its own, which goes afterwards.
fn self_test() -> Finding {
    let folder = std::env::temp_dir().join(format!("sluice-doctor-{}", std::process::id()));
    let played = demo::play(&folder);
    let _left_there = fs::remove_dir_all(&folder);
    let why = "the engine does not do its work on this machine";
    let change = "mend what is named above and on standard error; sluice demo shows the same replay at length";
    let problem = |words: String| Finding::problem(Group::Replay, "self-test", words, why, change);
    match played {
        Err(_) => problem("the bundled capture could not be replayed".to_owned()),
        Ok(played) if !played.report.is_sound() => problem("the replay of the bundled capture is not sound".to_owned()),
        Ok(played) if played.attacks.is_empty() => problem("nothing was found in the bundled capture".to_owned()),
        Ok(played) => Finding::ok(
            Group::Replay,
            "self-test",
            format!("{} packets replayed, {} kinds of attack found", played.report.ledger.rx, played.attacks.len()),
        ),
    }
}

fn exit(findings: &[Finding]) -> Exit {
    if findings.iter().any(|finding| finding.level == Level::Problem) { Exit::Unsound } else { Exit::Sound }
}

fn as_json(findings: &[Finding]) -> Value {
    findings
        .iter()
        .map(|finding| {
            json!({
                "id": finding.id(),
                "group": finding.group.name(),
                "level": finding.level.name(),
                "found": finding.found,
                "why": (!finding.why.is_empty()).then_some(finding.why),
                "change": finding.change,
            })
        })
        .collect()
}

fn text(findings: &[Finding], colour: bool) -> Vec<String> {
    let paint = |code: &str, text: &str| if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    let mut lines = Vec::new();
    let mut group: Option<Group> = None;
    for finding in findings {
        if group != Some(finding.group) {
            if group.is_some() {
                lines.push(String::new());
            }
            lines.push(paint("1", finding.group.title()));
            group = Some(finding.group);
        }
        let code = match finding.level {
            Level::Ok => "32",
            Level::Advice => "33",
            Level::Problem => "1;31",
        };
        let level = paint(code, &format!("{:<8}", finding.level.name()));
        lines.push(format!("  {level} {:<NAME_WIDTH$} {}", finding.name, finding.found));
        let indent = " ".repeat(2 + 8 + 1 + NAME_WIDTH + 1);
        if !finding.why.is_empty() {
            lines.push(format!("{indent}{} {}", paint("2", "why "), finding.why));
        }
        if let Some(change) = &finding.change {
            lines.push(format!("{indent}{} {change}", paint("2", "do  ")));
        }
    }
    let count = |level: Level| findings.iter().filter(|finding| finding.level == level).count();
    let (ok, advice, problems) = (count(Level::Ok), count(Level::Advice), count(Level::Problem));
    let end = if problems == 0 { "A replay can work here." } else { "Not even a replay works here." };
    lines.push(String::new());
    lines.push(format!("{ok} ok, {advice} to be bettered, {problems} in the way. {end}"));
    lines
}

#[cfg(test)]
mod tests {
    use super::{as_json, exit, text};
    use crate::exit::Exit;
    use sluice_service::doctor::{Finding, Group};

    fn findings() -> Vec<Finding> {
        vec![
            Finding::ok(Group::Processor, "model", "Xeon"),
            Finding::advice(Group::Kernel, "isolation", "none", "ticks", "boot with isolcpus=1"),
        ]
    }

    #[test]
    fn only_a_problem_makes_the_exit_status_unsound() {
        let mut findings = findings();
        assert_eq!(exit(&findings), Exit::Sound);
        findings.push(Finding::problem(Group::Disk, "log-folder", "full", "no room", "rm"));
        assert_eq!(exit(&findings), Exit::Unsound);
    }

    #[test]
    fn json_has_the_same_keys_in_every_object() {
        let json = as_json(&findings());
        for (object, why) in json.as_array().unwrap().iter().zip([false, true]) {
            let keys: Vec<&String> = object.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["change", "found", "group", "id", "level", "why"]);
            assert_eq!(object["why"].is_string(), why);
        }
        assert_eq!(json[1]["id"], "kernel.isolation");
    }

    #[test]
    fn text_is_grouped_and_aligned_and_has_colour_only_when_asked() {
        let lines = text(&findings(), false);
        assert_eq!(lines[0], "Processor");
        assert_eq!(lines[1].find("Xeon"), lines[4].find("none"));
        assert_eq!(lines[6].find("boot with"), Some(lines[1].find("Xeon").unwrap() + 5));
        assert!(!lines.concat().contains('\x1b') && text(&findings(), true).concat().contains('\x1b'));
    }
}
