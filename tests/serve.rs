//! `workshop serve`: a page for one, on this machine, and nothing for anybody else.
#![cfg(target_os = "linux")]

#[path = "support/browser.rs"]
mod browser;
#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Instant;

use browser::{Browser, comes};
use fantoccini::{Client, Locator};
use rustix::process::{Pid, Signal, kill_process};
use support::learner::Learner;
use support::system::{self, PATIENCE, POLL, until};

/// A `workshop serve` that has said where it is.
struct Server {
    child: Child,
    port: u16,
    token: String,
}

/// An answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Server {
    fn start(learner: &Learner, args: &[&str]) -> Server {
        let mut command = learner.prepare(&[&["serve"], args].concat(), &[]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        let mut said = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut address = String::new();
        said.read_line(&mut address).expect("it says where it is");
        let rest = address.trim().strip_prefix("http://127.0.0.1:").unwrap_or_else(|| panic!("{address:?}"));
        let (port, token) = rest.trim_end_matches('/').split_once('/').expect("a port and a token");
        let (port, token) = (port.parse().expect("a port"), token.to_owned());
        // Whoever writes more later finds nobody who reads, as in `workshop serve | head -1`.
        Server { child, port, token }
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}/{}/", self.port, self.token)
    }

    /// Sends bytes, and reads the answer to its end.
    fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        // What is too much is not read to its end.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {read:?} {text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    /// Asks for a path behind the token, with a method and more headers.
    fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let (port, token) = (self.port, &self.token);
        let host = if headers.to_lowercase().contains("host:") {
            String::new()
        } else {
            format!("Host: 127.0.0.1:{port}\r\n")
        };
        self.send(format!("{method} /{token}/{path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n").as_bytes())
    }

    fn get(&self, path: &str) -> String {
        let answer = self.ask("GET", path, "");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    /// Presses a button, as our page does.
    fn press(&self, path: &str) {
        let answer = self.ask("POST", path, &format!("Origin: http://127.0.0.1:{}\r\n", self.port));
        assert_eq!(answer.status, 303, "{path}: {answer:?}");
        assert!(answer.head.contains("location: ../\r\n"), "{answer:?}");
    }

    /// Waits until a part of the page says something.
    fn shows(&self, part: &str, text: &str) -> String {
        until(text, || {
            let shown = self.get(&format!("part/{part}"));
            if shown.contains(text) { Ok(shown) } else { Err(shown) }
        })
    }

    fn end(mut self, signal: Signal) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), signal).expect("it is there");
        let status = until("its end", || self.child.try_wait().expect("it is ours").ok_or_else(String::new));
        let port = self.port;
        until("the port is free", || if system::is_listened_on(port) { Err(String::new()) } else { Ok(()) });
        status
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked first, as it has peers of its own to end; a test that fails leaves nothing either.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let asked = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && asked.elapsed() < PATIENCE {
            std::thread::sleep(POLL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write(learner: &Learner, file: &str, text: &str) {
    fs::write(learner.file(file), text).expect("written");
}

/// A program that shouts.
const RIGHT: &str = "while read -r line; do\n    echo \"$line\" | tr a-z A-Z\ndone\n";

#[test]
fn the_page_goes_by_what_is_saved() {
    let learner = Learner::new("languages", "sh");
    let server = Server::start(&learner, &[]);
    let page = || server.get("");
    server.shows("status", "1 of 1 run failed");
    let verdict = server.get("part/verdict");
    for expected in ["whispers", "Your crier does not shout.", "<svg", "◀ awaited", "one-by-one · you · clear"] {
        assert!(verdict.contains(expected), "{expected} is not in {verdict}");
    }
    let files = server.get("part/files");
    assert!(files.contains("shout/crier.sh:2") && files.contains("class=\"hole\""), "{files}");
    assert!(page().contains("Print every line in capital letters."));
    assert!(page().contains("skip this stage") && !page().contains("the next stage"));

    // The solution stays closed, and so does the way on.
    assert!(!page().contains("tr a-z"));
    server.press("next/shout");
    assert!(page().contains("Stage 1 of 2"));

    // A hint at a time.
    server.press("hint/shout");
    assert!(page().contains("Look for a command") && !page().contains("Its name is"));
    server.press("hint/shout");
    assert!(page().contains("Its name is <code>tr</code>") && page().contains("You have seen all hints."));

    write(&learner, "shout/crier.sh", RIGHT);
    server.shows("status", "the run passed");
    let solved = page();
    assert!(solved.contains("tr a-z A-Z") && !solved.contains("class=\"hole\""), "{solved}");
    assert!(solved.contains("No hole of the template is left") && solved.contains("the next stage"), "{solved}");
    server.shows("solution", "Your files are the same as the solution's.");
    write(&learner, "shout/crier.sh", &format!("# mine\n{RIGHT}"));
    server.shows("solution", "-# mine");
    // Without the script the page says that it stands still; it is verified again on demand.
    assert!(page().contains("<noscript>") && page().contains("verify again"));
    server.press("again/shout");
    server.shows("status", "the run passed");
    // A button of a page that is not up to date does nothing.
    server.press("next/count");
    server.press("stage/etc");
    assert!(page().contains("Stage 1 of 2"));
    server.press("next/shout");
    assert!(page().contains("Stage 2 of 2"));
    server.shows("status", "1 of 1 run failed");
    server.press("stage/shout");
    server.shows("status", "the run passed");
    let state = fs::read_to_string(learner.file(".workshop/state.json")).expect("a state");
    assert!(state.contains("\"current\": \"shout\""), "{state}");
    assert!(server.end(Signal::TERM).success());
    learner.nothing_is_left();
}

#[test]
fn what_a_build_tool_says_is_text() {
    let learner = Learner::new("ahead", "sh");
    write(&learner, "quick/build.sh", "printf '\\033[31mno such <script>alert(1)</script>\\033[0m\\n' >&2; exit 1");
    let server = Server::start(&learner, &[]);
    server.shows("status", "does not build yet");
    let verdict = server.get("part/verdict");
    assert!(verdict.contains("no such &lt;script&gt;alert(1)&lt;/script&gt;"), "{verdict}");
    assert!(!verdict.contains("<script>") && !verdict.contains('\u{1b}') && !verdict.contains("[31m"), "{verdict}");
}

#[test]
fn what_peers_print_and_learners_write_is_text() {
    let learner = Learner::new("languages", "sh");
    let evil = "printf '<script>alert(1)</script>\\033[31m&amp;\\n'; cat > /dev/null # TODO <img src=x>";
    write(&learner, "shout/crier.sh", evil);
    let server = Server::start(&learner, &[]);
    server.shows("status", "1 of 1 run failed");
    let page = server.get("");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[31m&amp;amp;"), "{page}");
    assert!(page.contains("# TODO &lt;img src=x&gt;"), "{page}");
    assert!(!page.contains("<script>") && !page.contains("<img") && !page.contains('\u{1b}'), "{page}");
}

#[test]
fn who_does_not_know_the_address_learns_nothing() {
    let learner = Learner::new("languages", "sh");
    let server = Server::start(&learner, &[]);
    let (port, token) = (server.port, server.token.clone());
    assert!(token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
    let host = format!("Host: 127.0.0.1:{port}\r\n");
    let other: String = token.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect();
    let last = format!("{}{}", &token[..31], if token.ends_with('0') { '1' } else { '0' });
    for path in [
        "/".to_owned(),
        "*".to_owned(),
        format!("/{other}"),
        format!("/{other}/"),
        format!("/{last}/"),
        format!("/{}/", &token[..31]),
        format!("/{token}0/"),
        format!("/{}/", token.to_uppercase().replace(|c: char| c.is_ascii_digit(), "A")),
        format!("//{token}/"),
        format!("/./{token}/"),
        format!("/x/../{token}/"),
        format!("/%{:x}{}/", token.as_bytes()[0], &token[1..]),
        "/style.css".to_owned(),
        "/favicon.ico".to_owned(),
        "/events".to_owned(),
        "/../../../../etc/passwd".to_owned(),
    ] {
        let method = if path == "*" { "OPTIONS" } else { "GET" };
        let answer = server.send(format!("{method} {path} HTTP/1.1\r\n{host}Connection: close\r\n\r\n").as_bytes());
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(answer.body.starts_with("There is nothing here."), "{path}: {answer:?}");
    }
    // The address without its end leads to the page.
    let open = server.send(format!("GET /{token} HTTP/1.1\r\n{host}Connection: close\r\n\r\n").as_bytes());
    assert!(open.status == 303 && open.head.contains(&format!("location: {token}/\r\n")), "{open:?}");
    // Under another name, on another port, under two names, under none.
    for hosts in [
        "Host: evil.example\r\n".to_owned(),
        format!("Host: evil.example:{port}\r\n"),
        format!("Host: 127.0.0.1.evil.example:{port}\r\n"),
        format!("Host: 127.0.0.1:{}\r\n", port ^ 1),
        format!("Host: 0.0.0.0:{port}\r\n"),
        format!("Host: [::1]:{port}\r\n"),
        format!("Host: LOCALHOST.:{port}\r\n"),
        "Host: 127.0.0.1\r\n".to_owned(),
        "Host:\r\n".to_owned(),
        format!("{host}Host: evil.example\r\n"),
        format!("Host: evil.example\r\n{host}"),
        "X-Host: x\r\n".to_owned(),
    ] {
        let answer = server.ask("GET", "", &hosts);
        assert_eq!((answer.status, answer.body.as_str()), (403, ""), "{hosts:?}: {answer:?}");
    }
    let old = server.send(format!("GET /{token}/ HTTP/1.0\r\n\r\n").as_bytes());
    assert_eq!((old.status, old.body.as_str()), (403, ""), "{old:?}");
    let named = format!("GET http://evil.example/{token}/ HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
    assert_eq!(server.send(named.as_bytes()).status, 403);
    assert_eq!(server.ask("GET", "", &format!("Host: localhost:{port}\r\n")).status, 200);
}

#[test]
fn other_pages_can_ask_for_nothing_and_change_nothing() {
    let learner = Learner::new("languages", "sh");
    let server = Server::start(&learner, &[]);
    let ours = format!("http://127.0.0.1:{}", server.port);
    let foreign = [
        "Origin: http://evil.example\r\n".to_owned(),
        "Origin: null\r\n".to_owned(),
        "Origin: null\r\nSec-Fetch-Site: cross-site\r\n".to_owned(),
        "Origin:\r\n".to_owned(),
        format!("Origin: {ours}.evil.example\r\n"),
        format!("Origin: https://127.0.0.1:{}\r\n", server.port),
        format!("Origin: http://localhost:{}\r\n", server.port),
        format!("Origin: http://127.0.0.1:{}\r\n", server.port ^ 1),
        format!("Origin: {ours}\r\nOrigin: http://evil.example\r\n"),
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\n".to_owned(),
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n".to_owned(),
        "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n".to_owned(),
        "Sec-Fetch-Site: cross-site\r\n".to_owned(),
    ];
    for headers in &foreign {
        for (method, path) in [("GET", ""), ("GET", "events"), ("GET", "page.js"), ("POST", "hint/shout")] {
            let answer = server.ask(method, path, headers);
            assert_eq!((answer.status, answer.body.as_str()), (403, ""), "{method} {path} {headers}: {answer:?}");
        }
    }
    // Whoever changes something says that he is our page, also when another one opens the address.
    let opened = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";
    assert_eq!(server.ask("GET", "", opened).status, 200);
    for headers in ["", opened, "Sec-Fetch-Site: same-origin\r\n", "Sec-Fetch-Site: none\r\n"] {
        assert_eq!(server.ask("POST", "hint/shout", headers).status, 403, "{headers}");
    }
    for path in ["hint/shout", "skip/shout", "stage/count", "next/shout"] {
        assert_eq!(server.ask("GET", path, "").status, 404, "{path}");
    }
    assert!(!server.get("").contains("Look for a command") && server.get("").contains("Stage 1 of 2"));
    // A form without the script: the browser vouches for it.
    assert_eq!(server.ask("POST", "hint/shout", "Origin: null\r\nSec-Fetch-Site: same-origin\r\n").status, 303);
    assert!(server.get("").contains("Look for a command"));
}

#[test]
fn no_request_is_too_strange() {
    let learner = Learner::new("languages", "sh");
    let server = Server::start(&learner, &[]);
    for path in [
        "../../../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/etc/passwd",
        "/etc/passwd",
        "//etc/passwd",
        "part//etc/passwd",
        "part/../page.js",
        "part/%2e%2e/state.json",
        "part/files/../../.workshop/state.json",
        "part/files%00",
        ".workshop/state.json",
        "shout/crier.sh",
        "C:\\windows",
        "style.css/",
        "part",
        "part/",
    ] {
        let answer = server.ask("GET", path, "");
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(answer.body.starts_with("There is nothing here."), "{path}: {answer:?}");
    }
    // A file is chosen by its number, and what is no number is no choice.
    let files = server.get("part/files");
    for query in
        ["file=../../../etc/passwd", "file=/etc/passwd", "file=0", "file=2", "file=-1", "file=99999999999999999999"]
    {
        assert_eq!(server.get(&format!("part/files?{query}")), files, "{query}");
    }
    for method in ["PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PATCH", "BREW"] {
        let status = server.ask(method, "", "").status;
        assert!(matches!(status, 400 | 405 | 403 | 404), "{method}: {status}");
    }
    let (port, token) = (server.port, &server.token);
    let ours = format!("Origin: http://127.0.0.1:{port}\r\n");
    let (long, many) = ("a".repeat(100_000), "X-A: b\r\n".repeat(2000));
    let strange: [(&str, Vec<u8>); 8] = [
        ("a NUL", format!("GET /{token}/\0 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n").into_bytes()),
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec()),
        ("a long path", format!("GET /{token}/{long} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n").into_bytes()),
        (
            "a long header",
            format!("GET /{token}/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-A: {long}\r\n\r\n").into_bytes(),
        ),
        ("many headers", format!("GET /{token}/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{many}\r\n").into_bytes()),
        (
            "a long body",
            format!(
                "POST /{token}/hint/shout HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{ours}Content-Length: \
                100000\r\n\r\n{long}"
            )
            .into_bytes(),
        ),
        (
            "a body without an end",
            format!(
                "POST /{token}/hint/shout HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{ours}Transfer-Encoding: \
                chunked\r\n\r\n5\r\nhello\r\n"
            )
            .into_bytes(),
        ),
        (
            "two lengths",
            format!(
                "POST /{token}/hint/shout HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{ours}Content-Length: \
                0\r\nContent-Length: 5\r\n\r\nhello"
            )
            .into_bytes(),
        ),
    ];
    for (what, bytes) in strange {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{what}: {answer}");
    }
    assert!(!server.get("").contains("Look for a command"), "no hint was given");
}

#[test]
fn every_answer_says_what_a_browser_may_do_with_it() {
    let learner = Learner::new("languages", "sh");
    let server = Server::start(&learner, &[]);
    for answer in [
        server.ask("GET", "", ""),
        server.ask("GET", "page.js", ""),
        server.ask("GET", "part/files", ""),
        server.ask("GET", "nothing", ""),
        server.ask("GET", "", "Host: evil.example\r\n"),
        server.ask("POST", "hint/shout", &format!("Origin: http://127.0.0.1:{}\r\n", server.port)),
    ] {
        for expected in [
            "content-security-policy: default-src 'none';",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(answer.head.contains(expected), "{expected}: {answer:?}");
        }
        assert!(!answer.head.contains("unsafe-") && !answer.head.contains("access-control"), "{answer:?}");
    }
}

#[test]
fn nobody_waits_for_who_says_half_of_it() {
    let learner = Learner::new("languages", "sh");
    let server = Server::start(&learner, &[]);
    let half: Vec<TcpStream> = (0..60)
        .map(|number| {
            let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("somebody listens");
            let text = format!("GET /{}/ HTTP/1.1\r\nHost: 127", server.token);
            stream.write_all(&text.as_bytes()[..number % text.len()]).expect("sent");
            stream
        })
        .collect();
    assert!(server.get("").contains("Stage 1 of 2"));
    // Those who listen for events and never read them keep nobody waiting either.
    let deaf: Vec<TcpStream> = (0..10)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("somebody listens");
            let asked = format!("GET /{}/events HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", server.token, server.port);
            stream.write_all(asked.as_bytes()).expect("sent");
            stream
        })
        .collect();
    write(&learner, "shout/crier.sh", RIGHT);
    server.shows("status", "the run passed");
    drop((half, deaf));
    assert!(server.end(Signal::INT).success());
}

#[test]
fn only_this_machine_is_listened_to() {
    let learner = Learner::new("languages", "sh");
    let server = Server::start(&learner, &[]);
    let sockets = |table: &str| {
        let table = fs::read_to_string(format!("/proc/net/{table}")).expect("a table");
        let ending = format!(":{:04X}", server.port);
        let local = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
        let listening = table.lines().filter(|line| line.split_whitespace().nth(3) == Some("0A"));
        listening.filter_map(local).filter(|local| local.ends_with(&ending)).collect::<Vec<_>>()
    };
    assert_eq!(sockets("tcp"), [format!("0100007F:{:04X}", server.port)]);
    assert!(sockets("tcp6").is_empty());
    // A port can be asked for; one that is taken can't.
    let port = server.port.to_string();
    let refused = learner.command(&["serve", "--port", &port]).code(2);
    assert!(refused.stderr.contains(&format!("port {port} is not available")), "{}", refused.stderr);
    assert!(server.end(Signal::INT).success());
    let again = Server::start(&learner, &["--port", &port, "--poll"]);
    assert_eq!(again.port.to_string(), port);
    again.shows("status", "1 of 1 run failed");
    write(&learner, "shout/crier.sh", RIGHT);
    again.shows("status", "the run passed");
}

#[test]
fn links_out_of_the_workspace_are_not_followed() {
    let learner = Learner::new("languages", "sh");
    let outside = Path::new(learner.mark()).join("outside");
    fs::create_dir(&outside).expect("made");
    // What is outside passes, so that the solution's part would show it, too.
    fs::write(outside.join("crier.sh"), format!("# secret\n{RIGHT}")).expect("written");
    write(&learner, "shout/crier.sh", RIGHT);
    learner.command(&["verify"]).success();
    let file = learner.file("shout/crier.sh");
    fs::remove_file(&file).expect("removed");
    symlink(outside.join("crier.sh"), &file).expect("a link");
    let server = Server::start(&learner, &[]);
    let closed = |why: &str| {
        for part in ["", "part/files", "part/files?file=1", "part/solution", "part/verdict"] {
            let shown = server.get(part);
            assert!(!shown.contains("secret"), "{why}, {part}: {shown}");
        }
        let files = server.get("part/files");
        assert!(files.contains("shout/crier.sh is a link that leads out of the workspace"), "{why}: {files}");
    };
    closed("a file");
    // A folder on the way.
    fs::rename(learner.file("shout"), Path::new(learner.mark()).join("moved")).expect("moved");
    symlink(&outside, learner.file("shout")).expect("a link");
    closed("a folder");
    // A pipe, which would be waited for.
    fs::remove_file(learner.file("shout")).expect("removed");
    fs::create_dir(learner.file("shout")).expect("made");
    rustix::fs::mkfifoat(rustix::fs::CWD, &file, rustix::fs::Mode::RWXU).expect("a pipe");
    let files = server.get("part/files");
    assert!(files.contains("shout/crier.sh is not a file"), "{files}");
    fs::remove_file(&file).expect("removed");
    // One that stays inside is a file as others are.
    fs::write(learner.file("mine.sh"), format!("# mine\n{RIGHT}")).expect("written");
    symlink("../mine.sh", &file).expect("a link");
    server.shows("files", "# mine");
}

#[test]
fn nothing_is_left_behind() {
    for signal in [Signal::INT, Signal::TERM] {
        let learner = Learner::new("nasty", "scripts");
        let server = Server::start(&learner, &["endless"]);
        until("peers that never end", || {
            let all = format!("{:?}", system::processes_of(learner.mark()));
            if all.contains("endless.py listener") && all.contains("endless.py dialer") { Ok(()) } else { Err(all) }
        });
        assert!(server.get("part/status").contains("verifying"));
        assert_eq!(server.end(signal).code(), Some(0), "{signal:?}");
        learner.nothing_is_left();
    }
}

async fn click(page: &Client, css: &str) {
    // The head of the page stays where it is: what lies below it can't be clicked.
    let script = format!("document.querySelector({css:?})?.scrollIntoView({{block: 'center'}})");
    page.execute(&script, vec![]).await.expect("scrolled");
    page.find(Locator::Css(css)).await.unwrap_or_else(|_| panic!("{css}")).click().await.expect("clicked");
}

/// A picture for people, in the target folder.
async fn picture(page: &Client, name: &str, width: u32, height: u32) {
    page.set_window_size(width, height).await.expect("set");
    let fits = "return document.documentElement.scrollWidth <= innerWidth";
    assert_eq!(page.execute(fits, vec![]).await.expect("known"), true, "{name}: something sticks out");
    let picture = page.screenshot().await.expect("a picture");
    fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("serve-{name}.png")), picture).expect("written");
}

