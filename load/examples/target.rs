//! The built-in server on a port of loopback: `target PORT [DELAY_MS]`, until it is killed.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use chaos_load::target::{Behaviour, serve};

fn main() -> std::io::Result<()> {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u16>().unwrap_or(0));
    let port = numbers.next().unwrap_or(0);
    let delay = Duration::from_millis(u64::from(numbers.next().unwrap_or(0)));
    let target = serve(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), Behaviour::new().delay(delay))?;
    println!("{}", target.url());
    loop {
        std::thread::park();
    }
}
