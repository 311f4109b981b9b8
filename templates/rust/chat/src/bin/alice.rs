//! Alice: listens, and chats with everybody who dials.
//!
//!     alice
//!
//! She ends when her user has said everything, there was at least one chat, and
//! none goes on any more.

use std::process::ExitCode;

use chat::Node;
use libp2p::multiaddr::Multiaddr;

// One thread is enough, as all chats are one task; more do no harm. No outcome
// depends on the order in which tasks and threads run, which the runtime
// decides.
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
    let mut node = Node::new()?;
    let address = listen(&mut node)
        .await
        .map_err(|reason| format!("cannot listen: {reason}"))?;
    println!("listening on {address}");

    while !(node.input_ended() && node.is_over()) {
        node.step().await;
    }
    Ok(())
}

/// Listens on a free port of 127.0.0.1, and returns the address with our peer id.
///
/// `node.swarm.listen_on` takes a `Multiaddr`, `/ip4/127.0.0.1/tcp/0` (you can parse
/// it from text), and only starts to listen. An event, `SwarmEvent::NewListenAddr`,
/// reports which port was chosen, and there are no events unless you ask the swarm
/// for them, with `StreamExt::select_next_some`.
///
/// The peer id is part of the address (`Multiaddr::with`, `Protocol::P2p`, and
/// `local_peer_id` of the swarm): a peer that dials it wants to talk to us, and to no
/// other peer at that address.
async fn listen(node: &mut Node) -> Result<Multiaddr, String> {
    let _ = node;
    todo!("1. listen on port 0, wait for the address, and put the peer id at its end")
}
