//! `sluice check`: reads rules and says what is wrong with them, and which wait for what.

use crate::{
    exit::Exit,
    explain,
    rules::{self, SettingArguments},
};
use sluice_core::HashKey;
use sluice_service::LoadedRules;
use std::{path::PathBuf, process::ExitCode, time::Instant};

/// Arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// A rule file, or a folder of .rules files; may be given several times.
    #[arg(long, value_name = "FILE|DIR", required = true)]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    settings: SettingArguments,
    /// A rule that is wrong in the language makes the exit status 1.
    #[arg(long)]
    strict: bool,
    /// Tell of one rule where it is judged, on which buffers, and what the prefilter looks for.
    #[arg(long, value_name = "SID")]
    explain: Option<u32>,
    /// Print everything as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> ExitCode {
    inner(arguments).unwrap_or_else(|exit| exit).into()
}

fn inner(arguments: &Arguments) -> Result<Exit, Exit> {
    let begun = Instant::now();
    let settings = arguments.settings.settings()?;
    let (_, loaded) = rules::load(&arguments.rules, &settings, HashKey::fixed())?;
    if let Some(sid) = arguments.explain {
        return Ok(if explain::print(&loaded, sid) { Exit::Sound } else { Exit::Unsound });
    }
    if arguments.json {
        say!("{:#}", rules::as_json(&loaded));
    } else {
        rules::print_diagnostics(&loaded, true);
        print_table(&loaded);
        say!("Completed in {:.2} seconds", begun.elapsed().as_secs_f64());
    }
    Ok(if arguments.strict && loaded.has_errors() { Exit::Unsound } else { Exit::Sound })
}

fn print_table(rules: &LoadedRules) {
    say!("{:>7}  accepted: in use", rules.accepted);
    say!("{:>7}  refused: wrong in the language", rules.refused);
    say!("{:>7}  waiting for a feature that is not here yet", rules.waiting_total());
    say!("{:>7}  disabled by their publisher", rules.disabled);
    say!("{:>7}  skipped: they ask for another engine or version", rules.skipped);
    if rules.waiting.is_empty() {
        return;
    }
    say!("\n  rules  wait for");
    let mut features: Vec<_> = rules.waiting.iter().collect();
    features.sort_by_key(|&(feature, count)| (std::cmp::Reverse(*count), *feature));
    for (feature, count) in features {
        say!("{count:>7}  {feature}");
    }
}
