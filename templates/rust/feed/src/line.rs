//! Frames on a duplex stream: each is three bytes of length, then so many bytes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// Why no more will come. It is empty as long as the line is up.
///
/// The encryption does not pass on that a stream has ended, and panics at errors
/// that it does not know. So they are kept from it and told here.
pub(crate) type Ended = Arc<OnceLock<io::Error>>;

/// The encryption wants a line that several threads could look at, and not every
/// stream is one; those of libp2p are not. In a mutex it is. Nobody ever waits for
/// the mutex: whoever has the line to himself need not lock it.
pub(crate) struct Line<S> {
    framed: Mutex<Framed<S, LengthDelimitedCodec>>,
    ended: Ended,
}

impl<S: AsyncRead + AsyncWrite> Line<S> {
    pub(crate) fn new(stream: S) -> (Line<S>, Ended) {
        let frames = LengthDelimitedCodec::builder()
            .little_endian()
            .length_field_length(3)
            .max_frame_length(0xff_ffff)
            .new_codec();
        let ended = Ended::default();
        let line = Line {
            framed: Mutex::new(Framed::new(stream, frames)),
            ended: ended.clone(),
        };
        (line, ended)
    }

    fn framed(&mut self) -> &mut Framed<S, LengthDelimitedCodec> {
        self.framed
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Line<S> {
    type Item = io::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended.get().is_some() {
            return Poll::Ready(None);
        }
        let reason = match std::task::ready!(self.framed().poll_next_unpin(cx)) {
            Some(Ok(frame)) => return Poll::Ready(Some(Ok(frame.to_vec()))),
            Some(Err(reason)) => reason,
            None => io::ErrorKind::UnexpectedEof.into(),
        };
        let _ = self.ended.set(reason);
        Poll::Ready(None)
    }
}

/// What is sent to somebody who is gone goes nowhere, and that he is gone the reading
/// half tells, after all that he has said before.
impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Vec<u8>> for Line<S> {
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        SinkExt::<Bytes>::poll_ready_unpin(self.framed(), cx).map(|_| Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Vec<u8>) -> io::Result<()> {
        self.framed().start_send_unpin(Bytes::from(frame))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        SinkExt::<Bytes>::poll_flush_unpin(self.framed(), cx).map(|_| Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        SinkExt::<Bytes>::poll_close_unpin(self.framed(), cx).map(|_| Ok(()))
    }
}
