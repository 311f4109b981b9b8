//! A conversation of two peers over one TCP connection.
//!
//! The two programs differ only in how the connection comes to be: `a` waits
//! for it (`src/bin/a.rs`), `b` asks for it (`src/bin/b.rs`). From then on
//! there is no server and no client any more, only two peers with the same
//! rights, and both call [`converse`]:
//!
//! * [`converse`]: both directions at the same time, until both have ended.
//! * [`send`]: one direction, from the greeting to the end of what is typed.
//! * [`receive`]: the other direction, a printed line for every line received.
//! * [`next_line`]: where one line ends and the next begins, in a stream of
//!   bytes that knows nothing of lines.
//! * [`typed_lines`]: what the user types, without holding up the network.
//!
//! The protocol fits in one sentence: each side sends lines of UTF-8 text, the
//! first of which is its greeting, ends each of them with a newline, and closes
//! its half of the connection when it has said everything.

use std::{io, thread};

use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// The longest line that is accepted, in bytes, without its newline.
///
/// Whoever reads "up to the newline" from the network without a limit lets the
/// other side decide how much memory to use: it need only never send one.
pub const MAX_LINE: usize = 1024 * 1024;

/// The lines that the user types, or the reason why no more can be read.
pub type Typed = mpsc::Receiver<io::Result<String>>;

/// Talks to the other side until both sides have said everything.
///
/// The two directions are two futures in one task: neither waits for the other,
/// and no thread or lock is needed. The alternative, one loop that `select!`s
/// over both, asks for more care: it drops the future that did not win, and with
/// it the half of a line that [`next_line`] had already read.
///
/// The directions fail differently. When receiving fails there is nothing left
/// to wait for, so `try_join!` drops the other direction at once, even one that
/// is waiting for the user. When sending fails, lines that the other side sent
/// before it went away may still be on their way to us, so that failure is kept
/// until everything has been received. That is no endless wait: a connection
/// that can't be written to any more soon ends for reading too.
pub async fn converse(stream: TcpStream, greeting: &str) -> io::Result<()> {
    // TCP likes to hold a small write back until the one before it has been
    // acknowledged (Nagle's algorithm). It saves packets in a bulk transfer; in
    // a conversation of short lines it only adds delay.
    stream.set_nodelay(true)?;

    // Each direction owns its half. However `send` ends, its half is then
    // dropped, and that closes it: the other side never waits in vain.
    let (reader, writer) = stream.into_split();
    let sending = async { Ok(send(writer, greeting, typed_lines()).await) };
    let (sent, ()) = tokio::try_join!(sending, receive(reader))?;
    sent
}

/// Sends the greeting, then every line that is typed, then the end.
///
/// Each line is one write, newline included: two writes might travel as two
/// packets. Nothing is buffered on our side, so nothing needs a flush. A
/// program that sends many small pieces would put a `BufWriter` in between, and
/// flush it whenever it is about to wait.
///
/// `shutdown` closes this direction only. The other side reads everything that
/// was sent, then the end of the stream, and may go on talking. Dropping the
/// writer would close it as well, but could not report a failure.
pub async fn send(
    mut writer: impl AsyncWrite + Unpin,
    greeting: &str,
    mut typed: Typed,
) -> io::Result<()> {
    writer.write_all(format!("{greeting}\n").as_bytes()).await?;
    while let Some(line) = typed.recv().await {
        writer.write_all(format!("{}\n", line?).as_bytes()).await?;
    }
    writer.shutdown().await
}

/// Prints every line that the other side sends, until it has said everything.
///
/// There is one `BufReader` for the whole life of the connection. It reads
/// ahead: what it holds beyond the current line is the start of the next one,
/// and would be lost with it.
///
/// Two things a real chat program would do otherwise: escape what it prints,
/// since the other side can send control sequences for your terminal; and not
/// use `println!`, which makes the whole task wait while the terminal is slow.
pub async fn receive(reader: impl AsyncRead + Unpin) -> io::Result<()> {
    let mut reader = BufReader::new(reader);
    while let Some(line) = next_line(&mut reader).await? {
        println!("{line}");
    }
    Ok(())
}

/// Reads one line, without its newline; `None` when the stream has ended.
///
/// The bytes are collected first and decoded last. A character may be split
/// between two reads, a complete line can't be in the middle of one: in UTF-8
/// the newline byte is never a part of another character.
///
/// A stream that ends in the middle of a line is an error, not a short line:
/// half of "do not delete it" is a different message. `AsyncBufReadExt::lines`
/// would be shorter, but it takes such a half for a whole, has no limit, and
/// drops a carriage return that the other side may have meant.
pub async fn next_line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut limited = reader.take(MAX_LINE as u64 + 1);
    limited.read_until(b'\n', &mut line).await?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => match String::from_utf8(line) {
            Ok(line) => Ok(Some(line)),
            Err(error) => Err(invalid(format!("a line is not UTF-8: {error}"))),
        },
        Some(_) if line.len() == MAX_LINE => {
            Err(invalid(format!("a line is longer than {MAX_LINE} bytes")))
        }
        Some(_) => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the stream ended in the middle of a line",
        )),
    }
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Starts to read what the user types, line by line.
///
/// A read from a terminal can't be cancelled. `tokio::io::stdin` hides it in a
/// thread of the runtime, and a runtime waits for its threads when it shuts
/// down: the program would hang at exit until the user presses Enter. So the
/// read blocks in a thread of its own, which the runtime does not know and
/// which ends with the process. The channel is short on purpose: when the
/// network is slower than the input, the thread waits too.
pub fn typed_lines() -> Typed {
    let (typing, typed) = mpsc::channel(1);
    thread::spawn(move || {
        for line in io::stdin().lines() {
            if typing.blocking_send(line).is_err() {
                break; // Nobody wants to know any more.
            }
        }
    });
    typed
}
