//! The control socket of a live run: a unix socket in the run's folder, for this user alone.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use chaos_core::{ChaosSpec, EventKind, NodeStanding, NodeState, Nodes, StateDir, parse};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::control::EntryControl;
use crate::control_inject::inject;
use crate::control_wire::{
    ControlReply, ControlRequest, EntryReply, LONGEST_LINE, NodeReply, RunNodesReply, folder, put, socket,
};
use crate::guarded::guarded;
use crate::session::Session;

/// How long clients that follow the events may take to read the last of them.
const LAST_EVENTS: Duration = Duration::from_secs(1);

/// The socket while its run lives; dropping it removes the run's folder.
#[derive(Debug)]
pub(crate) struct ControlServer {
    folder: PathBuf,
    closing: CancellationToken,
    serving: AbortOnDropHandle<()>,
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        // Best effort: the folder of a dead run is removed by the next one.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl ControlServer {
    /// Opens the socket of a session, and answers until this is dropped.
    pub(crate) fn open(state: &StateDir, session: &Session) -> io::Result<Self> {
        let folder = folder(state, session.cx().run_id());
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let (path, _open) = socket(&folder)?;
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        let closing = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, session.clone(), closing.clone()));
        Ok(Self { folder, closing, serving: AbortOnDropHandle::new(serving) })
    }

    /// Closes it once the run is over and whoever follows its events has read the last one.
    pub(crate) async fn close(mut self) {
        self.closing.cancel();
        // A client that does not read is not waited for.
        let _ = tokio::time::timeout(LAST_EVENTS, &mut self.serving).await;
    }
}

async fn serve(listener: UnixListener, session: Session, closing: CancellationToken) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (session, closing) = (session.clone(), closing.clone());
                    // A client that disconnects does not affect the run.
                    clients.spawn(async move { drop(answer(stream, session, &closing).await) });
                }
                Err(error) => {
                    session.cx().note(format!("the control socket is closed: {error}"));
                    return;
                }
            },
            Some(_) = clients.join_next() => {}
            () = closing.cancelled() => break,
        }
    }
    while clients.join_next().await.is_some() {}
}

async fn answer(stream: UnixStream, session: Session, closing: &CancellationToken) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read.take(LONGEST_LINE)).lines();
    while let Some(Some(line)) = closing.run_until_cancelled(lines.next_line()).await.transpose()? {
        match serde_json::from_str(&line) {
            Ok(ControlRequest::Events {}) => return events(&session, &mut write, ControlRequest::Status {}).await,
            Ok(ControlRequest::Down {}) => return events(&session, &mut write, ControlRequest::Down {}).await,
            Ok(ControlRequest::Inject { entry }) => return inject(&entry, &session, lines, &mut write).await,
            Ok(ControlRequest::Nodes {}) => put(session.cx(), &mut write, &nodes(&session).await).await?,
            Ok(request) => put(session.cx(), &mut write, &reply(request, &session)).await?,
            Err(error) => {
                put(session.cx(), &mut write, &ControlReply::Error(format!("not a request: {error}"))).await?;
            }
        }
        lines.get_mut().get_mut().set_limit(LONGEST_LINE);
    }
    Ok(())
}

async fn events(session: &Session, write: &mut OwnedWriteHalf, first: ControlRequest) -> io::Result<()> {
    let mut events = session.events();
    let first = reply(first, session);
    put(session.cx(), write, &first).await?;
    if let ControlReply::Error(_) = first {
        return Ok(());
    }
    while let Some(event) = events.recv().await {
        put(session.cx(), write, &event).await?;
        if matches!(event.kind, EventKind::RunEnded { .. }) {
            break;
        }
    }
    Ok(())
}

