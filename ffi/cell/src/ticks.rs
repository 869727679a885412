//! The processor's time stamp counter, for measuring.
//!
//! Called by benches only: the packet path reads no clock.

/// Ticks since the processor started; 0 where there is no such counter. A tick is no cycle where the clock varies.
#[inline(always)]
pub fn timestamp_counter() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: `rdtsc` exists on every x86-64 processor; it reads a register and touches no memory.
        unsafe { std::arch::x86_64::_rdtsc() }
    }
    #[cfg(not(target_arch = "x86_64"))]
    0
}

#[cfg(test)]
mod tests {
    use super::timestamp_counter;

    #[test]
    fn ticks_do_not_run_backwards() {
        let before = timestamp_counter();
        assert!(timestamp_counter() >= before);
    }
}
