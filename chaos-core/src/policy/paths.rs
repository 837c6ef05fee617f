//! Which paths may be written: what a path really stands for, and which allowed root covers it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::allowed_dir::{AllowedDir, is_link};
use super::refusal::{Refusal, flag};

/// How many dangling links are followed, as the kernel's own limit has it.
const MAX_LINKS: usize = 40;

/// Where relative paths begin, and what is never allowed by default.
#[derive(Debug, Clone, Copy)]
pub struct PathBase<'a> {
    /// The workspace: allowed, unless it is `/` or holds the home directory.
    pub workspace: &'a Path,
    /// The user's home directory.
    pub home: Option<&'a Path>,
}

/// Why a directory was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenDirError {
    /// The policy does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is allowed, and the system does not open it.
    #[error("directory `{}` can't be opened: {source}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A path as the policy sees it: without symbolic links, below the root that covers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located {
    root: PathBuf,
    beneath: PathBuf,
}

impl Located {
    pub(super) fn open(&self) -> Result<AllowedDir, OpenDirError> {
        AllowedDir::open(&self.root, &self.beneath).map_err(|source| {
            let path = self.root.join(&self.beneath);
            if is_link(&source) {
                // It was none a moment ago, when the path was resolved.
                let what = format!("`{}` has become a symbolic link", path.display());
                return Refusal::new(what, None).into();
            }
            OpenDirError::Io { path, source }
        })
    }
}

/// The lists that decide about a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct PathRules<'a> {
    pub(super) allowed: &'a [PathBuf],
    pub(super) within: Option<&'a [PathBuf]>,
    pub(super) never_implied: &'a [PathBuf],
    pub(super) everywhere: bool,
}

impl PathRules<'_> {
    /// The root that covers `path`, or the refusal with the flag that would allow it.
    pub(super) fn locate(&self, path: &Path, base: PathBase<'_>) -> Result<Located, Refusal> {
        let unreadable =
            |error: io::Error| Refusal::new(format!("path `{}` can't be resolved: {error}", path.display()), None);
        let workspace = real_path(base.workspace).map_err(unreadable)?;
        let real = real_path(&workspace.join(path)).map_err(unreadable)?;
        let listed = |list: &[PathBuf]| -> Vec<PathBuf> {
            // A root that can't be resolved covers nothing.
            list.iter().filter_map(|root| real_path(&workspace.join(root)).ok()).collect()
        };
        let named = listed(self.allowed);
        let mut roots = named.clone();
        if implied(&workspace, base.home) {
            roots.push(workspace.clone());
        }
        if self.everywhere {
            roots.push(PathBuf::from("/"));
        }
        let protected = listed(self.never_implied).into_iter().find(|never| real.starts_with(never));
        if let Some(never) = &protected {
            roots = named.into_iter().filter(|root| root.starts_with(never)).collect();
        }
        let Some(root) = roots.into_iter().find(|root| real.starts_with(root)) else {
            let shown = real.display().to_string();
            let what = if workspace.join(path) == real {
                format!("path `{shown}` is not beneath an allowed path")
            } else {
                format!("path `{}` (`{shown}`) is not beneath an allowed path", path.display())
            };
            return Err(Refusal::new(what, Some(flag("--allow-path", &shown))));
        };
        let within = |list: &[PathBuf]| listed(list).iter().chain([&workspace]).any(|root| real.starts_with(root));
        if self.within.is_some_and(|list| !within(list)) {
            return Err(Refusal::by_document(&format!("path `{}`", real.display())));
        }
        let beneath = real.strip_prefix(&root).map(Path::to_owned).unwrap_or_default();
        Ok(Located { root, beneath })
    }
}

/// A workspace allows itself, unless it is so wide that it allows what nobody meant.
fn implied(workspace: &Path, home: Option<&Path>) -> bool {
    let home = home.and_then(|home| real_path(home).ok());
    workspace != Path::new("/") && home.is_none_or(|home| !home.starts_with(workspace))
}

/// The path without symbolic links and `..`; what does not exist yet is taken as it is written.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    let mut path = std::path::absolute(path)?;
    let mut links = 0;
    'again: loop {
        let mut tail: VecDeque<OsString> = VecDeque::new();
        let mut head = path.clone();
        loop {
            match head.canonicalize() {
                Ok(real) => return Ok(normal(&real, &tail)),
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Err(error) => {
                    if let Ok(target) = head.read_link() {
                        // A dangling link: writing through it would make what it points at.
                        links += 1;
                        if links > MAX_LINKS {
                            return Err(error);
                        }
                        let parent = head.parent().unwrap_or(Path::new("/"));
                        path = parent.join(target).join(tail.iter().collect::<PathBuf>());
                        continue 'again;
                    }
                    let last = head.components().next_back().map(|part| part.as_os_str().to_owned());
                    tail.push_front(last.ok_or(error)?);
                    head = parent_of(&head);
                }
            }
        }
    }
}

/// The path without its last component, which may be `..`.
fn parent_of(path: &Path) -> PathBuf {
    let mut parts: Vec<Component<'_>> = path.components().collect();
    parts.pop();
    parts.iter().collect()
}

