//! One proxy of noxious, which is published as a library only: `noxious-peer LISTEN UPSTREAM [LATENCY]`, until it is killed.

use std::error::Error;

use noxious::proxy::{ProxyConfig, ProxyRunner, Runner, Toxics};
use noxious::signal::{Close, Stop};
use noxious::socket::TcpListener;
use noxious::toxic::{StreamDirection, Toxic, ToxicKind};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(listen), Some(upstream)) = (words.next(), words.next()) else {
        return Err("usage: noxious-peer LISTEN UPSTREAM [LATENCY]".into());
    };
    let mut toxics = Toxics::empty();
    if let Some(latency) = words.next() {
        toxics.downstream.push(Toxic {
            kind: ToxicKind::Latency { latency: latency.parse()?, jitter: 0 },
            name: "latency".to_owned(),
            toxicity: 1.0,
            direction: StreamDirection::Downstream,
        });
    }
    let config = ProxyConfig { name: "bench".to_owned(), listen, upstream, enabled: true, rand_seed: None };
    let (listener, proxy) = ProxyRunner::initialize_proxy::<TcpListener>(config, toxics).await?;
    let ((_events, receiver), (stop, _stopper), (_close, closer)) = (bmrng::channel(1), Stop::new(), Close::new());
    ProxyRunner::run_proxy(listener, proxy, receiver, stop, closer).await?;
    Ok(())
}
