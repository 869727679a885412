//! The configuration on disk: commits, confirmation, rollback, damage, two writers, and a process that is killed.
#![cfg(test)]

use sluice_config::{
    authority::Facts,
    store::{Store, StoreError, boot, history::MOST_COMMITS},
    tree::{NoFiles, Tree, read},
};
use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sluice-store-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A configuration that tells which one it is, large enough to be written in several steps.
fn numbered(number: u64) -> Tree {
    let tenants: String = (0..200).map(|at| format!("tenant t{number}-{at}; ")).collect();
    let (tree, problems) = read(format!("authority {{ name n{number}; {tenants} }}").as_bytes(), None, "f", &NoFiles);
    assert!(problems.is_empty());
    tree
}

fn number_of(tree: &Tree) -> u64 {
    let Some(name) = tree.find(&["authority", "name"]) else { return 0 };
    let number = name.values()[0].word.text[1..].parse().unwrap();
    assert_eq!(*tree, numbered(number), "a tree of parts");
    number
}

fn commit(store: &mut Store, number: u64, now_s: u64, minutes: Option<u32>) -> u64 {
    store.set_candidate(&numbered(number)).unwrap();
    let done = store.commit(now_s, minutes, "tester", "a note", &Facts::default()).unwrap();
    assert!(done.changed);
    done.number
}

#[test]
fn a_commit_is_in_force_and_the_one_before_it_is_one_rollback_away() {
    let folder = Folder::new("commit");
    assert_eq!(boot(&folder.0, 0).unwrap().number, None);
    let mut store = Store::open(&folder.0).unwrap();
    assert_eq!(commit(&mut store, 1, 100, None), 1);
    assert_eq!(commit(&mut store, 2, 200, None), 2);
    assert_eq!(number_of(&boot(&folder.0, 300).unwrap().tree), 2);
    // A rollback makes a candidate; the commit puts it in force.
    store.rollback(1).unwrap();
    assert_eq!(number_of(&store.candidate(300).unwrap().0), 1);
    assert_eq!(number_of(&boot(&folder.0, 300).unwrap().tree), 2);
    assert_eq!(store.commit(300, None, "tester", "", &Facts::default()).unwrap().number, 3);
    assert_eq!(number_of(&boot(&folder.0, 300).unwrap().tree), 1);
    // Nothing to change is no commit.
    let done = store.commit(400, None, "tester", "", &Facts::default()).unwrap();
    assert!(!done.changed && done.number == 3);
    let newest = &store.history().unwrap()[1];
    let record = newest.record.as_ref().unwrap();
    assert_eq!((record.time_s, record.by.as_str(), record.note.as_str()), (200, "tester", "a note"));
}

#[test]
fn a_candidate_stays_until_it_is_committed_or_forgotten() {
    let folder = Folder::new("candidate");
    let mut store = Store::open(&folder.0).unwrap();
    store.set_candidate(&numbered(5)).unwrap();
    drop(store);
    let mut store = Store::open(&folder.0).unwrap();
    assert_eq!(number_of(&store.candidate(0).unwrap().0), 5);
    assert!(store.discard().unwrap() && !store.discard().unwrap());
    assert!(store.candidate(0).unwrap().0.is_empty());
}

#[test]
fn a_candidate_with_errors_is_refused_with_all_of_them_and_changes_nothing() {
    let folder = Folder::new("refused");
    let mut store = Store::open(&folder.0).unwrap();
    commit(&mut store, 1, 100, None);
    fs::write(
        folder.0.join("candidate"),
        "authority { tennant x; service s { access-policy a { idp-policy strict; idp-profile p; } } }",
    )
    .unwrap();
    let error = store.commit(200, None, "tester", "", &Facts::default()).unwrap_err();
    let StoreError::Refused(problems) = &error else { panic!("{error}") };
    assert!(problems.list.len() >= 4, "{problems}");
    assert!(error.to_string().starts_with("the candidate has errors; nothing is committed\nerror: "));
    assert_eq!(number_of(&boot(&folder.0, 200).unwrap().tree), 1);
}

#[test]
fn a_commit_that_is_not_confirmed_in_time_is_rolled_back_also_over_a_restart() {
    let folder = Folder::new("confirmed");
    let mut store = Store::open(&folder.0).unwrap();
    commit(&mut store, 1, 1_000, None);
    assert_eq!(commit(&mut store, 2, 2_000, Some(5)), 2);
    let waiting = boot(&folder.0, 2_299).unwrap();
    assert_eq!((number_of(&waiting.tree), waiting.confirm_by_s), (2, Some(2_300)));
    drop(store);
    // The process was away when the time came.
    let late = boot(&folder.0, 2_300).unwrap();
    assert_eq!((number_of(&late.tree), late.number), (1, Some(1)));
    assert_eq!(late.remarks, ["commit 2 was not confirmed in time; the commit before it is used"]);
    let mut store = Store::open(&folder.0).unwrap();
    assert!(matches!(store.confirm(2_300), Err(StoreError::NothingToConfirm)));
    assert_eq!(store.expire(2_300).unwrap(), Some(3));
    assert_eq!(store.expire(2_300).unwrap(), None);
    let after = boot(&folder.0, 2_300).unwrap();
    assert_eq!((number_of(&after.tree), after.number, after.remarks.len()), (1, Some(3), 0));
}

