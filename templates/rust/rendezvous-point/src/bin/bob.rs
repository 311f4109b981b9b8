//! Bob: asks who is registered under a name.
//!
//!     bob POINT NAME
//!
//! POINT is the address of the rendezvous point, with its peer id.

use std::env;
use std::process::ExitCode;

use futures::StreamExt;
use libp2p::rendezvous::client::{Behaviour, Event};
use libp2p::rendezvous::{Cookie, Namespace, Registration};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, Swarm};
use rendezvous_point::{leave, new_swarm, reach, typed_lines};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (Some(Ok(point)), [_, name]) = (arguments.first().map(|a| a.parse()), &arguments[..])
    else {
        eprintln!("usage: bob POINT NAME");
        return ExitCode::from(2);
    };
    match run(&point, name).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(point: &Multiaddr, name: &str) -> Result<(), String> {
    let mut seeker = Seeker::new(point, name).await?;
    seeker.find();
    let mut typed = typed_lines();
    loop {
        tokio::select! {
            event = seeker.swarm.select_next_some() => {
                if let SwarmEvent::Behaviour(event) = event {
                    seeker.on_event(event)?;
                }
            }
            line = typed.recv() => match line {
                Some(Ok(line)) if line == "/find" => seeker.find(),
                Some(Ok(_)) => eprintln!("type /find, or Ctrl-D"),
                Some(Err(_)) | None => break,
            },
        }
    }
    leave(seeker.swarm).await;
    Ok(())
}

/// Somebody who looks for others at the point.
struct Seeker {
    swarm: Swarm<Behaviour>,
    point: PeerId,
    name: Namespace,
    /// What the point has told us by now, in a form that only it understands.
    cookie: Option<Cookie>,
}

impl Seeker {
    async fn new(point: &Multiaddr, name: &str) -> Result<Self, String> {
        let name =
            Namespace::new(name.into()).map_err(|reason| format!("cannot find: {reason}"))?;
        let mut swarm = new_swarm(|keys| Behaviour::new(keys.clone()))?;
        let point = reach(&mut swarm, point).await?;
        Ok(Self {
            swarm,
            point,
            name,
            cookie: None,
        })
    }

    /// Asks who is there, or rather who is new since the last answer.
    ///
    /// The client's `Behaviour` does it (`discover`). Pass the name: without one, the
    /// answer lists the peers under all names. Pass the cookie of the last answer, if
    /// there was one: without it, the answer lists all peers again. Pass no limit: we
    /// want to know all of them.
    fn find(&mut self) {
        let _ = (self.point, &self.name);
        todo!("6. ask the point who is new under the name")
    }

    fn on_event(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Discovered {
                registrations,
                cookie,
                ..
            } => {
                self.discovered(registrations, cookie);
                Ok(())
            }
            Event::DiscoverFailed { error, .. } => Err(format!("cannot find: {error:?}")),
            _ => Ok(()),
        }
    }

    /// Prints those who are new, and keeps the cookie for the next time.
    ///
    /// For each registration, in the order of the answer, print `Found peer: PEERID`,
    /// then `at ADDRESS` for each of its addresses; both are in its `record`. If there
    /// is no registration, print `nobody new under NAME`. Each answer has a cookie of
    /// its own, which stands for everything that we have received so far: replace the
    /// last cookie with it.
    fn discovered(&mut self, registrations: Vec<Registration>, cookie: Cookie) {
        let _ = (registrations, cookie, &self.cookie);
        todo!("7. print who is new, and keep the cookie")
    }
}
