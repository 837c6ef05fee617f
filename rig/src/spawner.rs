//! Starts processes that end with ours, whatever ends it.

use std::io;
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::thread;

type Order = (Command, Sender<io::Result<Child>>);

/// A thread that starts processes.
///
/// The kernel kills them when the *thread* that started them ends (`PR_SET_PDEATHSIG`), and a test's thread ends with its test. This one
/// ends with the spawner, or with the process, by SIGKILL too.
#[derive(Debug)]
pub(crate) struct Spawner {
    orders: Sender<Order>,
}

impl Spawner {
    pub(crate) fn new() -> Self {
        let (orders, taken) = channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in taken {
                // Who ordered it waits for the answer.
                let _ = answer.send(command.env("KUBERIG_PARENT", std::process::id().to_string()).spawn());
            }
        });
        Self { orders }
    }

    /// Starts it; it must be `kuberig`, which asks for the signal.
    pub(crate) fn spawn(&self, command: Command) -> io::Result<Child> {
        let ended = || io::Error::other("the thread that starts processes has ended");
        let (answer, answered) = channel();
        self.orders.send((command, answer)).map_err(|_| ended())?;
        answered.recv().map_err(|_| ended())?
    }
}
