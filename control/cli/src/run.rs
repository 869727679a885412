//! `sluice run`: traffic between live ports.

use crate::{
    exit::Exit,
    replay::{causes, failed},
    rules::{self, SettingArguments},
};
use serde_json::{Value, json};
use sluice_service::{Run, RunReport, run, run::Wishes};
use std::{path::PathBuf, process::ExitCode, sync::Arc};

/// Arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// A rule file, or a folder of .rules files; may be given several times. Read again on SIGHUP.
    #[arg(long, value_name = "FILE|DIR")]
    rules: Vec<PathBuf>,
    /// Folder for eve.json and fast.log.
    #[arg(long, value_name = "DIR", default_value = ".")]
    log_dir: PathBuf,
    /// Settings; at least one pair of ports: --set system.ports.pair.NAME.inside=DEVICE and .outside=DEVICE.
    #[command(flatten)]
    settings: SettingArguments,
    /// A rule that is wrong in the language makes the exit status 1, and nothing is started.
    #[arg(long)]
    strict: bool,
    /// Print the report at the end as one JSON object.
    #[arg(long)]
    json: bool,
    /// Arguments for EAL, such as --vdev.
    #[arg(last = true, value_name = "EAL ARGUMENTS")]
    eal: Vec<String>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> ExitCode {
    inner(arguments).unwrap_or_else(|exit| exit).into()
}

fn inner(arguments: &Arguments) -> Result<Exit, Exit> {
    let settings = arguments.settings.settings()?;
    if settings.pairs.is_empty() {
        tell!(
            "sluice: no ports; name a pair: --set system.ports.pair.lan.inside=DEVICE --set system.ports.pair.lan.outside=DEVICE"
        );
        return Err(Exit::Misuse);
    }
    let hash = run::boot_key().map_err(|error| failed(&error))?;
    let (loader, loaded) = rules::load(&arguments.rules, &settings, hash)?;
    rules::print_diagnostics(&loaded, false);
    if arguments.strict && loaded.has_errors() {
        tell!("sluice: {} rules are wrong in the language; correct them or leave --strict out", loaded.refused);
        return Err(Exit::Unsound);
    }
    let wishes = Arc::new(Wishes::default());
    listen(&wishes)?;
    let report = run::run(Run {
        loader,
        rules: loaded,
        settings: &settings,
        hash,
        log_dir: &arguments.log_dir,
        eal_arguments: arguments.eal.clone(),
        wishes,
        tell: &mut |words| tell!("sluice: {words}"),
    })
    .map_err(|error| failed(&error))?;
    if arguments.json {
        say!("{:#}", as_json(&report));
    } else {
        print(&report);
    }
    if report.sum.ledger.imbalance() != 0 {
        tell!("sluice: the packet ledger does not close: {} packets unaccounted for", report.sum.ledger.imbalance());
    }
    Ok(if report.is_sound() { Exit::Sound } else { Exit::Unsound })
}

/// SIGHUP loads the rules again; SIGINT and SIGTERM stop.
fn listen(wishes: &Arc<Wishes>) -> Result<(), Exit> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(|error| {
        tell!("sluice: can't listen to signals: {error}");
        Exit::Misuse
    })?;
    let wishes = Arc::clone(wishes);
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let wish = if signal == SIGHUP { &wishes.reload } else { &wishes.stop };
            wish.store(true, std::sync::atomic::Ordering::Release);
        }
    });
    Ok(())
}

fn print(report: &RunReport) {
    let ledger = &report.sum.ledger;
    for (number, (meter, lanes)) in report.workers.iter().enumerate() {
        let lanes: Vec<String> = report
            .ports
            .iter()
            .zip(lanes)
            .map(|(port, lane)| format!("{port} {} in, {} out, {} handed on", lane.received, lane.sent, lane.handed))
            .collect();
        say!("worker {number}: {} packets judged; {}", meter.judged, lanes.join("; "));
    }
    let closes = if ledger.imbalance() == 0 { "closes" } else { "DOES NOT CLOSE" };
    say!(
        "ledger: {} received + {} made = {} forwarded, {} dropped{}, {} looked at; {closes}",
        ledger.rx,
        ledger.generated,
        ledger.tx,
        ledger.dropped_total(),
        causes(ledger),
        ledger.consumed
    );
    say!(
        "events: {} alerts, {} drops, {} flows, {} lost",
        report.told.alerts,
        report.told.drops,
        report.told.flows,
        report.sum.counters.events_lost_ring_full
    );
}

fn as_json(report: &RunReport) -> Value {
    let ledger = &report.sum.ledger;
    let workers: Vec<Value> = report
        .workers
        .iter()
        .map(|(meter, lanes)| {
            let ports: Vec<Value> = report
                .ports
                .iter()
                .zip(lanes)
                .map(|(port, lane)| json!({"port": port, "received": lane.received, "sent": lane.sent, "handed": lane.handed}))
                .collect();
            json!({"packets": meter.judged, "flows": meter.counters.flow_total, "swaps": meter.swaps, "ports": ports})
        })
        .collect();
    json!({
        "workers": workers,
        "ledger": {
            "rx": ledger.rx, "generated": ledger.generated, "tx": ledger.tx, "consumed": ledger.consumed,
            "dropped": ledger.dropped_total(), "imbalance": ledger.imbalance() as i64,
        },
        "events": {
            "alerts": report.told.alerts, "drops": report.told.drops, "flows": report.told.flows,
            "lost": report.sum.counters.events_lost_ring_full,
        },
        "swaps_ms": report.swaps.iter().map(|took| took.as_secs_f64() * 1e3).collect::<Vec<_>>(),
        "leaked_buffers": report.leaked_buffers,
    })
}
