//! `entropy`: how evenly the bytes of a buffer are spread.
//!
//! Called by [`crate::run`]. Source: C. E. Shannon, "A Mathematical Theory of Communication", section 6; the rule documentation of the
//! reference engine, "Payload Keywords: entropy".

/// What is asked of the entropy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// Lowest value inside.
    pub low: f64,
    /// Highest value inside.
    pub high: f64,
    /// Whether the ends themselves are outside.
    pub open: bool,
    /// Whether values outside match instead.
    pub negated: bool,
}

impl Wanted {
    /// Whether `value` matches.
    pub fn matches(&self, value: f64) -> bool {
        let inside =
            if self.open { value > self.low && value < self.high } else { value >= self.low && value <= self.high };
        inside != self.negated
    }
}

/// Shannon entropy of `bytes` in bits per byte, 0 to 8; 0 for none.
///
/// # Cost
/// One pass, then at most 256 logarithms.
pub fn of(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for &byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let length = bytes.len() as f64;
    let share = |count: &u32| f64::from(*count) / length;
    counts.iter().filter(|count| **count > 0).map(share).map(|share| -share * share.log2()).sum::<f64>().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::{Wanted, of};
    use proptest::{collection::vec, prelude::*};

    #[test]
    fn evenly_spread_bytes_have_the_most() {
        assert_eq!((of(b""), of(b"aaaa"), of(b"abab"), of(b"abcd")), (0.0, 0.0, 1.0, 2.0));
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(of(&all), 8.0);
    }

    #[test]
    fn ends_are_inside_unless_open() {
        let wanted = Wanted { low: 4.0, high: 5.0, open: false, negated: false };
        assert!(wanted.matches(4.0) && wanted.matches(5.0) && !wanted.matches(5.1));
        assert!(!Wanted { open: true, ..wanted }.matches(4.0) && !Wanted { negated: true, ..wanted }.matches(4.5));
    }

    proptest! {
        #[test]
        fn entropy_agrees_with_counting_each_byte_anew(bytes in vec(0..9_u8, 1..300)) {
            let length = bytes.len() as f64;
            // Averaged over the bytes instead of over their values.
            let slow = bytes.iter().map(|b| -(bytes.iter().filter(|c| *c == b).count() as f64 / length).log2()).sum::<f64>() / length;
            prop_assert!((of(&bytes) - slow).abs() < 1e-9);
        }
    }
}
