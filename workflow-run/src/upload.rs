//! The files of a run to an S3-compatible store.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos_core::blocking;
use chaos_tls::{ClientTls, cause_in_words};
use reqwest::header::CONTENT_LENGTH;
use reqwest::{Client, Response, redirect};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::folder::below;

#[cfg(test)]
mod tests;

/// How long one file may take.
const PER_FILE: Duration = Duration::from_mins(1);
/// How long all files may take.
const IN_ALL: Duration = Duration::from_mins(5);
/// Waits before the second and third attempt of a file.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];
/// The largest file that is sent: what a run captures is bounded far below.
const MOST_BYTES: u64 = 256 * 1024 * 1024;
/// How much of an answer is read.
const MOST_ANSWER: usize = 16 * 1024;
/// The region where nobody names one; servers other than Amazon's take it.
const REGION: &str = "us-east-1";

/// Where files go.
#[derive(Debug, Clone)]
pub struct Store {
    /// The bucket.
    pub bucket: String,
    /// What every key begins with, without slashes at either end.
    pub prefix: String,
    /// The server as a URL; where absent, Amazon's of the region.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
    /// Who signs; where absent, nothing is uploaded, and that is a failure.
    pub keys: Option<StoreKeys>,
    /// How long one file may take.
    pub per_file: Duration,
    /// How long all files may take.
    pub in_all: Duration,
}

/// The keys that sign requests.
#[derive(Clone)]
pub struct StoreKeys(Credentials);

impl fmt::Debug for StoreKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreKeys").finish_non_exhaustive()
    }
}

impl Store {
    /// A store with what the environment says: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`,
    /// `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`, `AWS_REGION` or `AWS_DEFAULT_REGION`.
    pub fn from_env(bucket: impl Into<String>, prefix: impl AsRef<str>, env: impl Fn(&str) -> Option<String>) -> Self {
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        let keys = env("AWS_ACCESS_KEY_ID").zip(env("AWS_SECRET_ACCESS_KEY"));
        let keys = keys.map(|(id, secret)| match env("AWS_SESSION_TOKEN") {
            Some(token) => Credentials::new_with_token(id, secret, token),
            None => Credentials::new(id, secret),
        });
        Self {
            bucket: bucket.into(),
            prefix: prefix.as_ref().trim_matches('/').to_owned(),
            endpoint: env("AWS_ENDPOINT_URL_S3").or_else(|| env("AWS_ENDPOINT_URL")),
            region: env("AWS_REGION").or_else(|| env("AWS_DEFAULT_REGION")).unwrap_or_else(|| REGION.to_owned()),
            keys: keys.map(StoreKeys),
            per_file: PER_FILE,
            in_all: IN_ALL,
        }
    }

    /// The bucket at its server.
    fn bucket(&self) -> Result<Bucket, StoreError> {
        let (endpoint, style) = match &self.endpoint {
            // Servers of others are reached by address, mostly.
            Some(endpoint) => (endpoint.clone(), UrlStyle::Path),
            // A certificate of Amazon's is for one name before its own.
            None if self.bucket.contains('.') => (self.amazon(), UrlStyle::Path),
            None => (self.amazon(), UrlStyle::VirtualHost),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if self.bucket.is_empty() || !self.bucket.chars().all(plain) || self.bucket.starts_with('.') {
            return Err(StoreError::Bucket(self.bucket.clone()));
        }
        let endpoint = reqwest::Url::parse(&endpoint).map_err(|error| StoreError::Endpoint(error.to_string()))?;
        Bucket::new(endpoint, style, self.bucket.clone(), self.region.clone())
            .map_err(|error| StoreError::Endpoint(error.to_string()))
    }

    fn amazon(&self) -> String {
        format!("https://s3.{}.amazonaws.com", self.region)
    }

    /// The key of a file; refuses what a URL would resolve to another one.
    fn key(&self, file: &str) -> Result<String, StoreError> {
        let key = if self.prefix.is_empty() { file.to_owned() } else { format!("{}/{file}", self.prefix) };
        let is_odd = |part: &str| matches!(part, "" | "." | "..");
        if key.split('/').any(is_odd) || key.chars().any(char::is_control) || key.len() > 1024 {
            return Err(StoreError::Key(key));
        }
        Ok(key)
    }
}

/// What became of an upload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// The keys that the store has taken, in the order of their names.
    pub keys: Vec<String>,
    /// What it has not, one clause each; never a credential.
    pub failures: Vec<String>,
}

