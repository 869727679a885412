//! Hooks: `tls:client_hello_done` in a rule's header means that it is judged when the transaction is that far.
//!
//! Called by [`super::rule`].
//!
//! Source: the public rule documentation, "Rule Hooks".

use super::{Refusal, app};
use crate::{
    diagnostic::Problem,
    syntax::protocol::{AppProtocol as Named, Protocol},
};
use sluice_app::level;
use sluice_core::Direction;
use sluice_detect::app::AppCheck;

/// The question that the hook `name` of a rule over `protocol` asks, and the direction it is asked in.
pub(super) fn compile(protocol: Protocol, name: &str) -> Result<(AppCheck, Direction), Refusal> {
    let Some(named) = protocol.app() else { return Err(Refusal::Needs("hooks of packets")) };
    let protocols = app::parsers_of(named).ok_or(Refusal::Needs(named.name()))?;
    let (direction, level) = match named {
        Named::Tls => of_tls(name),
        _ => of_messages(name),
    }
    .ok_or(Refusal::Wrong(Problem::UnknownWord { expected: "a hook of the protocol, such as request_started" }))?;
    // Behind the headers a message is in its body until that is whole.
    let each_piece = name.ends_with("_body");
    Ok((AppCheck::Reached { protocols, direction, level, each_piece }, direction))
}

fn of_tls(name: &str) -> Option<(Direction, u8)> {
    use Direction::{ToClient, ToServer};
    Some(match name {
        "client_in_progress" => (ToServer, level::NOTHING),
        "client_hello_done" => (ToServer, level::LINE),
        "client_cert_done" => (ToServer, level::HEADERS),
        "client_handshake_done" | "client_finished" => (ToServer, level::DONE),
        "server_in_progress" => (ToClient, level::NOTHING),
        "server_hello" => (ToClient, level::LINE),
        "server_cert_done" | "server_hello_done" => (ToClient, level::HEADERS),
        "server_handshake_done" | "server_finished" => (ToClient, level::DONE),
        _ => return of_messages(name),
    })
}

/// Those of protocols with requests and responses.
fn of_messages(name: &str) -> Option<(Direction, u8)> {
    let (direction, step) = match name.split_once('_')? {
        ("request", step) => (Direction::ToServer, step),
        ("response", step) => (Direction::ToClient, step),
        _ => return None,
    };
    let level = match step {
        "started" => level::NOTHING,
        "line" => level::LINE,
        "headers" | "body" => level::HEADERS,
        "trailer" => level::TRAILER,
        "complete" => level::DONE,
        _ => return None,
    };
    Some((direction, level))
}

#[cfg(test)]
mod tests {
    use super::{of_messages, of_tls};
    use sluice_app::level;
    use sluice_core::Direction;

    #[test]
    fn hooks_say_how_far_which_direction_is() {
        assert_eq!(of_tls("client_hello_done"), Some((Direction::ToServer, level::LINE)));
        assert_eq!(of_tls("response_complete"), Some((Direction::ToClient, level::DONE)));
        assert_eq!(of_messages("request_headers"), Some((Direction::ToServer, level::HEADERS)));
        for wrong in ["client_hello_done", "request", "request_nonsense", ""] {
            assert_eq!(of_messages(wrong), None, "{wrong}");
        }
    }
}
