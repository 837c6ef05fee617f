//! Local repositories, made with `git`.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::*;

/// A repository with two commits: a tag on the first, the branch `main` on the second.
struct Repo {
    folder: TempDir,
    commits: [String; 2],
}

fn git(folder: &Path, args: &[&str]) -> String {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@t.test", "-c", "init.defaultBranch=main"];
    let mut git = Command::new("git");
    git.args(identity).args(args).current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null");
    let done = git.output().unwrap();
    assert!(done.status.success(), "{args:?}: {done:?}");
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

impl Repo {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let at = folder.path();
        git(at, &["init", "--quiet"]);
        fs::create_dir(at.join("scenarios")).unwrap();
        let mut commits = [String::new(), String::new()];
        for (index, text) in ["first: $A\n", "second: \u{fc}\r\n"].into_iter().enumerate() {
            fs::write(at.join("scenarios/release.yaml"), text).unwrap();
            fs::write(at.join("root.yaml"), "root: 1\n").unwrap();
            git(at, &["add", "--all"]);
            git(at, &["commit", "--quiet", "--message", text.trim()]);
            commits[index] = git(at, &["rev-parse", "HEAD"]);
            if index == 0 {
                git(at, &["tag", "--annotate", "v1", "--message", "v1"]);
            }
        }
        Self { folder, commits }
    }

    fn source(&self, reference: &str, scenario: &str) -> ScenarioSource {
        ScenarioSource {
            repo: self.folder.path().display().to_string(),
            reference: reference.to_owned(),
            scenario: scenario.to_owned(),
            folder: PathBuf::from("scenarios"),
        }
    }

    async fn fetched(&self, reference: &str, scenario: &str) -> Result<Fetched, FetchError> {
        fetch(&self.source(reference, scenario), &CancellationToken::new()).await
    }
}

#[tokio::test]
async fn branch_tag_and_commit_give_the_file_byte_for_byte_with_commit_and_hash() {
    let repo = Repo::new();
    let [first, second] = &repo.commits;
    let rows = [
        ("main", second, "second: \u{fc}\r\n"),
        ("refs/heads/main", second, "second: \u{fc}\r\n"),
        ("v1", first, "first: $A\n"),
        (first.as_str(), first, "first: $A\n"),
        (&first[..10], first, "first: $A\n"),
    ];
    for (reference, commit, text) in rows {
        let fetched = repo.fetched(reference, "release").await.unwrap();
        assert_eq!((&fetched.commit, fetched.text.as_str()), (commit, text), "{reference}");
        assert_eq!(fetched.path, "scenarios/release.yaml");
    }
    let root = repo.fetched("main", "root").await.unwrap();
    assert_eq!((root.path.as_str(), root.text.as_str()), ("root.yaml", "root: 1\n"));
    // As `sha256sum` says.
    assert_eq!(root.sha256, sha256sum(b"root: 1\n"));
}

/// The oracle is another program.
fn sha256sum(bytes: &[u8]) -> String {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("f"), bytes).unwrap();
    let out = Command::new("sha256sum").arg("f").current_dir(folder.path()).output().unwrap();
    String::from_utf8(out.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_url_is_fetched_like_a_path() {
    let repo = Repo::new();
    let mut source = repo.source("v1", "release");
    source.repo = format!("file://{}", repo.folder.path().display());
    let fetched = fetch(&source, &CancellationToken::new()).await.unwrap();
    assert_eq!(fetched.commit, repo.commits[0]);
}

#[tokio::test]
async fn what_is_missing_is_an_error_that_names_it() {
    let repo = Repo::new();
    let error = repo.fetched("absent", "release").await.unwrap_err();
    assert!(matches!(error, FetchError::NoReference { .. }), "{error}");
    let nowhere = "0123456789".repeat(4);
    let error = repo.fetched(&nowhere, "release").await.unwrap_err();
    assert!(matches!(error, FetchError::NoReference { .. }), "{error}");
    let error = repo.fetched("main", "absent").await.unwrap_err();
    assert!(matches!(error, FetchError::NoFile { .. }), "{error}");
    assert!(error.to_string().starts_with("no `scenarios/absent.yaml` at `"), "{error}");
    let mut source = repo.source("main", "release");
    source.repo = "/nowhere/at/all".into();
    let error = fetch(&source, &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, FetchError::Git { command: "ls-remote", .. }), "{error}");
}

