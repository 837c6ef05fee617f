//! An HTTP endpoint for metrics, on loopback and on a thread of its own.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, oneshot};

use super::exposition::TextFormat;
use super::metrics::RunMetrics;

/// The page.
const PATH: &str = "/metrics";

/// Connections at the same time; more of them wait. A Prometheus needs one.
const CONNECTIONS: usize = 16;

/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(5);

/// How long a connection may last: one that never ends must not keep its place.
const LONGEST: Duration = Duration::from_mins(5);

/// Metrics that are served, until it is dropped.
#[derive(Debug)]
pub struct MetricsServer {
    address: SocketAddr,
    metrics: Arc<Mutex<RunMetrics>>,
    _stop: oneshot::Sender<()>,
}

/// Why metrics are not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotServed {
    /// The address is not one of this machine alone.
    #[error("`{0}` is not a loopback address, and the metrics would be open to the network; use `127.0.0.1:{port}`", port = .0.port())]
    Open(SocketAddr),
    /// The system refuses the address.
    #[error("no metrics on `{0}`")]
    Address(SocketAddr, #[source] io::Error),
    /// The system refuses a thread.
    #[error("no thread for metrics")]
    Thread(#[source] io::Error),
}

impl MetricsServer {
    /// Serves empty metrics at an address of loopback; port 0 takes a free one.
    ///
    /// # Errors
    /// The address is not of loopback, or in use; or the machine has no thread left.
    pub fn start(address: SocketAddr) -> Result<Self, NotServed> {
        if !address.ip().is_loopback() {
            return Err(NotServed::Open(address));
        }
        let refused = |error| NotServed::Address(address, error);
        let listener = TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(NotServed::Thread)?;
        let metrics = Arc::new(Mutex::new(RunMetrics::new()));
        let (stop, stopped) = oneshot::channel();
        let shown = Arc::clone(&metrics);
        let serving = move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = serve(listener, shown) => {}
                    _ = stopped => {}
                }
            });
        };
        std::thread::Builder::new().name("squall-metrics".to_owned()).spawn(serving).map_err(NotServed::Thread)?;
        Ok(Self { address, metrics, _stop: stop })
    }

    /// Where the page is.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    /// What is shown; whoever holds it keeps a reader of the page waiting, and nobody else.
    pub fn metrics(&self) -> &Arc<Mutex<RunMetrics>> {
        &self.metrics
    }
}

async fn serve(listener: TcpListener, metrics: Arc<Mutex<RunMetrics>>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: others will be closed.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let metrics = Arc::clone(&metrics);
        tokio::spawn(async move {
            let page = service_fn(move |request| {
                let answer = answer(&request, &metrics);
                async move { Ok::<_, Infallible>(answer) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEAD);
            // A reader that breaks off harms only itself.
            let _ = tokio::time::timeout(LONGEST, http.serve_connection(TokioIo::new(stream), page)).await;
            drop(place);
        });
    }
}

fn answer(request: &Request<Incoming>, metrics: &Mutex<RunMetrics>) -> Response<Full<Bytes>> {
    if request.uri().path() != PATH {
        return plain(StatusCode::NOT_FOUND, "the metrics are at /metrics\n");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "");
        refused.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    let ranges = request.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accept = ranges.collect::<Vec<_>>().join(",");
    let format = TextFormat::preferred(Some(&accept));
    let text = metrics.lock().unwrap_or_else(PoisonError::into_inner).text(format);
    let mut page = Response::new(Full::new(Bytes::from(text)));
    page.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(format.content_type()));
    page
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::super::metrics::tests::started;
    use super::*;

    fn ask(server: &MetricsServer, head: &str) -> (String, String) {
        let mut stream = TcpStream::connect(server.address).unwrap();
        write!(stream, "{head}\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_ascii_lowercase(), body.to_owned())
    }

    #[test]
    fn the_page_is_served_in_the_format_that_is_asked_for_and_follows_the_runs() {
        let server = MetricsServer::start(([127, 0, 0, 1], 0).into()).unwrap();
        let (head, body) = ask(&server, "GET /metrics HTTP/1.1");
        assert!(head.starts_with("http/1.1 200") && head.contains("content-type: text/plain; version=0.0.4"), "{head}");
        assert!(body.contains("\nsquall_runs_started_total 0\n") && !body.contains("# EOF"), "{body}");
        server.metrics().lock().unwrap().record(&started());
        let (head, body) = ask(&server, "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text");
        assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
        assert!(body.contains("\nsquall_runs_started_total 1\n") && body.ends_with("# EOF\n"), "{body}");
    }

    #[test]
    fn other_paths_methods_and_broken_requests_are_refused_and_the_server_goes_on() {
        let server = MetricsServer::start(([127, 0, 0, 1], 0).into()).unwrap();
        assert!(ask(&server, "GET / HTTP/1.1").0.starts_with("http/1.1 404"));
        let (head, _) = ask(&server, "POST /metrics HTTP/1.1");
        assert!(head.starts_with("http/1.1 405") && head.contains("allow: get, head"), "{head}");
        assert!(ask(&server, "nonsense").0.starts_with("http/1.1 400"));
        // More of them than there are places; they are gone before they were answered.
        drop((0..CONNECTIONS * 2).map(|_| TcpStream::connect(server.address).unwrap()).collect::<Vec<_>>());
        assert!(ask(&server, "HEAD /metrics HTTP/1.1").0.starts_with("http/1.1 200"));
    }

    #[test]
    fn only_loopback_is_served_and_the_end_frees_the_address() {
        let error = MetricsServer::start(([0, 0, 0, 0], 9).into()).unwrap_err().to_string();
        assert!(error.contains("not a loopback address") && error.ends_with("use `127.0.0.1:9`"), "{error}");
        // None that the kernel gives to others once it is free.
        let port = chaos_host::free_ports(1).unwrap()[0].get();
        let server = MetricsServer::start(([127, 0, 0, 1], port).into()).unwrap();
        let address = server.address;
        assert!(matches!(MetricsServer::start(address), Err(NotServed::Address(..))));
        drop(server);
        while TcpStream::connect(address).is_ok() {
            std::thread::yield_now();
        }
    }
}