/// Why a file is not in the store.
#[derive(Debug, thiserror::Error)]
enum StoreError {
    #[error("no credentials: set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`")]
    NoKeys,
    #[error("invalid bucket `{0}`: expected letters, digits, `-`, `_` and `.`")]
    Bucket(String),
    #[error("invalid endpoint: {0}; expected a URL such as `https://s3.eu-central-1.amazonaws.com`")]
    Endpoint(String),
    #[error("invalid key `{0}`: expected parts without control characters, none of them empty, `.` or `..`")]
    Key(String),
    #[error("can't be read: {0}")]
    Read(#[source] std::io::Error),
    #[error("has {0} bytes, more than {MOST_BYTES}")]
    Large(u64),
    #[error("the store answered {0}")]
    Refused(String),
    #[error("the store was not reached: {0}")]
    Unreached(String),
    #[error("not taken within {} s", .0.as_secs_f64())]
    Late(Duration),
    #[error("interrupted")]
    Interrupted,
}

impl StoreError {
    /// Whether another attempt may succeed.
    fn may_pass(&self) -> bool {
        match self {
            Self::Unreached(_) => true,
            Self::Refused(status) => ["429", "500", "502", "503", "504"].iter().any(|code| status.starts_with(code)),
            _ => false,
        }
    }
}

/// Uploads every file below a folder, in the order of their names. Links are not followed.
///
/// A file that the store does not take keeps no other one back; what it says is in [`Uploaded::failures`].
pub async fn upload(store: &Store, folder: &Path, cancel: &CancellationToken) -> Uploaded {
    let mut uploaded = Uploaded::default();
    let until = Instant::now() + store.in_all;
    let its = folder.to_owned();
    let found = blocking(move || files(&its)).await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    let (files, odd) = match found {
        Ok(found) => found,
        Err(error) => {
            uploaded.failures.push(format!("`{}`: {}", folder.display(), StoreError::Read(error)));
            return uploaded;
        }
    };
    uploaded.failures.extend(odd.iter().map(|name| format!("`{name}`: not a regular file with a name in UTF-8")));
    let put = match Put::new(store) {
        Ok(put) => put,
        Err(error) => {
            uploaded.failures.push(format!("nothing was uploaded: {error}"));
            return uploaded;
        }
    };
    for name in files {
        match put.file(&folder.join(&name), &name, until, cancel).await {
            Ok(key) => uploaded.keys.push(key),
            Err(why) => uploaded.failures.push(format!("`{name}`: {why}")),
        }
    }
    uploaded
}

/// What sends files.
struct Put<'a> {
    store: &'a Store,
    keys: &'a Credentials,
    bucket: Bucket,
    client: Client,
}

impl<'a> Put<'a> {
    fn new(store: &'a Store) -> Result<Self, StoreError> {
        let StoreKeys(keys) = store.keys.as_ref().ok_or(StoreError::NoKeys)?;
        let bucket = store.bucket()?;
        let tls = ClientTls::http1(bucket.base_url().scheme() == "https").config();
        let tls = tls.map_err(|error| StoreError::Endpoint(error.to_string()))?;
        let client = Client::builder().tls_backend_preconfigured(tls).redirect(redirect::Policy::none()).no_proxy();
        let client = client.build().map_err(|error| StoreError::Unreached(cause(error)))?;
        Ok(Self { store, keys, bucket, client })
    }

    /// Sends one file; gives its key.
    async fn file(
        &self,
        file: &Path,
        name: &str,
        until: Instant,
        cancel: &CancellationToken,
    ) -> Result<String, StoreError> {
        let key = self.store.key(name)?;
        let own = Instant::now() + self.store.per_file;
        let (limit, until) = if own < until { (self.store.per_file, own) } else { (self.store.in_all, until) };
        let work = async {
            let bytes = read(file.to_owned()).await?;
            let mut pauses = PAUSES.iter();
            loop {
                match self.once(&key, bytes.clone()).await {
                    Err(error) if error.may_pass() => match pauses.next() {
                        Some(pause) => tokio::time::sleep(*pause).await,
                        None => return Err(error),
                    },
                    done => return done,
                }
            }
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(StoreError::Interrupted),
            done = timeout_at(until, work) => done.unwrap_or(Err(StoreError::Late(limit))).map(|()| key),
        }
    }

    async fn once(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        // The URL holds the signature: it is in no message.
        let url = self.bucket.put_object(Some(self.keys), key).sign(self.store.per_file.max(Duration::from_mins(1)));
        let put = self.client.put(url).header(CONTENT_LENGTH, bytes.len()).body(bytes);
        let answer = put.send().await.map_err(|error| StoreError::Unreached(cause(error)))?;
        if answer.status().is_success() { Ok(()) } else { Err(StoreError::Refused(said(answer).await)) }
    }
}

/// What a refusal says: the status, and the code of S3.
async fn said(mut answer: Response) -> String {
    let status = answer.status();
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_ANSWER {
            break;
        }
    }
    let body = String::from_utf8_lossy(&body);
    let code = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|(code, _)| code);
    let plain = |code: &&str| code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric());
    match code.filter(plain) {
        Some(code) => format!("{status} ({code})"),
        None => status.to_string(),
    }
}

/// What an error says, without the URL, which holds a signature.
fn cause(error: reqwest::Error) -> String {
    cause_in_words(&error.without_url())
}

async fn read(file: PathBuf) -> Result<Vec<u8>, StoreError> {
    let size = tokio::fs::symlink_metadata(&file).await.map_err(StoreError::Read)?.len();
    if size > MOST_BYTES {
        return Err(StoreError::Large(size));
    }
    tokio::fs::read(&file).await.map_err(StoreError::Read)
}

/// The regular files below a folder, by their path in it; and what else stands there.
fn files(folder: &Path) -> std::io::Result<(BTreeSet<String>, BTreeSet<String>)> {
    let (mut files, mut odd) = (BTreeSet::new(), BTreeSet::new());
    for entry in below(folder) {
        let (path, kind) = entry?;
        match path.to_str() {
            Some(name) if kind.is_file() => drop(files.insert(name.to_owned())),
            _ => drop(odd.insert(path.to_string_lossy().into_owned())),
        }
    }
    Ok((files, odd))
}
