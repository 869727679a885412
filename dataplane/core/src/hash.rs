//! The keyed hash of every table on the packet path.
//!
//! Folded 64 by 64 to 128 bit multiplication over words masked with a secret drawn at boot, so nobody outside can aim
//! packets at one bucket. Replay uses a fixed secret so that a run repeats. Not a cryptographic hash: it hides bucket
//! positions from somebody who can't see them, and nothing more is asked of it.

/// Words in the secret.
pub const SECRET_WORDS: usize = 8;

/// The secret of one table.
#[derive(Clone, Copy, Debug)]
pub struct HashKey([u64; SECRET_WORDS]);

impl HashKey {
    /// A secret from `words`, as drawn from the operating system at boot.
    ///
    /// Each word is forced odd and non-zero: a zero factor would swallow its partner.
    pub const fn new(words: [u64; SECRET_WORDS]) -> Self {
        let [a, b, c, d, e, f, g, h] = words;
        Self([a | 1, b | 1, c | 1, d | 1, e | 1, f | 1, g | 1, h | 1])
    }

    /// The fixed secret of replay: the same capture gives the same flow ids on every machine.
    pub const fn fixed() -> Self {
        Self::new([
            0xa076_1d64_78bd_642f,
            0xe703_7ed1_a0b4_28db,
            0x8ebc_6af0_9c88_c6e3,
            0x5899_65cc_7537_4cc3,
            0x1d8e_4e27_c47d_124f,
            0xeb44_acca_b455_d165,
            0x9c6e_6877_736c_46e3,
            0x2d35_8dcc_aa6c_78a5,
        ])
    }

    /// Hash of three words.
    ///
    /// # Cost
    /// Two multiplications, one after the other.
    #[inline(always)]
    pub const fn hash3(&self, words: &[u64; 3]) -> u64 {
        let [k0, k1, .., k6, k7] = self.0;
        let [w0, w1, w2] = *words;
        fold(fold(w0 ^ k0, w1 ^ k1) ^ k6, w2 ^ k7)
    }

    /// Hash of six words.
    ///
    /// # Cost
    /// Four multiplications, three of them side by side.
    #[inline(always)]
    pub const fn hash6(&self, words: &[u64; 6]) -> u64 {
        let [k0, k1, k2, k3, k4, k5, k6, k7] = self.0;
        let [w0, w1, w2, w3, w4, w5] = *words;
        let a = fold(w0 ^ k0, w1 ^ k1);
        let b = fold(w2 ^ k2, w3 ^ k3);
        let c = fold(w4 ^ k4, w5 ^ k5);
        fold(a ^ k6 ^ b.rotate_left(23), c ^ k7 ^ b)
    }

    /// Hash of four words.
    #[inline(always)]
    pub const fn hash4(&self, words: &[u64; 4]) -> u64 {
        let [w0, w1, w2, w3] = *words;
        self.hash6(&[w0, w1, w2, w3, 0, 0])
    }
}

#[inline(always)]
const fn fold(a: u64, b: u64) -> u64 {
    let wide = (a as u128).wrapping_mul(b as u128);
    (wide as u64) ^ ((wide >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::HashKey;

    #[test]
    fn another_secret_gives_another_order() {
        let words = [1, 2, 3, 4, 5, 6];
        let other = HashKey::new([7; 8]);
        assert_ne!(HashKey::fixed().hash6(&words), other.hash6(&words));
    }

    /// The greatest deviation from even use of 256 places by 65,536 hashes, for each byte of the hash.
    fn assert_even(hash: impl Fn(u64) -> u64) {
        let mut seen = [[0_u32; 256]; 8];
        for n in 0..65_536_u64 {
            for (seen, byte) in seen.iter_mut().zip(hash(n).to_le_bytes()) {
                seen[usize::from(byte)] += 1;
            }
        }
        for (byte, seen) in seen.iter().enumerate() {
            assert!(seen.iter().all(|&n| (150..=370).contains(&n)), "byte {byte}: {seen:?}");
        }
    }

    #[test]
    fn neighbouring_keys_spread_over_all_buckets() {
        for key in [HashKey::fixed(), HashKey::new([0x0123_4567_89ab_cdef; 8])] {
            assert_even(|n| key.hash6(&[10, 20, 30, 40, n, 6]));
            for shift in [0, 8, 16, 32, 48] {
                assert_even(|n| key.hash3(&[10, n << shift, 0x406]));
                assert_even(|n| key.hash3(&[n << shift, 20, 0x406]));
                assert_even(|n| key.hash3(&[10, 20, n << shift]));
                assert_even(|n| key.hash6(&[10, n << shift, 30, 40, 50, 6]));
                assert_even(|n| key.hash6(&[10, 20, 30, n << shift, 50, 6]));
            }
        }
    }

    #[test]
    fn no_two_of_many_neighbouring_keys_have_one_hash() {
        let key = HashKey::fixed();
        let pairs = (0..256_u64).flat_map(|a| (0..256_u64).map(move |b| (a, b)));
        let mut hashes: Vec<u64> =
            pairs.flat_map(|(a, b)| [6, 17].map(|c| key.hash3(&[a << 16 | 80, b << 40 | 90, c | 0x400]))).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 2 * 65_536);
    }
}
