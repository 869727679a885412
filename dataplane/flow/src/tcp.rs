//! The minimal TCP state: enough for `flow:established`, `stream_size` and flow records.
//!
//! Called by `sluice-worker` for each TCP packet. Not here: windows, RST validation, reassembly, overlap policies. Until those exist,
//! a signature sees TCP data packet by packet.
//!
//! Source: RFC 9293 section 3.3.2.

use sluice_core::{Direction, event::TcpState};

/// FIN.
pub const FIN: u8 = 0x01;
/// SYN.
pub const SYN: u8 = 0x02;
/// RST.
pub const RST: u8 = 0x04;
/// PSH.
pub const PSH: u8 = 0x08;
/// ACK.
pub const ACK: u8 = 0x10;
/// URG.
pub const URG: u8 = 0x20;

/// What the tracker needs of one TCP packet.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpSegment {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Flags, the low eight.
    pub flags: u8,
    /// Bytes of payload.
    pub payload_len: u32,
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, Default)]
struct Half {
    /// Sequence number of the SYN, or one before the first byte seen.
    initial: u32,
    /// One past the highest byte seen.
    next: u32,
    /// Whether `initial` is known.
    known: bool,
    /// Whether a FIN was seen.
    finished: bool,
    /// Flags seen.
    flags: u8,
}

/// State of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpTracker {
    state: TcpState,
    /// Whether the handshake was ever complete.
    was_established: bool,
    halves: [Half; 2],
    midstream: bool,
}

/// What a packet did to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpStep {
    /// Nothing worth counting.
    None,
    /// A session began with a SYN.
    Began,
    /// A session was picked up in the middle.
    PickedUp,
}

impl TcpTracker {
    /// Where the connection stands.
    pub fn state(&self) -> TcpState {
        self.state
    }

    /// Whether the handshake is complete.
    ///
    /// A reset does not take it back: resets are not checked against the window, so a forged one, which the other end ignores,
    /// would end the judging of everything behind it.
    pub fn is_established(&self) -> bool {
        self.was_established || matches!(self.state, TcpState::Established | TcpState::FinWait | TcpState::TimeWait)
    }

