//! One request and its answer.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chaos_core::{DurationText, HttpEffect, HttpStall};
use http_body::Body;
use hyper::body::Incoming;
use hyper::header::{ACCEPT_ENCODING, CONTENT_LENGTH, EXPECT, HOST};
use hyper::http::{request, response};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode, Uri, Version};

use crate::draw::Draw;
use crate::http::answer::{self, Asked};
use crate::http::body::{Cause, Gate, RequestBody, Source};
use crate::http::events;
use crate::http::headers::{self, put_of_connection, take_of_connection};
use crate::http::io::ClientState;
use crate::http::met::Met;
use crate::http::presets::{Exchange, Preset, Rewrite};
use crate::http::shape::{AnswerBody, Cut, Then, closing};
use crate::http::tasks::behind;
use crate::http::tls::Sides;
use crate::http::upstream::{NoAnswer, Upstream};
use crate::settings::SharedLink;
use crate::timer::nanos;
use crate::worker::WorkerContext;

/// Bytes of a body that is needed whole; what is larger passes unharmed.
const MOST_BODY: usize = 16 * 1024 * 1024;

/// How long the bytes before a cut may take to get out, on a connection of HTTP/2.
const SETTLE: Duration = Duration::from_millis(10);

/// How often that is waited for while bytes go out.
const SETTLES: u32 = 50;

/// A client's connection, as its requests see it.
pub(super) struct Connection {
    pub(super) link: Arc<SharedLink>,
    pub(super) worker: Rc<WorkerContext>,
    pub(super) draw: Draw,
    pub(super) resets: Arc<std::sync::atomic::AtomicBool>,
    pub(super) upstream: Upstream,
    pub(super) client: Arc<ClientState>,
    /// Both sides of a connection that goes on with another protocol.
    pub(super) upgraded: RefCell<Option<(OnUpgrade, OnUpgrade)>>,
}

type Answer = (response::Parts, Source);

impl Connection {
    /// Answers a request.
    ///
    /// # Errors
    /// What ends a stream of HTTP/2. On HTTP/1 a request without an answer closes the connection.
    pub(super) async fn exchange(self: Rc<Self>, request: Request<Incoming>) -> Result<Response<AnswerBody>, Cause> {
        self.link.counters.request();
        let asked = Asked::of(&request);
        if asked.method == Method::CONNECT {
            return Ok(self.plain(answer::refused(&asked), &asked));
        }
        let toxics = self.link.changes.borrow().toxics.clone();
        let met = Met::of(&toxics, self.draw, self.link.draw, &request);
        let (head, body) = request.into_parts();
        match met {
            Some(met) => self.harmed(&met, head, body, &asked).await,
            None => self.unharmed(head, Source::of_incoming(body), &asked).await,
        }
    }

    async fn unharmed(&self, head: request::Parts, body: Source, asked: &Asked) -> Result<Response<AnswerBody>, Cause> {
        let answer = self.ask(head, body, asked).await?;
        Ok(self.plain(answer, asked))
    }

