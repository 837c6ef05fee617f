//! The control server, spoken to as any HTTP client would.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    time::Duration,
};

use chaos_failpoints::{ControlServer, arm, fail_check, fail_error, fail_point};

fn server() -> (ControlServer, SocketAddr) {
    let server = ControlServer::tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = server.address().unwrap();
    (server, address)
}

/// Sends one request and returns status and body.
fn send(stream: &mut (impl Read + Write), method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let request =
        format!("{method} /{path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(!answer.to_lowercase().contains("access-control"), "no CORS: {answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
    send(&mut TcpStream::connect(address).unwrap(), method, path, headers, body)
}

fn gofail() -> Result<(), String> {
    fail_error!("control.gofail", |fired| fired.message());
    Ok(())
}

#[test]
fn the_endpoints_of_gofail_answer_as_gofail_does() {
    let (_server, address) = server();
    let ask = |method, path, body| ask(address, method, path, "", body);
    assert_eq!(ask("GET", "control.gofail", "").0, 404);
    assert_eq!(ask("GET", "control.gofail/count", "").0, 500);
    assert_eq!(ask("DELETE", "control.gofail", "").0, 400);
    assert_eq!(ask("PUT", "control.gofail", r#"2*return("abc")"#), (204, String::new()));
    assert_eq!([gofail(), gofail(), gofail()], [Err("abc".into()), Err("abc".into()), Ok(())]);
    assert_eq!(ask("GET", "control.gofail", ""), (200, "2*return(abc)\n".to_owned()));
    assert_eq!(ask("GET", "control.gofail/count", ""), (200, "2".to_owned()));
    let (status, all) = ask("GET", "", "");
    assert_eq!(status, 200);
    assert!(all.lines().any(|line| line == "control.gofail=2*return(abc)"), "{all}");
    assert!(all.lines().any(|line| line == "control.idle="), "{all}");
    assert_eq!(ask("DELETE", "control.gofail", "").0, 204);
    assert_eq!(gofail(), Ok(()));
    assert_eq!(ask("PUT", "failpoints", "control.gofail=return(1);control.idle=off").0, 204);
    assert_eq!(gofail(), Err("1".into()));
    assert_eq!(ask("POST", "control.gofail", "off").0, 405);
    assert_eq!(ask("OPTIONS", "control.gofail", "").0, 405);
    assert_eq!(ask("DELETE", "control.gofail", "").0, 204);
}

#[test]
fn what_is_wrong_is_said() {
    let (_server, address) = server();
    for (path, headers, body, status, part) in [
        ("control.idel", "", "off", 400, "did you mean `control.idle`?"),
        ("control.nobody", "", "retrun", 400, "did you mean `return`?"),
        ("control.nobody", "failpoint-lease: 0\r\n", "off", 400, "more than 0"),
        ("control.nobody", "failpoint-lease: 1e9\r\n", "off", 400, "up to 3600"),
        ("failpoints", "", "control.nobody=off;control.idle=ofd", 400, "unknown task `ofd`"),
        ("control.nobody/lease", "", "", 404, "is not armed"),
        ("control.nobody", "content-type: application/x-www-form-urlencoded\r\n", "rate=1", 400, "the fields are"),
    ] {
        let (got, text) = ask(address, "PUT", path, headers, body);
        assert!(got == status && text.contains(part), "{path} {body}: {got} {text}");
    }
    assert!(fail_check!("control.nobody").is_none());
    assert!(fail_check!("control.idle").is_none());
}

fn fields() -> bool {
    fail_check!("control.fields").is_some()
}

#[test]
fn a_form_holds_the_fields_of_a_rule() {
    let (_server, address) = server();
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let (status, text) = ask(address, "PUT", "control.fields", form, "max_failures=1&skip_first=1&error=no+more%21");
    assert_eq!(status, 204, "{text}");
    assert_eq!([fields(), fields(), fields()], [false, true, false]);
    assert_eq!(ask(address, "GET", "control.fields", "", "").1, "skip 1 1*return(no more!)\n");
    let (_, status) = ask(address, "GET", "control.fields/status", "", "");
    assert!(status.contains(r#""armed":true"#) && status.contains(r#""hits":3,"fires":1"#), "{status}");
    assert_eq!(ask(address, "DELETE", "control.fields", "", "").0, 204);
}

fn leased() -> bool {
    fail_check!("control.leased").is_some()
}

#[test]
fn a_lease_that_is_not_renewed_expires() {
    let (_server, address) = server();
    let (first, short) = ("failpoint-lease: 5\r\n", "failpoint-lease: 0.05\r\n");
    assert_eq!(ask(address, "PUT", "control.leased", first, "return").0, 204);
    let (status, _) = ask(address, "PUT", "control.leased/lease", "failpoint-lease: 3600\r\n", "");
    assert_eq!(status, 204);
    // The old lease has passed by now; the renewal counts.
    std::thread::park_timeout(Duration::from_millis(5100));
    assert!(leased());
    assert_eq!(ask(address, "PUT", "control.leased/lease", short, "").0, 204);
    while ask(address, "GET", "control.leased", "", "").0 == 200 {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    assert!(!leased(), "it has expired");
    assert_eq!(ask(address, "PUT", "control.leased/lease", short, "").0, 404);
}

#[test]
fn an_expired_lease_releases_paused_callers() {
    fn paused() {
        fail_point!("control.paused");
    }
    let (_server, address) = server();
    assert_eq!(ask(address, "PUT", "control.paused", "failpoint-lease: 0.1\r\n", "pause").0, 204);
    std::thread::spawn(paused).join().unwrap();
}

#[test]
fn a_pause_is_released_from_outside() {
    fn held() {
        fail_point!("control.held");
    }
    let (_server, address) = server();
    assert_eq!(ask(address, "PUT", "control.held", "", "pause").0, 204);
    let thread = std::thread::spawn(held);
    while !ask(address, "GET", "control.held/status", "", "").1.contains(r#""waiting":1"#) {
        std::thread::yield_now();
    }
    assert_eq!(ask(address, "PUT", "control.held/release", "", "1").0, 204);
    thread.join().unwrap();
    assert_eq!(ask(address, "DELETE", "control.held", "", "").0, 204);
}

#[test]
fn an_owner_is_not_overruled_by_another() {
    let (_server, address) = server();
    let (mine, other) = ("failpoint-owner: mine\r\n", "failpoint-owner: other\r\n");
    assert_eq!(ask(address, "PUT", "control.owned", mine, "off").0, 204);
    assert!(fail_check!("control.owned").is_none());
    for (method, path, headers) in [
        ("PUT", "control.owned", other),
        ("PUT", "control.owned", ""),
        ("PUT", "control.owned/lease", other),
        ("DELETE", "control.owned", other),
    ] {
        let (status, text) = ask(address, method, path, headers, "return");
        assert!(status == 409 && text.contains("armed by `mine`"), "{method} {path}: {status} {text}");
    }
    assert_eq!(ask(address, "PUT", "failpoints", other, "control.idle=off;control.owned=off").0, 409);
    assert_eq!(ask(address, "PUT", "control.owned", mine, "return").0, 204, "its own it may replace");
    assert_eq!(ask(address, "DELETE", "control.owned", "", "").0, 204, "anybody may disarm");
    let guard = arm("control.owned", "off").unwrap();
    for method in ["PUT", "DELETE"] {
        let (status, text) = ask(address, method, "control.owned", mine, "return");
        assert!(status == 409 && text.contains("armed by an unnamed client"), "{status} {text}");
    }
    assert!(guard.is_in_force());
    assert_eq!(ask(address, "PUT", "control.owned", "", "return").0, 204, "as gofail does");
    assert!(!guard.is_in_force());
    assert_eq!(ask(address, "DELETE", "control.owned", "", "").0, 204);
}

#[test]
fn only_loopback_is_listened_on() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let error = ControlServer::tcp(address.parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("not a loopback address"), "{error}");
    }
}

#[test]
fn a_unix_socket_is_for_its_user_alone_and_goes_with_the_server() {
    let path = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.sock", std::process::id()));
    let server = ControlServer::unix(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (status, all) = send(&mut UnixStream::connect(&path).unwrap(), "GET", "", "", "");
    assert!(status == 200 && all.contains("control.idle"), "{status} {all}");
    let taken = ControlServer::unix(&path).unwrap_err().to_string();
    assert!(taken.contains("cannot listen on"), "{taken}");
    drop(server);
    assert!(!path.exists());
}

/// Opens connections that send nothing, until the server has heard of all of them.
fn idle(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| TcpStream::connect(address).unwrap()).collect()
}

#[test]
fn idle_connections_cost_nobody_else_anything() {
    let (_server, address) = server();
    let mut silent = idle(address, 100);
    for stream in &mut silent[90..] {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: local").unwrap();
    }
    for _ in 0..40 {
        assert_eq!(ask(address, "GET", "", "", "").0, 200);
    }
    // The oldest were told so, and did not wait for a deadline of theirs.
    let mut answer = String::new();
    silent[0].read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
}

#[test]
fn one_client_who_stops_in_the_middle_of_a_body_blocks_no_other() {
    let (_server, address) = server();
    let mut slow = TcpStream::connect(address).unwrap();
    slow.write_all(b"PUT /control.unheard HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\no").unwrap();
    assert_eq!(ask(address, "GET", "", "", "").0, 200);
    slow.write_all(b"ff").unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    // Read to its end, and answered by the route: there is no such site.
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("control.unheard"), "{answer}");
}

#[test]
fn a_connection_is_closed_after_its_answer() {
    let (_server, address) = server();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: keep-alive\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("connection: close"), "{answer}");
}

#[test]
fn a_token_is_asked_for_on_every_path_and_never_told() {
    let token = "a-token-of-this-test";
    let server = ControlServer::tcp_with_token("127.0.0.1:0".parse().unwrap(), token).unwrap();
    let address = server.address().unwrap();
    for headers in ["", "authorization: Bearer wrong\r\n", "authorization: Basic a-token-of-this-test\r\n"] {
        for (method, path) in [("GET", ""), ("PUT", "control.idle"), ("DELETE", "control.idle"), ("POST", "")] {
            let (status, body) = ask(address, method, path, headers, "off");
            assert_eq!(status, 401, "{method} {path} {headers}");
            assert!(!body.contains(token), "{body}");
        }
    }
    let right = format!("authorization: Bearer {token}\r\n");
    assert_eq!(ask(address, "GET", "", &right, "").0, 200);
    assert!(!format!("{server:?}").contains(token));
    for wrong in ["", "a b", "a\nb", "é"] {
        assert!(ControlServer::tcp_with_token("127.0.0.1:0".parse().unwrap(), wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn what_a_page_can_send_without_asking_first_is_refused() {
    let (_server, address) = server();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let headers = format!("content-type: {kind}\r\n");
        assert_eq!(ask(address, "POST", "control.idle", &headers, "off").0, 405, "{kind}");
    }
}
