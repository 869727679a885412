//! Certificates: what rules and records ask of them.
//!
//! Called by [`super::parse`] with the bytes of a certificate; nothing is checked beyond its form, no signature and no chain of trust. Names are printed as the reference engine does:
//! `C=FR, O=Stamus, CN=SELKS`. Text is passed on as it stands, whatever its character set, so that a byte 0 in a name is seen.
//!
//! Source: RFC 5280 section 4.1 and 4.2.1.6; RFC 4514 section 3 for the short names.

use super::{
    der::{BIT_STRING, Der, DerError, GENERAL_TIME, INTEGER, OBJECT, OCTET_STRING, SEQUENCE, SET, UTC_TIME},
    text::{LOWER, Text, TextIn, UPPER},
};
use crate::event::AppEvent;

/// Bytes of a name, printed, at most; what is longer is cut.
pub const MOST_NAME: usize = 4_096;
/// Alternative names that are told, at most: certificates of large shared hosts have some hundreds.
pub const MOST_ALTERNATIVES: usize = 1_024;

/// A certificate that was walked over.
#[derive(Clone, Copy, Debug)]
pub struct Certificate<'a> {
    /// The serial number, most significant byte first.
    pub serial: &'a [u8],
    issuer: &'a [u8],
    subject: &'a [u8],
    /// Seconds since 1970, perhaps before it.
    pub not_before: i64,
    /// Seconds since 1970, perhaps before it.
    pub not_after: i64,
    alternatives: &'a [u8],
}

/// What is wrong with a head or a value that is cut off.
const fn cut(error: DerError, otherwise: AppEvent) -> AppEvent {
    match error {
        DerError::Head => AppEvent::TlsCertificateInvalidLength,
        DerError::Short => AppEvent::TlsInvalidCertificate,
        DerError::Tag => otherwise,
    }
}

impl<'a> Certificate<'a> {
    /// The certificate in `bytes`.
    ///
    /// # Errors
    /// The event that says what is wrong.
    pub fn of(bytes: &'a [u8]) -> Result<Self, AppEvent> {
        use AppEvent as E;
        let der = |otherwise| move |error| cut(error, otherwise);
        let mut whole = Der::of(Der::of(bytes).expect(SEQUENCE).map_err(der(E::TlsCertificateInvalidDer))?);
        let mut body = Der::of(whole.expect(SEQUENCE).map_err(der(E::TlsCertificateInvalidDer))?);
        if body.peek() == Some(0xa0) {
            let version = body.element().map_err(der(E::TlsCertificateInvalidVersion))?;
            match Der::of(version.value).expect(INTEGER) {
                Ok([0..=2]) => {}
                Ok(_) | Err(_) => return Err(E::TlsCertificateInvalidVersion),
            }
        }
        let serial = body.expect(INTEGER).map_err(der(E::TlsCertificateInvalidSerial))?;
        let algorithm = body.expect(SEQUENCE).map_err(der(E::TlsCertificateInvalidAlgorithmidentifier))?;
        Der::of(algorithm).expect(OBJECT).map_err(|_| E::TlsCertificateInvalidAlgorithmidentifier)?;
        let issuer = body.expect(SEQUENCE).map_err(der(E::TlsCertificateInvalidIssuer))?;
        check_name(issuer)?;
        let mut validity = Der::of(body.expect(SEQUENCE).map_err(der(E::TlsCertificateInvalidValidity))?);
        let mut date = || {
            let found = validity.element().map_err(|_| E::TlsCertificateInvalidValidity)?;
            seconds(found.tag, found.value).ok_or(E::TlsCertificateInvalidDate)
        };
        let (not_before, not_after) = (date()?, date()?);
        let subject = body.expect(SEQUENCE).map_err(der(E::TlsCertificateInvalidSubject))?;
        check_name(subject)?;
        body.expect(SEQUENCE).map_err(der(E::TlsCertificateInvalidAlgorithmidentifier))?;
        let mut alternatives: &[u8] = &[];
        while !body.is_empty() {
            let part = body.element().map_err(der(E::TlsCertificateInvalidExtensions))?;
            if part.tag == 0xa3 {
                alternatives = alternatives_in(part.value).map_err(|_| E::TlsCertificateInvalidExtensions)?;
            }
        }
        whole.expect(SEQUENCE).map_err(der(E::TlsCertificateInvalidAlgorithmidentifier))?;
        whole.expect(BIT_STRING).map_err(der(E::TlsInvalidCertificate))?;
        Ok(Self { serial, issuer, subject, not_before, not_after, alternatives })
    }