    /// Does what the rule says, in the order in which its effects are documented.
    async fn harmed(
        &self,
        met: &Met,
        mut head: request::Parts,
        body: Incoming,
        asked: &Asked,
    ) -> Result<Response<AnswerBody>, Cause> {
        let Preset { effect, is_about, rewrite } = met.rule.acts(&head);
        let effect = &effect;
        if let Some(delay) = effect.delay {
            self.pause(met, Some(delay.get())).await;
        }
        if !effect.after_server {
            if effect.close {
                return Err(self.hang_up(asked).await);
            }
            if let Some(answer) = &effect.answer {
                self.read_away(&head, body, asked).await;
                return Ok(self.shaped(answer::of(answer, asked), effect, met, asked));
            }
        }
        let needs_whole = effect.duplicate || is_about.is_some() || rewrite.is_some();
        let body = if needs_whole {
            head.headers.remove(EXPECT);
            Source::collected(body, MOST_BODY).await?
        } else {
            Source::of_incoming(body)
        };
        let is_met = body.is_whole() && is_about.is_none_or(|is_about| is_about(&head, &body.bytes()));
        if needs_whole && !is_met {
            met.rule.unmeet();
            return self.unharmed(head, body, asked).await;
        }
        if rewrite.is_some() || is_about_events(effect) {
            head.headers.remove(ACCEPT_ENCODING);
        }
        let again = effect.duplicate.then(|| (head.clone(), body.again()));
        let sent = rewrite.map(|_| body.bytes()).unwrap_or_default();
        let answer = self.ask(head, body, asked).await?;
        if let Some((head, body)) = again {
            self.send_again(head, body, asked.clone());
        }
        if effect.close || effect.answer.is_some() {
            self.discard(answer.1, asked);
            return match &effect.answer {
                Some(answer) => Ok(self.shaped(answer::of(answer, asked), effect, met, asked)),
                None => Err(self.hang_up(asked).await),
            };
        }
        let answer = match rewrite {
            Some(rewrite) => match rewritten(rewrite, &sent, answer, asked).await? {
                Ok(answer) => answer,
                Err(answer) => {
                    met.rule.unmeet();
                    return Ok(self.plain(answer, asked));
                }
            },
            None => answer,
        };
        let answer = match &effect.change {
            Some(change) => self.changed(answer, change, asked),
            None => answer,
        };
        Ok(self.shaped(answer, effect, met, asked))
    }

    fn changed(&self, (mut head, body): Answer, change: &chaos_core::HttpChange, asked: &Asked) -> Answer {
        let (body, rest) = answer::change(&mut head, body, change, asked);
        if let Some(rest) = rest {
            self.discard(rest, asked);
        }
        (head, body)
    }

