//! A client with unexpected behaviour, whether the protocol allows it or not.
//!
//!     odd_client HOW ADDRESS
//!
//! On standard error, it reports every write, byte by byte.

use std::error::Error;
use std::process::ExitCode;
use std::{env, io};

use futures::future::FutureExt;
use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::{PeerId, Stream};
use libp2p_stream::Control;
use streaming_parts::{MAX_MESSAGE, PROTOCOL, connect, drive, new_swarm, read_message};
use unsigned_varint::encode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [how, address] = arguments.as_slice() else {
        eprintln!("usage: odd_client HOW ADDRESS");
        return ExitCode::from(2);
    };
    match run(how, address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(how: &str, address: &str) -> Result<(), Box<dyn Error>> {
    let mut swarm = new_swarm()?;
    let control = swarm.behaviour().new_control();
    let server = connect(&mut swarm, address.parse()?).await?;
    tokio::spawn(drive(swarm));
    ask(control, server, how).await
}

async fn ask(mut control: Control, server: PeerId, how: &str) -> Result<(), Box<dyn Error>> {
    let mut stream = control.open_stream(server, PROTOCOL).await?;
    match how {
        // What the protocol allows.
        "slow" | "hasty" => {
            send(&mut stream, &framed("all of it, please")).await?;
            let part = read_message(&mut stream).await?.ok_or("no part came")?;
            println!("read {part}, and then no more");
            typed().await?;
            if how == "hasty" {
                drop(stream);
                println!("left the stream");
                typed().await?;
            } else {
                println!("read {} parts more", read_all(&mut stream).await?);
            }
        }
        "pieces" => {
            let mut rest = framed(&"größer,".repeat(33));
            println!("will send {} bytes", rest.len());
            while !rest.is_empty() {
                let count = typed().await?.parse::<usize>()?.min(rest.len());
                if count == 0 {
                    println!("{}", peek(&mut stream));
                    continue;
                }
                send(&mut stream, &rest[..count]).await?;
                rest.drain(..count);
                println!("sent {count} bytes");
            }
            println!("read {} parts", read_all(&mut stream).await?);
        }
        "two" => {
            let request = framed("the first request");
            send(&mut stream, &request[..9]).await?;
            println!("sent half a request");

            let mut second = control.open_stream(server, PROTOCOL).await?;
            send(&mut second, &framed("the second request")).await?;
            println!("read {} parts on the second", read_all(&mut second).await?);

            typed().await?;
            send(&mut stream, &request[9..]).await?;
            println!("read {} parts on the first", read_all(&mut stream).await?);
        }
        "beside" => {
            let request = framed("the good request");
            send(&mut stream, &request[..9]).await?;
            println!("sent half a request");

            let mut bad = control.open_stream(server, PROTOCOL).await?;
            send(&mut bad, &prefix(1 << 63)).await?;
            println!("read {} parts on the bad stream", read_all(&mut bad).await?);

            typed().await?;
            send(&mut stream, &request[9..]).await?;
            println!(
                "read {} parts on the good one",
                read_all(&mut stream).await?
            );
        }
        "crowd" => {
            for _ in 0..5 {
                let mut bad = control.open_stream(server, PROTOCOL).await?;
                send(&mut bad, &prefix(1 << 63)).await?;
                read_all(&mut bad).await?;
            }
            println!("sent 5 bad requests");
            let mut stuck = vec![stream];
            for number in 0..5 {
                let mut good = control.open_stream(server, PROTOCOL).await?;
                send(&mut good, &framed(&format!("request {number}"))).await?;
                println!("read {} parts", read_all(&mut good).await?);
                for _ in 0..20 {
                    stuck.push(control.open_stream(server, PROTOCOL).await?);
                }
            }
            println!("{} streams have said nothing", stuck.len());
        }
        "secret" => {
            let secret = PeerId::random().to_string();
            println!("will ask: {secret}");
            send(&mut stream, &framed(&secret)).await?;
            println!("read {} parts", read_all(&mut stream).await?);
        }
        "empty" | "lines" => {
            let request = if how == "empty" { "" } else { "one\ntwo\n" };
            send(&mut stream, &framed(request)).await?;
            println!("read {} parts", read_all(&mut stream).await?);
        }
        "lasting" => {
            send(&mut stream, &framed("all that you have, please")).await?;
            println!("read {} parts, and the end", read_all(&mut stream).await?);
            // A server that closes its half ends one direction. A server that drops the
            // stream resets it, and then yamux lets us write no more. We do not flush what
            // we write: the server may have forgotten the stream, and would then reset it.
            match stream.write(&framed("thank you")).await {
                Ok(_) => println!("that was the end of one half, and the other one is open"),
                Err(reason) => println!("that was no end, the stream is gone: {reason}"),
            }
        }
        // What violates the protocol.
        _ => {
            let bad = match how {
                "silent" => Vec::new(),
                "too-long" => framed(&long_request(MAX_MESSAGE + 1)),
                "long-promise" => prefix(MAX_MESSAGE as u64 + 1),
                "huge" => prefix(1 << 63),
                "wide" => prefix(1 << 16),
                "endless" => vec![0x80; 32],
                "torn" => framed(&long_request(30))[..20].to_vec(),
                "not-text" => b"\x03a\xffb".to_vec(),
                "torn-text" => prefix(30),
                "torn-length" => prefix(300)[..1].to_vec(),
                _ => return Err(format!("no such way: {how}").into()),
            };
            if !bad.is_empty() {
                send(&mut stream, &bad).await?;
            }
            if how == "silent" || how.starts_with("torn") {
                stream.close().await?;
            }
            println!("read {} parts", read_all(&mut stream).await?);
        }
    }
    Ok(())
}

/// Reads to the end. A stream that the server drops has an end, too.
async fn read_all(stream: &mut Stream) -> io::Result<u64> {
    let mut parts = 0;
    while read_message(stream).await?.is_some() {
        parts += 1;
    }
    Ok(parts)
}

/// What has arrived so far, without waiting.
fn peek(stream: &mut Stream) -> &'static str {
    match stream.read(&mut [0]).now_or_never() {
        None => "nothing has come",
        Some(Ok(0)) => "the end has come",
        Some(Ok(_)) => "something has come",
        Some(Err(_)) => "the stream is broken",
    }
}

async fn send(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    eprintln!("wrote {} bytes: {bytes:02x?}", bytes.len());
    stream.write_all(bytes).await?;
    stream.flush().await
}

fn framed(message: &str) -> Vec<u8> {
    [&prefix(message.len() as u64), message.as_bytes()].concat()
}

fn prefix(length: u64) -> Vec<u8> {
    encode::u64(length, &mut encode::u64_buffer()).to_vec()
}

fn long_request(length: usize) -> String {
    "please send data, ".chars().cycle().take(length).collect()
}

/// Waits for a typed line.
async fn typed() -> Result<String, Box<dyn Error>> {
    let line = tokio::task::spawn_blocking(|| io::stdin().lines().next()).await?;
    Ok(line.ok_or("the input has ended")??)
}
