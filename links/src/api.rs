//! The control API over HTTP: toxiproxy's, so that its clients work.
//!
//! It has a thread of its own and never waits for the data path. What differs from toxiproxy is listed in
//! `docs/design/0064-links.md`.

mod body;
mod metrics;
mod reply;
mod route;

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::api::reply::Reply;
use crate::api::route::Route;
use crate::error::LinkError;
use crate::link::{LinkChange, resolve};
use crate::links::Links;

pub use crate::api::body::links_of_config;

/// The version of toxiproxy that the API is compatible with, which `/version` tells.
pub const COMPATIBLE_WITH: &str = "2.12.0";

/// The most that a request may hold, in bytes: some ten thousand links.
const MOST_BODY: usize = 8 * 1024 * 1024;

/// The running control API. It ends when this is dropped; the links stay.
pub struct ApiServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ApiServer {
    /// Listens, and serves on a thread of its own. Port 0 takes any that is free.
    ///
    /// # Errors
    ///
    /// [`LinkError::Listen`] when the address can't be listened on, [`LinkError::Start`] when there is no thread for it.
    pub fn start(links: Arc<Links>, listen: SocketAddr) -> Result<Self, LinkError> {
        let failed = |source| LinkError::Listen { address: listen.to_string(), source };
        let socket = StdListener::bind(listen).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LinkError::Start)?;
        let thread = std::thread::Builder::new().name("links-api".into());
        let run = move || {
            let _ended = runtime.block_on(async {
                tokio::select! {
                    ended = accept(socket, links) => ended,
                    _ = stopped => Ok(()),
                }
            });
            runtime.shutdown_background();
        };
        let thread = thread.spawn(run).map_err(LinkError::Start)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic has been printed by its thread already.
            let _ = thread.join();
        }
    }
}

async fn accept(socket: StdListener, links: Arc<Links>) -> io::Result<()> {
    let listener = TcpListener::from_std(socket)?;
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // For want of descriptors, for instance: others may be closed meanwhile.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let _ = client.set_nodelay(true);
        let links = links.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(links.clone(), request));
            // A client that breaks off is nobody's error.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(client), service).await;
        });
    }
}

async fn answer(links: Arc<Links>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    // Read before any answer: to close with bytes unread would reset the connection, and the answer be lost.
    let Ok(body) = Limited::new(body, MOST_BODY).collect().await else {
        return Ok(reply::text(StatusCode::PAYLOAD_TOO_LARGE, "the body could not be read, or is too large\n"));
    };
    let route = match Route::of(&head.method, head.uri.path()) {
        Ok(route) => route,
        Err(status) => return Ok(reply::unmatched(status)),
    };
    let agent = head.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    if agent.starts_with("Mozilla/") {
        return Ok(reply::text(StatusCode::FORBIDDEN, "User agent not allowed\n"));
    }
    let reply = act(&links, route, &body.to_bytes()).await;
    Ok(reply.unwrap_or_else(|error| reply::error(&error)))
}

async fn act(links: &Links, route: Route, body: &[u8]) -> Reply {
    match route {
        Route::Version => Ok(reply::version(COMPATIBLE_WITH)),
        Route::Metrics => Ok(metrics::render(&links.list())),
        Route::Reset => links.reset().map(|()| reply::nothing()),
        Route::Populate => Ok(populate(links, body).await),
        Route::Links => Ok(reply::links(&links.list())),
        Route::CreateLink => {
            let mut spec = body::link(body)?;
            spec.listen = resolved(&spec.listen).await?;
            links.create(&spec).map(|link| reply::link(StatusCode::CREATED, &link))
        }
        Route::Link(name) => links.get(&name).map(|link| reply::link(StatusCode::OK, &link)),
        Route::UpdateLink(name) => {
            links.get(&name)?;
            let mut change = body::change(body)?;
            if let Some(listen) = &mut change.listen {
                *listen = resolved(listen).await?;
            }
            update(links, &name, &change)
        }
        Route::RemoveLink(name) => links.remove(&name).map(|()| reply::nothing()),
        Route::Toxics(name) => links.toxics(&name).map(|toxics| reply::toxics(&toxics)),
        Route::AddToxic(name) => {
            links.get(&name)?;
            let toxic = body::toxic(body)?;
            links.add_toxic(&name, toxic.clone())?;
            Ok(reply::toxic(&toxic))
        }
        Route::Toxic(name, toxic) => links.toxic(&name, &toxic).map(|toxic| reply::toxic(&toxic)),
        Route::UpdateToxic(name, toxic) => {
            links.toxic(&name, &toxic)?;
            let (attributes, toxicity) = body::toxic_change(body)?;
            links.overlay_toxic(&name, &toxic, &attributes, toxicity).map(|toxic| reply::toxic(&toxic))
        }
        Route::RemoveToxic(name, toxic) => links.remove_toxic(&name, &toxic).map(|()| reply::nothing()),
    }
}

fn update(links: &Links, name: &str, change: &LinkChange) -> Reply {
    links.update(name, change).map(|link| reply::link(StatusCode::OK, &link))
}

/// Makes or replaces several links; those before an error stay, and the answer shows them beside it.
async fn populate(links: &Links, body: &[u8]) -> Response<Full<Bytes>> {
    let specs = match body::links(body) {
        Ok(specs) => specs,
        Err(error) => return reply::populated(&[], Some(&error)),
    };
    let mut made = Vec::new();
    for mut spec in specs {
        let link = match resolved(&spec.listen).await {
            Ok(listen) => {
                spec.listen = listen;
                links.create_or_replace(&spec)
            }
            Err(error) => Err(error),
        };
        match link {
            Ok(link) => made.push(link),
            Err(error) => return reply::populated(&made, Some(&error)),
        }
    }
    reply::populated(&made, None)
}

/// The address to listen on in digits. Names may take a resolver's time, which no other call is to wait for.
async fn resolved(listen: &str) -> Result<String, LinkError> {
    if listen.parse::<SocketAddr>().is_ok() {
        return Ok(listen.to_owned());
    }
    let name = listen.to_owned();
    let found = tokio::task::spawn_blocking(move || resolve(&name)).await;
    let found = found.unwrap_or_else(|error| Err(io::Error::other(error)));
    let failed = |source| LinkError::Listen { address: listen.to_owned(), source };
    found.map(|address| address.to_string()).map_err(failed)
}
