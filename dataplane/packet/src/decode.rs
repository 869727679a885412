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
    let input = Input::new(frame);
    let mut budget = config.max_layers;
    let [first, ..] = &mut out.layers;
    out.count = 1;
    first.reset(PacketSource::Wire, 0);
    // Nearly every frame ends here: Ethernet, perhaps a tag, IP and a transport, in one function without a loop.
    let next = if link == LinkType::Ethernet && budget != 0 {
        budget = budget.wrapping_sub(1);
        link::ethernet::decode(first, input, config)
    } else {
        Next::Step(link.first_step(), input)
    };
    if !matches!(next, Next::Done) {
        go_on(next, config, budget, out);
    }
}

/// What most frames do not need: more link headers, and tunnels. They go on in the last layer.
#[inline(never)]
fn go_on(next: Next<'_>, config: &DecodeConfig, mut budget: u8, out: &mut Decoded) {
    let Some(layer) = out.layers.get_mut(usize::from(out.count).saturating_sub(1)) else { return };
    let tunnel = match next {
        Next::Done => None,
        Next::Step(step, rest) => walk(layer, step, rest, config, &mut budget),
        Next::Tunnel(source, step, rest) => Some((source, step, rest)),
    };
    if let Some(tunnel) = tunnel {
        decode_inner(tunnel, config, budget, out);
    }
}

/// Decodes the layers inside those there.
fn decode_inner(tunnel: (PacketSource, Step, Input<'_>), config: &DecodeConfig, mut budget: u8, out: &mut Decoded) {
    let (mut source, mut step, mut input) = tunnel;
    for layer in out.layers.iter_mut().skip(usize::from(out.count)) {
        layer.reset(source, input.start);
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

/// Decodes the datagram at the end of `frame`, which was put together from fragments: `around` are the headers of the frame of one of them, whose innermost layer
/// the datagram takes the place of.
pub(crate) fn decode_datagram(frame: &[u8], around: &Decoded, config: &DecodeConfig, out: &mut Decoded) {
    out.count = around.count;
    let Some((fragment, outer)) = around.layers().split_last() else { return };
    let Some((layer, outer_layers)) = out.layers.get_mut(..=outer.len()).and_then(<[_]>::split_last_mut) else {
        return;
    };
    // The innermost is made anew.
    outer_layers.copy_from_slice(outer);
    layer.reset(PacketSource::Defrag, fragment.frame_start);
    (layer.ethernet_offset, layer.has_ethernet) = (fragment.ethernet_offset, fragment.has_ethernet);
    (layer.ether_type, layer.vlan, layer.vlan_count) = (fragment.ether_type, fragment.vlan, fragment.vlan_count);
    let Some(input) = Input::new(frame).after(fragment.ip_offset as usize) else { return };
    let next = match (config.max_layers, fragment.ip_version) {
        (0, _) => Next::Step(Step::RawIp, input),
        (_, 4) => network::ipv4::decode(layer, input, config),
        _ => network::ipv6::decode(layer, input, config),
    };
    if !matches!(next, Next::Done) {
        go_on(next, config, config.max_layers.saturating_sub(1), out);
    }
}

/// Decodes one layer from `step` on; answers where the next begins, if there is one.
#[inline(never)]
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
        match step_by(layer, step, input, config) {
            Next::Done => return None,
            Next::Step(onward, rest) => (step, input) = (onward, rest),
            Next::Tunnel(source, onward, rest) => return Some((source, onward, rest)),
        }
    }
}

/// One step of the walk. Ethernet and VLAN go on to IP by themselves, for speed: IP always ends a layer, so what is not
/// counted against the budget there is bounded by [`MAX_LAYERS`].
fn step_by<'f>(layer: &mut Headers, step: Step, input: Input<'f>, config: &DecodeConfig) -> Next<'f> {
    match step {
        Step::Ethernet => link::ethernet::decode(layer, input, config),
        Step::Ipv4 => network::ipv4::decode(layer, input, config),
        Step::Ipv6 => network::ipv6::decode(layer, input, config),
        Step::RawIp => network::raw::decode(layer, input),
        Step::Vlan => link::vlan::decode(layer, input, config),
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
    #[inline(always)]
    pub(crate) fn fail<'f>(&mut self, event: DecodeEvent, rest: Input<'f>) -> Next<'f> {
        // Numbers instead of `rest` keep the good path from storing it.
        self.fail_at(event, rest.start, rest.len() as u32);
        Next::Done
    }

    #[cold]
    #[inline(never)]
    fn fail_at(&mut self, event: DecodeEvent, start: u32, len: u32) {
        self.events.insert(event);
        self.invalid = true;
        self.payload_offset = start;
        self.payload_len = len;
    }

    /// Ends the layer without an error: what is left becomes the payload.
    #[inline(always)]
    pub(crate) fn rest_is_payload<'f>(&mut self, rest: Input<'f>) -> Next<'f> {
        self.payload_offset = rest.start;
        self.payload_len = rest.len() as u32;
        Next::Done
    }
}

