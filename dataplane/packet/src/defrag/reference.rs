//! Putting together as slowly and obviously as can be, byte by byte, and every way in which two and three fragments can lie: properties of the defragmenter.

use super::policy::Span;
use super::tests::{Bench, Shard, small};
use super::{DefragSettings, Policies, Policy, Taken};
use proptest::{collection::vec, prelude::*};

/// What hosts that follow `policy` make of the pieces, in the order in which they came; none when there is a hole.
fn put_together(pieces: &[Shard], policy: Policy) -> Option<Vec<u8>> {
    let length = pieces.iter().map(|piece| piece.offset + piece.data.len()).max()?;
    let span = |piece: &Shard| Span {
        begin: (piece.offset / 8) as u16,
        end: (piece.offset + piece.data.len()).div_ceil(8) as u16,
    };
    (0..length)
        .map(|at| {
            let mut owner: Option<&Shard> = None;
            for piece in pieces.iter().filter(|piece| (piece.offset..piece.offset + piece.data.len()).contains(&at)) {
                if owner.is_none_or(|older| policy.newer_wins(span(piece), span(older))) {
                    owner = Some(piece);
                }
            }
            owner.map(|piece| piece.data[at - piece.offset])
        })
        .collect()
}

/// The first datagram that these fragments make, and the fragments it is made of.
fn expected(shards: &[Shard], policy: Policy, inline: bool) -> Option<(Vec<u8>, Vec<Shard>)> {
    let mut kept: Vec<Shard> = Vec::new();
    for shard in shards {
        let mut piece = shard.clone();
        let strict = inline || piece.six;
        if piece.more && piece.data.len() % 8 != 0 {
            if strict || policy != Policy::Linux {
                continue;
            }
            piece.data.truncate(piece.data.len() / 8 * 8);
        }
        let end = |piece: &Shard| piece.offset + piece.data.len();
        if piece.data.is_empty() || (strict && inline && piece.six && piece.offset == 0 && piece.data.len() < 8) {
            continue;
        }
        let farthest = kept.iter().map(end).max().unwrap_or(0);
        let named = kept.iter().find(|piece| !piece.more).map(end);
        let first_end_holds = strict || matches!(policy, Policy::Linux | Policy::First);
        let beyond = if first_end_holds {
            named.is_some_and(|named| end(&piece) > named || (!piece.more && end(&piece) != named))
                || (!piece.more && end(&piece) < farthest)
        } else {
            (farthest % 8 != 0 && end(&piece) > farthest) || (end(&piece) % 8 != 0 && end(&piece) < farthest)
        };
        if beyond && strict {
            return None;
        }
        if beyond {
            continue;
        }
        let units = |piece: &Shard| piece.offset / 8..end(piece).div_ceil(8);
        let overlaps = kept.iter().any(|other| units(other).any(|unit| units(&piece).contains(&unit)));
        let is_copy =
            |other: &Shard| (other.offset, other.more, &other.data) == (piece.offset, piece.more, &piece.data);
        if overlaps && kept.iter().any(is_copy) {
            continue;
        }
        if overlaps && strict {
            return None;
        }
        kept.push(piece);
        let farthest = kept.iter().map(end).max().unwrap_or(0);
        let ended = kept.iter().any(|piece| !piece.more && end(piece) == farthest);
        if ended && let Some(data) = put_together(&kept, policy) {
            return Some((data, kept));
        }
    }
    None
}

fn shard(six: bool) -> impl Strategy<Value = Shard> {
    let place = (0..10_usize, 1..4_usize, prop_oneof![4 => Just(0_usize), 1 => 1..8_usize]);
    (place, any::<bool>(), 0..3_u8, 0..40_u8).prop_filter_map(
        "no fragment",
        move |((begin, count, odd), more, letter, same)| {
            let length = (count * 8).saturating_sub(odd);
            // Often a few letters, so that copies come; now and then bytes of its own.
            let data = (0..length).map(|at| if same == 0 { at as u8 } else { b'a' + letter }).collect();
            (more || begin > 0).then_some(Shard { six, offset: begin * 8, more, data, ..Shard::new(0, true, b"") })
        },
    )
}

