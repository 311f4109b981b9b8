//! A chat of libp2p peers, over the protocol `/libp2p/chat/1.0.0`.
//!
//! `alice` listens and takes whoever dials (`src/bin/alice.rs`), `bob` dials
//! one peer (`src/bin/bob.rs`). Everything else is the same for both:
//!
//! * [`Node`]: the swarm, and the chats that go on over its connections.
//! * [`Node::step`]: drives the swarm, and everything else with it.
//! * [`converse`]: one chat, both directions at the same time.
//! * [`send`] and [`receive`]: one direction each, into the sink of the stream
//!   and out of its source.
//! * [`still_up`]: whether an end was meant.
//! * [`heard_out`] and [`answer`]: what has to be known before anybody hangs up.
//! * [`next_line`] and [`typed_lines`]: lines, as in a chat over plain TCP.
//!
//! The protocol: whoever has dialed opens a stream. Each side sends lines of
//! UTF-8 text on it, ends each of them with a newline, and closes its half when
//! it has said everything. A chat is over for a side that has said everything and
//! has heard everything. It then asks whether the chat is over for the other side,
//! too, on a stream of [`HEARD`], and may close the connection when the answer has
//! come. A connection that goes away earlier is lost.
//!
//! There are eight holes, numbered in the order in which you meet them when you
//! run the programs: 1 is in `alice.rs`, 3 is in `bob.rs`, and the others are here.
//! A `let _ = …` in a hole only keeps the compiler quiet about unused values: delete
//! it together with the `todo!`.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;
use std::{io, thread};

use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use futures::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::swarm::SwarmEvent;
use libp2p::{PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder, noise, tcp, yamux};
use libp2p_stream::{Behaviour, Control, IncomingStreams};
use tokio::sync::{SetOnce, mpsc};

/// The name by which two peers agree on what a stream is for.
pub const CHAT: StreamProtocol = StreamProtocol::new("/libp2p/chat/1.0.0");

/// The name of a stream that asks: "Is the chat over for you, too?"
///
/// The one who is asked keeps the stream until it is, and then writes one line,
/// `heard`. A stream that ends without a line has not been answered.
pub const HEARD: StreamProtocol = StreamProtocol::new("/libp2p/chat/heard/1.0.0");

/// The longest line that is accepted, in bytes, without its newline.
pub const MAX_LINE: usize = 1024 * 1024;

/// The lines that the user types, or the reason why no more can be read.
pub type Typed = mpsc::Receiver<io::Result<String>>;

/// The lines that one chat has to send; they end when the input has ended.
pub type Lines = mpsc::UnboundedReceiver<String>;

/// Why the connection below a chat is gone; empty as long as the swarm has not said so.
pub type Gone = SetOnce<String>;

/// A peer: its swarm, and the chats that go on over the swarm's connections.
///
/// All of it runs in one task, so the chats need no locks. The connections have
/// tasks of their own, perhaps in other threads: what a chat finds in its stream
/// and what the swarm has to tell come in any order.
pub struct Node {
    pub swarm: Swarm<Behaviour>,
    /// Opens streams to other peers.
    pub control: Control,
    /// The chat streams that other peers open.
    pub incoming: IncomingStreams,
    /// The streams on which other peers ask whether they were heard out.
    pub questions: IncomingStreams,
    pub typed: Typed,
    input_ended: bool,
    chats: HashMap<PeerId, Chat>,
    talks: FuturesUnordered<LocalBoxFuture<'static, (PeerId, Result<(), String>)>>,
    met: usize,
    lost: usize,
}

/// What the node keeps of a chat whose connection is open.
struct Chat {
    lines: Option<mpsc::UnboundedSender<String>>,
    questions: mpsc::UnboundedSender<Stream>,
    gone: Rc<Gone>,
}

impl Node {
    /// Makes a peer with a new identity. (Nothing to do here.)
    ///
    /// The peer id is made from the public key, and noise proves to the other
    /// side that we have the private one. The key is new each time; a peer that
    /// wants to be found again keeps it.
    pub fn new() -> Result<Self, String> {
        let swarm = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(
                tcp::Config::default(),
                noise::Config::new,
                yamux::Config::default,
            )
            .map_err(|reason| reason.to_string())?
            .with_behaviour(|_| Behaviour::new())
            .map_err(|reason| reason.to_string())?
            // For connections without a stream. A chat keeps its own open.
            .with_swarm_config(|config| {
                config.with_idle_connection_timeout(Duration::from_secs(60))
            })
            .build();
        let mut control = swarm.behaviour().new_control();
        let incoming = control.accept(CHAT).map_err(|reason| reason.to_string())?;
        let questions = control.accept(HEARD).map_err(|reason| reason.to_string())?;
        Ok(Self {
            swarm,
            control,
            incoming,
            questions,
            typed: typed_lines(),
            input_ended: false,
            chats: HashMap::new(),
            talks: FuturesUnordered::new(),
            met: 0,
            lost: 0,
        })
    }

    /// Whether the user has said everything.
    pub fn input_ended(&self) -> bool {
        self.input_ended
    }

