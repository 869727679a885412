//! Where four bytes stand that are in a set: eight places of a text at a time.
//!
//! Called by `sluice-detect` for each payload and field, before the bytes there are compared. Capital and small letters count as the same, and other bytes may be taken for one another: what is found is looked at again by the
//! caller. Never allocates after it is made.

use std::sync::OnceLock;

/// Bits of a byte that tell nothing: those of `a` and `A` differ here.
const FOLD: u32 = 0x2020_2020;
/// Spreads four bytes over the table.
const SPREAD: u32 = 0x9e37_79b1;
/// Bytes of the table: it stays in the fastest cache. In front of the first stand those that are read with it: of four the last is meant.
const BYTES: usize = 1 << BYTE_BITS;
const BYTE_BITS: u32 = 15;
const IN_FRONT: usize = 3;
/// Bits of the first byte that tell which bit of the table's byte is meant.
const BIT: u32 = 7;
/// Bytes that may stand behind three, letters small.
const OPEN: u32 = 128;

/// A set of four bytes in a row, and of three with any behind them.
pub struct Grams {
    /// A bit for each place: 32 KiB.
    table: Box<[u8]>,
    /// There are some of three bytes: they may stand at the end of a text.
    has_open: bool,
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
        let table = vec![0; IN_FRONT + BYTES].into_boxed_slice();
        let mut set = Self { table, has_open: !open.is_empty() };
        // Without the bit that tells nothing.
        let any = || (0..OPEN).map(|byte| (byte & 0x1f) | (byte & 0x60) << 1);
        let open = open.iter().flat_map(|three| any().map(move |last| three & 0x00ff_ffff | last << 24));
        for one in whole.iter().copied().chain(open).map(folded) {
            let (byte, bit) = Self::place_of(one);
            if let Some(byte) = set.table.get_mut(IN_FRONT + byte) {
                *byte |= bit;
            }
        }
        set
    }

    #[inline]
    const fn place_of(folded: u32) -> (usize, u8) {
        ((folded.wrapping_mul(SPREAD) >> (32 - BYTE_BITS)) as usize, 0x80 >> (folded & BIT))
    }

    /// Whether bytes that may be in the set stand at the beginning of `bytes`.
    #[inline]
    fn may_begin(&self, bytes: &[u8]) -> bool {
        let (byte, bit) = Self::place_of(Self::folded(bytes));
        self.table.get(IN_FRONT + byte).is_some_and(|byte| byte & bit != 0)
    }

    /// Looks for places of `data` where bytes stand that may be in the set, each with two bytes behind it at the least.
    ///
    /// # Cost
    /// About 1.5 instructions a byte, some 100 for each text, and ten for each place found.
    #[inline]
    pub const fn search<'a>(&'a self, data: &'a [u8]) -> Search<'a> {
        Search { grams: self, data, at: 0, is_over: false, noted: Noted { places: [0; NOTED], count: 0 } }
    }

    /// Notes places of `data` from `at` on, one after the other, as long as there is room. Where to go on; none at the end.
    fn note_slowly(&self, data: &[u8], at: usize, noted: &mut Noted) -> Option<usize> {
        let end = data.len().saturating_sub(if self.has_open { 2 } else { 3 });
        for place in at..end {
            if noted.count == NOTED {
                return Some(place);
            }
            noted.note(place, u64::from(self.may_begin(data.get(place..).unwrap_or_default())));
        }
        None
    }
}

/// Places that are noted before somebody is told.
const NOTED: usize = 64;

/// Places found.
struct Noted {
    places: [u32; NOTED],
    count: usize,
}

impl Noted {
    /// Notes the places behind `at` that have a bit in `found`.
    #[inline]
    fn note(&mut self, at: usize, mut found: u64) {
        while found != 0 {
            if let Some(place) = self.places.get_mut(self.count) {
                *place = (at + found.trailing_zeros() as usize) as u32;
            }
            self.count += 1;
            found &= found - 1;
        }
    }
}

/// A search under way: made by [`Grams::search`].
pub struct Search<'a> {
    grams: &'a Grams,
    data: &'a [u8],
    at: usize,
    is_over: bool,
    noted: Noted,
}

