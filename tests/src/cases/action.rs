//! Cases of actions: pass, drop, reject; passive and inline.

use super::case::{Case, Expect, Run};
use crate::traffic::{Record, Side, TcpSession, UdpExchange, Wire};

const CLIENT: &str = "10.1.0.10";
const SERVER: &str = "10.2.0.20";

fn session(port: u16, asked: &[u8], answered: &[u8]) -> Vec<Record> {
    let session = TcpSession::new(Wire::of(CLIENT, SERVER), port, 80).handshake();
    session.client(asked).server(answered).close(Side::Client).records()
}

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![pass(), drop_flow(), drop_datagram(), reject(), replace()]
}

fn pass() -> Case {
    let rules = r#"
alert tcp any any -> any 80 (msg:"the word"; flow:established,to_server; content:"the-word"; sid:1; rev:1;)
drop tcp any any -> any 80 (msg:"the word, dropped"; flow:established,to_server; content:"the-word"; sid:2; rev:1;)
pass tcp 10.1.0.10 any -> any 80 (msg:"our own scanner"; flow:established,to_server; content:"scanner"; sid:3; rev:1;)
"#;
    let passed = session(42_000, b"the-word of our scanner", b"fine");
    let other = session(42_001, b"the-word of another", b"fine");
    Case::engine(
        "action-pass-beats-alert",
        "A pass rule silences alert and drop rules on its packet, passive and inline, and only there.",
        rules,
        vec![
            Run::silent("quiet", passed.clone()).and(Expect::event("flow").with("flow.action", "pass")),
            Run::over("quiet", None).inline(true).at_most(0).forwards(10, &[], &["our scanner"]),
            Run::of("hit", [passed, other].concat())
                .and(Expect::alert(1).with("src_port", 42_001))
                .and(Expect::alert(2).with("src_port", 42_001))
                .and(Expect::event("drop").times(0))
                .at_most(2),
            // Whichever signature stops the packet, all its alerts say what became of it.
            Run::over("hit", None)
                .inline(true)
                .and(Expect::alert(1).with("src_port", 42_001).with("verdict.action", "drop"))
                .and(Expect::alert(2).with("verdict.action", "drop"))
                .at_most(2),
        ],
    )
}

fn replace() -> Case {
    let rules = r#"
alert tcp any any -> any any (msg:"a version that is not to be told"; content:"Server: branch"; replace:"Server: hidden"; sid:1; rev:1;)
alert udp any any -> any any (msg:"two words"; content:"secret"; replace:"------"; content:"word"; distance:1; replace:"----"; sid:2; rev:1;)
alert udp any any -> any any (msg:"no match, no change"; content:"plain"; replace:"-----"; content:"nowhere"; sid:3; rev:1;)
"#;
    let datagram = |client, server| {
        UdpExchange::new(Wire::of(client, server), 5_000, 5_001)
            .client(b"a secret word, plain")
            .server(b"plain")
            .records()
    };
    let six = ("2001:db8:1::10", "2001:db8:2::20");
    let http = session(42_000, b"GET /", b"HTTP/1.1 200 OK\r\nServer: branch\r\n\r\nfine");
    let records = [http, datagram(CLIENT, SERVER), datagram(six.0, six.1)].concat();
    let quiet = session(42_001, b"GET /", b"HTTP/1.1 200 OK\r\nServer: other\r\n\r\nfine");
    Case::engine(
        "action-replace-writes-over-what-matched",
        "Inline replace puts other bytes in the place of those that matched, with right checksums, over IPv4 and IPv6; passive it alerts only.",
        rules,
        vec![
            Run::of("hit", records)
                .inline(true)
                .and(Expect::alert(1))
                .and(Expect::alert(2).times(2))
                .at_most(3)
                .forwards(14, &["Server: branch", "secret"], &["Server: hidden", "a ------ ----, plain", "fine"])
                .forwards_soundly(),
            Run::over("hit", None).and(Expect::alert(1)).and(Expect::alert(2).times(2)).at_most(3),
            Run::silent("quiet", quiet).inline(true).forwards(10, &["hidden"], &["Server: other"]).forwards_soundly(),
        ],
    )
}

