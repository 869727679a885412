//! Cases of application protocols: what their rules find, what they leave alone, and hostile messages.
//!
//! Messages are made here by hand, not by the engine's parsers.

use super::case::{Case, Expect, Run};
use crate::traffic::{Record, Side, TcpSession, UdpExchange, Wire};

const CLIENT: &str = "10.1.0.10";
const SERVER: &str = "10.2.0.20";
const CLIENT6: &str = "2001:db8:1::10";
const SERVER6: &str = "2001:db8:2::20";

const ENIP: &str = "detection.applications.enip.enabled=true";
const MODBUS: &str = "detection.applications.modbus.enabled=true";
const DNP3: &str = "detection.applications.dnp3.enabled=true";

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![enip(), modbus(), dnp3(), hostile(), off(), remarks()]
}

fn remarks() -> Case {
    let rules = r#"
alert http any any -> any any (msg:"who"; http.user_agent; pcre:"/^([a-z]+)\/([0-9]+)/,alert:agent,flow:major"; sid:1; rev:1;)
alert http any any -> any any (msg:"named"; http.user_agent; pcre:"/^(?P<pkt_first>[a-z])/"; flowbits:set,traffic/id/tool; flowbits:set,seen; sid:2; rev:1;)
alert http any any -> any any (msg:"kept"; flow:to_server; http.uri; content:"/second"; flowint:count,+,1; sid:3; rev:1;)
alert http any any -> any any (msg:"even"; http.host; entropy:value >= 1; sid:4; rev:1;)
"#;
    let request = |uri: &str, agent: &str, host: &str| {
        format!("GET {uri} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n\r\n").into_bytes()
    };
    let two = |session: TcpSession| {
        let answer: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let first = session.client(&request("/first", "tool/12", "ab")).server(answer);
        first.client(&request("/second", "17", "aa")).server(answer).close(Side::Client).records()
    };
    let quiet = session(80).client(&request("/third", "17", "aa")).close(Side::Client).records();
    let told = |name: &'static str, records: Vec<Record>| {
        Run::of(name, records)
            .and(Expect::alert(1).with("alert.context.agent", "tool").with("metadata.flowvars[0].major", "12"))
            .and(Expect::alert(2).with("metadata.pktvars[0].first", "t").with("traffic.id[0]", "tool"))
            .and(Expect::alert(2).with("metadata.flowbits[0]", "seen"))
            .and(Expect::alert(3).with("metadata.flowvars[0].major", "12").with("metadata.flowints.count", 1))
            .and(Expect::alert(4).with("metadata.entropy.http_host", 1))
    };
    Case::engine(
        "app-metadata",
        "Alerts tell marks of their flow, what expressions captured and the entropy of buffers.",
        rules,
        vec![told("hit", two(session(80))), told("hit-ipv6", two(session6(80))), Run::silent("quiet", quiet)],
    )
}

fn session(server_port: u16) -> TcpSession {
    TcpSession::new(Wire::of(CLIENT, SERVER), 42_000, server_port).handshake()
}

fn session6(server_port: u16) -> TcpSession {
    TcpSession::new(Wire::of(CLIENT6, SERVER6), 42_000, server_port).handshake()
}

