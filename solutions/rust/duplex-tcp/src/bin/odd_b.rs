//! A scripted peer for unexpected behaviour, in the place of `b`.
//!
//!     odd_b ADDRESS
//!     odd_b ADDRESS knock
//!
//! It dials, as `b` does. Then it does what is typed: see the module `odd`. With
//! `knock`, it only checks whether a peer answers, and prints the first line that
//! it receives, `hung up on` if there is none, or `refused`.

use std::process::ExitCode;
use std::{env, io};

use duplex_tcp::next_line;
use tokio::io::BufReader;
use tokio::net::TcpStream;

mod odd;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match arguments.as_slice() {
        [address] => run(address).await,
        [address, knock] if knock == "knock" => {
            println!("{}", first_line(address).await);
            Ok(())
        }
        _ => {
            eprintln!("usage: odd_b ADDRESS [knock]");
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

async fn run(address: &str) -> io::Result<()> {
    let address = address.parse().map_err(io::Error::other)?;
    odd::obey(odd::socket()?.connect(address).await?).await
}

/// The first line of the peer that answers. A connection that is reset at once counts as
/// refused, because a proxy in between turns a refusal into a reset.
async fn first_line(address: &str) -> String {
    let refused = || "refused".to_owned();
    let Ok(stream) = TcpStream::connect(address).await else {
        return refused();
    };
    match next_line(&mut BufReader::new(stream)).await {
        Ok(Some(line)) => line,
        Ok(None) => "hung up on".to_owned(),
        Err(_) => refused(),
    }
}
