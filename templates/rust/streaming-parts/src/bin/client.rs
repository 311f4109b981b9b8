//! The client: asks once, and prints what it gets, until there is no more.
//!
//!     client ADDRESS [REQUEST]
//!
//! ADDRESS is what the server prints: `/ip4/127.0.0.1/tcp/…/p2p/…`.

use std::env;
use std::error::Error;
use std::io;
use std::process::ExitCode;

use futures::AsyncWriteExt;
use libp2p::Stream;
use streaming_parts::write_message;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (address, request) = match arguments.as_slice() {
        [address] => (address, "please send data"),
        [address, request] => (address, request.as_str()),
        _ => {
            eprintln!("usage: client ADDRESS [REQUEST]");
            return ExitCode::from(2);
        }
    };
    match run(address, request).await {
        Ok(parts) => {
            println!("[client] the stream has ended after {parts} parts");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            println!("[client] {reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(address: &str, request: &str) -> Result<u64, String> {
    let mut stream = open(address)
        .await
        .map_err(|reason| format!("cannot connect: {reason}"))?;
    write_message(&mut stream, request)
        .await
        .map_err(|reason| format!("cannot send the request: {reason}"))?;
    let parts = receive(&mut stream)
        .await
        .map_err(|reason| format!("the server broke the protocol: {reason}"))?;
    // Now our half. The server may be gone, and needs nothing from us any more, so
    // that this fails is no reason to complain.
    let _ = stream.close().await;
    Ok(parts)
}

/// Connects to the server, and opens a stream for our protocol.
///
/// Make a swarm (`streaming_parts::new_swarm`), and ask its behaviour for a control
/// (`new_control`) while you still own the swarm. Then dial (`connect`), which returns
/// the server's peer id. After that, give the swarm a task of its own
/// (`tokio::spawn(drive(swarm))`): if it were dropped at the end of this function,
/// the connection would go with it.
///
/// Open the stream with the control (`Control::open_stream`) for
/// `streaming_parts::PROTOCOL`. Return every error (`?`): `main` prints it.
async fn open(address: &str) -> Result<Stream, Box<dyn Error>> {
    todo!("2. connect to {address}, give the swarm a task, open a stream for our protocol")
}

/// Prints every part until the stream has ended, and returns how many there were.
///
/// Print a line `[client] received from server: TEXT` for each, even for an empty part.
/// You don't know how many there will be, so go on (`read_message`) until the stream
/// has ended. Pass an error on: the caller reports it.
async fn receive(stream: &mut Stream) -> io::Result<u64> {
    let _ = stream;
    todo!("6. print every part, until the stream has ended")
}
