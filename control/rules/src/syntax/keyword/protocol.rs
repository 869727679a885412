//! `app-layer-protocol` and `app-layer-state`: what protocol detection found, and how far the parser is.
//!
//! Called through the keyword table. Source: the public rule documentation, "Generic App Layer Keywords".
use super::{Keyword, Use, plain};
use crate::diagnostic::Problem;
use crate::syntax::builder::Builder;
use crate::syntax::nearest::nearest;
use crate::syntax::protocol::AppProtocol;
use crate::syntax::rule::MatchKind;
use crate::syntax::value::Fault;

/// Which of the answers of protocol detection is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DetectionMode {
    /// The one of the packet's direction (no word given).
    Direction,
    /// `final`.
    Final,
    /// `original`: before an upgrade.
    Original,
    /// `either`: of either direction.
    Either,
    /// `to_server`.
    ToServer,
    /// `to_client`.
    ToClient,
    /// `exact`: no protocol stands for a part of it.
    Exact,
}

/// `app-layer-protocol`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppLayerProtocol {
    /// One of these, at least one.
    pub protocols: Vec<AppProtocol>,
    /// `!`: none of them.
    pub negated: bool,
    /// Which answer.
    pub mode: DetectionMode,
}

/// `app-layer-state:[<|>]state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolDetection {
    /// The condition as written.
    pub state: Box<str>,
}

pub(super) const KEYWORDS: &[Keyword] = &[
    plain("app-layer-protocol", "app-layer-protocol", app_layer_protocol),
    plain("app-layer-state", "app-layer-state", app_layer_state),
];

fn app_layer_protocol(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const MODES: &str = "final, original, either, to_server, to_client, direction or exact";
    let (negated, value) = option.value("[!]protocol[,mode]")?.unquoted()?.negation();
    let (list, mode) = match value.split_once(b',') {
        Some((list, mode)) => (list, Some(mode)),
        None => (value, None),
    };
    let mode = match mode {
        None => DetectionMode::Direction,
        Some(word) => match word.text() {
            "final" => DetectionMode::Final,
            "original" => DetectionMode::Original,
            "either" => DetectionMode::Either,
            "to_server" | "toserver" => DetectionMode::ToServer,
            "to_client" | "toclient" => DetectionMode::ToClient,
            "direction" => DetectionMode::Direction,
            "exact" => DetectionMode::Exact,
            _ => return Err(word.fault(Problem::UnknownWord { expected: MODES })),
        },
    };
    let mut protocols = Vec::new();
    for name in list.split(b'|') {
        let known = AppProtocol::from_name(name.text()).ok_or_else(|| {
            let near = nearest(name.text(), AppProtocol::ALL.iter().map(|&(n, _)| n));
            name.fault(Problem::UnknownProtocol { nearest: near })
        })?;
        protocols.push(known);
    }
    rule.push(option, MatchKind::AppLayerProtocol(AppLayerProtocol { protocols, negated, mode }));
    Ok(())
}

fn app_layer_state(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let value = option.value("[<|>]state")?;
    rule.push(option, MatchKind::ProtocolDetection(ProtocolDetection { state: value.lossy() }));
    Ok(())
}
