//! Keywords of TLS that compare more than a number.
//!
//! Called by [`super::app`].
//!
//! Source: the public rule documentation, "SSL/TLS Keywords".

use super::Refusal;
use crate::{
    diagnostic::Problem,
    syntax::keyword::app::{AppMatch, AppValue},
};
use sluice_app::{
    Field,
    tls::{fields::TlsTest, handshake::state},
};

/// The question that `app` asks.
pub(super) fn check(app: &AppMatch) -> Result<TlsTest, Refusal> {
    let (negated, text): (bool, &[u8]) = match &app.value {
        AppValue::Text { negated, bytes } => (*negated, bytes),
        _ => (false, b""),
    };
    let contains = |field| TlsTest::Contains { field, bytes: text.into(), negated };
    Ok(match app.name {
        "tls.subject" => contains(Field::TlsCertSubject),
        "tls.issuerdn" => contains(Field::TlsCertIssuer),
        "tls.fingerprint" => {
            TlsTest::Contains { field: Field::TlsCertFingerprint, bytes: text.to_ascii_lowercase().into(), negated }
        }
        "tls_cert_expired" => TlsTest::Expired,
        "tls_cert_valid" => TlsTest::Valid,
        "tls_cert_notbefore" => date(Field::TlsNotBefore, words(text)?)?,
        "tls_cert_notafter" => date(Field::TlsNotAfter, words(text)?)?,
        "ssl_state" => states(negated, words(text)?)?,
        "ssl_version" => versions(negated, words(text)?, ',')?,
        "tls.version" => {
            let one = version(words(text)?).ok_or(wrong("1.0, 1.1, 1.2, 1.3, or a number such as 0x0304"))?;
            TlsTest::Version { any: [one].into(), negated }
        }
        _ => return Err(Refusal::Needs(app.feature)),
    })
}

const fn wrong(expected: &'static str) -> Refusal {
    Refusal::Wrong(Problem::Malformed { expected })
}

fn words(text: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(text).map(str::trim).map_err(|_| wrong("plain text"))
}

/// A version by its name or number.
fn version(name: &str) -> Option<u16> {
    let name = name.trim().to_ascii_lowercase();
    Some(match name.strip_prefix("tls").unwrap_or(&name) {
        "1.0" => 0x0301,
        "1.1" => 0x0302,
        "1.2" => 0x0303,
        "1.3" => 0x0304,
        "sslv2" => 0x0002,
        "sslv3" => 0x0300,
        other => return other.strip_prefix("0x").and_then(|digits| u16::from_str_radix(digits, 16).ok()),
    })
}

/// Versions with commas between; all of them negated, or none.
fn versions(negated: bool, text: &str, between: char) -> Result<TlsTest, Refusal> {
    const FORM: &str = "sslv2, sslv3, tls1.0, tls1.1, tls1.2 or tls1.3, with commas between, all with ! or none";
    let mut any = Vec::new();
    for (place, part) in text.split(between).enumerate() {
        let part = part.trim();
        let name = match (place, negated) {
            (0, _) | (_, false) => part,
            (_, true) => part.strip_prefix('!').unwrap_or(part).trim(),
        };
        any.push(version(name).ok_or(wrong(FORM))?);
    }
    Ok(TlsTest::Version { any: any.into(), negated })
}

/// Messages with `|` or commas between.
fn states(negated: bool, text: &str) -> Result<TlsTest, Refusal> {
    const FORM: &str = "client_hello, server_hello, client_keyx, server_keyx or unknown, with | between";
    let mut bits = 0;
    for part in text.split(['|', ',']) {
        let part = part.trim();
        bits |= match part.strip_prefix('!').map_or(part, str::trim) {
            "client_hello" => state::CLIENT_HELLO,
            "server_hello" => state::SERVER_HELLO,
            "client_keyx" => state::CLIENT_KEY,
            "server_keyx" => state::SERVER_KEY,
            "unknown" => state::UNKNOWN,
            _ => return Err(wrong(FORM)),
        };
    }
    Ok(TlsTest::State { bits, negated })
}

