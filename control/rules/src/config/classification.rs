//! `classification.config`: what the names after `classtype` mean.
//!
//! Called by the service and the checker. Source: the public rule documentation, "Meta Keywords: classtype".
use super::each_line;
use crate::diagnostic::Diagnostic;
use crate::syntax::value::{Fault, Value};
use std::path::Path;

/// One classification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classification {
    /// The name rules use.
    pub name: Box<str>,
    /// Shown with the alert.
    pub description: Box<str>,
    /// Priority of rules that give none of their own; 1 is the most urgent.
    pub priority: u8,
}

/// Reads `config classification: name,description,priority` lines.
pub fn parse(file: &Path, bytes: &[u8]) -> (Vec<Classification>, Vec<Diagnostic>) {
    each_line(file, bytes, line)
}

fn line(text: Value<'_>) -> Result<Classification, Fault> {
    const FORM: &str = "config classification: name,description,priority";
    let rest = text.strip("config").and_then(|t| t.strip("classification")).and_then(|t| t.strip(":"));
    let rest = rest.ok_or_else(|| text.malformed(FORM))?;
    let parts = rest.list();
    // A description may hold commas.
    let ([name, middle @ ..], Some(priority)) = (parts.as_slice(), parts.last()) else {
        return Err(text.malformed(FORM));
    };
    if middle.len() < 2 || name.is_empty() {
        return Err(text.malformed(FORM));
    }
    let start = name.len() + 1 + usize::try_from(name.span().start.saturating_sub(rest.span().start)).unwrap_or(0);
    let end = usize::try_from(priority.span().start.saturating_sub(rest.span().start)).unwrap_or(0);
    let description = rest.slice(start, end).trim();
    let description = description.slice(0, description.len().saturating_sub(1)).trim();
    let number = priority.number(1, 255)?;
    Ok(Classification {
        name: name.lossy(),
        description: description.lossy(),
        priority: u8::try_from(number).unwrap_or(u8::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_wrong_ones_are_reported() {
        let text =
            b"# c\nconfig classification: not-suspicious,Not Suspicious, really,3\n\nconfig classification: x,y\n";
        let (found, wrong) = parse(Path::new("c"), text);
        assert_eq!(
            found,
            [Classification {
                name: "not-suspicious".into(),
                description: "Not Suspicious, really".into(),
                priority: 3
            }]
        );
        assert_eq!(wrong.iter().map(|d| d.line).collect::<Vec<_>>(), [4]);
    }
}
