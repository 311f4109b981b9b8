//! Alice: registers under a name, to be found.
//!
//!     alice POINT NAME [TTL]
//!
//! POINT is the address of the rendezvous point, with its peer id. TTL is for how
//! many seconds; without it, the point chooses.

use std::env;
use std::process::ExitCode;

use futures::StreamExt;
use libp2p::rendezvous::client::Behaviour;
use libp2p::rendezvous::{Namespace, Ttl};
use libp2p::{Multiaddr, PeerId, Swarm};
use rendezvous_point::{leave, listen, new_swarm, reach, typed_lines};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let Some((point, name, ttl)) = understand(&arguments) else {
        eprintln!("usage: alice POINT NAME [TTL]");
        return ExitCode::from(2);
    };
    match run(&point, name, ttl).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn understand(arguments: &[String]) -> Option<(Multiaddr, &str, Option<Ttl>)> {
    match arguments {
        [point, name] => Some((point.parse().ok()?, name, None)),
        [point, name, ttl] => Some((point.parse().ok()?, name, Some(ttl.parse().ok()?))),
        _ => None,
    }
}

async fn run(point: &Multiaddr, name: &str, ttl: Option<Ttl>) -> Result<(), String> {
    let mut swarm = new_swarm(|keys| Behaviour::new(keys.clone()))?;
    listen(&mut swarm).await?;
    let point = reach(&mut swarm, point).await?;
    let name = register(&mut swarm, point, name, ttl)
        .await
        .map_err(|reason| format!("cannot register: {reason}"))?;
    let mut typed = typed_lines();
    loop {
        tokio::select! {
            _ = swarm.select_next_some() => {}
            line = typed.recv() => match line {
                Some(Ok(line)) if line == "/leave" => unregister(&mut swarm, point, &name),
                Some(Ok(_)) => eprintln!("type /leave, or Ctrl-D"),
                Some(Err(_)) | None => break,
            },
        }
    }
    leave(swarm).await;
    Ok(())
}

/// Registers under a name, which is returned as the protocol has it.
///
/// Make a `Namespace` from the name (`new`; the name may be too long). Then ask the
/// point (`register` of the client's `Behaviour`). That fails at once if the swarm
/// has no external address: there would be nothing to register. Otherwise the point
/// answers. Take events until `Event::Registered` comes: print
/// `registered under NAME for TTL s` with the values of the event, and return its
/// namespace. If `Event::RegisterFailed` comes, return its error, as `{error:?}` shows
/// it.
async fn register(
    swarm: &mut Swarm<Behaviour>,
    point: PeerId,
    name: &str,
    ttl: Option<Ttl>,
) -> Result<Namespace, String> {
    let _ = (swarm, point, name, ttl);
    todo!("3. ask the point to register us, and print its answer")
}

/// Asks the point to forget us under this name.
///
/// The client's `Behaviour` does it (`unregister`). There is no answer to wait for.
fn unregister(swarm: &mut Swarm<Behaviour>, point: PeerId, name: &Namespace) {
    let _ = (swarm, point, name);
    todo!("5. ask the point to forget us")
}