    /// Sends a request to the server.
    async fn ask(&self, mut head: request::Parts, body: Source, asked: &Asked) -> Result<Answer, Cause> {
        let client_side = head.extensions.remove::<OnUpgrade>();
        let answer = if asked.is_h2 {
            self.upstream.send_http2(self.of_http2(head, body)).await
        } else {
            self.upstream.send_http1(of_http1(head, body)).await
        };
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Err(self.unanswered(error, asked).await),
        };
        if asked.is_h2 {
            let (head, body) = answer.into_parts();
            return Ok((head, Source::of_incoming(body)));
        }
        let switches = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
        let mut of_connection = take_of_connection(answer.headers_mut());
        if !switches {
            of_connection.upgrade = None;
        }
        put_of_connection(answer.headers_mut(), &of_connection);
        if switches && let Some(client_side) = client_side {
            let server_side = hyper::upgrade::on(&mut answer);
            *self.upgraded.borrow_mut() = Some((client_side, server_side));
        }
        *answer.version_mut() = Version::HTTP_11;
        let (head, body) = answer.into_parts();
        let claimed = headers::length(&head.headers).filter(|_| head.status == StatusCode::NOT_MODIFIED);
        Ok((head, claimed.map_or_else(|| Source::of_incoming(body), Source::claiming)))
    }

    fn of_http2(&self, mut head: request::Parts, body: Source) -> Request<RequestBody> {
        let _ = take_of_connection(&mut head.headers);
        let tls = self.link.http.as_ref().is_some_and(Sides::has_server);
        let mut uri = head.uri.into_parts();
        uri.scheme = Some(if tls { hyper::http::uri::Scheme::HTTPS } else { hyper::http::uri::Scheme::HTTP });
        if uri.authority.is_none() {
            let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()?.parse().ok());
            uri.authority = host.or_else(|| self.link.changes.borrow().upstream.parse().ok());
        }
        head.uri = Uri::from_parts(uri).unwrap_or_default();
        head.version = Version::HTTP_2;
        Request::from_parts(head, RequestBody::new(body, None))
    }

    /// What becomes of a request that the server does not answer: the same as without a link.
    async fn unanswered(&self, error: NoAnswer, asked: &Asked) -> Cause {
        if let NoAnswer::Unreachable(_) = error {
            self.link.counters.refused();
            if asked.is_h2 {
                self.client.close();
            }
        }
        if asked.is_h2 { error.cause() } else { self.hang_up(asked).await }
    }

    /// Closes the connection, or the stream of HTTP/2, in place of an answer.
    async fn hang_up(&self, asked: &Asked) -> Cause {
        if !asked.is_h2 {
            closing(self.client.clone()).await;
        }
        Cut.into()
    }

    /// Waits for so long, or for as long as the rule is there.
    async fn pause(&self, met: &Met, lasts: Option<Duration>) {
        pause(&self.link, &self.worker, met, lasts).await;
    }

    /// Reads what the client sends, so that its connection can be used again. HTTP/2 needs none of it.
    async fn read_away(&self, head: &request::Parts, body: Incoming, asked: &Asked) {
        if !asked.is_h2 && !head.headers.contains_key(EXPECT) {
            // A client that breaks off notices nothing of the answer.
            let _ = drain(Source::of_incoming(body), MOST_BODY).await;
        }
    }

    /// Reads an answer that nobody gets, as the server may act on for as long as it is read.
    fn discard(&self, body: Source, asked: &Asked) {
        if body.is_end_stream() {
            return;
        }
        if !asked.is_h2 {
            self.upstream.let_go();
        }
        behind(&self.link, async {
            let _ = drain(body, usize::MAX).await;
        });
    }

    /// Sends a request once more, on a connection of its own.
    fn send_again(&self, head: request::Parts, body: Source, asked: Asked) {
        let again = Self {
            link: self.link.clone(),
            worker: self.worker.clone(),
            draw: self.draw,
            resets: self.resets.clone(),
            upstream: Upstream::new(self.link.clone(), None, self.resets.clone()),
            client: Arc::default(),
            upgraded: RefCell::default(),
        };
        behind(&self.link, async move {
            if let Ok((_, body)) = again.ask(head, body, &asked).await {
                let _ = drain(body, usize::MAX).await;
            }
        });
    }

    fn plain(&self, (head, body): Answer, asked: &Asked) -> Response<AnswerBody> {
        Response::from_parts(head, self.body(body, asked))
    }

    fn body(&self, source: Source, asked: &Asked) -> AnswerBody {
        AnswerBody::new(source, (!asked.is_h2).then(|| self.client.clone()))
    }

    /// Does to the body of an answer what the rule says.
    fn shaped(&self, (head, body): Answer, effect: &HttpEffect, met: &Met, asked: &Asked) -> Response<AnswerBody> {
        let HttpEffect { corrupt, cut, stall, .. } = effect;
        let is_stream = headers::is_event_stream(&head.headers) && !headers::is_encoded(&head.headers);
        let is_there = |place: &chaos_core::HttpPlace| place.after_events.is_none() || is_stream;
        // A rule about events alone has nothing to do with another answer.
        if !is_stream
            && is_about_events(effect)
            && *effect == (HttpEffect { cut: *cut, stall: *stall, ..HttpEffect::default() })
        {
            met.rule.unmeet();
        }
        let mut body = self.body(body, asked);
        if let Some(share) = corrupt {
            body.corrupt(share.get(), met.draw);
        }
        if let Some(place) = cut.filter(is_there) {
            let then = if asked.is_h2 { self.settled() } else { closing(self.client.clone()) };
            body.interrupt(place, then, true);
        }
        if let Some(stall) = stall.filter(|stall| is_there(&stall.place())) {
            body.interrupt(stall.place(), self.silence(met.clone(), stall), false);
        }
        Response::from_parts(head, body)
    }

    fn silence(&self, met: Met, stall: HttpStall) -> Then {
        let (link, worker) = (self.link.clone(), self.worker.clone());
        Box::pin(async move { pause(&link, &worker, &met, stall.lasts.map(DurationText::get)).await })
    }

    /// Waits until what was sent is out: the reset of a stream takes back what has not been written yet.
    fn settled(&self) -> Then {
        let client = self.client.clone();
        Box::pin(async move {
            let mut before = client.progress().0;
            for _ in 0..SETTLES {
                tokio::time::sleep(SETTLE).await;
                let (written, is_blocked) = client.progress();
                if written == before && !is_blocked {
                    return;
                }
                before = written;
            }
        })
    }
}