/// `real` and a tail that does not exist, whose `..` are therefore not behind a link.
fn normal(real: &Path, tail: &VecDeque<OsString>) -> PathBuf {
    let mut path = real.to_owned();
    for part in tail {
        if part == ".." {
            path.pop();
        } else {
            path.push(part);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::super::permission::Permission;
    use super::super::request::PolicyRequest;
    use super::super::rules::Policy;
    use super::*;

    /// `ws/dir`, `ws/link` to `out`, `ws/dangling` to `out/new`, `ws/inner` to `ws/dir`, `ws/state`, `out/dir`.
    fn tree() -> (tempfile::TempDir, PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        for dir in ["ws/dir", "ws/state/journals", "out/dir", "home/work"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        symlink(root.join("out"), root.join("ws/link")).unwrap();
        symlink(root.join("out/new"), root.join("ws/dangling")).unwrap();
        symlink("dir", root.join("ws/inner")).unwrap();
        (temp, root)
    }

    #[test]
    fn only_the_workspace_is_allowed_and_a_refusal_names_a_flag_that_works() {
        let (_temp, root) = tree();
        let (ws, home) = (root.join("ws"), root.join("home"));
        let base = PathBase { workspace: &ws, home: Some(&home) };
        let policy = Policy::default().never_implying(ws.join("state"));
        let at = |path: &str| root.join(path).display().to_string();
        let rows: Vec<(String, Option<String>)> = vec![
            (".".into(), None),
            ("dir".into(), None),
            ("dir/not/there".into(), None),
            (at("ws/dir"), None),
            ("dir/../dir".into(), None),
            ("inner".into(), None),
            ("../out".into(), Some(at("out"))),
            ("dir/../../out/dir".into(), Some(at("out/dir"))),
            ("not/there/../../../out".into(), Some(at("out"))),
            ("link".into(), Some(at("out"))),
            ("link/dir".into(), Some(at("out/dir"))),
            ("link/not/there".into(), Some(at("out/not/there"))),
            ("dangling".into(), Some(at("out/new"))),
            ("dangling/deeper".into(), Some(at("out/new/deeper"))),
            (at("out"), Some(at("out"))),
            (at("ws2"), Some(at("ws2"))),
            (at("home"), Some(at("home"))),
            ("/".into(), Some("/".into())),
            ("state".into(), Some(at("ws/state"))),
            ("state/journals".into(), Some(at("ws/state/journals"))),
        ];
        for (path, refused) in rows {
            let checked = policy.check_path(Path::new(&path), base);
            let flag = checked.as_ref().err().map(|refusal| refusal.flag.clone().unwrap());
            assert_eq!(flag, refused.as_ref().map(|path| format!("--allow-path {path}")), "{path}");
            if let Some(named) = refused {
                let mut granted = policy.clone();
                granted.allow_paths.push(named.into());
                assert_eq!(granted.check_path(Path::new(&path), base), Ok(()), "{path} with its flag");
            }
        }
    }

    #[test]
    fn root_and_home_are_never_implied_and_the_state_directory_must_be_named_itself() {
        let (_temp, root) = tree();
        let (home, work) = (root.join("home"), root.join("home/work"));
        let rows = [
            ("/", "/srv", false),
            (home.to_str().unwrap(), "work", false),
            (root.to_str().unwrap(), "out", false),
            (work.to_str().unwrap(), "sub", true),
        ];
        for (workspace, path, allowed) in rows {
            let base = PathBase { workspace: Path::new(workspace), home: Some(&home) };
            let checked = Policy::default().check_path(Path::new(path), base);
            assert_eq!(checked.is_ok(), allowed, "`{path}` in `{workspace}`");
        }
        let base = PathBase { workspace: &work, home: Some(&home) };
        let state = root.join("ws/state");
        let mut policy = Policy::default().never_implying(&state);
        policy.allow_paths.push("/".into());
        policy.permissions.push(Permission::OutsidePaths);
        assert_eq!(policy.check_path(&root.join("out"), base), Ok(()));
        assert!(policy.check_path(&state.join("journals"), base).is_err());
        policy.allow_paths.push(state.clone());
        assert_eq!(policy.check_path(&state.join("journals"), base), Ok(()));
    }

    #[test]
    fn a_document_narrows_paths_and_the_permission_opens_all() {
        let (_temp, root) = tree();
        let ws = root.join("ws");
        let base = PathBase { workspace: &ws, home: None };
        let out = root.join("out");
        let mut policy = Policy::default();
        policy.allow_paths.push(out.clone());
        let none = PolicyRequest { allow_paths: Some(Vec::new()), ..PolicyRequest::default() };
        let refusal = policy.narrowed(&none).check_path(&out, base).unwrap_err();
        assert!(refusal.flag.is_none() && refusal.what.contains("file's own policy"), "{refusal}");
        assert_eq!(policy.narrowed(&none).check_path(Path::new("dir"), base), Ok(()));
        let asks = PolicyRequest { allow_paths: Some(vec!["../out".into()]), ..PolicyRequest::default() };
        assert!(Policy::default().narrowed(&asks).check_path(&out, base).is_err());
        assert_eq!(Policy::default().accepting(&asks).check_path(&out, base), Ok(()));
        let mut policy = Policy::default();
        policy.permissions.push(Permission::OutsidePaths);
        assert_eq!(policy.check_path(&out, base), Ok(()));
    }

    #[test]
    fn a_directory_is_opened_beneath_its_root_and_by_what_it_is() {
        let (_temp, root) = tree();
        let ws = root.join("ws");
        let base = PathBase { workspace: &ws, home: None };
        let open = |path: &str| Policy::default().open_dir(Path::new(path), base);
        assert_eq!(open("inner").unwrap().path(), ws.join("dir"));
        let error = open("link").unwrap_err().to_string();
        assert!(error.ends_with(&format!("; `--allow-path {}` would allow it", root.join("out").display())), "{error}");
        assert!(matches!(open("dir/not/there"), Err(OpenDirError::Io { .. })));
        // Planted after the path was resolved.
        let located = Located { root: ws.clone(), beneath: "link/dir".into() };
        let error = located.open().unwrap_err().to_string();
        assert!(error.contains("has become a symbolic link"), "{error}");
    }
}
