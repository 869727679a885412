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
        // SAFETY: it needs SSE2, which every x86-64 processor has.
        unsafe { equal_lanes_sse2(lanes, wanted) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        (0..).zip(lanes).fold(0, |mask, (place, &lane)| mask | (u32::from(lane == wanted) << place))
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn equal_lanes_sse2(lanes: &[u32; 8], wanted: u32) -> u32 {
    use std::arch::x86_64::{
        __m128i, _mm_castsi128_ps, _mm_cmpeq_epi32, _mm_loadu_si128, _mm_movemask_ps, _mm_set1_epi32,
    };
    let (low, high) = lanes.split_at(4);
    // SAFETY: it reads 16 bytes at any alignment: `low` are the first four of eight numbers.
    let first = unsafe { _mm_loadu_si128(low.as_ptr().cast::<__m128i>()) };
    // SAFETY: as above: `high` are the last four.
    let last = unsafe { _mm_loadu_si128(high.as_ptr().cast::<__m128i>()) };
    let wanted = _mm_set1_epi32(wanted.cast_signed());
    let first = _mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(first, wanted)));
    let last = _mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(last, wanted)));
    (first | (last << 4)).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::equal_lanes;

    #[test]
    fn every_lane_has_its_bit() {
        let lanes = [5, 0, 5, u32::MAX, 7, 0x8000_0005, 5, 9];
        assert_eq!(equal_lanes(&lanes, 5), 0b0100_0101);
        assert_eq!(equal_lanes(&lanes, u32::MAX), 0b1000);
        assert_eq!(equal_lanes(&lanes, 9), 0b1000_0000);
        assert_eq!(equal_lanes(&lanes, 8), 0);
        assert_eq!(equal_lanes(&[0; 8], 0), 0xff);
    }
}
