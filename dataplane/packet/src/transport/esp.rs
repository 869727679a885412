//! ESP: what follows is encrypted.
//!
//! Called by `over_ipv4` and `over_ipv6`. The whole ESP packet is the payload; the security parameters index is its
//! first four bytes. ESP with null encryption is not guessed.
//!
//! Source: RFC 4303 section 2.

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next};
use crate::seen::Protocol;

/// Checks that index and sequence number are there.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Esp);
    if input.len() < 8 {
        return layer.fail(DecodeEvent::EspPacketTooSmall, input);
    }
    layer.rest_is_payload(input)
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, raw};
    use crate::{DecodeEvent, LinkType};

    #[test]
    fn eight_bytes_are_enough_and_seven_are_invalid() {
        let out = decoded(&raw(50, &[0; 8]), LinkType::Raw);
        assert!(out.innermost().events.is_empty() && !out.innermost().has_transport);
        let out = decoded(&raw(50, &[0; 7]), LinkType::Raw);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::EspPacketTooSmall]);
        assert!(out.innermost().invalid);
    }
}
