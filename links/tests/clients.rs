//! Clients that other people wrote for toxiproxy, against our control API: each makes, fills, changes, disables, resets and
//! breaks what it can, and sees on its own sockets what the links do.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

#[path = "support/installed.rs"]
mod installed;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use chaos_links::{ApiServer, Links};
use installed::{installed, program};

/// A server that answers with what it gets.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            std::thread::spawn(move || std::io::copy(&mut client.try_clone()?, &mut client));
        }
    });
    address
}

fn api() -> ApiServer {
    ApiServer::start(Arc::new(Links::start(1).unwrap()), "127.0.0.1:0".parse().unwrap()).unwrap()
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

/// Runs a client's script, which must say that it came to its end.
fn passes(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.ends_with("done\n"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn toxiproxy_node_client_works() {
    let modules = std::env::var_os("SQUALL_NODE_MODULES").map_or_else(|| installed("node/node_modules"), PathBuf::from);
    if !modules.join("toxiproxy-node-client/package.json").is_file() {
        println!("skipped: needs toxiproxy-node-client");
        return;
    }
    let api = api();
    let mut node = Command::new("node");
    node.arg(script("script.js")).arg(format!("http://{}", api.address())).arg(echo().to_string()).arg(modules);
    passes(&mut node);
}

#[test]
fn toxiproxy_python_and_chaostoolkit_toxiproxy_work() {
    let has_both = |python: &Path| {
        let mut import = Command::new(python);
        import.args(["-c", "import toxiproxy, chaostoxi"]).output().is_ok_and(|output| output.status.success())
    };
    let Some(python) = program("python3", "py/bin/python3", has_both) else {
        println!("skipped: needs toxiproxy-python and chaostoolkit-toxiproxy");
        return;
    };
    let api = api();
    let mut command = Command::new(&python);
    command.arg(script("script.py")).arg(api.address().ip().to_string()).arg(api.address().port().to_string());
    passes(command.arg(echo().to_string()));
}

#[test]
fn toxiproxy_rust_works() {
    let name = "toxiproxy-rust-client";
    let Some(client) = program(name, "clients/debug/toxiproxy-rust-client", |_| true) else {
        println!("skipped: needs toxiproxy_rust");
        return;
    };
    let api = api();
    passes(Command::new(client).args([api.address().to_string(), echo().to_string()]));
}
