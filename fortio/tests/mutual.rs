//! A client certificate, against a real nginx that demands one, through our command line and through a real fortio.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

#[path = "../../load/tests/support/nginx.rs"]
mod nginx;
#[path = "support/real_fortio.rs"]
mod real_fortio;

use std::path::Path;
use std::process::Command;

use chaos_fortio::{Interrupt, run_with};
use nginx::{Nginx, pem};
use real_fortio::fortio;
use serde_json::{Value, json};

fn words(flags: &str, url: &str) -> Vec<String> {
    let file = |name: &str| pem(name).display().to_string();
    let flags =
        flags.replace("CA", &file("ca.pem")).replace("CERT", &file("client.pem")).replace("KEY", &file("client.key"));
    format!("load -quiet -json - -n 4 -c 1 -qps 0 {flags} {url}").split(' ').map(str::to_owned).collect()
}

fn ours(words: &[String]) -> Value {
    let mut out = Vec::new();
    assert_eq!(run_with(words, &mut out, &mut Vec::new(), &Interrupt::new()), 0);
    serde_json::from_slice(&out).unwrap()
}

fn theirs(fortio: &Path, words: &[String]) -> Value {
    let ran = Command::new(fortio).args(words).output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

#[test]
fn a_client_certificate_opens_the_door_for_both_clients_and_for_fortio_alike() {
    let Some(nginx) = Nginx::start() else { return };
    let fortio = fortio();
    let rows = [
        ("-cacert CA -cert CERT -key KEY", json!({"200": 4})),
        ("-stdclient -cacert CA -cert CERT -key KEY", json!({"200": 4})),
        ("-mtls -cacert CA -cert CERT -key KEY", json!({"200": 4})),
        ("-k -cert CERT -key KEY", json!({"200": 4})),
        // nginx says so with a status of its own.
        ("-cacert CA", json!({"400": 4})),
        ("-mtls -cacert CA", json!({"400": 4})),
        ("-stdclient -cacert CA", json!({"400": 4})),
        // Our certificate does not make theirs trusted.
        ("-cert CERT -key KEY", json!({"-1": 4})),
    ];
    for (flags, codes) in rows {
        let words = words(flags, &nginx.mutual());
        let result = ours(&words);
        assert_eq!(result["RetCodes"], codes, "{flags}");
        let echoed = ["MTLS", "CACert", "Cert", "Key", "Insecure"];
        assert_eq!(result["MTLS"], flags.contains("-mtls"), "{flags}");
        let Some(fortio) = &fortio else { continue };
        let other = theirs(fortio, &words);
        assert_eq!(other["RetCodes"], codes, "fortio {flags}");
        for key in echoed {
            assert_eq!(result[key], other[key], "{flags}: {key}");
        }
    }
}

#[test]
fn the_host_of_the_url_is_named_when_shaking_hands_whatever_address_is_pinned() {
    let Some(nginx) = Nginx::start() else { return };
    let named = ours(&words("-cacert CA -cert CERT -key KEY -resolve 127.0.0.1", &nginx.mutual()));
    assert_eq!(named["RetCodes"], json!({"200": 4}));
    // An address is not a name, so nginx does not get `localhost` and refuses us.
    let bare = nginx.mutual().replace("localhost", "127.0.0.1");
    let unnamed = ours(&words("-cacert CA -cert CERT -key KEY", &bare));
    assert_eq!(unnamed["RetCodes"], json!({"-1": 4}));
    // The other port does not ask for a name.
    let open = ours(&words("-cacert CA", &nginx.open().replace("localhost", "127.0.0.1")));
    assert_eq!(open["RetCodes"], json!({"200": 4}));
}
