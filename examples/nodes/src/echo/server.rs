//! The server: a message of 1 KiB in, its head into a file, the same message out.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The length of a message: its head is the number of the stream and the number of the message, 8 bytes each.
pub const MESSAGE: usize = 1024;

/// The length of a head.
const HEAD: usize = 16;

/// What the server has written down, in its folder.
const FILE: &str = "received";

/// Why the server ends.
#[derive(Debug, thiserror::Error)]
pub enum EchoError {
    /// It can't listen there.
    #[error("can't listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// It can't keep what it gets.
    #[error("can't write what was received: {0}")]
    File(io::Error),
}

/// Serves until the process ends; what it gets is kept in `folder`, across restarts.
///
/// # Errors
/// When it can't listen or can't keep what it gets.
pub async fn echo(at: SocketAddr, folder: &Path) -> Result<(), EchoError> {
    let file = OpenOptions::new().create(true).append(true).open(folder.join(FILE)).map_err(EchoError::File)?;
    let file = Arc::new(Mutex::new(file));
    let listener = TcpListener::bind(at).await.map_err(|error| EchoError::Listen(at, error))?;
    loop {
        // A connection that is gone before it is accepted is not worth ending for.
        let Ok((client, _)) = listener.accept().await else { continue };
        let file = Arc::clone(&file);
        tokio::spawn(async move {
            // A client that goes away ends its own connection only.
            let _ = serve(client, &file).await;
        });
    }
}

async fn serve(mut client: TcpStream, file: &Mutex<fs::File>) -> io::Result<()> {
    let mut message = [0; MESSAGE];
    loop {
        client.read_exact(&mut message).await?;
        // One write each, so that a process that is killed leaves whole heads.
        file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&message[..HEAD])?;
        client.write_all(&message).await?;
    }
}

/// The messages that the server of that folder has received: number of the stream, number of the message.
///
/// # Errors
/// When they can't be read.
pub fn received(folder: &Path) -> io::Result<BTreeSet<(u64, u64)>> {
    let bytes = fs::read(folder.join(FILE))?;
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    Ok(bytes.chunks_exact(HEAD).map(|head| (number(&head[..8]), number(&head[8..]))).collect())
}
