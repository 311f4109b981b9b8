//! A scribe: writes blocks of any kind, and prints exactly what they contain.
//!
//!     scribe FOLDER
//!     scribe FOLDER read
//!     scribe FOLDER since TIME
//!     scribe FOLDER now
//!     scribe FOLDER call ADDRESS
//!
//! The first form owns the feed in FOLDER as a writer does, prints its key, and
//! replicates it with every peer that dials. A typed line becomes a block, unchanged:
//! `block TEXT`, or `bytes HEX` for a block that is not text. On `/connect ADDRESS`, it
//! dials.
//!
//! With `read`, it prints the content of each block of the feed in FOLDER, and exits. For
//! the time of a message, it prints whether it is today. With `since`, it prints the last
//! message, and whether its time is TIME or later. With `now`, it prints the current time.
//! With `call`, it dials, and then sends nothing until its input ends.

use std::env;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use feed::{Error, Feed};
use futures::StreamExt;
use replication::{Message, Side, meet, now, typed_lines};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match arguments.as_slice() {
        [folder] => write(folder).await,
        [folder, read] if read == "read" => print(folder).await,
        [folder, since, time] if since == "since" => print_last(folder, time).await,
        [_, call, address] if call == "call" => call_and_be_silent(address).await,
        [_, word] if word == "now" => {
            println!("{}", now());
            Ok(())
        }
        _ => {
            eprintln!("usage: scribe FOLDER [read | since TIME | now | call ADDRESS]");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// Appends what is typed, and replicates the feed with every peer that dials.
async fn write(folder: &str) -> Result<(), Error> {
    let feed = Feed::open(folder).await?;
    println!("key {}", feed.key());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    let mut typed = typed_lines();
    let mut peers = futures::stream::FuturesUnordered::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => peers.push(meet(feed.clone(), stream, Side::Accepted)),
            Some(_) = peers.next() => {}
            line = typed.recv() => {
                let Some(line) = line else { return Ok(()) };
                let line = line?;
                match line.split_once(' ') {
                    Some(("block", text)) => feed.append(text).await?,
                    Some(("bytes", hex)) => feed.append(bytes(hex)?).await?,
                    Some(("/connect", address)) => {
                        let stream = TcpStream::connect(address).await?;
                        peers.push(meet(feed.clone(), stream, Side::Dialed));
                        continue;
                    }
                    _ => return Err(Error::Protocol(format!("no such order: {line}"))),
                };
            }
        }
    }
}

/// Prints the content of the blocks of a feed.
async fn print(folder: &str) -> Result<(), Error> {
    let feed = Feed::open(folder).await?;
    let mut blocks = feed.read(0..feed.len());
    while let Some(block) = blocks.next().await {
        match serde_json::from_slice::<Message>(&block?) {
            Ok(message) => println!(
                "{}, {}, {} ({}): {}",
                message.kind,
                message.nickname,
                message.timestamp,
                age(&message.timestamp),
                message.text
            ),
            Err(reason) => println!("no message: {reason}"),
        }
    }
    Ok(())
}

/// Prints the last message of a feed, and whether its time is this time or later.
async fn print_last(folder: &str, time: &str) -> Result<(), Error> {
    let feed = Feed::open(folder).await?;
    let last = feed.len().saturating_sub(1);
    let mut blocks = feed.read(last..feed.len());
    while let Some(block) = blocks.next().await {
        let message = serde_json::from_slice::<Message>(&block?)
            .map_err(|reason| Error::Protocol(format!("no message: {reason}")))?;
        let when = match (parse(&message.timestamp), parse(time)) {
            (Some(said), Some(time)) if said >= time => "since then",
            (Some(_), Some(_)) => "before then",
            _ => "at no time in the format of RFC 3339",
        };
        println!("{when}: {}", message.text);
    }
    Ok(())
}

/// Parses a time to whole milliseconds, which any of the usual formats has at least. It takes
/// the offset from UTC into account.
fn parse(timestamp: &str) -> Option<i128> {
    let (date_and_time, rest) = timestamp.split_at_checked(19)?;
    let time = humantime::parse_rfc3339_weak(date_and_time).ok()?;
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    let end = rest.find(['Z', 'z', '+', '-'])?;
    let (fraction, offset) = rest.split_at(end);
    let fraction: String = fraction
        .chars()
        .skip(1)
        .chain("000".chars())
        .take(3)
        .collect();
    let millis = i128::from(seconds) * 1000 + fraction.parse::<i128>().ok()?;
    let minutes = match offset.split_at_checked(1)? {
        (sign @ ("+" | "-"), place) => {
            let (hours, minutes) = place.split_once(':')?;
            let minutes = hours.parse::<i128>().ok()? * 60 + minutes.parse::<i128>().ok()?;
            if sign == "+" { minutes } else { -minutes }
        }
        _ => 0,
    };
    Some(millis - minutes * 60_000)
}

/// Dials, and keeps the connection open without sending anything.
async fn call_and_be_silent(address: &str) -> Result<(), Error> {
    let _stream = TcpStream::connect(address).await?;
    println!("connected");
    while typed_lines().recv().await.is_some() {}
    Ok(())
}

/// Whether this time is about now. The offset from UTC is ignored: it is less than a day.
fn age(timestamp: &str) -> &'static str {
    let utc = timestamp.get(..19).unwrap_or_default();
    let Ok(time) = humantime::parse_rfc3339_weak(utc) else {
        return "not in the format of RFC 3339";
    };
    let now = SystemTime::now();
    let apart = now
        .duration_since(time)
        .or_else(|_| time.duration_since(now));
    match apart {
        Ok(apart) if apart < Duration::from_secs(36 * 60 * 60) => "today",
        _ => "not today",
    }
}

/// Decodes hexadecimal digits, two for each byte.
fn bytes(hex: &str) -> Result<Vec<u8>, Error> {
    let digits = hex.as_bytes().chunks(2);
    let pairs = digits.map(|pair| str::from_utf8(pair).unwrap_or_default());
    let bytes: Result<_, _> = pairs.map(|pair| u8::from_str_radix(pair, 16)).collect();
    bytes.map_err(|_| Error::Protocol(format!("no digits: {hex}")))
}
