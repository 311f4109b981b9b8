//! Frames on a duplex stream: each is a length of three bytes, then that many bytes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// Why the line has ended. It is empty as long as the line is up.
///
/// The encryption does not pass on the end of a stream, and panics on errors that
/// it does not know. So the line hides both from it, and reports them here.
pub(crate) type Ended = Arc<OnceLock<io::Error>>;

/// The encryption requires a line that is `Sync`, and not every stream is; those of
/// libp2p are not. A mutex makes it `Sync`. It is never locked, so nothing ever waits
/// for it: exclusive access to the line gives access to the content without a lock.
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

/// Write errors are ignored: what is sent to a peer that is gone is lost. The
/// reading half reports that the peer is gone, after everything that it has sent.
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
