//! Where four bytes stand that are in a set: eight places of a text at a time.
//!
//! Called by `sluice-detect` for each payload and field, before the bytes there are compared. Capital and small letters count as the same, and other bytes may be taken for one another: what is found is looked at again by the
//! caller. Never allocates after it is made.

use std::{ops::ControlFlow, sync::OnceLock};

/// Bits of a byte that tell nothing: those of `a` and `A` differ here.
const FOLD: u32 = 0x2020_2020;
/// Spreads four bytes over the table.
const SPREAD: u32 = 0x9e37_79b1;
/// Binary logarithm of the bytes of the smallest table and of the largest, which stays in the fastest cache.
const BYTE_BITS: std::ops::RangeInclusive<u32> = 9..=15;
/// Bytes of the table in front of the first: four are read, of which the last is meant.
const IN_FRONT: usize = 3;
/// Bits of a table for each that is set, at the least if there is room.
const BITS_FOR_ONE: usize = 512;
/// Bytes that may stand behind three, letters small.
const OPEN: u32 = 128;

/// A set of four bytes in a row, and of three with any behind them.
pub struct Grams {
    /// A bit for each place.
    table: Box<[u8]>,
    byte_bits: u32,
}

/// Bytes as a number, letters small. Missing ones are like blanks.
#[inline]
const fn folded(bytes: u32) -> u32 {
    bytes | FOLD
}

impl Grams {
    /// The bytes at the beginning of `bytes`, of which four count; what is missing is taken for blanks.
    #[inline]
    pub fn folded(bytes: &[u8]) -> u32 {
        folded(match bytes.first_chunk() {
            Some(bytes) => u32::from_le_bytes(*bytes),
            None => bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)),
        })
    }

    /// The set of four bytes each, given as [`Grams::folded`] gives them, and of three bytes each with any behind them. None when this processor does not look at eight places in about the time of one: without AVX2, and where
    /// a defect of it is mended at the cost of reads from several places.
    pub fn new(whole: &[u32], open: &[u32]) -> Option<Self> {
        is_quick().then(|| Self::anyhow(whole, open))
    }

    fn anyhow(whole: &[u32], open: &[u32]) -> Self {
        let wanted = ((whole.len() + open.len() * OPEN as usize) * BITS_FOR_ONE / 8).next_power_of_two().ilog2();
        let byte_bits = wanted.clamp(*BYTE_BITS.start(), *BYTE_BITS.end());
        let table = vec![0; IN_FRONT + (1 << byte_bits)].into_boxed_slice();
        let mut set = Self { table, byte_bits };
        // Without the bit that tells nothing.
        let any = || (0..OPEN).map(|byte| (byte & 0x1f) | (byte & 0x60) << 1);
        let open = open.iter().flat_map(|three| any().map(move |last| three & 0x00ff_ffff | last << 24));
        for one in whole.iter().copied().chain(open).map(folded) {
            let (byte, bit) = set.place_of(one);
            if let Some(byte) = set.table.get_mut(IN_FRONT + byte) {
                *byte |= bit;
            }
        }
        set
    }

    #[inline]
    const fn place_of(&self, folded: u32) -> (usize, u8) {
        let hash = folded.wrapping_mul(SPREAD);
        ((hash >> (32 - self.byte_bits)) as usize, 0x80 >> (hash >> (29 - self.byte_bits) & 7))
    }

    /// Gives `meet` each place of `data` where bytes stand that may be in the set, in order, until it wants no more. At least three bytes are behind each.
    ///
    /// # Cost
    /// About 1.7 instructions a byte, and some 60 for the end of the text.
    #[inline]
    pub fn each(&self, data: &[u8], meet: impl FnMut(usize) -> ControlFlow<()>) {
        #[cfg(target_arch = "x86_64")]
        if has_vectors() {
            // SAFETY: there is AVX2.
            unsafe { wide::each(self, data, meet) };
            return;
        }
        self.each_slowly(data, meet);
    }

    /// The same, a place at a time.
    fn each_slowly(&self, data: &[u8], mut meet: impl FnMut(usize) -> ControlFlow<()>) {
        for place in 0..data.len().saturating_sub(2) {
            let (byte, bit) = self.place_of(Self::folded(data.get(place..).unwrap_or_default()));
            let is_in = self.table.get(IN_FRONT + byte).is_some_and(|byte| byte & bit != 0);
            if is_in && meet(place).is_break() {
                return;
            }
        }
    }
}

