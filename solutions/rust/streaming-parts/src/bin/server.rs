//! The server: streams parts to whoever asks.
//!
//!     server [PARTS]
//!
//! It never ends by itself. What happens on a stream is told in a line or two, and
//! is of no consequence for the other streams.

use std::error::Error;
use std::process::ExitCode;
use std::{env, io};

use futures::{AsyncWriteExt, StreamExt};
use libp2p::Stream;
use libp2p_stream::{AlreadyRegistered, Control};
use streaming_parts::{PROTOCOL, drive, new_swarm, read_message, write_message};

// One thread is plenty: a stream on which nothing happens needs none.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let parts = match arguments.as_slice() {
        [] => Some(11),
        [parts] => parts.parse().ok(),
        _ => None,
    };
    let Some(parts) = parts else {
        eprintln!("usage: server [PARTS]");
        return ExitCode::from(2);
    };
    match run(parts).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("[server] cannot serve: {reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(parts: u64) -> Result<(), Box<dyn Error>> {
    let mut swarm = new_swarm()?;
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
    let control = swarm.behaviour().new_control();
    // The address is printed by this task, so not before we wait below: whoever
    // learns it finds the protocol registered.
    tokio::spawn(drive(swarm));
    answer_all(control, parts).await?;
    Ok(())
}

/// Takes every stream that a client opens for our protocol, and answers on it.
///
/// Each stream gets a task of its own, so that a client that dawdles keeps nobody
/// waiting but itself. The loop has to be quick for another reason, too: libp2p
/// keeps one new stream for us, and drops those that come before we have taken it.
///
/// A task needs memory, and a stranger decides how many there are: yamux lets it
/// open 512 streams on one connection, and nothing here counts the connections. A
/// server on the open network would limit both.
async fn answer_all(mut control: Control, parts: u64) -> Result<(), AlreadyRegistered> {
    let mut incoming = control.accept(PROTOCOL)?;
    while let Some((_client, stream)) = incoming.next().await {
        tokio::spawn(answer(stream, parts));
    }
    Ok(())
}

/// Answers on one stream, and tells what came of it.
///
/// Whatever goes wrong here is an ordinary result. The stream is dropped at the end
/// of the function, which resets it, unless it was closed before: the client is not
/// left waiting, and the connection stays.
///
/// Two things a real server would do otherwise: escape what it prints, since the
/// client can send control sequences for your terminal; and not wait for ever for a
/// client that opens a stream and then says nothing.
async fn answer(mut stream: Stream, parts: u64) {
    match read_message(&mut stream).await {
        Ok(Some(request)) => println!("[server] received from client: {request}"),
        Ok(None) => return println!("[server] the client left early"),
        Err(reason) => return println!("[server] the client broke the protocol: {reason}"),
    }
    match send_parts(&mut stream, parts).await {
        Ok(()) => println!("[server] sent {parts} parts"),
        Err(_) => println!("[server] the client left early"),
    }
}

/// Sends the parts one after the other, then closes our half of the stream.
///
/// A part is produced when the one before it has been accepted, and not earlier: at
/// any time there is one of them, however many there will be, and however slow the
/// client is. If the parts came from somewhere, a file or another peer, we would
/// now read no faster than the client does.
///
/// Closing is the last word of the protocol. Nothing else tells the client that it
/// has everything.
async fn send_parts(stream: &mut Stream, parts: u64) -> io::Result<()> {
    for part in 0..parts {
        write_message(stream, &format!("Part {part}")).await?;
    }
    stream.close().await
}
