//! Comparing eight numbers at once.
//!
//! Called for each bucket that a flow lookup reads. Never reads beyond its argument.

/// Bit `n` of the answer tells whether `lanes[n]` equals `wanted`.
///
/// # Cost
/// About ten instructions.
#[inline(always)]
pub fn equal_lanes(lanes: &[u32; 8], wanted: u32) -> u32 {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_mm_movemask_epi8, _mm_packs_epi16, _mm_setzero_si128};
        // SAFETY: it needs SSE2, which every x86-64 processor has.
        let found = unsafe { equal_lanes_sse2(lanes, wanted) };
        // SAFETY: as above.
        let none = unsafe { _mm_setzero_si128() };
        // SAFETY: as above.
        let bytes = unsafe { _mm_packs_epi16(found, none) };
        // SAFETY: as above.
        unsafe { _mm_movemask_epi8(bytes) }.cast_unsigned()
    }
    #[cfg(not(target_arch = "x86_64"))]
    equal_lanes_one_by_one(lanes, wanted)
}

/// The first of `lanes` that equals `wanted`, below 8.
///
/// # Cost
/// About ten instructions.
#[inline(always)]
pub fn first_equal_lane(lanes: &[u32; 8], wanted: u32) -> Option<usize> {
    // Bits a lane has in the mask.
    #[cfg(target_arch = "x86_64")]
    let (found, bits) = {
        // SAFETY: it needs SSE2, which every x86-64 processor has.
        let found = unsafe { equal_lanes_sse2(lanes, wanted) };
        // SAFETY: as above.
        (unsafe { std::arch::x86_64::_mm_movemask_epi8(found) }.cast_unsigned(), 2)
    };
    #[cfg(not(target_arch = "x86_64"))]
    let (found, bits) = (equal_lanes_one_by_one(lanes, wanted), 1);
    // At most 7: told to the compiler, which then need not ask.
    (found != 0).then(|| (found.trailing_zeros() / bits) as usize & 7)
}

#[cfg(not(target_arch = "x86_64"))]
fn equal_lanes_one_by_one(lanes: &[u32; 8], wanted: u32) -> u32 {
    (0..).zip(lanes).fold(0, |mask, (place, &lane)| mask | (u32::from(lane == wanted) << place))
}

/// 16 bits for each lane: all 1 where it equals `wanted`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn equal_lanes_sse2(lanes: &[u32; 8], wanted: u32) -> std::arch::x86_64::__m128i {
    use std::arch::x86_64::{__m128i, _mm_cmpeq_epi32, _mm_loadu_si128, _mm_packs_epi32, _mm_set1_epi32};
    let (low, high) = lanes.split_at(4);
    // SAFETY: it reads 16 bytes at any alignment: `low` are the first four of eight numbers.
    let first = unsafe { _mm_loadu_si128(low.as_ptr().cast::<__m128i>()) };
    // SAFETY: as above: `high` are the last four.
    let last = unsafe { _mm_loadu_si128(high.as_ptr().cast::<__m128i>()) };
    let wanted = _mm_set1_epi32(wanted.cast_signed());
    _mm_packs_epi32(_mm_cmpeq_epi32(first, wanted), _mm_cmpeq_epi32(last, wanted))
}

#[cfg(test)]
mod tests {
    use super::{equal_lanes, first_equal_lane};

    #[test]
    fn every_lane_has_its_bit() {
        let lanes = [5, 0, 5, u32::MAX, 7, 0x8000_0005, 5, 9];
        assert_eq!(equal_lanes(&lanes, 5), 0b0100_0101);
        assert_eq!(equal_lanes(&lanes, u32::MAX), 0b1000);
        assert_eq!(equal_lanes(&lanes, 9), 0b1000_0000);
        assert_eq!(equal_lanes(&lanes, 8), 0);
        assert_eq!(equal_lanes(&[0; 8], 0), 0xff);
        assert_eq!([5, 0, 9, 8].map(|wanted| first_equal_lane(&lanes, wanted)), [Some(0), Some(1), Some(7), None]);
    }
}
