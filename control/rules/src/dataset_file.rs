//! The files that `dataset` and `datarep` name: read, checked, and kept for the engine.
//!
//! Called by `file` while loading, once for each set. A file that does not hold what the rule says refuses the
//! rule, because a set with holes would let traffic pass that the operator believes is caught.
//!
//! Source: the public rule documentation, "Datasets: File formats".
use crate::diagnostic::Problem;
pub use crate::syntax::keyword::dataset::DatasetType;
use crate::syntax::keyword::dataset::{Datarep, Dataset, DatasetFormat};
use serde_json::{Value as Json, value::RawValue};
use sluice_detect::dataset::{Dataset as Values, Kind, LONGEST_VALUE, ROOM_VALUES as ROOM};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Component, Path, PathBuf};

/// What rules may do with files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetPolicy {
    /// Files are read at all; without it only the words of the rule are checked.
    pub read: bool,
    /// `save` and `state` are allowed.
    pub allow_write: bool,
    /// Files to write may lie anywhere.
    pub allow_absolute: bool,
    /// Where files to write lie: a `state` is read from there, if it is there, else beside the rules.
    pub folder: Option<PathBuf>,
}

impl Default for DatasetPolicy {
    fn default() -> Self {
        Self { read: true, allow_write: true, allow_absolute: false, folder: None }
    }
}

/// A set as read from its file.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetData {
    /// The name rules use.
    pub name: Box<str>,
    /// What it holds.
    pub kind: DatasetType,
    /// The values; empty when there is no file yet.
    pub entries: Vec<DatasetEntry>,
    /// The file its values are written to in the end (`save`, `state`), as the rule names it.
    pub file: Option<Box<str>>,
    /// Bytes it may take.
    pub memcap: Option<u64>,
    /// Buckets of its table.
    pub hashsize: Option<u32>,
}

impl DatasetData {
    /// An empty set.
    pub fn new(name: &str, kind: DatasetType) -> Self {
        Self { name: name.into(), kind, entries: Vec::new(), file: None, memcap: None, hashsize: None }
    }

    /// Values there is room for beyond those of the file: as many as the `memcap` leaves, or the ordinary number.
    pub(crate) fn room(&self) -> usize {
        let Some(memcap) = self.memcap else { return ROOM };
        let left = memcap.saturating_sub(u64::from(self.hashsize.unwrap_or(DEFAULT_HASHSIZE)) * BUCKET_BYTES);
        let values = usize::try_from(left / VALUE_BYTES).unwrap_or(usize::MAX);
        values.saturating_sub(self.entries.len()).max(1)
    }
}

/// One value of a set.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetEntry {
    /// The bytes of a string, the raw digest, or the 4 or 16 bytes of an address.
    pub value: Box<[u8]>,
    /// Its reputation, in sets for `datarep`.
    pub reputation: Option<u16>,
    /// Its object, in JSON sets, without its value when the rule says `remove_key`.
    pub context: Option<Box<str>>,
}

/// What a rule says of its set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declaration<'r> {
    pub name: &'r str,
    pub kind: Option<DatasetType>,
    load: Option<&'r str>,
    save: Option<&'r str>,
    state: Option<&'r str>,
    format: DatasetFormat,
    value_key: Option<&'r str>,
    array_key: Option<&'r str>,
    remove_key: bool,
    reputation: bool,
    memcap: Option<u64>,
    hashsize: Option<u32>,
}

impl<'r> From<&'r Dataset> for Declaration<'r> {
    fn from(set: &'r Dataset) -> Self {
        Self {
            name: &set.name,
            kind: set.kind,
            load: set.load.as_deref(),
            save: set.save.as_deref(),
            state: set.state.as_deref(),
            format: set.format,
            value_key: set.value_key.as_deref(),
            array_key: set.array_key.as_deref(),
            remove_key: set.remove_key,
            reputation: false,
            memcap: set.memcap,
            hashsize: set.hashsize,
        }
    }
}

