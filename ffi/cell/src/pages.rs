//! Advice about memory pages.
//!
//! Called once per table at start. Changes speed only, never content.

/// Asks the system to back `memory` with huge pages where it can: tables that are read in random order miss fewer translations.
/// Refusal is no error: small pages are slower by about a tenth.
///
/// # Cost
/// One system call. Memory that was never written stays unused.
pub fn advise_huge_pages<T>(memory: &[T]) {
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        let bytes = size_of_val(memory);
        let start = memory.as_ptr().addr().next_multiple_of(PAGE);
        let end = (memory.as_ptr().addr() + bytes) / PAGE * PAGE;
        if end > start {
            let address = memory.as_ptr().with_addr(start).cast_mut().cast();
            // SAFETY: `madvise` needs whole pages of this process. Those between `start` and `end` lie within `memory`, which is borrowed,
            // so they stay mapped during the call. `MADV_HUGEPAGE` changes no content and no protection.
            let _refused = unsafe { libc::madvise(address, end - start, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = memory;
}

#[cfg(test)]
mod tests {
    use super::advise_huge_pages;

    #[test]
    fn advice_changes_no_content_whatever_the_size() {
        for size in [0, 1, 5_000, 3 << 20] {
            let mut memory = vec![7_u8; size];
            advise_huge_pages(&memory);
            assert!(memory.iter().all(|&byte| byte == 7));
            memory.fill(8);
            assert!(memory.iter().all(|&byte| byte == 8));
        }
        advise_huge_pages(&vec![std::mem::MaybeUninit::<[u64; 24]>::uninit(); 1_000]);
    }
}
