//! Whether bytes are the beginning of DNS.
//!
//! Asked by [`crate::protocol`] with the first bytes of each end of a flow. On a server's port the header must be one and the first name readable; on any other the whole
//! message must be what a resolver asks or is answered, because NetBIOS names and others have the same form.

use super::{
    message::{HEADER, Header, Name, Reader, Section},
    names,
};
use crate::{pdu::u16_be, protocol::Likeness};

/// Bytes of an unfinished message with which it is judged; a resolver's first message is shorter than that.
const ENOUGH: usize = 512;

/// How much `bytes`, the first of one end, look like DNS; over TCP a length stands in front of each message.
pub fn likeness(bytes: &[u8], datagram: bool) -> Likeness {
    if datagram {
        return message(bytes, bytes.len());
    }
    let Some((length, rest)) = u16_be(bytes, 0).zip(bytes.get(2..)) else { return Likeness::More };
    let length = usize::from(length);
    if length < HEADER {
        return Likeness::No;
    }
    message(rest.get(..length).unwrap_or(rest), length)
}

/// How much the first bytes of a message of `length` bytes look like one.
fn message(bytes: &[u8], length: usize) -> Likeness {
    let Some(header) = Header::of(bytes) else {
        return if length < HEADER { Likeness::No } else { Likeness::More };
    };
    let [queries, answers, ..] = header.counts;
    // What ends too early has fewer entries than it says, so one byte of what is least is enough for one that lacks its end.
    if length + 11 < header.least() || header.counts.iter().all(|count| *count == 0) && !header.is_response() {
        return Likeness::No;
    }
    let Some(mut reader) = Reader::of(bytes) else { return Likeness::No };
    let mut name = Name::default();
    let Some(first) = reader.next(&mut name) else {
        let nothing = header.counts.iter().all(|count| *count == 0);
        return match bytes.len() {
            _ if nothing => Likeness::Fits,
            seen if seen == length => Likeness::No,
            // The first entry may be still to come.
            0..ENOUGH => Likeness::More,
            _ => Likeness::Fits,
        };
    };
    if bytes.len() < length {
        return if bytes.len() < ENOUGH { Likeness::More } else { Likeness::Fits };
    }
    let usual = queries == 1
        && header.opcode() == 0
        && header.flags & 0x40 == 0
        && (header.is_response() || answers == 0)
        && first.section == Section::Queries
        && first.class == 1
        && names::type_name(first.rrtype).is_some()
        && is_host(name.get());
    if !usual {
        return Likeness::Fits;
    }
    while reader.next(&mut name).is_some() {}
    if reader.problems().is_empty() && reader.is_at_end() { Likeness::Sure } else { Likeness::Fits }
}

/// Whether `name` is one of a host or service in a domain.
fn is_host(name: &[u8]) -> bool {
    name.contains(&b'.') && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::likeness;
    use crate::protocol::Likeness;

    const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01";

    #[test]
    fn a_whole_question_is_sure_on_any_port() {
        assert_eq!(likeness(QUERY, true), Likeness::Sure);
        let framed = [&[0, QUERY.len() as u8][..], QUERY].concat();
        assert_eq!(likeness(&framed, false), Likeness::Sure);
        for end in 0..framed.len() {
            assert_eq!(likeness(&framed[..end], false), Likeness::More, "{end}");
        }
    }

    #[test]
    fn what_is_no_name_or_of_another_protocol_is_not_dns() {
        // SNMP, NetBIOS over the right port, text.
        let snmp = b"0@\x02\x01\x030\x0f\x02\x03\0\x91\xc8\x02\x02\x05\xdc\x04\x01\x04\x02\x01\x03\x04\x15";
        assert_eq!(likeness(snmp, true), Likeness::No);
        let netbios = b"\x12\x34\x01\x10\0\x01\0\0\0\0\0\0\x20CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0\0\x21\0\x01";
        assert_eq!(likeness(netbios, true), Likeness::Fits);
        for other in [
            &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
            b"SSH-2.0-OpenSSH_9.6\r\n",
            &[0; 40],
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\xaa\xaa\xaa\xaa\xaa",
        ] {
            assert_eq!(likeness(other, true), Likeness::No);
            assert_eq!(likeness(other, false), Likeness::No);
        }
    }
}
