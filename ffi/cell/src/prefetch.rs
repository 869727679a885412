//! Cache prefetch hints.
//!
//! Called once per packet by the burst stages, some packets ahead of use. A hint only: no memory is read in the
//! sense of the language, so any reference is a sound argument.

/// Asks the processor to bring the cache line of `target` into all cache levels.
///
/// # Cost
/// One instruction. Does nothing on processors other than x86-64.
#[inline(always)]
pub fn prefetch_read<T: ?Sized>(target: &T) {
    prefetch_line(std::ptr::from_ref(target).cast());
}

/// Asks the processor to bring the cache line where element `place` of `row` begins into all cache levels; a hint at nothing when there is no such
/// element.
///
/// # Cost
/// One instruction besides computing the address. Does nothing on processors other than x86-64.
#[inline(always)]
pub fn prefetch_element<T>(row: &[T], place: usize) {
    prefetch_line(row.as_ptr().wrapping_add(place).cast());
}

/// The same for that line and the next one.
#[inline(always)]
pub fn prefetch_two_lines<T>(row: &[T], place: usize) {
    prefetch_line(row.as_ptr().wrapping_add(place).cast());
    // From a base of its own, which is the same for all places: the sum then needs no instruction.
    prefetch_line(row.as_ptr().wrapping_byte_add(64).wrapping_add(place).cast());
}

#[inline(always)]
fn prefetch_line(address: *const i8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: `_mm_prefetch` needs SSE, which every x86-64 processor has, and accepts any address: it never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::{prefetch_element, prefetch_read, prefetch_two_lines};

    #[test]
    fn prefetching_leaves_the_value_alone() {
        let value = [7_u8; 64];
        prefetch_read(&value);
        prefetch_element(&value, 63);
        prefetch_element(&value, usize::MAX);
        prefetch_two_lines(&value, 0);
        assert_eq!(value, [7_u8; 64]);
    }
}