#[cfg(test)]
mod tests {
    use crate::DecodeEvent::{self, *};
    use crate::build::{decoded, decoded_with, ethernet, ipv4, ipv6, tcp, udp, vlan};
    use crate::{DecodeConfig, Decoded, LinkType, PacketSource, decode};

    fn nested(times: usize) -> Vec<u8> {
        (0..times).fold(ipv4(17, &udp(1, 2, b"x")), |inner, _| ipv4(4, &inner))
    }

    #[test]
    fn ip_in_ip_of_all_four_kinds_is_a_layer() {
        let (four, six) = (ipv4(6, &tcp(1, 2, 2, b"")), ipv6(6, &tcp(1, 2, 2, b"")));
        for (frame, source, name) in [
            (ipv4(4, &four), PacketSource::Ipv4InIpv4, "ipv4 tunnel"),
            (ipv4(41, &six), PacketSource::Ipv6InIpv4, "ipv4 tunnel"),
            (ipv6(4, &four), PacketSource::Ipv4InIpv6, "ipv6 tunnel"),
            (ipv6(41, &six), PacketSource::Ipv6InIpv6, "ipv6 tunnel"),
        ] {
            let out = decoded(&frame, LinkType::Raw);
            let [outer, inner] = out.layers() else { panic!("{out:?}") };
            assert_eq!((inner.source, inner.source.pkt_src()), (source, name));
            assert!(inner.is_tcp() && inner.events.is_empty() && outer.events.is_empty());
            assert_eq!(outer.payload_offset, inner.frame_start);
        }
    }

    #[test]
    fn what_cannot_be_a_packet_inside_ipv6_is_invalid() {
        let events = |frame: &[u8]| -> Vec<DecodeEvent> {
            let out = decoded(frame, LinkType::Raw);
            assert!(out.outermost().invalid && out.layers().len() == 1);
            out.outermost().events.as_slice().to_vec()
        };
        assert_eq!(events(&ipv6(4, &[0x45; 19])), [Ipv4InIpv6TooSmall]);
        assert_eq!(events(&ipv6(4, &[0x65; 20])), [Ipv4InIpv6WrongVersion]);
        assert_eq!(events(&ipv6(41, &[0x60; 39])), [Ipv6InIpv6TooSmall]);
        assert_eq!(events(&ipv6(41, &[0x40; 40])), [Ipv6InIpv6WrongVersion]);
    }

    #[test]
    fn the_fourth_layer_is_the_last_and_says_so() {
        let out = decoded(&nested(3), LinkType::Raw);
        assert_eq!(out.layers().len(), 4);
        assert!(out.innermost().is_udp() && out.innermost().events.is_empty());
        let out = decoded(&nested(4), LinkType::Raw);
        assert_eq!(out.layers().len(), 4);
        assert_eq!(out.innermost().events.as_slice(), [TooManyLayers]);
        assert!(!out.innermost().invalid);
    }

    #[test]
    fn more_headers_than_the_budget_are_invalid() {
        let mut bytes = ethernet(0x0800, &ipv4(17, &udp(1, 2, b"x")));
        for _ in 0..5 {
            bytes = ethernet(0x8847, &[&[0, 6, 0x41, 64, 0, 0, 0, 0][..], &bytes].concat());
        }
        assert!(decoded(&bytes, LinkType::Ethernet).innermost().is_udp());
        for _ in 0..3 {
            bytes = ethernet(0x8847, &[&[0, 6, 0x41, 64, 0, 0, 0, 0][..], &bytes].concat());
        }
        let out = decoded(&bytes, LinkType::Ethernet);
        assert_eq!(out.innermost().events.as_slice(), [TooManyLayers]);
        assert!(out.innermost().invalid);
    }

    #[test]
    fn a_budget_of_nothing_reads_nothing() {
        let config = DecodeConfig { max_layers: 0, ..DecodeConfig::DEFAULT };
        let out = decoded_with(&ethernet(0x0800, &nested(0)), LinkType::Ethernet, &config);
        assert!(out.innermost().invalid && !out.innermost().is_ip());
    }

    #[test]
    fn nothing_is_left_over_from_the_frame_before() {
        let mut out = Decoded::new();
        let tagged = ethernet(0x8100, &vlan(7, 0x0800, &ipv4(6, &tcp(1, 2, 2, b"x"))));
        decode(&nested(3), LinkType::Raw, &DecodeConfig::DEFAULT, &mut out);
        decode(&tagged, LinkType::Ethernet, &DecodeConfig::DEFAULT, &mut out);
        decode(&ethernet(0x1234, b""), LinkType::Ethernet, &DecodeConfig::DEFAULT, &mut out);
        let fresh = decoded(&ethernet(0x1234, b""), LinkType::Ethernet);
        assert_eq!(format!("{:?}", out.layers()), format!("{:?}", fresh.layers()));
    }
}
