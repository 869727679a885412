//! What the two ends agreed on and advertise: windows, scales, timestamps. One cache line per connection, beside the flow.
//!
//! Touched by packets of open connections; a handshake keeps nothing here. Written by the state machine of this folder alone.
//!
//! Sources: RFC 9293 section 3.8.6, RFC 7323 sections 2 and 5, RFC 5961 section 5.

use super::{
    offer::{LARGEST_SCALE, Offer},
    segment::{after, within},
};
use sluice_core::Direction;

/// Largest window in a SYN or SYN-ACK, and in all of a connection without scaling.
const UNSCALED: u32 = 0xffff;
/// Half the space that comparisons of sequence numbers can tell apart: where the window is not known, what lies within it is taken.
pub(crate) const UNKNOWN_WINDOW: u32 = 1 << 30;

/// What one direction may send and has sent besides sequence numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HalfBounds {
    /// One past the last byte that the receiver allowed so far: the right edge of its window never goes back.
    pub window_end: u32,
    /// The largest window the receiver advertised, bytes.
    pub max_window: u32,
    /// The receiver's window as it advertised last, bytes.
    pub window: u32,
    /// The highest clock this direction sent.
    pub stamp_sent: u32,
    /// The highest clock of this direction that the receiver echoed: what it compares new ones with.
    pub stamp_echoed: u32,
    /// Shift of the windows that this direction advertises.
    pub scale: u8,
    /// Whether `window_end` is known.
    pub window_known: bool,
    /// Whether the receiver itself moved `window_end` to where it is: at first it is the most it can be.
    pub edge_seen: bool,
    /// Whether `stamp_sent` is known.
    pub sent_known: bool,
    /// Whether `stamp_echoed` is known.
    pub echoed_known: bool,
    /// Whether a packet of this direction was seen that counts.
    pub spoke: bool,
}

/// What a packet has to keep to, of what the ends agreed on and advertised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreed {
    /// Whether timestamps are sent, where that is known.
    pub timestamps: Option<bool>,
    /// The least window field that takes nothing back of what was allowed before; none where that is not known.
    pub least_window: Option<u16>,
}

/// What the two ends agreed on and advertise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct TcpBounds {
    pub(crate) halves: [HalfBounds; 2],
    /// Whether both ends send timestamps.
    pub(crate) stamps: bool,
    /// Whether the handshake was signed (TCP-MD5, TCP-AO): `Some` where a handshake was seen.
    pub(crate) signed: Option<bool>,
}

const _: () = assert!(size_of::<TcpBounds>() == 64);

impl TcpBounds {
    /// What follows from the SYN and SYN-ACK that count. An end of which no offer is known may scale as much as there is.
    pub(crate) fn agreed(client: Option<Offer>, server: Option<Offer>, firsts: [u32; 2]) -> Self {
        let scales = |offer: Option<Offer>| offer.map_or(Some(LARGEST_SCALE), |offer| offer.scale);
        let (client_scale, server_scale) = match (scales(client), scales(server)) {
            (Some(client), Some(server)) => (client, server),
            _ => (0, 0),
        };
        let stamped = |offer: Option<Offer>| offer.is_none_or(|offer| offer.stamped);
        let half = |first: u32, scale: u8| HalfBounds {
            // What a SYN advertises is not remembered: it may be the most it can be.
            window_end: first.wrapping_add(UNSCALED),
            max_window: UNSCALED,
            window: UNSCALED,
            scale,
            window_known: true,
            ..HalfBounds::default()
        };
        let [to_server, to_client] = firsts;
        let mut bounds = Self {
            halves: [half(to_server, client_scale), half(to_client, server_scale)],
            stamps: stamped(client) && stamped(server),
            signed: client.map(|offer| offer.signed),
        };
        if let Some(client) = client.filter(|_| bounds.stamps) {
            let [to_server, _] = &mut bounds.halves;
            (to_server.stamp_sent, to_server.sent_known) = (client.stamp, true);
            // The server has it: it took the SYN.
            (to_server.stamp_echoed, to_server.echoed_known) = (client.stamp, true);
        }
        bounds
    }

    /// Of a connection whose handshake was not seen.
    pub(crate) fn unknown() -> Self {
        let half = HalfBounds { scale: LARGEST_SCALE, max_window: UNKNOWN_WINDOW, ..HalfBounds::default() };
        Self { halves: [half, half], stamps: true, signed: None }
    }

    /// What a packet of `direction` with the acknowledgement `ack` has to keep to.
    #[inline]
    pub(crate) fn keeps_to(&self, direction: Direction, ack: u32) -> Agreed {
        let [to_server, to_client] = &self.halves;
        let (own, opposite) = match direction {
            Direction::ToServer => (to_server, to_client),
            Direction::ToClient => (to_client, to_server),
        };
        let room = opposite.window_end.wrapping_sub(ack);
        // Below the edge, not behind it. What scaling can't tell is not taken back.
        let known = opposite.window_known && opposite.edge_seen && room as i32 > 0;
        Agreed {
            timestamps: (!self.stamps).then_some(false),
            least_window: known.then(|| u16::try_from(room >> own.scale).unwrap_or(u16::MAX)),
        }
    }

    /// Those of `direction`, and of the other one, to be read.
    #[inline(always)]
    pub(crate) fn split_ref(&self, direction: Direction) -> (&HalfBounds, &HalfBounds) {
        let [to_server, to_client] = &self.halves;
        match direction {
            Direction::ToServer => (to_server, to_client),
            Direction::ToClient => (to_client, to_server),
        }
    }

