//! Peers that talk over TLS, HTTP, Unix sockets and IPv6, and twenty of them: the runner knows none of these, and a
//! right program passes all the same, over every link.
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use std::net::TcpListener;
use std::process::{Command, Stdio};

use support::learner::Learner;

/// Every run of a scenario passes; how many there are.
fn passes(scenario: &str) -> usize {
    let learner = Learner::new("transports", "python");
    let runs = learner.verify(&["transports", "--scenario", scenario]).passed();
    learner.nothing_is_left();
    runs
}

/// In three pairings: over four links, and in three orders of events.
const EVERY_WAY: usize = 3 * (4 + 3);

#[test]
fn tls() {
    assert_eq!(passes("tls"), EVERY_WAY);
}

#[test]
fn ipv6() {
    if TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    assert_eq!(passes("ipv6-link"), EVERY_WAY);
    assert_eq!(passes("ipv6"), 3, "an address that is captured as something else has no link");
}

#[test]
fn unix_sockets() {
    assert_eq!(passes("unix"), 3);
}

/// Two of its roles are played in one pairing: curl is the stage's.
#[test]
fn http_with_curl_as_a_role() {
    let curl = Command::new("curl").arg("--version").stdout(Stdio::null()).status();
    if !curl.is_ok_and(|status| status.success()) {
        return;
    }
    assert_eq!(passes("http"), 4 + 3);
}

#[test]
fn twenty_peers() {
    assert_eq!(passes("many"), 3 * 2);
}

/// Who is asked whether the course may run its commands is told of all of them.
#[test]
fn the_command_of_a_role_is_listed() {
    let learner = Learner::new("transports", "python");
    let text = learner.command(&["doctor"]).text();
    assert!(text.contains("to run a role: python3 -S {package}/{role}.py"), "{text}");
    assert!(text.contains("to run curl: curl --silent --show-error --http1.1 --noproxy '*'"), "{text}");
}
