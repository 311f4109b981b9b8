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
use streaming_parts::{PROTOCOL, connect, drive, new_swarm, read_message, write_message};

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
/// From then on the swarm has a task of its own. Nobody asks for its events any
/// more; but if it were dropped at the end of this function, it would close its
/// connections, and every stream on them would end.
///
/// The stream is open when the server has agreed to the protocol. A server that
/// does not speak it says so, and that is an error here.
async fn open(address: &str) -> Result<Stream, Box<dyn Error>> {
    let mut swarm = new_swarm()?;
    let mut control = swarm.behaviour().new_control();
    let server = connect(&mut swarm, address.parse()?).await?;
    tokio::spawn(drive(swarm));
    Ok(control.open_stream(server, PROTOCOL).await?)
}

/// Prints every part until the stream has ended, and returns how many there were.
///
/// How many there will be nobody has said, so only the end can stop us. And the end
/// says less than one would like: a server that was killed between two parts looks
/// from here exactly like one that has sent them all.
async fn receive(stream: &mut Stream) -> io::Result<u64> {
    let mut parts = 0;
    while let Some(part) = read_message(stream).await? {
        println!("[client] received from server: {part}");
        parts += 1;
    }
    Ok(parts)
}