/// An encapsulated message of EtherNet/IP.
fn encapsulated(command: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(command.to_le_bytes());
    bytes.extend((data.len() as u16).to_le_bytes());
    bytes.extend(0x0102_0304_u32.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(*b"contexts");
    bytes.extend([0; 4]);
    bytes.extend(data);
    bytes
}

/// `send_rr_data` with a CIP message.
fn unconnected(cip: &[u8]) -> Vec<u8> {
    let mut data = vec![0, 0, 0, 0, 10, 0, 2, 0, 0, 0, 0, 0, 0xb2, 0];
    data.extend((cip.len() as u16).to_le_bytes());
    data.extend(cip);
    encapsulated(0x6f, &data)
}

/// Who a device says it is.
fn identity(name: &[u8]) -> Vec<u8> {
    let mut item = vec![1, 0];
    item.extend([0; 16]);
    item.extend([1, 0, 12, 0, 58, 0, 4, 3, 0x30, 0, 1, 2, 3, 4, name.len() as u8]);
    item.extend(name);
    item.push(3);
    let mut data = vec![1, 0, 0x0c, 0];
    data.extend((item.len() as u16).to_le_bytes());
    data.extend(item);
    encapsulated(0x63, &data)
}

/// The service `reset` of the object that is the device itself.
const RESET: &[u8] = &[0x05, 2, 0x20, 1, 0x24, 1];
/// Reads an attribute of it.
const GET: &[u8] = &[0x0e, 3, 0x20, 1, 0x24, 1, 0x30, 7];

fn enip() -> Case {
    let rules = r#"
alert enip any any -> any any (msg:"asks who is there"; flow:to_server; enip_command:list_identity; sid:1; rev:1;)
alert enip any any -> any any (msg:"a bridge"; enip.product_name; content:"ENBT"; sid:2; rev:1;)
drop enip any any -> any any (msg:"reset of a device"; cip_service:5,1; sid:3; rev:1;)
alert enip any any -> any any (msg:"attribute seven"; enip.cip_class:1; enip.cip_attribute:7; sid:4; rev:1;)
alert enip any any -> any any (msg:"refused"; enip.cip_status:!0; sid:5; rev:1;)
"#;
    // Within a multiple service packet, and on another port.
    let mut packed = vec![0x0a, 2, 0x20, 2, 0x24, 1, 2, 0, 6, 0, 14, 0];
    packed.extend(GET);
    packed.extend(RESET);
    let asked = |session: TcpSession, cip: &[u8], answer: &[u8]| {
        session.client(&unconnected(cip)).server(&unconnected(answer)).close(Side::Client).records()
    };
    let who = |exchange: UdpExchange, name: &[u8]| {
        exchange.client(&encapsulated(0x63, &[])).server(&identity(name)).records()
    };
    let udp = || UdpExchange::new(Wire::of(CLIENT, SERVER), 5_000, 44_818);
    let response = "enip.response.identity.product_name";
    let reset = Expect::alert(3).with("enip.request.cip.class_name", "Identity").with("app_proto", "enip");
    Case::engine(
        "app-enip",
        "EtherNet/IP is read over TCP, UDP and IPv6, also within a multiple service packet; inline a dropped service stops its connection.",
        rules,
        vec![
            Run::of("identity", who(udp(), b"1756-ENBT/A"))
                .set(ENIP)
                .and(Expect::alert(1))
                .and(Expect::alert(2).with("direction", "to_client").with(response, "1756-ENBT/A"))
                .and(Expect::event("enip").with("enip.request.command", "list_identity"))
                .and(Expect::event("flow").with("app_proto", "enip"))
                .at_most(2),
            Run::of("reset", asked(session(44_818), RESET, &[0x85, 0, 0, 0])).set(ENIP).and(reset.clone()).at_most(1),
            Run::over("reset", None)
                .set(ENIP)
                .inline(true)
                .and(reset)
                .and(Expect::event("drop").with("drop.reason", "rules").with("alert.signature_id", 3))
                .at_most(1),
            Run::of("packed", asked(session6(50_000), &packed, &[0x8a, 0, 8, 0]))
                .set(ENIP)
                .and(Expect::alert(3).with("enip.request.cip.multiple[1].service", "Reset").with("ip_v", 6))
                .and(Expect::alert(4))
                .and(Expect::alert(5).with("enip.response.cip.status", 8))
                .at_most(3),
            Run::silent("quiet", asked(session(44_818), &[0x0e, 3, 0x20, 4, 0x24, 1, 0x30, 3], &[0x8e, 0, 0, 0]))
                .set(ENIP),
            Run::of("quiet-identity", who(udp(), b"other")).set(ENIP).and(Expect::alert(1)).at_most(1),
        ],
    )
}

/// A message of Modbus to unit 10.
fn mbap(transaction: u16, pdu: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(transaction.to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend((pdu.len() as u16 + 1).to_be_bytes());
    bytes.push(10);
    bytes.extend(pdu);
    bytes
}

fn modbus() -> Case {
    let rules = r#"
alert modbus any any -> any any (msg:"reads a coil"; modbus:access read coils, address 1; sid:1; rev:1;)
drop modbus any any -> any any (msg:"opens the valve"; modbus:unit 10, access write coils, address 500, value >0; sid:2; rev:1;)
alert modbus any any -> any any (msg:"listen only"; modbus:function 8, subfunction 4; sid:3; rev:1;)
alert modbus any any -> any any (msg:"unasked"; app-layer-event:modbus.unsolicited_response; sid:4; rev:1;)
"#;
    let valve = mbap(2, &[5, 1, 0xf3, 0xff, 0]);
    let written = session(502).client(&valve).server(&valve).close(Side::Client).records();
    let shut = mbap(2, &[5, 1, 0xf3, 0, 0]);
    let mut two = mbap(1, &[1, 0, 0, 0, 1]);
    two.extend(mbap(2, &[8, 0, 4, 0, 0]));
    let read = session6(502).client(&two).server(&mbap(1, &[1, 1, 0])).close(Side::Client).records();
    let quiet =
        session(502).client(&shut).server(&shut).client(&mbap(3, &[1, 0, 1, 0, 1])).server(&mbap(3, &[1, 1, 0]));
    let unasked =
        session(502).client(&mbap(1, &[3, 0, 0, 0, 1])).server(&mbap(9, &[3, 2, 0, 0])).close(Side::Client).records();
    let opened =
        Expect::alert(2).with("modbus.request.function_code", "WrSingleCoil").with("modbus.request.write.data", 0xff00);
    Case::engine(
        "app-modbus",
        "Modbus requests are judged by unit, table, address and value; several in one segment are all seen; passive an alert has the response too.",
        rules,
        vec![
            Run::of("valve", written)
                .set(MODBUS)
                .and(opened.clone().with("modbus.response.category", "PUBLIC_ASSIGNED"))
                .and(Expect::event("modbus").with("modbus.id", 1))
                .at_most(1),
            Run::over("valve", None).set(MODBUS).inline(true).and(opened.exists("modbus.response", false)).at_most(1),
            Run::of("read", read)
                .set(MODBUS)
                .and(Expect::alert(1).with("modbus.request.access_type", "READ | COILS").with("tx_id", 0))
                .and(Expect::alert(3).with("tx_id", 1).exists("modbus.response", false))
                .at_most(2),
            Run::alerts("unasked", unasked, 4, 1).set(MODBUS),
            Run::silent("quiet", quiet.close(Side::Client).records()).set(MODBUS),
        ],
    )
}

/// The checksum of DNP3, a bit at a time.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let mut sum = 0_u16;
    for byte in bytes {
        sum ^= u16::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 0 { sum >> 1 } else { (sum >> 1) ^ 0xa6bc };
        }
    }
    (!sum).to_le_bytes()
}

