//! Where three or four bytes stand that are in a set: eight places of a text at a time.
//!
//! Called by `sluice-detect` for each payload, before the matcher: most texts hold nothing that a rule asks for, and this tells so for a fifth of what the matcher needs. Capital and
//! small letters count as the same, and other bytes may be taken for one another: what is found is looked at again by the caller. Never allocates after it is made.

use std::{ops::ControlFlow, sync::OnceLock};

/// Bits of a byte that tell nothing: those of `a` and `A` differ here.
const FOLD: u32 = 0x2020_2020;
/// Spreads four bytes over the table.
const SPREAD: u32 = 0x9e37_79b1;
/// Bytes of the table, eight places each, and of those in front of the first: four are read, of which the last is meant.
const BYTES: usize = 1 << BYTE_BITS;
const BYTE_BITS: u32 = 15;
const IN_FRONT: usize = 3;

/// A set of so many bytes in a row.
pub struct Grams {
    /// 32 KiB: a bit for each place.
    table: Box<[u8]>,
    /// Spreads as many bytes over the table as count: a fourth is shifted out where three do.
    spread: u32,
    width: usize,
}

/// Bytes as a number: what stands for them, their letters small.
#[inline]
const fn folded(bytes: u32, width: usize) -> u32 {
    (bytes | FOLD) & (u32::MAX >> (32 - 8 * width as u32))
}

impl Grams {
    /// The bytes at the beginning of `bytes`, which must be as many as count.
    #[inline]
    pub fn folded(bytes: &[u8], width: usize) -> Option<u32> {
        let first = match bytes.first_chunk() {
            Some(bytes) => u32::from_le_bytes(*bytes),
            None => bytes.first_chunk().map(|[a, b, c]| u32::from_le_bytes([*a, *b, *c, 0])).filter(|_| width == 3)?,
        };
        Some(folded(first, width))
    }

    /// The set of bytes, `width` of them, which is 3 or 4, given as [`Grams::folded`] gives them. None when this processor does not look at eight places in about the time of one: without AVX2, and where a defect of it is
    /// mended at the cost of reads from several places.
    pub fn new(folded: impl IntoIterator<Item = u32>, width: usize) -> Option<Self> {
        is_quick().then(|| Self::anyhow(folded, width))
    }

    fn anyhow(folded: impl IntoIterator<Item = u32>, width: usize) -> Self {
        let table = vec![0; IN_FRONT + BYTES].into_boxed_slice();
        let mut set = Self { table, spread: SPREAD << (8 * (4 - width)), width };
        for one in folded {
            let (byte, bit) = set.place_of(one);
            if let Some(byte) = set.table.get_mut(IN_FRONT + byte) {
                *byte |= bit;
            }
        }
        set
    }

    /// How many bytes in a row count.
    #[inline]
    pub const fn width(&self) -> usize {
        self.width
    }

    #[inline]
    const fn place_of(&self, folded: u32) -> (usize, u8) {
        let hash = folded.wrapping_mul(self.spread);
        ((hash >> (32 - BYTE_BITS)) as usize, 0x80 >> (hash >> (29 - BYTE_BITS) & 7))
    }

    /// Gives `meet` each place of `data` where bytes stand that may be in the set, in order, until it wants no more.
    ///
    /// # Cost
    /// About ten instructions for eight bytes.
    #[inline]
    pub fn each(&self, data: &[u8], meet: impl FnMut(usize) -> ControlFlow<()>) {
        #[cfg(target_arch = "x86_64")]
        if data.len() >= wide::LOAD && has_vectors() {
            // SAFETY: there is AVX2.
            unsafe { wide::each(self, data, meet) };
            return;
        }
        self.each_slowly(data, meet);
    }

    /// The same, a place at a time.
    fn each_slowly(&self, data: &[u8], mut meet: impl FnMut(usize) -> ControlFlow<()>) {
        for (place, window) in data.windows(self.width).enumerate() {
            let place_of = Self::folded(window, self.width).map(|folded| self.place_of(folded));
            let is_in = |(byte, bit): (usize, u8)| self.table.get(IN_FRONT + byte).is_some_and(|byte| byte & bit != 0);
            if place_of.is_some_and(is_in) && meet(place).is_break() {
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
        __m128i, __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_castsi256_ps,
        _mm256_i32gather_epi32, _mm256_movemask_ps, _mm256_mullo_epi32, _mm256_or_si256, _mm256_set1_epi32,
        _mm256_setr_epi8, _mm256_shuffle_epi8, _mm256_sllv_epi32, _mm256_srli_epi32,
    };
    use std::ops::ControlFlow;

    /// Bytes of one load.
    pub const LOAD: usize = 16;
    /// Places looked at together.
    const STEP: usize = 8;
    /// Loads made together.
    const LOADS: usize = 4;

    /// What the table tells of eight places, each in its own four bytes: the highest bit is set where its bytes may be in the set.
    ///
    /// # Safety
    /// `bytes` may be read for 16 bytes, `table` for as many as the set has.
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn look(table: *const i32, bytes: *const u8, windows: __m256i, spread: __m256i) -> __m256i {
        // SAFETY: 16 bytes, as the caller has made sure.
        let text = unsafe { _mm_loadu_si128(bytes.cast::<__m128i>()) };
        let text = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(text), windows);
        let folded = _mm256_or_si256(text, _mm256_set1_epi32(FOLD.cast_signed()));
        let hash = _mm256_mullo_epi32(folded, spread);
        let places = _mm256_srli_epi32::<{ 32 - super::BYTE_BITS as i32 }>(hash);
        // SAFETY: numbers of so many bits as the table has bytes behind the first three: four bytes are there.
        let found = unsafe { _mm256_i32gather_epi32::<1>(table, places) };
        let bit = _mm256_and_si256(_mm256_srli_epi32::<{ 29 - super::BYTE_BITS as i32 }>(hash), _mm256_set1_epi32(7));
        _mm256_sllv_epi32(found, bit)
    }

    /// A bit for each of the eight places.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn bits(looked: __m256i) -> u32 {
        _mm256_movemask_ps(_mm256_castsi256_ps(looked)).cast_unsigned()
    }