async fn pause(link: &SharedLink, worker: &WorkerContext, met: &Met, lasts: Option<Duration>) {
    let due = lasts.map(|lasts| worker.timer.now().saturating_add(nanos(lasts)));
    tokio::select! {
        () = worker.timer.until(due.unwrap_or(u64::MAX)), if due.is_some() => {}
        () = met.gone(link.changes.subscribe()) => {}
    }
}

fn is_about_events(effect: &HttpEffect) -> bool {
    let of_stall = effect.stall.and_then(|stall| stall.after_events);
    effect.cut.and_then(|cut| cut.after_events).or(of_stall).is_some()
}

/// A request as it goes to a server of HTTP/1.
fn of_http1(mut head: request::Parts, body: Source) -> Request<RequestBody> {
    let of_connection = take_of_connection(&mut head.headers);
    put_of_connection(&mut head.headers, &of_connection);
    let expects = head.headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if !expects || body.is_end_stream() {
        return Request::from_parts(head, RequestBody::new(body, None));
    }
    let (gate, open) = Gate::new();
    let mut request = Request::from_parts(head, RequestBody::new(body, Some(gate)));
    let open = std::sync::Mutex::new(Some(open));
    hyper::ext::on_informational(&mut request, move |told| {
        if told.status() == StatusCode::CONTINUE
            && let Some(open) = open.lock().ok().and_then(|mut open| open.take())
        {
            // Nobody waits for it where the body was sent already.
            let _ = open.send(());
        }
    });
    request
}

/// Puts another answer in place of the server's; or gives that back where it can't be read whole and plain, or is none that the
/// preset changes.
async fn rewritten(
    rewrite: Rewrite,
    sent: &[u8],
    (mut head, body): Answer,
    asked: &Asked,
) -> Result<Result<Answer, Answer>, Cause> {
    let is_empty = asked.method == Method::HEAD || body.is_end_stream();
    let is_large = headers::length(&head.headers).is_some_and(|length| length > MOST_BODY as u64);
    if !head.status.is_success() || is_empty || is_large || headers::is_encoded(&head.headers) {
        return Ok(Err((head, body)));
    }
    let body = body.completed(MOST_BODY).await?;
    if !body.is_whole() {
        return Ok(Err((head, body)));
    }
    let is_stream = headers::is_event_stream(&head.headers);
    let Some(made) = rewrite(&Exchange { request: sent, answer: &body.bytes(), is_stream }) else {
        return Ok(Err((head, body)));
    };
    if let Some(status) = made.status {
        head.status = status;
        // The words beside the old one.
        head.extensions.remove::<hyper::ext::ReasonPhrase>();
        headers::set(&mut head.headers, "content-type", "application/json");
    }
    if !is_stream || made.status.is_some() {
        let body = answer::with_body(&mut head, made.body.into(), asked);
        return Ok(Ok((head, body)));
    }
    head.headers.remove(CONTENT_LENGTH);
    let events = events::split(&made.body).into_iter().map(Bytes::copy_from_slice);
    Ok(Ok((head, Source::of_pieces(events))))
}

/// Reads a body to its end, or that far.
async fn drain(body: Source, most: usize) -> Result<(), hyper::Error> {
    let mut body = std::pin::pin!(RequestBody::new(body, None));
    let mut read = 0;
    while read <= most {
        let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await else { break };
        read += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(())
}
