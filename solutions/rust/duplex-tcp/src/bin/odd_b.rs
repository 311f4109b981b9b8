//! A peer that does what nobody expects, in the place of `b`.
//!
//!     odd_b HOW ADDRESS
//!
//! With a HOW of `not-text` or `too-long` it greets as `b` does, says what nobody
//! should say, and stays until the other side hangs up.
//!
//! With `told` it greets, and then does what is typed, and nothing else. It does
//! not even read: what the other side says waits in the connection.
//!
//! * `begin TEXT`: sends the text, and no newline.
//! * `say TEXT`: sends the text and a newline.
//! * `read`: reads one line, and prints it.
//! * `read all`: reads up to the end, and prints how many bytes there were.
//! * `close`: has said everything; so it does at the end of its input.

use std::process::ExitCode;
use std::{env, io};

use duplex_tcp::{MAX_LINE, next_line, typed_lines};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const GREETING: &[u8] = b"Hello I am B\n";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [how, address] = arguments.as_slice() else {
        eprintln!("usage: odd_b HOW ADDRESS");
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

async fn run(how: &str, address: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    if how == "told" {
        stream.write_all(GREETING).await?;
        return obey(stream).await;
    }
    let odd: Vec<u8> = match how {
        "not-text" => b"a byte that is no text: \xff\n".to_vec(),
        "too-long" => vec![b'a'; MAX_LINE + 1],
        _ => return Err(io::Error::other(format!("no such way: {how}"))),
    };
    // Together, so that nothing is lost when the other side has heard enough.
    // Whoever does not want to hear more may hang up before he has heard all.
    let _ = stream.write_all(&[GREETING, &odd].concat()).await;
    let _ = stream.read_to_end(&mut Vec::new()).await;
    Ok(())
}

/// Does what is typed, and stays until the other side hangs up.
async fn obey(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut typed = typed_lines();
    while let Some(order) = typed.recv().await {
        let order = order?;
        match order.split_once(' ').unwrap_or((&order, "")) {
            ("begin", text) => writer.write_all(text.as_bytes()).await?,
            ("say", text) => writer.write_all(format!("{text}\n").as_bytes()).await?,
            ("read", "all") => {
                let count = tokio::io::copy_buf(&mut reader, &mut tokio::io::sink()).await?;
                println!("{count} bytes, and the end");
            }
            ("read", _) => match next_line(&mut reader).await? {
                Some(line) => println!("{line}"),
                None => println!("nothing more"),
            },
            ("close", _) => writer.shutdown().await?,
            _ => return Err(io::Error::other(format!("no such order: {order}"))),
        }
    }
    drop(writer); // It has said everything.
    let _ = reader.read_to_end(&mut Vec::new()).await;
    Ok(())
}