    /// Whether there has been a chat, and none goes on any more.
    pub fn is_over(&self) -> bool {
        self.met > 0 && self.chats.is_empty() && self.talks.is_empty()
    }

    /// How many chats have ended because they were lost.
    pub fn lost(&self) -> usize {
        self.lost
    }

    /// Waits for whatever comes next, and deals with it.
    ///
    /// Five things can come, and there is one method for each:
    ///
    /// * an event of the swarm (`StreamExt::select_next_some`): [`Node::note`];
    /// * a stream that another peer has opened (`StreamExt::next` of
    ///   `self.incoming`): [`Node::start`];
    /// * a stream on which another peer asks whether it was heard out
    ///   (`StreamExt::next` of `self.questions`): [`Node::asked`];
    /// * the end of a chat (`StreamExt::next` of `self.talks`): [`Node::part`];
    /// * a typed line, or the end of the input (`recv` of `self.typed`), unless
    ///   the input has already ended: [`Node::say`].
    ///
    /// Wait for all of them at once with `tokio::select!`. A swarm is not a
    /// thread: it accepts peers, completes dials and reports what becomes of
    /// connections only while you poll it. And `self.talks` holds the chats
    /// themselves: when you wait for one to end, all of them make progress.
    ///
    /// `select!` looks at the branches in a different order each time, so that no
    /// branch can keep the others waiting. No outcome may depend on that order.
    pub async fn step(&mut self) {
        todo!("2. wait for the swarm, streams, questions, ended chats and typed lines at once")
    }

    /// Tells a chat that its connection is gone. (Nothing to do here.)
    ///
    /// The chat is not stopped: complete lines that came before the loss may
    /// still be in its stream. But there is nothing to send any more. No other
    /// event matters here.
    pub fn note(&mut self, event: SwarmEvent<()>) {
        if let SwarmEvent::ConnectionClosed {
            peer_id,
            num_established: 0,
            cause,
            ..
        } = event
            && let Some(chat) = self.chats.remove(&peer_id)
        {
            let why = cause.map_or("closed by us".to_owned(), |cause| cause.to_string());
            let _ = chat.gone.set(why); // It was not set: a chat is removed only once.
        }
    }

    /// Begins a chat with `peer` over `stream`. (Nothing to do here.)
    pub fn start(&mut self, peer: PeerId, stream: Stream) {
        if self.chats.contains_key(&peer) {
            return; // One chat for each peer. The stream is dropped, and with that reset.
        }
        println!("connected to {peer}");
        self.met += 1;

        // A channel without a limit, since a chat that is slow to send must not
        // hold up the others. A real program would set one, and drop the peer.
        let (to_send, lines) = mpsc::unbounded_channel();
        let lines_left = (!self.input_ended).then_some(to_send);
        let (to_answer, mut questions) = mpsc::unbounded_channel();
        let gone = Rc::new(Gone::new());
        let chat = Chat {
            lines: lines_left,
            questions: to_answer,
            gone: Rc::clone(&gone),
        };
        if self.swarm.is_connected(&peer) {
            self.chats.insert(peer, chat);
        } else {
            let _ = gone.set("gone before the chat began".to_owned()); // The swarm has said so.
        }

        let control = self.control.clone();
        self.talks.push(Box::pin(async move {
            let result = converse(peer, stream, lines, &control, &gone).await;
            if result.is_ok() {
                let answering = async {
                    while let Some(question) = questions.recv().await {
                        answer(question).await;
                    }
                };
                tokio::select! {
                    () = heard_out(peer, control) => {}
                    () = answering => {} // It ends when the connection is gone.
                }
            }
            (peer, result)
        }));
    }

    /// Hands the question whether it was heard out to the chat with `peer`.
    /// (Nothing to do here.)
    ///
    /// The chat answers when it is over, and not before. If none goes on, it is over.
    pub fn asked(&mut self, peer: PeerId, question: Stream) {
        if let Some(chat) = self.chats.get(&peer) {
            let _ = chat.questions.send(question); // Or else this chat has just been lost.
        } else {
            tokio::spawn(answer(question));
        }
    }

    /// Closes the connection over which a chat went. (Nothing to do here.)
    ///
    /// It is closed in good order, which takes its time, and the swarm has to be
    /// driven meanwhile: the chat is kept until `ConnectionClosed` says that it is
    /// done.
    pub fn part(&mut self, peer: PeerId, result: Result<(), String>) {
        if let Err(why) = result {
            println!("lost {peer}: {why}");
            self.lost += 1;
        }
        let _ = self.swarm.disconnect_peer_id(peer); // Or else it is gone already.
    }

    /// Passes a typed line, or the end of the input, to every chat. (Nothing to do here.)
    pub fn say(&mut self, line: Option<io::Result<String>>) {
        if let Some(Ok(line)) = line {
            for lines in self.chats.values().filter_map(|chat| chat.lines.as_ref()) {
                let _ = lines.send(line.clone()); // Or else this chat is just ending.
            }
        } else {
            self.input_ended = true;
            for chat in self.chats.values_mut() {
                chat.lines = None;
            }
        }
    }
}

