//! A scripted peer for unexpected behaviour: it does only what is typed.
//!
//! It does not even greet or read on its own: what the other side sends waits in
//! the connection. The commands are
//!
//! * `begin TEXT`: sends the text without a newline.
//! * `say TEXT`: sends the text and a newline.
//! * `bytes HEX`: sends these bytes, which need not be text.
//! * `much N`: sends `ü`, a character of two bytes, N times without a newline.
//! * `line N TEXT`: sends the same with a newline, and the text, if there is one, as
//!   the next line, all in one write.
//! * `read`: reads one line, and prints it, or `nothing more` if there is none.
//! * `read all`: reads to the end, and prints how many bytes there were.
//! * `close`: closes its direction of the connection, as at the end of its input.
//!
//! After the end of its input, it stays until the other side hangs up.

use std::io;

use duplex_tcp::{next_line, typed_lines};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpSocket, TcpStream};

/// A socket with a small receive buffer, which soon fills up if we do not read. By default
/// the system lets the buffer grow to many MiB, and then a sender never has to wait.
pub fn socket() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(64 * 1024)?;
    Ok(socket)
}

/// Executes what is typed, and stays until the other side hangs up.
pub async fn obey(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut typed = typed_lines();
    while let Some(order) = typed.recv().await {
        let order = order?;
        match order.split_once(' ').unwrap_or((&order, "")) {
            ("begin", text) => send(&mut writer, text.as_bytes()).await,
            ("say", text) => send(&mut writer, format!("{text}\n").as_bytes()).await,
            ("bytes", hex) => send(&mut writer, &bytes(hex)?).await,
            ("much", count) => {
                let count = count.parse().map_err(io::Error::other)?;
                send(&mut writer, "ü".repeat(count).as_bytes()).await;
            }
            ("line", order) => {
                let (count, text) = order.split_once(' ').unwrap_or((order, ""));
                let mut lines = "ü".repeat(count.parse().map_err(io::Error::other)?) + "\n";
                if !text.is_empty() {
                    lines += &format!("{text}\n");
                }
                send(&mut writer, lines.as_bytes()).await;
            }
            ("read", "all") => {
                let count = tokio::io::copy_buf(&mut reader, &mut tokio::io::sink()).await?;
                println!("{count} bytes, and the end");
            }
            ("read", _) => match next_line(&mut reader).await {
                Ok(Some(line)) => println!("{line}"),
                Ok(None) | Err(_) => println!("nothing more"),
            },
            ("close", _) => drop(writer.shutdown().await),
            _ => return Err(io::Error::other(format!("no such order: {order}"))),
        }
    }
    drop(writer); // It has said everything.
    let _ = reader.read_to_end(&mut Vec::new()).await;
    Ok(())
}

/// Sends bytes, and ignores errors: the other side may hang up on us, since some of what we
/// send breaks the protocol.
async fn send(writer: &mut OwnedWriteHalf, bytes: &[u8]) {
    let _ = writer.write_all(bytes).await;
}

/// Decodes hexadecimal digits, two for each byte.
fn bytes(hex: &str) -> io::Result<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2);
    let pairs = digits.map(|pair| str::from_utf8(pair).unwrap_or_default());
    let bytes: Result<_, _> = pairs.map(|pair| u8::from_str_radix(pair, 16)).collect();
    bytes.map_err(io::Error::other)
}
