//! What the peers of the stage have in common, which do what they are told.
//!
//! They do not even read by themselves: what the other side says waits in the
//! stream, as it does in front of a slow reader.
//!
//! * `begin TEXT`: sends the text, and no newline.
//! * `say TEXT`: sends the text and a newline.
//! * `close`: closes the half of the stream; there is no more to say.
//! * `read`: reads one line, and prints it; at the end of the stream, it asks
//!   whether the end was meant, and prints what `alice` and `bob` print.
//! * `asked`: waits until the other side asks whether it was heard out, and prints
//!   `asked`. The answer comes at the end of the input.
//!
//! At the end of its input it has said everything, and stays until the other side
//! has, too.

use std::error::Error;
use std::io;

use chat::{Gone, Node, Typed, answer, next_line, still_up};
use futures::io::{BufReader, ReadHalf, WriteHalf};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::swarm::SwarmEvent;
use libp2p::{PeerId, Stream};
use libp2p_stream::{Control, IncomingStreams};

/// Does what is typed on the stream that `begin` returns, while the swarm is driven.
pub async fn play<F>(
    node: Node,
    begin: impl FnOnce(Control, IncomingStreams) -> F,
) -> Result<(), Box<dyn Error>>
where
    F: Future<Output = Result<(PeerId, Stream), Box<dyn Error>>>,
{
    let Node {
        mut swarm,
        control,
        incoming,
        questions,
        typed,
        ..
    } = node;
    let gone = Gone::new();
    let drive = async {
        loop {
            if let SwarmEvent::ConnectionClosed { cause, .. } = swarm.select_next_some().await {
                let why = cause.map_or("closed by us".to_owned(), |cause| cause.to_string());
                let _ = gone.set(why); // There is one connection only.
            }
        }
    };
    let talk = async {
        let (peer, stream) = begin(control.clone(), incoming).await?;
        let (reader, writer) = stream.split();
        let mut odd = Odd {
            peer,
            control,
            reader: BufReader::new(reader),
            writer,
            questions,
            question: None,
            gone: &gone,
        };
        odd.obey(typed).await?;
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
    questions: IncomingStreams,
    /// The question that was not answered yet.
    question: Option<Stream>,
    gone: &'a Gone,
}

impl Odd<'_> {
    /// Does what is typed, until there is no more.
    async fn obey(&mut self, mut typed: Typed) -> io::Result<()> {
        while let Some(order) = typed.recv().await {
            let order = order?;
            match order.split_once(' ').unwrap_or((&order, "")) {
                ("begin", text) => self.writer.write_all(text.as_bytes()).await?,
                ("say", text) => {
                    self.writer
                        .write_all(format!("{text}\n").as_bytes())
                        .await?
                }
                ("close", _) => self.writer.close().await?,
                ("read", _) => match next_line(&mut self.reader).await? {
                    Some(line) => println!("{line}"),
                    None => match still_up(self.peer, &self.control, self.gone).await {
                        Ok(()) => println!("{} has left", self.peer),
                        Err(why) => println!("lost {}: {why}", self.peer),
                    },
                },
                ("asked", _) => match self.asked().await {
                    Ok(()) => println!("asked"),
                    Err(why) => println!("lost {}: {why}", self.peer),
                },
                _ => return Err(io::Error::other(format!("no such order: {order}"))),
            }
        }
        Ok(())
    }

    /// Waits for the question whether the other side was heard out.
    async fn asked(&mut self) -> Result<(), String> {
        tokio::select! {
            biased; // A question that has come counts, also when the connection is gone since.
            Some((_, question)) = self.questions.next() => {
                self.question = Some(question);
                Ok(())
            }
            why = self.gone.wait() => Err(why.clone()),
        }
    }

    /// Stays until the other side has said everything, and has hung up.
    ///
    /// Whoever does not want to hear more may hang up earlier.
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
