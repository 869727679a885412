//! `sluice replay`: captures through the engine.

use crate::{
    exit::Exit,
    progress::Progress,
    rules::{self, SettingArguments},
};
use serde_json::{Value, json};
use sluice_core::{Cause, Counters, HashKey, Ledger};
use sluice_detect::cost::RuleCost;
use sluice_events::sink::Spoken;
use sluice_service::{LoadedRules, Replay, ReplayError, Report, capture::LONGEST_RECORD, replay, replay::MOST_WORKERS};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

/// Signatures shown in the table of alerts.
const MOST_SHOWN: usize = 20;

/// Arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Captures, pcap or pcapng, replayed in this order.
    #[arg(value_name = "CAPTURE", required = true)]
    captures: Vec<PathBuf>,
    /// A rule file, or a folder of .rules files; may be given several times.
    #[arg(long, value_name = "FILE|DIR")]
    rules: Vec<PathBuf>,
    /// Folder for eve.json, fast.log and forwarded.pcapng.
    #[arg(long, value_name = "DIR", default_value = ".")]
    log_dir: PathBuf,
    /// Judge as if between two ports, and write what would have been forwarded.
    #[arg(long)]
    inline: bool,
    /// Workers. With several, a reader spreads the flows over them; what is told is the same.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=MOST_WORKERS as i64))]
    workers: u16,
    #[command(flatten)]
    settings: SettingArguments,
    /// A rule that is wrong in the language makes the exit status 1, and nothing is replayed.
    #[arg(long)]
    strict: bool,
    /// Tell what the costliest rules cost: how often each was judged, how often it matched, and what was looked at for it.
    #[arg(long, value_name = "RULES", default_value_t = 0)]
    top: usize,
    /// Print the report as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> ExitCode {
    inner(arguments).unwrap_or_else(|exit| exit).into()
}

fn inner(arguments: &Arguments) -> Result<Exit, Exit> {
    let settings = arguments.settings.settings()?;
    let mut missing = false;
    for path in arguments.captures.iter().filter(|path| !path.is_file()) {
        missing = true;
        tell!("sluice: {}: no such capture", path.display());
    }
    if missing {
        return Err(Exit::Misuse);
    }
    let (mut loader, loaded) = rules::load(&arguments.rules, &settings, HashKey::fixed())?;
    if !arguments.json {
        rules::print_diagnostics(&loaded, false);
    }
    if arguments.strict && loaded.has_errors() {
        tell!("sluice: {} rules are wrong in the language; correct them or leave --strict out", loaded.refused);
        return Err(Exit::Unsound);
    }
    let mut progress = Progress::new("replay");
    let begun = Instant::now();
    let result = replay::run(Replay {
        captures: &arguments.captures,
        loader: &mut loader,
        rules: &loaded,
        settings: &settings,
        workers: usize::from(arguments.workers),
        log_dir: &arguments.log_dir,
        inline: arguments.inline,
        progress: &mut |done, total| progress.at(done, total),
    });
    progress.end();
    let report = result.map_err(|error| failed(&error))?;
    for capture in &report.captures {
        if let Some((record, length)) = capture.first_refused {
            tell!(
                "sluice: {}: record {record} has {length} bytes, and {} records more than {LONGEST_RECORD}: those were not looked at; cut them, e.g. with editcap -s {LONGEST_RECORD}",
                capture.path.display(),
                capture.refused_records
            );
        }
        if let Some(damage) = &capture.damage {
            tell!(
                "sluice: {}: damaged after record {} ({damage}); the records before it were replayed",
                capture.path.display(),
                capture.records
            );
        }
    }
    if arguments.json {
        say!("{:#}", as_json(&loaded, &report));
    } else {
        print_report(&loaded, &report, &arguments.log_dir, arguments.inline);
        print_costs(&loaded, &report, arguments.top);
        say!("Completed in {:.2} seconds", begun.elapsed().as_secs_f64());
    }
    tell_unsound(&report);
    Ok(if report.is_sound() { Exit::Sound } else { Exit::Unsound })
}

/// Prints why a replay failed and says how the command ends.
pub fn failed(error: &ReplayError) -> Exit {
    tell!("sluice: {error}");
    match error {
        ReplayError::Capture(_) | ReplayError::WorkerPanicked => Exit::Unsound,
        _ => Exit::Misuse,
    }
}

