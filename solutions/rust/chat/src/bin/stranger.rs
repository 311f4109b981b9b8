//! A peer that accepts connections, but does not chat.
//!
//!     stranger [hangs-up]
//!
//! With `hangs-up`, it closes each connection as soon as it is established.

use std::env;
use std::error::Error;
use std::net::Ipv4Addr;
use std::time::Duration;

use futures::StreamExt;
use libp2p::connection_limits::{Behaviour, ConnectionLimits};
use libp2p::multiaddr::{Multiaddr, Protocol};
use libp2p::swarm::SwarmEvent;
use libp2p::{SwarmBuilder, noise, tcp, yamux};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let hangs_up = env::args().any(|argument| argument == "hangs-up");
    let limits = ConnectionLimits::default().with_max_established_incoming(hangs_up.then_some(0));
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(
            tcp::Config::default(),
            noise::Config::new,
            yamux::Config::default,
        )?
        .with_behaviour(|_| Behaviour::new(limits))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();
    swarm.listen_on(Multiaddr::from(Ipv4Addr::LOCALHOST).with(Protocol::Tcp(0)))?;
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            println!("listening on {address}/p2p/{}", swarm.local_peer_id());
        }
    }
}
