//! Bodies on their way through the stage.

use std::cell::Cell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::oneshot;

/// What goes wrong with a body, for the HTTP library.
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Bytes that are there already, and what is still to come.
#[derive(Debug, Default)]
pub(super) struct Source {
    ready: VecDeque<Frame<Bytes>>,
    rest: Option<Incoming>,
    /// A length that an answer without a body tells, as one to `If-None-Match` may.
    claimed: Option<u64>,
}

impl Source {
    /// A body that is there.
    pub(super) fn of_bytes(bytes: Bytes) -> Self {
        let ready = if bytes.is_empty() { VecDeque::new() } else { VecDeque::from([Frame::data(bytes)]) };
        Self { ready, ..Self::default() }
    }

    /// A body that is there, in pieces.
    pub(super) fn of_pieces(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        Self {
            ready: pieces.into_iter().filter(|piece| !piece.is_empty()).map(Frame::data).collect(),
            ..Self::default()
        }
    }

    /// A body that comes.
    pub(super) fn of_incoming(body: Incoming) -> Self {
        Self { rest: Some(body), ..Self::default() }
    }

    /// No body, for an answer that tells the length of one.
    pub(super) fn claiming(length: u64) -> Self {
        Self { claimed: Some(length), ..Self::default() }
    }

    /// Whether all of it is there.
    pub(super) fn is_whole(&self) -> bool {
        self.rest.is_none()
    }

    /// The bytes that are there.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.ready.iter().filter_map(Frame::data_ref).flat_map(|bytes| bytes.iter().copied()).collect()
    }

    /// The same bytes once more, of a body that is whole.
    pub(super) fn again(&self) -> Self {
        let copy = |frame: &Frame<Bytes>| match (frame.data_ref(), frame.trailers_ref()) {
            (Some(data), _) => Some(Frame::data(data.clone())),
            (None, Some(trailers)) => Some(Frame::trailers(trailers.clone())),
            (None, None) => None,
        };
        Self { ready: self.ready.iter().filter_map(copy).collect(), rest: None, claimed: self.claimed }
    }

    /// Reads as much as that and, where it is more, leaves the rest to come.
    pub(super) async fn collected(body: Incoming, most: usize) -> Result<Self, hyper::Error> {
        Self::of_incoming(body).completed(most).await
    }

    /// Reads what is still to come, up to that in all, and leaves the rest.
    pub(super) async fn completed(mut self, most: usize) -> Result<Self, hyper::Error> {
        let Some(mut rest) = self.rest.take() else { return Ok(self) };
        let mut held: usize = self.ready.iter().filter_map(Frame::data_ref).map(Bytes::len).sum();
        while let Some(frame) = rest.frame().await {
            let frame = frame?;
            held += frame.data_ref().map_or(0, Bytes::len);
            self.ready.push_back(frame);
            if held > most {
                self.rest = Some(rest);
                break;
            }
        }
        Ok(self)
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(frame) = self.ready.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        match &mut self.rest {
            Some(rest) => Pin::new(rest).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && self.claimed.is_none() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        if let Some(length) = self.claimed {
            return SizeHint::with_exact(length);
        }
        let ready: u64 = self.ready.iter().filter_map(Frame::data_ref).map(|bytes| bytes.len() as u64).sum();
        let Some(rest) = self.rest.as_ref().map(Body::size_hint) else { return SizeHint::with_exact(ready) };
        let mut hint = SizeHint::new();
        hint.set_lower(ready.saturating_add(rest.lower()));
        if let Some(upper) = rest.upper() {
            hint.set_upper(ready.saturating_add(upper));
        }
        hint
    }
}

/// Holds a body back until the server asks for it, as `Expect: 100-continue` says.
#[derive(Debug)]
pub(super) struct Gate {
    asked: oneshot::Receiver<()>,
    patience: Pin<Box<tokio::time::Sleep>>,
}

/// How long a server may take to ask for a body; clients wait as long (RFC 9110, 10.1.1: not indefinitely).
const PATIENCE: Duration = Duration::from_secs(1);

impl Gate {
    /// A gate, and what opens it.
    pub(super) fn new() -> (Self, oneshot::Sender<()>) {
        let (open, asked) = oneshot::channel();
        (Self { asked, patience: Box::pin(tokio::time::sleep(PATIENCE)) }, open)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // What opens it is dropped with the answer; then nobody wants the body.
        if let Poll::Ready(Ok(())) = Pin::new(&mut self.asked).poll(cx) {
            return Poll::Ready(());
        }
        self.patience.as_mut().poll(cx)
    }
}

/// A body on its way to the server.
#[derive(Debug)]
pub(super) struct RequestBody {
    source: Source,
    gate: Option<Gate>,
    ended: Rc<Cell<bool>>,
}

impl RequestBody {
    pub(super) fn new(source: Source, gate: Option<Gate>) -> Self {
        Self { source, gate, ended: Rc::default() }
    }

    /// Whether it has been sent to its end, once the library has let go of it.
    pub(super) fn ended(&self) -> Rc<Cell<bool>> {
        self.ended.clone()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if self.source.is_end_stream() {
            self.ended.set(true);
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(gate) = &mut self.gate {
            if gate.poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.gate = None;
        }
        let polled = self.source.poll(cx);
        if let Poll::Ready(None) = polled {
            self.ended.set(true);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.source.size_hint()
    }
}
