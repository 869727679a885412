//! `reference.config`: the addresses that the systems after `reference` stand for.
//!
//! Called by the service and the checker. Source: the public rule documentation, "Meta Keywords: reference".
use super::each_line;
use crate::diagnostic::Diagnostic;
use crate::syntax::value::{Fault, Value};
use std::path::Path;

/// One system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceSystem {
    /// The name rules use; compared without case.
    pub name: Box<str>,
    /// What the identifier is appended to.
    pub prefix: Box<str>,
}

/// Reads `config reference: name prefix` lines.
pub fn parse(file: &Path, bytes: &[u8]) -> (Vec<ReferenceSystem>, Vec<Diagnostic>) {
    each_line(file, bytes, line)
}

fn line(text: Value<'_>) -> Result<ReferenceSystem, Fault> {
    const FORM: &str = "config reference: name prefix";
    let rest = text.strip("config").and_then(|t| t.strip("reference")).and_then(|t| t.strip(":"));
    let (name, prefix) = rest.ok_or_else(|| text.malformed(FORM))?.word();
    if name.is_empty() || prefix.is_empty() {
        return Err(text.malformed(FORM));
    }
    Ok(ReferenceSystem { name: name.lossy(), prefix: prefix.lossy() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let (found, wrong) = parse(Path::new("r"), b"config reference: cve   http://x/name=\n");
        assert_eq!(found, [ReferenceSystem { name: "cve".into(), prefix: "http://x/name=".into() }]);
        assert!(wrong.is_empty());
    }
}