#[tokio::test]
async fn a_name_that_means_two_things_is_refused() {
    let repo = Repo::new();
    git(repo.folder.path(), &["branch", "v1", "main"]);
    let error = repo.fetched("v1", "release").await.unwrap_err();
    assert!(matches!(error, FetchError::Ambiguous(_)), "{error}");
    assert_eq!(repo.fetched("refs/heads/v1", "release").await.unwrap().commit, repo.commits[1]);
}

#[tokio::test]
async fn a_link_a_folder_and_what_is_no_text_are_refused() {
    let repo = Repo::new();
    let at = repo.folder.path();
    std::os::unix::fs::symlink("/etc/passwd", at.join("scenarios/link.yaml")).unwrap();
    fs::create_dir(at.join("scenarios/folder.yaml")).unwrap();
    fs::write(at.join("scenarios/folder.yaml/f"), "").unwrap();
    fs::write(at.join("scenarios/bytes.yaml"), [0xff, 0xfe]).unwrap();
    fs::write(at.join("scenarios/long.yaml"), vec![b'a'; MOST_BYTES + 1]).unwrap();
    git(at, &["add", "--all"]);
    git(at, &["commit", "--quiet", "--message", "odd"]);
    for scenario in ["link", "folder", "bytes", "long"] {
        let error = repo.fetched("main", scenario).await.unwrap_err();
        assert!(matches!(error, FetchError::NotText { .. }), "{scenario}: {error}");
    }
}

#[tokio::test]
async fn no_name_is_read_as_an_option_or_as_a_command() {
    let repo = Repo::new();
    let made = repo.folder.path().join("made");
    let upload = format!("--upload-pack=touch {}", made.display());
    let helper = format!("ext::sh -c touch% {}", made.display());
    let rows: [(&str, &str, &str, &str); 7] = [
        (&upload, "main", "release", "scenarios"),
        (&helper, "main", "release", "scenarios"),
        ("", &upload, "release", "scenarios"),
        ("", "main", "-release", "scenarios"),
        ("", "main", "../release", "scenarios"),
        ("", "main", "release", "../scenarios"),
        ("", "main", "release", "/etc"),
    ];
    for (url, reference, scenario, folder) in rows {
        let mut source = repo.source(reference, scenario);
        source.folder = folder.into();
        if !url.is_empty() {
            source.repo = url.to_owned();
        }
        let error = fetch(&source, &CancellationToken::new()).await.unwrap_err();
        assert!(matches!(error, FetchError::Invalid { .. } | FetchError::Git { .. }), "{error}");
    }
    assert!(!made.exists(), "a command of a name was run");
    // A file may be called as an option is.
    fs::create_dir(repo.folder.path().join("-z")).unwrap();
    fs::write(repo.folder.path().join("-z/release.yaml"), "z: 1\n").unwrap();
    git(repo.folder.path(), &["add", "--all"]);
    git(repo.folder.path(), &["commit", "--quiet", "--message", "z"]);
    let mut source = repo.source("main", "release");
    source.folder = "-z".into();
    assert_eq!(fetch(&source, &CancellationToken::new()).await.unwrap().text, "z: 1\n");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_and_so_is_one_that_nobody_waits_for() {
    // It takes connections, and says nothing.
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let repo = Repo::new();
    let mut source = repo.source("main", "release");
    source.repo = format!("http://user:hidden@{}/repo.git", server.local_addr().unwrap());
    let error = fetch_within(&source, Duration::from_millis(300), &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, FetchError::Late(_)), "{error}");
    let cancel = CancellationToken::new();
    cancel.cancel();
    let error = fetch(&source, &cancel).await.unwrap_err();
    assert!(matches!(error, FetchError::Interrupted), "{error}");
}

#[test]
fn credentials_of_a_url_are_not_shown() {
    assert_eq!(git::shown("https://user:pass@host.test/a@b.git"), "https://host.test/a@b.git");
    assert_eq!(git::shown("git@host.test:a/b.git"), "git@host.test:a/b.git");
}
