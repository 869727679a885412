//! `sluice demo`: a bundled capture through the real engine with the bundled rules, on one screen.
//!
//! The capture is one afternoon in a made-up branch office, built by our own packet builder (`tests/src/demo.rs`). It is judged inline, as if Sluice
//! stood between the office and its provider: what is stopped here would not have reached the other side.

use crate::{
    exit::Exit,
    progress::Progress,
    replay::{failed, ledger_line, tell_unsound},
};
use serde_json::Value;
use sluice_config::Settings;
use sluice_core::HashKey;
use sluice_service::{LoadedRules, Replay, Report, RuleSources, replay};
use std::{
    collections::BTreeMap,
    fs,
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

const CAPTURE: &[u8] = include_bytes!("../../../tests/demo/branch-office.pcap");
const RULES: &str = include_str!("../../rules/starter/sluice-starter.rules");
/// Widest message shown, letters.
const MESSAGE_WIDTH: usize = 58;

/// Arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Folder for the capture, eve.json, fast.log and forwarded.pcapng; a new one under the temporary folder unless given.
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> ExitCode {
    inner(arguments).unwrap_or_else(|exit| exit).into()
}

fn inner(arguments: &Arguments) -> Result<Exit, Exit> {
    let begun = Instant::now();
    let folder = arguments
        .log_dir
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("sluice-demo-{}", std::process::id())));
    let Played { rules, report, attacks } = play(&folder)?;
    print(&rules, &report, &attacks, &folder, begun);
    tell_unsound(&report);
    Ok(if report.is_sound() { Exit::Sound } else { Exit::Unsound })
}

/// The bundled capture, replayed.
pub struct Played {
    rules: LoadedRules,
    /// What the replay did.
    pub report: Report,
    /// What was found, by signature.
    pub attacks: BTreeMap<u64, Attack>,
}

/// Replays the bundled capture with the bundled rules into `folder`. What goes wrong is told on standard error.
pub fn play(folder: &Path) -> Result<Played, Exit> {
    let capture = folder.join("branch-office.pcap");
    fs::create_dir_all(folder).and_then(|()| fs::write(&capture, CAPTURE)).map_err(|error| {
        tell!("sluice: {}: {error}; choose another folder with --log-dir", folder.display());
        Exit::Misuse
    })?;
    let settings = Settings::default();
    let sources = RuleSources { paths: Vec::new(), bundled: vec![("sluice-starter.rules".into(), RULES)] };
    let (mut loader, rules) = crate::rules::compile(sources, &settings, HashKey::fixed())?;
    crate::rules::print_diagnostics(&rules, true);
    let mut progress = Progress::new("demo");
    let result = replay::run(Replay {
        captures: std::slice::from_ref(&capture),
        loader: &mut loader,
        rules: &rules,
        settings: &settings,
        workers: 1,
        log_dir: folder,
        inline: true,
        progress: &mut |done, total| progress.at(done, total),
    });
    progress.end();
    let report = result.map_err(|error| failed(&error))?;
    let attacks = attacks(&folder.join("eve.json")).map_err(|error| {
        tell!("sluice: {}: {error}", folder.display());
        Exit::Misuse
    })?;
    Ok(Played { rules, report, attacks })
}

/// What one signature found.
#[derive(Default)]
pub struct Attack {
    message: String,
    severity: u64,
    action: &'static str,
    alerts: u64,
    first: String,
    who: String,
}

