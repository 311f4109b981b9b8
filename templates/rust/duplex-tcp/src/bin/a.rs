//! Peer A: answers one call.
//!
//!     a
//!
//! A plays the server only until the call comes in. After that it is a peer
//! like the other one, and everything that it does is in [`converse`].

use std::io;
use std::process::ExitCode;

use duplex_tcp::converse;
use tokio::net::TcpStream;

// One thread is plenty for one connection: it starts quicker than a pool of
// them, and the two directions need no locks to share it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), String> {
    let stream = answer()
        .await
        .map_err(|reason| format!("cannot listen: {reason}"))?;
    converse(stream, "Hello I am A")
        .await
        .map_err(|reason| format!("connection lost: {reason}"))
}

/// Listens, says where, and answers the first call.
///
/// Bind to port 0 of 127.0.0.1 (`TcpListener::bind`): the system then chooses a
/// free port. Ask the listener which one it was (`local_addr`) and print
/// `listening on 127.0.0.1:PORT`, so that another program can call. Then wait
/// for one connection (`accept`) and return it. The listener is dropped at the
/// end of the function, so later calls are refused.
async fn answer() -> io::Result<TcpStream> {
    todo!("1. listen on port 0, print `listening on ADDRESS`, accept one connection")
}
