//! The `dns`, `mdns` and `llmnr` objects.
//!
//! Called by [`super`] with the message, which is read again here by the reader that detection uses. Names and types are those of the reference engine's records of
//! version 3. SVCB and HTTPS records, which it does not show, have an object `svcb` with the keys of RFC 9460. Bytes that are no UTF-8 are written as `\xNN`.

use super::Part;
use crate::json::Json;
use sluice_app::dns::{
    message::{Entry, Header, Name, Reader, Section, flag},
    names::{code_name, type_name},
};
use std::{
    collections::BTreeMap,
    fmt::Write,
    net::{Ipv4Addr, Ipv6Addr},
};

/// Texts of one TXT record that are told.
const MOST_TEXTS: usize = 32;

/// What records of DNS tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsRecords {
    /// Their form: 3, or 2 with a record for each question.
    pub version: u8,
    /// Whether there are records of questions.
    pub requests: bool,
    /// Whether there are records of responses.
    pub responses: bool,
    /// Only messages that ask for records of these types; none: whatever they ask for.
    pub types: Option<Vec<u16>>,
}

impl Default for DnsRecords {
    fn default() -> Self {
        Self { version: 3, requests: true, responses: true, types: None }
    }
}

impl DnsRecords {
    fn wants(&self, rrtype: u16) -> bool {
        self.types.as_ref().is_none_or(|types| types.contains(&rrtype))
    }
}

/// The questions of a message: name, whether that is all of it, and type.
fn questions(reader: &mut Reader) -> Vec<(String, bool, u16)> {
    let mut name = Name::default();
    let mut all = Vec::new();
    while let Some(entry) = reader.next(&mut name).filter(|entry| entry.section == Section::Queries) {
        all.push((text(name.get()), name.truncated, entry.rrtype));
    }
    all
}

/// How many records are made of a message.
pub(super) fn records(options: &DnsRecords, request: Option<&[u8]>, response: Option<&[u8]>) -> usize {
    let Some(mut reader) = request.or(response).and_then(Reader::of) else { return 1 };
    let is_response = reader.header.is_response();
    if !(if is_response { options.responses } else { options.requests }) {
        return 0;
    }
    if options.types.is_none() && (is_response || options.version != 2) {
        return 1;
    }
    let wanted = questions(&mut reader).iter().filter(|(_, _, rrtype)| options.wants(*rrtype)).count();
    if is_response || options.version != 2 { wanted.min(1) } else { wanted }
}

/// Fills the object in the form of version 2: one question of a request, or a response.
pub(super) fn object_2(json: &mut Json, part: Part, transaction: u64, messages: [Option<&[u8]>; 2]) {
    let Some(mut reader) = messages.into_iter().flatten().find_map(Reader::of) else { return };
    let header = reader.header;
    let mut again = reader;
    let questions = questions(&mut again);
    let question = |json: &mut Json, number: usize| {
        let mut wanted = questions.iter().filter(|(_, _, rrtype)| part.dns.wants(*rrtype));
        if let Some((name, truncated, rrtype)) = wanted.nth(number) {
            json.text("rrname", name);
            if *truncated {
                json.flag("rrname_truncated", true);
            }
            json.text("rrtype", &named(type_name(*rrtype), *rrtype));
        }
    };
    if !header.is_response() {
        json.number("version", 2);
        json.text("type", "query");
        json.number("id", header.id);
        question(json, part.part);
        json.number("tx_id", i128::from(transaction));
        if header.flags & flag::ZERO != 0 {
            json.flag("z", true);
        }
        json.number("opcode", header.opcode());
        return;
    }
    json.number("version", 2);
    json.text("type", "answer");
    json.number("id", header.id);
    flags(json, header);
    json.number("opcode", header.opcode());
    question(json, 0);
    json.text("rcode", &named(code_name(u16::from(header.rcode())), u16::from(header.rcode())));
    let entries = entries(&mut reader);
    for (name, section) in [("answers", Section::Answers), ("authorities", Section::Authorities)] {
        section_of(json, &entries, name, section, false);
    }
}

/// Fills the object; `transaction` counts from 0.
pub(super) fn object(json: &mut Json, transaction: u64, request: Option<&[u8]>, response: Option<&[u8]>) {
    json.number("version", 3);
    fill(json, transaction, [request, response], false);
}

/// Fills the object of a message on the local link.
pub(super) fn object_on_link(json: &mut Json, transaction: u64, request: Option<&[u8]>, response: Option<&[u8]>) {
    fill(json, transaction, [request, response], true);
}

