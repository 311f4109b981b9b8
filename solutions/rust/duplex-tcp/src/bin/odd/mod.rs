//! A peer that does what nobody expects: it does what is typed, and nothing else.
//!
//! It does not even greet or read by itself: what the other side says waits in
//! the connection. The orders are
//!
//! * `begin TEXT`: sends the text, and no newline.
//! * `say TEXT`: sends the text and a newline.
//! * `bytes HEX`: sends these bytes, which need not be text.
//! * `much N`: sends so many times `ü`, of two bytes, and no newline.
//! * `line N TEXT`: the same as a line, with the text as the next line, if there is one, in one write.
//! * `read`: reads one line, and prints it; `nothing more` when there is none.
//! * `read all`: reads up to the end, and prints how many bytes there were.
//! * `close`: has said everything; so it does at the end of its input.
//!
//! After the end of its input it stays until the other side hangs up.

use std::io;

use duplex_tcp::{next_line, typed_lines};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpSocket, TcpStream};

/// A socket that takes in little as long as nobody reads. The system would let it grow to
/// many MiB, and then nobody who sends ever has to wait.
pub fn socket() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(64 * 1024)?;
    Ok(socket)
}

/// Does what is typed, and stays until the other side hangs up.
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

/// Sends this. The other side may have hung up: it need not hear what nobody should say.
async fn send(writer: &mut OwnedWriteHalf, bytes: &[u8]) {
    let _ = writer.write_all(bytes).await;
}

/// The bytes that two digits each stand for.
fn bytes(hex: &str) -> io::Result<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2);
    let pairs = digits.map(|pair| str::from_utf8(pair).unwrap_or_default());
    let bytes: Result<_, _> = pairs.map(|pair| u8::from_str_radix(pair, 16)).collect();
    bytes.map_err(io::Error::other)
}
