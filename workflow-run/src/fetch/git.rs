//! The program `git`, bounded in time, and asked in ways that no name can turn into an option.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::error::FetchError;

/// How much of what `git` says of an error is kept.
const MOST_SAID: usize = 16 * 1024;
/// How much of any other answer is read; a repository may have very many references.
const MOST_ANSWER: usize = 16 * 1024 * 1024;
/// What would make `git` work in another repository than the one that it is given.
const LOCAL: [&str; 10] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_CEILING_DIRECTORIES",
];
/// How a repository may be reached: no helper that runs a command which a URL names.
const PROTOCOLS: &str = "file:git:http:https:ssh";

/// A temporary repository into which things are fetched.
pub(super) struct Git {
    repo: String,
    place: TempDir,
    until: Instant,
    limit: Duration,
    cancel: CancellationToken,
}

/// What stands at a path.
pub(super) enum Entry {
    /// A regular file, and its object.
    File(String),
    /// A folder, a link, or another repository.
    Other,
}

impl Git {
    pub(super) async fn new(
        repo: &str,
        until: Instant,
        limit: Duration,
        cancel: CancellationToken,
    ) -> Result<Self, FetchError> {
        let place = TempDir::with_prefix("squall-fetch-").map_err(FetchError::NoGit)?;
        // A path is meant from here, and git works in the temporary folder.
        let repo = if Path::new(repo).exists() { absolute(repo) } else { repo.to_owned() };
        let git = Self { repo, place, until, limit, cancel };
        git.answer("init", &["--quiet", "--bare"], &[]).await?;
        Ok(git)
    }

    /// The commit that `reference` names in the repository; it is here then.
    pub(super) async fn commit(&self, reference: &str) -> Result<String, FetchError> {
        let missing = || FetchError::NoReference { reference: reference.to_owned(), repo: shown(&self.repo) };
        let is_hex = reference.chars().all(|c| c.is_ascii_hexdigit());
        // What has the form of a whole commit is one, whatever a branch is called.
        if is_hex && matches!(reference.len(), 40 | 64) {
            if self.fetch(&[reference]).await.is_ok() {
                return self.resolved("FETCH_HEAD").await?.ok_or_else(missing);
            }
            return self.of_all(reference).await?.ok_or_else(missing);
        }
        let listed = self.answer("ls-remote", &["--quiet"], &[&self.repo]).await?;
        let has = |name: &str| listed.lines().any(|line| line.split_once('\t').is_some_and(|(_, of)| of == name));
        let (branch, tag) = (format!("refs/heads/{reference}"), format!("refs/tags/{reference}"));
        let name = match (has(&branch), has(&tag)) {
            (true, true) => return Err(FetchError::Ambiguous(reference.to_owned())),
            (true, false) => branch,
            (false, true) => tag,
            (false, false) if has(reference) => reference.to_owned(),
            (false, false) if is_hex && reference.len() >= 7 => {
                return self.of_all(reference).await?.ok_or_else(missing);
            }
            (false, false) => return Err(missing()),
        };
        self.fetch(&[&name]).await?;
        self.resolved("FETCH_HEAD").await?.ok_or_else(missing)
    }

    /// A commit of any branch or tag.
    async fn of_all(&self, commit: &str) -> Result<Option<String>, FetchError> {
        let all = ["+refs/heads/*:refs/fetched/heads/*", "+refs/tags/*:refs/fetched/tags/*"];
        self.answer("fetch", &["--quiet", "--no-tags", "--no-recurse-submodules"], &[&self.repo, all[0], all[1]])
            .await?;
        self.resolved(commit).await
    }

    async fn fetch(&self, names: &[&str]) -> Result<(), FetchError> {
        let of = [&[self.repo.as_str()], names].concat();
        self.answer("fetch", &["--quiet", "--no-tags", "--no-recurse-submodules", "--depth=1"], &of).await.map(drop)
    }

