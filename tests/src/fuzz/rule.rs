//! Target `rule`: any bytes as a rule file.
//!
//! Nothing panics; every finding has a place in the file; a rule that is taken is taken again, as the same rule, when its text stands alone; the compiler takes it or
//! says why not, and the rule set holds exactly the rules it took.

use super::rules;
use sluice_rules::{Rule, RuleSet};

/// Rules of one input that are compiled: each may cost a database.
const MOST_RULES: usize = 24;

/// Runs one input.
pub fn run(input: &[u8]) {
    let set = rules::load(input);
    check_places(input, &set);
    for rule in set.rules.iter().take(64) {
        read_again(rule);
    }
    let compiled = rules::compiled(&set, MOST_RULES);
    let taken = set.rules.len().min(MOST_RULES);
    assert_eq!(compiled.ruleset.rules().len(), compiled.places.len());
    assert_eq!(compiled.places.len() + compiled.refused + compiled.unsupported, taken, "{:?}", compiled.diagnostics);
    for found in &compiled.diagnostics {
        assert!(!found.to_string().is_empty());
    }
}

fn check_places(input: &[u8], set: &RuleSet) {
    let lines: Vec<&[u8]> = input.split(|&byte| byte == b'\n').collect();
    for found in &set.diagnostics {
        let line = (found.line as usize).checked_sub(1).and_then(|line| lines.get(line));
        assert!(line.is_some_and(|line| found.column >= 1 && found.column as usize <= line.len() + 1), "{found}");
        assert!(!found.to_string().is_empty());
    }
    for rule in &set.rules {
        let length = rule.text.bytes().len();
        let spans = rule.options.iter().flat_map(|option| [Some(option.name), option.value]).flatten();
        for span in spans.chain(rule.matches.iter().map(|found| found.span)) {
            assert!(span.start <= span.end && span.end as usize <= length, "{span:?} of {length}");
        }
        for found in &rule.matches {
            assert!(found.kind.buffer().is_none_or(|buffer| buffer < rule.buffers.len()));
        }
    }
}

/// The text of a rule is the rule: lines joined, nothing lost.
fn read_again(rule: &Rule) {
    let text = rule.text.bytes();
    let again = rules::load(text);
    let Some(other) = again.rules.first() else {
        panic!("refused when alone: {}\n{:?}", String::from_utf8_lossy(text), again.diagnostics);
    };
    assert_eq!(again.rules.len(), 1, "{}", String::from_utf8_lossy(text));
    // The text knows its lines, and the one alone has others.
    let other = Rule { text: rule.text.clone(), ..other.clone() };
    assert_eq!(format!("{rule:?}"), format!("{other:?}"));
}
