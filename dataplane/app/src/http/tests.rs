use crate::{AppSettings, testing::talk};
use sluice_core::Direction::{ToClient, ToServer};

fn said(conversation: &[(sluice_core::Direction, &[u8])]) -> Vec<String> {
    talk(AppSettings::default(), conversation)
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