    /// Who the certificate is for, printed in `place`, which has [`MOST_NAME`] bytes.
    pub fn subject<'p>(&self, place: &'p mut [u8]) -> TextIn<&'p mut [u8]> {
        name(self.subject, place)
    }

    /// Who made it, as [`Certificate::subject`].
    pub fn issuer<'p>(&self, place: &'p mut [u8]) -> TextIn<&'p mut [u8]> {
        name(self.issuer, place)
    }

    /// The serial number, `00:97:E6`.
    pub fn serial(&self) -> Text<256> {
        let mut text = Text::default();
        text.hex_colons(self.serial, UPPER);
        text
    }

    /// Names of hosts, mailboxes, resources and addresses it is for besides.
    pub fn alternatives(&self) -> Alternatives<'a> {
        Alternatives { rest: Der::of(self.alternatives), left: MOST_ALTERNATIVES }
    }
}

/// The fingerprint of a certificate: SHA-1, `e9:a0:69`.
pub fn fingerprint(bytes: &[u8]) -> Text<64> {
    use sha1::Digest;
    let mut text = Text::default();
    text.hex_colons(&sha1::Sha1::digest(bytes), LOWER);
    text
}

/// An alternative name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alternative<'a> {
    /// A host, a mailbox or a resource.
    Text(&'a [u8]),
    /// An address, of 4 or 16 bytes.
    Address(&'a [u8]),
}

/// Alternative names of a certificate.
#[derive(Clone, Copy, Debug)]
pub struct Alternatives<'a> {
    rest: Der<'a>,
    left: usize,
}

impl<'a> Iterator for Alternatives<'a> {
    type Item = Alternative<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            self.left -= 1;
            let found = self.rest.element().ok()?;
            match (found.tag, found.value.len()) {
                (0x81 | 0x82 | 0x86, _) => return Some(Alternative::Text(found.value)),
                (0x87, 4 | 16) => return Some(Alternative::Address(found.value)),
                _ => {}
            }
        }
        None
    }
}

/// The alternative names among the extensions.
fn alternatives_in(extensions: &[u8]) -> Result<&[u8], DerError> {
    const SUBJECT_ALT_NAME: [u8; 3] = [0x55, 0x1d, 0x11];
    let mut found: &[u8] = &[];
    let mut list = Der::of(Der::of(extensions).expect(SEQUENCE)?);
    while !list.is_empty() {
        let mut extension = Der::of(list.expect(SEQUENCE)?);
        let object = extension.expect(OBJECT)?;
        if extension.peek() == Some(0x01) {
            extension.element()?;
        }
        let value = extension.expect(OCTET_STRING)?;
        if object == SUBJECT_ALT_NAME {
            found = Der::of(value).expect(SEQUENCE)?;
        }
    }
    Ok(found)
}

/// The parts of a name: for each its place in its set, its type and its value.
fn parts(name: &[u8], mut each: impl FnMut(usize, &[u8], u8, &[u8])) -> Result<(), DerError> {
    let mut sets = Der::of(name);
    while !sets.is_empty() {
        let mut set = Der::of(sets.expect(SET)?);
        let mut place = 0;
        while !set.is_empty() {
            let mut pair = Der::of(set.expect(SEQUENCE)?);
            let object = pair.expect(OBJECT)?;
            let value = pair.element()?;
            each(place, object, value.tag, value.value);
            place += 1;
        }
    }
    Ok(())
}

fn check_name(name: &[u8]) -> Result<(), AppEvent> {
    parts(name, |_, _, _, _| {}).map_err(|error| match error {
        DerError::Head => AppEvent::TlsCertificateInvalidLength,
        DerError::Short | DerError::Tag => AppEvent::TlsCertificateInvalidX509name,
    })
}