    async fn resolved(&self, name: &str) -> Result<Option<String>, FetchError> {
        let args = ["--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")].map(str::to_owned);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let (ok, out, _) = self.run("rev-parse", &args, MOST_ANSWER).await?;
        let commit = String::from_utf8_lossy(&out).trim().to_owned();
        Ok((ok && !commit.is_empty()).then_some(commit))
    }

    /// What stands at a path of a commit.
    pub(super) async fn file(&self, commit: &str, path: &str) -> Result<Option<Entry>, FetchError> {
        let out = self.answer("ls-tree", &["-z", "--full-tree"], &[commit, path]).await?;
        let line = out.split('\0').find(|line| line.split_once('\t').is_some_and(|(_, at)| at == path));
        Ok(line.map(|line| {
            let mut parts = line.split(['\t', ' ']);
            match (parts.next(), parts.next(), parts.next()) {
                (Some("100644" | "100755"), Some("blob"), Some(object)) => Entry::File(object.to_owned()),
                _ => Entry::Other,
            }
        }))
    }

    /// The bytes of a file; `None` where there are more than `most`.
    pub(super) async fn blob(&self, object: &str, most: usize) -> Result<Option<Vec<u8>>, FetchError> {
        let (ok, out, said) = self.run("cat-file", &["blob", object], most + 1).await?;
        if out.len() > most {
            return Ok(None);
        }
        if ok { Ok(Some(out)) } else { Err(FetchError::Git { command: "cat-file", said }) }
    }

    /// What it says, with `names` behind the end of its options.
    async fn answer(&self, command: &'static str, options: &[&str], names: &[&str]) -> Result<String, FetchError> {
        let end: &[&str] = match names {
            [] => &[],
            // Of these alone `--` is about paths.
            _ if command == "ls-tree" => &["--end-of-options"],
            _ => &["--"],
        };
        let (ok, out, said) = self.run(command, &[options, end, names].concat(), MOST_ANSWER).await?;
        if ok { Ok(String::from_utf8_lossy(&out).into_owned()) } else { Err(FetchError::Git { command, said }) }
    }

    /// Whether it succeeded, what it wrote, and what it said of errors. It and all that it started are killed when time is up.
    async fn run(
        &self,
        command: &'static str,
        args: &[&str],
        most: usize,
    ) -> Result<(bool, Vec<u8>, String), FetchError> {
        let mut git = Command::new("git");
        git.arg("--no-pager").arg("--literal-pathspecs").arg(command).args(args).current_dir(self.place.path());
        for name in LOCAL {
            git.env_remove(name);
        }
        git.env("GIT_TERMINAL_PROMPT", "0").env("GIT_ALLOW_PROTOCOL", PROTOCOLS).env("LC_ALL", "C");
        if std::env::var_os("GIT_SSH_COMMAND").is_none() && std::env::var_os("GIT_SSH").is_none() {
            git.env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes");
        }
        git.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        let mut child = git.spawn().map_err(FetchError::NoGit)?;
        let mut group = Group(child.id());
        let work = finished(&mut child, most);
        let done = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(FetchError::Interrupted),
            done = timeout_at(self.until, work) => done.map_err(|_| FetchError::Late(self.limit))?,
        };
        let (ok, out, said) = done.map_err(FetchError::NoGit)?;
        // It has ended by itself, and been waited for.
        group.0 = None;
        Ok((ok, out, one_line(&said, &self.repo)))
    }
}

/// Kills a process and all of its group when it is dropped.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw) {
            // It may have ended.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

async fn finished(child: &mut Child, most: usize) -> std::io::Result<(bool, Vec<u8>, Vec<u8>)> {
    let (out, said) = (child.stdout.take(), child.stderr.take());
    let (out, said) = tokio::try_join!(bounded(out, most), bounded(said, MOST_SAID))?;
    Ok((child.wait().await?.success(), out, said))
}

/// The first bytes of a stream; the rest is read, and dropped.
async fn bounded(from: Option<impl AsyncRead + Unpin>, most: usize) -> std::io::Result<Vec<u8>> {
    let Some(mut from) = from else { return Ok(Vec::new()) };
    let (mut kept, mut chunk) = (Vec::new(), vec![0; 8 * 1024]);
    loop {
        let read = from.read(&mut chunk).await?;
        if read == 0 {
            return Ok(kept);
        }
        let room = most.saturating_sub(kept.len()).min(read);
        kept.extend_from_slice(&chunk[..room]);
    }
}

/// What it said, without the credentials that a URL may hold.
fn one_line(said: &[u8], repo: &str) -> String {
    let said = String::from_utf8_lossy(said).replace(repo, &shown(repo));
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    chaos_core::visible_line(&lines.join("; ")).into_owned()
}

/// A repository as it may be shown: without user and password of a URL.
pub(super) fn shown(repo: &str) -> String {
    let Some((scheme, rest)) = repo.split_once("://") else { return repo.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

fn absolute(path: &str) -> String {
    std::path::absolute(path).map_or_else(|_| path.to_owned(), |path| path.to_string_lossy().into_owned())
}