fn text(css: &str, part: &str) -> String {
    format!("document.querySelector({css:?})?.textContent.includes({part:?})")
}

#[tokio::test]
async fn a_stage_is_done_in_a_browser() {
    let learner = Learner::new("languages", "sh");
    let Some(browser) = Browser::start((1280, 900)).await else { return };
    let server = Server::start(&learner, &[]);
    let page = &browser.client;
    page.goto(&server.address()).await.expect("it opens");
    comes(page, &text("#status", "1 of 1 run failed")).await;
    comes(page, &text("#verdict .reason", "Your crier does not shout.")).await;
    comes(page, &text("#said", "1 of 1 run failed")).await;
    comes(page, "document.title === '✗ shout'").await;
    for (css, part) in [
        ("#verdict .awaited", "HELLO"),
        ("#verdict svg .wrong", "hello"),
        ("#files .places", "shout/crier.sh:2"),
        ("#files .hole", "# TODO: louder"),
        ("#lesson", "Print every line in capital letters."),
        ("#progress [aria-current]", "shout"),
    ] {
        comes(page, &text(css, part)).await;
    }
    picture(page, "narrow", 400, 900).await;
    picture(page, "wide", 1600, 1000).await;

    // What is opened, scrolled to and chosen stays so when a part comes anew.
    page.set_window_size(1280, 600).await.expect("set");
    click(page, "#verdict summary").await;
    page.execute("document.querySelector('#files a').focus(); scrollTo(0, 120)", vec![]).await.expect("done");
    write(&learner, "shout/crier.sh", "while read -r line; do\n    echo \"not $line\" # TODO: louder\ndone\n");
    comes(page, &text("#verdict", "not hello")).await;
    comes(page, &text("#files", "not $line")).await;
    comes(
        page,
        "document.querySelector('#verdict details').open && scrollY === 120 && \
        document.activeElement.matches('#files a')",
    )
    .await;

    click(page, "#hint").await;
    comes(page, &text("#hints .hints", "Look for a command")).await;
    assert_eq!(page.find_all(Locator::Css(".hints > li")).await.expect("found").len(), 1);

    // It does it by itself.
    write(&learner, "shout/crier.sh", RIGHT);
    comes(page, &text("#status", "the run passed")).await;
    comes(page, &text("#files", "tr a-z A-Z")).await;
    comes(page, "!document.querySelector('.hole') && document.querySelector('#solution summary')").await;
    comes(page, &text("#verdict h2", "✓")).await;
    picture(page, "passed", 1280, 900).await;

    page.execute("scrollTo(0, 0)", vec![]).await.expect("done");
    click(page, "#next").await;
    comes(page, "document.title.endsWith(' count')").await;
    comes(page, &text("#lesson", "Stage 2 of 2")).await;
    comes(page, &text("#status", "1 of 1 run failed")).await;
    comes(page, &text("#progress .verified", "shout")).await;

    // All that it asked for is from here, and it had nothing to complain about.
    let asked = "return performance.getEntriesByType('resource').map(entry => entry.name)";
    let asked = page.execute(asked, vec![]).await.expect("a list");
    let asked = asked.as_array().expect("a list").clone();
    assert!(!asked.is_empty());
    for name in asked {
        assert!(name.as_str().expect("an address").starts_with(&server.address()), "{name}");
    }
    assert_eq!(browser.console().await, "{\"value\":[]}");

    // It says so when nobody answers any more.
    assert!(server.end(Signal::INT).success());
    comes(page, "!document.querySelector('#gone').hidden").await;
    browser.end().await;
    learner.nothing_is_left();
}
