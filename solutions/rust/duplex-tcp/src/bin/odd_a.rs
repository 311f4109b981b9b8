//! A scripted peer for unexpected behaviour, in the place of `a`.
//!
//!     odd_a
//!
//! It listens and answers one call, as `a` does. Then it does what is typed: see
//! the module `odd`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

mod odd;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> io::Result<()> {
    let socket = odd::socket()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let listener = socket.listen(1)?;
    println!("listening on {}", listener.local_addr()?);
    let (stream, _) = listener.accept().await?;
    odd::obey(stream).await
}
