//! Conversations of HTTP/1 and what is told of them; hostile ones, and what they cost.

use crate::{AppSettings, testing::talk};
use sluice_core::Direction::{ToClient, ToServer};

fn said(conversation: &[(sluice_core::Direction, &[u8])]) -> Vec<String> {
    let mut lines = talk(AppSettings::default(), conversation);
    lines.retain(|line| !line.contains(" frame:http1."));
    lines
}

/// Lines of what was said that hold `part`.
fn with<'a>(lines: &'a [String], part: &str) -> Vec<&'a str> {
    lines.iter().filter(|line| line.contains(part)).map(String::as_str).collect()
}

#[test]
fn a_request_and_its_response_are_one_transaction() {
    let lines = said(&[
        (ToServer, b"GET /a/../b?c=%20d HTTP/1.1\r\nHost: Www.Example.com:80\r\nCookie: x=y\r\nAccept: */*\r\n\r\n"),
        (
            ToClient,
            b"HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: 5\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\nhello",
        ),
    ]);
    for wanted in [
        "http 0 > http.method GET",
        "http 0 > http.uri /b?c= d",
        "http 0 > http.uri.raw /a/../b?c=%20d",
        "http 0 > http.protocol HTTP/1.1",
        "http 0 > http.request_line GET /a/../b?c=%20d HTTP/1.1",
        "http 0 > http.host www.example.com",
        "http 0 > http.host.raw Www.Example.com:80",
        "http 0 > http.cookie x=y",
        "http 0 > http.header Host: Www.Example.com:80\\r\\nAccept: */*\\r\\n",
        "http 0 > http.header.raw Host: Www.Example.com:80\\r\\nCookie: x=y\\r\\nAccept: */*\\r\\n",
        "http 0 > http.header_names \\r\\nHost\\r\\nCookie\\r\\nAccept\\r\\n\\r\\n",
        "http 0 > http.request_header Accept: */*",
        "http 0 > level 5",
        "http 0 < http.stat_code 200",
        "http 0 < http.stat_msg OK",
        "http 0 < http.response_line HTTP/1.1 200 OK",
        "http 0 < http.cookie a=b, c=d",
        "http 0 < http.header Server: s\\r\\nContent-Length: 5\\r\\n",
        "http 0 < http.response_body Closed 5 file 1 '/b' hello",
        "http 0 < (http.length) 5",
        "http 0 < level 5",
    ] {
        assert!(lines.iter().any(|line| line == wanted), "{wanted} is not in\n{}", lines.join("\n"));
    }
    assert!(with(&lines, "(event)").is_empty(), "{lines:#?}");
}

#[test]
fn a_host_that_is_too_long_to_be_one_is_there_whole() {
    let host = "A".repeat(12_000);
    let lines = said(&[(ToServer, format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())]);
    let wanted = format!("http 0 > http.host {}", host.to_ascii_lowercase());
    assert!(
        lines.contains(&wanted),
        "{:?}",
        with(&lines, "http.host ").iter().map(|line| line.len()).collect::<Vec<_>>()
    );
}

#[test]
fn lines_longer_than_usual_read_the_same_however_they_are_cut() {
    let long = "a".repeat(20_000);
    let body = "Content-Length: 5\r\n\r\nhello";
    let ask: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    // `said` holds the whole against every byte alone and against pieces of three.
    let lines = said(&[(ToServer, format!("POST / HTTP/1.1\r\nX: {long}\r\nHost: a\r\n{body}").as_bytes())]);
    assert_eq!(with(&lines, "http.request_body Closed 5"), ["http 0 > http.request_body Closed 5 hello"]);
    assert_eq!(with(&lines, "http.host a").len(), 1, "what stands behind it counts");
    let lines = said(&[(ToServer, format!("POST /{long} HTTP/1.1\r\nHost: a\r\n{body}").as_bytes())]);
    assert_eq!(with(&lines, "http.request_body Closed 5"), ["http 0 > http.request_body Closed 5 hello"]);
    assert_eq!(with(&lines, "http.protocol HTTP/1.1").len(), 1);
    let answer = |front: &str| said(&[(ToServer, ask), (ToClient, format!("{front}{body}").as_bytes())]);
    for front in [format!("HTTP/1.1 200 OK\r\nX: {long}\r\n"), format!("HTTP/1.1 200 {long}\r\nX: y\r\n")] {
        assert_eq!(
            with(&answer(&front), "http.response_body Closed 5"),
            ["http 0 < http.response_body Closed 5 file 1 '/' hello"]
        );
    }
    answer(&format!("{}\r\nHTTP/1.1 200 OK\r\n", "b".repeat(3_000)));
    // Beyond what is kept of a block.
    let longer = "a".repeat(100_000);
    said(&[(ToServer, format!("POST / HTTP/1.1\r\nX: {longer}\r\nHost: a\r\n{body}").as_bytes())]);
    said(&[(ToServer, format!("POST /{longer} HTTP/1.1\r\nHost: a\r\n{body}").as_bytes())]);
    answer(&format!("HTTP/1.1 200 {longer}\r\nX: {longer}\r\n"));
}

