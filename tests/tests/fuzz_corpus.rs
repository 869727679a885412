//! Every input of the fuzz corpora, without a fuzzer: promises kept, within a time and within an amount of memory.
//!
//! `SLUICE_BLESS=1` writes the seeds anew. `SLUICE_FUZZ_EXTRA` names a folder whose files are run through all targets as well: a corpus a fuzzer has found.
//! One test alone in this program, since it counts what the whole program asks of the allocator.
#![cfg(test)]

use sluice_tests::fuzz::{TARGETS, run, seeds};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{
    alloc::System,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Far above what any input takes, so that a loaded machine is no finding; far below what an endless loop takes.
const LONGEST: Duration = Duration::from_secs(20);
/// What the repository holds.
const MOST_FILES: usize = 240;
const MOST_BYTES: u64 = 400 << 10;

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn bless() {
    for target in TARGETS {
        let folder = corpus(target.name);
        fs::create_dir_all(&folder).unwrap();
        for old in files(&folder) {
            if old.file_name().is_some_and(|name| name.to_string_lossy().starts_with("seed-")) {
                fs::remove_file(old).unwrap();
            }
        }
        for (name, bytes) in seeds::of(target.name) {
            fs::write(folder.join(format!("seed-{name}")), bytes).unwrap();
        }
    }
}

#[test]
fn every_input_of_every_corpus_keeps_the_promises_within_its_bounds() {
    if std::env::var_os("SLUICE_BLESS").is_some() {
        bless();
    }
    let extra = std::env::var_os("SLUICE_FUZZ_EXTRA").filter(|folder| !folder.is_empty());
    let extra = extra.map(|folder| files(Path::new(&folder))).unwrap_or_default();
    let (mut count, mut size) = (0, 0);
    for target in TARGETS {
        let own = files(&corpus(target.name));
        assert!(!own.is_empty(), "{} has no corpus", target.name);
        count += own.len();
        size += own.iter().map(|file| fs::metadata(file).unwrap().len()).sum::<u64>();
        // What is made once is made here.
        run(target.name, &fs::read(&own[0]).unwrap());
        for file in own.iter().chain(&extra) {
            let input = fs::read(file).unwrap();
            let (began, region) = (Instant::now(), Region::new(ALLOCATOR));
            let ended = std::panic::catch_unwind(|| run(target.name, &input));
            let asked = region.change().bytes_allocated;
            let took = began.elapsed();
            assert!(ended.is_ok(), "{}: {}", target.name, file.display());
            assert!(took < LONGEST, "{}: {} took {took:?}", target.name, file.display());
            assert!(asked < target.most_allocated, "{}: {} asked for {asked} bytes", target.name, file.display());
        }
    }
    assert!(count <= MOST_FILES && size <= MOST_BYTES, "{count} files, {size} bytes: choose");
}
