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
//!
//! There are six holes, numbered in the order in which you meet them when you
//! run the programs: 1 is in `a.rs`, 2 is in `b.rs`, and the others are here. A
//! `let _ = …` in a hole only keeps the compiler quiet about unused values: delete
//! it together with the `todo!`.

use std::{io, thread};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite};
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
/// Switch off Nagle's algorithm (`TcpStream::set_nodelay`), so that a short line
/// is sent at once. Split the stream into its two directions
/// (`TcpStream::into_split`), then run [`send`], with the lines of
/// [`typed_lines`], and [`receive`] at the same time. Look at `tokio::join!`,
/// `tokio::try_join!` and `tokio::select!`: which of them waits for both, but
/// ends at once when receiving fails while the user types nothing?
///
/// One more detail: when sending fails, lines that arrived before may still be
/// unread. Print them before you return the error.
pub async fn converse(stream: TcpStream, greeting: &str) -> io::Result<()> {
    let _ = (stream, greeting);
    todo!("3. split the stream, then send and receive at the same time")
}

/// Sends the greeting, then every line that is typed, then the end.
///
/// Every line needs its newline (`AsyncWriteExt::write_all`). The lines come
/// from `Typed::recv`: `None` is the end of the input, and each line is a
/// `Result`, since reading the input may fail. At the end, close this direction,
/// and only this one (`AsyncWriteExt::shutdown`).
pub async fn send(writer: impl AsyncWrite + Unpin, greeting: &str, typed: Typed) -> io::Result<()> {
    let _ = (writer, greeting, typed);
    todo!("4. send the greeting, every typed line, then close this direction")
}

/// Prints every line that the other side sends, until it has said everything.
///
/// Wrap the reader in one `tokio::io::BufReader` for the whole conversation,
/// and ask [`next_line`] for one line after another. Pass an error on: the caller
/// reports it.
pub async fn receive(reader: impl AsyncRead + Unpin) -> io::Result<()> {
    let _ = reader;
    todo!("5. print every line, until the other side has said everything")
}

/// Reads one line, without its newline; `None` when the stream has ended.
///
/// Collect bytes up to the newline (`AsyncBufReadExt::read_until`), but no more
/// than [`MAX_LINE`] and the newline (`AsyncReadExt::take`), and convert them to
/// text when the line is complete (`String::from_utf8`).
///
/// Three things are errors, each with a text that says what happened
/// (`io::Error::new`): a line that is too long, a line that is not UTF-8, and a
/// stream that ends in the middle of a line. `read_until` does not report the
/// last of these: look at the last byte to see what is missing.
pub async fn next_line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let _ = reader;
    todo!("6. read up to the newline, and tell a line from the end and from half a line")
}

/// Starts to read what the user types, line by line. (Nothing to do here.)
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
