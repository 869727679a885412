//! Messages of DNS that travel in HTTP/2: in bodies, and in the address of a request.
//!
//! Called by [`super::parse`]. Each message is a transaction of DNS beside the one of HTTP/2 that carries it. Only whole bodies are read, and nothing when DNS is not.
//!
//! Sources: RFC 8484 sections 4.1 and 6; RFC 4648 section 5 (base64url).

use crate::{
    desk::Desk,
    dns,
    field::Field,
    room::{BodyRef, TxRef},
};
use sluice_core::{AppProtocol, Direction};

/// In front of the message in an address.
pub(super) const QUERY: &[u8] = b"/dns-query?dns=";
/// The longest message in an address that is read; a question takes some 300 bytes at most, with padding (RFC 8467) 468.
const LONGEST_IN_PATH: usize = 1_024;

/// Reads the message that was the body of `direction`.
pub(super) fn of_body(desk: &mut Desk, direction: Direction, body: BodyRef) {
    let mut aside = desk.take_aside();
    aside.clear();
    // While a header block is read the room is in use: then there is none.
    if let Some(bytes) = desk.whole_body(body).filter(|bytes| bytes.len() <= aside.capacity()) {
        aside.extend_from_slice(bytes);
    }
    read(desk, direction, &aside);
    desk.give_aside(aside);
}

/// Reads the message in the address of the request of `at`.
pub(super) fn of_path(desk: &mut Desk, at: TxRef) {
    let mut bytes = [0; LONGEST_IN_PATH];
    let path = desk.field(at, Direction::ToServer, Field::HttpUri).unwrap_or_default();
    let text = path.strip_prefix(QUERY).unwrap_or_default();
    let length = decode(text, &mut bytes);
    read(desk, Direction::ToServer, bytes.get(..length).unwrap_or_default());
}

fn read(desk: &mut Desk, direction: Direction, bytes: &[u8]) {
    if bytes.is_empty() || !desk.settings.is_read(AppProtocol::Dns) || !desk.settings.is_enabled(AppProtocol::Doh2) {
        return;
    }
    let before = (desk.protocol, desk.direction);
    (desk.protocol, desk.direction) = (AppProtocol::Dns, direction);
    dns::message(desk, bytes);
    (desk.protocol, desk.direction) = before;
}

/// Decodes `text` into `out` up to what is no digit; the bytes written. What finds no room is left out.
fn decode(text: &[u8], out: &mut [u8]) -> usize {
    let (mut bits, mut count, mut written) = (0_u32, 0, 0);
    for byte in text {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => break,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            let Some(place) = out.get_mut(written) else { break };
            *place = (bits >> count) as u8;
            written += 1;
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn base64url_is_decoded_up_to_what_is_none() {
        let of = |text: &[u8]| {
            let mut out = [0; 8];
            let length = decode(text, &mut out);
            out[..length].to_vec()
        };
        assert_eq!(of(b"Zm9vYmFy"), b"foobar");
        assert_eq!(of(b"Zm9vYg"), b"foob");
        assert_eq!(of(b"_-8&x=1"), b"\xff\xef");
        assert_eq!(of(b"Zm9vYmFyZm9vYmFyZm9v"), b"foobarfo");
        assert_eq!(of(b""), b"");
    }
}