impl<'r> From<&'r Datarep> for Declaration<'r> {
    fn from(set: &'r Datarep) -> Self {
        Self {
            name: &set.name,
            kind: set.kind,
            load: set.load.as_deref(),
            save: None,
            state: set.state.as_deref(),
            format: DatasetFormat::Csv,
            value_key: None,
            array_key: None,
            remove_key: false,
            reputation: true,
            memcap: set.memcap,
            hashsize: set.hashsize,
        }
    }
}

impl<'r> Declaration<'r> {
    /// The set as read.
    pub(crate) fn data(&self, kind: DatasetType, entries: Vec<DatasetEntry>) -> DatasetData {
        let Self { memcap, hashsize, .. } = *self;
        DatasetData {
            entries,
            file: self.file().map(Into::into),
            memcap,
            hashsize,
            ..DatasetData::new(self.name, kind)
        }
    }

    /// The file it is written to.
    pub(crate) fn file(&self) -> Option<&'r str> {
        // Reputations never change.
        self.save.or(self.state).filter(|_| !self.reputation)
    }
}

/// Bytes a set takes: so many for each bucket of its table and each value, with room for this many from the start.
/// The figures are the reference's, so that a `memcap` written for it means the same here.
const BUCKET_BYTES: u64 = 64;
const VALUE_BYTES: u64 = 104;
const ROOM_VALUES: u64 = 1000;
const DEFAULT_HASHSIZE: u32 = 4096;

/// Largest file of a set, bytes.
const LONGEST_FILE: u64 = 1 << 30;
/// Longest object of a JSON set, bytes: it travels with the alert.
const LONGEST_RECORD: usize = 4_096;

/// Reads a list of digests of `length` bytes: one a line in hexadecimal, perhaps with something behind it. `rules` is the rule file, whose folder relative paths start from.
pub(crate) fn digests(path: &str, rules: &Path, length: usize) -> Result<Box<[Box<[u8]>]>, Problem> {
    let bytes = std::fs::read(resolved(path, rules)).map_err(|error| Problem::Unreadable { kind: error.kind() })?;
    let mut list = Vec::new();
    for line in String::from_utf8_lossy(&bytes).lines() {
        let word = line.split([' ', '\t', ',', '#']).next().unwrap_or_default();
        if word.is_empty() {
            continue;
        }
        let digits: Option<Vec<u8>> = word.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
        let digits = digits.filter(|digits| digits.len() == 2 * length);
        let digits = digits.ok_or(Problem::Malformed { expected: "a list with one digest in hexadecimal a line" })?;
        list.push(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect());
    }
    list.sort();
    Ok(list.into_boxed_slice())
}

/// Checks a declaration and reads its file. `rules` is the rule file, whose folder relative paths start from.
pub(crate) fn read(set: Declaration<'_>, rules: &Path, policy: &DatasetPolicy) -> Result<Vec<DatasetEntry>, Problem> {
    for path in [set.save, set.state].into_iter().flatten() {
        writable(Path::new(path), policy)?;
    }
    let Some(kind) = set.kind.filter(|_| policy.read) else { return Ok(Vec::new()) };
    let Some(path) = set.load.or(set.state) else { return Ok(Vec::new()) };
    let kept = policy.folder.as_ref().filter(|_| set.load.is_none()).map(|folder| folder.join(path));
    let path = kept.filter(|kept| kept.exists()).unwrap_or_else(|| resolved(path, rules));
    let large = std::fs::metadata(&path).is_ok_and(|file| file.len() > LONGEST_FILE);
    if large {
        return Err(Problem::DatasetRefused { reason: "the file is larger than 1 GiB" });
    }
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        // A state file is made when the first value is kept.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && set.load.is_none() => return Ok(Vec::new()),
        Err(error) => return Err(Problem::Unreadable { kind: error.kind() }),
    };
    let entries = match set.format {
        DatasetFormat::Csv => lines(&bytes, |line| {
            csv(line, kind, set.reputation).ok_or("a value of the set's type, in the set's format")
        })?,
        DatasetFormat::Ndjson => lines(&bytes, |line| json(line, kind, set))?,
        DatasetFormat::Json => document(&bytes, kind, set)?,
    };
    let strings: usize = if kind == DatasetType::String { entries.iter().map(|e| e.value.len()).sum() } else { 0 };
    let strings = strings + entries.iter().filter_map(|entry| entry.context.as_deref()).map(str::len).sum::<usize>();
    let values = u64::try_from(entries.len()).unwrap_or(u64::MAX).max(ROOM_VALUES);
    let buckets = u64::from(set.hashsize.unwrap_or(DEFAULT_HASHSIZE));
    let needed = buckets * BUCKET_BYTES + values.saturating_mul(VALUE_BYTES) + u64::try_from(strings).unwrap_or(0);
    match set.memcap {
        Some(most) if needed > most => Err(Problem::DatasetRefused { reason: "the set is larger than its memcap" }),
        _ => Ok(entries),
    }
}

