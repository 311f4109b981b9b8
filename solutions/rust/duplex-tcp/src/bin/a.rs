//! Peer A: answers one call.
//!
//!     a
//!
//! A plays the server only until the call comes in. After that it is a peer
//! like the other one, and everything that it does is in [`converse`].

use std::io;
use std::process::ExitCode;

use duplex_tcp::converse;
use tokio::net::{TcpListener, TcpStream};

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
/// Port 0 asks the system for any port that is free. A number of our own choice
/// could be taken, by another program or by a second `a`, so the address is
/// known only after `bind`, and has to be printed for the other side. A server
/// that strangers look for needs a well-known port instead, and a setting to
/// change it.
///
/// The listener is dropped on return: who calls later is refused at once
/// instead of waiting for an answer that never comes. A real server would
/// accept in a loop, and start a task for every connection.
async fn answer() -> io::Result<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    let (stream, _) = listener.accept().await?;
    Ok(stream)
}
