//! Fail points of this process, which a fault arms; the one part of Squall that the harness has, as a victim.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use chaos_failpoints::{ControlServer, fail_check};

use crate::flaw::{Flaw, FlawKind};

/// Names the sites once, and asks the one of an index whether it fires.
macro_rules! sites {
    ($($index:literal $name:literal),+) => {
        const NAMES: &[&str] = &[$($name),+];

        fn fires(index: usize) -> bool {
            match index {
                $($index => fail_check!($name).is_some(),)+
                _ => false,
            }
        }
    };
}

// One for each round that may run at a time.
sites!(
    0 "campaign.a", 1 "campaign.b", 2 "campaign.c", 3 "campaign.d", 4 "campaign.e", 5 "campaign.f", 6 "campaign.g",
    7 "campaign.h", 8 "campaign.i", 9 "campaign.j", 10 "campaign.k", 11 "campaign.l", 12 "campaign.m", 13 "campaign.n",
    14 "campaign.o", 15 "campaign.p"
);

/// The sites that rounds have.
static TAKEN: Mutex<[bool; NAMES.len()]> = Mutex::new([false; NAMES.len()]);

/// A fail point of a round's own, and the server by which it is armed; free for others when dropped.
#[derive(Debug)]
pub(crate) struct ArmedSite {
    index: usize,
    server: ControlServer,
}

impl ArmedSite {
    /// Takes one that no other round has.
    pub(crate) fn take() -> Result<Self, Flaw> {
        let setup = |what: String| Flaw::new(FlawKind::Setup, what);
        let server = ControlServer::tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let server = server.map_err(|error| setup(error.to_string()))?;
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let index = taken.iter().position(|taken| !taken);
        let index = index.ok_or_else(|| setup(format!("more than {} rounds have a fail point", NAMES.len())))?;
        taken[index] = true;
        Ok(Self { index, server })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        NAMES[self.index]
    }

    /// Where it is armed.
    pub(crate) fn url(&self) -> String {
        self.server.address().map(|address| format!("http://{address}")).unwrap_or_default()
    }

    /// Whether code that comes by it fails.
    pub(crate) fn fires(&self) -> bool {
        fires(self.index)
    }
}

impl Drop for ArmedSite {
    fn drop(&mut self) {
        // What a finding has left must not be found again by another round.
        if !self.fires() {
            TAKEN.lock().unwrap_or_else(PoisonError::into_inner)[self.index] = false;
        }
    }
}
