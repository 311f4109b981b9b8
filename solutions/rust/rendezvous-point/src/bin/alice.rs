//! Alice: registers under a name, to be found.
//!
//!     alice POINT NAME [TTL]
//!
//! POINT is the address of the rendezvous point, with its peer id. TTL is for how
//! many seconds; without it, the point chooses.

use std::env;
use std::process::ExitCode;

use futures::StreamExt;
use libp2p::rendezvous::client::{Behaviour, Event};
use libp2p::rendezvous::{Namespace, Ttl};
use libp2p::swarm::SwarmEvent;
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
/// What is registered are our external addresses, in a record that is signed with
/// our keys. The point answers, with a time that it may have chosen, and then we
/// know that it has the record.
///
/// When that time is over we are forgotten. The client leaves it to us to register
/// again before. A program that stays would do so after about half of it.
async fn register(
    swarm: &mut Swarm<Behaviour>,
    point: PeerId,
    name: &str,
    ttl: Option<Ttl>,
) -> Result<Namespace, String> {
    let name = Namespace::new(name.into()).map_err(|reason| reason.to_string())?;
    swarm
        .behaviour_mut()
        .register(name, point, ttl)
        .map_err(|reason| reason.to_string())?;
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::Behaviour(Event::Registered { namespace, ttl, .. }) => {
                println!("registered under {namespace} for {ttl} s");
                return Ok(namespace);
            }
            SwarmEvent::Behaviour(Event::RegisterFailed { error, .. }) => {
                return Err(format!("{error:?}"));
            }
            _ => {}
        }
    }
}

/// Asks the point to forget us under this name.
///
/// That is not answered. If it never arrives, the registration expires.
fn unregister(swarm: &mut Swarm<Behaviour>, point: PeerId, name: &Namespace) {
    swarm.behaviour_mut().unregister(name.clone(), point);
}
