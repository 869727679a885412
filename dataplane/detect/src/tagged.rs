//! Packets that an earlier alert has tagged.
//!
//! Asked by `sluice-worker` for each packet that is judged, before its rules: a tag that the packet itself leaves is for those behind it. Never allocates.

use crate::{
    check::Owner,
    inspect::PacketView,
    ruleset::Ruleset,
    state::{State, Subject},
};
use sluice_flow::FlowView;

/// Whether an earlier alert has tagged `packet`. Uses up its part of the tags.
///
/// # Cost
/// Nothing for a flow without marks; two looks at the shared state when a rule tags hosts.
#[inline]
pub fn is_tagged(ruleset: &Ruleset, packet: &PacketView, flow: Option<&mut FlowView>, state: &mut State) -> bool {
    let may_be = ruleset.tags_hosts() || flow.as_deref().is_some_and(FlowView::is_marked);
    may_be && take_tag(ruleset, packet, flow, state)
}

#[cold]
fn take_tag(ruleset: &Ruleset, packet: &PacketView, flow: Option<&mut FlowView>, state: &mut State) -> bool {
    let headers = packet.headers;
    let length = packet.frame.len().saturating_sub(headers.frame_start as usize);
    let mut tagged = flow.is_some_and(|flow| flow.take_tag(length, packet.now));
    if ruleset.tags_hosts() && headers.is_ip() {
        for owner in [Owner::Source, Owner::Destination] {
            let host = Subject::of(owner, headers.ip_version, &headers.src, &headers.dst);
            tagged |= state.take_host_tag(host, length, packet.now);
        }
    }
    tagged
}