    /// Whether the connection is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, TcpState::Closed | TcpState::TimeWait)
    }

    /// Flags seen in `direction`.
    pub fn flags(&self, direction: Direction) -> u8 {
        self.half(direction).flags
    }

    /// Bytes sent in `direction` so far, as sequence numbers tell; 0 before the first is known.
    pub fn bytes(&self, direction: Direction) -> u32 {
        let half = self.half(direction);
        if half.known { half.next.wrapping_sub(half.initial).wrapping_sub(1) } else { 0 }
    }

    fn half(&self, direction: Direction) -> &Half {
        let [server, client] = &self.halves;
        match direction {
            Direction::ToServer => server,
            Direction::ToClient => client,
        }
    }

    fn half_mut(&mut self, direction: Direction) -> &mut Half {
        let [server, client] = &mut self.halves;
        match direction {
            Direction::ToServer => server,
            Direction::ToClient => client,
        }
    }

    /// Whether a SYN in `direction` starts a new connection on the same ports.
    pub fn is_reused_by(&self, direction: Direction, segment: &TcpSegment) -> bool {
        segment.flags & (SYN | ACK) == SYN
            && (self.is_closed() || self.state == TcpState::FinWait)
            && (direction == Direction::ToClient || self.half(direction).initial != segment.seq)
    }

    /// Moves the connection on by one packet. `midstream` allows to pick one up without its handshake.
    pub fn update(&mut self, direction: Direction, segment: &TcpSegment, midstream: bool) -> TcpStep {
        let step = self.step(direction, segment, midstream);
        self.was_established = self.is_established();
        step
    }

    fn step(&mut self, direction: Direction, segment: &TcpSegment, midstream: bool) -> TcpStep {
        let flags = segment.flags;
        self.half_mut(direction).flags |= flags;
        let mut step = TcpStep::None;
        match self.state {
            TcpState::None => {
                if flags & (SYN | ACK | RST) == SYN {
                    self.open(direction, segment);
                    self.state = TcpState::SynSent;
                    step = TcpStep::Began;
                } else if midstream && flags & RST == 0 {
                    self.midstream = true;
                    step = TcpStep::PickedUp;
                    if flags & (SYN | ACK) == SYN | ACK {
                        self.open(direction, segment);
                        self.expect(direction.reverse(), segment.ack);
                        self.state = TcpState::SynReceived;
                    } else {
                        self.expect(direction, segment.seq);
                        if flags & ACK != 0 {
                            self.expect(direction.reverse(), segment.ack);
                        }
                        self.state = TcpState::Established;
                        self.advance(direction, segment);
                    }
                }
                return step;
            }
            TcpState::SynSent if flags & RST == 0 => {
                if flags & (SYN | ACK) == SYN | ACK && direction == Direction::ToClient {
                    let client = self.half(Direction::ToServer);
                    // The answer acknowledges the SYN, or the SYN and the data that came with it.
                    if segment.ack.wrapping_sub(client.initial).wrapping_sub(1)
                        <= client.next.wrapping_sub(client.initial)
                    {
                        self.open(direction, segment);
                        self.state = TcpState::SynReceived;
                    }
                } else if flags & (SYN | ACK) == SYN {
                    // A retransmitted SYN, perhaps with another number: the last one counts.
                    self.open(direction, segment);
                }
            }
            TcpState::SynReceived if flags & (SYN | RST) == 0 && flags & ACK != 0 => {
                let other = self.half(direction.reverse());
                if direction == Direction::ToServer
                    && (!other.known || segment.ack.wrapping_sub(other.initial) as i32 >= 1)
                {
                    self.state = TcpState::Established;
                }
            }
            _ => {}
        }
        if flags & RST != 0 {
            self.state = TcpState::Closed;
            return step;
        }
        if flags & SYN == 0 && self.is_established() {
            self.advance(direction, segment);
        }
        if flags & FIN != 0 && self.state != TcpState::Closed && self.state != TcpState::SynSent {
            self.half_mut(direction).finished = true;
            let [server, client] = &self.halves;
            self.state = if server.finished && client.finished { TcpState::TimeWait } else { TcpState::FinWait };
        }
        step
    }

    /// The first byte of `direction` comes after the SYN in `segment` (and after data that came with it).
    fn open(&mut self, direction: Direction, segment: &TcpSegment) {
        let half = self.half_mut(direction);
        half.initial = segment.seq;
        half.next = segment.seq.wrapping_add(1).wrapping_add(segment.payload_len);
        half.known = true;
    }

    /// The next byte of `direction` has number `seq`.
    fn expect(&mut self, direction: Direction, seq: u32) {
        let half = self.half_mut(direction);
        half.initial = seq.wrapping_sub(1);
        half.next = seq;
        half.known = true;
    }

    fn advance(&mut self, direction: Direction, segment: &TcpSegment) {
        let half = self.half_mut(direction);
        let end = segment.seq.wrapping_add(segment.payload_len);
        if half.known && end.wrapping_sub(half.next) as i32 > 0 {
            half.next = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ACK, Direction, FIN, RST, SYN, TcpSegment, TcpState, TcpStep, TcpTracker};

    const TO_SERVER: Direction = Direction::ToServer;
    const TO_CLIENT: Direction = Direction::ToClient;

    fn packet(seq: u32, ack: u32, flags: u8, payload_len: u32) -> TcpSegment {
        TcpSegment { seq, ack, flags, payload_len }
    }

    fn established() -> TcpTracker {
        let mut tcp = TcpTracker::default();
        assert_eq!(tcp.update(TO_SERVER, &packet(100, 0, SYN, 0), false), TcpStep::Began);
        tcp.update(TO_CLIENT, &packet(u32::MAX, 101, SYN | ACK, 0), false);
        tcp.update(TO_SERVER, &packet(101, 0, ACK, 0), false);
        assert!(tcp.is_established());
        tcp
    }

    #[test]
    fn handshake_establishes_and_sizes_count_across_the_wrap() {
        let mut tcp = established();
        tcp.update(TO_CLIENT, &packet(0, 101, ACK, 10), false);
        tcp.update(TO_SERVER, &packet(101, 10, ACK, 5), false);
        assert_eq!((tcp.bytes(TO_SERVER), tcp.bytes(TO_CLIENT)), (5, 10));
        tcp.update(TO_SERVER, &packet(101, 10, ACK, 5), false);
        assert_eq!(tcp.bytes(TO_SERVER), 5, "a retransmission adds nothing");
    }

    #[test]
    fn data_without_a_handshake_is_no_connection_unless_midstream_is_allowed() {
        let mut tcp = TcpTracker::default();
        tcp.update(TO_SERVER, &packet(5, 9, ACK, 100), false);
        assert_eq!(tcp.state(), TcpState::None);
        assert_eq!(tcp.update(TO_SERVER, &packet(5, 9, ACK, 100), true), TcpStep::PickedUp);
        assert!(tcp.is_established());
        assert_eq!(tcp.bytes(TO_SERVER), 100);
    }

    #[test]
    fn a_syn_ack_for_another_syn_does_not_open() {
        let mut tcp = TcpTracker::default();
        tcp.update(TO_SERVER, &packet(100, 0, SYN, 0), false);
        tcp.update(TO_CLIENT, &packet(900, 5_000, SYN | ACK, 0), false);
        assert_eq!(tcp.state(), TcpState::SynSent);
    }

    #[test]
    fn both_ends_must_finish_and_a_reset_ends_at_once() {
        let mut tcp = established();
        tcp.update(TO_SERVER, &packet(101, 0, FIN | ACK, 0), false);
        assert_eq!(tcp.state(), TcpState::FinWait);
        tcp.update(TO_CLIENT, &packet(0, 102, FIN | ACK, 0), false);
        assert_eq!(tcp.state(), TcpState::TimeWait);
        assert!(tcp.is_reused_by(TO_SERVER, &packet(7_000, 0, SYN, 0)));
        let mut tcp = established();
        assert!(!tcp.is_reused_by(TO_SERVER, &packet(7_000, 0, SYN, 0)));
        tcp.update(TO_CLIENT, &packet(0, 101, RST, 0), false);
        assert_eq!(tcp.state(), TcpState::Closed);
        assert!(tcp.is_established(), "data behind a reset, perhaps a forged one, is still judged as the connection's");
        let mut tcp = TcpTracker::default();
        tcp.update(TO_SERVER, &packet(100, 0, SYN, 0), false);
        tcp.update(TO_CLIENT, &packet(0, 101, RST | ACK, 0), false);
        assert_eq!((tcp.state(), tcp.is_established()), (TcpState::Closed, false));
    }
}
