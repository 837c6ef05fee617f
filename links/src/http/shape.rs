//! The body of an answer on its way to the client, and what rules do to it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use chaos_core::HttpPlace;
use http_body::{Body, Frame, SizeHint};

use crate::draw::Draw;
use crate::http::body::{Cause, Source};
use crate::http::events::Events;
use crate::http::io::ClientState;

/// How a connection is closed inside a body.
pub(super) type Then = Pin<Box<dyn Future<Output = ()>>>;

/// The body of an answer.
pub(super) struct AnswerBody {
    source: Source,
    held: Option<Bytes>,
    corrupt: Option<Corrupt>,
    interruption: Option<Interruption>,
    /// The client's connection, where it speaks HTTP/1: there a body that breaks off closes it.
    client: Option<Arc<ClientState>>,
}

/// A place in a body, and what happens there.
struct Interruption {
    place: Place,
    then: Then,
    is_end: bool,
}

/// A body that is cut off.
#[derive(Debug, thiserror::Error)]
#[error("cut off")]
pub(super) struct Cut;

impl AnswerBody {
    /// A body that passes as it is.
    pub(super) fn new(source: Source, client: Option<Arc<ClientState>>) -> Self {
        Self { source, held: None, corrupt: None, interruption: None, client }
    }

    /// Changes a share of its bytes.
    pub(super) fn corrupt(&mut self, share: f64, draw: Draw) {
        self.corrupt = Some(Corrupt { share, draw, at: 0 });
    }

    /// Does something at a place, and goes on with the body when that is over, or breaks off.
    pub(super) fn interrupt(&mut self, place: HttpPlace, then: Then, is_end: bool) {
        if !self.source.is_end_stream() {
            self.interruption = Some(Interruption { place: Place::of(place), then, is_end });
        }
    }
}

