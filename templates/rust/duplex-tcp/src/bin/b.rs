//! Peer B: calls the address that it is given.
//!
//!     b ADDRESS
//!
//! B plays the client only until the call is answered. After that it is a peer
//! like the other one, and everything that it does is in [`converse`].

use std::process::ExitCode;
use std::{env, io};

use duplex_tcp::converse;
use tokio::net::TcpStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address] = arguments.as_slice() else {
        eprintln!("usage: b ADDRESS");
        return ExitCode::from(2);
    };
    match run(address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(address: &str) -> Result<(), String> {
    let stream = dial(address)
        .await
        .map_err(|reason| format!("cannot connect: {reason}"))?;
    converse(stream, "Hello I am B")
        .await
        .map_err(|reason| format!("connection lost: {reason}"))
}

/// Calls `address`, such as `127.0.0.1:4000` (`TcpStream::connect`).
///
/// Try once, and return the error if there is one: `main` prints it.
async fn dial(address: &str) -> io::Result<TcpStream> {
    todo!("2. connect to {address}")
}