#[test]
fn what_was_rolled_back_does_not_come_back_when_the_rollback_is_damaged() {
    let folder = Folder::new("back");
    let mut store = Store::open(&folder.0).unwrap();
    commit(&mut store, 1, 1_000, None);
    commit(&mut store, 2, 2_000, Some(5));
    assert_eq!(store.expire(2_300).unwrap(), Some(3));
    fs::write(folder.0.join("commits/00000003.conf"), "").unwrap();
    let found = boot(&folder.0, 2_400).unwrap();
    assert_eq!((number_of(&found.tree), found.number, found.remarks.len()), (1, Some(1), 2), "{:?}", found.remarks);
    // One that another commit has confirmed does.
    fs::remove_file(folder.0.join("commits/00000003.conf")).unwrap();
    commit(&mut store, 4, 3_000, Some(5));
    let last = commit(&mut store, 5, 3_100, None);
    fs::write(folder.0.join(format!("commits/{last:08}.conf")), "").unwrap();
    assert_eq!(number_of(&boot(&folder.0, 9_999).unwrap().tree), 4);
}

#[test]
fn confirm_or_another_commit_keeps_it() {
    let folder = Folder::new("confirm");
    let mut store = Store::open(&folder.0).unwrap();
    commit(&mut store, 1, 1_000, None);
    commit(&mut store, 2, 2_000, Some(5));
    assert_eq!(store.confirm(2_100).unwrap(), 2);
    assert_eq!(number_of(&boot(&folder.0, 9_999).unwrap().tree), 2);
    // A plain commit without changes confirms too, and so does one with changes.
    commit(&mut store, 3, 3_000, Some(5));
    assert!(!store.commit(3_100, None, "tester", "", &Facts::default()).unwrap().changed);
    assert_eq!(number_of(&boot(&folder.0, 9_999).unwrap().tree), 3);
    commit(&mut store, 4, 4_000, Some(5));
    commit(&mut store, 5, 4_100, None);
    assert_eq!(number_of(&boot(&folder.0, 9_999).unwrap().tree), 5);
}

#[test]
fn a_clock_that_was_put_back_does_not_make_a_commit_wait_for_ever() {
    let folder = Folder::new("clock");
    let mut store = Store::open(&folder.0).unwrap();
    commit(&mut store, 1, 1_000_000, None);
    commit(&mut store, 2, 2_000_000, Some(5));
    assert_eq!(number_of(&boot(&folder.0, 1_999_990).unwrap().tree), 2, "a small step");
    assert_eq!(number_of(&boot(&folder.0, 500).unwrap().tree), 1, "another time altogether");
}

#[test]
fn the_first_commit_that_is_not_confirmed_leaves_an_empty_configuration() {
    let folder = Folder::new("first");
    let mut store = Store::open(&folder.0).unwrap();
    commit(&mut store, 1, 1_000, Some(1));
    assert!(boot(&folder.0, 1_060).unwrap().tree.is_empty());
    assert_eq!(store.expire(1_060).unwrap(), Some(2));
    assert!(boot(&folder.0, 1_060).unwrap().tree.is_empty());
    for minutes in [0, 65_536] {
        assert!(matches!(
            store.commit(1_100, Some(minutes), "", "", &Facts::default()),
            Err(StoreError::Minutes { .. })
        ));
    }
}

#[test]
fn a_file_damaged_by_hand_is_told_of_and_the_last_good_one_is_used() {
    let folder = Folder::new("damage");
    let mut store = Store::open(&folder.0).unwrap();
    for number in 1..=3 {
        commit(&mut store, number, number * 100, None);
    }
    let newest = folder.0.join("commits/00000003.conf");
    let text = fs::read_to_string(&newest).unwrap();
    for damaged in
        [text.replace("tenant t3-7;", ""), text[..text.len() / 2].to_owned(), String::new(), "\u{0}".repeat(4_096)]
    {
        fs::write(&newest, &damaged).unwrap();
        let found = boot(&folder.0, 400).unwrap();
        assert_eq!((number_of(&found.tree), found.number), (2, Some(2)));
        assert!(
            found.remarks[0].contains("00000003.conf") && found.remarks[0].ends_with("; the commit before it is used"),
            "{:?}",
            found.remarks
        );
    }
    // The number of a damaged file is not used again, and it can't be rolled back to.
    assert_eq!(commit(&mut store, 4, 400, None), 4);
    let error = store.rollback(1).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    store.rollback(2).unwrap();
    // All of them damaged: it boots, empty, and says of each what is wrong.
    for entry in store.history().unwrap() {
        fs::write(entry.path, "x").unwrap();
    }
    let found = boot(&folder.0, 500).unwrap();
    assert!(found.tree.is_empty() && found.number.is_none() && found.remarks.len() == 4);
}

