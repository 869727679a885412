//! Properties of the parser over text nobody would write.
use proptest::prelude::*;
use sluice_rules::{LoadOptions, RuleSet, Variables, load_bytes};
use std::path::Path;

fn read(bytes: &[u8]) -> RuleSet {
    let options = LoadOptions { variables: Some(Variables::default()), ..LoadOptions::default() };
    load_bytes(Path::new("property.rules"), bytes, &options)
}

/// Every place lies in the file, and every span in its rule.
fn check(bytes: &[u8], set: &RuleSet) -> Result<(), TestCaseError> {
    let lines: Vec<&[u8]> = bytes.split(|&b| b == b'\n').collect();
    for found in &set.diagnostics {
        let line = lines.get(found.line as usize - 1);
        prop_assert!(line.is_some_and(|l| found.column as usize <= l.len() + 1), "{found}");
        prop_assert!(!found.to_string().is_empty());
    }
    for rule in &set.rules {
        let length = rule.text.bytes().len();
        let spans = rule.options.iter().flat_map(|o| [Some(o.name), o.value]).flatten();
        for span in spans.chain(rule.matches.iter().map(|m| m.span)) {
            prop_assert!(span.start <= span.end && span.end as usize <= length);
        }
        for found in &rule.matches {
            prop_assert!(found.kind.buffer().is_none_or(|b| b < rule.buffers.len()));
        }
    }
    Ok(())
}

const WORDS: &[&str] = &[
    "content",
    "nocase",
    "depth",
    "distance",
    "within",
    "http.uri",
    "http_uri",
    "pcre",
    "byte_test",
    "byte_jump",
    "byte_extract",
    "byte_math",
    "flow",
    "flowbits",
    "xbits",
    "threshold",
    "dsize",
    "bsize",
    "isdataat",
    "tag",
    "xor",
    "subslice",
    "dataset",
    "iprep",
    "geoip",
    "flags",
    "vlan.id",
    "urilen",
    "entropy",
    "fast_pattern",
    "prefilter",
    "metadata",
    "reference",
    "msg",
    "sid",
    "rev",
    "requires",
    "tls.version",
    "dotprefix",
    "base64_decode",
    "base64_data",
    "replace",
    "stream_size",
    "frame",
    "absent",
    "startswith",
    "endswith",
    "priority",
    "target",
];

const VALUES: &[&str] = &[
    "\"abc\"",
    "!\"a|3a 20|\"",
    "\"|0\"",
    "\"/a(b)?/Ui\"",
    "1",
    "-1",
    "0",
    "99999999999999999999",
    "1<>5",
    "!3-9",
    "abc",
    "1,>,2,0,relative",
    "4,0,name,relative",
    "4,name",
    "bytes 1, offset 0, oper +, rvalue 2, result name",
    "established,to_server",
    "set,a|b",
    "isset,a",
    "set,a,track ip_src,expire 5",
    "type limit, track by_src, count 1, seconds 60",
    "session,5,packets",
    "extract 1 0",
    "0, 0",
    "isset,n,type md5",
    "any,C,>,5",
    "src,!US",
    "SA,12",
    "only",
    "2,2",
    "to_client",
    "version >= 5",
    "\\;",
    "\"",
    "",
    ",",
    ",,",
    "!",
    "&0xF=4",
    "/x/, flow:v",
];

fn option() -> impl Strategy<Value = String> {
    (prop::sample::select(WORDS), prop::option::of(prop::sample::select(VALUES)))
        .prop_map(|(word, value)| value.map_or_else(|| format!("{word}; "), |v| format!("{word}:{v}; ")))
}

/// The text of a rule that was taken is that rule: read alone it gives the same one, and once more the same text.
fn check_round_trip(set: &RuleSet) -> Result<(), TestCaseError> {
    for rule in &set.rules {
        let again = read(rule.text.bytes());
        let [other] = &again.rules[..] else {
            return Err(TestCaseError::fail(format!("{:?}", again.diagnostics)));
        };
        prop_assert_eq!(rule.text.bytes(), other.text.bytes());
        // The text also knows its lines in the file, which differ.
        prop_assert_eq!(&sluice_rules::Rule { text: rule.text.clone(), ..other.clone() }, rule);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check(&bytes, &read(&bytes))?;
    }

    #[test]
    fn no_text_like_a_rule_makes_the_parser_panic(text in r"(alert|#drop|x) [a-z$\[\]!:,. 0-9>-]{0,40}\([ -~\\\n]{0,120}\)?\n?") {
        check(text.as_bytes(), &read(text.as_bytes()))?;
    }

    #[test]
    fn no_mix_of_options_makes_the_parser_panic(options in prop::collection::vec(option(), 0..12), joined in any::<bool>()) {
        let glue = if joined { "\\\n " } else { "" };
        let text = format!("alert tcp any any -> any any ({}sid:1;)", options.join(glue));
        check(text.as_bytes(), &read(text.as_bytes()))?;
    }

    #[test]
    fn a_rule_read_from_its_own_text_is_the_same_rule(options in prop::collection::vec(option(), 0..3), joined in any::<bool>()) {
        let glue = if joined { "\\\n " } else { "" };
        let text = format!("\n#alert tcp any any -> any any (sid:2;)\nalert tcp any any -> any any ({}sid:1;)", options.join(glue));
        check_round_trip(&read(text.as_bytes()))?;
    }
}
