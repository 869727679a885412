//! What a golden case is, and the files it becomes.

use crate::traffic::{Capture, Record};
use serde_json::{Map, Value, json};

/// The starter rules, from the folder of a case.
pub const STARTER: &str = "../../../../control/rules/starter/sluice-starter.rules";

/// One case: rules, and runs over captures.
#[derive(Clone, Debug)]
pub struct Case {
    /// Name of its folder: `<area>-<behaviour>`.
    pub name: &'static str,
    /// What it holds the engine to, in one sentence.
    pub about: &'static str,
    /// Rules of its own; none: the starter rules.
    pub rules: Option<&'static str>,
    /// Whether its runs are inline, unless one says otherwise.
    pub inline: bool,
    /// The runs.
    pub runs: Vec<Run>,
}

/// One run of the engine.
#[derive(Clone, Debug)]
pub struct Run {
    /// Name of its capture without `.pcap`.
    pub name: &'static str,
    /// The capture file; none when another run of the case has it.
    pub capture: Option<Vec<u8>>,
    /// Records that must be there.
    pub expect: Vec<Expect>,
    /// Alerts of any signature that may be there.
    pub max_alerts: Option<u64>,
    /// Whether this run is inline.
    pub inline: Option<bool>,
    /// What `forwarded.pcapng` must say.
    pub forwarded: Option<Value>,
    /// Settings, as `--set` takes them.
    pub set: Vec<&'static str>,
}

/// Records that fit all fields, and how many there must be.
#[derive(Clone, Debug)]
pub struct Expect {
    fields: Map<String, Value>,
    count: u64,
}

impl Expect {
    /// Records of a type, once.
    pub fn event(kind: &str) -> Self {
        let mut fields = Map::new();
        fields.insert("event_type".into(), kind.into());
        Self { fields, count: 1 }
    }

    /// Alerts of a signature, once.
    pub fn alert(sid: u64) -> Self {
        Self::event("alert").with("alert.signature_id", sid)
    }

    /// Whose field at `path` is `value`.
    #[must_use]
    pub fn with(mut self, path: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(path.into(), value.into());
        self
    }

    /// That have, or lack, the field at `path`.
    #[must_use]
    pub fn exists(self, path: &str, there: bool) -> Self {
        self.with(path, json!({ "$exists": there }))
    }

    /// This many times.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self { count, ..self }
    }

    fn to_json(&self) -> Value {
        json!({ "match": self.fields, "count": self.count })
    }
}

impl Run {
    /// A run over records on Ethernet.
    pub fn of(name: &'static str, records: impl IntoIterator<Item = Record>) -> Self {
        Self::over(name, Some(Capture::of(records).to_bytes()))
    }

    /// A run over a file; without one, over the file another run has.
    pub const fn over(name: &'static str, capture: Option<Vec<u8>>) -> Self {
        Self { name, capture, expect: Vec::new(), max_alerts: None, inline: None, forwarded: None, set: Vec::new() }
    }

    /// Must be silent.
    pub fn silent(name: &'static str, records: impl IntoIterator<Item = Record>) -> Self {
        Self { max_alerts: Some(0), ..Self::of(name, records) }
    }

    /// Must alert with `sid`, `count` times, and with nothing else.
    pub fn alerts(name: &'static str, records: impl IntoIterator<Item = Record>, sid: u64, count: u64) -> Self {
        Self::of(name, records).and(Expect::alert(sid).times(count)).at_most(count)
    }

    /// With one more expectation.
    #[must_use]
    pub fn and(mut self, expect: Expect) -> Self {
        self.expect.push(expect);
        self
    }

    /// With this many alerts at most.
    #[must_use]
    pub fn at_most(self, alerts: u64) -> Self {
        Self { max_alerts: Some(alerts), ..self }
    }

    /// Inline, or not, whatever the case says.
    #[must_use]
    pub fn inline(self, inline: bool) -> Self {
        Self { inline: Some(inline), ..self }
    }

    /// With so many forwarded packets, of which none has one of `lacks` and at least one has each of `holds`.
    #[must_use]
    pub fn forwards(self, packets: u64, lacks: &[&str], holds: &[&str]) -> Self {
        Self { forwarded: Some(json!({ "packets": packets, "lacks": lacks, "holds": holds })), ..self }
    }

    /// With right checksums in all forwarded packets, which must be Ethernet.
    #[must_use]
    pub fn forwards_soundly(mut self) -> Self {
        let forwarded = self.forwarded.get_or_insert_with(|| json!({}));
        if let Some(forwarded) = forwarded.as_object_mut() {
            forwarded.insert("checksums".into(), true.into());
        }
        self
    }

    /// With a setting.
    #[must_use]
    pub fn set(mut self, setting: &'static str) -> Self {
        self.set.push(setting);
        self
    }

    /// Signatures it expects alerts of.
    pub fn sids(&self) -> Vec<u64> {
        let sid = |expect: &Expect| expect.fields.get("alert.signature_id").and_then(Value::as_u64);
        self.expect.iter().filter_map(sid).collect()
    }

    fn to_json(&self) -> Value {
        let mut run = Map::new();
        run.insert("pcap".into(), format!("{}.pcap", self.name).into());
        run.insert("expect".into(), self.expect.iter().map(Expect::to_json).collect());
        if let Some(most) = self.max_alerts {
            run.insert("max_alerts".into(), most.into());
        }
        if let Some(inline) = self.inline {
            run.insert("inline".into(), inline.into());
        }
        if let Some(forwarded) = &self.forwarded {
            run.insert("forwarded".into(), forwarded.clone());
        }
        if !self.set.is_empty() {
            run.insert("set".into(), self.set.clone().into());
        }
        run.into()
    }
}

impl Case {
    /// A case of a starter rule.
    pub const fn starter(name: &'static str, about: &'static str, runs: Vec<Run>) -> Self {
        Self { name, about, rules: None, inline: false, runs }
    }

    /// A case with rules of its own.
    pub const fn engine(name: &'static str, about: &'static str, rules: &'static str, runs: Vec<Run>) -> Self {
        Self { name, about, rules: Some(rules), inline: false, runs }
    }

    /// Its files: names inside `tests/golden/cases/`, and bytes.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let case = json!({
            "about": self.about,
            "rules": if self.rules.is_some() { "case.rules" } else { STARTER },
            "inline": self.inline,
            "runs": self.runs.iter().map(Run::to_json).collect::<Vec<_>>(),
        });
        let mut files = vec![(format!("{}/case.json", self.name), format!("{case:#}\n").into_bytes())];
        if let Some(rules) = self.rules {
            files.push((format!("{}/case.rules", self.name), format!("{}\n", rules.trim()).into_bytes()));
        }
        for run in &self.runs {
            if let Some(capture) = &run.capture {
                files.push((format!("{}/{}.pcap", self.name, run.name), capture.clone()));
            }
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_becomes_its_description_its_rules_and_a_file_for_each_capture() {
        let run = Run::silent("quiet", []);
        let case =
            Case::engine("area-behaviour", "Nothing.", "# none", vec![run, Run::over("quiet", None).inline(true)]);
        let files = case.files();
        let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["area-behaviour/case.json", "area-behaviour/case.rules", "area-behaviour/quiet.pcap"]);
        let json: Value = serde_json::from_slice(&files[0].1).unwrap();
        assert_eq!(json["runs"][1]["inline"], true);
        assert_eq!(json["runs"][0]["max_alerts"], 0);
    }
}
