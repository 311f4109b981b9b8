//! Peers that greet each other, over one TCP connection.
//!
//! The protocol: each side sends one line, its greeting, and reads the other's.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;

/// Plays a peer: it dials the address on the command line, or listens where
/// there is none.
pub fn run(me: &str) -> ExitCode {
    let done = match std::env::args().nth(1) {
        None => listen(me),
        Some(address) => TcpStream::connect(address).and_then(|stream| greet(&stream, me)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("connection lost: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Listens on a port that the system chooses, says where, and greets whoever
/// dials, one after the other.
fn listen(me: &str) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        greet(&stream?, me)?;
    }
    Ok(())
}

/// Sends a greeting, then prints the one that comes.
///
/// The line leaves at once: a stream without a buffer has nothing to flush. The
/// reader has one, as a line may come in pieces. A stream that ends inside a line
/// is an error: half a greeting is none.
pub fn greet(stream: &TcpStream, me: &str) -> io::Result<()> {
    let mut writer = stream;
    writer.write_all(format!("hello from {me}\n").as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let greeting = line.strip_suffix('\n').ok_or(io::ErrorKind::UnexpectedEof)?;
    println!("{greeting}");
    Ok(())
}
