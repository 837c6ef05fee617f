//! A stream of server-sent events, over chunks of HTTP/1.1, as hyper reads it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use chaos_links::Direction;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use super::{Talk, pattern, words};

/// What it takes to publish an event to the client of that number.
type Publish = broadcast::Sender<(usize, String)>;

/// Numbers clients.
static CLIENTS: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct Client {
    own: usize,
    publish: Publish,
    body: Incoming,
    /// What has come of an event that is not whole yet.
    begun: String,
    connection: JoinHandle<()>,
}

impl Talk for Client {
    const LONG: Direction = Direction::Downstream;

    type Server = (Publish, JoinHandle<()>);

    async fn serve() -> (Self::Server, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (publish, _) = broadcast::channel(16);
        let events = publish.clone();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(push(stream, events.subscribe()));
            }
        });
        ((publish, server), address)
    }

    async fn connect((publish, _): &Self::Server, link: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(link).await.map_err(|error| error.to_string())?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(async move { drop(connection.await) });
        let own = CLIENTS.fetch_add(1, Ordering::Relaxed);
        let request = Request::get(format!("/{own}")).header("host", "events").body(Empty::<Bytes>::new()).unwrap();
        let answer = sender.send_request(request).await.map_err(|error| words(&error))?;
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Ok(Self { own, publish: publish.clone(), body: answer.into_body(), begun: String::new(), connection })
    }

    /// One event, and the next one that arrives.
    async fn say(&mut self, number: usize, bytes: usize) -> Result<(), String> {
        let sent = format!("id: {number}\ndata: {}\n\n", pattern(number, bytes));
        // Nobody may be there to hear it.
        let _ = self.publish.send((self.own, sent.clone()));
        while !self.begun.contains("\n\n") {
            let Some(frame) = self.body.frame().await else { return Err("the stream has ended".to_owned()) };
            let data = frame.map_err(|error| words(&error))?.into_data().unwrap();
            self.begun.push_str(std::str::from_utf8(&data).unwrap());
        }
        let rest = self.begun.split_off(self.begun.find("\n\n").unwrap() + 2);
        let event = std::mem::replace(&mut self.begun, rest);
        assert_eq!(event, sent);
        Ok(())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Answers a request with events, each in a chunk of its own, as long as they come.
async fn push(mut stream: TcpStream, mut events: broadcast::Receiver<(usize, String)>) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    let request = String::from_utf8(request).unwrap();
    let whose: usize = request.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    while let Ok((client, event)) = events.recv().await {
        if client != whose {
            continue;
        }
        stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await?;
    }
    Ok(())
}
