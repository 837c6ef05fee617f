//! The control server: gofail's endpoints, on loopback or a unix socket, for as long as the program wants.

mod connections;
mod origin;
#[cfg(feature = "fuzz")]
pub mod parsers;
mod place;
mod request;
mod routes;

use std::{
    io::Write,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use connections::{Connections, Stream, Timed};
use request::{Request, Response};

use crate::Error;

/// Holds the token of the TCP form.
const TOKEN: &str = "FAILPOINTS_TOKEN";
/// Says where to listen.
const LISTEN: &str = "FAILPOINTS_LISTEN";

/// Lets other processes arm this one's fail points over HTTP, until it is dropped.
///
/// It arms for the whole process and can make it panic, so it listens on loopback or on a unix socket of mode 0600
/// only, refuses a `Host` that is not loopback (otherwise a web page in a browser on this machine could reach
/// it), refuses what a web page sends, and answers no CORS preflight. It runs on threads of its own,
/// so that a program whose runtime is held by a fail point can still be freed. A client has 5 s for its request;
/// where too many connections are open, the oldest one that waits for its client is answered 503 and closed.
///
/// [`ControlServer::from_environment`] leaves the choice to whoever starts the program.
///
/// Who can arm what: over the unix socket, this user's and root's processes; over TCP, every process of every user on
/// this machine, unless the environment variable `FAILPOINTS_TOKEN` holds a token when the server starts: then only those
/// that send it, as `Authorization: Bearer TOKEN`.
///
/// | Request | Does |
/// |---|---|
/// | `PUT /NAME`, body = actions | arms (204); a body of type `application/x-www-form-urlencoded` holds the fields of [`crate::RuleFields`] |
/// | `GET /NAME`, `GET /` | the rule; all names with their rules |
/// | `GET /NAME/count` | how often it fired |
/// | `DELETE /NAME` | disarms (204) |
/// | `PUT /failpoints`, body = `NAME=actions;…` | arms several, or none if one is wrong |
/// | `GET /NAME/status` | rule, owner, hits, fires, waiting callers and the rest of the lease, as JSON |
/// | `PUT /NAME/lease` | renews the lease |
/// | `PUT /NAME/release`, body = a number | releases that many callers of a `pause` |
///
/// The last three are ours. What is armed from outside carries a lease: 60 s, or the seconds of the header
/// `Failpoint-Lease` (up to an hour); it expires unless it is renewed. The header `Failpoint-Owner` names
/// the client: then no other can replace it or renew it, and a `DELETE` that names another owner is refused.
#[derive(Debug)]
#[must_use = "the server stops when this is dropped"]
pub struct ControlServer {
    place: Place,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl ControlServer {
    /// Listens where `FAILPOINTS_LISTEN` says: nowhere where it is not set, on a socket in a folder that is this user's
    /// alone with `on`, else on the absolute path or the loopback address that it names.
    ///
    /// # Errors
    /// Another value, or a place that cannot be listened on.
    pub fn from_environment() -> Result<Option<Self>, Error> {
        let Some(listen) = std::env::var_os(LISTEN) else {
            return Ok(None);
        };
        if listen == "on" {
            return Self::private().map(Some);
        }
        if Path::new(&listen).is_absolute() {
            return Self::unix(Path::new(&listen)).map(Some);
        }
        let text = listen.to_string_lossy();
        let instead = "expected `on`, an absolute path or a loopback address such as `127.0.0.1:22381`";
        let wrong = |_| Error::Listen { address: text.to_string(), problem: format!("{instead}, in `{LISTEN}`") };
        Self::tcp(text.parse().map_err(wrong)?).map(Some)
    }

    /// Listens on the unix socket `PID.sock` in this user's folder: `$XDG_RUNTIME_DIR/failpoints`, else
    /// `failpoints-UID` below the folder for temporary files.
    ///
    /// # Errors
    /// A folder that others can change, or a socket that is in use.
    pub fn private() -> Result<Self, Error> {
        let folder = place::folder();
        let failed =
            |error: std::io::Error| Error::Listen { address: folder.display().to_string(), problem: error.to_string() };
        place::own(&folder).map_err(failed)?;
        Self::unix(&folder.join(format!("{}.sock", std::process::id())))
    }

    /// Listens on a loopback address; port 0 takes a free one (see [`ControlServer::address`]).
    ///
    /// # Errors
    /// An address that is not loopback or cannot be listened on, or a `FAILPOINTS_TOKEN` that is not a token.
    pub fn tcp(address: SocketAddr) -> Result<Self, Error> {
        let token = match std::env::var(TOKEN) {
            Ok(token) => Some(token),
            Err(std::env::VarError::NotPresent) => None,
            // Not a token; refused below.
            Err(std::env::VarError::NotUnicode(_)) => Some(String::new()),
        };
        Self::tcp_with(address, token)
    }

    /// As [`ControlServer::tcp`], with a token that the program has from elsewhere.
    ///
    /// # Errors
    /// As [`ControlServer::tcp`].
    pub fn tcp_with_token(address: SocketAddr, token: impl Into<String>) -> Result<Self, Error> {
        Self::tcp_with(address, Some(token.into()))
    }

    fn tcp_with(address: SocketAddr, token: Option<String>) -> Result<Self, Error> {
        let failed = |problem: String| Error::Listen { address: address.to_string(), problem };
        if !address.ip().is_loopback() {
            return Err(failed("not a loopback address; use 127.0.0.1, [::1] or a unix socket".to_owned()));
        }
        // An empty one would let everybody in who sends an empty one.
        let is_token = |token: &String| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if !token.as_ref().is_none_or(is_token) {
            return Err(failed("the token must be printable ASCII without spaces, and not empty".to_owned()));
        }
        let listener = TcpListener::bind(address).map_err(|error| failed(error.to_string()))?;
        let bound = listener.local_addr().map_err(|error| failed(error.to_string()))?;
        let accept = move || listener.accept().map(|(stream, _)| stream);
        Self::start(Place::Tcp(bound), token, accept).map_err(|error| failed(error.to_string()))
    }

    /// Listens on a unix socket that only this user can open. A socket there on which nobody listens any more is
    /// replaced; anything else is left, and refused.
    ///
    /// # Errors
    /// A path that is taken or cannot be listened on.
    pub fn unix(path: &Path) -> Result<Self, Error> {
        let failed =
            |error: std::io::Error| Error::Listen { address: path.display().to_string(), problem: error.to_string() };
        // Bound under a temporary name, so that it is never open to other users: the mode is set after the bind.
        let hidden = path.with_extension(format!("{}.new", std::process::id()));
        let listener = UnixListener::bind(&hidden).map_err(failed)?;
        let put = std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(0o600))
            .and_then(|()| place::link(&hidden, path));
        // The hidden name goes whether the link was made or not.
        let gone = std::fs::remove_file(&hidden);
        put.and(gone).map_err(failed)?;
        let accept = move || listener.accept().map(|(stream, _)| stream);
        Self::start(Place::Unix(path.to_owned()), None, accept).map_err(failed)
    }

    /// Returns the socket's path, where it is one.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Tcp(_) => None,
            Place::Unix(path) => Some(path),
        }
    }

    /// Returns the address, where it is one.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.place {
            Place::Tcp(address) => Some(*address),
            Place::Unix(_) => None,
        }
    }

    fn start<S: Stream>(
        place: Place,
        token: Option<String>,
        accept: impl Fn() -> std::io::Result<S> + Send + 'static,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("failpoint-control".to_owned());
        let accepting = thread.spawn(move || accept_all(&stopping, token, &accept))?;
        Ok(Self { place, stop, accepting: Some(accepting) })
    }
}