    /// The windows that begin at eight places in a row, the first at `first`.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn windows(first: i8) -> __m256i {
        let f = first;
        #[rustfmt::skip]
        let windows = _mm256_setr_epi8(
            f, f + 1, f + 2, f + 3, f + 1, f + 2, f + 3, f + 4, f + 2, f + 3, f + 4, f + 5, f + 3, f + 4, f + 5, f + 6,
            f + 4, f + 5, f + 6, f + 7, f + 5, f + 6, f + 7, f + 8, f + 6, f + 7, f + 8, f + 9, f + 7, f + 8, f + 9, f + 10,
        );
        windows
    }

    /// Gives `meet` each place of `data`, which has at least 16 bytes.
    #[target_feature(enable = "avx2")]
    pub fn each(set: &Grams, data: &[u8], mut meet: impl FnMut(usize) -> ControlFlow<()>) {
        assert!(set.table.len() >= super::IN_FRONT + super::BYTES && data.len() >= LOAD);
        let (of_table, bytes) = (set.table.as_ptr().cast::<i32>(), data.as_ptr());
        let (in_front, spread) = (windows(0), _mm256_set1_epi32(set.spread.cast_signed()));
        let mut give = |at: usize, mut found: u32| {
            while found != 0 {
                meet(at + found.trailing_zeros() as usize)?;
                found &= found - 1;
            }
            ControlFlow::Continue(())
        };
        let mut at = 0;
        while data.len() - LOAD >= at + (LOADS - 1) * STEP {
            // SAFETY: the last of these loads ends within `data`, which is at least so long; the table is as long as asked for.
            let [a, b, c, d] =
                [0, 1, 2, 3].map(|step| unsafe { look(of_table, bytes.add(at + step * STEP), in_front, spread) });
            let (first, second) = (_mm256_or_si256(a, b), _mm256_or_si256(c, d));
            if bits(_mm256_or_si256(first, second)) != 0
                && give(at, bits(a) | bits(b) << 8 | bits(c) << 16 | bits(d) << 24).is_break()
            {
                return;
            }
            at += LOADS * STEP;
        }
        while data.len() - LOAD >= at {
            // SAFETY: 16 bytes are left from `at` on.
            if give(at, bits(unsafe { look(of_table, bytes.add(at), in_front, spread) })).is_break() {
                return;
            }
            at += STEP;
        }
        // The last 16 bytes, from their first place and so that the last eight are reached, without what lies before `at`.
        let behind = (LOAD - STEP - set.width + 1) as i8;
        let last = data.len() - LOAD;
        // SAFETY: 16 bytes are left from `last` on.
        let early = bits(unsafe { look(of_table, bytes.add(last), in_front, spread) });
        // SAFETY: as above.
        let late = bits(unsafe { look(of_table, bytes.add(last), windows(behind), spread) });
        let _ = give(last, (early | late << behind) & (u32::MAX << (at - last)));
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
        for length in (0..200).chain(0..200) {
            let data: Vec<u8> = (0..length).map(|_| b"abcXYZ\x00\xff"[random(8)]).collect();
            let width = 3 + random(2);
            let grams = (0..random(6)).map(|_| [b'a' + random(3) as u8, b'x', b"\0\xffz"[random(3)], b"ay"[random(2)]]);
            let set = Grams::anyhow(grams.filter_map(|gram| Grams::folded(&gram, width)), width);
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
        let set = Grams::anyhow([b"GeT".as_slice(), &[0, 1, 0]].map(|gram| Grams::folded(gram, 3).unwrap()), 3);
        for place in 0..100 {
            let mut data = vec![b'.'; 103];
            data[place..place + 3].copy_from_slice(b"gEt");
            assert_eq!(places(&set, &data), [place]);
            data[place..place + 3].copy_from_slice(&[0, 1, 0]);
            assert_eq!(places(&set, &data), [place]);
        }
    }

    #[test]
    fn nothing_is_found_in_less_than_three_bytes_and_nothing_behind_an_end() {
        let set = Grams::anyhow(Grams::folded(b"abc", 3), 3);
        assert!(places(&set, b"").is_empty());
        assert!(places(&set, b"ab").is_empty());
        for length in 3..80 {
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
