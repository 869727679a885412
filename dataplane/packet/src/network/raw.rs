//! IP without a link header.
//!
//! Called by the walk for captures of raw IP, and for datagrams that defragmentation put together.

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, Step};
use crate::seen::Protocol;

/// Looks at the version, which is in the first four bits of both headers.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Raw);
    match input.byte(0).map(|byte| byte >> 4) {
        Some(4) => Next::Step(Step::Ipv4, input),
        Some(6) => Next::Step(Step::Ipv6, input),
        _ => layer.fail(DecodeEvent::IpRawInvalidVersion, input),
    }
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ipv4, ipv6, udp};
    use crate::{DecodeEvent, LinkType};

    #[test]
    fn the_version_chooses_the_header() {
        assert_eq!(decoded(&ipv4(17, &udp(1, 2, b"x")), LinkType::Raw).innermost().ip_version, 4);
        assert_eq!(decoded(&ipv6(17, &udp(1, 2, b"x")), LinkType::Raw).innermost().ip_version, 6);
    }

    #[test]
    fn other_versions_and_nothing_at_all_are_invalid() {
        for frame in [&b"\x50"[..], b""] {
            let out = decoded(frame, LinkType::Raw);
            assert!(out.innermost().invalid);
            assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::IpRawInvalidVersion]);
        }
    }
}
