//! What the writers need of a signature: its texts.

/// Texts and numbers of one signature, by its number in the rule set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// Generator id.
    pub gid: u32,
    /// Signature id.
    pub sid: u32,
    /// Revision.
    pub rev: u32,
    /// Message.
    pub message: String,
    /// Description of its class; empty without one.
    pub category: String,
    /// 1 is the most severe.
    pub priority: u8,
    /// Metadata: names and their values, names sorted.
    pub metadata: Vec<(String, Vec<String>)>,
    /// References, written out.
    pub references: Vec<String>,
    /// Which end is the target, if the rule says.
    pub target: Option<Target>,
}

/// The attacked end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The packet's source.
    Source,
    /// The packet's destination.
    Destination,
}
