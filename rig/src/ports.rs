//! Ports on loopback that are ours for as long as the rig is there.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{Ipv4Addr, TcpListener};

use crate::error::RigError;

/// Below the ports that the kernel gives to clients (from 32768): a part that is down for a while must find its own free again.
const FIRST: u16 = 20_000;
/// So many blocks of ports there are.
const BLOCKS: u64 = 1_200;
/// Each rig has a block.
const BLOCK: u16 = 10;

/// The ports of one rig.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) etcd: u16,
    pub(crate) peer: u16,
    pub(crate) api: u16,
    pub(crate) kwok: u16,
}

impl Ports {
    /// A block whose ports are all free, chosen at random, since rigs of other processes choose at the same time.
    pub(crate) fn free() -> Result<Self, RigError> {
        let seed = RandomState::new().hash_one(std::process::id());
        let blocks = (0..BLOCKS).map(|n| (seed.wrapping_add(n * 7)) % BLOCKS);
        let firsts = blocks.filter_map(|block| u16::try_from(block).ok()).map(|block| FIRST + block * BLOCK);
        let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        let mut all = firsts.map(|first| Self { etcd: first, peer: first + 1, api: first + 2, kwok: first + 3 });
        all.find(|ports| [ports.etcd, ports.peer, ports.api, ports.kwok].into_iter().all(free)).ok_or(RigError::Ports)
    }
}