/// What closes a connection of HTTP/1 once all before it is written: it never ends, as the connection does.
pub(super) fn closing(client: Arc<ClientState>) -> Then {
    Box::pin(async move {
        client.close_when_flushed();
        std::future::pending::<()>().await;
    })
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Cause;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cause>>> {
        let this = &mut *self;
        loop {
            if let Some(interruption) = this.interruption.as_mut().filter(|interruption| interruption.place.is_here()) {
                ready!(interruption.then.as_mut().poll(cx));
                if interruption.is_end {
                    return Poll::Ready(Some(Err(Cut.into())));
                }
                this.interruption = None;
            }
            let frame = match this.held.take() {
                Some(held) => Frame::data(held),
                None => match ready!(this.source.poll(cx)) {
                    Some(Ok(frame)) => frame,
                    None => return Poll::Ready(None),
                    Some(Err(error)) => {
                        let Some(client) = this.client.take() else { return Poll::Ready(Some(Err(error.into()))) };
                        this.interruption =
                            Some(Interruption { place: Place::Bytes(0), then: closing(client), is_end: true });
                        continue;
                    }
                },
            };
            let mut data = match frame.into_data() {
                Ok(data) => data,
                Err(other) => return Poll::Ready(Some(Ok(other))),
            };
            let place = this.interruption.as_mut().and_then(|interruption| interruption.place.find(&data));
            if let Some(at) = place.filter(|at| *at < data.len()) {
                this.held = Some(data.split_off(at));
                if data.is_empty() {
                    continue;
                }
            }
            if let Some(corrupt) = &mut this.corrupt {
                data = corrupt.pass(&data);
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.interruption.is_none() && self.held.is_none() && self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let ends_early = self.interruption.as_ref().is_some_and(|interruption| interruption.is_end);
        if ends_early { SizeHint::default() } else { self.source.size_hint() }
    }
}

/// Changes a share of the bytes of a body.
#[derive(Debug)]
struct Corrupt {
    share: f64,
    draw: Draw,
    at: u64,
}

impl Corrupt {
    fn pass(&mut self, bytes: &[u8]) -> Bytes {
        let mut changed = bytes.to_vec();
        for byte in &mut changed {
            if self.draw.unit(self.at) < self.share {
                // Never 0, so that the byte is another one.
                *byte ^= 1 + (self.draw.of(1).number(self.at) % 255) as u8;
            }
            self.at += 1;
        }
        changed.into()
    }
}

/// A place in a body, and how far it is.
#[derive(Debug)]
enum Place {
    Bytes(u64),
    Events(u32, Events),
}

impl Place {
    fn of(place: HttpPlace) -> Self {
        match place.after_events {
            Some(events) => Self::Events(events, Events::default()),
            None => Self::Bytes(place.after_bytes.unwrap_or_default()),
        }
    }

    fn is_here(&self) -> bool {
        matches!(self, Self::Bytes(0) | Self::Events(0, _))
    }

    /// How many of the next bytes are before it, where it is among them or behind them.
    fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Bytes(left) => {
                let before = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= before as u64;
                (*left == 0).then_some(before)
            }
            Self::Events(left, events) => {
                let mut at = 0;
                while *left > 0 {
                    at += events.next(&bytes[at..])?;
                    *left -= 1;
                }
                Some(at)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn body(pieces: &[&'static str]) -> AnswerBody {
        AnswerBody::new(Source::of_pieces(pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes()))), None)
    }

    /// What passes, with `|` where the interruption is.
    async fn shown(mut body: AnswerBody) -> (String, bool) {
        let mut text = String::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => text += std::str::from_utf8(frame.data_ref().unwrap()).unwrap(),
                Err(_) => return (text, false),
            }
        }
        (text, true)
    }

    fn bytes(bytes: u64) -> HttpPlace {
        HttpPlace { after_bytes: Some(bytes), after_events: None }
    }

    fn events(events: u32) -> HttpPlace {
        HttpPlace { after_bytes: None, after_events: Some(events) }
    }

    #[tokio::test]
    async fn a_cut_is_at_its_place_however_the_body_comes() {
        let rows: [(&[&str], HttpPlace, &str, bool); 10] = [
            (&["abcdef"], bytes(0), "", false),
            (&["abcdef"], bytes(4), "abcd", false),
            (&["abc", "def"], bytes(3), "abc", false),
            (&["a", "b", "c", "d"], bytes(2), "ab", false),
            (&["abc"], bytes(4), "abc", true),
            (&["d: 1\n\nd: 2\n\nd: 3\n\n"], events(0), "", false),
            (&["d: 1\n\nd: 2\n\nd: 3\n\n"], events(2), "d: 1\n\nd: 2\n\n", false),
            (&["d: 1\n", "\nd: 2\n\nd", ": 3\n\n"], events(2), "d: 1\n\nd: 2\n\n", false),
            (&["d: 1\r\n\r", "\nd: 2"], events(1), "d: 1\r\n\r\n", false),
            (&["d: 1\n\n"], events(2), "d: 1\n\n", true),
        ];
        for (pieces, place, text, whole) in rows {
            let mut cut = body(pieces);
            cut.interrupt(place, Box::pin(std::future::ready(())), true);
            assert_eq!(shown(cut).await, (text.to_owned(), whole), "{pieces:?} {place:?}");
        }
    }

    #[tokio::test]
    async fn a_stall_lets_the_rest_through_when_it_is_over() {
        for at in 0..8 {
            let mut stalled = body(&["abc", "defg"]);
            let (over, stall) = tokio::sync::oneshot::channel::<()>();
            let then = async {
                let _ = stall.await;
            };
            stalled.interrupt(bytes(at), Box::pin(then), false);
            let (mut before, mut over) = (0, Some(over));
            while let Poll::Ready(Some(frame)) =
                std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut stalled).poll_frame(cx))).await
            {
                before += frame.unwrap().into_data().unwrap().len() as u64;
                if before == at {
                    break;
                }
            }
            assert_eq!(before, at.min(7));
            drop(over.take());
            assert_eq!(shown(stalled).await, ("abcdefg"[usize::try_from(before).unwrap()..].to_owned(), true));
        }
    }

    #[tokio::test]
    async fn a_share_of_bytes_is_another_and_the_same_seed_gives_the_same() {
        let text = "0123456789".repeat(1000);
        let passed = |share: f64, sizes: usize| {
            let text = text.clone();
            async move {
                let pieces: Vec<Bytes> = text.as_bytes().chunks(sizes).map(Bytes::copy_from_slice).collect();
                let mut body = AnswerBody::new(Source::of_pieces(pieces), None);
                body.corrupt(share, Draw::of_seed(5));
                body.collect().await.unwrap().to_bytes().to_vec()
            }
        };
        let some = passed(0.2, 7).await;
        let changed = some.iter().zip(text.as_bytes()).filter(|(a, b)| a != b).count();
        assert!((1850..2150).contains(&changed), "{changed}");
        assert_eq!(some, passed(0.2, 1000).await);
        assert!(passed(1.0, 100).await.iter().zip(text.as_bytes()).all(|(a, b)| a != b));
        assert_eq!(passed(0.0, 100).await, text.as_bytes());
    }
}
