//! Hosts: named once, resolved once, and pinned to the addresses that were allowed.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use super::host_port::HostPort;
use super::refusal::Refusal;
use super::rules::Policy;
use crate::BoxFuture;

/// Turns a name into addresses.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// The addresses of `host`, in the order in which to try them.
    fn resolve(&self, host: HostPort) -> BoxFuture<'_, std::io::Result<Vec<SocketAddr>>>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: HostPort) -> BoxFuture<'_, std::io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            let found = tokio::task::spawn_blocking(move || {
                use std::net::ToSocketAddrs;
                (host.host.as_str(), host.port).to_socket_addrs().map(Iterator::collect)
            });
            found.await.map_err(std::io::Error::other)?
        })
    }
}

/// The hosts of one run: each is resolved once and stays at the addresses that the policy allowed then.
#[derive(Debug, Clone)]
pub struct Hosts {
    resolver: Arc<dyn Resolve>,
    pinned: Arc<Mutex<HashMap<String, Vec<IpAddr>>>>,
}

impl Hosts {
    /// Hosts found through `resolver`.
    pub fn new(resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, pinned: Arc::default() }
    }

    /// The addresses of `host` that `policy` allows to be connected to; never empty.
    ///
    /// # Errors
    /// A [`Refusal`] that names the flag which would grant it, or says that the name does not resolve.
    pub async fn allowed(&self, host: &HostPort, policy: &Policy) -> Result<Vec<SocketAddr>, Refusal> {
        // A look-up is a packet too, and a name can carry data: a name that is not allowed is not looked up.
        policy.check_name(host)?;
        let mut addresses = self.addresses(host).await?;
        if host.is_localhost() && addresses.iter().any(|ip| policy.check_host(host, &[*ip]).is_ok()) {
            // The addresses of one machine: those that are allowed are enough.
            addresses.retain(|ip| policy.check_host(host, &[*ip]).is_ok());
        }
        policy.check_host(host, &addresses)?;
        Ok(addresses.into_iter().map(|ip| SocketAddr::new(ip, host.port)).collect())
    }

    async fn addresses(&self, host: &HostPort) -> Result<Vec<IpAddr>, Refusal> {
        if let Some(ip) = host.ip() {
            return Ok(vec![ip]);
        }
        if host.is_localhost() {
            return Ok(self.loopback(host.port).await);
        }
        if let Some(known) = self.lock().get(&host.host) {
            return Ok(known.clone());
        }
        let found = self.resolver.resolve(host.clone()).await;
        let found = found.map_err(|error| Refusal::new(format!("`{}` does not resolve: {error}", host.host), None))?;
        let addresses: Vec<IpAddr> = found.into_iter().map(|address| address.ip()).collect();
        if addresses.is_empty() {
            return Err(Refusal::new(format!("`{}` has no address", host.host), None));
        }
        // Two lookups at once may race; the first one to come back stays, so that nobody sees two answers.
        Ok(self.lock().entry(host.host.clone()).or_insert(addresses).clone())
    }

    /// The loopback addresses of this machine in the order in which to try them: those that the system gives for
    /// `localhost`, then `127.0.0.1` and `::1`, which many a system forgets. No name below it is looked up.
    async fn loopback(&self, port: u16) -> Vec<IpAddr> {
        let name = HostPort::new("localhost", port);
        if let Some(known) = self.lock().get(&name.host) {
            return known.clone();
        }
        let found = self.resolver.resolve(name.clone()).await.unwrap_or_default();
        let mut addresses = Vec::new();
        let always = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        for ip in found.into_iter().map(|address| address.ip()).filter(IpAddr::is_loopback).chain(always) {
            if !addresses.contains(&ip) {
                addresses.push(ip);
            }
        }
        self.lock().entry(name.host).or_insert(addresses).clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<IpAddr>>> {
        self.pinned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    /// Answers another address each time, as a rebinding name server does.
    #[derive(Debug, Default)]
    struct Rebinding(AtomicU8);

    impl Resolve for Rebinding {
        fn resolve(&self, host: HostPort) -> BoxFuture<'_, std::io::Result<Vec<SocketAddr>>> {
            let n = self.0.fetch_add(1, Ordering::SeqCst);
            let ip = if n == 0 { [127, 0, 0, 1] } else { [192, 0, 2, n] };
            Box::pin(async move { Ok(vec![SocketAddr::from((ip, host.port))]) })
        }
    }

    #[tokio::test]
    async fn a_name_stays_at_the_addresses_of_its_first_lookup() {
        let hosts = Hosts::new(Arc::new(Rebinding::default()));
        let host = HostPort::new("Target.Example.", 80);
        let mut policy = Policy::default();
        policy.allow_hosts.push("target.example".parse().unwrap());
        let first = hosts.allowed(&host, &policy).await.unwrap();
        let second = hosts.allowed(&HostPort::new("target.example", 80), &policy).await.unwrap();
        assert_eq!(first, second);
        assert_eq!(first, vec![SocketAddr::from(([127, 0, 0, 1], 80))]);
    }

    #[tokio::test]
    async fn a_name_that_is_not_allowed_is_not_even_looked_up() {
        let resolver = Arc::new(Rebinding::default());
        let hosts = Hosts::new(Arc::clone(&resolver) as Arc<dyn Resolve>);
        let refusal = hosts.allowed(&HostPort::new("secret.evil.example", 80), &Policy::default()).await.unwrap_err();
        assert_eq!(refusal.flag.as_deref(), Some("--allow-host secret.evil.example"));
        assert_eq!(resolver.0.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn localhost_is_loopback_whatever_the_resolver_says() {
        let hosts = Hosts::new(Arc::new(Rebinding(AtomicU8::new(7))));
        for name in ["localhost", "nginx.localhost"] {
            let found = hosts.allowed(&HostPort::new(name, 81), &Policy::default()).await.unwrap();
            assert_eq!(found, [SocketAddr::from(([127, 0, 0, 1], 81)), "[::1]:81".parse().unwrap()], "{name}");
        }
    }

    /// Knows `localhost` as a system does that prefers IPv6.
    #[derive(Debug)]
    struct SixFirst;

    impl Resolve for SixFirst {
        fn resolve(&self, host: HostPort) -> BoxFuture<'_, std::io::Result<Vec<SocketAddr>>> {
            assert_eq!(host.host, "localhost", "no other name is looked up");
            let loopback = ["::1", "127.0.0.1", "192.0.2.1"].map(|ip| SocketAddr::new(ip.parse().unwrap(), host.port));
            Box::pin(async move { Ok(loopback.to_vec()) })
        }
    }

    #[tokio::test]
    async fn localhost_is_every_loopback_address_in_the_order_of_the_system() {
        let hosts = Hosts::new(Arc::new(SixFirst));
        let host = HostPort::new("db.localhost", 81);
        let found = hosts.allowed(&host, &Policy::default()).await.unwrap();
        assert_eq!(found, ["[::1]:81".parse().unwrap(), SocketAddr::from(([127, 0, 0, 1], 81))]);
        let narrow = Policy::default().confined_to(vec!["127.0.0.1".parse().unwrap()]);
        assert_eq!(hosts.allowed(&host, &narrow).await.unwrap(), [SocketAddr::from(([127, 0, 0, 1], 81))]);
        let elsewhere = Policy::default().confined_to(vec!["192.0.2.7".parse().unwrap()]);
        hosts.allowed(&host, &elsewhere).await.unwrap_err();
    }
}
