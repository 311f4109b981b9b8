//! The code that the scripted peers of this stage share, and the lines that control
//! them.
//!
//! The peers do not even read on their own: what the other side sends waits in the
//! stream, as it does when a reader is slow.
//!
//! * `begin TEXT`: sends the text without a newline.
//! * `say TEXT`: sends the text and a newline.
//! * `bytes TEXT`: sends the text as it is, with `\r`, `\n` and `\xHH` for bytes that
//!   can't be typed.
//! * `fill N`: sends N bytes without a newline.
//! * `line N`: sends N bytes and a newline, in one write.
//! * `secret`: sends a line that can't be known beforehand, and prints it.
//! * `close`: closes our half of the stream: there is no more to say.
//! * `read`: reads one line, and prints it. At the end of the stream, it checks
//!   whether the end was intended, and prints what `alice` and `bob` print.
//! * `count`: reads one line, and prints how many bytes it has.
//! * `until TEXT`: reads lines up to this one, and prints how many came before it.
//! * `glimpse`: reads one byte of a line, and prints it. The next `read` gets the rest.
//! * `done`: prints `done`, to show that all earlier lines have been executed.
//! * `asked`: waits until the other side asks whether it was heard out, and prints
//!   `asked`. The peer answers at the end of its input.
//! * `unasked`: prints `not asked yet`, or `asked already`.
//! * `hush`: drops that question without an answer, as the library does when its
//!   program is busy.
//! * `ask`: asks the other side whether the chat is over for it, too.
//! * `peek`: prints the answer, or `no answer yet`.
//! * `answer`: waits for the answer, and prints it.
//!
//! At the end of its input, a peer has said everything. It stays until the other side
//! has said everything, too.
//!
//! With the argument `plain`, a peer speaks only the first protocol: it refuses the
//! question, and accepts pings.

use std::error::Error;
use std::io;

use chat::{Gone, HEARD, Node, Typed, answer, next_line, still_up};
use futures::future::{FutureExt, OptionFuture};
use futures::io::{BufReader, ReadHalf, WriteHalf};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::swarm::SwarmEvent;
use libp2p::{PeerId, Stream, ping};
use libp2p_stream::{Control, IncomingStreams};

/// Drives the swarm, and executes what is typed on the stream that `begin` returns.
pub async fn play(
    node: Node,
    plain: bool,
    begin: impl AsyncFnOnce(
        Control,
        IncomingStreams,
        &mut Typed,
    ) -> Result<(PeerId, Stream), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let Node {
        mut swarm,
        mut control,
        incoming,
        questions,
        mut typed,
        ..
    } = node;
    // libp2p refuses a protocol whose `IncomingStreams` was dropped.
    let questions = (!plain).then_some(questions);
    let mut pings = plain
        .then(|| control.accept(ping::PROTOCOL_NAME))
        .transpose()?;
    let gone = Gone::new();
    let drive = async {
        loop {
            let event = tokio::select! {
                event = swarm.select_next_some() => event,
                Some(Some(_)) = OptionFuture::from(pings.as_mut().map(StreamExt::next)) => continue,
            };
            if let SwarmEvent::ConnectionClosed { cause, .. } = event {
                let why = cause.map_or("closed by us".to_owned(), |cause| cause.to_string());
                let _ = gone.set(why); // There is only one connection.
            }
        }
    };
    let talk = async {
        let (peer, stream) = begin(control.clone(), incoming, &mut typed).await?;
        let (reader, writer) = stream.split();
        let mut odd = Odd {
            peer,
            control,
            reader: BufReader::new(reader),
            writer,
            questions,
            question: None,
            ours: None,
            gone: &gone,
        };
        odd.obey_all(typed).await?;
        odd.leave().await;
        Ok(())
    };
    tokio::select! {
        result = talk => result,
        never = drive => never,
    }
}

/// One side of a chat.
struct Odd<'a> {
    peer: PeerId,
    control: Control,
    reader: BufReader<ReadHalf<Stream>>,
    writer: WriteHalf<Stream>,
    questions: Option<IncomingStreams>,
    /// The other side's question, if it is not yet answered.
    question: Option<Stream>,
    /// Our own question.
    ours: Option<BufReader<Stream>>,
    gone: &'a Gone,
}

