//! A peer that does what it is told, in the place of `bob`, and nothing else.
//!
//!     odd_bob ADDRESS
//!
//! It opens a chat, and then does what is typed. It does not even read: what the
//! other side says waits in the stream.
//!
//! * `begin TEXT`: sends the text, and no newline.
//! * `say TEXT`: sends the text and a newline.
//! * `read`: reads one line, and prints it.
//!
//! At the end of its input it has said everything, and stays until the other side
//! has, too.

use std::error::Error;
use std::process::ExitCode;
use std::{env, io};

use chat::{CHAT, Node, Typed, next_line};
use futures::io::BufReader;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::multiaddr::{Multiaddr, Protocol};
use libp2p::{PeerId, Stream};
use libp2p_stream::Control;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address] = arguments.as_slice() else {
        eprintln!("usage: odd_bob ADDRESS");
        return ExitCode::from(2);
    };
    match run(address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(address: &str) -> Result<(), Box<dyn Error>> {
    let address: Multiaddr = address.parse()?;
    let Some(Protocol::P2p(peer)) = address.iter().last() else {
        return Err("the address has no peer id".into());
    };
    let Node {
        mut swarm,
        control,
        typed,
        ..
    } = Node::new()?;
    swarm.dial(address)?;
    let drive = async {
        loop {
            swarm.select_next_some().await;
        }
    };
    tokio::select! {
        result = talk(peer, control, typed) => result,
        never = drive => never,
    }
}

async fn talk(peer: PeerId, mut control: Control, typed: Typed) -> Result<(), Box<dyn Error>> {
    let stream = control.open_stream(peer, CHAT).await?;
    Ok(obey(stream, typed).await?)
}

/// Does what is typed, and stays until the other side has said everything.
async fn obey(stream: Stream, mut typed: Typed) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    while let Some(order) = typed.recv().await {
        let order = order?;
        match order.split_once(' ').unwrap_or((&order, "")) {
            ("begin", text) => writer.write_all(text.as_bytes()).await?,
            ("say", text) => writer.write_all(format!("{text}\n").as_bytes()).await?,
            ("read", _) => match next_line(&mut reader).await? {
                Some(line) => println!("{line}"),
                None => println!("nothing more"),
            },
            _ => return Err(io::Error::other(format!("no such order: {order}"))),
        }
    }
    writer.close().await?;
    // Whoever does not want to hear more may hang up.
    let _ = reader.read_to_end(&mut Vec::new()).await;
    Ok(())
}
