//! The counters of `stats` records: dotted names into nested objects, and the names of what the decoder counts by number.
//!
//! Called by `eve`. Names are those of the reference engine: `decoder.vlan`, `decoder.event.ipv4.opt_invalid`.

use crate::json::Json;
use sluice_core::{AppProtocol, Counters, counters::Tally};
use sluice_flow::StreamEvent;
use sluice_packet::{DecodeEvent, Protocol, normalise::Action};

/// What the decoder counted by number, by name. Protocols that have a counter of their own are left out.
pub fn of_decoder(counters: &Counters) -> impl Iterator<Item = (String, u64)> {
    let protocols = Protocol::ALL
        .iter()
        .map(|&protocol| (format!("decoder.{}", protocol.name()), counters.protocols.get(protocol as usize)));
    let events = DecodeEvent::ALL
        .iter()
        .map(|&event| (format!("decoder.event.{}", event.name()), counters.decoder_events.get(event as usize)));
    let layers = counters.decoder_events.get(DecodeEvent::TooManyLayers as usize);
    protocols
        .filter(|(name, _)| !Counters::NAMES.contains(&&**name))
        .chain(std::iter::once(("decoder.too_many_layers".to_owned(), layers)))
        .chain(events)
}

/// Stream events counted by number, by name.
pub fn of_streams(counters: &Counters) -> impl Iterator<Item = (String, u64)> {
    let named = |&event: &StreamEvent| (format!("stream.{}", event.name()), counters.stream_events.get(event as usize));
    StreamEvent::ALL.iter().map(named)
}

/// Flows, transactions and errors of application protocols, by name: over UDP with that behind it where a protocol is spoken over both.
pub fn of_applications(counters: &Counters) -> impl Iterator<Item = (String, u64)> {
    let named = |&protocol: &AppProtocol| {
        let both = matches!(protocol, AppProtocol::Dns | AppProtocol::Enip | AppProtocol::Dnp3);
        let name = protocol.name();
        let of = |tally: &Tally<64>, front: &str, behind: &str| {
            let [tcp, udp] = [0, 1].map(|way| tally.get(protocol as usize * 2 + way));
            let name = |way: &str| format!("app_layer.{front}.{name}{way}{behind}");
            match both {
                true => vec![(name("_tcp"), tcp), (name("_udp"), udp)],
                false => vec![(name(""), tcp + udp)],
            }
        };
        // A connection of TLS is not counted as a transaction, as in the reference engine.
        let mut told = of(&counters.app_told, "tx", "");
        if protocol == AppProtocol::Tls {
            told.iter_mut().for_each(|(_, count)| *count = 0);
        }
        [of(&counters.app_flows, "flow", ""), told, of(&counters.app_errors, "error", ".parser")].concat()
    };
    AppProtocol::ALL.iter().flat_map(named)
}

/// What the normaliser did, by name.
pub fn of_normaliser(counters: &Counters) -> impl Iterator<Item = (String, u64)> {
    let name = |action: &Action| format!("normalise.{}", action.name().replace('-', "_"));
    Action::ALL.iter().map(move |action| (name(action), counters.normalised.get(*action as usize)))
}

/// Writes `counters` as a tree: the part of a name before its first dot is an object. `more` adds to the object of a path.
pub fn tree(json: &mut Json, counters: &[(String, u64)], more: &dyn Fn(&str, &mut Json)) {
    let entries: Vec<(&str, u64)> = counters.iter().map(|(name, value)| (&**name, *value)).collect();
    branch(json, "", &entries, more);
}

fn branch(json: &mut Json, path: &str, entries: &[(&str, u64)], more: &dyn Fn(&str, &mut Json)) {
    let mut done: Vec<&str> = Vec::new();
    for (name, value) in entries {
        let Some((head, _)) = name.split_once('.') else {
            json.number(name, *value);
            continue;
        };
        if done.contains(&head) {
            continue;
        }
        done.push(head);
        let inner: Vec<(&str, u64)> = entries
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(head)?.strip_prefix('.')?, *value)))
            .collect();
        let path = if path.is_empty() { head.to_owned() } else { format!("{path}.{head}") };
        json.nested(head, |json| branch(json, &path, &inner, more));
    }
    more(path, json);
}

#[cfg(test)]
mod tests {
    use super::{Action, of_decoder, tree};
    use crate::json::Json;
    use sluice_core::Counters;
    use sluice_packet::{DecodeEvent, Protocol};

    #[test]
    fn there_is_room_for_every_protocol_and_event() {
        let counters = Counters::default();
        assert!(Protocol::ALL.len() <= counters.protocols.places());
        assert!(DecodeEvent::ALL.len() <= counters.decoder_events.places());
        assert!(Action::ALL.len() <= counters.normalised.places());
    }

    #[test]
    fn protocols_and_events_go_by_their_names_and_none_twice() {
        let mut counters = Counters::default();
        counters.protocols.raise(Protocol::Nsh as usize);
        counters.decoder_events.raise(DecodeEvent::IgmpMalformed as usize);
        let named: Vec<_> = of_decoder(&counters).collect();
        assert!(named.contains(&("decoder.nsh".to_owned(), 1)));
        assert!(named.contains(&("decoder.event.igmp.malformed".to_owned(), 1)));
        assert!(named.contains(&("decoder.mpls".to_owned(), 0)));
        assert!(!named.iter().any(|(name, _)| Counters::NAMES.contains(&&**name)));
    }

    #[test]
    fn dots_are_objects_each_once() {
        let mut out = Vec::new();
        let mut json = Json::object(&mut out);
        let counters = [("a.b", 1), ("c", 2), ("a.d.e", 3)].map(|(name, value)| (name.to_owned(), value));
        tree(&mut json, &counters, &|path, json| {
            if path == "a" {
                json.number("more", 4);
            }
        });
        json.end();
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"a":{"b":1,"d":{"e":3},"more":4},"c":2}"#);
    }
}