fn drop_flow() -> Case {
    let rules = r#"drop tcp any any -> any 80 (msg:"attack"; flow:established,to_server; content:"attack-marker"; sid:1; rev:1;)"#;
    let attack = session(42_000, b"GET /attack-marker", b"secret-answer");
    let innocent = session(42_001, b"GET /innocent", b"plain-answer");
    let both = [attack, innocent].concat();
    // Of the attack's ten packets three go through, the fourth is dropped by the rule and six with its flow.
    let inline = Run::of("hit", both)
        .inline(true)
        .and(Expect::alert(1).with("alert.action", "blocked").with("verdict.action", "drop"))
        .and(Expect::event("drop").with("drop.reason", "rules").with("alert.signature_id", 1))
        .and(Expect::event("drop").with("drop.reason", "flow drop").with("direction", "to_client").times(3))
        .and(Expect::event("drop").with("drop.reason", "flow drop").with("direction", "to_server").times(3))
        .and(Expect::event("flow").with("src_port", 42_000).with("flow.action", "drop"))
        .and(Expect::event("flow").with("src_port", 42_001).exists("flow.action", false))
        .at_most(1)
        .forwards(13, &["attack-marker", "secret-answer"], &["/innocent", "plain-answer"]);
    let passive = Run::over("hit", None)
        .and(Expect::alert(1).with("alert.action", "allowed"))
        .and(Expect::event("drop").times(0))
        // As with the reference engine the record says what the rule asked for.
        .and(Expect::event("flow").with("src_port", 42_000).with("flow.action", "drop"))
        .and(Expect::event("flow").with("src_port", 42_001).exists("flow.action", false))
        .at_most(1);
    let quiet = Run::silent("quiet", session(42_002, b"GET /attack", b"marker")).inline(true);
    Case::engine(
        "action-drop-stops-the-flow-inline",
        "Inline a drop rule stops its packet and the rest of the connection; passive it alerts and drops nothing.",
        rules,
        vec![inline, passive, quiet.forwards(10, &[], &["/attack"])],
    )
}

fn drop_datagram() -> Case {
    let rules = r#"drop udp any any -> any any (msg:"attack"; content:"attack-marker"; sid:1; rev:1;)"#;
    let exchange = UdpExchange::new(Wire::of(CLIENT, SERVER), 5_000, 5_001);
    let records = exchange.client(b"first").client(b"attack-marker").client(b"third").server(b"answer").records();
    let six = UdpExchange::new(Wire::of("2001:db8:1::10", "2001:db8:2::20"), 5_000, 5_001).client(b"attack-marker");
    Case::engine(
        "action-drop-of-a-datagram",
        "Inline a drop rule on UDP stops the datagram that matched, over IPv4 and IPv6; the others go through.",
        rules,
        vec![
            Run::of("hit", records)
                .inline(true)
                .and(Expect::event("drop").with("drop.reason", "rules"))
                .and(Expect::event("drop").times(1))
                .at_most(1)
                .forwards(3, &["attack-marker"], &["first", "third", "answer"]),
            Run::of("hit-ipv6", six.records())
                .inline(true)
                .and(Expect::event("drop").with("ip_v", 6))
                .at_most(1)
                .forwards(0, &[], &[]),
        ],
    )
}

fn reject() -> Case {
    let rules = r#"reject tcp any any -> any 80 (msg:"attack"; flow:established,to_server; content:"attack-marker"; sid:1; rev:1;)"#;
    let alert = Expect::alert(1).with("alert.action", "blocked").with("verdict.action", "drop");
    let mut run = Run::of("hit", session(42_000, b"GET /attack-marker", b"secret-answer")).inline(true);
    run = run.and(alert.with("verdict.reject[0]", "tcp-reset"));
    run = run.and(Expect::event("drop").with("drop.reason", "rules")).at_most(1);
    Case::engine(
        "action-reject-inline",
        "Inline a reject rule stops its packet and the rest of the connection, and the alert says that it resets.",
        rules,
        vec![run, Run::silent("quiet", session(42_001, b"GET /attack", b"marker")).inline(true)],
    )
}
