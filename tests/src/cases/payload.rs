//! Bytes of the protocols that the traffic speaks: enough of each for a rule to read.
//!
//! Sources: RFC 9112 (HTTP/1.1), RFC 1035 (DNS), RFC 5246 (TLS 1.2), MS-CIFS (SMB), RFC 3416 (SNMP), RFC 5905 (NTP).

/// The EICAR test file, in two pieces so that no scanner stops at this source.
pub const EICAR: [&str; 2] = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"];
/// A browser's name.
pub const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0";
/// DNS type of an address.
pub const A: u16 = 1;
/// DNS type of a text.
pub const TXT: u16 = 16;
/// DNS type of an IPv6 address.
pub const AAAA: u16 = 28;
/// DNS type of a zone transfer.
pub const AXFR: u16 = 252;

/// An HTTP request; `headers` are whole lines.
pub fn request(line: &str, host: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let mut text = format!("{line} HTTP/1.1\r\nHost: {host}\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    if !body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

/// A GET by a browser.
pub fn get(target: &str, host: &str) -> Vec<u8> {
    request(&format!("GET {target}"), host, &[&format!("User-Agent: {BROWSER}"), "Accept: */*"], "")
}

/// An HTTP response.
pub fn response(status: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nServer: branch\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The beginning of a Windows program: its first header and what it prints under DOS.
pub fn windows_program() -> Vec<u8> {
    let mut program = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff".to_vec();
    program.resize(64, 0);
    program.extend_from_slice(
        b"\x0e\x1f\xba\x0e\x00\xb4\x09\xcd\x21\xb8\x01\x4c\xcd\x21This program cannot be run in DOS mode.\r\n$",
    );
    program.resize(192, 0);
    program.extend_from_slice(b"PE\x00\x00");
    program
}

fn name(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(label.len() as u8);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

/// A DNS query with one question; recursion desired.
pub fn dns_query(id: u16, domain: &str, kind: u16) -> Vec<u8> {
    let head = [1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    [&id.to_be_bytes()[..], &head, &name(domain), &kind.to_be_bytes(), &[0, 1]].concat()
}

/// Its answer with one record, `data`.
pub fn dns_answer(id: u16, domain: &str, kind: u16, data: &[u8]) -> Vec<u8> {
    let head = [0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    let question = [&name(domain)[..], &kind.to_be_bytes(), &[0, 1]].concat();
    let record = [&[0xc0, 12], &kind.to_be_bytes()[..], &[0, 1, 0, 0, 1, 44], &(data.len() as u16).to_be_bytes(), data];
    [&id.to_be_bytes()[..], &head, &question, &record.concat()].concat()
}

/// A DNS message as TCP carries it, after its length.
pub fn dns_over_tcp(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes(), message].concat()
}

/// A TLS record.
pub fn tls_record(kind: u8, version: u16, body: &[u8]) -> Vec<u8> {
    [&[kind], &version.to_be_bytes()[..], &(body.len() as u16).to_be_bytes(), body].concat()
}

/// A TLS ClientHello whose best version is `version`, for the server `host`.
pub fn client_hello(version: u16, host: &str) -> Vec<u8> {
    let random: Vec<u8> = (0..32).map(|place: u8| place.wrapping_mul(37) ^ 0x5a).collect();
    let length = |bytes: usize| (bytes as u16).to_be_bytes();
    let server_name = [&length(host.len() + 3)[..], &[0], &length(host.len()), host.as_bytes()].concat();
    let extensions = [&[0, 0], &length(server_name.len())[..], &server_name].concat();
    let ciphers = [0, 6, 0xc0, 0x2f, 0xc0, 0x30, 0, 0x2f];
    let body =
        [&version.to_be_bytes()[..], &random, &[0], &ciphers, &[1, 0], &length(extensions.len()), &extensions].concat();
    let handshake = [&[1, 0], &length(body.len())[..], &body].concat();
    tls_record(22, 0x0301, &handshake)
}

/// An SMB version 1 negotiation that offers `dialects`.
pub fn smb_negotiate(dialects: &[&str]) -> Vec<u8> {
    let mut offered = Vec::new();
    for dialect in dialects {
        offered.push(2);
        offered.extend_from_slice(dialect.as_bytes());
        offered.push(0);
    }
    let mut message = b"\xffSMB\x72\x00\x00\x00\x00\x18\x53\xc8".to_vec();
    message.resize(32, 0);
    message.push(0);
    message.extend_from_slice(&(offered.len() as u16).to_le_bytes());
    message.extend_from_slice(&offered);
    [&(message.len() as u32).to_be_bytes()[..], &message].concat()
}

/// An SNMP get of the system description; `version` 0 or 1 (for 2c).
pub fn snmp_get(version: u8, community: &str) -> Vec<u8> {
    let get = b"\xa0\x1c\x02\x04\x12\x34\x56\x78\x02\x01\x00\x02\x01\x00\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x05\x00";
    let body = [&[2, 1, version, 4, community.len() as u8][..], community.as_bytes(), get].concat();
    [&[0x30, body.len() as u8], &body[..]].concat()
}

/// An NTP client's question, mode 3.
pub fn ntp_request() -> Vec<u8> {
    let mut packet = vec![0x23, 0, 6, 0xec];
    packet.resize(48, 0);
    packet
}

/// A router advertisement after its first four bytes: the second word and what follows, with one prefix.
pub fn router_advertisement() -> ([u8; 4], Vec<u8>) {
    let mut rest = vec![0; 8];
    rest.extend_from_slice(&[3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0, 0, 0]);
    rest.extend_from_slice(&[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0x66]);
    rest.resize(40, 0);
    ([64, 0, 7, 8], rest)
}