impl Search<'_> {
    /// The next places, in order, 64 at the most; perhaps none. `None` when there are no more.
    #[inline]
    pub fn next_places(&mut self) -> Option<&[u32]> {
        if self.is_over {
            return None;
        }
        self.noted.count = 0;
        let next = self.note();
        self.is_over = next.is_none();
        self.at = next.unwrap_or(self.at);
        Some(self.noted.places.get(..self.noted.count).unwrap_or_default())
    }

    #[inline]
    fn note(&mut self) -> Option<usize> {
        let Self { grams, data, at, noted, .. } = self;
        #[cfg(target_arch = "x86_64")]
        if has_vectors() {
            // SAFETY: there is AVX2.
            return unsafe { wide::note(grams, data, *at, noted) };
        }
        grams.note_slowly(data, *at, noted)
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
    use super::{BIT, BYTE_BITS, FOLD, Grams, NOTED, Noted, SPREAD};
    use std::arch::x86_64::{
        __m256i, _mm256_and_si256, _mm256_castsi256_ps, _mm256_loadu_si256, _mm256_mask_i32gather_epi32,
        _mm256_movemask_ps, _mm256_mullo_epi32, _mm256_or_si256, _mm256_permute4x64_epi64, _mm256_set1_epi32,
        _mm256_setr_epi8, _mm256_shuffle_epi8, _mm256_sllv_epi32, _mm256_srli_epi32,
    };

    /// Bytes of one load.
    const LOAD: usize = 32;
    /// Places of one load that are looked at in full groups of eight.
    const PLACES: usize = 24;
    /// What the table tells of eight places, each in its own four bytes: the highest bit is set where its bytes may be in the set. The places are those that `windows` names of each half of `text`, which is folded.
    ///
    /// # Safety
    /// From `table` on so many bytes may be read as the table of a set has.
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn look(table: *const i32, text: __m256i, windows: __m256i) -> __m256i {
        let folded = _mm256_shuffle_epi8(text, windows);
        let hash = _mm256_mullo_epi32(folded, _mm256_set1_epi32(SPREAD.cast_signed()));
        let places = _mm256_srli_epi32::<{ 32 - BYTE_BITS as i32 }>(hash);
        let all = _mm256_set1_epi32(-1);
        // SAFETY: numbers of so many bits as the table has bytes behind the first three: four bytes are there. All lanes are read; what is in `folded` stays in none.
        let found = unsafe { _mm256_mask_i32gather_epi32::<1>(folded, table, places, all) };
        _mm256_sllv_epi32(found, _mm256_and_si256(folded, _mm256_set1_epi32(BIT.cast_signed())))
    }

    /// 32 bytes, folded.
    ///
    /// # Safety
    /// So many may be read of `data` from `at` on.
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn load(data: *const u8, at: usize) -> __m256i {
        // SAFETY: within the data, as the caller has made sure.
        let bytes = unsafe { data.add(at) };
        // SAFETY: as above.
        let text = unsafe { _mm256_loadu_si256(bytes.cast::<__m256i>()) };
        _mm256_or_si256(text, _mm256_set1_epi32(FOLD.cast_signed()))
    }

    /// A bit for each of the eight places.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn bits(looked: __m256i) -> u32 {
        _mm256_movemask_ps(_mm256_castsi256_ps(looked)).cast_unsigned()
    }

    /// The windows that begin at eight places in a row, the first at `f`, where both halves are the same.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn windows(f: i8) -> __m256i {
        #[rustfmt::skip]
        let windows = _mm256_setr_epi8(
            f, f + 1, f + 2, f + 3, f + 1, f + 2, f + 3, f + 4, f + 2, f + 3, f + 4, f + 5, f + 3, f + 4, f + 5, f + 6,
            f + 4, f + 5, f + 6, f + 7, f + 5, f + 6, f + 7, f + 8, f + 6, f + 7, f + 8, f + 9, f + 7, f + 8, f + 9, f + 10,
        );
        windows
    }

    /// What the table tells of the first 24 places of `text`, eight each.
    ///
    /// # Safety
    /// As for [`look`].
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn look_at(table: *const i32, text: __m256i, windows: __m256i) -> [__m256i; 3] {
        // Sixteen bytes in both halves: those from 0, from 8 and from 16 on.
        [
            _mm256_permute4x64_epi64::<0b01_00_01_00>(text),
            _mm256_permute4x64_epi64::<0b10_01_10_01>(text),
            _mm256_permute4x64_epi64::<0b11_10_11_10>(text),
        ]
        // SAFETY: as the caller has made sure.
        .map(|text| unsafe { look(table, text, windows) })
    }

    /// A bit for each of 24 places.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn all_bits([a, b, c]: [__m256i; 3]) -> u64 {
        u64::from(bits(a) | bits(b) << 8 | bits(c) << 16)
    }

    /// Notes places of `data` from `at` on, as long as there is room for those of a step. Where the next step begins.
    #[target_feature(enable = "avx2")]
    #[inline(never)]
    fn note_steps(grams: &Grams, data: &[u8], mut at: usize, noted: &mut Noted) -> usize {
        assert!(grams.table.len() == super::IN_FRONT + super::BYTES);
        let (table, in_front) = (grams.table.as_ptr().cast::<i32>(), windows(0));
        let (bytes, length) = (data.as_ptr(), data.len());
        while length >= at + PLACES + LOAD && noted.count <= NOTED - 2 * PLACES {
            // SAFETY: 56 bytes are left from `at` on.
            let first = unsafe { load(bytes, at) };
            // SAFETY: as above.
            let second = unsafe { load(bytes, at + PLACES) };
            // SAFETY: the table is as long as was made sure.
            let [first, second] = [first, second].map(|text| unsafe { look_at(table, text, in_front) });
            let [a, b, c] = first;
            let [d, e, f] = second;
            let any =
                _mm256_or_si256(_mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d)), _mm256_or_si256(e, f));
            if bits(any) != 0 {
                noted.note(at, all_bits(first) | all_bits(second) << PLACES);
            }
            at += 2 * PLACES;
        }
        if length >= at + LOAD && noted.count <= NOTED - PLACES {
            // SAFETY: 32 bytes are left from `at` on.
            let text = unsafe { load(bytes, at) };
            // SAFETY: as above.
            noted.note(at, all_bits(unsafe { look_at(table, text, in_front) }));
            at += PLACES;
        }
        at
    }

    /// Notes the places of the last 32 bytes of `data`, from `at` on; of all of it when it is shorter.
    #[target_feature(enable = "avx2")]
    #[inline(never)]
    fn note_last(grams: &Grams, data: &[u8], at: usize, noted: &mut Noted) {
        assert!(grams.table.len() == super::IN_FRONT + super::BYTES);
        let mut room = [0; LOAD];
        let from = data.len().saturating_sub(LOAD);
        let last = match data.get(from..).and_then(<[u8]>::first_chunk::<LOAD>) {
            Some(last) => last,
            None => {
                if let Some(room) = room.get_mut(..data.len()) {
                    room.copy_from_slice(data);
                }
                &room
            }
        };
        let (table, in_front, in_rear) = (grams.table.as_ptr().cast::<i32>(), windows(0), windows(5));
        // SAFETY: 32 bytes.
        let text = unsafe { load(last.as_ptr(), 0) };
        // SAFETY: the table is as long as was made sure.
        let first = all_bits(unsafe { look_at(table, text, in_front) });
        // The windows from 21 on; what reaches behind the end is left out below.
        let back = _mm256_permute4x64_epi64::<0b11_10_11_10>(text);
        // SAFETY: as above.
        let rest = bits(unsafe { look(table, back, in_rear) });
        let found = first | u64::from(rest) << (PLACES - 3);
        // Three bytes at the end may be enough.
        let places = (data.len() - from).saturating_sub(3);
        let mut found = found & ((1 << places) - 1);
        if grams.has_open && data.len() >= 3 && grams.may_begin(data.get(data.len() - 3..).unwrap_or_default()) {
            found |= 1 << places;
        }
        noted.note(from, found & (u64::MAX << at.saturating_sub(from).min(63)));
    }

    /// Notes places of `data` from `at` on, as long as there is room. Where to go on; none at the end.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub fn note(grams: &Grams, data: &[u8], at: usize, noted: &mut Noted) -> Option<usize> {
        if data.len() >= at + LOAD {
            return Some(note_steps(grams, data, at, noted));
        }
        note_last(grams, data, at, noted);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Grams, NOTED, Noted};

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
        let mut search = set.search(data);
        while let Some(places) = search.next_places() {
            found.extend(places.iter().map(|&place| place as usize));
        }
        found
    }

    fn slowly(set: &Grams, data: &[u8]) -> Vec<usize> {
        let (mut found, mut next) = (Vec::new(), Some(0));
        while let Some(at) = next {
            let mut noted = Noted { places: [0; NOTED], count: 0 };
            next = set.note_slowly(data, at, &mut noted);
            found.extend(noted.places[..noted.count].iter().map(|&place| place as usize));
        }
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
            assert_eq!(places(&set, &data), slowly(&set, &data), "{data:?}");
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
        for length in 3..400 {
            let data: Vec<u8> = b"abc".iter().copied().cycle().take(length).collect();
            let there: Vec<usize> = (0..=length - 3).step_by(3).collect();
            assert!(there.iter().all(|place| places(&set, &data).contains(place)));
            assert!(places(&set, &data).iter().all(|place| place + 3 <= length));
        }
    }
}
