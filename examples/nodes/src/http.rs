//! One request on a connection of its own, and a small server: all the HTTP that the nodes need.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Not within the time that was given.
    #[error("no answer within {} ms", .0.as_millis())]
    Late(Duration),
    /// No connection.
    #[error(transparent)]
    Connect(#[from] io::Error),
    /// A connection that broke off, or bytes that are no HTTP.
    #[error(transparent)]
    Exchange(#[from] hyper::Error),
    /// A URL that is none.
    #[error("invalid URL `{0}`: expected one such as `http://127.0.0.1:8080/health`")]
    Url(String),
    /// A body that is not JSON.
    #[error("the body is not JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// A status and a JSON body.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body; null where there is none.
    pub body: Value,
}

impl Reply {
    /// A body with a status.
    pub fn new(status: u16, body: Value) -> Self {
        Self { status, body }
    }
}

/// Asks a URL.
///
/// # Errors
/// When there is no answer in time, or its body is not JSON.
pub async fn get(url: &str, within: Duration) -> Result<Reply, HttpError> {
    ask(Method::GET, url, &Value::Null, within).await
}

/// Sends JSON to a URL.
///
/// # Errors
/// When there is no answer in time, or its body is not JSON.
pub async fn post(url: &str, body: &Value, within: Duration) -> Result<Reply, HttpError> {
    ask(Method::POST, url, body, within).await
}

async fn ask(method: Method, url: &str, body: &Value, within: Duration) -> Result<Reply, HttpError> {
    let (authority, path) = split(url).ok_or_else(|| HttpError::Url(url.to_owned()))?;
    let body = if method == Method::GET { String::new() } else { body.to_string() };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, authority)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)));
    let request = request.map_err(|_| HttpError::Url(url.to_owned()))?;
    let exchange = async {
        let stream = TokioIo::new(TcpStream::connect(authority).await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        let exchange = async {
            let answer = sender.send_request(request).await?;
            let status = answer.status().as_u16();
            let bytes = answer.into_body().collect().await?.to_bytes();
            let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? };
            Ok(Reply { status, body })
        };
        // The connection ends when the answer is there, and with this future.
        tokio::select! {
            reply = exchange => reply,
            Err(error) = connection => Err(error.into()),
        }
    };
    tokio::time::timeout(within, exchange).await.unwrap_or(Err(HttpError::Late(within)))
}

/// Host with port, and path.
fn split(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("http://")?;
    let at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    (!authority.is_empty()).then_some((authority, if path.is_empty() { "/" } else { path }))
}

/// Answers each request with what `answer` makes of its path and body, for ever.
///
/// # Errors
/// When no connection can be accepted any more.
pub async fn serve_http<A, F>(listener: TcpListener, answer: A) -> io::Result<()>
where
    A: Fn(String, Bytes) -> F + Clone + Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    loop {
        let stream = TokioIo::new(listener.accept().await?.0);
        let answer = answer.clone();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let answer = answer.clone();
            async move {
                let path = request.uri().path().to_owned();
                let reply = match request.into_body().collect().await {
                    Ok(body) => answer(path, body.to_bytes()).await,
                    Err(_) => Reply::new(400, Value::Null),
                };
                let mut response = Response::new(Full::new(Bytes::from(reply.body.to_string())));
                *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
                Ok::<_, Infallible>(response)
            }
        });
        // A caller that goes away is nobody's error.
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(stream, service));
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_request_comes_back_with_path_and_body_and_a_silent_server_is_late() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve_http(listener, async |path, body: Bytes| {
            Reply::new(201, json!([path, String::from_utf8_lossy(&body)]))
        }));
        let within = Duration::from_secs(30);
        let reply = post(&format!("{url}/a/b"), &json!({"x": 1}), within).await.unwrap();
        assert_eq!(reply, Reply::new(201, json!(["/a/b", r#"{"x":1}"#])));
        assert_eq!(get(&url, within).await.unwrap().body, json!(["/", ""]));
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let late = get(&url, Duration::from_millis(20)).await;
        assert!(matches!(late, Err(HttpError::Late(_))), "{late:?}");
        assert!(matches!(get("ftp://x", within).await, Err(HttpError::Url(_))));
    }
}