/// What does not add up, in words.
pub fn tell_unsound(report: &Report) {
    if report.ledger.imbalance() != 0 {
        tell!("sluice: the packet ledger does not close: {} packets unaccounted for", report.ledger.imbalance());
    }
    if report.missing_records() > 0 {
        tell!(
            "sluice: {} records that the files held at first did not come; were the files changed meanwhile?",
            report.missing_records()
        );
    }
    if report.counters.detect_scans_failed > 0 {
        tell!("sluice: {} scans failed: those packets were not looked at", report.counters.detect_scans_failed);
    }
    if report.leaked_buffers > 0 {
        tell!("sluice: {} packet buffers did not come back", report.leaked_buffers);
    }
}

/// Rules in the order of what they cost: number in the rule set, costs.
fn costliest(rules: &LoadedRules, report: &Report) -> Vec<(u32, RuleCost)> {
    // After a swap numbers mean other rules.
    if !report.swaps.is_empty() {
        return Vec::new();
    }
    let costs = (0..).zip(report.costs.iter().copied());
    let mut costs: Vec<_> =
        costs.filter(|(number, cost)| cost.checked > 0 && rules.ruleset.rule(*number).is_some()).collect();
    costs.sort_by_key(|(number, cost)| (std::cmp::Reverse(cost.weight()), *number));
    costs
}

fn print_costs(rules: &LoadedRules, report: &Report, most: usize) {
    let costs = costliest(rules, report);
    if most == 0 || costs.is_empty() {
        return;
    }
    say!("\n checked  matched     steps       bytes  rule");
    for (number, cost) in costs.iter().take(most) {
        let Some(signature) = rules.signatures.get(*number as usize) else { continue };
        let RuleCost { checked, matched, steps, bytes } = cost;
        say!(
            "{checked:>8} {matched:>8} {steps:>9} {bytes:>11}  {}:{} {}",
            signature.gid,
            signature.sid,
            signature.message
        );
    }
    if costs.len() > most {
        say!("     ...  and {} more rules", costs.len() - most);
    }
}

fn print_report(rules: &LoadedRules, report: &Report, log_dir: &Path, inline: bool) {
    let bytes: u64 = report.captures.iter().map(|capture| capture.bytes).sum();
    for capture in &report.captures {
        say!(
            "{}: {} records, link type {} ({})",
            capture.path.display(),
            capture.records,
            capture.link.name(),
            capture.link_number
        );
    }
    say!(
        "rules: {} accepted, {} refused, {} waiting for a feature",
        rules.accepted,
        rules.refused,
        rules.waiting_total()
    );
    say!("packets: {} received ({bytes} bytes), {} flows", report.ledger.rx, report.counters.flow_total);
    say!("{}", ledger_line(report, inline));
    say!(
        "events: {} alerts, {} drops, {} flows, {} lost, in {}",
        report.told.alerts,
        report.told.drops,
        report.told.flows,
        report.counters.events_lost_ring_full,
        log_dir.join("eve.json").display()
    );
    if report.workers.len() > 1 {
        for (number, worker) in report.workers.iter().enumerate() {
            say!("worker {number}: {} packets, {} flows", worker.judged, worker.counters.flow_total);
        }
    }
    if let ([_, ..], Some(longest)) = (&*report.swaps, report.swaps.iter().max()) {
        say!(
            "rules: swapped {} times, the slowest swap took {:.3} ms",
            report.swaps.len(),
            longest.as_secs_f64() * 1e3
        );
    }
    let alerts = by_count(report, |spoken| spoken.alerts);
    if alerts.is_empty() {
        return;
    }
    say!("\n alerts  signature");
    for ((gid, sid), message, count) in alerts.iter().take(MOST_SHOWN) {
        say!("{count:>7}  {gid}:{sid} {message}");
    }
    if alerts.len() > MOST_SHOWN {
        say!("    ...  and {} more signatures", alerts.len() - MOST_SHOWN);
    }
    say!();
}

/// Signatures with their messages and the count `of` says, most first; those without are left out.
pub fn by_count(report: &Report, of: impl Fn(&Spoken) -> u64) -> Vec<((u32, u32), &str, u64)> {
    let counted = report.spoken.iter().map(|(id, spoken)| (*id, &*spoken.message, of(spoken)));
    let mut counts: Vec<_> = counted.filter(|(.., count)| *count > 0).collect();
    counts.sort_by_key(|(id, _, count)| (std::cmp::Reverse(*count), *id));
    counts
}