fn shards() -> impl Strategy<Value = Vec<Shard>> {
    any::<bool>().prop_flat_map(|six| vec(shard(six), 1..14))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_fragments_make_what_the_obvious_way_makes_of_them(
        shards in shards(), policy in 0..7_usize, inline in any::<bool>(),
    ) {
        let policy = Policy::ALL[policy];
        let mut bench = Bench::new(inline, policy);
        let wanted = expected(&shards, policy, inline);
        let found = bench.all(&shards);
        prop_assert_eq!(&found, &wanted.as_ref().map(|(data, _)| data.clone()));
        if let Some((data, kept)) = wanted.filter(|_| inline) {
            // One interpretation: what leaves is what was put together, whoever reads it.
            let frames: Vec<_> = bench.whole.frames().map(<[u8]>::to_vec).collect();
            prop_assert_eq!(frames, kept.iter().map(Shard::frame).collect::<Vec<_>>());
            for policy in Policy::ALL {
                prop_assert_eq!(put_together(&kept, policy), Some(data.clone()));
            }
        }
    }

    #[test]
    fn fragments_cut_anywhere_and_shuffled_make_the_datagram_they_were_cut_from(
        length in 9..4_000_usize, cuts in vec(1..60_usize, 1..40), order in vec(any::<u32>(), 40),
        copies in vec(any::<bool>(), 40), six in any::<bool>(), inline in any::<bool>(), policy in 0..7_usize,
    ) {
        let data: Vec<u8> = (0..length).map(|at| (at * 31 / 7) as u8).collect();
        let (mut shards, mut at) = (Vec::new(), 0);
        for cut in cuts {
            let end = (at + cut * 8).min(length);
            shards.push(Shard { six, ..Shard::new(at, end < length, &data[at..end]) });
            at = end;
            if at == length {
                break;
            }
        }
        if at < length {
            shards.push(Shard { six, ..Shard::new(at, false, &data[at..]) });
        }
        prop_assume!(shards.len() > 1);
        let mut sent: Vec<(u32, Shard)> = shards.iter().zip(&order).map(|(shard, key)| (*key, shard.clone())).collect();
        sent.sort_by_key(|(key, _)| *key);
        let twice = |(shard, copy): (&(u32, Shard), &bool)| vec![shard.1.clone(); 1 + usize::from(*copy)];
        let sent: Vec<Shard> = sent.iter().zip(&copies).flat_map(twice).collect();
        let mut bench = Bench::new(inline, Policy::ALL[policy]);
        prop_assert_eq!(bench.all(&sent), Some(data));
    }

    #[test]
    fn whatever_comes_memory_stays_within_its_bound_and_every_frame_is_somewhere(
        sent in vec((shard(false), 0..6_u16, 1..5_u8, 0..40_u64), 1..300), chunks in 4..40_usize,
    ) {
        let bytes = chunks * 64 * 256;
        let mut bench = Bench::with(DefragSettings { inline: true, bytes, trackers: 16, timeout_s: 20, ..small() });
        let (mut came, mut out) = (0_u64, 0_u64);
        for (shard, id, source, later) in sent {
            bench.now.0 += later * 100_000_000;
            let (inserted, _) = bench.shard(&Shard { id, source, ..shard });
            came += u64::from(!matches!(inserted.taken, Taken::Alone(_)));
            if matches!(inserted.taken, Taken::Whole { .. }) {
                out += bench.whole.frame_count();
            }
            prop_assert!(bench.defrag.len() <= 16 && bench.defrag.bytes() <= bytes.max(1_024 * 256));
        }
        out += bench.gone.drain(..).map(|(_, frames)| u64::from(frames)).sum::<u64>();
        bench.defrag.finish(&mut |lost| out += u64::from(lost.frames));
        prop_assert_eq!(came, out);
        prop_assert_eq!((bench.defrag.len(), bench.defrag.bytes()), (0, 0));
    }
}

/// Every way in which `count` intervals can lie to each other (Allen's relations), as where each begins and ends.
fn relations(count: usize) -> Vec<Vec<(usize, usize)>> {
    let ends = 2 * count;
    let intervals: Vec<(usize, usize)> =
        (0..ends).flat_map(|begin| (begin + 1..ends).map(move |end| (begin, end))).collect();
    let order = |these: &[(usize, usize)]| -> Vec<std::cmp::Ordering> {
        let points: Vec<usize> = these.iter().flat_map(|&(begin, end)| [begin, end]).collect();
        points.iter().flat_map(|a| points.iter().map(move |b| a.cmp(b))).collect()
    };
    let mut found: Vec<Vec<(usize, usize)>> = Vec::new();
    let mut known = Vec::new();
    let mut chosen = vec![0; count];
    loop {
        let these: Vec<(usize, usize)> = chosen.iter().map(|&which: &usize| intervals[which]).collect();
        let order = order(&these);
        if !known.contains(&order) {
            known.push(order);
            found.push(these);
        }
        let next = (0..count).find(|&place| {
            chosen[place] = (chosen[place] + 1) % intervals.len();
            chosen[place] != 0
        });
        if next.is_none() {
            return found;
        }
    }
}