fn fill(json: &mut Json, transaction: u64, halves: [Option<&[u8]>; 2], on_link: bool) {
    let Some(mut reader) = halves.into_iter().flatten().find_map(Reader::of) else { return };
    let header = reader.header;
    json.text("type", if header.is_response() { "response" } else { "request" });
    json.number("tx_id", i128::from(transaction));
    json.number("id", header.id);
    flags(json, header);
    json.number("opcode", header.opcode());
    json.text("rcode", &named(code_name(u16::from(header.rcode())), u16::from(header.rcode())));
    let entries = entries(&mut reader);
    for (name, section) in [
        ("queries", Section::Queries),
        ("answers", Section::Answers),
        ("authorities", Section::Authorities),
        ("additionals", Section::Additionals),
    ] {
        section_of(json, &entries, name, section, on_link);
    }
}

/// The entries of a section, and answers by type.
fn section_of(json: &mut Json, entries: &[Told], name: &str, section: Section, on_link: bool) {
    let of = || entries.iter().filter(move |told| told.entry.section == section);
    if of().next().is_none() {
        return;
    }
    json.list(name, of(), |json, told| record(json, told, on_link));
    if section == Section::Answers && !on_link {
        grouped(json, of());
    }
}

fn flags(json: &mut Json, header: Header) {
    json.text("flags", &format!("{:x}", header.flags));
    for (name, bit) in [
        ("qr", flag::RESPONSE),
        ("aa", flag::AUTHORITATIVE),
        ("tc", flag::TRUNCATED),
        ("rd", flag::RECURSION_DESIRED),
        ("ra", flag::RECURSION_AVAILABLE),
        ("z", flag::ZERO),
    ] {
        if header.flags & bit != 0 {
            json.flag(name, true);
        }
    }
}

/// An entry with everything that is told of it.
struct Told {
    entry: Entry,
    name: String,
    truncated: bool,
    data: Data,
}

/// What a record says.
enum Data {
    None,
    Text(String, bool),
    Soa { server: String, contact: String, numbers: [u32; 5] },
    Srv { numbers: [u16; 3], target: String },
    Sshfp { algorithm: u8, kind: u8, fingerprint: String },
    Options(Vec<(u16, String)>),
    Service { priority: u16, target: String, keys: Vec<(u16, Vec<u8>)> },
}

fn entries(reader: &mut Reader) -> Vec<Told> {
    let mut name = Name::default();
    let mut all = Vec::new();
    while let Some(entry) = reader.next(&mut name) {
        let (owner, truncated) = (text(name.get()), name.truncated);
        let mut add = |data| all.push(Told { entry, name: owner.clone(), truncated, data });
        match entry.rrtype {
            16 if entry.section != Section::Queries => {
                texts(reader.data(&entry)).take(MOST_TEXTS).for_each(|bytes| add(Data::Text(text(bytes), false)));
            }
            _ => add(data(reader, &entry).unwrap_or(Data::None)),
        }
    }
    all
}

/// The texts of a TXT record: each with its length in front.
fn texts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_first()?;
        let (text, behind) = behind.split_at_checked(usize::from(*length))?;
        rest = behind;
        Some(text)
    })
}

fn data(reader: &mut Reader, entry: &Entry) -> Option<Data> {
    let bytes = reader.data(entry);
    if bytes.is_empty() && entry.rrtype != 41 || entry.section == Section::Queries {
        return None;
    }
    let word = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
    let mut target = Name::default();
    let mut name = |at: usize| {
        let end = reader.name(entry.start + at, &mut target)?;
        Some((text(target.get()), target.truncated, end.checked_sub(entry.start)?))
    };
    Some(match entry.rrtype {
        1 => Data::Text(Ipv4Addr::from(*bytes.first_chunk::<4>()?).to_string(), false),
        28 => Data::Text(long_address(*bytes.first_chunk::<16>()?), false),
        2 | 5 | 12 => name(0).map(|(name, truncated, _)| Data::Text(name, truncated))?,
        15 => name(2).map(|(name, truncated, _)| Data::Text(name, truncated))?,
        10 => Data::Text(text(bytes), false),
        6 => {
            let (server, _, end) = name(0)?;
            let (contact, _, end) = name(end)?;
            let number =
                |place: usize| bytes.get(end + 4 * place..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
            let numbers = [number(0)?, number(1)?, number(2)?, number(3)?, number(4)?];
            Data::Soa { server, contact, numbers }
        }
        33 => Data::Srv { numbers: [word(0)?, word(2)?, word(4)?], target: name(6)?.0 },
        44 => {
            let [algorithm, kind, fingerprint @ ..] = bytes else { return None };
            Data::Sshfp { algorithm: *algorithm, kind: *kind, fingerprint: hexadecimal(fingerprint, ":") }
        }
        41 => Data::Options(pairs(bytes).map(|(code, value)| (code, hexadecimal(value, ""))).collect()),
        64 | 65 => {
            let (target, _, end) = name(2)?;
            let keys = pairs(bytes.get(end..)?).map(|(key, value)| (key, value.to_vec())).collect();
            Data::Service { priority: word(0)?, target, keys }
        }
        _ => return None,
    })
}

/// Values with a number and a length in front.
fn pairs(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (code, behind) = rest.split_first_chunk()?;
        let (length, behind) = behind.split_first_chunk()?;
        let (value, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        rest = behind;
        Some((u16::from_be_bytes(*code), value))
    })
}

