//! Ports on loopback that are ours for as long as the rig is there.

use chaos_host::free_ports;

use crate::error::RigError;

/// The ports of one rig.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) etcd: u16,
    pub(crate) peer: u16,
    pub(crate) api: u16,
    pub(crate) kwok: u16,
}

impl Ports {
    /// Ports that are all free, chosen at random, since rigs of other processes choose at the same time. None of them is one that the
    /// kernel gives to clients: a part that is down for a while must find its own free again.
    pub(crate) fn free() -> Result<Self, RigError> {
        let ports: Vec<u16> = free_ports(4).map_err(RigError::Sockets)?.into_iter().map(Into::into).collect();
        match ports[..] {
            [etcd, peer, api, kwok] => Ok(Self { etcd, peer, api, kwok }),
            _ => Err(RigError::Ports),
        }
    }
}