/// Chats with `peer` until both sides have said everything.
///
/// Split the stream into its two directions (`AsyncReadExt::split`), then run
/// [`send`] and [`receive`] at the same time, until both have ended
/// (`tokio::try_join!`). An error says why the chat was lost.
///
/// When [`receive`] reaches the end of the stream, either the other side has closed
/// it on purpose, or the connection is gone. Ask [`still_up`]: if the connection is
/// up, print `PEER has left`. The other side may also die later, after it has left
/// and while we still talk. Our lines then end, too, and `gone` says why
/// (`SetOnce::get`).
///
/// One more detail, as over plain TCP: when sending fails, lines that arrived
/// before may still be unread. Print them before you return the error.
pub async fn converse(
    peer: PeerId,
    stream: Stream,
    lines: Lines,
    control: &Control,
    gone: &Gone,
) -> Result<(), String> {
    let _ = (peer, stream, lines, control, gone);
    todo!("4. send and receive at the same time, and tell a peer that left from one that is lost")
}

/// Sends every line that is typed, then the end: into the sink of the stream.
///
/// Every line needs its newline (`AsyncWriteExt::write_all`). `Lines::recv`
/// returns the next line, or `None` when the input has ended. Then close this half
/// of the stream, and only this one (`AsyncWriteExt::close`). For a `tokio` writer
/// that would be `shutdown`, but libp2p uses the traits of `futures`.
pub async fn send(writer: impl AsyncWrite + Unpin, lines: Lines) -> io::Result<()> {
    let _ = (writer, lines);
    todo!("5. send every typed line, then close this half")
}

/// Prints every line that comes, until the end: out of the source of the stream.
///
/// Wrap the reader in one `futures::io::BufReader` for the whole chat, ask
/// [`next_line`] for one line after another, and print `> ` before each. This is
/// what `for await` over an asynchronous iterator is in JavaScript: each turn of
/// the loop waits for the next line, and other work continues meanwhile.
pub async fn receive(reader: impl AsyncRead + Unpin) -> io::Result<()> {
    let _ = reader;
    todo!("6. print every line, until the other side has said everything")
}

/// Asks whether the connection is still up; an error says why it is gone.
///
/// When a connection goes away, the streams on it end, and a stream can't tell
/// that from an end that the other side intended. So ask for something after you
/// have seen the end. If an answer arrives, the connection has outlived the end: a
/// peer that follows the protocol does not close it before both sides know that the
/// chat is over (see [`heard_out`]).
///
/// Ask for another stream (`Control::open_stream` on a clone of `control`), for the
/// protocol `libp2p::ping::PROTOCOL_NAME`, which nearly every libp2p peer knows. A
/// peer that does not know it says so (`OpenStreamError::UnsupportedProtocol`), and
/// that is an answer, too. Every other error means that no answer will come.
///
/// If the peer is gone, libp2p tries to connect again, and in some cases waits
/// forever. So wait for `gone` as well (`SetOnce::wait`, and `tokio::select!`): it
/// is set when the swarm reports that the connection is gone. If both are ready, the
/// answer counts (`biased;`, and the answer first).
pub async fn still_up(peer: PeerId, control: &Control, gone: &Gone) -> Result<(), String> {
    let _ = (peer, control, gone);
    todo!("7. ask the peer for a stream, and wait for any answer, or until the connection is gone")
}

/// Waits until the chat is over for the other side, too.
///
/// If the connection closes before the other program has read our end, that end is
/// a loss there. And what has arrived at the other machine need not have been read:
/// libp2p answers pings and takes streams in by itself, while the program is still
/// busy with the line before the last. So ask the program itself.
///
/// Open a stream for the protocol [`HEARD`], and read from it: on the other side,
/// [`answer`] writes a line when the chat is over there, and one byte of it is enough
/// (`AsyncReadExt::read`). A stream that ends without a byte was dropped on the way:
/// libp2p keeps one new stream for a program that is busy, and drops the next. Ask
/// again, in a loop. If opening fails, there is nothing to wait for: the peer does
/// not know the protocol, or the connection is gone. Then just return.
pub async fn heard_out(peer: PeerId, control: Control) {
    let _ = (peer, control);
    todo!("8. ask the program of the other side whether the chat is over, and wait for its answer")
}

/// Answers the other side that the chat is over for us.
/// (Nothing to do here.)
///
/// The answer is a line, and not just the end of the stream: a stream that the
/// library drops ends as well.
pub async fn answer(mut question: Stream) {
    let _ = question.write_all(b"heard\n").await; // Or else nobody waits any more.
    let _ = question.close().await;
}

/// Reads one line, without its newline; `None` at the end. (Nothing to do here.)
///
/// The bytes are collected first and decoded last. A stream that ends in the
/// middle of a line is an error, not a short line.
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

/// Starts to read what the user types, line by line. (Nothing to do here.)
///
/// A read from a terminal can't be cancelled, so it blocks in a thread of its
/// own, which ends with the process.
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
