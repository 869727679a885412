//! The files that go with a rule set: classifications, references, thresholds, reputations, countries, and an operator's edits.
//!
//! Each is read whole; every wrong line is reported and the others count.
pub mod classification;
pub mod countries;
pub mod edits;
pub mod reference;
pub mod reputation;
pub mod threshold;

use crate::diagnostic::{Diagnostic, Severity};
use crate::syntax::lexer::{self, Line, Text};
use crate::syntax::rule::diagnostic;
use crate::syntax::value::{Fault, Value};
use std::path::Path;
use std::sync::Arc;

/// Hands each line that is no comment to `read`; its faults become diagnostics of `file`.
fn each_line<T>(
    file: &Path,
    bytes: &[u8],
    mut read: impl FnMut(Value<'_>) -> Result<T, Fault>,
) -> (Vec<T>, Vec<Diagnostic>) {
    let file: Arc<Path> = file.into();
    let (mut found, mut diagnostics) = (Vec::new(), Vec::new());
    let texts = lexer::lines(bytes).into_iter().filter_map(|line| match line {
        Line::Rule(text) => Some(text),
        Line::Disabled(_) => None,
    });
    for text in texts {
        match read(Value::new(text.bytes(), 0).trim()) {
            Ok(item) => found.push(item),
            Err(fault) => diagnostics.push(located(&file, &text, fault)),
        }
    }
    (found, diagnostics)
}

fn located(file: &Arc<Path>, text: &Text, fault: Fault) -> Diagnostic {
    diagnostic(file, text, None, fault.span, Severity::Error, fault.problem)
}