impl Odd<'_> {
    /// Executes what is typed, until the input ends.
    async fn obey_all(&mut self, mut typed: Typed) -> io::Result<()> {
        while let Some(order) = typed.recv().await {
            let order = order?;
            let (verb, text) = order.split_once(' ').unwrap_or((&order, ""));
            self.obey(verb, text).await?;
        }
        Ok(())
    }

    async fn obey(&mut self, verb: &str, text: &str) -> io::Result<()> {
        match verb {
            "begin" => self.writer.write_all(text.as_bytes()).await?,
            "say" => self.say(text).await?,
            "bytes" => self.writer.write_all(&unescape(text)).await?,
            "fill" => {
                let bytes = text.parse().map_err(io::Error::other)?;
                self.writer.write_all(&vec![b'.'; bytes]).await?;
            }
            "line" => {
                let bytes = text.parse().map_err(io::Error::other)?;
                self.say(&".".repeat(bytes)).await?;
            }
            "secret" => {
                let secret = PeerId::random().to_string();
                self.say(&secret).await?;
                println!("{secret}");
            }
            "close" => self.writer.close().await?,
            "read" => self.read().await?,
            "count" => {
                let line = next_line(&mut self.reader).await?;
                println!("{} bytes", line.map_or(0, |line| line.len()));
            }
            "until" => {
                let mut before = 0;
                while next_line(&mut self.reader)
                    .await?
                    .is_some_and(|line| line != text)
                {
                    before += 1;
                }
                println!("{before} lines, then that one");
            }
            "glimpse" => {
                let mut first = [0];
                self.reader.read_exact(&mut first).await?;
                println!("{}", first[0].escape_ascii());
            }
            "asked" => match self.asked().await {
                Ok(()) => println!("asked"),
                Err(why) => println!("lost {}: {why}", self.peer),
            },
            "unasked" => {
                let question = self.asked().now_or_never();
                let asked = self.question.is_some() && question.is_some();
                println!(
                    "{}",
                    if asked {
                        "asked already"
                    } else {
                        "not asked yet"
                    }
                );
            }
            "done" => println!("done"),
            "hush" => self.question = None,
            "ask" => {
                let question = self.control.open_stream(self.peer, HEARD).await;
                self.ours = Some(BufReader::new(question.map_err(io::Error::other)?));
            }
            "peek" => println!(
                "{}",
                self.answered()
                    .now_or_never()
                    .unwrap_or("no answer yet".into())
            ),
            "answer" => println!("{}", self.answered().await),
            _ => return Err(io::Error::other(format!("no such order: {verb}"))),
        }
        Ok(())
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.writer.write_all(format!("{line}\n").as_bytes()).await
    }

    /// Reads one line or the end of the stream, and prints it.
    async fn read(&mut self) -> io::Result<()> {
        match next_line(&mut self.reader).await? {
            Some(line) => println!("{line}"),
            None => match still_up(self.peer, &self.control, self.gone).await {
                Ok(()) => println!("{} has left", self.peer),
                Err(why) => println!("lost {}: {why}", self.peer),
            },
        }
        Ok(())
    }

    /// Waits until the other side asks whether it was heard out.
    async fn asked(&mut self) -> Result<(), String> {
        tokio::select! {
            biased; // A question that has arrived counts, even if the connection is now gone.
            Some(Some((_, question))) =
                OptionFuture::from(self.questions.as_mut().map(StreamExt::next)) =>
            {
                self.question = Some(question);
                Ok(())
            }
            why = self.gone.wait() => Err(why.clone()),
        }
    }

    /// Waits for the other side's answer to our question.
    async fn answered(&mut self) -> String {
        match &mut self.ours {
            None => "nothing was asked".to_owned(),
            Some(question) => match next_line(question).await {
                Ok(Some(answer)) => answer,
                Ok(None) => "no answer".to_owned(),
                Err(why) => format!("no answer: {why}"),
            },
        }
    }

    /// Stays until the other side has said everything, and has hung up.
    ///
    /// A side that does not want to hear more may hang up earlier.
    async fn leave(mut self) {
        let _ = self.writer.close().await;
        let _ = self.reader.read_to_end(&mut Vec::new()).await;
        while self.question.is_some() || self.asked().await.is_ok() {
            if let Some(question) = self.question.take() {
                answer(question).await;
            }
        }
    }
}

/// Converts a text to bytes, and replaces `\r`, `\n` and `\xHH`.
fn unescape(text: &str) -> Vec<u8> {
    let mut parts = text.split('\\');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (byte, rest) = match part.as_bytes() {
            [b'r', ..] => (b'\r', &part[1..]),
            [b'n', ..] => (b'\n', &part[1..]),
            _ => {
                let digits = part.get(1..3).unwrap_or_default();
                (
                    u8::from_str_radix(digits, 16).unwrap_or(b'?'),
                    &part[3.min(part.len())..],
                )
            }
        };
        bytes.push(byte);
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}
