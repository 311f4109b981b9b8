//! A server with unexpected behaviour, whether the protocol allows it or not.
//!
//!     odd_server HOW
//!
//! It waits for one request after another, and answers each in the way that HOW names.
//! On standard error, it reports every write, byte by byte.

use std::error::Error;
use std::process::ExitCode;
use std::{env, future, io};

use futures::future::FutureExt;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::{PeerId, Stream, StreamProtocol};
use streaming_parts::{MAX_MESSAGE, PROTOCOL, drive, new_swarm, read_message};
use unsigned_varint::encode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [how] = arguments.as_slice() else {
        eprintln!("usage: odd_server HOW");
        return ExitCode::from(2);
    };
    match run(how).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(how: &str) -> Result<(), Box<dyn Error>> {
    let mut swarm = new_swarm()?;
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
    let protocol = match how {
        "stranger" => StreamProtocol::new("/test/another-proto/1.0.0"),
        _ => PROTOCOL,
    };
    let mut incoming = swarm.behaviour().new_control().accept(protocol)?;
    tokio::spawn(drive(swarm));
    while let Some((_client, mut stream)) = incoming.next().await {
        if let Some(request) = read_message(&mut stream).await? {
            println!("asked: {request}");
            answer(stream, how).await?;
        }
    }
    Ok(())
}

async fn answer(mut stream: Stream, how: &str) -> Result<(), Box<dyn Error>> {
    match how {
        // What the protocol allows.
        "together" => {
            let parts: Vec<_> = (0..11).map(part_of).collect();
            send(&mut stream, &parts.concat()).await?;
            println!("sent 11 parts in one write");
        }
        "pieces" => {
            // A length of 297 does not fit into one byte of a varint.
            let mut rest = framed(&"größer,".repeat(33));
            println!("will send {} bytes", rest.len());
            while !rest.is_empty() {
                let count = typed_number().await?.min(rest.len());
                if count == 0 {
                    println!("{}", peek(&mut stream));
                    continue;
                }
                send(&mut stream, &rest[..count]).await?;
                rest.drain(..count);
                println!("sent {count} bytes");
            }
        }
        "empty" => {
            for part in ["Part 0", "", "", "Part 9"] {
                send(&mut stream, &framed(part)).await?;
            }
            println!("sent 4 parts, two of them empty");
        }
        "full" => {
            for length in [127, 128, MAX_MESSAGE] {
                send(&mut stream, &framed(&long_part(length))).await?;
                println!("sent a part of {length} bytes");
            }
        }
        "bold" => {
            // Control sequences of a terminal are ordinary text, and so are newlines.
            for part in ["\u{1b}[1mPart 0\u{1b}[0m\0", "one\ntwo", "three\n"] {
                send(&mut stream, &framed(part)).await?;
            }
            println!("sent 3 strange parts");
        }
        "two" => {
            send(&mut stream, &part_of(0)).await?;
            println!("sent a part");
            typed_number().await?;
            println!("{}", peek(&mut stream));
            send(&mut stream, &part_of(1)).await?;
        }
        "secret" => {
            for _ in 0..2 {
                let secret = PeerId::random().to_string();
                println!("will send: {secret}");
                send(&mut stream, &framed(&secret)).await?;
            }
        }
        "drop" => {
            for part in 0..3 {
                send(&mut stream, &part_of(part)).await?;
            }
            println!("sent 3 parts of 11");
            typed_number().await?;
            drop(stream); // This resets it.
            println!("gave up");
            return Ok(());
        }
        "three" => {
            for part in 0..3 {
                send(&mut stream, &part_of(part)).await?;
            }
            println!("sent 3 parts of 11");
            future::pending().await
        }
        // What violates the protocol. The first part is valid.
        _ => {
            send(&mut stream, &part_of(0)).await?;
            let bad = match how {
                "too-long" => framed(&long_part(MAX_MESSAGE + 1)),
                "long-promise" => prefix(MAX_MESSAGE as u64 + 1),
                "huge" => prefix(1 << 63),
                "not-text" => b"\x03a\xffb".to_vec(),
                "wide" => prefix(1 << 16),
                "endless" => vec![0x80; 32],
                "torn" => framed(&long_part(30))[..20].to_vec(),
                "torn-text" => prefix(30),
                "torn-length" => prefix(300)[..1].to_vec(),
                _ => return Err(format!("no such way: {how}").into()),
            };
            send(&mut stream, &bad).await?;
            println!("sent what is not a part");
            if !how.starts_with("torn") {
                future::pending().await // The client should notice it without an end.
            }
        }
    }
    stream.close().await?;
    Ok(())
}

/// What has arrived so far after the request, without waiting.
fn peek(stream: &mut Stream) -> &'static str {
    match stream.read(&mut [0]).now_or_never() {
        None => "nothing more has come",
        Some(Ok(0)) => "the end has come",
        Some(Ok(_)) => "something more has come",
        Some(Err(_)) => "the stream is broken",
    }
}

async fn send(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    eprintln!("wrote {} bytes: {bytes:02x?}", bytes.len());
    stream.write_all(bytes).await?;
    stream.flush().await
}

fn part_of(number: u64) -> Vec<u8> {
    framed(&format!("Part {number}"))
}

fn framed(message: &str) -> Vec<u8> {
    [&prefix(message.len() as u64), message.as_bytes()].concat()
}

fn prefix(length: u64) -> Vec<u8> {
    encode::u64(length, &mut encode::u64_buffer()).to_vec()
}

fn long_part(length: usize) -> String {
    "All parts of one length. "
        .chars()
        .cycle()
        .take(length)
        .collect()
}

/// Reads a typed number. The thread that waits for it ends when it has arrived.
async fn typed_number() -> Result<usize, Box<dyn Error>> {
    let line = tokio::task::spawn_blocking(|| io::stdin().lines().next()).await?;
    let line = line.ok_or("the input has ended")??;
    Ok(line.parse()?)
}
