//! Writing JSON without building a tree.
//!
//! Appends to a byte buffer that is used again for each record. Commas are placed here; names are written as they stand, so they must be plain.

/// A JSON writer over a buffer.
pub struct Json<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> Json<'a> {
    /// Begins an object at the end of `out`.
    pub fn object(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    /// Ends the object.
    pub fn end(self) {
        self.out.push(b'}');
    }

    fn name(&mut self, name: &str) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// JSON as it stands, under a name that need not be plain. `value` must be a JSON value.
    pub fn raw(&mut self, name: &str, value: &str) {
        self.any_name(name);
        self.out.extend_from_slice(value.as_bytes());
    }

    /// A text from bytes, under a name that need not be plain.
    pub fn named_bytes(&mut self, name: &str, value: &[u8]) {
        self.any_name(name);
        string(self.out, value);
    }

    fn any_name(&mut self, name: &str) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
        string(self.out, name.as_bytes());
        self.out.push(b':');
    }

    /// A text.
    pub fn text(&mut self, name: &str, value: &str) {
        self.bytes(name, value.as_bytes());
    }

    /// A text from bytes that may not be UTF-8: what isn't becomes U+FFFD.
    pub fn bytes(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        string(self.out, value);
    }

    /// A number.
    pub fn number(&mut self, name: &str, value: impl Into<i128>) {
        self.name(name);
        decimal(self.out, value.into());
    }

    /// A number with a fraction; what is none is a text.
    pub fn float(&mut self, name: &str, value: f64) {
        use std::io::Write;
        if value.is_finite() {
            self.name(name);
            // Writing to a vector can't fail.
            let _ = write!(self.out, "{value}");
        } else {
            self.text(name, &value.to_string());
        }
    }

    /// True or false.
    pub fn flag(&mut self, name: &str, value: bool) {
        self.name(name);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// Base64 of bytes.
    pub fn base64(&mut self, name: &str, value: &[u8]) {
        use base64::{Engine, engine::general_purpose::STANDARD};
        self.name(name);
        self.out.push(b'"');
        let start = self.out.len();
        self.out.resize(start + value.len().div_ceil(3) * 4, 0);
        // The room is exactly what base64 with padding takes, so this can't fail.
        let written = self.out.get_mut(start..).map_or(0, |room| STANDARD.encode_slice(value, room).unwrap_or(0));
        self.out.truncate(start + written);
        self.out.push(b'"');
    }

    /// An object inside.
    pub fn nested(&mut self, name: &str, fill: impl FnOnce(&mut Json)) {
        self.name(name);
        let mut inner = Json::object(self.out);
        fill(&mut inner);
        inner.end();
    }

    /// A list of texts.
    pub fn texts<T: AsRef<str>>(&mut self, name: &str, values: impl IntoIterator<Item = T>) {
        self.name(name);
        self.out.push(b'[');
        for (place, value) in values.into_iter().enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            string(self.out, value.as_ref().as_bytes());
        }
        self.out.push(b']');
    }

    /// A list of numbers.
    pub fn numbers<T: Into<i128>>(&mut self, name: &str, values: impl IntoIterator<Item = T>) {
        self.name(name);
        self.out.push(b'[');
        for (place, value) in values.into_iter().enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            decimal(self.out, value.into());
        }
        self.out.push(b']');
    }

    /// A list of objects, one for each item.
    pub fn list<T>(&mut self, name: &str, items: impl IntoIterator<Item = T>, mut fill: impl FnMut(&mut Json, T)) {
        self.name(name);
        self.out.push(b'[');
        for (place, item) in items.into_iter().enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            let mut inner = Json::object(self.out);
            fill(&mut inner, item);
            inner.end();
        }
        self.out.push(b']');
    }

    /// A list with one object.
    pub fn list_of_one(&mut self, name: &str, fill: impl FnOnce(&mut Json)) {
        self.name(name);
        self.out.push(b'[');
        let mut inner = Json::object(self.out);
        fill(&mut inner);
        inner.end();
        self.out.push(b']');
    }
}

fn decimal(out: &mut Vec<u8>, value: i128) {
    use std::io::Write;
    // Writing to a vector can't fail.
    let _ = write!(out, "{value}");
}

fn string(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                control if control < ' ' || control == '\u{7f}' => {
                    out.extend_from_slice(format!("\\u{:04x}", u32::from(control)).as_bytes());
                }
                other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::Json;
    use serde_json::{Value, json};

    #[test]
    fn what_is_written_is_read_back_by_a_real_parser() {
        let mut out = Vec::new();
        let mut json = Json::object(&mut out);
        json.text("quote", "a\"b\\c\nd\u{1}é");
        json.bytes("broken", b"a\xffb");
        json.number("number", -5);
        json.float("fraction", -0.5);
        json.float("large", 1e300);
        json.float("none", f64::NAN);
        json.flag("flag", true);
        json.base64("payload", b"GOOD");
        json.base64("empty", b"");
        json.nested("inner", |inner| inner.texts("list", ["x", "y"]));
        json.nested("nothing", |_| {});
        json.raw("raw \"\n", "{\"a\":[1]}");
        json.named_bytes("\\", b"\"");
        json.numbers("vlan", [1_u16, 10]);
        json.end();
        let read: Value = serde_json::from_slice(&out).unwrap();
        let expected = json!({
            "quote": "a\"b\\c\nd\u{1}é", "broken": "a\u{fffd}b", "number": -5, "fraction": -0.5, "large": 1e300, "none": "NaN", "flag": true, "payload": "R09PRA==", "empty": "",
            "inner": {"list": ["x", "y"]}, "nothing": {}, "raw \"\n": {"a": [1]}, "\\": "\"", "vlan": [1, 10]
        });
        assert_eq!(read, expected);
    }
}
