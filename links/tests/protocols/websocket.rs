//! A WebSocket that sends back what it gets.

use std::net::SocketAddr;

use chaos_links::Direction;
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

use super::{Talk, pattern};

pub(crate) struct Client(WebSocketStream<TcpStream>);

impl Talk for Client {
    const LONG: Direction = Direction::Downstream;

    type Server = JoinHandle<()>;

    async fn serve() -> (JoinHandle<()>, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let Ok(mut socket) = accept_async(stream).await else { return };
                    while let Some(Ok(message)) = socket.next().await {
                        if socket.send(message).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        (server, address)
    }

    async fn connect(_: &JoinHandle<()>, link: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(link).await.map_err(|error| error.to_string())?;
        let (socket, _) = client_async(format!("ws://{link}/"), stream).await.map_err(|error| error.to_string())?;
        Ok(Self(socket))
    }

    async fn say(&mut self, number: usize, bytes: usize) -> Result<(), String> {
        let sent = Message::text(pattern(number, bytes));
        self.0.send(sent.clone()).await.map_err(|error| error.to_string())?;
        match self.0.next().await {
            Some(Ok(answer)) => {
                assert_eq!(answer, sent);
                Ok(())
            }
            Some(Err(error)) => Err(error.to_string()),
            None => Err("it is closed".to_owned()),
        }
    }
}
