//! The nearest known name, for remedies.
//!
//! Called only when a name is unknown, so it may be slow: one pass over all names with an edit distance.

/// The name of `names` nearest to `word`, if it is near enough to be a slip of the finger: no more than a third
/// of the letters differ, and at most three.
pub fn nearest(word: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    if word.len() > 64 {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let limit = (word.len() / 3).clamp(1, 3);
    names
        // Among equals the one with the same first letter: that is seldom mistyped.
        .map(|name| (distance(word.as_bytes(), name.as_bytes()), name.bytes().next() != word.bytes().next(), name))
        .filter(|&(d, ..)| d <= limit)
        .min()
        .map(|(_, _, name)| name)
}

/// Letters to insert, delete or replace (Levenshtein).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let cost = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = cost.min(left + 1).min(*cell + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name_and_nonsense_finds_none() {
        let names = ["content", "nocase", "http.uri"];
        assert_eq!(nearest("contnet", names.into_iter()), Some("content"));
        assert_eq!(nearest("http.url", names.into_iter()), Some("http.uri"));
        assert_eq!(nearest("frobnicate", names.into_iter()), None);
    }
}