fn record(json: &mut Json, told: &Told, on_link: bool) {
    let rrtype = named(type_name(told.entry.rrtype), told.entry.rrtype);
    let rrtype = if on_link { rrtype.to_lowercase() } else { rrtype };
    json.text("rrname", &told.name);
    if told.truncated {
        json.flag("rrname_truncated", true);
    }
    json.text("rrtype", &rrtype);
    if told.entry.section == Section::Queries {
        return;
    }
    json.number("ttl", told.entry.ttl);
    match &told.data {
        Data::None => {}
        Data::Text(text, truncated) => {
            json.text(if on_link { &rrtype } else { "rdata" }, text);
            if *truncated {
                json.flag("rdata_truncated", true);
            }
        }
        data => json_of(json, data),
    }
}

/// A record that is more than a text, under its type's name.
fn json_of(json: &mut Json, data: &Data) {
    match data {
        Data::None | Data::Text(..) => {}
        Data::Options(options) => json.list("opt", options, |json, (code, data)| {
            json.number("code", *code);
            json.text("data", data);
        }),
        Data::Soa { .. } => json.nested("soa", |json| members(json, data)),
        Data::Srv { .. } => json.nested("srv", |json| members(json, data)),
        Data::Sshfp { .. } => json.nested("sshfp", |json| members(json, data)),
        Data::Service { .. } => json.nested("svcb", |json| members(json, data)),
    }
}

fn members(json: &mut Json, data: &Data) {
    match data {
        Data::None | Data::Text(..) | Data::Options(_) => {}
        Data::Soa { server, contact, numbers: [serial, refresh, retry, expire, minimum] } => {
            json.text("mname", server);
            json.text("rname", contact);
            json.number("serial", *serial);
            json.number("refresh", *refresh);
            json.number("retry", *retry);
            json.number("expire", *expire);
            json.number("minimum", *minimum);
        }
        Data::Srv { numbers: [priority, weight, port], target } => {
            json.number("priority", *priority);
            json.number("weight", *weight);
            json.number("port", *port);
            json.text("name", target);
        }
        Data::Sshfp { algorithm, kind, fingerprint } => {
            json.text("fingerprint", fingerprint);
            json.number("algo", *algorithm);
            json.number("type", *kind);
        }
        Data::Service { priority, target, keys } => {
            json.number("priority", *priority);
            json.text("target", target);
            keys.iter().for_each(|(key, value)| service_key(json, *key, value));
        }
    }
}

/// RFC 9460 section 14.3.2 and RFC 9848 (`ech`).
fn service_key(json: &mut Json, key: u16, value: &[u8]) {
    match key {
        1 => json.texts("alpn", texts(value).map(text)),
        2 => json.flag("no_default_alpn", true),
        3 => {
            if let Some(port) = value.first_chunk() {
                json.number("port", u16::from_be_bytes(*port));
            }
        }
        4 => json.texts("ipv4hint", value.as_chunks::<4>().0.iter().map(|bytes| Ipv4Addr::from(*bytes).to_string())),
        5 => json.base64("ech", value),
        6 => json.texts("ipv6hint", value.as_chunks::<16>().0.iter().map(|bytes| long_address(*bytes))),
        7 => json.text("dohpath", &text(value)),
        other => json.text(&format!("key{other}"), &hexadecimal(value, "")),
    }
}

