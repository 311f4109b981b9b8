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
/// Register `streaming_parts::PROTOCOL` (`Control::accept`). You get a stream of
/// streams, and `StreamExt::next` of `futures` waits for the next one. Each comes with
/// the id of the peer that has opened it.
///
/// Give each a task of its own (`tokio::spawn`) that runs [`answer`], so that a slow
/// client does not make the others wait. The loop has to be quick for another reason,
/// too: libp2p keeps one new stream for us, and drops those that arrive before we have
/// taken it.
async fn answer_all(control: Control, parts: u64) -> Result<(), AlreadyRegistered> {
    let _ = (control, parts, answer);
    todo!("1. accept streams for our protocol, and answer each in a task of its own")
}

/// Answers on one stream, and tells what came of it.
///
/// Read the request (`streaming_parts::read_message`), and print
/// `[server] received from client: TEXT`. Then send `parts` messages
/// (`write_message`): `Part 0`, `Part 1` and so on. Await each write before you make
/// the next part: a write completes when there is room for it, and that is how the
/// client makes you wait. At the end, close your half of the stream
/// (`AsyncWriteExt::close` of `futures`), since nothing else tells the client that it
/// has everything, and print `[server] sent N parts`.
///
/// Three other things may happen, all of them ordinary. If reading fails, print
/// `[server] the client broke the protocol: WHY`. If the stream ends in place of the
/// request, or if sending fails, print `[server] the client left early`. In all three
/// cases return, which drops the stream and so resets it.
async fn answer(stream: Stream, parts: u64) {
    let _ = (stream, parts);
    todo!("3. read the request, send the parts, close the stream, and say so")
}