/// A link frame of DNP3; `transport`: 0x40 first, 0x80 last, and its number.
fn link(control: u8, transport: u8, data: &[u8]) -> Vec<u8> {
    let mut user = vec![transport];
    user.extend(data);
    let mut bytes = vec![5, 0x64, user.len() as u8 + 5, control, 10, 0, 1, 0];
    bytes.extend(checksum(&bytes));
    for block in user.chunks(16) {
        bytes.extend(block);
        bytes.extend(checksum(block));
    }
    bytes
}

fn dnp3() -> Case {
    let rules = r#"
alert dnp3 any any -> any any (msg:"cold restart"; dnp3_func:cold_restart; sid:1; rev:1;)
alert dnp3 any any -> any any (msg:"has restarted"; dnp3_ind:device_restart; sid:2; rev:1;)
alert dnp3 any any -> any any (msg:"control block"; dnp3_obj:12,1; sid:3; rev:1;)
alert dnp3 any any -> any any (msg:"over two frames"; dnp3_data; content:"the-marker"; sid:4; rev:1;)
alert dnp3 any any -> any any (msg:"damaged"; app-layer-event:dnp3.bad_transport_crc; sid:5; rev:1;)
"#;
    let restart = link(0xc4, 0xc0, &[0xc0, 13]);
    let answer = link(0x44, 0xc0, &[0xc0, 0x81, 0x80, 0]);
    let restarted = session(20_000).client(&restart).server(&answer).close(Side::Client).records();
    let mut select = vec![0xc1, 3, 12, 1, 0x28, 1, 0, 3, 0];
    select.extend([0; 11]);
    // A string of fourteen bytes, cut in its middle.
    let mut text = vec![0xc2, 2, 110, 14, 0, 0, 0];
    text.extend(b"..the-marker..");
    let [first, second] = [&text[..12], &text[12..]];
    let split = session6(20_000).client(&link(0xc4, 0x40, first)).client(&link(0xc4, 0x81, second)).close(Side::Client);
    let lost = session(20_000).client(&link(0xc4, 0x40, first)).client(&link(0xc4, 0x82, second)).close(Side::Client);
    let mut damaged = restart.clone();
    damaged[11] ^= 1;
    let udp = UdpExchange::new(Wire::of(CLIENT, SERVER), 20_000, 20_000).client(&link(0xc4, 0xc0, &select));
    Case::engine(
        "app-dnp3",
        "DNP3 is judged by function, indications and objects, and by fragments put together from their frames, checksums checked and taken out.",
        rules,
        vec![
            Run::of("restart", restarted)
                .set(DNP3)
                .and(Expect::alert(1).with("dnp3.application.function_code", 13))
                .and(Expect::alert(2).with("dnp3.iin.indicators[0]", "device_restart"))
                .and(Expect::event("dnp3").with("dnp3.type", "request"))
                .and(Expect::event("dnp3").with("dnp3.type", "response"))
                .at_most(2),
            Run::of("select", udp.records())
                .set(DNP3)
                .and(Expect::alert(3).with("dnp3.application.objects[0].count", 1))
                .at_most(1),
            Run::alerts("split", split.records(), 4, 1).set(DNP3),
            Run::silent("quiet-lost", lost.records()).set(DNP3),
            Run::alerts(
                "damaged",
                session(20_000).client(&link(0xc4, 0xc0, &[0xc0, 0])).client(&damaged).records(),
                5,
                1,
            )
            .set(DNP3),
            Run::silent(
                "quiet",
                session(20_000).client(&link(0xc4, 0xc0, &[0xc0, 1, 60, 2, 6])).close(Side::Client).records(),
            )
            .set(DNP3),
        ],
    )
}