/// Writes the values of `set` to `path`, one a line, sorted, as [`read`] takes them. The file is replaced whole.
///
/// # Errors
/// The system's. What was there before is then still there.
pub fn write(set: &Values, path: &Path) -> std::io::Result<()> {
    let mut lines = std::collections::BTreeSet::new();
    set.for_each(|value| {
        lines.extend(line(set.kind(), value));
    });
    let text: String = lines.into_iter().map(|line| line + "\n").collect();
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    std::fs::write(&new, text)?;
    std::fs::rename(&new, path)
}

/// A value as it stands in a file.
fn line(kind: Kind, value: &[u8]) -> Option<String> {
    Some(match kind {
        Kind::String => encode(value),
        Kind::Md5 | Kind::Sha256 => value.iter().map(|byte| format!("{byte:02x}")).collect(),
        Kind::Ipv4 => Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?).to_string(),
        Kind::Ip => match <[u8; 4]>::try_from(value) {
            Ok(v4) => Ipv4Addr::from(v4).to_ipv6_mapped().to_string(),
            Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(value).ok()?).to_string(),
        },
    })
}

fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0, |sum: u32, &byte| sum << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS.get((number >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn resolved(path: &str, rules: &Path) -> PathBuf {
    rules.parent().unwrap_or(Path::new("")).join(path)
}

fn writable(path: &Path, policy: &DatasetPolicy) -> Result<(), Problem> {
    if !policy.allow_write {
        return Err(Problem::DatasetRefused { reason: "rules may not write files (save, state)" });
    }
    let outside = path.is_absolute() || path.components().any(|c| c == Component::ParentDir);
    if outside && !policy.allow_absolute {
        return Err(Problem::DatasetRefused { reason: "rules may write only below the data folder" });
    }
    Ok(())
}

fn expected(kind: DatasetType) -> &'static str {
    match kind {
        DatasetType::String => "a string in base64",
        DatasetType::Md5 => "an MD5 of 32 hexadecimal digits",
        DatasetType::Sha256 => "a SHA-256 of 64 hexadecimal digits",
        DatasetType::Ipv4 => "an IPv4 address",
        DatasetType::Ip => "an IP address",
    }
}

fn lines(
    bytes: &[u8],
    read: impl Fn(&[u8]) -> Result<DatasetEntry, &'static str>,
) -> Result<Vec<DatasetEntry>, Problem> {
    let mut entries = Vec::new();
    for (index, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        entries.push(read(line).map_err(|expected| wrong_line(index, expected))?);
    }
    Ok(entries)
}

/// `value` or, with reputations, `value,number`.
fn csv(line: &[u8], kind: DatasetType, reputation: bool) -> Option<DatasetEntry> {
    let text = std::str::from_utf8(line).ok()?;
    let (value, reputation) = match (text.split_once(','), reputation) {
        (Some((value, number)), true) => (value, Some(number.trim().parse().ok()?)),
        (None, false) => (text, None),
        _ => return None,
    };
    let value = match kind {
        DatasetType::String => base64(value.trim())?,
        _ => raw(value.trim(), kind)?,
    };
    Some(DatasetEntry { value: value.into(), reputation, context: None })
}

/// A digest or an address as bytes.
fn raw(text: &str, kind: DatasetType) -> Option<Vec<u8>> {
    match kind {
        DatasetType::String => Some(text.as_bytes().to_vec()),
        DatasetType::Md5 => hexadecimal(text, 16),
        DatasetType::Sha256 => hexadecimal(text, 32),
        DatasetType::Ipv4 => text.parse::<Ipv4Addr>().ok().map(|a| a.octets().to_vec()),
        DatasetType::Ip => match (text.parse::<Ipv4Addr>(), text.parse::<Ipv6Addr>()) {
            (Ok(v4), _) => Some(v4.octets().to_vec()),
            // The reference writes IPv4 addresses of such sets as ::ffff:a.b.c.d.
            (_, Ok(v6)) => Some(v6.to_ipv4_mapped().map_or_else(|| v6.octets().to_vec(), |v4| v4.octets().to_vec())),
            _ => None,
        },
    }
}

fn hexadecimal(text: &str, bytes: usize) -> Option<Vec<u8>> {
    if text.len() != bytes * 2 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|p| u8::from_str_radix(p, 16).ok()))
        .collect()
}

