//! A slow, obvious decoder for tests: Ethernet, VLAN, IPv4, IPv6, TCP and UDP, one byte at a time, nothing shared with the
//! real one. It knows no events and no tunnels: only where things are, and whether the layer may create a flow.

/// What the reference says about a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub invalid: bool,
    pub vlans: Vec<u16>,
    pub ip: Option<Ip>,
    pub transport: Option<Transport>,
    pub payload: Option<(usize, usize)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ip {
    pub version: u8,
    pub offset: usize,
    pub header_len: usize,
    pub len: usize,
    pub protocol: u8,
    pub ttl: u8,
    pub tos: u8,
    pub source: Vec<u8>,
    pub destination: Vec<u8>,
    pub fragment: Option<(usize, bool)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transport {
    pub offset: usize,
    pub header_len: usize,
    pub src_port: usize,
    pub dst_port: usize,
    pub flags: u8,
}

/// `None` means: the bytes end too early or a field is wrong, so the layer is invalid from there on.
pub fn decode(frame: &[u8]) -> Answer {
    let mut answer = Answer::default();
    if ethernet(frame, &mut answer).is_none() {
        answer.invalid = true;
        answer.transport = None;
        answer.payload = None;
    }
    answer
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(*bytes.get(at)?) * 256 + usize::from(*bytes.get(at + 1)?))
}

fn ethernet(frame: &[u8], answer: &mut Answer) -> Option<()> {
    let mut at = 14;
    let mut kind = number(frame, 12)?;
    while kind == 0x8100 || kind == 0x88a8 || kind == 0x9100 {
        if answer.vlans.len() == 3 {
            return None;
        }
        let id = number(frame, at)?;
        kind = number(frame, at + 2)?;
        answer.vlans.push((id % 4096) as u16);
        at += 4;
    }
    match kind {
        0x0800 => ipv4(frame, at, answer),
        0x86dd => ipv6(frame, at, answer),
        _ => Some(()),
    }
}

fn ipv4(frame: &[u8], at: usize, answer: &mut Answer) -> Option<()> {
    let header = frame.get(at..at + 20)?;
    let header_len = usize::from(header[0] % 16) * 4;
    let len = number(header, 2)?;
    if header[0] / 16 != 4 || header_len < 20 || len < header_len || at + len > frame.len() {
        return None;
    }
    let field = number(header, 6)?;
    let (offset, more) = (field % 8192 * 8, field / 8192 % 2 == 1);
    answer.ip = Some(Ip {
        version: 4,
        offset: at,
        header_len,
        len,
        protocol: header[9],
        ttl: header[8],
        tos: header[1],
        source: header[12..16].to_vec(),
        destination: header[16..20].to_vec(),
        fragment: (offset != 0 || more).then_some((offset, more)),
    });
    transport(&frame[..at + len], at + header_len, answer)
}

fn ipv6(frame: &[u8], at: usize, answer: &mut Answer) -> Option<()> {
    let header = frame.get(at..at + 40)?;
    let len = 40 + number(header, 4)?;
    if header[0] / 16 != 6 || at + len > frame.len() {
        return None;
    }
    answer.ip = Some(Ip {
        version: 6,
        offset: at,
        header_len: 40,
        len,
        protocol: header[6],
        ttl: header[7],
        tos: header[0] % 16 * 16 + header[1] / 16,
        source: header[8..24].to_vec(),
        destination: header[24..40].to_vec(),
        fragment: None,
    });
    let frame = &frame[..at + len];
    let ip = answer.ip.as_mut()?;
    loop {
        let start = at + ip.header_len;
        let size = match ip.protocol {
            0 | 43 | 60 | 135 | 139 | 140 => (usize::from(*frame.get(start + 1)?) + 1) * 8,
            51 => (usize::from(*frame.get(start + 1)?) + 2) * 4,
            44 => 8,
            _ => break,
        };
        let extension = frame.get(start..start + size)?;
        if ip.protocol == 44 {
            let field = number(extension, 2)?;
            let (offset, more) = (field / 8 * 8, field % 2 == 1);
            if ip.fragment.is_none() && (offset != 0 || more) {
                ip.fragment = Some((offset, more));
            }
        }
        ip.protocol = extension[0];
        ip.header_len += size;
        if ip.fragment.is_some_and(|(offset, _)| offset != 0) {
            break;
        }
    }
    if ip.header_len > 40 && ip.protocol != 59 && ip.fragment.is_none() && len - ip.header_len < 2 {
        return None;
    }
    let start = at + ip.header_len;
    transport(frame, start, answer)
}

fn transport(frame: &[u8], at: usize, answer: &mut Answer) -> Option<()> {
    let ip = answer.ip.clone()?;
    answer.payload = Some((at, frame.len() - at));
    let later = ip.fragment.is_some_and(|(offset, _)| offset != 0);
    if later || (ip.protocol != 6 && ip.protocol != 17) {
        return Some(());
    }
    let read = segment(frame, at, ip.protocol, ip.fragment.is_some());
    if ip.fragment.is_some() && read.is_none() {
        return Some(());
    }
    let (transport, end) = read?;
    answer.payload = Some((at + transport.header_len, end - at - transport.header_len));
    answer.transport = Some(transport);
    Some(())
}

/// The transport header and where its payload ends.
fn segment(frame: &[u8], at: usize, protocol: u8, fragment: bool) -> Option<(Transport, usize)> {
    let bytes = &frame[at..];
    let (src_port, dst_port) = (number(bytes, 0)?, number(bytes, 2)?);
    let (header_len, flags, end) = if protocol == 6 {
        let header_len = usize::from(*bytes.get(12)? / 16) * 4;
        if header_len < 20 || header_len > bytes.len() {
            return None;
        }
        (header_len, bytes[13], frame.len())
    } else {
        bytes.get(7)?;
        let length = number(bytes, 4)?;
        if !fragment && (length < 8 || length > bytes.len()) {
            return None;
        }
        (8, 0, if fragment { frame.len() } else { at + length })
    };
    Some((Transport { offset: at, header_len, src_port, dst_port, flags }, end))
}
