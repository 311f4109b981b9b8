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

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;
use std::{io, thread};

use futures::future::LocalBoxFuture;
use futures::io::BufReader;
use futures::stream::FuturesUnordered;
use futures::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt,
};
use libp2p::swarm::SwarmEvent;
use libp2p::{PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder, noise, ping, tcp, yamux};
use libp2p_stream::{Behaviour, Control, IncomingStreams, OpenStreamError};
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
    /// Makes a peer with a new identity.
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
    /// A swarm is not a thread: it takes peers in, completes dials and tells what
    /// becomes of connections while somebody polls it, and only then. So whatever
    /// else this program waits for, it always waits for the swarm. (Bytes would
    /// move without that: `with_tokio` makes a task of each connection. But nobody
    /// would hear of its end.)
    ///
    /// `select!` looks at the branches in a different order each time, so that no
    /// branch can keep the others waiting. No outcome may depend on that order.
    pub async fn step(&mut self) {
        tokio::select! {
            event = self.swarm.select_next_some() => self.note(event),
            Some((peer, stream)) = self.incoming.next() => self.start(peer, stream),
            Some((peer, stream)) = self.questions.next() => self.asked(peer, stream),
            Some((peer, result)) = self.talks.next() => self.part(peer, result),
            line = self.typed.recv(), if !self.input_ended => self.say(line),
        }
    }

    /// Tells a chat that its connection is gone.
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

    /// Begins a chat with `peer` over `stream`.
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
    ///
    /// The chat answers when it is over, and not before. If none goes on, it is over.
    pub fn asked(&mut self, peer: PeerId, question: Stream) {
        if let Some(chat) = self.chats.get(&peer) {
            let _ = chat.questions.send(question); // Or else this chat has just been lost.
        } else {
            tokio::spawn(answer(question));
        }
    }

    /// Closes the connection over which a chat went.
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

    /// Gives what was typed to every chat: a line, or the end.
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
/// An error says why the chat was lost. The end of what we receive was meant if
/// the connection is [`still_up`] after it. The other side may also die later,
/// when it has left and we still talk: then `gone` says so, as our lines end.
///
/// When sending fails, lines that the other side sent before may still be on
/// their way, so that failure is kept until everything has been received.
pub async fn converse(
    peer: PeerId,
    stream: Stream,
    lines: Lines,
    control: &Control,
    gone: &Gone,
) -> Result<(), String> {
    let (reader, writer) = stream.split();
    let sending = async { Ok(send(writer, lines).await) };
    let receiving = async {
        receive(reader).await.map_err(|reason| reason.to_string())?;
        let up = still_up(peer, control, gone).await;
        up.inspect(|()| println!("{peer} has left"))
    };
    let (sent, ()) = tokio::try_join!(sending, receiving)?;
    if let Some(why) = gone.get() {
        return Err(why.clone());
    }
    sent.map_err(|reason| reason.to_string())
}

/// Sends every line that is typed, then the end: into the sink of the stream.
///
/// Each line is one write, newline included. yamux makes a frame of a write,
/// which the swarm then sends, so nothing waits for a flush.
///
/// `close` ends this half of the stream only. The connection and the other half
/// stay open.
pub async fn send(mut writer: impl AsyncWrite + Unpin, mut lines: Lines) -> io::Result<()> {
    while let Some(line) = lines.recv().await {
        writer.write_all(format!("{line}\n").as_bytes()).await?;
    }
    writer.close().await
}

/// Prints every line that comes, until the end: out of the source of the stream.
///
/// This is what `for await` over an asynchronous iterator is in JavaScript: each
/// turn of the loop waits for the next line, and other things go on meanwhile.
pub async fn receive(reader: impl AsyncRead + Unpin) -> io::Result<()> {
    let mut reader = BufReader::new(reader);
    while let Some(line) = next_line(&mut reader).await? {
        println!("> {line}");
    }
    Ok(())
}

/// Asks whether the connection is still up; an error says why it is gone.
///
/// When a connection goes away, the streams on it end, and a stream can't tell
/// that from an end that the other side has meant. So we ask for something after
/// we have seen the end. An answer has come over the connection, which has
/// outlived the end, then: nobody who plays by the rules closes it before both
/// sides know that the chat is over (see [`heard_out`]).
///
/// What we ask for is a stream for pings, and what is answered does not matter. A
/// peer without that protocol says so, and that is an answer. There is none if
/// opening fails, or if the swarm says that the connection is gone.
pub async fn still_up(peer: PeerId, control: &Control, gone: &Gone) -> Result<(), String> {
    let mut control = control.clone();
    tokio::select! {
        biased; // An answer that has come counts, whatever has come of the connection since.
        answer = control.open_stream(peer, ping::PROTOCOL_NAME) => match answer {
            Ok(_) | Err(OpenStreamError::UnsupportedProtocol(_)) => Ok(()),
            Err(reason) => Err(format!("no answer: {reason}")),
        },
        why = gone.wait() => Err(why.clone()),
    }
}

/// Waits until the chat is over for the other side, too.
///
/// If the connection closes before the other program has read our end, that end is
/// a loss there. And what has arrived at the other machine need not have been read:
/// libp2p answers pings and takes streams in by itself, while the program is still
/// busy with the line before the last. So it is the program that we ask.
///
/// A stream that ends without an answer was dropped on the way: libp2p keeps one
/// new stream for a program that is busy, and drops the next. We ask again. A peer
/// that does not know the protocol refuses, and is not waited for. If the
/// connection is gone, so be it: for us the chat was over.
pub async fn heard_out(peer: PeerId, mut control: Control) {
    while let Ok(mut question) = control.open_stream(peer, HEARD).await {
        if question.read(&mut [0]).await.is_ok_and(|bytes| bytes > 0) {
            break;
        }
    }
}

/// Answers the other side that the chat is over for us.
///
/// The answer is a line, and not just the end of the stream: a stream that the
/// library drops ends as well.
pub async fn answer(mut question: Stream) {
    let _ = question.write_all(b"heard\n").await; // Or else nobody waits any more.
    let _ = question.close().await;
}

/// Reads one line, without its newline; `None` at the end.
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

/// Starts to read what the user types, line by line.
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
