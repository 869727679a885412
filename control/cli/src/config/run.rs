//! Does what was asked.

use super::commands::{Arguments, Command, How};
use crate::exit::Exit;
use sluice_config::{
    Settings,
    authority::{Authority, Facts, View, decide, validate},
    store::{Store, StoreError, boot, diff},
    tree::{Disk, Format, Level, Problems, Tree, apply, include, write},
};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

/// Runs the command.
pub fn run(arguments: &Arguments) -> ExitCode {
    inner(arguments).unwrap_or_else(|exit| exit).into()
}

fn inner(arguments: &Arguments) -> Result<Exit, Exit> {
    let folder = match arguments.folder.clone().or_else(default_folder) {
        Some(folder) => folder,
        None => {
            tell!("no folder for the configuration: give --folder DIR");
            return Err(Exit::Misuse);
        }
    };
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    match &arguments.command {
        Command::Load { file, format, merge } => load(&folder, file, *format, *merge, now_s),
        Command::Check { file: Some(file), format } => {
            let (tree, problems) = read_file(Tree::default(), file, *format)?;
            Ok(check(&tree, problems, &folder, now_s))
        }
        Command::Check { file: None, .. } => {
            let (tree, problems) = open(&folder)?.candidate(now_s).map_err(failed)?;
            Ok(check(&tree, problems, &folder, now_s))
        }
        Command::Show { format, rollback } => show(&folder, *format, *rollback, now_s),
        Command::Diff { rollback } => {
            let store = open(&folder)?;
            let (candidate, problems) = store.candidate(now_s).map_err(failed)?;
            print(&problems);
            let text = diff(&committed(&store, *rollback)?, &candidate);
            text.lines().for_each(|line| say!("{line}"));
            Ok(Exit::Sound)
        }
        Command::Commit { how, note } => commit(&folder, how.as_ref(), note, now_s),
        Command::Rollback { back } => {
            open(&folder)?.rollback(*back).map_err(failed)?;
            say!("the candidate is the commit {back} back; commit puts it in force");
            Ok(Exit::Sound)
        }
        Command::History => history(&folder),
    }
}

fn default_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    Some(state.join("sluice/configuration"))
}

fn failed(error: StoreError) -> Exit {
    tell!("{}", error.to_string().trim_end());
    match error {
        StoreError::Refused(_) | StoreError::Damaged { .. } => Exit::Unsound,
        _ => Exit::Misuse,
    }
}

fn open(folder: &Path) -> Result<Store, Exit> {
    Store::open(folder).map_err(failed)
}

fn print(problems: &Problems) {
    problems.to_string().lines().for_each(|line| tell!("{line}"));
}

/// What `file` makes of `tree`, with all problems.
fn read_file(tree: Tree, file: &Path, format: Option<Format>) -> Result<(Tree, Problems), Exit> {
    let (name, bytes) = include::first(file).map_err(|problems| {
        print(&problems);
        Exit::Misuse
    })?;
    Ok(apply(tree, &bytes, format, &name, &Disk))
}

fn load(folder: &Path, file: &Path, format: Option<Format>, merge: bool, now_s: u64) -> Result<Exit, Exit> {
    let mut store = open(folder)?;
    let base = if merge { store.candidate(now_s).map_err(failed)?.0 } else { Tree::default() };
    let (tree, problems) = read_file(base, file, format)?;
    print(&problems);
    if problems.has_errors() {
        tell!("the candidate is as it was");
        return Ok(Exit::Unsound);
    }
    store.set_candidate(&tree).map_err(failed)?;
    say!("loaded; sluice config diff shows what it changes, sluice config commit puts it in force");
    Ok(Exit::Sound)
}

/// What the configuration can't know and this machine can tell.
fn facts(folder: &Path, now_s: u64) -> Facts {
    Facts {
        processors: std::thread::available_parallelism().ok().and_then(|count| u16::try_from(count.get()).ok()),
        active: boot(folder, now_s).ok().and_then(|found| Authority::of(&found.tree).ok()),
        ..Facts::default()
    }
}