/// A name, printed in `place`.
fn name<'p>(name: &[u8], place: &'p mut [u8]) -> TextIn<&'p mut [u8]> {
    let mut text = TextIn::over(place.get_mut(..MOST_NAME).unwrap_or_default());
    // Its form was checked before.
    let _ = parts(name, |place, object, tag, value| {
        if place > 0 {
            text.push(b" + ");
        } else if !text.get().is_empty() {
            text.push(b", ");
        }
        match short_name(object) {
            Some(short) => text.push(short.as_bytes()),
            None => dotted(&mut text, object),
        }
        text.push(b"=");
        // Strings of all kinds, UTF-8 to BMP.
        if matches!(tag, 0x07 | 0x0c | 0x12..=0x16 | 0x19..=0x1b | 0x1e) {
            text.push(value);
        } else {
            value.iter().for_each(|&byte| text.hex(byte, UPPER));
        }
    });
    text
}

/// An object identifier in numbers with dots.
fn dotted(text: &mut TextIn<&mut [u8]>, object: &[u8]) {
    let mut number: u64 = 0;
    let mut first = true;
    for &byte in object {
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if first {
            let top = (number / 40).min(2);
            text.decimal(top);
            number -= top * 40;
            first = false;
        }
        text.push(b".");
        text.decimal(number);
        number = 0;
    }
}

/// What an attribute is called in names.
fn short_name(object: &[u8]) -> Option<&'static str> {
    const EMAIL: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1];
    const UNSTRUCTURED: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 2];
    const DOMAIN: &[u8] = &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 0x19];
    Some(match object {
        [0x55, 4, 3] => "CN",
        [0x55, 4, 4] => "surname",
        [0x55, 4, 5] => "serialNumber",
        [0x55, 4, 6] => "C",
        [0x55, 4, 7] => "L",
        [0x55, 4, 8] => "ST",
        [0x55, 4, 9] => "streetAddress",
        [0x55, 4, 10] => "O",
        [0x55, 4, 11] => "OU",
        [0x55, 4, 12] => "title",
        [0x55, 4, 13] => "description",
        [0x55, 4, 15] => "businessCategory",
        [0x55, 4, 17] => "postalCode",
        [0x55, 4, 41] => "name",
        [0x55, 4, 42] => "givenName",
        [0x55, 4, 43] => "initials",
        [0x55, 4, 44] => "generationQualifier",
        [0x55, 4, 46] => "dnQualifier",
        [0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x3c, 2, 1, 1] => "jurisdictionL",
        [0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x3c, 2, 1, 2] => "jurisdictionST",
        [0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x3c, 2, 1, 3] => "jurisdictionC",
        EMAIL => "Email",
        UNSTRUCTURED => "unstructuredName",
        DOMAIN => "DC",
        _ => return None,
    })
}

/// A time as seconds since 1970.
fn seconds(tag: u8, text: &[u8]) -> Option<i64> {
    let digits = |at: usize, count: usize| -> Option<i64> {
        text.get(at..at + count)?
            .iter()
            .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let (year, at) = match tag {
        UTC_TIME => (digits(0, 2)? + if digits(0, 2)? < 50 { 2_000 } else { 1_900 }, 2),
        GENERAL_TIME => (digits(0, 4)?, 4),
        _ => return None,
    };
    let (month, day) = (digits(at, 2)?, digits(at + 2, 2)?);
    let (hour, minute) = (digits(at + 4, 2)?, digits(at + 6, 2)?);
    let mut at = at + 8;
    let mut second = 0;
    if text.get(at).is_some_and(u8::is_ascii_digit) {
        second = digits(at, 2)?;
        at += 2;
    }
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let offset = match text.get(at..)? {
        [] | [b'Z'] => 0,
        [sign @ (b'+' | b'-'), _, _, _, _] => {
            let ahead = digits(at + 1, 2)? * 3_600 + digits(at + 3, 2)? * 60;
            if *sign == b'+' { -ahead } else { ahead }
        }
        _ => return None,
    };
    Some(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second + offset)
}

/// Days since 1970 of a date in the Gregorian calendar.
pub const fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (month * 153 + 2) / 5 + day - 1 - 719_468
}
