//! `metadata` and `traffic` of an alert: marks of the flow, and what rules took out of the traffic.
//!
//! Called by [`crate::eve`]. Flow bits whose names begin with `traffic/id/` or `traffic/label/` say what the traffic is, and stand apart from the others.
//!
//! Source: the reference engine's manual, "Eve JSON Format: metadata", and the conformance cases.

use crate::json::Json;
use sluice_core::{RemarkKind, remark};

/// Names by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarkNames {
    /// Of flow bits.
    pub bits: Vec<String>,
    /// Of flow integers.
    pub ints: Vec<String>,
    /// Of what expressions capture, and of buffers whose entropy is told.
    pub texts: Vec<String>,
}

/// The numbers and bytes of remarks of one kind, by name.
fn named<'a>(
    bytes: &'a [u8],
    wanted: RemarkKind,
    names: &'a [String],
) -> impl Iterator<Item = (&'a str, &'a [u8])> + Clone {
    let all: Vec<_> = remark::entries(bytes)
        .filter(|(kind, ..)| *kind == wanted)
        .filter_map(|(_, number, own)| Some((names.get(usize::from(number))?.as_str(), own)))
        .collect();
    all.into_iter()
}

/// `metadata` and `traffic`, where there is something to tell.
pub(crate) fn metadata(json: &mut Json, bytes: &[u8], names: &MarkNames) {
    if bytes.is_empty() {
        return;
    }
    let bits: Vec<&str> = named(bytes, RemarkKind::FlowBit, &names.bits).map(|(name, _)| name).collect();
    let of_traffic = |prefix: &str| bits.iter().filter_map(|name| name.strip_prefix(prefix)).collect::<Vec<_>>();
    let (ids, labels) = (of_traffic("traffic/id/"), of_traffic("traffic/label/"));
    let bits: Vec<&str> = bits
        .iter()
        .filter(|name| !name.starts_with("traffic/id/") && !name.starts_with("traffic/label/"))
        .copied()
        .collect();
    let ints = named(bytes, RemarkKind::FlowInt, &names.ints);
    let [of_flow, of_packet] =
        [RemarkKind::FlowText, RemarkKind::PacketText].map(|kind| named(bytes, kind, &names.texts));
    let entropies = named(bytes, RemarkKind::Entropy, &names.texts);
    let any = |some: &mut dyn Iterator<Item = (&str, &[u8])>| some.next().is_some();
    let has_metadata = !bits.is_empty()
        || [ints.clone(), of_flow.clone(), of_packet.clone(), entropies.clone()].iter_mut().any(|some| any(some));
    if has_metadata {
        json.nested("metadata", |json| {
            if !bits.is_empty() {
                json.texts("flowbits", &bits);
            }
            for (list, texts) in [("flowvars", of_flow), ("pktvars", of_packet)] {
                if any(&mut texts.clone()) {
                    json.list(list, texts, |json, (name, text)| json.bytes(name, text));
                }
            }
            if any(&mut ints.clone()) {
                json.nested("flowints", |json| {
                    for (name, value) in ints {
                        json.number(name, value.first_chunk().map_or(0, |value| u32::from_le_bytes(*value)));
                    }
                });
            }
            if any(&mut entropies.clone()) {
                json.nested("entropy", |json| {
                    for (name, value) in entropies {
                        json.float(name, value.first_chunk().map_or(0.0, |value| f64::from_le_bytes(*value)));
                    }
                });
            }
        });
    }
    if !ids.is_empty() || !labels.is_empty() {
        json.nested("traffic", |json| {
            for (list, names) in [("id", ids), ("label", labels)] {
                if !names.is_empty() {
                    json.texts(list, &names);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{MarkNames, metadata};
    use crate::json::Json;
    use sluice_core::{RemarkKind, remark};

    fn names() -> MarkNames {
        let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        MarkNames {
            bits: of(&["seen", "traffic/id/mozilla", "traffic/label/web"]),
            ints: of(&["count"]),
            texts: of(&["ua", "file_data"]),
        }
    }

    fn told(remarks: &[(RemarkKind, u16, &[u8])]) -> String {
        let mut bytes = Vec::new();
        for (kind, number, own) in remarks {
            bytes.extend_from_slice(&remark::head(*kind, *number, own.len() as u16));
            bytes.extend_from_slice(own);
        }
        let mut out = Vec::new();
        let mut json = Json::object(&mut out);
        metadata(&mut json, &bytes, &names());
        json.end();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn marks_and_captures_are_told_by_name_and_what_names_traffic_stands_apart() {
        use RemarkKind::{Entropy, FlowBit, FlowInt, FlowText, PacketText};
        assert_eq!(
            told(&[(FlowBit, 0, b""), (FlowBit, 1, b""), (FlowBit, 2, b""), (FlowInt, 0, &7_u32.to_le_bytes())]),
            r#"{"metadata":{"flowbits":["seen"],"flowints":{"count":7}},"traffic":{"id":["mozilla"],"label":["web"]}}"#
        );
        assert_eq!(
            told(&[(FlowText, 0, b"a"), (PacketText, 0, b"b")]),
            r#"{"metadata":{"flowvars":[{"ua":"a"}],"pktvars":[{"ua":"b"}]}}"#
        );
        assert_eq!(told(&[(Entropy, 1, &4.25_f64.to_le_bytes())]), r#"{"metadata":{"entropy":{"file_data":4.25}}}"#);
    }

    #[test]
    fn nothing_is_told_of_nothing_and_of_numbers_without_names() {
        assert_eq!(told(&[]), "{}");
        assert_eq!(told(&[(RemarkKind::FlowBit, 9, b"")]), "{}");
    }
}