    /// Those of `direction`, and of the other one.
    #[inline(always)]
    pub(crate) fn split(&mut self, direction: Direction) -> (&mut HalfBounds, &mut HalfBounds) {
        let [to_server, to_client] = &mut self.halves;
        match direction {
            Direction::ToServer => (to_server, to_client),
            Direction::ToClient => (to_client, to_server),
        }
    }
}

impl HalfBounds {
    /// The receiver acknowledges up to `ack` and allows `window` bytes more.
    #[inline(always)]
    pub fn allow(&mut self, ack: u32, window: u32) {
        let end = ack.wrapping_add(window);
        if !self.window_known || after(end, self.window_end) {
            self.window_end = end;
            self.edge_seen = true;
        }
        self.window_known = true;
        self.window = window;
        self.max_window = self.max_window.max(window);
    }

    /// Whether the receiver throws away a packet with clock `value` because it took a later one (RFC 7323 section 5.3). One tick is let go,
    /// as Linux does.
    #[inline(always)]
    pub fn is_stale(&self, value: u32) -> bool {
        self.echoed_known && self.stamp_echoed != 0 && after(self.stamp_echoed.wrapping_sub(1), value)
    }

    /// The receiver echoed `echo`, which counts only if it was sent.
    #[inline(always)]
    pub fn echoed(&mut self, echo: u32) {
        if self.sent_known && !after(echo, self.stamp_sent) && (!self.echoed_known || after(echo, self.stamp_echoed)) {
            (self.stamp_echoed, self.echoed_known) = (echo, true);
        }
    }

    /// A packet with clock `value` was sent.
    #[inline(always)]
    pub fn sent(&mut self, value: u32) {
        if !self.sent_known || after(value, self.stamp_sent) {
            (self.stamp_sent, self.sent_known) = (value, true);
        }
    }

    /// Whether an acknowledgement of `ack`, where `acked` is the highest one, is as old as the receiver may still send (RFC 5961 section 5.2).
    #[inline(always)]
    pub fn is_recent(&self, ack: u32, acked: u32) -> bool {
        within(ack, acked.wrapping_sub(self.max_window), acked)
    }
}

#[cfg(test)]
mod tests {
    use super::{Direction, HalfBounds, Offer, TcpBounds};

    #[test]
    fn a_window_is_taken_back_only_behind_an_edge_that_was_announced() {
        let mut bounds = TcpBounds::agreed(None, None, [1, 1]);
        let least = |bounds: &TcpBounds, ack| bounds.keeps_to(Direction::ToServer, ack).least_window;
        assert_eq!(least(&bounds, 1), None, "the most it can be");
        let (own, opposite) = bounds.split(Direction::ToServer);
        own.scale = 4;
        opposite.allow(1, 80_000);
        assert_eq!(least(&bounds, 1), Some(5_000));
        assert_eq!(least(&bounds, 9), Some(4_999));
        assert_eq!(least(&bounds, 90_000), None);
        assert_eq!(bounds.keeps_to(Direction::ToClient, 1).least_window, None);
    }

    #[test]
    fn timestamps_are_known_to_be_off_where_one_end_did_not_offer_them() {
        let with = |stamped| Some(Offer { stamped, ..Offer::default() });
        let told =
            |client, server| TcpBounds::agreed(client, server, [1, 1]).keeps_to(Direction::ToServer, 1).timestamps;
        assert_eq!(told(with(true), with(false)), Some(false));
        assert_eq!(told(with(true), with(true)), None);
        assert_eq!(told(with(true), None), None);
        assert_eq!(TcpBounds::unknown().keeps_to(Direction::ToServer, 1).timestamps, None);
    }

    #[test]
    fn windows_scale_only_when_both_ends_say_so() {
        let with = |scale| Some(Offer { scale, ..Offer::default() });
        let scales = |client, server| TcpBounds::agreed(client, server, [1, 1]).halves.map(|half| half.scale);
        assert_eq!(scales(with(Some(7)), with(Some(9))), [7, 9]);
        assert_eq!(scales(with(Some(7)), with(None)), [0, 0]);
        assert_eq!(scales(with(None), with(Some(9))), [0, 0]);
        assert_eq!(scales(None, with(Some(9))), [14, 9]);
        assert_eq!(scales(None, with(None)), [0, 0]);
    }

    #[test]
    fn the_right_edge_of_a_window_never_goes_back() {
        let mut half = HalfBounds::default();
        half.allow(u32::MAX - 9, 100);
        assert_eq!(half.window_end, 90);
        half.allow(50, 10);
        assert_eq!((half.window_end, half.window, half.max_window), (90, 10, 100));
    }

    #[test]
    fn a_clock_is_stale_only_behind_one_that_was_sent_and_echoed() {
        let mut half = HalfBounds::default();
        assert!(!half.is_stale(5));
        half.echoed(1_000);
        assert!(!half.is_stale(5), "never sent");
        half.sent(100);
        half.echoed(1_000);
        assert!(!half.is_stale(5), "sent later than that");
        half.echoed(100);
        assert!(half.is_stale(5) && half.is_stale(98) && !half.is_stale(99) && !half.is_stale(100));
        half.sent(200);
        assert!(!half.is_stale(99), "not echoed yet");
    }
}
