//! How severe an attack is: one scale from the configuration to the event.
//!
//! Two vocabularies name it: that of the attack database and the configuration (critical, major, minor, warning, info), and that of events (CRITICAL, HIGH, MEDIUM,
//! LOW, INFO). Both are written and read here and nowhere else, so that no two places can disagree.
//!
//! Source: `spec/ssr-idp.md` section 3.4.

/// How severe an attack is, from the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// `info`, INFO
    Info,
    /// `warning`, LOW
    Low,
    /// `minor`, MEDIUM
    Medium,
    /// `major`, HIGH
    High,
    /// `critical`, CRITICAL
    Critical,
}

impl Severity {
    /// All of them, from the least.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word of the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "warning",
            Self::Medium => "minor",
            Self::High => "major",
            Self::Critical => "critical",
        }
    }

    /// The word of events.
    pub const fn threat(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }

    /// The severity of a word of the configuration.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::Severity;

    #[test]
    fn both_vocabularies_name_the_same_scale() {
        let words = Severity::ALL.map(|severity| (severity.name(), severity.threat()));
        assert_eq!(
            words,
            [("info", "INFO"), ("warning", "LOW"), ("minor", "MEDIUM"), ("major", "HIGH"), ("critical", "CRITICAL")]
        );
        for severity in Severity::ALL {
            assert_eq!(Severity::from_name(severity.name()), Some(severity));
        }
        assert_eq!(Severity::from_name("HIGH"), None);
        assert!(Severity::Critical > Severity::High && Severity::Low > Severity::Info);
    }
}
