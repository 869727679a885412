//! Settings of HTTP under `detection.applications.http`.
//!
//! Called by [`crate::assign`]. The reference engine has them under `app-layer.protocols.http.libhtp.default-config`; its settings for single servers are not read.

use sluice_app::http::HttpSettings;

/// Where the reference engine keeps them.
const THEIRS: [&str; 2] = ["app-layer.protocols.http.libhtp.default-config.", "libhtp.default-config."];
const OURS: &str = "detection.applications.http.";

/// Sets `path`; none when it is not one of these. An error says what was wanted.
pub(crate) fn assign(http: &mut HttpSettings, path: &str, value: &str) -> Option<Result<(), &'static str>> {
    let leaf = match path {
        "app-layer.protocols.http.max-tx" => "max-tx",
        _ => path.strip_prefix(OURS).or_else(|| THEIRS.iter().find_map(|prefix| path.strip_prefix(prefix)))?,
    };
    let bytes = |place: &mut u32| match size(value) {
        Some(size) => {
            *place = size;
            Ok(())
        }
        None => Err("a number of bytes, perhaps with kb, mb or gb behind it"),
    };
    Some(match leaf {
        "request-body-limit" => bytes(&mut http.request_body_limit),
        "response-body-limit" => bytes(&mut http.response_body_limit),
        "compression-bomb-limit" => bytes(&mut http.bomb_limit),
        "lzma-memlimit" => bytes(&mut http.lzma_memory),
        "line-limit" | "meta-field-limit" => bytes(&mut http.line_limit),
        "lzma-enabled" => match value {
            "true" | "yes" | "on" => {
                http.lzma = true;
                Ok(())
            }
            "false" | "no" | "off" => {
                http.lzma = false;
                Ok(())
            }
            _ => Err("true or false"),
        },
        "response-body-decompress-layer-limit" | "decompress-layers" => match value.parse() {
            Ok(layers @ 0..=6) => {
                http.decompress_layers = layers;
                Ok(())
            }
            _ => Err("a number from 0 to 6"),
        },
        "headers-limit" => number(&mut http.header_limit, value, 1..=16_384),
        "max-tx" => number(&mut http.most_open, value, 1..=16_384),
        _ => return None,
    })
}

fn number(place: &mut u16, value: &str, fits: std::ops::RangeInclusive<u16>) -> Result<(), &'static str> {
    *place = value.parse().ok().filter(|number| fits.contains(number)).ok_or("a number from 1 to 16384")?;
    Ok(())
}

/// A size such as `100kb`.
fn size(value: &str) -> Option<u32> {
    let digits = value.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(value.len());
    let (number, unit) = value.split_at_checked(digits)?;
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "kb" | "kib" | "k" => 10,
        "mb" | "mib" | "m" => 20,
        "gb" | "gib" | "g" => 30,
        _ => return None,
    };
    number.parse::<u32>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::assign;
    use sluice_app::http::HttpSettings;

    #[test]
    fn settings_are_taken_by_both_names_and_nonsense_is_refused() {
        let mut http = HttpSettings::default();
        assert_eq!(assign(&mut http, "detection.applications.http.request-body-limit", "1mb"), Some(Ok(())));
        let theirs = "app-layer.protocols.http.libhtp.default-config.";
        assert_eq!(assign(&mut http, &format!("{theirs}response-body-limit"), "200kb"), Some(Ok(())));
        assert_eq!(assign(&mut http, &format!("{theirs}response-body-decompress-layer-limit"), "3"), Some(Ok(())));
        assert_eq!(assign(&mut http, "app-layer.protocols.http.max-tx", "7"), Some(Ok(())));
        assert_eq!(http.request_body_limit, 1 << 20);
        assert_eq!(http.response_body_limit, 200 << 10);
        assert_eq!((http.decompress_layers, http.most_open), (3, 7));
        assert!(matches!(assign(&mut http, &format!("{theirs}lzma-enabled"), "perhaps"), Some(Err(_))));
        assert!(matches!(assign(&mut http, &format!("{theirs}compression-bomb-limit"), "1xb"), Some(Err(_))));
        assert!(matches!(assign(&mut http, &format!("{theirs}response-body-limit"), "5gb"), Some(Err(_))));
        assert_eq!(assign(&mut http, "detection.applications.http.enabled", "yes"), None);
    }
}