/// What all connections share.
struct Shared<S> {
    open: Connections<S>,
    /// One request at a time changes what is armed: checking the owner and arming must be one step.
    turn: Mutex<()>,
    token: Option<String>,
}

/// Serves each connection on a thread of its own, as long as there are not too many.
fn accept_all<S: Stream>(stop: &AtomicBool, token: Option<String>, accept: &dyn Fn() -> std::io::Result<S>) {
    let shared = Arc::new(Shared { open: Connections::default(), turn: Mutex::new(()), token });
    while !stop.load(Ordering::Acquire) {
        let Ok(mut stream) = accept() else {
            // Out of descriptors, most likely: wait before the next try.
            std::thread::park_timeout(Duration::from_millis(20));
            continue;
        };
        if stop.load(Ordering::Acquire) {
            break;
        }
        let Some(stage) = shared.open.admit(&stream) else {
            continue;
        };
        let (here, kept) = (Arc::clone(&shared), Arc::clone(&stage));
        let serve = move || {
            let read = request::read(&mut Timed::new(&mut stream));
            if stage.answers() {
                let response = read.and_then(|request| here.answer(&request)).unwrap_or_else(|refusal| refusal);
                stage.writes();
                // A client that has gone does not hear it.
                let _ = Timed::new(&mut stream).write_all(&response.bytes());
            }
            here.open.leave(&stage);
            // The list's copy is gone, too: this closes it.
            drop(stream);
        };
        if std::thread::Builder::new().spawn(serve).is_err() {
            shared.open.leave(&kept);
        }
    }
}

impl<S> Shared<S> {
    fn answer(&self, request: &Request) -> Result<Response, Response> {
        if let Some(token) = &self.token
            && !origin::is_token(request.authorization.as_deref(), token)
        {
            return Err(Response::new(401, "send the token as `Authorization: Bearer`\n"));
        }
        Ok(routes::answer(request, &self.turn))
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // The accepting thread is woken by one last connection.
        let woken = match &self.place {
            Place::Tcp(address) => TcpStream::connect(address).is_ok(),
            Place::Unix(path) => UnixStream::connect(path).is_ok(),
        };
        if let Place::Unix(path) = &self.place {
            // It may have been removed already.
            let _ = std::fs::remove_file(path);
        }
        if let Some(thread) = self.accepting.take().filter(|_| woken) {
            // It does not panic: whatever a request does happens on another thread.
            let _ = thread.join();
        }
    }
}
