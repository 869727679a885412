//! Tunnels: what a layer carries when that is another packet. One protocol a file.
//!
//! Called by `udp` and by the transports. Opening a tunnel leaves the outer layer complete: its payload still begins at
//! the tunnel's own header, so rules for the outer packet see what was sent. A payload that only looks like a tunnel is
//! left alone.

pub(crate) mod erspan;
pub(crate) mod geneve;
pub(crate) mod gre;
pub(crate) mod gtp_u;
pub(crate) mod teredo;
pub(crate) mod vxlan;

use crate::config::DecodeConfig;
use crate::headers::Headers;
use crate::input::{Input, Next};

/// Whether one of the ports is that of a tunnel.
#[inline(always)]
pub(crate) fn may_be_over_udp(layer: &Headers, config: &DecodeConfig) -> bool {
    let port = layer.dst_port;
    config.vxlan_ports.contains(port)
        | config.geneve_ports.contains(port)
        | config.gtp_u_ports.contains(port)
        | config.teredo.wants(layer.src_port, port)
}

/// The tunnel that a UDP payload holds, by port, if any.
#[cold]
#[inline(never)]
pub(crate) fn over_udp<'f>(layer: &mut Headers, bytes: &'f [u8], start: u32, config: &DecodeConfig) -> Next<'f> {
    let payload = Input { bytes, start };
    let port = layer.dst_port;
    if config.vxlan_ports.contains(port) {
        vxlan::decode(layer, payload)
    } else if config.geneve_ports.contains(port) {
        geneve::decode(layer, payload)
    } else if config.gtp_u_ports.contains(port) {
        gtp_u::decode(layer, payload)
    } else if config.teredo.wants(layer.src_port, port) {
        teredo::decode(layer, payload)
    } else {
        Next::Done
    }
}
