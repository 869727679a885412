//! The header of a rule: action, protocol, hook, both endpoints and the direction.
//!
//! Called by `rule` with the text before the `(`. Variables are kept by name; `variables` resolves them.
//!
//! Source: the public rule documentation, "Rules Format".
use crate::diagnostic::{Problem, Span};
use crate::syntax::endpoint::{AddressExpr, PortExpr};
use crate::syntax::nearest::nearest;
use crate::syntax::protocol::Protocol;
use crate::syntax::value::{Fault, Value};

/// What a match leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Report it.
    Alert,
    /// Let the packet through and look no further.
    Pass,
    /// Drop the packet and the rest of its flow, and report it.
    Drop,
    /// Drop, and answer with a reset or an ICMP error to the sender (`reject` and `rejectsrc`).
    RejectSource,
    /// The same to the receiver (`rejectdst`).
    RejectDestination,
    /// The same to both (`rejectboth`).
    RejectBoth,
    /// Change how the engine treats the traffic, without a report.
    Config,
}

impl Action {
    /// The action of this name, ASCII case aside.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        const NAMES: [(&str, Action); 8] = [
            ("alert", Action::Alert),
            ("pass", Action::Pass),
            ("drop", Action::Drop),
            ("reject", Action::RejectSource),
            ("rejectsrc", Action::RejectSource),
            ("rejectdst", Action::RejectDestination),
            ("rejectboth", Action::RejectBoth),
            ("config", Action::Config),
        ];
        NAMES.iter().find(|(n, _)| name.eq_ignore_ascii_case(n.as_bytes())).map(|&(_, action)| action)
    }
}

/// Which packets of a conversation the endpoints describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `->`: from the first endpoint to the second.
    Forward,
    /// `<>`: both ways.
    Both,
    /// `=>`: a transaction asked for by the first endpoint; keywords may look at either half of it.
    Transaction,
}

/// One side of the header.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Addresses.
    pub address: AddressExpr,
    /// Ports.
    pub ports: PortExpr,
}

/// A whole header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Action.
    pub action: Action,
    /// Protocol.
    pub protocol: Protocol,
    /// What follows the protocol after a colon: the point of the transaction at which the rule is looked at,
    /// for example `request_started` or `stream:request_headers`.
    pub hook: Option<Box<str>>,
    /// First endpoint.
    pub source: Endpoint,
    /// Direction.
    pub direction: Direction,
    /// Second endpoint.
    pub destination: Endpoint,
}

/// Reads a header. All faults of all fields are returned.
pub fn parse(text: Value<'_>) -> Result<Header, Vec<Fault>> {
    const FIELDS: [&str; 7] =
        ["action", "protocol", "source address", "source port", "direction", "destination address", "destination port"];
    let mut faults = Vec::new();
    let fields = match fields(text) {
        Ok(fields) => fields,
        Err(fault) => return Err(vec![fault]),
    };
    let &[action_text, protocol_text, source, source_port, direction_text, destination, destination_port] =
        fields.as_slice()
    else {
        // The first two words are worth a look even if the rest is missing.
        if let Some(first) = fields.first()
            && Action::from_name(first.bytes()).is_none()
        {
            faults.push(first.fault(Problem::UnknownAction));
        }
        faults.push(match (FIELDS.get(fields.len()), fields.get(7)) {
            (Some(missing), _) => text.trim().fault(Problem::HeaderIncomplete { missing }),
            (None, Some(extra)) => extra.fault(Problem::HeaderTooLong),
            (None, None) => text.fault(Problem::HeaderTooLong),
        });
        return Err(faults);
    };
    let action = Action::from_name(action_text.bytes());
    if action.is_none() {
        faults.push(action_text.fault(Problem::UnknownAction));
    }
    let (protocol_name, hook) = match protocol_text.split_once(b':') {
        Some((name, hook)) => (name, Some(hook)),
        None => (protocol_text, None),
    };
    let protocol = Protocol::from_name(protocol_name.text());
    if protocol.is_none() {
        let near = nearest(protocol_name.text(), Protocol::names());
        faults.push(protocol_name.fault(Problem::UnknownProtocol { nearest: near }));
    }
    if let Some(hook) = hook {
        let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':' | b'-');
        if hook.is_empty() || !hook.bytes().iter().all(word) {
            faults.push(hook.malformed("protocol:hook, for example http1:request_started"));
        }
    }
    let direction = match direction_text.bytes() {
        b"->" => Some(Direction::Forward),
        b"<>" => Some(Direction::Both),
        b"=>" => Some(Direction::Transaction),
        _ => {
            faults.push(direction_text.fault(Problem::UnknownDirection));
            None
        }
    };
    let mut keep = |result: Result<_, Fault>| result.map_err(|fault| faults.push(fault)).ok();
    let source_address = keep(AddressExpr::parse(source));
    let destination_address = keep(AddressExpr::parse(destination));
    let mut keep = |result: Result<_, Fault>| result.map_err(|fault| faults.push(fault)).ok();
    let source_ports = keep(PortExpr::parse(source_port));
    let destination_ports = keep(PortExpr::parse(destination_port));
    match (action, protocol, direction, source_address, source_ports, destination_address, destination_ports) {
        (Some(action), Some(protocol), Some(direction), Some(a), Some(b), Some(c), Some(d)) if faults.is_empty() => {
            Ok(Header {
                action,
                protocol,
                hook: hook.map(Value::lossy),
                source: Endpoint { address: a, ports: b },
                direction,
                destination: Endpoint { address: c, ports: d },
            })
        }
        _ => Err(faults),
    }
}

