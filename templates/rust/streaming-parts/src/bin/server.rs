//! The server: streams parts to whoever asks.
//!
//!     server [PARTS]
//!
//! It never ends by itself. What happens on a stream is told in a line or two, and
//! is of no consequence for the other streams.

use std::env;
use std::error::Error;
use std::process::ExitCode;

use libp2p::Stream;
use libp2p_stream::{AlreadyRegistered, Control};
use streaming_parts::{drive, new_swarm};

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
/// Register `streaming_parts::PROTOCOL` (`Control::accept`): what you get is a
/// stream of streams, and `StreamExt::next` of `futures` waits for the next one.
/// Each comes with the id of the peer that has opened it.
///
/// Give each a task of its own (`tokio::spawn`) that runs [`answer`], so that a
/// client that dawdles keeps nobody waiting but itself. The loop has to be quick
/// for another reason, too: libp2p keeps one new stream for us, and drops those
/// that come before we have taken it.
async fn answer_all(control: Control, parts: u64) -> Result<(), AlreadyRegistered> {
    let _ = (control, parts, answer);
    todo!("1. accept streams for our protocol, and answer each in a task of its own")
}

/// Answers on one stream, and tells what came of it.
///
/// Read the request (`streaming_parts::read_message`), and print
/// `[server] received from client: TEXT`. Then send `Part 0`, `Part 1` and so on,
/// one message each (`write_message`), `parts` of them. Await each before you make
/// the next one: the write is ready when there is room for it, and that is how the
/// client tells you to wait. At the end close your half of the stream
/// (`AsyncWriteExt::close` of `futures`), since nothing else tells the client that
/// it has everything, and print `[server] sent N parts`.
///
/// Three things may happen instead, each of them ordinary. An error while you read
/// is `[server] the client broke the protocol: WHY`. An end in place of the request
/// is `[server] the client left early`, and so is an error while you send. In all
/// of them you return, and with that the stream is dropped and reset.
async fn answer(stream: Stream, parts: u64) {
    let _ = (stream, parts);
    todo!("3. read the request, send the parts, close the stream, and say so")
}
