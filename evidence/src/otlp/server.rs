//! The listener: one port for HTTP/1, HTTP/2 and gRPC.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chaos_core::{Clock, PluginError};
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::WithTrailers;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::body::MOST_BYTES;
use super::grpc::{self, GrpcCall};
use super::http::{HttpRequest, refuse_head};
use super::intake::Intake;
use super::refusal::Refusal;
use super::signal::Signal;

/// How many connections are open at once; more wait to be accepted.
const CONNECTIONS: usize = 512;
/// How many requests are held in memory at once; more are told to come again.
const REQUESTS: usize = 32;
/// How long the body of a request may take.
const BODY: Duration = Duration::from_secs(10);
/// How long requests that are under way at the end may take.
const ENDING: Duration = Duration::from_secs(2);
/// How long to wait after a connection could not be accepted, such as for want of descriptors.
const AGAIN: Duration = Duration::from_millis(50);

type Body = WithTrailers<Full<Bytes>, Ready<Option<Result<HeaderMap, Infallible>>>>;

/// Opens the port.
pub(super) async fn listen(port: u16) -> Result<TcpListener, PluginError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    listener.map_err(|error| PluginError::failed(format!("listen for OTLP on port {port}: {error}")))
}

/// Accepts connections until it is stopped or dropped.
#[derive(Debug)]
pub(super) struct Server {
    stop: CancellationToken,
    task: Option<AbortOnDropHandle<()>>,
}

impl Server {
    pub(super) fn start(listener: TcpListener, intake: Arc<Intake>) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(accept(listener, intake, stop.clone()));
        Self { stop, task: Some(AbortOnDropHandle::new(task)) }
    }

    /// Accepts no more, and waits for what is under way.
    pub(super) async fn stop(&mut self, clock: &dyn Clock) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            // Dropped when it takes too long, which ends its connections.
            drop(clock.timeout(ENDING, task).await);
        }
    }
}

/// Says that the source is down should the task end by itself.
struct Watch<'a>(&'a Intake);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.down("it has been stopped");
    }
}

async fn accept(listener: TcpListener, intake: Arc<Intake>, stop: CancellationToken) {
    let _watch = Watch(&intake);
    let (open, requests) = (Arc::new(Semaphore::new(CONNECTIONS)), Arc::new(Semaphore::new(REQUESTS)));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let next = async {
            let place = Arc::clone(&open).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = stop.cancelled() => break,
            next = next => next,
        };
        match accepted {
            Ok((stream, _)) => {
                let (intake, requests, stop) = (Arc::clone(&intake), Arc::clone(&requests), stop.clone());
                connections.spawn(async move {
                    serve(stream, intake, requests, stop).await;
                    drop(place);
                });
            }
            Err(_) => intake.clock().sleep(AGAIN).await,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Serves a connection until the client is done or the source is stopped.
async fn serve(stream: TcpStream, intake: Arc<Intake>, requests: Arc<Semaphore>, stop: CancellationToken) {
    // An answer of some bytes waits for nothing.
    let _ = stream.set_nodelay(true);
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(BODY).keep_alive(true);
    let service = service_fn(|request| {
        let (intake, requests) = (Arc::clone(&intake), Arc::clone(&requests));
        async move { Ok::<_, Infallible>(answer(request, &intake, &requests).await) }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // How a connection ends says nothing about what came over it before.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

async fn answer(request: Request<Incoming>, intake: &Intake, requests: &Semaphore) -> Response<Body> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    if grpc::is_grpc(head.version, &head.headers) {
        let call = match GrpcCall::of(&head.method, path, &head.headers) {
            Ok(call) => call,
            Err(refusal) => return with_trailers(grpc::refuse(&refusal)),
        };
        let Ok(_place) = requests.try_acquire() else { return with_trailers(grpc::refuse(&Refusal::busy())) };
        let answer = match read(body, call.signal, intake).await {
            Ok(body) => call.answer(&body, intake),
            Err(refusal) => grpc::refuse(&refusal),
        };
        return with_trailers(answer);
    }
    let request = match HttpRequest::of(&head.method, path, &head.headers) {
        Ok(request) => request,
        Err(refusal) => return with_trailers((refuse_head(&refusal), None)),
    };
    let Ok(_place) = requests.try_acquire() else { return with_trailers((request.refuse(&Refusal::busy()), None)) };
    let answer = match read(body, request.signal, intake).await {
        Ok(body) => request.answer(body, intake),
        Err(refusal) => request.refuse(&refusal),
    };
    with_trailers((answer, None))
}

/// The whole body within the bounds of size and time.
async fn read(body: Incoming, signal: Signal, intake: &Intake) -> Result<Bytes, Refusal> {
    let whole = intake.clock().timeout(BODY, Limited::new(body, MOST_BYTES).collect()).await;
    let refusal = match whole {
        Some(Ok(body)) => return Ok(body.to_bytes()),
        Some(Err(error)) if error.is::<LengthLimitError>() => Refusal::too_large(MOST_BYTES),
        Some(Err(error)) => Refusal::unreadable(format_args!("the request broke off: {error}")),
        None => Refusal::late(),
    };
    intake.lost(signal, &refusal);
    Err(refusal)
}

fn with_trailers((response, trailers): (Response<Bytes>, Option<HeaderMap>)) -> Response<Body> {
    response.map(|body| Full::new(body).with_trailers(ready(trailers.map(Ok))))
}
