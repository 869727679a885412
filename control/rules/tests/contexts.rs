//! What alerts tell besides their signature: records of JSON data sets. Each has a silent twin.
//!
//! Source: the public rule documentation of the reference engine, "Datasets: dataset with JSON".
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{BOTH, Engine, Family, File, Frame, Session};

type Told = Vec<(u32, Vec<(String, String)>)>;

fn told(alerts: &[(u32, &[(&str, &str)])]) -> Told {
    let owned = |(key, text): &(&str, &str)| ((*key).to_owned(), (*text).to_owned());
    alerts.iter().map(|(sid, texts)| (*sid, texts.iter().map(owned).collect())).collect()
}

fn sends(engine: &mut Engine, frame: &[u8]) -> Told {
    engine.judge(0, frame);
    engine.contexts()
}

#[test]
fn the_records_of_all_sets_of_a_rule_go_with_its_alert_and_those_of_a_rule_that_fails_with_none() {
    let words = File::new("words", "{\"w\":\"evil\",\"n\":1}\n{\"w\":\"bad\",\"n\":2}\n{\"w\":\"bad\",\"n\":3}\n");
    let hosts = File::new(
        "hosts",
        r#"{"list": [{"a": {"ip": "10.0.0.1", "x": 0}}, {"a": {"ip": "::ffff:10.0.0.7"}}, {"a": {"ip": "fd00::1"}}]}"#,
    );
    let rules = format!(
        "alert udp any any -> any any (pkt_data; strip_whitespace; dataset:isset,words,type string,load {0},format ndjson,value_key w,context_key word; \
         ip.src; dataset:isset,hosts,type ip,load {1},format json,array_key list,value_key a.ip,remove_key,context_key who; sid:1;)\n\
         alert udp any any -> any any (pkt_data; strip_whitespace; dataset:isset,words,context_key again; sid:2;)\n\
         alert udp any any -> any any (pkt_data; strip_whitespace; dataset:isnotset,words,context_key none; sid:3;)\n",
        words.path(),
        hosts.path()
    );
    let mut engine = Engine::new(&rules);
    let bad = "{\"n\":2,\"w\":\"bad\"}";
    let v4 = "{\"a\":{\"x\":0}}";
    assert_eq!(
        sends(&mut engine, &Frame::new(Family::V4).udp(b"bad")),
        told(&[(1, &[("word", bad), ("who", v4)]), (2, &[("again", bad)])])
    );
    assert_eq!(
        sends(&mut engine, &Frame::new(Family::V6).udp(b"bad")),
        told(&[(1, &[("word", bad), ("who", "{\"a\":{}}")]), (2, &[("again", bad)])])
    );
    let other = Frame { source: 8, ..Frame::new(Family::V4) };
    assert_eq!(sends(&mut engine, &other.udp(b"bad")), told(&[(2, &[("again", bad)])]), "only the word is known");
    assert_eq!(sends(&mut engine, &other.udp(b"good")), told(&[(3, &[])]));
    assert_eq!(engine.pipeline.counters.detect_context_full, 0);
}

#[test]
fn records_go_with_alerts_of_streams_and_transactions_too() {
    let hosts = File::new("http", "[{\"h\":\"evil.example\",\"n\":[1,{\"q\":\"\\\"\"}]}]");
    let set = format!("dataset:isset,h,type string,load {},format json,value_key h,context_key host", hosts.path());
    let rules = format!("alert http any any -> any any (http.host; {set}; sid:1;)");
    for family in BOTH {
        let mut engine = Engine::new(&rules);
        let mut session = Session::between(Frame { ports: (40_000, 80), ..Frame::new(family) });
        session.handshake().iter().for_each(|frame| assert!(engine.feed(frame).is_empty()));
        let request = session.client_sends(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
        let record = r#"{"h":"evil.example","n":[1,{"q":"\""}]}"#;
        assert_eq!(sends(&mut engine, &request), told(&[(1, &[("host", record)])]));
        let twin = session.client_sends(b"GET / HTTP/1.1\r\nHost: good.example\r\n\r\n");
        assert_eq!(sends(&mut engine, &twin), []);
    }
}

#[test]
fn a_record_without_room_is_left_out_and_counted_and_the_alert_is_not() {
    let large = "x".repeat(150);
    let file = File::new("large", &format!("[{{\"v\":\"a\",\"x\":\"{large}\"}}]"));
    let set = format!("dataset:isset,s,type string,load {},format json,value_key v", file.path());
    // The slots of this harness hold 256 bytes.
    let rule = format!(
        "alert udp any any -> any any (pkt_data; strip_whitespace; {set},context_key one; {set},context_key two; sid:1;)"
    );
    let mut engine = Engine::new(&rule);
    let alerts = sends(&mut engine, &Frame::new(Family::V4).udp(b"a"));
    assert_eq!(alerts.iter().map(|(sid, texts)| (*sid, texts.len())).collect::<Vec<_>>(), [(1, 1)]);
    engine.pipeline.publish();
    assert_eq!(engine.pipeline.counters.detect_context_full, 1);
}
