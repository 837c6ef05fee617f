//! One question to the world: its time limit, and the run's cancellation.

use std::net::{SocketAddr, UdpSocket};

use chaos_core::{RunContext, Seconds};

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Its time limit passed.
    Late,
    /// The run was cancelled.
    Cancelled,
}

/// How long a probe waits where its author does not say.
pub(crate) fn five_seconds() -> Seconds {
    Seconds::from(5)
}

/// Awaits real input or output for at most `limit`; virtual time is paused meanwhile.
pub(crate) async fn ask<F: Future + Send>(cx: &RunContext, limit: Seconds, question: F) -> Result<F::Output, Cut> {
    let _real = cx.clock().external();
    let answer = cx.clock().timeout(limit.get(), question);
    match cx.cancel_token().run_until_cancelled(answer).await {
        Some(Some(answer)) => Ok(answer),
        Some(None) => Err(Cut::Late),
        None => Err(Cut::Cancelled),
    }
}

/// Whether a connection failed for want of something of this machine's own (files, ports, permission), so that the
/// far side has not answered at all.
pub(crate) fn lacks_here(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let ours = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::ADDRNOTAVAIL,
        Errno::ACCESS,
        Errno::PERM,
        Errno::NOMEM,
        Errno::NOBUFS,
        Errno::AFNOSUPPORT,
    ];
    error.raw_os_error().is_some_and(|code| ours.iter().any(|errno| errno.raw_os_error() == code))
}

/// Addresses without the loopback ones that this machine does not have, as where IPv6 is switched off; all of them where
/// none is left. That one of these can't be asked says nothing of a service at the others.
pub(crate) fn present(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_missing = |at: &SocketAddr| at.ip().is_loopback() && UdpSocket::bind((at.ip(), 0)).is_err();
    let present: Vec<_> = addresses.iter().copied().filter(|at| !is_missing(at)).collect();
    if present.is_empty() { addresses } else { present }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_files_is_ours_and_a_refusal_is_theirs() {
        let rows = [(24, true), (99, true), (13, true), (111, false), (104, false), (113, false), (110, false)];
        for (code, ours) in rows {
            assert_eq!(lacks_here(&std::io::Error::from_raw_os_error(code)), ours, "{code}");
        }
    }
}
