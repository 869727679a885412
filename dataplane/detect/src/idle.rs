//! Packets that bring nothing, and that no rule asks anything of: most acknowledgements, most fragments.
//!
//! Asked by `sluice-worker` before [`crate::inspect`], which need not see them. What is let by here has no finding: a property test compares with judging every rule. Never allocates.

use crate::{
    group::has_events,
    inspect::{Inspector, PacketView, class_of},
    ruleset::{Class, Ruleset},
};
use sluice_core::Direction;
use sluice_flow::FlowView;
use sluice_packet::Headers;

/// Version of the addresses, both of them, and the class of their packets.
pub(crate) type Ends = (u8, [u8; 16], [u8; 16], Class);

/// The ends of a packet with these headers.
#[inline]
pub(crate) fn ends_of(headers: &Headers) -> Ends {
    (headers.ip_version, headers.src, headers.dst, class_of(headers))
}

impl Inspector {
    /// Whether no rule asks for anything of a packet that has neither bytes nor a flow: it need not be judged. `odd` says that there are events of it.
    pub fn passes_by(&mut self, ruleset: &Ruleset, headers: &Headers, odd: bool) -> bool {
        if headers.payload_len > 0 || ruleset.tags_hosts() {
            return false;
        }
        let Some(group) = ruleset.group(class_of(headers), Direction::default()) else { return true };
        let ends = ends_of(headers);
        if self.unlisted != Some(ends) {
            let rules = group.once(headers.ip_version, &headers.src, &headers.dst);
            self.unlisted = Some(ends).filter(|_| rules.iter().all(|rules| rules.is_empty()));
        }
        self.unlisted.is_some() && !group.asks_of_headers(headers, odd)
    }

    /// The same for a packet without bytes in `flow`, of which nothing became known and nothing of the stream is to be judged.
    pub fn passes_by_in_flow(ruleset: &Ruleset, packet: &PacketView, flow: &FlowView) -> bool {
        let direction = packet.direction.unwrap_or_default();
        packet.headers.payload_len == 0
            && packet.app_news.is_empty()
            && !ruleset.tags_hosts()
            && !flow.is_marked()
            && flow.addresses_judged.get(direction.index()) == Some(&ruleset.generation)
            && ruleset
                .group(class_of(packet.headers), direction)
                .is_none_or(|group| !group.asks_of_headers(packet.headers, has_events(packet)))
    }
}
