//! The loop that takes keys as they come due.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chaos_kube::ClusterAccess;
use http::HeaderValue;
use http::header::USER_AGENT;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::cluster::Cluster;
use super::controllers::Controllers;
use super::queue::{Key, Queue};
use super::trouble::Trouble;
use crate::error::explained;

/// How its requests are told from those of others in the audit log.
const AGENT: &str = "squall-rig-model";
/// How many errors are kept.
const KEPT: usize = 50;
/// How long one object may take: an API server that hangs is left, and asked again.
const LONGEST: Duration = Duration::from_secs(30);
/// The pause before a cluster that can't be reached is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// Why a cluster can't be reached.
#[derive(Debug, thiserror::Error)]
enum Unreachable {
    #[error("the kubeconfig")]
    Kubeconfig(#[from] KubeconfigError),
    #[error("the client")]
    Client(#[from] kube::Error),
}

/// Keeps an error.
pub(super) fn note(errors: &Mutex<Vec<String>>, error: String) {
    let mut errors = errors.lock().unwrap_or_else(PoisonError::into_inner);
    if errors.len() == KEPT {
        errors.remove(0);
    }
    errors.push(error);
}

/// Runs until it is told to stop.
pub(super) fn main(
    access: &ClusterAccess,
    only: Option<String>,
    stopped: oneshot::Receiver<()>,
    errors: &Mutex<Vec<String>>,
) {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(async {
            tokio::select! {
                // The sender is dropped, nothing is ever sent.
                _ = stopped => {}
                () = work(access, only, errors) => {}
            }
        }),
        Err(error) => note(errors, format!("no runtime: {error}")),
    }
}

async fn work(access: &ClusterAccess, only: Option<String>, errors: &Mutex<Vec<String>>) {
    let client = loop {
        match connect(access).await {
            Ok(client) => break client,
            Err(error) => note(errors, explained(&error)),
        }
        tokio::time::sleep(PAUSE).await;
    };
    let (keys, mut woken) = mpsc::unbounded_channel();
    let mut controllers = Controllers::new(Cluster { client, only }, keys);
    let mut queue = Queue::default();
    loop {
        while let Ok(key) = woken.try_recv() {
            queue.wake(key, Instant::now());
        }
        if let Some(key) = queue.take(Instant::now()) {
            one(&mut controllers, &mut queue, key, errors).await;
            continue;
        }
        let due = queue.next();
        tokio::select! {
            key = woken.recv() => match key {
                Some(key) => queue.wake(key, Instant::now()),
                None => return,
            },
            () = async { tokio::time::sleep_until(due.unwrap_or_else(Instant::now)).await }, if due.is_some() => {}
        }
    }
}

async fn one(controllers: &mut Controllers, queue: &mut Queue, key: Key, errors: &Mutex<Vec<String>>) {
    let result = tokio::time::timeout(LONGEST, Box::pin(controllers.reconcile(&key))).await;
    let now = Instant::now();
    match result {
        Ok(Ok(after)) => {
            queue.succeeded(&key);
            if let Some(after) = after {
                queue.add(key, now + after);
            }
        }
        Ok(Err(Trouble::Conflict)) => queue.add(key, now),
        Ok(Err(why)) => {
            note(errors, format!("{key:?}: {}", explained(&why)));
            queue.failed(key, now);
        }
        Err(_) => {
            note(errors, format!("{key:?}: not done within {LONGEST:?}"));
            queue.failed(key, now);
        }
    }
}

async fn connect(access: &ClusterAccess) -> Result<Client, Unreachable> {
    let options = KubeConfigOptions { context: access.context.clone(), ..KubeConfigOptions::default() };
    let file = match &access.kubeconfig {
        Some(path) => Kubeconfig::read_from(path)?,
        None => Kubeconfig::read()?,
    };
    let mut config = Config::from_custom_kubeconfig(file, &options).await?;
    config.headers.push((USER_AGENT, HeaderValue::from_static(AGENT)));
    Ok(Client::try_from(config)?)
}
