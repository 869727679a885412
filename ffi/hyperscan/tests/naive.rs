//! Property: a scan finds what a naive search finds, place by place.
#![cfg(test)]

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use sluice_hyperscan::{Database, Literal, Mode, Next, Outcome, Scratch};

/// Few different bytes, so that literals do occur: NUL, letters of both cases, and what is not UTF-8.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        4 => Just(0_u8),
        4 => Just(b'a'),
        4 => Just(b'A'),
        2 => Just(b'b'),
        2 => Just(0xff_u8),
        1 => any::<u8>(),
    ]
}

fn literal() -> impl Strategy<Value = (Vec<u8>, bool, bool)> {
    (prop_oneof![3 => vec(byte(), 1..6), 1 => vec(byte(), 1..24)], any::<bool>(), any::<bool>())
}

/// The slow, obvious answer: every (id, end) of every literal.
fn naive(literals: &[Literal], data: &[u8]) -> BTreeSet<(u32, usize)> {
    let mut found = BTreeSet::new();
    for literal in literals {
        for (start, window) in data.windows(literal.bytes.len()).enumerate() {
            let equal =
                if literal.caseless { window.eq_ignore_ascii_case(&literal.bytes) } else { window == literal.bytes };
            if equal {
                found.insert((literal.id, start + window.len()));
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_scan_finds_what_a_naive_search_finds(
        specs in vec(literal(), 1..24),
        noise in vec(byte(), 0..200),
        planted in any::<prop::sample::Index>(),
    ) {
        let literals: Vec<Literal> = specs
            .into_iter()
            .enumerate()
            .map(|(id, (bytes, caseless, single_match))| Literal { bytes, id: id as u32, caseless, single_match })
            .collect();
        // One of the literals is in the data for sure, in the middle, unless the noise breaks no literal up.
        let mut data = noise;
        let middle = data.len() / 2;
        data.splice(middle..middle, literals[planted.index(literals.len())].bytes.iter().copied());

        let database = Database::compile_literals(&literals, Mode::Block).unwrap();
        let mut scratch = Scratch::for_databases(&[&database]).unwrap();
        let (mut found, mut reports) = (BTreeSet::new(), 0);
        let outcome = database.scan(&mut scratch, &data, |id, end| {
            found.insert((id, end));
            reports += 1;
            Next::Continue
        });
        prop_assert_eq!(outcome, Ok(Outcome::Complete));
        prop_assert_eq!(reports, found.len(), "no match is reported twice");

        let expected = naive(&literals, &data);
        let ids = |set: &BTreeSet<(u32, usize)>| set.iter().map(|(id, _)| *id).collect::<BTreeSet<_>>();
        prop_assert_eq!(ids(&found), ids(&expected));
        for literal in &literals {
            let of = |set: &BTreeSet<(u32, usize)>| set.iter().filter(|(id, _)| *id == literal.id).copied().collect::<Vec<_>>();
            if literal.single_match {
                // Which of the places is told is not promised, but it is one of them.
                prop_assert!(of(&found).len() <= 1);
                prop_assert!(found.iter().all(|pair| expected.contains(pair)));
            } else {
                prop_assert_eq!(of(&found), of(&expected));
            }
        }
    }
}
