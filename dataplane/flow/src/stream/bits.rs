//! A bit for each byte of a block.
//!
//! Used by `blocks` for bytes that are there and for bytes at which a segment began.

use super::blocks::BLOCK;

const WORDS: usize = BLOCK / 64;

/// A bit for each byte of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits([u64; WORDS]);

/// The bits of one word from `from` up to `to`.
const fn mask(from: usize, to: usize) -> u64 {
    if from >= to {
        return 0;
    }
    let up = if to >= 64 { u64::MAX } else { (1 << to) - 1 };
    up & (u64::MAX << from)
}

impl Bits {
    /// Sets the bits from `from` up to `to`.
    pub fn set(&mut self, from: usize, to: usize) {
        for (place, word) in self.0.iter_mut().enumerate() {
            let low = place * 64;
            if low < to && from < low + 64 {
                *word |= mask(from.saturating_sub(low), to - low);
            }
        }
    }

    /// Sets bit `at`.
    #[inline]
    pub fn set_one(&mut self, at: usize) {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    /// Whether bit `at` is set.
    pub fn get(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// The first place from `from` on, below [`BLOCK`], where the bit is `wanted`; [`BLOCK`] when there is none.
    pub fn next(&self, from: usize, wanted: bool) -> usize {
        for (place, word) in self.0.iter().enumerate().skip(from / 64) {
            let word = if wanted { *word } else { !*word };
            let rest = word & mask(from.saturating_sub(place * 64), 64);
            if rest != 0 {
                return place * 64 + rest.trailing_zeros() as usize;
            }
        }
        BLOCK
    }

    /// The last place at or before `at` where the bit is set.
    pub fn last(&self, at: usize) -> Option<usize> {
        let places = self.0.iter().enumerate().take(at / 64 + 1).rev();
        for (place, word) in places {
            let rest = word & mask(0, (at + 1).saturating_sub(place * 64));
            if rest != 0 {
                return Some(place * 64 + 63 - rest.leading_zeros() as usize);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Bits};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_agree_with_a_list_of_truths(steps in prop::collection::vec((0..=BLOCK, 0..=BLOCK), 0..20), at in 0..BLOCK) {
            let (mut bits, mut plain) = (Bits::default(), [false; BLOCK]);
            for (one, other) in steps {
                let (from, to) = (one.min(other), one.max(other));
                bits.set(from, to);
                plain[from..to].fill(true);
                if from < BLOCK {
                    bits.set_one(from);
                    plain[from] = true;
                }
            }
            prop_assert_eq!(bits.get(at), plain[at]);
            for wanted in [true, false] {
                let next = (at..BLOCK).find(|&place| plain[place] == wanted).unwrap_or(BLOCK);
                prop_assert_eq!(bits.next(at, wanted), next);
            }
            prop_assert_eq!(bits.last(at), (0..=at).rev().find(|&place| plain[place]));
        }
    }
}