/// Prints all problems of a configuration, and what each router comes out as.
fn check(tree: &Tree, mut problems: Problems, folder: &Path, now_s: u64) -> Exit {
    validate(tree, &facts(folder, now_s), &mut problems);
    Settings::default().feed(tree, &mut problems);
    print(&problems);
    if let Ok(authority) = Authority::of(tree) {
        let view = View::of(&authority);
        for router in &authority.router {
            say!("router {}: {}", router.name, decide(&view, router));
        }
    }
    let count = |level| problems.list.iter().filter(|problem| problem.level == level).count();
    let told = |level, word: &str| match count(level) {
        1 => format!("1 {word}"),
        several => format!("{several} {word}s"),
    };
    say!("{}, {}", told(Level::Error, "error"), told(Level::Warning, "warning"));
    if problems.has_errors() { Exit::Unsound } else { Exit::Sound }
}

/// The tree of the commit so many back; an empty one where nothing was committed.
fn committed(store: &Store, back: usize) -> Result<Tree, Exit> {
    let history = store.history().map_err(failed)?;
    let known = history.len();
    match history.into_iter().nth(back) {
        Some(entry) => match entry.record {
            Ok(record) => Ok(record.tree),
            Err(damage) => Err(failed(StoreError::Damaged { path: entry.path, damage })),
        },
        None if back == 0 => Ok(Tree::default()),
        None => Err(failed(StoreError::NoCommit { back, known })),
    }
}

fn show(folder: &Path, format: Format, rollback: Option<usize>, now_s: u64) -> Result<Exit, Exit> {
    let store = open(folder)?;
    let tree = match rollback {
        Some(back) => committed(&store, back)?,
        None => {
            let (tree, problems) = store.candidate(now_s).map_err(failed)?;
            print(&problems);
            tree
        }
    };
    let written = write(&tree, format);
    written.text.lines().for_each(|line| say!("{line}"));
    if written.left_out > 0 {
        tell!("{} inactive statements and comments are left out: this notation has neither", written.left_out);
    }
    Ok(Exit::Sound)
}

fn commit(folder: &Path, how: Option<&How>, note: &str, now_s: u64) -> Result<Exit, Exit> {
    let minutes = how.map(|How::Confirmed { minutes }| *minutes);
    let mut store = open(folder)?;
    if let Some(number) = store.expire(now_s).map_err(failed)? {
        tell!("a commit that was not confirmed in time is rolled back by commit {number}");
    }
    let (tree, mut problems) = store.candidate(now_s).map_err(failed)?;
    Settings::default().feed(&tree, &mut problems);
    if problems.has_errors() {
        // All at once: those of the checks too.
        validate(&tree, &facts(folder, now_s), &mut problems);
        return Err(failed(StoreError::Refused(problems)));
    }
    let by = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).unwrap_or_default();
    let done = store.commit(now_s, minutes, &by, note, &facts(folder, now_s)).map_err(failed)?;
    print(&done.problems);
    match (done.changed, done.confirm_by_s, minutes) {
        (true, Some(_), Some(minutes)) => {
            say!(
                "commit {} is in force; confirm it by another commit within {minutes} minutes, or it is rolled back",
                done.number
            );
        }
        (true, ..) => say!("commit {} is in force", done.number),
        (false, ..) => say!("commit {} is in force; there was nothing to change", done.number),
    }
    Ok(Exit::Sound)
}

fn history(folder: &Path) -> Result<Exit, Exit> {
    for (back, entry) in open(folder)?.history().map_err(failed)?.iter().enumerate() {
        match &entry.record {
            Ok(record) => {
                let waits = match (record.confirm_by_s, entry.confirmed) {
                    (Some(by), false) if back == 0 => format!(" to be confirmed by {by}"),
                    _ => String::new(),
                };
                say!(
                    "{back:>3}  commit {} at {} by {}{waits}  {}",
                    entry.number,
                    record.time_s,
                    record.by,
                    record.note
                );
            }
            Err(damage) => say!("{back:>3}  commit {} {damage}", entry.number),
        }
    }
    Ok(Exit::Sound)
}
