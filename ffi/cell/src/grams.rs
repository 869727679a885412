//! Where four bytes stand that are in a set: eight places of a text at a time.
//!
//! Called by `sluice-detect` for each payload and field, before the bytes there are compared. Capital and small letters count as the same, and other bytes may be taken for one another: what is found is looked at again by the
//! caller. Never allocates after it is made.

use std::sync::OnceLock;

/// Bits of a byte that tell nothing: `a` and `A` differ in one; the other is set in each four bytes that are looked up, which spares the vectors a mask.
const FOLD: u32 = 0xa0a0_a0a0;
/// Spreads four bytes over the table.
const SPREAD: u32 = 0x9e37_79b1;
/// Bytes of the table: it stays in the fastest cache. In front of the first stand those that are read with it: of four the last is meant.
const BYTES: usize = 1 << BYTE_BITS;
const BYTE_BITS: u32 = 15;
const IN_FRONT: usize = 3;
/// What tells of four bytes whether they may be in a set.
type Table = [u8; IN_FRONT + BYTES];
/// Bits of the first byte that tell which bit of the table's byte is meant.
const BIT: u32 = 7;
/// Bytes that may stand behind three, of those bits that tell something.
const OPEN: u32 = 64;

/// A set of four bytes in a row, and of three with any behind them.
pub struct Grams {
    /// A bit for each place: 32 KiB.
    table: Box<Table>,
    /// There are some of three bytes: they may stand at the end of a text.
    has_open: bool,
}

/// Bytes as a number, without what tells nothing. Missing ones are like blanks.
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
        let mut set = Self { table: Box::new([0; IN_FRONT + BYTES]), has_open: !open.is_empty() };
        let any = || (0..OPEN).map(|byte| (byte & 0x1f) | (byte & 0x20) << 1);
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
    /// About one instruction a byte, some 60 for each text, and ten for each place found.
    #[inline]
    pub const fn search<'a>(&'a self, data: &'a [u8]) -> Search<'a> {
        Search {
            grams: self,
            data,
            next: Some(0),
            found: Found { blocks: [Block { at: 0, places: 0 }; BLOCKS], count: 0 },
        }
    }

    /// Finds places of `data` from `at` on, as long as there is room. Where to go on; none at the end.
    fn find_slowly(&self, data: &[u8], mut at: usize, found: &mut Found) -> Option<usize> {
        let end = data.len().saturating_sub(if self.has_open { 2 } else { 3 });
        while at < end {
            if found.count == BLOCKS {
                return Some(at);
            }
            let block = at..end.min(at + PLACES);
            let begins = |place: usize| self.may_begin(data.get(place..).unwrap_or_default());
            found.keep(at, block.rev().fold(0, |places, place| places << 1 | u64::from(begins(place))));
            at += PLACES;
        }
        None
    }
}

/// Places of a block.
const PLACES: usize = 64;
/// Blocks that are found before somebody is told.
const BLOCKS: usize = 8;

/// Places found, of 64 in a row.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// The first of the 64.
    at: usize,
    /// A bit for each place found, the lowest for the first.
    places: u64,
}

impl Iterator for Block {
    type Item = usize;

    /// The next place found.
    #[inline]
    fn next(&mut self) -> Option<usize> {
        let place = (self.places != 0).then(|| self.at + self.places.trailing_zeros() as usize);
        self.places &= self.places.wrapping_sub(1);
        place
    }
}

/// Blocks in which there is something.
struct Found {
    blocks: [Block; BLOCKS],
    count: usize,
}

impl Found {
    /// Keeps the places from `at` on that have a bit in `places`.
    #[inline]
    fn keep(&mut self, at: usize, places: u64) {
        if places != 0
            && let Some(block) = self.blocks.get_mut(self.count)
        {
            *block = Block { at, places };
            self.count += 1;
        }
    }
}

/// A search under way: made by [`Grams::search`].
pub struct Search<'a> {
    grams: &'a Grams,
    data: &'a [u8],
    /// Where to go on; none at the end.
    next: Option<usize>,
    found: Found,
}