/// `2015`, `>2015-10-22`, `<2015-10-22 23:59`, `2015<>2016`.
fn date(field: Field, text: &str) -> Result<TlsTest, Refusal> {
    const FORM: &str =
        "a date such as 2015, 2015-10-22 or 2015-10-22 23:59:59, perhaps behind < or >, or two with <> between";
    let moment = |text: &str| moment(text.trim()).ok_or(wrong(FORM));
    let (from, to) = if let Some((first, second)) = text.split_once("<>") {
        let (first, second) = (moment(first)?, moment(second)?);
        if first >= second {
            return Err(wrong("an earlier date before a later one"));
        }
        (first, second)
    } else if let Some(rest) = text.strip_prefix('>') {
        (moment(rest)?.saturating_add(1), i64::MAX)
    } else if let Some(rest) = text.strip_prefix('<') {
        (i64::MIN, moment(rest)?.saturating_sub(1))
    } else {
        let one = moment(text)?;
        (one, one)
    };
    Ok(TlsTest::Date(field, from, to))
}

/// Seconds since 1970 of a date in UTC; what is left out is the first of its kind.
fn moment(text: &str) -> Option<i64> {
    let (date, time) = match text.find([' ', 'T']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?),
        None => (text, ""),
    };
    let part = |text: Option<&str>, least: i64, most: i64| match text.filter(|text| !text.is_empty()) {
        None => Some(least),
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().ok().filter(|number| (least..=most).contains(number))
        }
        Some(_) => None,
    };
    let mut days = date.split('-');
    let year = part(days.next().filter(|year| year.len() == 4), 0, 9_999).filter(|_| date.len() >= 4)?;
    let (month, day) = (part(days.next(), 1, 12)?, part(days.next(), 1, 31)?);
    let mut hours = time.trim().split(':');
    let (hour, minute, second) = (part(hours.next(), 0, 23)?, part(hours.next(), 0, 59)?, part(hours.next(), 0, 60)?);
    if days.next().is_some() || hours.next().is_some() {
        return None;
    }
    Some(sluice_app::tls::x509::days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::{check, moment, version};
    use crate::syntax::keyword::app::{AppMatch, AppValue};
    use sluice_app::{
        Field,
        tls::{fields::TlsTest, handshake::state},
    };

    fn ask(name: &'static str, negated: bool, text: &str) -> Option<TlsTest> {
        let value = AppValue::Text { negated, bytes: text.as_bytes().into() };
        check(&AppMatch { name, feature: "tls", value }).ok()
    }

    #[test]
    fn dates_may_leave_out_their_end() {
        assert_eq!(moment("1970"), Some(0));
        assert_eq!(moment("2015-02"), moment("2015-02-01 00:00:00"));
        assert_eq!(moment("2015-02-12T18:07:27"), Some(1_423_764_447));
        for wrong in ["", "15", "2015-13", "2015-01-01-01", "2015-01-01 25", "x", "2015-01-01 10:10:10:10", "-2015"] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn dates_are_compared_without_their_ends() {
        let field = Field::TlsNotAfter;
        assert_eq!(ask("tls_cert_notafter", false, ">1970"), Some(TlsTest::Date(field, 1, i64::MAX)));
        assert_eq!(ask("tls_cert_notafter", false, "<1970"), Some(TlsTest::Date(field, i64::MIN, -1)));
        assert_eq!(ask("tls_cert_notafter", false, "1970<>1971"), Some(TlsTest::Date(field, 0, 365 * 86_400)));
        assert_eq!(ask("tls_cert_notafter", false, "1971<>1970"), None);
    }

    #[test]
    fn versions_and_states_have_their_words() {
        assert_eq!(version("TLS1.2"), Some(0x0303));
        assert_eq!(version("0x7f12"), Some(0x7f12));
        assert_eq!(version("1.4"), None);
        let two = TlsTest::Version { any: [0x0300, 0x0301].into(), negated: true };
        assert_eq!(ask("ssl_version", true, "sslv3,!tls1.0"), Some(two));
        let bits = state::CLIENT_HELLO | state::SERVER_KEY;
        let wanted = TlsTest::State { bits, negated: false };
        assert_eq!(ask("ssl_state", false, "client_hello|server_keyx"), Some(wanted));
        assert_eq!(ask("ssl_state", false, "nonsense"), None);
        assert_eq!(ask("ssl_version", false, ""), None);
    }
}
