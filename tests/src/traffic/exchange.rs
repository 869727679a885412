//! Conversations without a connection: UDP and echo.

use super::{
    capture::Record,
    clock::Clock,
    icmp, ip, udp,
    wire::{Side, Wire},
};

/// Datagrams between two ports.
#[derive(Clone, Debug)]
pub struct UdpExchange {
    wire: Wire,
    ports: [u16; 2],
    clock: Clock,
    records: Vec<Record>,
}

impl UdpExchange {
    /// An exchange on `wire` that begins at [`super::clock::BEGIN`].
    pub const fn new(wire: Wire, client_port: u16, server_port: u16) -> Self {
        Self { wire, ports: [client_port, server_port], clock: Clock::new(), records: Vec::new() }
    }

    /// Begins at another time.
    #[must_use]
    pub fn starting(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// A datagram from one side; the next comes 8 ms later.
    #[must_use]
    pub fn data(mut self, from: Side, payload: &[u8]) -> Self {
        let [client_port, server_port] = self.ports;
        let (src_port, dst_port) = match from {
            Side::Client => (client_port, server_port),
            Side::Server => (server_port, client_port),
        };
        let [src, dst] = self.wire.ends(from).map(|host| host.ip);
        let datagram = udp::datagram(src, dst, src_port, dst_port, payload);
        let bytes = self.wire.send(from, ip::UDP, &datagram);
        self.records.push(Record { time: self.clock.now(), bytes });
        self.clock.advance_us(8_000);
        self
    }

    /// A datagram from the client.
    #[must_use]
    pub fn client(self, payload: &[u8]) -> Self {
        self.data(Side::Client, payload)
    }

    /// A datagram from the server.
    #[must_use]
    pub fn server(self, payload: &[u8]) -> Self {
        self.data(Side::Server, payload)
    }

    /// What was written.
    pub fn records(self) -> Vec<Record> {
        self.records
    }
}

/// ICMP messages between two hosts.
#[derive(Clone, Debug)]
pub struct Ping {
    wire: Wire,
    clock: Clock,
    sequence: u16,
    records: Vec<Record>,
}

impl Ping {
    /// Messages on `wire`, from [`super::clock::BEGIN`] on.
    pub const fn new(wire: Wire) -> Self {
        Self { wire, clock: Clock::new(), sequence: 0, records: Vec::new() }
    }

    /// Begins at another time.
    #[must_use]
    pub fn starting(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// An echo request and its reply, 20 ms apart; the next comes a second later.
    #[must_use]
    pub fn echo(mut self, payload: &[u8]) -> Self {
        self.sequence += 1;
        let rest = icmp::echo(0x5155, self.sequence);
        let [request, reply] =
            if self.wire.ends(Side::Client).map(|host| host.ip)[0].is_ipv4() { [8, 0] } else { [128, 129] };
        self = self.message(Side::Client, request, 0, rest, payload);
        self.clock.advance_us(20_000);
        self = self.message(Side::Server, reply, 0, rest, payload);
        self.clock.advance_us(980_000);
        self
    }

    /// Any message.
    #[must_use]
    pub fn message(mut self, from: Side, kind: u8, code: u8, rest: [u8; 4], payload: &[u8]) -> Self {
        let [src, dst] = self.wire.ends(from).map(|host| host.ip);
        let message = icmp::message(src, dst, kind, code, rest, payload);
        let bytes = self.wire.send(from, icmp::protocol(src), &message);
        self.records.push(Record { time: self.clock.now(), bytes });
        self
    }

    /// What was written.
    pub fn records(self) -> Vec<Record> {
        self.records
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_packet::{DecodeConfig, Decoded, LinkType, checksum, decode};

    #[test]
    fn datagrams_and_echoes_of_both_versions_sum_right() {
        for (client, server) in [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")] {
            let wire = Wire::of(client, server);
            let mut records = UdpExchange::new(wire.clone(), 5_000, 53).client(b"odd").server(b"even").records();
            records.extend(Ping::new(wire).echo(b"abc").records());
            for record in records {
                let mut out = Decoded::new();
                decode(&record.bytes, LinkType::Ethernet, &DecodeConfig::DEFAULT, &mut out);
                assert_eq!(checksum::transport(&record.bytes, out.innermost()), checksum::Checksum::Valid);
                assert!(out.innermost().events.is_empty());
            }
        }
    }
}