/// The nodes of the run, and how they stand.
async fn nodes(session: &Session) -> ControlReply {
    let cx = session.cx();
    let mut nodes = Vec::new();
    for (name, protected, member) in cx.services().get::<Nodes>().all() {
        let standing = guarded(member.standing()).await;
        let standing = standing.unwrap_or_else(|panicked| NodeStanding {
            state: NodeState::Unknown,
            detail: panicked.to_string(),
            ..NodeStanding::default()
        });
        let NodeStanding { state, pid, ready, ports, since, end: _, detail } = standing;
        let since = since.and_then(|since| since.duration_since(UNIX_EPOCH).ok());
        let since_unix_seconds = since.map(|since| since.as_secs_f64());
        nodes.push(NodeReply { name, pid, state, ready, protected, ports, since_unix_seconds, detail });
    }
    let (run_id, held) = (cx.run_id().to_owned(), session.control().holds_nodes());
    ControlReply::Nodes(RunNodesReply { run_id, held, nodes })
}

fn reply(request: ControlRequest, session: &Session) -> ControlReply {
    let control = session.control();
    let entries = control.entries();
    match request {
        ControlRequest::Status {} | ControlRequest::Events {} => {
            ControlReply::Entries(entries.iter().map(shown).collect())
        }
        ControlRequest::Release { entry } => acted(chosen(entries, entry), |entry| {
            let effect = Some(entry.release());
            EntryReply { effect, ..shown(entry) }
        }),
        ControlRequest::Cancel { entry: None } => {
            control.cancel();
            ControlReply::Entries(entries.iter().map(shown).collect())
        }
        ControlRequest::Cancel { entry } => acted(chosen(entries, entry), |entry| {
            entry.cancel();
            shown(entry)
        }),
        ControlRequest::Tell { event } => {
            session.cx().note(format!("told: `{event}`"));
            control.tell(event);
            ControlReply::Entries(entries.iter().map(shown).collect())
        }
        ControlRequest::Start { entry } => start(&entry, session),
        ControlRequest::Down {} if control.down() => ControlReply::Entries(entries.iter().map(shown).collect()),
        ControlRequest::Down {} => {
            let why = "it runs a task, and stops its nodes at the end of it; end it early by a signal";
            ControlReply::Error(why.to_owned())
        }
        // Those are answered with more than one line, or by asking the nodes.
        ControlRequest::Inject { .. } | ControlRequest::Nodes {} => {
            ControlReply::Error("this is answered elsewhere".to_owned())
        }
    }
}

fn shown(entry: &EntryControl) -> EntryReply {
    let (position, name) = (entry.position().to_owned(), entry.name().to_owned());
    EntryReply { position, name, stage: entry.state().stage, effect: None }
}

/// The entries of that name, or the one at that position; all without.
fn chosen(entries: Vec<EntryControl>, wanted: Option<String>) -> Result<Vec<EntryControl>, ControlReply> {
    let Some(wanted) = wanted else { return Ok(entries) };
    let known = entries.iter().map(|entry| format!("`{}`", entry.name())).collect::<Vec<_>>().join(", ");
    let named = |entry: &EntryControl| entry.name() == wanted || entry.position() == wanted;
    let found: Vec<_> = entries.into_iter().filter(named).collect();
    if found.is_empty() {
        let known = if known.is_empty() { "none" } else { &known };
        return Err(ControlReply::Error(format!("no entry `{wanted}` is under way; under way: {known}")));
    }
    Ok(found)
}

fn acted(
    chosen: Result<Vec<EntryControl>, ControlReply>,
    act: impl FnMut(&EntryControl) -> EntryReply,
) -> ControlReply {
    match chosen {
        Ok(entries) => ControlReply::Entries(entries.iter().map(act).collect()),
        Err(reply) => reply,
    }
}

fn start(entry: &Value, session: &Session) -> ControlReply {
    match parse::<ChaosSpec>(entry) {
        Err(error) => ControlReply::Error(error.to_string()),
        Ok(entry) => match session.start_from_outside(entry) {
            Some(entry) => ControlReply::Started(entry.position().to_owned()),
            None => ControlReply::ending(),
        },
    }
}
