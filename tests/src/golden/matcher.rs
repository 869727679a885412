//! Whether a JSON record has the fields that a case asks for.
//!
//! The same paths as in the conformance cases: `alert.metadata.tag[0]`. A number never equals a string.

use serde_json::{Map, Value};

/// The value at `path`; none where the record has no such field.
pub fn at<'v>(record: &'v Value, path: &str) -> Option<&'v Value> {
    let mut value = record;
    for part in path.split('.') {
        let (name, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
        value = value.get(name)?;
        while let Some(inner) = rest.strip_prefix('[') {
            let (place, after) = inner.split_once(']')?;
            value = value.get(place.parse::<usize>().ok()?)?;
            rest = after;
        }
    }
    Some(value)
}

/// Whether `record` has every field of `fields`: equal, or as `{"$exists": bool}` asks. A null counts as absent.
pub fn matches(record: &Value, fields: &Map<String, Value>) -> bool {
    fields.iter().all(|(path, wanted)| {
        let found = at(record, path).filter(|value| !value.is_null());
        match wanted.get("$exists").and_then(Value::as_bool) {
            Some(there) => found.is_some() == there,
            None => found == Some(wanted),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{at, matches};
    use serde_json::{Value, json};

    fn record() -> Value {
        json!({
            "event_type": "alert", "vlan": [110, 7], "src_port": 80, "empty": null,
            "alert": { "signature_id": 5, "metadata": { "tag": ["a", "b"] } }, "table": [[1, 2], [3]]
        })
    }

    fn fits(fields: Value) -> bool {
        matches(&record(), fields.as_object().unwrap())
    }

    #[test]
    fn paths_walk_objects_and_lists() {
        assert_eq!(at(&record(), "alert.metadata.tag[1]"), Some(&json!("b")));
        assert_eq!(at(&record(), "vlan[0]"), Some(&json!(110)));
        assert_eq!(at(&record(), "table[0][1]"), Some(&json!(2)));
        for nowhere in ["vlan[2]", "vlan[x]", "vlan[0", "alert.nothing", "src_port.deeper", ""] {
            assert_eq!(at(&record(), nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn all_fields_must_fit_and_a_number_is_no_string() {
        assert!(fits(json!({ "event_type": "alert", "alert.signature_id": 5 })));
        assert!(!fits(json!({ "event_type": "alert", "alert.signature_id": 6 })));
        assert!(!fits(json!({ "src_port": "80" })));
        assert!(!fits(json!({ "dest_port": 80 })));
        assert!(fits(json!({})));
    }

    #[test]
    fn existence_can_be_asked_for_and_a_null_does_not_exist() {
        assert!(fits(json!({ "vlan": { "$exists": true }, "drop": { "$exists": false } })));
        assert!(fits(json!({ "empty": { "$exists": false } })));
        assert!(!fits(json!({ "vlan": { "$exists": false } })));
    }
}