impl Search<'_> {
    /// The next places, in order; perhaps none. `None` when there are no more.
    #[inline]
    pub fn next_blocks(&mut self) -> Option<&[Block]> {
        let at = self.next?;
        self.found.count = 0;
        self.next = self.find(at);
        Some(self.found.blocks.get(..self.found.count).unwrap_or_default())
    }

    #[inline]
    fn find(&mut self, at: usize) -> Option<usize> {
        let Self { grams, data, found, .. } = self;
        #[cfg(target_arch = "x86_64")]
        if has_vectors() {
            // SAFETY: there is AVX2.
            return unsafe { wide::find(grams, data, at, found) };
        }
        grams.find_slowly(data, at, found)
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
    use super::{BIT, BLOCKS, BYTE_BITS, FOLD, Found, Grams, PLACES, SPREAD, Table};
    use std::arch::{
        asm,
        x86_64::{
            __m256i, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_packs_epi16, _mm256_packs_epi32,
            _mm256_set1_epi32, _mm256_setr_epi8, _mm256_setzero_si256,
        },
    };

    /// Places looked at together.
    const STEP: usize = 32;
    /// Bytes they reach over.
    const REACH: usize = STEP + 3;

    /// What the table tells of eight places, each in its own four bytes: the highest bit is set where its bytes may be in the set. The places are those that `windows` names of each half of `text`, which is folded.
    ///
    /// Six instructions: the compiler's own have eight, as it copies what the read from eight places takes for its mask.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn look(table: &Table, text: __m256i, windows: __m256i) -> __m256i {
        let (spread, bits) = (_mm256_set1_epi32(SPREAD.cast_signed()), _mm256_set1_epi32(BIT.cast_signed()));
        let found;
        // SAFETY: nothing is written, and read is from `table` alone: the numbers have so many bits as it has bytes behind the first three, so four bytes are there. All eight are read, as the highest bit of each mask is
        // set: it is of a folded byte.
        unsafe {
            asm!(
                "vpshufb {mask}, {text}, {windows}",
                "vpmulld {found}, {mask}, {spread}",
                "vpsrld {place}, {found}, {shift}",
                "vpand {bit}, {mask}, {bits}",
                "vpgatherdd {found}, [{table} + {place}], {mask}",
                "vpsllvd {found}, {found}, {bit}",
                text = in(ymm_reg) text,
                windows = in(ymm_reg) windows,
                spread = in(ymm_reg) spread,
                bits = in(ymm_reg) bits,
                table = in(reg) table.as_ptr(),
                shift = const 32 - BYTE_BITS,
                mask = out(ymm_reg) _,
                place = out(ymm_reg) _,
                bit = out(ymm_reg) _,
                found = out(ymm_reg) found,
                options(pure, readonly, nostack, preserves_flags),
            );
        }
        found
    }

    /// 32 bytes, folded.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn load(bytes: &[u8; STEP]) -> __m256i {
        // SAFETY: 32 bytes are there.
        let text = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast::<__m256i>()) };
        _mm256_or_si256(text, _mm256_set1_epi32(FOLD.cast_signed()))
    }

    /// The windows that begin at four places in a row of each half, the first at `f`.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn windows(f: i8) -> __m256i {
        #[rustfmt::skip]
        let windows = _mm256_setr_epi8(
            f, f + 1, f + 2, f + 3, f + 1, f + 2, f + 3, f + 4, f + 2, f + 3, f + 4, f + 5, f + 3, f + 4, f + 5, f + 6,
            f, f + 1, f + 2, f + 3, f + 1, f + 2, f + 3, f + 4, f + 2, f + 3, f + 4, f + 5, f + 3, f + 4, f + 5, f + 6,
        );
        windows
    }

    /// What the table tells of 32 places, the first at `bytes`: the highest bit of each byte is set where it may be.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn look_at(table: &Table, bytes: &[u8; REACH]) -> __m256i {
        let (Some(front), Some(rear)) = (bytes.first_chunk(), bytes.last_chunk()) else {
            return _mm256_setzero_si256();
        };
        let (front, rear) = (load(front), load(rear));
        // Places 0 to 3 of each half, 4 to 7, 8 to 11. The windows of the last four reach behind the half: in the rear they don't.
        let parts = [(front, windows(0)), (front, windows(4)), (front, windows(8)), (rear, windows(9))];
        let [a, b, c, d] = parts.map(|(text, windows)| look(table, text, windows));
        _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d))
    }

    /// A bit for each of 32 places.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn bits(looked: __m256i) -> u64 {
        u64::from(_mm256_movemask_epi8(looked).cast_unsigned())
    }

    /// Finds places of `data` from `at` on, as long as there is room. Where to go on; none at the end.
    #[target_feature(enable = "avx2")]
    #[inline(never)]
    pub fn find(grams: &Grams, data: &[u8], at: usize, found: &mut Found) -> Option<usize> {
        let mut rest = data.get(at..).unwrap_or_default();
        while let (Some(first), Some(second)) =
            (rest.first_chunk(), rest.get(STEP..).and_then(<[u8]>::first_chunk::<REACH>))
        {
            let (first, second) = (look_at(&grams.table, first), look_at(&grams.table, second));
            if bits(_mm256_or_si256(first, second)) != 0 {
                found.keep(data.len() - rest.len(), bits(first) | bits(second) << STEP);
                // The last place is for what is found at the end.
                if found.count + 1 >= BLOCKS {
                    return Some(data.len() - rest.len() + PLACES);
                }
            }
            rest = rest.get(PLACES..).unwrap_or_default();
        }
        let at = data.len() - rest.len();
        found.keep(at, find_last(grams, data, at));
        None
    }

    /// A bit for each place found from `at` on, of which there are 64 at the most.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn find_last(grams: &Grams, data: &[u8], at: usize) -> u64 {
        let Some(places) = (data.len() - at).checked_sub(3) else { return 0 };
        let look_at = |bytes: &[u8; REACH]| bits(look_at(&grams.table, bytes));
        let mut found = match data.last_chunk::<REACH>() {
            Some(last) => {
                // Of the last 32 places those from `at` on, and before them as many as there are.
                let first = if places > STEP {
                    data.get(at..).and_then(<[u8]>::first_chunk::<REACH>).map_or(0, look_at)
                } else {
                    0
                };
                let last = look_at(last);
                first | if places > STEP { last << (places - STEP) } else { last >> (STEP - places) }
            }
            None => {
                let mut room = [0; REACH];
                if let Some(room) = room.get_mut(..data.len()) {
                    room.copy_from_slice(data);
                }
                look_at(&room) & ((1 << places) - 1)
            }
        };
        // Three bytes at the end may be enough.
        if grams.has_open && grams.may_begin(data.get(at + places..).unwrap_or_default()) {
            found |= 1 << places;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCKS, Block, Found, Grams};

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
        while let Some(blocks) = search.next_blocks() {
            found.extend(blocks.iter().copied().flatten());
        }
        found
    }

    fn slowly(set: &Grams, data: &[u8]) -> Vec<usize> {
        let (mut found, mut next) = (Vec::new(), Some(0));
        while let Some(at) = next {
            let mut part = Found { blocks: [Block { at: 0, places: 0 }; BLOCKS], count: 0 };
            next = set.find_slowly(data, at, &mut part);
            found.extend(part.blocks[..part.count].iter().copied().flatten());
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
