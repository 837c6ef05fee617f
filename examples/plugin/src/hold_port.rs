//! The fault `hold_port`: occupies a port so that no other process can listen on it.

use std::fs;
use std::net::TcpListener;
use std::num::NonZeroU16;

use chaos_core::schemars::JsonSchema;
use chaos_core::serde::{Deserialize, Serialize};
use chaos_core::{
    Evidence, Fault, InjectContext, Injection, Plan, PluginError, Resource, RunContext, Sighting, Span, Undo,
    register_fault,
};

/// Listens on a port of 127.0.0.1 and never answers.
///
/// # What it does
/// Binds the port and accepts nothing: clients connect, and wait.
///
/// # What it surfaces
/// Services that fail to start without a clear message, and clients without a timeout.
///
/// # How it is undone
/// The socket lives in this process and is closed; a crash closes it too, so no step is journalled.
///
/// # Limits
/// 127.0.0.1 only; a port that is taken already is refused.
///
/// # Example
/// ```yaml
/// type: hold_port
/// port: 18765
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(crate = "chaos_core::serde", deny_unknown_fields)]
#[schemars(crate = "chaos_core::schemars")]
pub struct HoldPort {
    /// The port.
    pub port: NonZeroU16,
}

impl Fault for HoldPort {
    const SPAN: Span = Span::Sustained;

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        let summary = format!("listen on 127.0.0.1:{}", self.port);
        Ok(Plan::new(summary).touching(Resource::other("tcp_listen", format!("127.0.0.1:{}", self.port))))
    }

    async fn inject(&self, _cx: &InjectContext, _undo: &Undo) -> Result<Injection, PluginError> {
        let listener = TcpListener::bind(("127.0.0.1", self.port.get()))
            .map_err(|error| PluginError::io("listen on the port", &error))?;
        Ok(Injection::in_force_while(listener))
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        match fs::read_to_string("/proc/self/net/tcp") {
            Ok(table) if listens(&table, self.port.get()) => {
                Sighting::present(Evidence::new(format!("the kernel lists a listener on 127.0.0.1:{}", self.port)))
            }
            Ok(_) => {
                Sighting::absent(Evidence::new(format!("the kernel lists no listener on 127.0.0.1:{}", self.port)))
            }
            Err(error) => Sighting::unknown(format!("`/proc/self/net/tcp`: {error}")),
        }
    }
}

/// Whether the kernel's table of TCP sockets (`proc_pid_net(5)`) has a listener (state 0A) on that port of 127.0.0.1.
fn listens(table: &str, port: u16) -> bool {
    let address = format!("{:08X}:{port:04X}", u32::from_ne_bytes([127, 0, 0, 1]));
    table.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some(&address) && fields.nth(1) == Some("0A")
    })
}

register_fault!(HoldPort, "hold_port");

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:BA26 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:BA27 0100007F:0050 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1";

    #[test]
    #[cfg(target_endian = "little")]
    fn only_a_listener_on_the_port_counts() {
        assert!(listens(TABLE, 0xBA26));
        assert!(!listens(TABLE, 0xBA27), "a connection is not a listener");
        assert!(!listens(TABLE, 0xBA28));
        assert!(!listens("", 0xBA26));
    }

    #[test]
    fn the_kernel_lists_what_is_bound() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(listens(&fs::read_to_string("/proc/self/net/tcp").unwrap(), port));
        drop(listener);
        assert!(!listens(&fs::read_to_string("/proc/self/net/tcp").unwrap(), port));
    }
}