/// The alerts of an `eve.json`, by signature.
fn attacks(path: &Path) -> std::io::Result<BTreeMap<u64, Attack>> {
    let mut found: BTreeMap<u64, Attack> = BTreeMap::new();
    for line in fs::read_to_string(path)?.lines() {
        let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
        if event["event_type"] != "alert" {
            continue;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let alert = &event["alert"];
        let attack = found.entry(alert["signature_id"].as_u64().unwrap_or(0)).or_default();
        attack.alerts += 1;
        if attack.alerts == 1 {
            attack.message = text(&alert["signature"]);
            attack.severity = alert["severity"].as_u64().unwrap_or(3);
            attack.action = match (alert["action"] == "blocked", event["verdict"]["reject"].is_array()) {
                (true, true) => "reject",
                (true, false) => "drop",
                (false, _) => "alert",
            };
            attack.first = text(&event["timestamp"]).get(11..19).unwrap_or_default().to_owned();
            attack.who = format!("{} -> {}", end(&event, "src"), end(&event, "dest"));
        }
    }
    Ok(found)
}

fn end(event: &Value, side: &str) -> String {
    let address = event[format!("{side}_ip")].as_str().unwrap_or("-");
    // Eight groups are exact and wide: a table wants the short form.
    let short = address.parse::<std::net::IpAddr>().map_or_else(|_| address.to_owned(), |address| address.to_string());
    match event[format!("{side}_port")].as_u64() {
        Some(port) if short.contains(':') => format!("[{short}]:{port}"),
        Some(port) => format!("{short}:{port}"),
        None => short,
    }
}

/// Colours, on a terminal only.
struct Ink(bool);

impl Ink {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn print(rules: &LoadedRules, report: &Report, attacks: &BTreeMap<u64, Attack>, folder: &Path, begun: Instant) {
    let ink = Ink(std::io::stdout().is_terminal());
    let bytes: u64 = report.captures.iter().map(|capture| capture.bytes).sum();
    let counters = &report.counters;
    say!();
    say!("  {}  one afternoon in a branch office, replayed inline through DPDK", ink.paint("1", "SLUICE"));
    say!();
    say!("  {}", ink.paint("1", "What went in"));
    say!(
        "    {} packets, {} KB, in {} flows; {} packets are TCP, {} UDP, {} ICMP; {} IPv6, {} with VLAN tags",
        report.ledger.rx,
        bytes / 1_000,
        counters.flow_total,
        counters.decoder_tcp,
        counters.decoder_udp,
        counters.decoder_icmpv4 + counters.decoder_icmpv6,
        counters.decoder_ipv6,
        counters.decoder_vlan
    );
    say!("    {} signatures, all bundled", rules.accepted);
    say!();
    say!("  {}", ink.paint("1", "What was found"));
    say!("    severity  action  alerts  first at  signature");
    let mut order: Vec<&Attack> = attacks.values().collect();
    order.sort_by(|a, b| (a.severity, &a.first).cmp(&(b.severity, &b.first)));
    for attack in order {
        let (word, colour) = match attack.severity {
            1 => ("high", "1;31"),
            2 => ("medium", "33"),
            _ => ("low", "36"),
        };
        let message: String = attack.message.chars().take(MESSAGE_WIDTH).collect();
        say!(
            "    {}  {}  {:>6}  {}  {message}",
            ink.paint(colour, &format!("{word:<8}")),
            ink.paint(if attack.action == "alert" { "0" } else { "1;35" }, &format!("{:<6}", attack.action)),
            attack.alerts,
            attack.first
        );
        say!("                                        {}", ink.paint("2", &attack.who));
    }
    say!();
    say!("  {}", ink.paint("1", "What would not have reached the other side"));
    let drops = crate::replay::by_count(report, |spoken| spoken.drops);
    if drops.is_empty() {
        say!("    nothing");
    }
    for ((_, sid), message, count) in &drops {
        say!("    {count:>5} stopped by {sid}: {message}");
    }
    let of_flows = report.ledger.dropped_total() - drops.iter().map(|(.., count)| count).sum::<u64>();
    if of_flows > 0 {
        say!("    {of_flows:>5} more packets of the flows they belong to");
    }
    say!();
    say!("  {}", ledger_line(report, true));
    say!("  {}", ink.paint("2", &format!("events: {}", folder.join("eve.json").display())));
    say!("  {}", ink.paint("2", &format!("what went through: {}", folder.join("forwarded.pcapng").display())));
    say!("  Completed in {:.2} seconds", begun.elapsed().as_secs_f64());
    say!();
}