/// The answers by type.
fn grouped<'a>(json: &mut Json, answers: impl Iterator<Item = &'a Told>) {
    let mut groups: BTreeMap<u16, Vec<&Data>> = BTreeMap::new();
    for told in answers {
        if !matches!(told.data, Data::None | Data::Options(_)) {
            groups.entry(told.entry.rrtype).or_default().push(&told.data);
        }
    }
    if groups.is_empty() {
        return;
    }
    json.nested("grouped", |json| {
        for (rrtype, group) in groups {
            let name = named(type_name(rrtype), rrtype);
            if group.iter().all(|data| matches!(data, Data::Text(..))) {
                let texts = group.iter().filter_map(|data| match data {
                    Data::Text(text, _) => Some(text),
                    _ => None,
                });
                json.texts(&name, texts);
            } else {
                json.list(&name, group, members);
            }
        }
    });
}

/// The address as records write it: in full.
fn long_address(bytes: [u8; 16]) -> String {
    let words = Ipv6Addr::from(bytes).segments().map(|word| format!("{word:04x}"));
    words.join(":")
}

fn named(name: Option<&'static str>, number: u16) -> String {
    name.map_or_else(|| number.to_string(), str::to_owned)
}

fn hexadecimal(bytes: &[u8], between: &str) -> String {
    let mut text = String::new();
    for (place, byte) in bytes.iter().enumerate() {
        // Writing to a string can't fail.
        let _ = write!(text, "{}{byte:02x}", if place > 0 { between } else { "" });
    }
    text
}