/// The fragments of a relation with what fills the holes, each with data of its own. `shift`: units before the first one, so that the relation lies at the beginning or behind it.
fn filled(these: &[(usize, usize)], shift: usize, tail: usize, six: bool) -> Vec<Shard> {
    let low = these.iter().map(|interval| interval.0).min().unwrap();
    let high = these.iter().map(|interval| interval.1).max().unwrap() - low + shift;
    let unit = |begin: usize, end: usize, letter: u8, last: usize| Shard {
        six,
        ..Shard::new(begin * 8, end < last, &vec![letter; (end - begin) * 8])
    };
    let last = high + tail;
    let of: Vec<(usize, usize)> = these.iter().map(|(begin, end)| (begin - low + shift, end - low + shift)).collect();
    let mut shards: Vec<Shard> =
        of.iter().zip(b'A'..).map(|(&(begin, end), letter)| unit(begin, end, letter, last)).collect();
    for at in 0..last {
        if !of.iter().any(|(begin, end)| (*begin..*end).contains(&at)) {
            shards.push(unit(at, at + 1, b'a' + at as u8, last));
        }
    }
    shards
}

#[test]
fn inline_every_relation_of_two_and_three_fragments_leaves_one_interpretation_or_nothing() {
    let (pairs, triples) = (relations(2), relations(3));
    assert_eq!((pairs.len(), triples.len()), (13, 409));
    let (mut passed, mut dropped) = (0, 0);
    for these in pairs.iter().chain(&triples) {
        for (shift, tail) in [(0, 0), (1, 0), (0, 1), (1, 1), (2, 1)] {
            for six in [false, true] {
                let shards = filled(these, shift, tail, six);
                if shards.iter().any(|shard| shard.offset == 0 && !shard.more) {
                    // No fragment, but all of it.
                    continue;
                }
                let overlap = these
                    .iter()
                    .enumerate()
                    .any(|(number, a)| these.iter().skip(number + 1).any(|b| a.0 < b.1 && b.0 < a.1));
                // Forwards, backwards, and the fillers first.
                let mut rotated = shards.clone();
                rotated.rotate_left(these.len());
                for order in [shards.clone(), shards.into_iter().rev().collect(), rotated] {
                    let mut bench = Bench::new(true, Policy::Bsd);
                    let mut left = 0;
                    for shard in &order {
                        let Some(data) = bench.shard(shard).1 else { continue };
                        let frames: Vec<_> = bench.whole.frames().map(<[u8]>::to_vec).collect();
                        let sent: Vec<Shard> =
                            order.iter().filter(|shard| frames.contains(&shard.frame())).cloned().collect();
                        assert_eq!((sent.len(), sent.is_empty()), (frames.len(), false));
                        left += sent.len();
                        for policy in Policy::ALL {
                            assert_eq!(put_together(&sent, policy).as_ref(), Some(&data));
                        }
                    }
                    // What overlaps leaves as a whole only when it overlaps what came after the datagram was whole.
                    assert_eq!(left == order.len(), !overlap, "{order:?}");
                    *if left > 0 { &mut passed } else { &mut dropped } += 1;
                }
            }
        }
    }
    assert!(passed > 400 && dropped > 4_000, "{passed} passed, {dropped} dropped");
}

#[test]
fn passive_every_relation_of_two_and_three_fragments_is_read_as_its_host_reads_it() {
    for these in relations(2).iter().chain(&relations(3)) {
        for policy in Policy::ALL {
            let shards = filled(these, 1, 1, false);
            let settings = DefragSettings { policies: Policies::new(Vec::new(), policy), ..small() };
            let wanted = expected(&shards, policy, false).map(|(data, _)| data);
            assert_eq!(Bench::with(settings).all(&shards), wanted, "{policy:?} {shards:?}");
        }
    }
}