/// Whether reads from eight places at once are quick here.
fn is_quick() -> bool {
    static QUICK: OnceLock<bool> = OnceLock::new();
    *QUICK.get_or_init(|| {
        // Where the system does not tell, there is nothing to be told.
        let told = std::fs::read_to_string("/sys/devices/system/cpu/vulnerabilities/gather_data_sampling");
        has_vectors() && !told.unwrap_or_default().starts_with("Mitigation")
    })
}

#[cfg(target_arch = "x86_64")]
fn has_vectors() -> bool {
    is_x86_feature_detected!("avx2")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_vectors() -> bool {
    false
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use super::{FOLD, Grams};
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_cvtsi32_si128, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256,
        _mm256_castsi256_ps, _mm256_i32gather_epi32, _mm256_movemask_ps, _mm256_mullo_epi32, _mm256_or_si256,
        _mm256_set1_epi32, _mm256_setr_epi8, _mm256_shuffle_epi8, _mm256_sllv_epi32, _mm256_srl_epi32,
    };
    use std::ops::ControlFlow;

    /// Places looked at together.
    const PLACES: usize = 8;
    /// Looks made together.
    const LOOKS: usize = 4;
    /// Bytes of one load: each look makes one.
    const LOAD: usize = 16;

    /// What a look needs to know of the set.
    #[derive(Clone, Copy)]
    struct Set {
        table: *const i32,
        to_byte: __m128i,
        to_bit: __m128i,
        windows: __m256i,
    }

    /// What the table tells of eight places from `at` on, each in its own four bytes: the highest bit is set where its bytes may be in the set.
    ///
    /// # Safety
    /// 16 bytes may be read from `at` on; from `set.table` as many as it has.
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn look(set: Set, at: *const u8) -> __m256i {
        // SAFETY: 16 bytes, as the caller has made sure.
        let text = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(at.cast::<__m128i>()) });
        let folded = _mm256_or_si256(_mm256_shuffle_epi8(text, set.windows), _mm256_set1_epi32(FOLD.cast_signed()));
        let hash = _mm256_mullo_epi32(folded, _mm256_set1_epi32(super::SPREAD.cast_signed()));
        // SAFETY: numbers of so many bits as the table has bytes behind the first three: four bytes are there.
        let found = unsafe { _mm256_i32gather_epi32::<1>(set.table, _mm256_srl_epi32(hash, set.to_byte)) };
        let bit = _mm256_and_si256(_mm256_srl_epi32(hash, set.to_bit), _mm256_set1_epi32(7));
        _mm256_sllv_epi32(found, bit)
    }

    /// A bit for each of the eight places.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn bits(looked: __m256i) -> u32 {
        _mm256_movemask_ps(_mm256_castsi256_ps(looked)).cast_unsigned()
    }

    /// The windows that begin at eight places in a row.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn windows() -> __m256i {
        #[rustfmt::skip]
        let windows = _mm256_setr_epi8(
            0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6, 4, 5, 6, 7, 5, 6, 7, 8, 6, 7, 8, 9, 7, 8, 9, 10,
        );
        windows
    }

    /// Gives `meet` each place of `data`.
    #[target_feature(enable = "avx2")]
    pub fn each(grams: &Grams, data: &[u8], mut meet: impl FnMut(usize) -> ControlFlow<()>) {
        assert!(grams.table.len() == super::IN_FRONT + (1 << grams.byte_bits));
        let set = Set {
            table: grams.table.as_ptr().cast::<i32>(),
            to_byte: _mm_cvtsi32_si128(32 - grams.byte_bits.cast_signed()),
            to_bit: _mm_cvtsi32_si128(29 - grams.byte_bits.cast_signed()),
            windows: windows(),
        };
        let mut give = |at: usize, mut found: u32| {
            while found != 0 {
                meet(at + found.trailing_zeros() as usize)?;
                found &= found - 1;
            }
            ControlFlow::Continue(())
        };
        let (bytes, length) = (data.as_ptr(), data.len());
        let mut at = 0;
        while length >= at + (LOOKS - 1) * PLACES + LOAD {
            let [a, b, c, d] = [0, 1, 2, 3].map(|number| {
                // SAFETY: the last of these looks reads nothing behind `data`, which is at least so long; the table is as long as was made sure.
                unsafe { look(set, bytes.add(at + number * PLACES)) }
            });
            let (first, second) = (_mm256_or_si256(a, b), _mm256_or_si256(c, d));
            if bits(_mm256_or_si256(first, second)) != 0
                && give(at, bits(a) | bits(b) << 8 | bits(c) << 16 | bits(d) << 24).is_break()
            {
                return;
            }
            at += LOOKS * PLACES;
        }
        while length >= at + LOAD {
            // SAFETY: so many bytes are left from `at` on.
            let found = bits(unsafe { look(set, bytes.add(at)) });
            if give(at, found).is_break() {
                return;
            }
            at += PLACES;
        }
        // What is left, with blanks behind it as far as the last look goes.
        let mut rest = [0; LOAD + PLACES];
        let left = data.get(at..).unwrap_or_default();
        if let Some(room) = rest.get_mut(..left.len()) {
            room.copy_from_slice(left);
        }
        let mut from = 0;
        // A place has three bytes of its own.
        while left.len() >= from + 3 && from + LOAD <= rest.len() {
            // SAFETY: so many bytes are in `rest` from `from` on.
            let found = bits(unsafe { look(set, rest.as_ptr().add(from)) });
            let places = (left.len() - 2 - from).min(PLACES);
            if give(at + from, found & ((1 << places) - 1)).is_break() {
                return;
            }
            from += PLACES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Grams;
    use std::ops::ControlFlow;

    /// Numbers that look random, the same each time.
    fn noise(seed: u64) -> impl FnMut(usize) -> usize {
        let mut state = seed;
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        }
    }

    fn places(set: &Grams, data: &[u8]) -> Vec<usize> {
        let mut found = Vec::new();
        set.each(data, |place| {
            found.push(place);
            ControlFlow::Continue(())
        });
        found
    }

    #[test]
    fn eight_places_at_a_time_find_what_one_at_a_time_finds() {
        let mut random = noise(7);
        for length in (0..400).chain(0..400) {
            let data: Vec<u8> = (0..length).map(|_| b"abcXYZ\x00\xff"[random(8)]).collect();
            let mut grams = |most| {
                let one = |_| [b'a' + random(3) as u8, b'x', b"\0\xffz"[random(3)], b"ay"[random(2)]];
                (0..most).map(one).map(|gram| Grams::folded(&gram)).collect::<Vec<_>>()
            };
            let set = Grams::anyhow(&grams(4), &grams(1));
            let mut slowly = Vec::new();
            set.each_slowly(&data, |place| {
                slowly.push(place);
                ControlFlow::Continue(())
            });
            assert_eq!(places(&set, &data), slowly, "{data:?}");
        }
    }

    #[test]
    fn each_of_the_set_is_found_wherever_it_stands() {
        let set = Grams::anyhow(&[Grams::folded(b"GeTx")], &[Grams::folded(&[0, 1, 0])]);
        for place in 0..100 {
            let mut data = vec![b'.'; 104];
            data[place..place + 4].copy_from_slice(b"gEtX");
            assert!(places(&set, &data).contains(&place));
            for last in 0..=u8::MAX {
                data[place..place + 4].copy_from_slice(&[0, 1, 0, last]);
                assert!(places(&set, &data).contains(&place));
            }
            data.truncate(place + 3);
            assert!(places(&set, &data).contains(&place), "three bytes at the end");
        }
    }

    #[test]
    fn nothing_is_found_in_less_than_three_bytes_and_nothing_behind_an_end() {
        let set = Grams::anyhow(&[], &[Grams::folded(b"abc")]);
        assert!(places(&set, b"").is_empty());
        assert!(places(&set, b"ab").is_empty());
        for length in 3..200 {
            let data: Vec<u8> = b"abc".iter().copied().cycle().take(length).collect();
            let mut given = 0;
            set.each(&data, |_| {
                given += 1;
                ControlFlow::Break(())
            });
            assert_eq!(given, 1);
        }
    }
}