#[test]
fn a_length_said_twice_stands_in_the_headers_once_and_as_it_counts() {
    for (again, event) in [("5", 1), ("9", 1)] {
        let answer =
            format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: a\r\ncontent-length: {again}\r\nX: b\r\n\r\nhello");
        let lines = said(&[(ToServer, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), (ToClient, answer.as_bytes())]);
        assert_eq!(with(&lines, "< http.content_len"), ["http 0 < http.content_len 5"]);
        assert_eq!(with(&lines, "< http.header "), ["http 0 < http.header Content-Length: 5\\r\\nX: a, b\\r\\n"]);
        assert_eq!(with(&lines, "< http.response_body").len(), 1);
        assert_eq!(with(&lines, "(event)").len(), event, "{lines:#?}");
    }
}

#[test]
fn messages_are_there_as_they_came_too() {
    let lines = talk(
        AppSettings::default(),
        &[
            (ToServer, b"\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2\r\n\r\n"),
            (ToClient, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"),
        ],
    );
    assert_eq!(
        with(&lines, "frame:"),
        [
            "http 0 > frame:http1.request Closed 28 GET /1 HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
            "http 0 < frame:http1.response Closed 40 HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nab",
            "http 1 > frame:http1.request Closed 8 GET /2\\r\\n",
        ]
    );
}

#[test]
fn pipelined_requests_get_their_responses_in_order() {
    let lines = said(&[
        (ToServer, b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: a\r\n\r\nPOST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"),
        (ToClient, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nTrail: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
    ]);
    assert_eq!(
        with(&lines, "http.stat_code"),
        ["http 0 < http.stat_code 200", "http 1 < http.stat_code 200", "http 2 < http.stat_code 304"]
    );
    assert_eq!(with(&lines, "http.response_body"), ["http 0 < http.response_body Closed 2 file 2 '/1' ab"]);
    assert_eq!(with(&lines, "http.request_body"), ["http 2 > http.request_body Closed 2 hi"]);
    assert_eq!(with(&lines, "file.data"), ["http 2 > file.data Closed 2 file 1 '/3' hi"]);
    assert_eq!(
        with(&lines, "Trail"),
        [
            "http 0 < http.response_header Trail: x",
            "http 0 < http.header Trail: x\\r\\n",
            "http 0 < http.header.raw Trail: x\\r\\n"
        ]
    );
    assert_eq!(with(&lines, "level 5").len(), 6);
}

#[test]
fn a_form_has_files() {
    let body = b"--xx\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue\r\n--xx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"one.txt\"\r\nContent-Type: text/plain\r\n\r\nline\r\n--x\r\n-\r\n--xx\r\nContent-Disposition: form-data; filename=\"two\"\r\n\r\n\r\n--xx--\r\n";
    let head = format!(
        "POST /up HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=xx\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let lines = said(&[(ToServer, &[head.as_bytes(), body].concat())]);
    assert_eq!(
        with(&lines, "file.data"),
        [
            "http 0 > file.data Closed 12 file 1 'one.txt' line\\r\\n--x\\r\\n-",
            "http 0 > file.data Closed 0 file 2 'two' "
        ]
    );
    assert_eq!(with(&lines, "http.request_body").len(), 1);
    assert_eq!(with(&lines, "(event)"), ["http 0 > (event) multipart_no_filedata"]);
}

#[test]
fn a_response_without_a_request_makes_a_transaction() {
    let lines = said(&[(ToClient, b"HTTP/1.0 200 OK\r\n\r\nuntil the end")]);
    assert_eq!(
        with(&lines, "http.response_body"),
        ["http 0 < http.response_body Closed 13 file 1 '/libhtp::request_uri_not_seen' until the end"]
    );
    assert_eq!(with(&lines, "(event)"), ["http 0 < (event) unable_to_match_response_to_request"]);
}

#[test]
fn what_comes_before_the_response_is_left_out() {
    let lines = said(&[
        (ToServer, b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"),
        (ToClient, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"),
    ]);
    assert_eq!(with(&lines, "http.stat_code"), ["http 0 < http.stat_code 204"]);
    assert_eq!(with(&lines, "(event)"), ["http 0 < (event) 100_continue_already_seen"]);
}

#[test]
fn a_tunnel_is_another_conversation() {
    let lines = said(&[
        (ToServer, b"CONNECT abc:443 HTTP/1.1\r\nHost: abc:443\r\n\r\n"),
        (ToClient, b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"),
        (ToServer, b"GET /inner HTTP/1.1\r\nHost: b\r\n\r\n"),
        (ToClient, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
    ]);
    assert_eq!(with(&lines, "http.uri "), ["http 0 > http.uri abc:443", "http 0 > http.uri /inner"]);
    assert_eq!(with(&lines, "http.response_body"), ["http 0 < http.response_body Closed 1 file 1 '/inner' x"]);
}

#[test]
fn a_request_without_a_version_may_have_headers() {
    let lines = said(&[(ToServer, b"GET /a\r\nHost: b\r\n\r\n"), (ToClient, b"plain words")]);
    assert_eq!(with(&lines, "http.host "), ["http 0 > http.host b"]);
    assert_eq!(with(&lines, "http.response_body"), ["http 0 < http.response_body Closed 11 file 1 '/a' plain words"]);
    let lines = said(&[(ToServer, b"GET /a\r\n"), (ToClient, b"plain words")]);
    assert_eq!(with(&lines, "level"), ["http 0 > level 5", "http 0 < level 5"]);
}

#[test]
fn a_conversation_is_small() {
    assert!(size_of::<super::Conversation>() <= 700, "{}", size_of::<super::Conversation>());
}

/// Pieces of messages that hostile input is made of.
fn fragments(with_lengths: bool) -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    use proptest::prelude::*;
    let mut words: Vec<&'static [u8]> = vec![
        b"GET / HTTP/1.1\r\n",
        b"POST /a?b HTTP/1.0\n",
        b"HEAD /x HTTP/1.1\r\n",
        b"GET /\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b"\0",
        b"Host: a\r\n",
        b"A: b\r\n",
        b" folded\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Encoding: gzip\r\n",
        b"Content-Encoding: deflate, br\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 304 No\r\n",
        b"HTTP/1.0 404\n",
        b"HTTP/1.1 100 Go\r\n",
        b"HTTP/",
        b"5\r\n",
        b"hello",
        b"0\r\n",
        b"zz",
        b"\x1f\x8b\x08\0",
        b":",
        b"no colon\r\n",
        b"Expect: 100-continue\r\n",
    ];
    if with_lengths {
        words.extend([
            &b"Content-Length: 5\r\n"[..],
            b"Content-Length: 0\r\n",
            b"Content-Length: 7, 9\r\n",
            b"CONNECT a:1 HTTP/1.1\r\n\r\n",
            b"Content-Type: multipart/form-data; boundary=b\r\n",
            b"--b\r\n",
            b"--b--",
            b"Content-Disposition: x; filename=f\r\n\r\n",
            b"HTTP/1.1 101 x\r\nUpgrade: h2c\r\n\r\n",
        ]);
    }
    prop::collection::vec(prop::sample::select(words), 0..25).prop_map(|words| words.concat())
}

fn same_however_cut(
    conversation: &[(sluice_core::Direction, &[u8])],
) -> Result<(), proptest::test_runner::TestCaseError> {
    let told = |size| {
        let mut lines = crate::testing::talk_cut(AppSettings::default(), conversation, size);
        lines.sort();
        lines
    };
    let whole = told(usize::MAX);
    for size in [1, 3] {
        let other = told(size);
        let differs = whole.iter().zip(&other).find(|(one, other)| one != other);
        proptest::prop_assert!(differs.is_none() && whole.len() == other.len(), "in pieces of {}: {:?}", size, differs);
    }
    Ok(())
}

#[test]
fn a_request_behind_one_for_a_tunnel_is_read_before_the_answer() {
    let connect = &b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"[..];
    let behind = |more: &[u8]| talk(AppSettings::default(), &[(ToServer, &[connect, more].concat())]);
    let told = behind(b"GET /behind HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(told.iter().any(|line| line == "http 1 > http.uri /behind"), "{told:?}");
    // What is no request waits for the tunnel.
    let told = behind(b"\x16\x03\x01\x00\x05hello\n");
    assert!(!told.iter().any(|line| line.starts_with("http 1")), "{told:?}");
}

#[test]
fn headers_beyond_what_is_kept_end_where_they_end() {
    // Cut in the middle of a line end: what is left of it is no blank line.
    let folded =
        [&b"GET /a HTTP/1.1\r\nA: b"[..], &b"\r\n a".repeat(40_000), b"\r\n\r\nGET /b HTTP/1.1\r\n\r\n"].concat();
    let told = crate::testing::talk_cut(AppSettings::default(), &[(ToServer, &folded)], 1_400);
    let uris: Vec<_> = told.iter().filter_map(|line| line.split_once(" > http.uri ")).map(|(_, uri)| uri).collect();
    assert_eq!(uris, ["/a", "/b"]);
}

#[test]
fn files_of_a_form_go_when_they_are_told_and_none_is_left_out() {
    use crate::{Applications, Fields, Input, TransactionView};
    let part = |number: usize| {
        format!("--b\r\nContent-Disposition: form-data; name=f; filename=f{number}\r\n\r\nfile {number}\r\n")
    };
    let head = "POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000000\r\n\r\n";
    let mut applications = Applications::new(AppSettings::default(), 1);
    applications.set_wants(Fields::ALL);
    let mut link = sluice_core::AppLink::default();
    let (mut told, mut most) = (Vec::new(), 0);
    for number in 0..1_000 {
        let bytes = if number == 0 { [head, &part(0)].concat() } else { part(number) };
        let input = Input {
            bytes: bytes.as_bytes(),
            direction: ToServer,
            now: sluice_core::Nanos(0),
            ports: [80, 40_000],
            either: false,
            datagram: false,
        };
        applications.feed(&mut link, &input);
        let at = applications.first(link);
        applications.judged(at, ToServer);
        while let Some(file) = applications.untold_file(at, ToServer, false, false) {
            let view = TransactionView::of(&applications.room, at, ToServer).unwrap();
            let (body, bytes) = view.body(file).unwrap();
            told.push((view.name_of(body).to_vec(), bytes.to_vec()));
        }
        applications.settle(link, at);
        most = most.max(TransactionView::of(&applications.room, at, ToServer).unwrap().bodies().count());
    }
    assert!(most <= 20, "{most} bodies kept");
    // The last one is not over.
    assert_eq!(told.len(), 999);
    for (number, (name, bytes)) in told.iter().enumerate() {
        assert_eq!((&name[..], &bytes[..]), (format!("f{number}").as_bytes(), format!("file {number}").as_bytes()));
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// However input is cut, the same is told of it; the order of what is found at once may differ.
    #[test]
    fn requests_are_read_the_same_however_they_are_cut(more in fragments(true)) {
        same_however_cut(&[(ToServer, b"POST /first HTTP/1.1\r\n"), (ToServer, &more)])?;
    }

    #[test]
    fn responses_are_read_the_same_however_they_are_cut(more in fragments(false)) {
        same_however_cut(&[
            (ToServer, b"GET / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\n"),
            (ToClient, b"HTTP/1.1 200 OK\r\n"),
            (ToClient, &more),
        ])?;
    }

    /// Nothing panics and all memory comes back: [`crate::testing::talk_cut`] asserts it.
    #[test]
    fn conversations_of_any_kind_are_read_to_their_end(
        said in proptest::collection::vec((proptest::bool::ANY, fragments(true)), 0..8),
        size in 1_usize..40,
    ) {
        let said: Vec<_> = said.iter().map(|(way, bytes)| (if *way { ToServer } else { ToClient }, &bytes[..])).collect();
        crate::testing::talk_cut(AppSettings::default(), &said, size);
    }
}

/// Three million zeros by deflate, and that by deflate again.
pub(super) const BOMB: &[u8] = &[
    0x7b, 0x7b, 0x90, 0x91, 0x91, 0x81, 0x81, 0xa1, 0x49, 0xe1, 0xff, 0xfa, 0x3c, 0x0f, 0x07, 0x10, 0x73, 0x14, 0x8c,
    0x82, 0x51, 0x30, 0x0a, 0x46, 0xc1, 0x28, 0x18, 0x05, 0xa3, 0x60, 0x14, 0x8c, 0x82, 0x51, 0x40, 0x31, 0xd0, 0x67,
    0x03, 0x00,
];

#[test]
fn bombs_are_stopped() {
    let mut settings = AppSettings::default();
    settings.http.bomb_limit = 1_000;
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: deflate, deflate\r\nContent-Length: {}\r\n\r\n", BOMB.len());
    let lines = crate::testing::talk_cut(settings, &[(ToClient, &[head.as_bytes(), BOMB].concat())], usize::MAX);
    assert_eq!(with(&lines, "compression_bomb"), ["http 0 < (event) compression_bomb"]);
    let bodies = with(&lines, "http.response_body Truncated");
    assert_eq!(bodies.len(), 1);
    assert!(bodies[0].len() < 800_000, "{}", bodies[0].len());
}
