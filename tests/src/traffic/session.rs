//! TCP connections.

use super::{
    capture::Record,
    clock::Clock,
    ip,
    tcp::{self, Tcp},
    wire::{Side, Wire},
};

/// A connection that is being written: each method appends packets.
///
/// Data is split at the largest segment size; the receiver acknowledges every second segment and the last. Half a round
/// trip passes when the sender changes.
#[derive(Clone, Debug)]
pub struct TcpSession {
    wire: Wire,
    ports: [u16; 2],
    /// Next sequence number of each side.
    next: [u32; 2],
    mss: usize,
    half_trip_us: u64,
    clock: Clock,
    last: Option<Side>,
    records: Vec<Record>,
}

impl TcpSession {
    /// A connection on `wire` that begins at [`super::clock::BEGIN`], with fixed first sequence numbers.
    pub const fn new(wire: Wire, client_port: u16, server_port: u16) -> Self {
        Self {
            wire,
            ports: [client_port, server_port],
            next: [1_000_000, 3_000_000_000],
            mss: 1_460,
            half_trip_us: 6_000,
            clock: Clock::new(),
            last: None,
            records: Vec::new(),
        }
    }

    /// Begins at another time.
    #[must_use]
    pub fn starting(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Initial sequence numbers of client and server.
    #[must_use]
    pub fn isns(self, client: u32, server: u32) -> Self {
        Self { next: [client, server], ..self }
    }

    /// Bytes of data in one segment at most; at least one.
    #[must_use]
    pub fn mss(self, mss: usize) -> Self {
        Self { mss: mss.max(1), ..self }
    }

    /// Time a packet takes, in microseconds.
    #[must_use]
    pub fn half_trip_us(self, half_trip_us: u64) -> Self {
        Self { half_trip_us, ..self }
    }

    /// SYN, SYN-ACK, ACK.
    #[must_use]
    pub fn handshake(mut self) -> Self {
        let options = tcp::syn_options(self.mss.min(usize::from(u16::MAX)) as u16);
        self.segment(Side::Client, tcp::SYN, &options, b"");
        self.segment(Side::Server, tcp::SYN | tcp::ACK, &options, b"");
        self.segment(Side::Client, tcp::ACK, b"", b"");
        self
    }

    /// Data from one side, acknowledged by the other.
    #[must_use]
    pub fn data(mut self, from: Side, data: &[u8]) -> Self {
        let pieces = data.len().div_ceil(self.mss);
        for (number, piece) in data.chunks(self.mss).enumerate() {
            let last = number + 1 == pieces;
            self.segment(from, if last { tcp::PSH | tcp::ACK } else { tcp::ACK }, b"", piece);
            if last || number % 2 == 1 {
                self.segment(from.other(), tcp::ACK, b"", b"");
            }
        }
        self
    }

    /// Data from the client.
    #[must_use]
    pub fn client(self, data: &[u8]) -> Self {
        self.data(Side::Client, data)
    }

    /// Data from the server.
    #[must_use]
    pub fn server(self, data: &[u8]) -> Self {
        self.data(Side::Server, data)
    }

    /// One packet as told, outside the usual course; sequence numbers move on by its data.
    #[must_use]
    pub fn raw(mut self, from: Side, flags: u8, data: &[u8]) -> Self {
        self.segment(from, flags, b"", data);
        self
    }

    /// The same, its header changed as told.
    #[must_use]
    pub fn raw_as(mut self, from: Side, flags: u8, data: &[u8], change: impl FnOnce(&mut Tcp)) -> Self {
        self.changed(from, flags, b"", data, change);
        self
    }

    /// A packet that is none of the connection's: numbers go on as if it were not there.
    #[must_use]
    pub fn aside(mut self, from: Side, flags: u8, data: &[u8], change: impl FnOnce(&mut Tcp)) -> Self {
        let next = self.next;
        self.changed(from, flags, b"", data, change);
        self.next = next;
        self
    }

    /// FIN from `first`, FIN from the other, last ACK.
    #[must_use]
    pub fn close(mut self, first: Side) -> Self {
        self.segment(first, tcp::FIN | tcp::ACK, b"", b"");
        self.segment(first.other(), tcp::FIN | tcp::ACK, b"", b"");
        self.segment(first, tcp::ACK, b"", b"");
        self
    }

    /// RST.
    #[must_use]
    pub fn reset(mut self, from: Side) -> Self {
        self.segment(from, tcp::RST | tcp::ACK, b"", b"");
        self
    }

    /// Silence.
    #[must_use]
    pub const fn pause_ms(mut self, millis: u64) -> Self {
        self.clock.advance_us(millis * 1_000);
        self
    }

    /// What was written.
    pub fn records(self) -> Vec<Record> {
        self.records
    }

    fn segment(&mut self, from: Side, flags: u8, options: &[u8], data: &[u8]) {
        self.changed(from, flags, options, data, |_| ());
    }

    fn changed(&mut self, from: Side, flags: u8, options: &[u8], data: &[u8], change: impl FnOnce(&mut Tcp)) {
        match self.last {
            None => {}
            Some(last) if last == from => self.clock.advance_us(40),
            Some(_) => self.clock.advance_us(self.half_trip_us),
        }
        self.last = Some(from);
        let [client_port, server_port] = self.ports;
        let [client_next, server_next] = self.next;
        let ((src_port, dst_port), (seq, ack)) = match from {
            Side::Client => ((client_port, server_port), (client_next, server_next)),
            Side::Server => ((server_port, client_port), (server_next, client_next)),
        };
        let ack = if flags & tcp::ACK != 0 { ack } else { 0 };
        let mut segment = Tcp { seq, ack, options: options.to_vec(), ..Tcp::new(src_port, dst_port, flags) };
        change(&mut segment);
        let [src, dst] = self.wire.ends(from).map(|host| host.ip);
        let bytes = self.wire.send(from, ip::TCP, &segment.bytes(src, dst, data));
        let consumed = data.len() as u32 + u32::from(flags & tcp::SYN != 0) + u32::from(flags & tcp::FIN != 0);
        if let Some(next) = self.next.get_mut(from.index()) {
            *next = next.wrapping_add(consumed);
        }
        self.records.push(Record { time: self.clock.now(), bytes });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_packet::{DecodeConfig, Decoded, LinkType, checksum, decode};

    #[test]
    fn a_session_numbers_its_bytes_without_gaps_even_across_the_wrap() {
        let data = vec![b'x'; 25];
        let session = TcpSession::new(Wire::of("10.0.0.1", "10.0.0.2"), 40_000, 80).isns(u32::MAX - 3, 7).mss(10);
        let records = session.handshake().client(&data).server(b"ok").close(Side::Client).records();
        let mut next = None;
        let (mut bytes, mut last_time) = (0, 0);
        for record in &records {
            let mut out = Decoded::new();
            decode(&record.bytes, LinkType::Ethernet, &DecodeConfig::DEFAULT, &mut out);
            let layer = out.innermost();
            assert!(layer.is_tcp() && !layer.invalid);
            assert_eq!(checksum::transport(&record.bytes, layer), checksum::Checksum::Valid);
            assert!(record.time >= last_time);
            last_time = record.time;
            if layer.src_port == 40_000 {
                assert!(next.is_none_or(|next| next == layer.tcp.seq));
                let ghost = (layer.tcp.flags & tcp::SYN != 0) as u32 + (layer.tcp.flags & tcp::FIN != 0) as u32;
                next = Some(layer.tcp.seq.wrapping_add(layer.payload_len + ghost));
                bytes += layer.payload_len;
            }
        }
        // Handshake 3; three segments and two acknowledgements; answer 2; close 3.
        assert_eq!((bytes, records.len()), (25, 13));
    }
}
