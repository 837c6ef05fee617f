//! The clients that make a worker's requests.

mod fast;
#[cfg(feature = "std-client")]
mod standard;
mod tcp;

use std::sync::Arc;
use std::time::Instant;

use crate::call::{ConnectionReport, Outcome};
use crate::destination::Destination;

use fast::FastClient;
use tcp::TcpClient;

/// The client of one connection.
pub(crate) enum Client {
    /// HTTP/1.1 over our own framing.
    Fast(FastClient),
    /// Bytes and their echo.
    Tcp(TcpClient),
    /// hyper.
    #[cfg(feature = "std-client")]
    Standard(Box<standard::StandardClient>),
}

impl Client {
    /// Makes the client of connection `index`; it connects with its first call.
    pub(crate) fn new(destination: Arc<Destination>, index: usize) -> Self {
        if destination.is_tcp {
            return Self::Tcp(TcpClient::new(destination, index));
        }
        #[cfg(feature = "std-client")]
        if let Some(plan) = destination.standard.clone() {
            return Self::Standard(Box::new(standard::StandardClient::new(destination, plan, index)));
        }
        Self::Fast(FastClient::new(destination, index))
    }

    /// Makes one request, which takes at most the timeout of the plan.
    pub(crate) async fn call(&mut self, sent: Instant) -> Outcome {
        match self {
            Self::Fast(client) => client.call(sent).await,
            Self::Tcp(client) => client.call(sent).await,
            #[cfg(feature = "std-client")]
            Self::Standard(client) => client.call(sent).await,
        }
    }

    /// Ends the client and gives what its connection went through.
    pub(crate) fn into_report(self) -> ConnectionReport {
        match self {
            Self::Fast(client) => client.into_report(),
            Self::Tcp(client) => client.into_report(),
            #[cfg(feature = "std-client")]
            Self::Standard(client) => client.into_report(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::failure::FailureKind;
    use crate::plan::LoadPlan;

    /// Answers the first request of each connection, and closes it when it is told to; tells when that is done.
    fn closing() -> (std::net::SocketAddr, mpsc::Sender<()>, mpsc::Receiver<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ((close, go), (closed, told)) = (mpsc::channel(), mpsc::channel());
        thread::spawn(move || {
            for (number, mut stream) in listener.incoming().flatten().enumerate() {
                let mut bytes = [0; 1024];
                let _ = stream.read(&mut bytes);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                let _ = go.recv();
                drop(stream);
                let _ = closed.send(number);
            }
        });
        (address, close, told)
    }

    #[test]
    fn only_what_the_server_never_took_is_sent_again_and_counted() {
        for (method, standard) in [("GET", false), ("POST", false), ("GET", true), ("POST", true)] {
            if standard && cfg!(not(feature = "std-client")) {
                continue;
            }
            let (address, close, closed) = closing();
            let mut load = LoadPlan::to(&format!("http://{address}/")).unwrap();
            load.method = Some(method.to_owned());
            load.transport.standard = standard;
            let destination = Arc::new(Destination::new(&load, vec![address]).unwrap());
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let runtime = builder.enable_all().build_local(tokio::runtime::LocalOptions::default()).unwrap();
            let (first, second) = runtime.block_on(async {
                let mut client = Client::new(destination, 0);
                let first = client.call(Instant::now()).await;
                // Nothing polls the connection until it is closed, so that the client cannot know of it.
                close.send(()).unwrap();
                closed.recv().unwrap();
                (first, client.call(Instant::now()).await)
            });
            assert_eq!((first.code, first.retried), (200, false), "{method} {standard}");
            if method == "GET" {
                assert_eq!((second.code, second.retried), (200, true), "{method} {standard}");
            } else {
                assert_eq!(second.failure.map(|failure| failure.kind), Some(FailureKind::Closed), "{standard}");
                assert!(!second.retried && closed.try_recv().is_err(), "no second order: {standard}");
            }
        }
    }
}
