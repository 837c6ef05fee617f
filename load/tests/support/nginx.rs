//! A real nginx with TLS: one port for everybody, one for clients with a certificate.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// A running nginx, killed at the end.
pub(crate) struct Nginx {
    child: Child,
    open: SocketAddr,
    mutual: SocketAddr,
    _folder: TempDir,
}

/// A certificate or key of the tests of the load engine.
pub(crate) fn pem(name: &str) -> PathBuf {
    // Its crate and the others that ask for it lie side by side.
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../load/tests/tls").join(name)
}

impl Nginx {
    /// Starts one; where there is no nginx it says so, and gives none.
    pub(crate) fn start() -> Option<Self> {
        let places = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&places).chain([PathBuf::from("/usr/sbin")]);
        let Some(binary) = folders.map(|folder| folder.join("nginx")).find(|path| path.is_file()) else {
            println!("skipped: needs nginx (system package nginx-light)");
            return None;
        };
        // It ends where another program has taken a port meanwhile.
        let started = (0..10).find_map(|_| Self::of(&binary));
        Some(started.expect("nginx does not listen"))
    }

    /// Starts one; gives none where it can't listen.
    fn of(binary: &Path) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let [open, mutual] = free_ports();
        let place = folder.path().display();
        let [cert, key, clients] =
            ["server.pem", "server.key", "client-ca.pem"].map(|name| pem(name).display().to_string());
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {place}/{name};\n"))
            .concat();
        // Whoever does not name `localhost` when shaking hands is turned away at the second port.
        let text = format!(
            "daemon off; master_process off; pid {place}/pid; error_log {place}/error.log;\n\
             events {{ worker_connections 64; }}\n\
             http {{\n access_log off;\n {temporary} ssl_certificate {cert}; ssl_certificate_key {key};\n\
             server {{ listen {open} ssl; location / {{ return 200 ok; }} }}\n\
             server {{ listen {mutual} ssl default_server; ssl_reject_handshake on; }}\n\
             server {{ listen {mutual} ssl; server_name localhost; ssl_verify_client on;\n\
             ssl_client_certificate {clients}; location / {{ return 200 ok; }} }}\n}}\n"
        );
        let config = folder.path().join("nginx.conf");
        fs::write(&config, text).unwrap();
        let mut command = Command::new(binary);
        command.arg("-p").arg(folder.path()).arg("-c").arg(&config).args(["-e", "stderr"]);
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        let mut nginx = Self { child, open, mutual, _folder: folder };
        // It listens some time after its start.
        while ![open, mutual].iter().all(|address| TcpStream::connect(address).is_ok()) {
            if nginx.child.try_wait().unwrap().is_some() {
                return None;
            }
            thread::park_timeout(Duration::from_millis(10));
        }
        Some(nginx)
    }

    /// The URL for everybody.
    pub(crate) fn open(&self) -> String {
        format!("https://localhost:{}/", self.open.port())
    }

    /// The URL for clients with a certificate.
    pub(crate) fn mutual(&self) -> String {
        format!("https://localhost:{}/", self.mutual.port())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two ports that nobody has: both are held until both are known.
fn free_ports() -> [SocketAddr; 2] {
    let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap())
}
