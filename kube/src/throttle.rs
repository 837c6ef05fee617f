//! Obeys a server that asks for a pause: an answer with `Retry-After` is handed on only when that time is over.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Response, StatusCode};
use tower::{Layer, Service};

/// The longest pause that is obeyed, within the time that one attempt has; a server that asks for more is asked again sooner, and refuses again.
const LONGEST: Duration = Duration::from_secs(8);

/// The layer that makes a client obey.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Throttled;

/// A client that obeys.
#[derive(Debug, Clone)]
pub(crate) struct ThrottledClient<S>(S);

impl<S> Layer<S> for Throttled {
    type Service = ThrottledClient<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ThrottledClient(inner)
    }
}

/// The pause that an answer asks for. Only whole seconds are read; the date form is not used by API servers.
fn pause<B>(answer: &Response<B>) -> Option<Duration> {
    let throttled = matches!(answer.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let seconds = throttled.then(|| answer.headers().get(RETRY_AFTER)).flatten()?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST))
}

impl<S, R, B> Service<R> for ThrottledClient<S>
where
    S: Service<R, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let answer = self.0.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            if let Some(pause) = pause(&answer) {
                tokio::time::sleep(pause).await;
            }
            Ok(answer)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, after: Option<&str>) -> Response<()> {
        let builder = Response::builder().status(status);
        let builder = after.into_iter().fold(builder, |builder, after| builder.header(RETRY_AFTER, after));
        builder.body(()).unwrap()
    }

    #[test]
    fn a_pause_is_read_of_refusals_only_and_bounded() {
        let rows = [
            (429, Some("1"), Some(1)),
            (503, Some(" 7 "), Some(7)),
            (429, Some("3600"), Some(8)),
            (429, Some("Wed, 21 Oct 2026 07:28:00 GMT"), None),
            (429, None, None),
            (200, Some("1"), None),
            (500, Some("1"), None),
        ];
        for (status, after, want) in rows {
            assert_eq!(pause(&answer(status, after)), want.map(Duration::from_secs), "{status} {after:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_asks_for_a_pause_comes_after_it() {
        let server = tower::service_fn(|after: &'static str| async move {
            Ok::<_, std::convert::Infallible>(answer(429, Some(after)))
        });
        let mut client = Throttled.layer(server);
        let began = tokio::time::Instant::now();
        client.call("4").await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 4);
    }
}
