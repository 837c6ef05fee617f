//! What an undo step gets.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::{Clock, HostPort, Hosts, Policy, Refusal, RunServices, SystemResolver};

/// What an undo step gets: clock, deadline, environment, hosts and policy. It is never cancelled by the run.
#[derive(Debug, Clone)]
pub struct UndoContext {
    clock: Arc<dyn Clock>,
    deadline: Duration,
    env: Arc<HashMap<String, String>>,
    hosts: Hosts,
    policy: Arc<Policy>,
    services: RunServices,
}

impl UndoContext {
    /// A context on `clock` in which one attempt may take `deadline`: with an empty environment, the system's resolver
    /// and the default policy.
    pub fn new(clock: Arc<dyn Clock>, deadline: Duration) -> Self {
        let hosts = Hosts::new(Arc::new(SystemResolver));
        Self { clock, deadline, env: Arc::default(), hosts, policy: Arc::default(), services: RunServices::default() }
    }

    /// Sets the environment.
    #[must_use]
    pub fn with_env(mut self, env: Arc<HashMap<String, String>>) -> Self {
        self.env = env;
        self
    }

    /// Sets hosts that are resolved already, and the policy that allowed them.
    #[must_use]
    pub fn with_hosts(mut self, hosts: Hosts, policy: Arc<Policy>) -> Self {
        self.hosts = hosts;
        self.policy = policy;
        self
    }

    /// Sets the run services of the live run, so that a step reaches who owns it.
    #[must_use]
    pub fn with_services(mut self, services: RunServices) -> Self {
        self.services = services;
        self
    }

    /// What the plug-ins of the run show each other, such as its nodes; empty in a recovery.
    pub fn services(&self) -> &RunServices {
        &self.services
    }

    /// The clock to wait on.
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// How long one attempt may take; the engine gives up on it afterwards and tries again.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// An environment variable, such as one that names a secret.
    pub fn env(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str)
    }

    /// The policy of the run; the default one in a recovery.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The addresses of `host` that may be connected to.
    ///
    /// A step that knows its address already should use that one: a recovery has the default policy, and an effect must
    /// be undone whatever is allowed now.
    pub async fn allowed_addresses(&self, host: &HostPort) -> Result<Vec<SocketAddr>, Refusal> {
        let _real = self.clock.external();
        self.hosts.allowed(host, &self.policy).await
    }
}
