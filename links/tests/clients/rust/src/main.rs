//! `toxiproxy_rust` against a control API: `toxiproxy-rust-client API UPSTREAM`, where UPSTREAM echoes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use toxiproxy_rust::client::Client;
use toxiproxy_rust::proxy::{Proxy, ProxyPack};

const TEXT: &[u8] = b"0123456789";

/// What comes back through a link, or how the connection ended; and how long it took.
fn say(proxy: &Proxy) -> (Result<Vec<u8>, ErrorKind>, Duration) {
    let start = Instant::now();
    let back = || {
        let mut stream = TcpStream::connect(&proxy.proxy_pack.listen)?;
        stream.write_all(TEXT)?;
        stream.shutdown(Shutdown::Write)?;
        let mut back = Vec::new();
        stream.read_to_end(&mut back)?;
        Ok(back)
    };
    (back().map_err(|error: std::io::Error| error.kind()), start.elapsed())
}

fn pack(name: &str, listen: &str, upstream: &str) -> ProxyPack {
    ProxyPack::new(name.into(), listen.into(), upstream.into())
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (api, upstream) = (arguments.next().unwrap(), arguments.next().unwrap());
    let client = Client::new(&api);
    assert!(client.is_running());
    assert!(client.version().unwrap().contains("2."));
    let made =
        client.populate(vec![pack("rust", "127.0.0.1:0", &upstream), pack("other", "127.0.0.1:0", &upstream)]).unwrap();
    assert_eq!(made.len(), 2);
    let proxy = &made[0];
    assert_eq!(say(proxy).0.unwrap(), TEXT);

    for stream in ["upstream", "downstream"] {
        let down = || stream.to_owned();
        let kinds: [(&str, &dyn Fn()); 6] = [
            ("latency", &|| _ = proxy.with_latency(down(), 100, 0, 1.0)),
            ("bandwidth", &|| _ = proxy.with_bandwidth(down(), 1000, 1.0)),
            ("slow_close", &|| _ = proxy.with_slow_close(down(), 10, 1.0)),
            ("timeout", &|| _ = proxy.with_timeout(down(), 10, 1.0)),
            ("slicer", &|| _ = proxy.with_slicer(down(), 64, 32, 10, 1.0)),
            ("limit_data", &|| _ = proxy.with_limit_data(down(), 5, 1.0)),
        ];
        for (kind, add) in kinds {
            add();
            let toxics = proxy.toxics().unwrap();
            let (name, of) = (format!("{kind}_{stream}"), (&*toxics[0].name, &*toxics[0].r#type, &*toxics[0].stream));
            assert_eq!((toxics.len(), of), (1, (&*name, kind, stream)));
            let (back, took) = say(proxy);
            match kind {
                "latency" => assert!(back.unwrap() == TEXT && took >= Duration::from_millis(95), "{took:?}"),
                "timeout" => assert_eq!(back.unwrap(), b""),
                "limit_data" => assert!(TEXT[..5].starts_with(&back.unwrap())),
                _ => assert_eq!(back.unwrap(), TEXT, "{kind}"),
            }
            proxy.delete_all_toxics().unwrap();
            assert!(proxy.toxics().unwrap().is_empty());
        }
    }

    proxy.with_down(|| assert_eq!(say(proxy).0.unwrap_err(), ErrorKind::ConnectionRefused)).unwrap();
    assert_eq!(say(proxy).0.unwrap(), TEXT);
    proxy.with_timeout("downstream".into(), 0, 1.0);
    proxy.disable().unwrap();
    client.reset().unwrap();
    assert!(proxy.toxics().unwrap().is_empty());
    assert!(client.all().unwrap()["rust"].proxy_pack.enabled);
    assert_eq!(say(proxy).0.unwrap(), TEXT);
    let found = client.find_and_reset_proxy("rust").unwrap();
    assert_eq!(found.proxy_pack.upstream, upstream);
    assert!(client.find_proxy("absent").err().unwrap().starts_with("json deserialize failed"));
    // It tells no refusal by its status; what is there shows that there was one.
    assert!(client.populate(vec![pack("", "127.0.0.1:0", &upstream)]).is_err());
    for proxy in client.all().unwrap().into_values() {
        proxy.delete().unwrap();
    }
    assert!(client.all().unwrap().is_empty());
    println!("done");
}
