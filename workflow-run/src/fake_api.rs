//! An API server within the process, for tests of what it answers, and when.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

/// What it answers.
pub(crate) type Answer = Response<StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>>;

/// A client of a server that answers each path and query so.
pub(crate) fn client<F>(answer: impl Fn(String) -> F + Send + 'static) -> Client
where
    F: Future<Output = Answer> + Send + 'static,
{
    let service = tower::service_fn(move |request: Request<Body>| {
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let answer = answer(path);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    Client::new(service, "nightly")
}

fn answer(status: u16, body: BoxStream<'static, Bytes>) -> Answer {
    let body = StreamBody::new(body.map(|bytes| Ok(Frame::data(bytes))).boxed());
    Response::builder().status(status).body(body).unwrap()
}

/// Bytes as they are.
pub(crate) fn plain(text: &str) -> Answer {
    let bytes = Bytes::from(text.to_owned());
    answer(200, stream::once(async { bytes }).boxed())
}

/// One object.
pub(crate) fn object(value: &Value) -> Answer {
    plain(&value.to_string())
}

/// A list of objects.
pub(crate) fn list(version: &str, items: &[Value]) -> Answer {
    object(&json!({ "metadata": { "resourceVersion": version }, "items": items }))
}

/// A refusal.
pub(crate) fn refusal(code: u16) -> Answer {
    let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
        "reason": "Because", "message": "it is so" });
    let bytes = Bytes::from(status.to_string());
    answer(code, stream::once(async { bytes }).boxed())
}

/// A watch that tells what is sent, and goes on.
pub(crate) fn watch(mut events: UnboundedReceiver<Value>) -> Answer {
    let lines = stream::poll_fn(move |cx| events.poll_recv(cx));
    answer(200, lines.map(|event| Bytes::from(format!("{event}\n"))).boxed())
}