/// Base64 with padding, RFC 4648 section 4.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    let (mut out, mut bits, mut held) = (Vec::with_capacity(text.len() / 4 * 3), 0u32, 0u32);
    for b in digits.bytes() {
        let six = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from((bits >> held) & 0xFF).ok()?);
        }
    }
    Some(out)
}

/// The objects of an array, which is the document or stands where `array_key` leads to.
fn document(bytes: &[u8], kind: DatasetType, set: Declaration<'_>) -> Result<Vec<DatasetEntry>, Problem> {
    let begin = bytes.as_ptr().addr();
    let at = |part: &RawValue, expected| {
        let before = bytes.get(..part.get().as_ptr().addr().saturating_sub(begin)).unwrap_or_default();
        wrong_line(before.iter().filter(|&&byte| byte == b'\n').count(), expected)
    };
    let mut whole: &RawValue = serde_json::from_slice(bytes).map_err(|error| {
        wrong_line(error.line().saturating_sub(1), "JSON: it does not go on as a JSON document does")
    })?;
    for key in set.array_key.iter().flat_map(|key| key.split('.')) {
        let object: Option<BTreeMap<String, &RawValue>> = serde_json::from_str(whole.get()).ok();
        let inner = object.as_ref().and_then(|object| object.get(key)).copied();
        whole = inner.ok_or_else(|| at(whole, "an object with the key that array_key names"))?;
    }
    let items: Vec<&RawValue> =
        serde_json::from_str(whole.get()).map_err(|_| at(whole, "a JSON document with an array of objects"))?;
    items
        .into_iter()
        .map(|item| json(item.get().as_bytes(), kind, set).map_err(|expected| at(item, expected)))
        .collect()
}

fn wrong_line(before: usize, expected: &'static str) -> Problem {
    Problem::DatasetLine { line: u32::try_from(before + 1).unwrap_or(u32::MAX), expected }
}

/// The value a dotted key leads to.
fn at<'j>(object: &'j Json, key: &str) -> Option<&'j Json> {
    key.split('.').try_fold(object, |inner, part| inner.get(part))
}

