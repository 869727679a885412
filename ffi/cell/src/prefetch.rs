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
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let address = std::ptr::from_ref(target).cast::<i8>();
        // SAFETY: `_mm_prefetch` needs SSE, which every x86-64 processor has, and accepts any address: it never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = target;
}

#[cfg(test)]
mod tests {
    use super::prefetch_read;

    #[test]
    fn prefetching_leaves_the_value_alone() {
        let value = [7_u8; 64];
        prefetch_read(&value);
        assert_eq!(value, [7_u8; 64]);
    }
}
