//! Keywords of files.
//!
//! Called by [`super::app`].
//!
//! Source: the public rule documentation, "File Keywords".

use super::Refusal;
use crate::{
    diagnostic::Problem,
    syntax::keyword::app::{AppMatch, AppValue},
};
use sluice_app::{Field, file::FileTest};
use sluice_core::Direction;

/// The question that `app` asks.
pub(super) fn check(app: &AppMatch) -> Result<FileTest, Refusal> {
    let (negated, text): (bool, &[u8]) = match &app.value {
        AppValue::Text { negated, bytes } => (*negated, bytes),
        _ => (false, b""),
    };
    let bytes = || text.to_ascii_lowercase().into();
    Ok(match app.name {
        "filename" => FileTest::Name { bytes: bytes(), negated },
        "fileext" => FileTest::Extension { bytes: bytes(), negated },
        "filesize" => size(text, negated)?,
        "filestore" => FileTest::Any,
        "filemd5" | "filesha1" | "filesha256" => {
            let AppValue::Digests { negated, list } = &app.value else { return Err(Refusal::Needs(app.feature)) };
            let field = match app.name {
                "filemd5" => Field::FileMd5,
                "filesha1" => Field::FileSha1,
                _ => Field::FileSha256,
            };
            FileTest::Digest { field, list: list.clone(), negated: *negated }
        }
        _ => return Err(Refusal::Needs(app.feature)),
    })
}

/// `n`, `<n`, `>n` or `a<>b`, both ends outside; a unit may stand behind a number.
fn size(text: &[u8], negated: bool) -> Result<FileTest, Refusal> {
    const FORM: Refusal =
        Refusal::Wrong(Problem::Malformed { expected: "a number of bytes, <n, >n or a<>b, perhaps with kb, mb or gb" });
    let text = std::str::from_utf8(text).map_err(|_| FORM)?.trim();
    let (side, text) = match text.split_once(',') {
        Some(("to_client", rest)) => (Some(Direction::ToClient), rest.trim()),
        Some(("to_server", rest)) => (Some(Direction::ToServer), rest.trim()),
        _ => (None, text),
    };
    let (least, most) = if let Some(text) = text.strip_prefix('>') {
        (number(text).and_then(|number| number.checked_add(1)).ok_or(FORM)?, u64::MAX)
    } else if let Some(text) = text.strip_prefix('<') {
        (0, number(text).and_then(|number| number.checked_sub(1)).ok_or(FORM)?)
    } else if let Some((low, high)) = text.split_once("<>") {
        let ends =
            number(low).and_then(|low| low.checked_add(1)).zip(number(high).and_then(|high| high.checked_sub(1)));
        ends.filter(|(least, most)| least <= most).ok_or(FORM)?
    } else {
        let exact = number(text).ok_or(FORM)?;
        (exact, exact)
    };
    Ok(FileTest::Size { least, most, negated, side })
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let shift = match unit.trim() {
        "" | "b" => 0,
        "kb" | "kib" => 10,
        "mb" | "mib" => 20,
        "gb" | "gib" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::size;
    use sluice_app::file::FileTest;

    #[test]
    fn sizes_are_ranges_without_their_ends() {
        let range = |text: &str| match size(text.as_bytes(), false) {
            Ok(FileTest::Size { least, most, .. }) => Some((least, most)),
            _ => None,
        };
        assert_eq!(range("100"), Some((100, 100)));
        assert_eq!(range(">100"), Some((101, u64::MAX)));
        assert_eq!(range("<1kb"), Some((0, 1_023)));
        assert_eq!(range("100 <> 200"), Some((101, 199)));
        assert_eq!(range("to_client, <100"), Some((0, 99)));
        assert_eq!(range("200<>100"), None);
        assert_eq!(range("<0"), None);
        assert_eq!(range("many"), None);
    }
}