/// Why packets were dropped, in parentheses; nothing when none was.
pub fn causes(ledger: &Ledger) -> String {
    let causes: Vec<String> = Cause::ALL
        .into_iter()
        .zip(ledger.dropped)
        .filter(|(_, count)| *count > 0)
        .map(|(cause, count)| format!("{} {count}", cause.words()))
        .collect();
    if causes.is_empty() { String::new() } else { format!(" ({})", causes.join(", ")) }
}

/// Where the packets went, on one line.
pub fn ledger_line(report: &Report, inline: bool) -> String {
    let ledger = &report.ledger;
    let went = if inline {
        format!("{} forwarded, {} dropped{}", ledger.tx, ledger.dropped_total(), causes(ledger))
    } else {
        format!("{} looked at", ledger.consumed)
    };
    let closes = if ledger.imbalance() == 0 { "closes" } else { "DOES NOT CLOSE" };
    let made = if ledger.generated > 0 { format!(" + {} made", ledger.generated) } else { String::new() };
    format!("ledger: {} received{made} = {went}, {} held; {closes}", ledger.rx, ledger.held)
}

fn as_json(rules: &LoadedRules, report: &Report) -> Value {
    let ledger = &report.ledger;
    let dropped: serde_json::Map<String, Value> = Cause::ALL
        .into_iter()
        .zip(ledger.dropped)
        .map(|(cause, count)| (cause.name().to_owned(), count.into()))
        .collect();
    let counters: serde_json::Map<String, Value> = Counters::NAMES
        .iter()
        .map(|&name| name.to_owned())
        .zip(report.counters.values())
        .chain(
            report
                .counters
                .exceptions
                .named()
                .chain(sluice_events::stats::of_normaliser(&report.counters))
                .chain(sluice_events::stats::of_applications(&report.counters))
                .filter(|(_, value)| *value > 0),
        )
        .map(|(name, value)| (name, value.into()))
        .collect();
    let named = |of: fn(&Spoken) -> u64| -> Vec<Value> {
        let counts = by_count(report, of).into_iter();
        counts
            .map(|((gid, sid), message, count)| json!({"gid": gid, "sid": sid, "signature": message, "count": count}))
            .collect()
    };
    let workers: Vec<Value> = report
        .workers
        .iter()
        .map(|worker| json!({"packets": worker.judged, "flows": worker.counters.flow_total, "swaps": worker.swaps}))
        .collect();
    let captures: Vec<Value> = report
        .captures
        .iter()
        .map(|capture| {
            json!({
                "path": capture.path.to_string_lossy(),
                "records": capture.records,
                "bytes": capture.bytes,
                "linktype": capture.link_number,
                "longest": capture.longest,
                "refused_records": capture.refused_records,
                "damage": capture.damage,
            })
        })
        .collect();
    let top: Vec<Value> = costliest(rules, report)
        .iter()
        .take(MOST_SHOWN)
        .filter_map(|(number, cost)| {
            let signature = rules.signatures.get(*number as usize)?;
            Some(json!({
                "gid": signature.gid, "sid": signature.sid, "signature": signature.message,
                "checked": cost.checked, "matched": cost.matched, "steps": cost.steps, "bytes": cost.bytes,
            }))
        })
        .collect();
    let mut value = rules::as_json(rules);
    value["rules_top"] = top.into();
    value["captures"] = captures.into();
    value["ledger"] = json!({
        "rx": ledger.rx, "generated": ledger.generated, "tx": ledger.tx, "consumed": ledger.consumed, "held": ledger.held,
        "dropped": dropped, "imbalance": ledger.imbalance() as i64,
    });
    value["events"] = json!({"alerts": report.told.alerts, "drops": report.told.drops, "flows": report.told.flows});
    value["alerts"] = named(|spoken| spoken.alerts).into();
    value["drops"] = named(|spoken| spoken.drops).into();
    value["workers"] = workers.into();
    value["swaps_ms"] = report.swaps.iter().map(|took| took.as_secs_f64() * 1e3).collect();
    value["counters"] = counters.into();
    value["forwarded"] = json!(report.forwarded);
    value["bursts"] = json!(report.bursts);
    value["leaked_buffers"] = json!(report.leaked_buffers);
    value["peak_memory_bytes"] = json!(report.peak_memory);
    value["eal"] = json!({"arguments": report.eal_arguments, "choices": report.eal_choices});
    value
}
