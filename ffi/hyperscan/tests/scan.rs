//! Databases, scratch and scans as a caller sees them.
#![cfg(test)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use sluice_hyperscan::{Database, DeserializeError, Literal, Mode, Next, Outcome, ScanError, Scratch};

fn literal(bytes: &[u8], id: u32) -> Literal {
    Literal { bytes: bytes.to_vec(), id, caseless: false, single_match: false }
}

fn database(literals: &[Literal]) -> Database {
    Database::compile_literals(literals, Mode::Block).unwrap()
}

fn found(database: &Database, scratch: &mut Scratch, data: &[u8]) -> Vec<(u32, usize)> {
    let mut found = Vec::new();
    let outcome = database.scan(scratch, data, |id, end| {
        found.push((id, end));
        Next::Continue
    });
    assert_eq!(outcome, Ok(Outcome::Complete));
    found.sort_unstable();
    found
}

#[test]
fn every_place_a_literal_ends_at_is_reported() {
    let database = database(&[literal(b"aa", 1), literal(b"\0\0", 2), literal(b"\xff", u32::MAX)]);
    let mut scratch = Scratch::for_databases(&[&database]).unwrap();
    assert_eq!(found(&database, &mut scratch, b"aaa\0\0\xff"), [(1, 2), (1, 3), (2, 5), (u32::MAX, 6)]);
}

#[test]
fn empty_data_is_scanned_and_has_no_match() {
    let database = database(&[literal(b"\0", 1)]);
    let mut scratch = Scratch::for_databases(&[&database]).unwrap();
    assert_eq!(found(&database, &mut scratch, b""), []);
    assert_eq!(found(&database, &mut scratch, &Vec::new()), []);
}

#[test]
fn single_match_reports_once_and_caseless_takes_both_cases() {
    let once = Literal { single_match: true, ..literal(b"ab", 1) };
    let any_case = Literal { caseless: true, ..literal(b"AB", 2) };
    let database = database(&[once, any_case]);
    let mut scratch = Scratch::for_databases(&[&database]).unwrap();
    assert_eq!(found(&database, &mut scratch, b"ab Ab ab"), [(1, 2), (2, 2), (2, 5), (2, 8)]);
}

#[test]
fn a_scan_stops_when_told() {
    let database = database(&[literal(b"x", 1)]);
    let mut scratch = Scratch::for_databases(&[&database]).unwrap();
    let mut count = 0;
    let outcome = database.scan(&mut scratch, b"xxxx", |_, _| {
        count += 1;
        if count == 2 { Next::Stop } else { Next::Continue }
    });
    assert_eq!((outcome, count), (Ok(Outcome::Stopped), 2));
}

#[test]
fn a_panic_in_the_closure_comes_back_and_the_scratch_can_be_used_again() {
    let database = database(&[literal(b"x", 1)]);
    let mut scratch = Scratch::for_databases(&[&database]).unwrap();
    let mut calls = 0;
    let result = catch_unwind(AssertUnwindSafe(|| {
        database.scan(&mut scratch, b"xxxx", |_, _| {
            calls += 1;
            std::panic::panic_any(7_u8)
        })
    }));
    assert_eq!(result.unwrap_err().downcast_ref::<u8>(), Some(&7));
    assert_eq!(calls, 1);
    assert_eq!(found(&database, &mut scratch, b".x"), [(1, 2)]);
}

#[test]
fn a_scratch_made_for_another_database_is_refused_until_it_has_grown() {
    let (first, second) = (database(&[literal(b"a", 1)]), database(&[literal(b"b", 2)]));
    let mut scratch = Scratch::for_databases(&[&first]).unwrap();
    let refused = second.scan(&mut scratch, b"b", |_, _| Next::Continue);
    assert_eq!(refused, Err(ScanError::ScratchNotForDatabase));
    scratch.grow(&second).unwrap();
    assert_eq!(found(&second, &mut scratch, b"b"), [(2, 1)]);
    let mut other = scratch.duplicate().unwrap();
    assert_eq!(found(&first, &mut other, b"a"), [(1, 1)]);
    let mut none = Scratch::for_databases(&[]).unwrap();
    assert!(first.scan(&mut none, b"a", |_, _| Next::Continue).is_err());
    assert!(none.duplicate().is_ok());
    assert_eq!(none.size(), 0);
}

#[test]
fn a_scan_within_a_match_works_with_a_scratch_of_its_own() {
    let (outer, inner) = (database(&[literal(b"a", 1)]), database(&[literal(b"b", 2)]));
    let mut scratch = Scratch::for_databases(&[&outer]).unwrap();
    let mut nested = Scratch::for_databases(&[&inner]).unwrap();
    let mut ends = Vec::new();
    let outcome = outer.scan(&mut scratch, b"aba", |_, end| {
        ends.push((end, found(&inner, &mut nested, b"bab")));
        Next::Continue
    });
    assert_eq!(outcome, Ok(Outcome::Complete));
    assert_eq!(ends.len(), 2);
}

#[test]
fn a_database_survives_being_written_and_read() {
    let original = database(&[literal(b"\0needle", 9), literal(b"hay", 10)]);
    let bytes = original.serialize();
    assert!(!bytes.is_empty() && original.size() > 0);
    let mut odd = vec![0];
    odd.extend(&bytes);
    let copy = Database::deserialize(&odd[1..]).unwrap();
    drop(original);
    let mut scratch = Scratch::for_databases(&[&copy]).unwrap();
    assert_eq!(found(&copy, &mut scratch, b"hay \0needle"), [(9, 11), (10, 3)]);

    assert_eq!(Database::deserialize(&[]).unwrap_err(), DeserializeError::Damaged);
    assert_eq!(Database::deserialize(b"not a database").unwrap_err(), DeserializeError::Damaged);
    assert!(Database::deserialize(&bytes[..bytes.len() - 1]).is_err());
    let mut damaged = bytes.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x40;
    assert!(Database::deserialize(&damaged).is_err());
}

#[test]
fn one_database_is_scanned_by_several_threads_at_once() {
    let database = Arc::new(database(&[literal(b"ab", 1)]));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let database = Arc::clone(&database);
            let mut scratch = Scratch::for_databases(&[&database]).unwrap();
            std::thread::spawn(move || (0..200).map(|_| found(&database, &mut scratch, b"abab").len()).sum::<usize>())
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 400);
    }
}
