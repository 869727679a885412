//! The walk over one frame: which decoder reads next, and when to stop.
//!
//! [`decode`] is called by `worker::pipeline` once per frame. The walk is a loop, not a recursion, and has two budgets:
//! [`MAX_LAYERS`] tunnels and `DecodeConfig::max_layers` headers, so that no frame costs more than it has bytes.

use crate::config::DecodeConfig;
use crate::event::DecodeEvent;
use crate::headers::{Decoded, Headers, MAX_LAYERS, PacketSource};
use crate::input::{Input, Next, Step};
use crate::link::{self, LinkType};
use crate::network;
use crate::tunnel;

/// Decodes one frame. Offsets in [`Headers`] count from the start of `frame`.
///
/// `out` is written anew: layers of an earlier frame are gone, and what is past the new count is not looked at. A frame
/// with more tunnels than [`MAX_LAYERS`] keeps the outermost ones, and the last of them carries `too_many_layers`
/// without being invalid. A frame with more headers than `config.max_layers` ends in an invalid layer with that event.
/// Bytes past 4 GiB are not looked at.
///
/// # Cost
/// One pass over the headers; options, extension headers and SCTP chunks are walked once. Never allocates, never panics.
pub fn decode(frame: &[u8], link: LinkType, config: &DecodeConfig, out: &mut Decoded) {
    let mut budget = config.max_layers;
    let (mut source, mut step, mut input) = (PacketSource::Wire, link.first_step(), Input::new(frame));
    out.count = 0;
    for layer in &mut out.layers {
        *layer = Headers { source, frame_start: input.start, ..Headers::EMPTY };
        out.count = out.count.wrapping_add(1);
        match walk(layer, step, input, config, &mut budget) {
            Some(tunnel) => (source, step, input) = tunnel,
            None => return,
        }
    }
    debug_assert_eq!(usize::from(out.count), MAX_LAYERS);
    if let Some(last) = out.layers.last_mut() {
        last.events.insert(DecodeEvent::TooManyLayers);
    }
}

/// Decodes one layer; answers where the next begins, if there is one.
#[inline]
fn walk<'f>(
    layer: &mut Headers,
    mut step: Step,
    mut input: Input<'f>,
    config: &DecodeConfig,
    budget: &mut u8,
) -> Option<(PacketSource, Step, Input<'f>)> {
    loop {
        let Some(left) = budget.checked_sub(1) else {
            layer.fail(DecodeEvent::TooManyLayers, input);
            return None;
        };
        *budget = left;
        let next = match step {
            Step::Ethernet => link::ethernet::decode(layer, input),
            Step::Ipv4 => network::ipv4::decode(layer, input, config),
            Step::Ipv6 => network::ipv6::decode(layer, input, config),
            _ => rare(layer, step, input, config),
        };
        match next {
            Next::Done => return None,
            Next::Step(onward, rest) => (step, input) = (onward, rest),
            Next::Tunnel(source, onward, rest) => return Some((source, onward, rest)),
        }
    }
}

/// The decoders that are not in most frames.
#[inline(never)]
fn rare<'f>(layer: &mut Headers, step: Step, input: Input<'f>, config: &DecodeConfig) -> Next<'f> {
    match step {
        Step::Ethernet => link::ethernet::decode(layer, input),
        Step::Ipv4 => network::ipv4::decode(layer, input, config),
        Step::Ipv6 => network::ipv6::decode(layer, input, config),
        Step::RawIp => network::raw::decode(layer, input),
        Step::Vlan => link::vlan::decode(layer, input),
        Step::Arp => link::arp::decode(layer, input),
        Step::Mpls => link::mpls::decode(layer, input),
        Step::PppoeSession => link::pppoe::decode_session(layer, input),
        Step::PppoeDiscovery => link::pppoe::decode_discovery(layer, input),
        Step::Ppp => link::ppp::decode(layer, input),
        Step::Chdlc => link::chdlc::decode(layer, input),
        Step::Null => link::null::decode(layer, input),
        Step::Cooked => link::cooked::decode(layer, input),
        Step::Cooked2 => link::cooked::decode2(layer, input),
        Step::BackboneBridge => link::ieee8021ah::decode(layer, input),
        Step::VnTag => link::vntag::decode(layer, input),
        Step::ETag => link::etag::decode(layer, input),
        Step::Dce => link::dce::decode(layer, input),
        Step::Nsh => link::nsh::decode(layer, input),
        Step::Erspan => tunnel::erspan::decode(layer, input),
    }
}

impl Headers {
    /// Ends the layer with an error: `rest`, which was not understood, becomes the payload.
    #[cold]
    pub(crate) fn fail<'f>(&mut self, event: DecodeEvent, rest: Input<'f>) -> Next<'f> {
        self.events.insert(event);
        self.invalid = true;
        self.rest_is_payload(rest)
    }

    /// Ends the layer without an error: what is left becomes the payload.
    #[inline]
    pub(crate) fn rest_is_payload<'f>(&mut self, rest: Input<'f>) -> Next<'f> {
        self.payload_offset = rest.start;
        self.payload_len = rest.len() as u32;
        Next::Done
    }
}
