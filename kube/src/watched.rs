//! Objects as they change: a list and a watch from there on, which survive a server that is away and a history that is gone.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{StreamExt, pin_mut};
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use kube::{Error, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::patience::in_a_line;

/// How long the server keeps one watch open; a connection that died silently is noticed soon after.
const WATCH_SECONDS: u32 = 60;
/// How much longer than that nothing may come.
const SILENCE: Duration = Duration::from_secs(WATCH_SECONDS as u64 + 10);
/// How long a list may take.
const LIST: Duration = Duration::from_secs(10);
/// The first pause after a failure; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause, which bounds how late it is noticed that a server is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Changes that wait to be read; more of them make the watch wait.
const QUEUE: usize = 1024;

/// What was seen.
#[derive(Debug, Clone)]
pub enum Seen<K> {
    /// All objects there are; what is missing among them is gone. Comes first, and again when the history was lost.
    All(Vec<K>),
    /// One is there, or has changed.
    Changed(K),
    /// One is gone.
    Gone(K),
    /// The server does not answer; what was seen may be out of date until `All`, `Changed` or `Gone` follows.
    Away(String),
}

impl<K> Seen<K> {
    /// The same of what `of` makes of each object.
    pub fn map<T>(self, of: impl Fn(K) -> T) -> Seen<T> {
        match self {
            Self::All(all) => Seen::All(all.into_iter().map(of).collect()),
            Self::Changed(one) => Seen::Changed(of(one)),
            Self::Gone(one) => Seen::Gone(of(one)),
            Self::Away(why) => Seen::Away(why),
        }
    }
}

/// A watch, which ends when this is dropped.
#[derive(Debug)]
pub struct Watched<K> {
    seen: mpsc::Receiver<Seen<K>>,
    _task: AbortOnDropHandle<()>,
}

/// Which objects.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Those with these labels.
    pub labels: Option<String>,
    /// Those with these fields.
    pub fields: Option<String>,
}

impl Selection {
    /// Objects with a label.
    pub fn label(key: &str, value: &str) -> Self {
        Self { labels: Some(format!("{key}={value}")), fields: None }
    }

    /// The object of that name.
    pub fn name(name: &str) -> Self {
        Self { labels: None, fields: Some(format!("metadata.name={name}")) }
    }

    /// The same for a list.
    pub fn list(&self) -> ListParams {
        ListParams { label_selector: self.labels.clone(), field_selector: self.fields.clone(), ..ListParams::default() }
    }

    fn watch(&self) -> WatchParams {
        WatchParams {
            label_selector: self.labels.clone(),
            field_selector: self.fields.clone(),
            timeout: Some(WATCH_SECONDS),
            bookmarks: true,
            send_initial_events: false,
        }
    }
}

impl<K> Watched<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    /// Watches from now on.
    pub fn start(api: Api<K>, selection: Selection) -> Self {
        let (tell, seen) = mpsc::channel(QUEUE);
        let task = tokio::spawn(async move {
            // Whoever watched has gone away.
            let _ = watch(&api, &selection, &tell).await;
        });
        Self { seen, _task: AbortOnDropHandle::new(task) }
    }

    /// What is seen next; `None` never, as long as the runtime lives.
    pub async fn next(&mut self) -> Option<Seen<K>> {
        self.seen.recv().await
    }

    /// The same for whoever waits for several.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Seen<K>>> {
        self.seen.poll_recv(cx)
    }

    /// What has been seen already and was not read.
    pub fn try_next(&mut self) -> Option<Seen<K>> {
        self.seen.try_recv().ok()
    }
}

/// Nobody reads any more.
struct Unread;

/// Why one watch ended.
enum End {
    /// It may go on from there.
    Resumed(String),
    /// Its history is gone.
    Lost,
    /// The server is away.
    Away(String),
}

async fn watch<K>(api: &Api<K>, selection: &Selection, tell: &mpsc::Sender<Seen<K>>) -> Result<(), Unread>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let mut pause = FIRST_PAUSE;
    // Where the watch goes on; `None` where a list must come first.
    let mut from: Option<String> = None;
    loop {
        let end = match from.take() {
            None => match timeout(LIST, api.list(&selection.list())).await {
                Ok(Ok(list)) => {
                    let version = list.metadata.resource_version.clone().unwrap_or_default();
                    tell.send(Seen::All(list.items)).await.map_err(|_| Unread)?;
                    End::Resumed(version)
                }
                Ok(Err(error)) => End::Away(in_a_line(&error)),
                Err(_) => End::Away(format!("no answer within {} s", LIST.as_secs())),
            },
            Some(version) => follow(api, selection, version, tell).await?,
        };
        match end {
            End::Resumed(version) => {
                from = Some(version);
                pause = FIRST_PAUSE;
            }
            End::Lost => {}
            End::Away(why) => {
                tell.send(Seen::Away(why)).await.map_err(|_| Unread)?;
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// One watch, until it ends.
async fn follow<K>(
    api: &Api<K>,
    selection: &Selection,
    mut version: String,
    tell: &mpsc::Sender<Seen<K>>,
) -> Result<End, Unread>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let events = match timeout(LIST, api.watch(&selection.watch(), &version)).await {
        Ok(Ok(events)) => events,
        Ok(Err(error)) => return Ok(ended(&error)),
        Err(_) => return Ok(End::Away(format!("no answer within {} s", LIST.as_secs()))),
    };
    pin_mut!(events);
    loop {
        let event = match timeout(SILENCE, events.next()).await {
            Ok(Some(Ok(event))) => event,
            Ok(Some(Err(error))) => return Ok(ended(&error)),
            // The server ends each watch after its time; what died silently looks the same.
            Ok(None) | Err(_) => return Ok(End::Resumed(version)),
        };
        let seen = match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => Seen::Changed(object),
            WatchEvent::Deleted(object) => Seen::Gone(object),
            WatchEvent::Bookmark(mark) => {
                version = mark.metadata.resource_version;
                continue;
            }
            WatchEvent::Error(status) => return Ok(ended(&Error::Api(status))),
        };
        if let Seen::Changed(object) | Seen::Gone(object) = &seen
            && let Some(its) = object.meta().resource_version.clone()
        {
            version = its;
        }
        tell.send(seen).await.map_err(|_| Unread)?;
    }
}

/// What follows from the error that ended a watch. A connection that broke is listed anew: it may have been away for long.
fn ended(error: &Error) -> End {
    match error {
        Error::Api(status) if status.code == 410 => End::Lost,
        error => End::Away(in_a_line(error)),
    }
}

/// Names of objects in a list, for whoever waits until none is left.
pub fn names<K: Resource>(objects: &[K]) -> BTreeSet<String> {
    objects.iter().filter_map(|object| object.meta().name.clone()).collect()
}
