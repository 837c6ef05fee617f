//! Where the control server listens, and whom it hears, as the environment has it. Each case is a process of its own.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    fs::{self, Permissions},
    io::{Read, Write},
    net::TcpStream,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, symlink},
        net::{UnixListener, UnixStream},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

use chaos_failpoints::ControlServer;

/// Set in the processes that the tests start.
const ALONE: &str = "FAILPOINTS_TEST_ALONE";
/// Some user who is not root; no entry for it is needed.
const SOMEBODY: u32 = 65_534;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("fp-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs one test of this file in a process of its own and returns what it told.
fn alone(program: &Path, test: &str, set: &[(&str, &Path)], user: Option<u32>) -> String {
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture"]).env(ALONE, "1");
    command.env_remove("XDG_RUNTIME_DIR").env_remove("FAILPOINTS_LISTEN").env_remove("FAILPOINTS_TOKEN");
    command.envs(set.iter().copied()).current_dir("/");
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines().find_map(|line| line.strip_prefix("told: ")).unwrap_or_else(|| panic!("{output:?}")).to_owned()
}

fn is_alone() -> bool {
    std::env::var_os(ALONE).is_some()
}

fn here(test: &str, set: &[(&str, &Path)]) -> String {
    alone(&std::env::current_exe().unwrap(), test, set, None)
}

fn get(stream: &mut (impl Read + Write), headers: &str) -> String {
    // A server that does not want this peer closes before it has read.
    let _ = stream.write_all(format!("GET / HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n").as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer.lines().next().unwrap_or("nothing").to_owned()
}

#[test]
fn on_means_a_socket_in_a_folder_of_this_user() {
    if is_alone() {
        match ControlServer::from_environment() {
            Ok(None) => println!("\ntold: nowhere"),
            Ok(Some(server)) => {
                let answer = match (server.path(), server.address()) {
                    (Some(path), None) => {
                        let modes = [path.parent().unwrap(), path].map(|path| fs::metadata(path).unwrap().mode());
                        let answer = get(&mut UnixStream::connect(path).unwrap(), "");
                        format!("{} {:o} {:o} {answer}", path.display(), modes[0] & 0o777, modes[1] & 0o777)
                    }
                    (None, Some(address)) => format!("tcp {}", get(&mut TcpStream::connect(address).unwrap(), "")),
                    _ => unreachable!(),
                };
                println!("\ntold: {}", answer.replace(&format!("/{}.sock", std::process::id()), "/PID.sock"));
            }
            Err(error) => println!("\ntold: {error}"),
        }
        return;
    }
    let test = "on_means_a_socket_in_a_folder_of_this_user";
    let folder = Folder::new("on");
    let top = folder.0.as_path();
    let told = |set: &[(&str, &Path)]| here(test, set);
    let on = ("FAILPOINTS_LISTEN", Path::new("on"));
    let (runtime, temporary) = (("XDG_RUNTIME_DIR", top), ("TMPDIR", top));
    assert_eq!(told(&[runtime]), "nowhere");
    let fine = "/PID.sock 700 600 HTTP/1.1 200 OK";
    assert_eq!(told(&[on, runtime]), format!("{}/failpoints{fine}", top.display()));
    let user = fs::metadata(top).unwrap().uid();
    let own = top.join(format!("failpoints-{user}"));
    for unusable in ["", "relative"] {
        let told = told(&[on, ("XDG_RUNTIME_DIR", Path::new(unusable)), temporary]);
        assert_eq!(told, format!("{}{fine}", own.display()));
    }
    assert_eq!(told(&[("FAILPOINTS_LISTEN", Path::new("127.0.0.1:0"))]), "tcp HTTP/1.1 200 OK");
    for wrong in ["", "yes", "0.0.0.0:0", "relative.sock"] {
        let told = told(&[("FAILPOINTS_LISTEN", Path::new(wrong))]);
        assert!(told.contains("cannot listen on") && told.contains("loopback address"), "{wrong}: {told}");
    }

    // A folder that others can enter, or a link to one, is not used.
    fs::set_permissions(&own, Permissions::from_mode(0o755)).unwrap();
    let refused = told(&[on, temporary]);
    assert!(refused.contains("not a folder of this user with mode 0700"), "{refused}");
    fs::remove_dir_all(&own).unwrap();
    symlink(top.join("failpoints"), &own).unwrap();
    let refused = told(&[on, temporary]);
    assert!(refused.contains("not a folder of this user with mode 0700"), "{refused}");
}

#[test]
fn a_socket_of_a_dead_program_is_replaced_and_nothing_else_is() {
    let folder = Folder::new("stale");
    let path = folder.0.join("a.sock");
    drop(UnixListener::bind(&path).unwrap());
    let server = ControlServer::unix(&path).unwrap();
    assert!(get(&mut UnixStream::connect(&path).unwrap(), "").contains("200"));
    let refused = ControlServer::unix(&path).unwrap_err().to_string();
    assert!(refused.contains("a program listens there"), "{refused}");
    assert!(get(&mut UnixStream::connect(&path).unwrap(), "").contains("200"), "the first still serves");
    drop(server);
    fs::write(&path, "mine").unwrap();
    let refused = ControlServer::unix(&path).unwrap_err().to_string();
    assert!(refused.contains("not a socket of this user"), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    fs::remove_file(&path).unwrap();
    symlink("nowhere", &path).unwrap();
    assert!(ControlServer::unix(&path).is_err());
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn the_token_of_the_environment_is_asked_for() {
    if is_alone() {
        match ControlServer::tcp("127.0.0.1:0".parse().unwrap()) {
            Ok(server) => {
                let ask = |headers| get(&mut TcpStream::connect(server.address().unwrap()).unwrap(), headers);
                println!("\ntold: {:?}", [ask(""), ask("authorization: Bearer t0ken\r\n")]);
            }
            Err(error) => println!("\ntold: {error}"),
        }
        return;
    }
    let told =
        |token: &str| here("the_token_of_the_environment_is_asked_for", &[("FAILPOINTS_TOKEN", Path::new(token))]);
    let both = told("t0ken");
    assert!(both.contains(" 401 ") && both.contains(" 200 ") && both.find("401") < both.find("200"), "{both}");
    for wrong in ["", "a b"] {
        let refused = told(wrong);
        assert!(refused.contains("the token must be printable ASCII"), "{refused}");
    }
}

#[test]
fn another_user_is_not_heard_even_where_the_mode_lets_it_connect() {
    if is_alone() {
        let mut stream = UnixStream::connect(std::env::var_os("SOCKET").unwrap()).unwrap();
        println!("\ntold: {}", get(&mut stream, ""));
        return;
    }
    let folder = Folder::new("peer");
    if fs::metadata(&folder.0).unwrap().uid() != 0 {
        eprintln!("skipped: needs root, to be another user");
        return;
    }
    let test = "another_user_is_not_heard_even_where_the_mode_lets_it_connect";
    fs::set_permissions(&folder.0, Permissions::from_mode(0o755)).unwrap();
    // Where another user can start it. Another program copies it: what other tests start meanwhile would hold a file
    // that we write, and then it can't be started.
    let program = folder.0.join("client");
    let mut copy = Command::new("cp");
    assert!(copy.arg("-p").arg(std::env::current_exe().unwrap()).arg(&program).status().unwrap().success());
    let path = folder.0.join("a.sock");
    let _server = ControlServer::unix(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
    let told = |user| alone(&program, test, &[("SOCKET", &path)], user);
    assert_eq!(told(None), "HTTP/1.1 200 OK");
    assert_eq!(told(Some(SOMEBODY)), "nothing");
}