/// One object of a JSON set; what it is not otherwise.
fn json(text: &[u8], kind: DatasetType, set: Declaration<'_>) -> Result<DatasetEntry, &'static str> {
    let mut object: Json = serde_json::from_slice(text).map_err(|_| "a JSON object")?;
    let key = set.value_key.unwrap_or_default();
    let value = at(&object, key).ok_or("a JSON object with the key that value_key names")?;
    let value = value.as_str().ok_or("a JSON object whose value_key leads to a string")?;
    let value = raw(value, kind).ok_or_else(|| expected(kind))?;
    if value.len() > LONGEST_VALUE {
        return Err("a value of at most 65,535 bytes");
    }
    if set.remove_key {
        let (parent, last) = key.rsplit_once('.').map_or((None, key), |(p, l)| (Some(p), l));
        let mut parent = parent.into_iter().flat_map(|parent| parent.split('.'));
        let inner = parent.try_fold(&mut object, |inner, part| inner.get_mut(part));
        if let Some(Json::Object(map)) = inner {
            map.remove(last);
        }
    }
    let context = object.to_string();
    if context.len() > LONGEST_RECORD {
        return Err("an object of at most 4,096 bytes");
    }
    Ok(DatasetEntry { value: value.into(), reputation: None, context: Some(context.into()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_each_type_are_read() {
        let value = |line: &str, kind| csv(line.as_bytes(), kind, false).map(|e| e.value);
        assert_eq!(value("Y3VybC83LjQzLjA=", DatasetType::String).as_deref(), Some(&b"curl/7.43.0"[..]));
        assert_eq!(value("::ffff:10.0.0.1", DatasetType::Ip).as_deref(), Some(&[10, 0, 0, 1][..]));
        assert_eq!(value("d41d8cd98f00b204e9800998ecf8427e", DatasetType::Md5).map(|v| v.len()), Some(16));
        for (line, kind) in [
            ("Y3V", DatasetType::String),
            ("Y3VybA==,1", DatasetType::String),
            ("d41d8", DatasetType::Md5),
            ("10.0.0.300", DatasetType::Ipv4),
        ] {
            assert_eq!(value(line, kind), None, "{line}");
        }
    }

    #[test]
    fn a_reputation_set_needs_a_number_on_each_line() {
        let read = |line: &str| csv(line.as_bytes(), DatasetType::String, true).and_then(|e| e.reputation);
        assert_eq!(read("Z29vZ2xlLmNvbQ==,7"), Some(7));
        assert_eq!((read("Z29vZ2xlLmNvbQ==,-1"), read("YmxhaA==")), (None, None));
    }

    fn declared<'r>(value_key: &'r str, array_key: Option<&'r str>, remove_key: bool) -> Declaration<'r> {
        Declaration {
            name: "set",
            kind: None,
            load: None,
            save: None,
            state: None,
            format: DatasetFormat::Json,
            value_key: Some(value_key),
            array_key,
            remove_key,
            reputation: false,
            memcap: None,
            hashsize: None,
        }
    }

    #[test]
    fn an_array_is_found_under_dotted_keys_and_so_are_the_values_and_one_is_left_out_of_the_record_if_asked() {
        let file = br#"{"meta": 1, "a": {"list": [{"ioc": {"ip": "fd00::1", "n": 2}}, {"ioc": {"ip": "1.2.3.4"}, "x": null}]}}"#;
        let read = |remove| document(file, DatasetType::Ip, declared("ioc.ip", Some("a.list"), remove)).unwrap();
        let texts =
            |remove| -> Vec<String> { read(remove).iter().map(|e| e.context.as_deref().unwrap().into()).collect() };
        assert_eq!(texts(false), [r#"{"ioc":{"ip":"fd00::1","n":2}}"#, r#"{"ioc":{"ip":"1.2.3.4"},"x":null}"#]);
        assert_eq!(texts(true), [r#"{"ioc":{"n":2}}"#, r#"{"ioc":{},"x":null}"#]);
        let first = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1).octets();
        let values: Vec<Box<[u8]>> = read(true).into_iter().map(|entry| entry.value).collect();
        assert_eq!(values, [Box::from(&first[..]), Box::from([1, 2, 3, 4].as_slice())]);
    }

    #[test]
    fn values_of_each_type_are_read_from_json_and_a_mapped_ipv4_is_one() {
        let of = |value: &str, kind| {
            json(format!("{{\"v\":\"{value}\"}}").as_bytes(), kind, declared("v", None, false)).map(|e| e.value.len())
        };
        assert_eq!(of("plain \\u00e9", DatasetType::String), Ok(8), "not base64: JSON has its own escapes");
        assert_eq!(of(&"ab".repeat(16), DatasetType::Md5), Ok(16));
        assert_eq!(of(&"AB".repeat(32), DatasetType::Sha256), Ok(32));
        assert_eq!((of("1.2.3.4", DatasetType::Ipv4), of("::ffff:1.2.3.4", DatasetType::Ip)), (Ok(4), Ok(4)));
        assert_eq!(of("fd00::1", DatasetType::Ip), Ok(16));
        assert!(of("fd00::1", DatasetType::Ipv4).is_err() && of("abc", DatasetType::Md5).is_err());
    }

    #[test]
    fn what_is_wrong_in_a_json_file_is_told_with_its_line() {
        let line = |file: &str, array| match document(file.as_bytes(), DatasetType::Ipv4, declared("ip", array, false))
        {
            Err(Problem::DatasetLine { line, expected }) => (line, expected.split(' ').next().unwrap_or_default()),
            other => panic!("{other:?}"),
        };
        assert_eq!(line("[\n{\"ip\": \"1.2.3.4\"},\n{\"ip\" \"1.2.3.5\"}]", None), (3, "JSON:"));
        assert_eq!(line("10.0.0.1,2\n", None).0, 1);
        assert_eq!(line("", None).0, 1);
        assert_eq!(line("[\n{\"ip\": \"1.2.3.4\"},\n\n{\"ip\": 5}]", None).0, 4);
        assert_eq!(line("[\n{\"ip\": \"1.2.3.4\"},\n{\"IP\": \"1.2.3.5\"}]", None).0, 3);
        assert_eq!(line("{\n\"a\":\n[\n{\"ip\": \"fd00::1\"}]}", Some("a")), (4, "an"));
        assert_eq!(line("{\"b\": []}", Some("a")).0, 1);
        assert_eq!(line("{\"a\":\n {}}", Some("a")).0, 2);
        let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(line(&deep, None).0, 1);
        let long = format!("{{\"ip\": \"1.2.3.4\", \"x\": \"{}\"}}", "x".repeat(LONGEST_RECORD));
        let lined =
            lines(format!("#\n\n{long}").as_bytes(), |line| json(line, DatasetType::Ipv4, declared("ip", None, false)));
        assert_eq!(lined, Err(wrong_line(2, "an object of at most 4,096 bytes")));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (kind, engine, values) in [
            (DatasetType::String, Kind::String, vec![&b""[..], b"a", b"ab", b"abc", b"abcd", b"\x00\xff\n"]),
            (DatasetType::Md5, Kind::Md5, vec![&[0xab; 16]]),
            (DatasetType::Sha256, Kind::Sha256, vec![&[0x01; 32]]),
            (DatasetType::Ipv4, Kind::Ipv4, vec![&[10, 0, 0, 1]]),
            (DatasetType::Ip, Kind::Ip, vec![&[10, 0, 0, 1], &[0xfd; 16]]),
        ] {
            for value in values {
                let text = line(engine, value).unwrap();
                let read = csv(text.as_bytes(), kind, false).unwrap();
                assert_eq!(&*read.value, value, "{text}");
            }
        }
    }

    #[test]
    fn files_to_write_stay_below_the_data_folder() {
        let policy = DatasetPolicy::default();
        let policy = &policy;
        assert!(writable(Path::new("a/b.txt"), policy).is_ok());
        assert!(writable(Path::new("/a.txt"), policy).is_err() && writable(Path::new("../a.txt"), policy).is_err());
        assert!(writable(Path::new("a.txt"), &DatasetPolicy { allow_write: false, ..policy.clone() }).is_err());
    }
}