/// Messages whose lengths lie, and messages cut at every byte.
fn hostile() -> Case {
    let rules = r#"
alert enip any any -> any any (msg:"not a message"; app-layer-event:enip.invalid_pdu; sid:1; rev:1;)
alert modbus any any -> any any (msg:"length"; app-layer-event:modbus.invalid_length; sid:2; rev:1;)
alert enip any any -> any any (msg:"reset of a device"; cip_service:5; sid:3; rev:1;)
alert modbus any any -> any any (msg:"protocol"; app-layer-event:modbus.invalid_protocol_id; sid:4; rev:1;)
"#;
    let register = encapsulated(0x65, &[1, 0, 0, 0]);
    let mut items = unconnected(RESET);
    items[24 + 6] = 0xff;
    let unknown = encapsulated(0x7777, &[0; 8]);
    let lies =
        session(44_818).client(&register).server(&register).client(&items).client(&unknown).client(&unconnected(RESET));
    let whole = mbap(1, &[16, 0, 0, 0, 1, 2, 0, 9]);
    let begun = || session(502).client(&mbap(1, &[3, 0, 0, 0, 1])).server(&mbap(1, &[3, 2, 0, 0]));
    let mut counted = whole.clone();
    counted[12] = 200;
    let mut none = whole.clone();
    none[5] = 0;
    let mut protocol = whole.clone();
    protocol[3] = 9;
    let lengths = begun().client(&counted).client(&none).client(&protocol).close(Side::Client).records();
    // Each cut in a connection of its own, so that nothing is made up from the rest of another.
    let cuts: Vec<Record> = (1..whole.len())
        .flat_map(|cut| {
            let wire = Wire::of(CLIENT, SERVER);
            TcpSession::new(wire, 43_000 + cut as u16, 502)
                .handshake()
                .client(&whole[..cut])
                .close(Side::Client)
                .records()
        })
        .collect();
    Case::engine(
        "app-hostile",
        "Lengths that lie are events and hide nothing of what comes next; messages cut at any byte do no harm.",
        rules,
        vec![
            // Items that lie: an event, and the service in them is seen. A command that does not exist: an event. Then an honest message.
            Run::of("items", lies.close(Side::Client).records())
                .set(ENIP)
                .and(Expect::alert(1).times(2))
                .and(Expect::alert(3).times(2))
                .at_most(4),
            Run::of("lengths", lengths).set(MODBUS).and(Expect::alert(2).times(2)).and(Expect::alert(4)).at_most(3),
            Run::silent("cuts", cuts).set(MODBUS),
        ],
    )
}

/// Parsers are off unless switched on.
fn off() -> Case {
    let rules = r#"
alert modbus any any -> any any (msg:"reads a coil"; modbus:access read coils; sid:1; rev:1;)
alert tcp any any -> any 502 (msg:"speaks Modbus"; flow:to_server; app-layer-protocol:modbus; content:"|00 00 00 06|"; offset:2; depth:4; sid:2; rev:1;)
"#;
    let read =
        session(502).client(&mbap(1, &[1, 0, 0, 0, 1])).server(&mbap(1, &[1, 1, 0])).close(Side::Client).records();
    let web = session(502).client(b"GET / HTTP/1.1\r\n\r\n").server(&mbap(1, &[1, 1, 0])).close(Side::Client).records();
    Case::engine(
        "app-off",
        "A parser that is off finds nothing; one that only recognises its protocol tells flows apart and reads no message.",
        rules,
        vec![
            Run::silent("quiet", read).and(Expect::event("flow").with("app_proto", "failed")),
            Run::over("quiet", None)
                .set("detection.applications.modbus.enabled=detection-only")
                .and(Expect::alert(2))
                .and(Expect::event("flow").with("app_proto", "modbus"))
                .at_most(1),
            Run::over("quiet", None).set(MODBUS).and(Expect::alert(1)).and(Expect::alert(2)).at_most(2),
            Run::silent("web", web).set(MODBUS),
        ],
    )
}