#[test]
fn fifty_commits_are_kept() {
    let folder = Folder::new("fifty");
    let mut store = Store::open(&folder.0).unwrap();
    for number in 1..=60 {
        commit(&mut store, number, number, (number == 3).then_some(1));
    }
    let history = store.history().unwrap();
    assert_eq!((history.len(), history[0].number, history[49].number), (MOST_COMMITS, 60, 11));
    store.rollback(49).unwrap();
    assert_eq!(number_of(&store.candidate(100).unwrap().0), 11);
    assert_eq!(store.rollback(50).unwrap_err().to_string(), "there is no commit 50 back; give 0 to 49");
    assert_eq!(fs::read_dir(folder.0.join("commits")).unwrap().count(), MOST_COMMITS);
}

#[test]
fn files_and_folders_are_their_owners_alone() {
    let folder = Folder::new("modes");
    fs::create_dir_all(&folder.0).unwrap();
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
    let mut store = Store::open(&folder.0).unwrap();
    commit(&mut store, 1, 1, Some(1));
    store.confirm(2).unwrap();
    store.set_candidate(&numbered(2)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for name in ["", "commits"] {
        assert_eq!(mode(&folder.0.join(name)), 0o700, "{name}");
    }
    for name in ["lock", "candidate", "commits/00000001.conf", "commits/00000001.confirmed"] {
        assert_eq!(mode(&folder.0.join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_second_writer_is_refused_and_a_reader_is_not() {
    let folder = Folder::new("lock");
    let mut store = Store::open(&folder.0).unwrap();
    commit(&mut store, 1, 1, None);
    let error = Store::open(&folder.0).unwrap_err();
    let wanted = format!("process {} changes the configuration; wait until it is done", std::process::id());
    assert!(matches!(error, StoreError::Locked { .. }) && error.to_string().ends_with(&wanted), "{error}");
    assert_eq!(number_of(&boot(&folder.0, 2).unwrap().tree), 1);
    drop(store);
    Store::open(&folder.0).unwrap();
}

/// Names the folder to the process that is killed.
const CHILD: &str = "SLUICE_STORE_CHILD";

/// Not a test by itself: with [`CHILD`] set it commits one configuration after the other, and says which are done, until it is killed.
#[test]
#[expect(clippy::print_stdout, reason = "its parent reads how far it came")]
fn the_process_that_is_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let mut store = Store::open(Path::new(&folder)).unwrap();
    let mut number = number_of(&store.active(0).unwrap().tree);
    println!("begun {number}");
    loop {
        number += 1;
        println!("trying {number}");
        commit(&mut store, number, number, None);
        println!("done {number}");
    }
}

#[test]
fn a_process_killed_during_a_commit_leaves_the_old_or_the_new() {
    let rounds: u64 = std::env::var("SLUICE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(50);
    let folder = Folder::new("kill");
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let (mut last, mut in_between) = (0, 0);
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["the_process_that_is_killed", "--exact", "--nocapture"])
            .env(CHILD, &folder.0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let begun = lines.by_ref().find(|line| line.contains("begun")).unwrap();
        assert!(begun.ends_with(&format!("begun {last}")), "round {round}: {begun}, {last} was in force");
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let wait = Duration::from_micros(random % 30_000);
        let from = Instant::now();
        while from.elapsed() < wait {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let (mut done, mut tried) = (last, last);
        for line in lines {
            match line.rsplit_once(' ').and_then(|(word, number)| Some((word, number.parse().ok()?))) {
                Some((word, number)) if word.ends_with("done") => done = number,
                Some((word, number)) if word.ends_with("trying") => tried = number,
                _ => {}
            }
        }
        let booted = boot(&folder.0, 0).unwrap();
        let number = number_of(&booted.tree);
        assert!(number == done || number == tried, "round {round}: {number} after {done} was done and {tried} begun");
        assert_eq!(booted.remarks, [""; 0], "round {round}");
        in_between += u64::from(tried > done);
        last = number;
    }
    // Otherwise nothing was proven.
    assert!(in_between * 2 > rounds, "only {in_between} of {rounds} were killed while they committed");
}
