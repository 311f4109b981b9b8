//! Peers that greet each other, over one TCP connection.
//!
//! The protocol: each side sends one line, its greeting, and reads the other's.
//!
//! There is one hole, in [`greet`].

use std::io;
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
/// Send `hello from ` and your name (`me`) as one line, with a newline at its
/// end (`Write::write_all`). Then read one line (`BufRead::read_line`, from a
/// `BufReader`), and print it without its newline (`str::strip_suffix`). A line
/// that has none is an error: the stream has ended inside it.
pub fn greet(stream: &TcpStream, me: &str) -> io::Result<()> {
    let _ = (stream, me);
    todo!("1. send `hello from …` as a line, then read a line and print it")
}