/// Where the field of this number (from 0, the action) lies in a rule's text.
pub(crate) fn field_span(text: Value<'_>, field: usize) -> Span {
    let open = text.bytes().iter().position(|&b| b == b'(').unwrap_or(text.len());
    fields(text.slice(0, open)).ok().and_then(|f| f.get(field).map(|v| v.span())).unwrap_or_default()
}

/// Cuts the header at white space outside brackets.
fn fields(text: Value<'_>) -> Result<Vec<Value<'_>>, Fault> {
    let mut fields = Vec::with_capacity(7);
    let mut depth = 0usize;
    let mut start = None;
    for (i, &b) in text.bytes().iter().enumerate() {
        match b {
            b'[' => depth += 1,
            b']' if depth == 0 => return Err(text.slice(i, i + 1).fault(Problem::UnbalancedBrackets)),
            b']' => depth -= 1,
            _ => {}
        }
        match start {
            None if !b.is_ascii_whitespace() => start = Some(i),
            Some(from) if b.is_ascii_whitespace() && depth == 0 => {
                fields.push(text.slice(from, i));
                start = None;
            }
            _ => {}
        }
    }
    if let Some(from) = start {
        if depth > 0 {
            return Err(text.from(from).fault(Problem::UnbalancedBrackets));
        }
        fields.push(text.from(from));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Result<Header, Vec<Fault>> {
        parse(Value::new(text.as_bytes(), 0))
    }

    #[test]
    fn lists_may_hold_spaces() {
        let header = header("drop http [10.0.0.1, !$X] any => ![1.1.1.1, 2.2.2.2] [80, 8080:]").unwrap();
        assert_eq!((header.action, header.direction), (Action::Drop, Direction::Transaction));
    }

    #[test]
    fn a_hook_follows_the_protocol() {
        let header = header("alert http2:stream:request_headers any any -> any any").unwrap();
        assert_eq!(header.hook.as_deref(), Some("stream:request_headers"));
    }

    #[test]
    fn every_wrong_field_is_reported() {
        let faults = header("alrt htp any any >< any 70000").unwrap_err();
        let problems: Vec<_> = faults.into_iter().map(|f| f.problem).collect();
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert!(problems.contains(&Problem::UnknownProtocol { nearest: Some("http") }));
    }

    #[test]
    fn a_short_header_names_the_missing_field() {
        let faults = header("alert tcp any any -> any").unwrap_err();
        assert_eq!(faults[0].problem, Problem::HeaderIncomplete { missing: "destination port" });
        assert_eq!(header("alert tcp any [1,2 -> any any").unwrap_err()[0].problem, Problem::UnbalancedBrackets);
    }
}
