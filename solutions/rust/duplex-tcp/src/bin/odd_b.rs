//! A peer that says what nobody should say, in the place of `b`.
//!
//!     odd_b HOW ADDRESS
//!
//! It greets as `b` does, says its odd thing, and stays until the other side
//! hangs up.

use std::process::ExitCode;
use std::{env, io};

use duplex_tcp::MAX_LINE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
    let odd: Vec<u8> = match how {
        "half" => b"half of a li".to_vec(),
        "not-text" => b"a byte that is no text: \xff\n".to_vec(),
        "too-long" => vec![b'a'; MAX_LINE + 1],
        _ => return Err(io::Error::other(format!("no such way: {how}"))),
    };
    // Together, so that nothing is lost when the other side has heard enough.
    let said = [b"Hello I am B\n".as_slice(), &odd].concat();
    if stream.write_all(&said).await.is_ok() && how == "half" {
        stream.shutdown().await?;
    }
    // Whoever does not want to hear more may hang up before he has heard all.
    let _ = stream.read_to_end(&mut Vec::new()).await;
    Ok(())
}