/// Bytes as text; what is no UTF-8 as `\xNN`.
fn text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{DnsRecords, object, object_2, object_on_link, records};
    use crate::{app::Part, json::Json};
    use serde_json::{Value, json};

    const NAME: &[u8] = b"\x03www\x07Example\x03com\0";

    /// A response to a question of type A, with these entries behind it.
    fn response(counts: [u8; 3], entries: &[&[u8]]) -> Vec<u8> {
        let [answers, authorities, additionals] = counts;
        let head = [0x12, 0x34, 0x85, 0xc0, 0, 1, 0, answers, 0, authorities, 0, additionals];
        [&head[..], NAME, &[0, 1, 0, 1], &entries.concat()].concat()
    }

    /// An entry of the question's name.
    fn entry(rrtype: u8, data: &[u8]) -> Vec<u8> {
        [&[0xc0, 12, 0, rrtype, 0, 1, 0, 0, 0, 60, 0, data.len() as u8], data].concat()
    }

    fn told(fill: impl FnOnce(&mut Json)) -> Value {
        let mut out = Vec::new();
        let mut json = Json::object(&mut out);
        fill(&mut json);
        json.end();
        serde_json::from_slice(&out).unwrap()
    }

    fn version_3(message: &[u8]) -> Value {
        told(|json| object(json, 7, None, Some(message)))
    }

    #[test]
    fn a_response_is_told_with_flags_sections_and_answers_by_type() {
        let message = response(
            [4, 1, 1],
            &[
                &entry(5, b"\x03cdn\xc0\x10"),
                &entry(1, &[10, 0, 0, 1]),
                &entry(28, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
                &entry(16, b"\x02a\xff\x01b"),
                &entry(6, b"\x01m\xc0\x10\x01r\xc0\x10\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05"),
                b"\0\0\x29\x10\0\0\0\0\0\0\x06\0\x0a\0\x02\xab\xcd",
            ],
        );
        let of = |rrtype: &str| json!({"rrname": "www.Example.com", "rrtype": rrtype, "ttl": 60});
        let with = |rrtype: &str, name: &str, value: Value| {
            let mut record = of(rrtype);
            record[name] = value;
            record
        };
        let expected = json!({
            "version": 3, "type": "response", "tx_id": 7, "id": 0x1234, "flags": "85c0", "qr": true, "aa": true, "rd": true, "ra": true, "z": true,
            "opcode": 0, "rcode": "NOERROR",
            "queries": [{"rrname": "www.Example.com", "rrtype": "A"}],
            "answers": [
                with("CNAME", "rdata", json!("cdn.Example.com")),
                with("A", "rdata", json!("10.0.0.1")),
                with("AAAA", "rdata", json!("2001:0db8:0000:0000:0000:0000:0000:0001")),
                with("TXT", "rdata", json!("a\\xff")),
                with("TXT", "rdata", json!("b")),
            ],
            "grouped": {
                "CNAME": ["cdn.Example.com"], "A": ["10.0.0.1"], "AAAA": ["2001:0db8:0000:0000:0000:0000:0000:0001"], "TXT": ["a\\xff", "b"]
            },
            "authorities": [with("SOA", "soa", json!({
                "mname": "m.Example.com", "rname": "r.Example.com", "serial": 1, "refresh": 2, "retry": 3, "expire": 4, "minimum": 5
            }))],
            "additionals": [{"rrname": "", "rrtype": "OPT", "ttl": 0, "opt": [{"code": 10, "data": "abcd"}]}],
        });
        assert_eq!(version_3(&message), expected);
    }

    #[test]
    fn services_and_fingerprints_are_objects() {
        let message = response(
            [3, 0, 0],
            &[
                &entry(33, b"\0\x0a\0\x01\x13\xc4\x03sip\xc0\x10"),
                &entry(44, &[1, 2, 0xab, 0xcd]),
                &entry(
                    65,
                    b"\0\x01\0\0\x01\0\x06\x02h2\x02h3\0\x03\0\x02\x01\xbb\0\x04\0\x04\x0a\0\0\x02\0\x05\0\x02hi",
                ),
            ],
        );
        let told = version_3(&message);
        assert_eq!(
            told["answers"][0]["srv"],
            json!({"priority": 10, "weight": 1, "port": 5060, "name": "sip.Example.com"})
        );
        assert_eq!(told["grouped"]["SSHFP"], json!([{"algo": 1, "type": 2, "fingerprint": "ab:cd"}]));
        assert_eq!(
            told["answers"][2]["svcb"],
            json!({"priority": 1, "target": "", "alpn": ["h2", "h3"], "port": 443, "ipv4hint": ["10.0.0.2"], "ech": "aGk="})
        );
    }

    #[test]
    fn on_the_link_types_are_small_and_name_what_they_hold() {
        let message = response([1, 0, 0], &[&entry(1, &[10, 0, 0, 1])]);
        let told = told(|json| object_on_link(json, 0, Some(&message), None));
        assert_eq!(told["answers"], json!([{"rrname": "www.Example.com", "rrtype": "a", "ttl": 60, "a": "10.0.0.1"}]));
        assert_eq!(
            (&told["type"], &told["version"], &told["grouped"]),
            (&json!("response"), &Value::Null, &Value::Null)
        );
    }

    #[test]
    fn version_2_has_a_record_for_each_question_and_records_can_be_chosen() {
        let two = [&[0, 7, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0], NAME, &[0, 1, 0, 1, 0xc0, 12, 0, 65, 0, 1]].concat();
        let options = DnsRecords { version: 2, ..DnsRecords::default() };
        assert_eq!(records(&options, Some(&two), None), 2);
        let second =
            told(|json| object_2(json, Part { dns: &options, part: 1, headers: [false; 2] }, 4, [Some(&two), None]));
        let expected = json!({"version": 2, "type": "query", "id": 7, "rrname": "www.Example.com", "rrtype": "HTTPS", "tx_id": 4, "opcode": 0});
        assert_eq!(second, expected);
        let answer = response([1, 0, 0], &[&entry(1, &[10, 0, 0, 1])]);
        let told =
            told(|json| object_2(json, Part { dns: &options, part: 0, headers: [false; 2] }, 4, [None, Some(&answer)]));
        assert_eq!(
            (&told["type"], &told["rrtype"], &told["grouped"]["A"][0]),
            (&json!("answer"), &json!("A"), &json!("10.0.0.1"))
        );
        for (options, wanted) in [
            (DnsRecords::default(), [1, 1]),
            (DnsRecords { requests: false, ..DnsRecords::default() }, [0, 1]),
            (DnsRecords { responses: false, ..DnsRecords::default() }, [1, 0]),
            (DnsRecords { types: Some(vec![65]), ..DnsRecords::default() }, [1, 0]),
            (DnsRecords { types: Some(vec![65]), version: 2, ..DnsRecords::default() }, [1, 0]),
        ] {
            assert_eq!(
                [records(&options, Some(&two), None), records(&options, None, Some(&answer))],
                wanted,
                "{options:?}"
            );
        }
    }

    #[test]
    fn damage_leaves_what_could_be_read() {
        let message = response([1, 0, 0], &[&entry(1, &[10, 0, 0, 1])]);
        for end in 0..message.len() {
            let told = version_3(&message[..end]);
            assert_eq!(told["answers"], Value::Null, "{end}");
            assert_eq!(told["id"].is_number(), end >= 12);
        }
    }
}
