//! `--until-stdin-closes`: whoever holds the other end of standard input decides how long a fault is held.

use std::io::{self, BufRead};

use chaos_runner::RunControl;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::console::say;
use super::failure::Failure;

/// Refuses a standard input that is at its end from the start: nothing would be held.
pub(crate) fn check_open() -> Result<(), Failure> {
    let ended = ended_already().map_err(|error| Failure::Usage(format!("standard input can't be read: {error}")))?;
    if ended {
        let why = "`--until-stdin-closes` needs an open standard input, such as a pipe; this one is at its end already";
        return Err(Failure::Usage(why.to_owned()));
    }
    Ok(())
}

fn ended_already() -> io::Result<bool> {
    let stdin = io::stdin();
    loop {
        let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
        poll(&mut ready, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
        if ready[0].revents().is_empty() {
            return Ok(false);
        }
        // What is written there means nothing; only its end does.
        let read = stdin.lock().fill_buf()?.len();
        if read == 0 {
            return Ok(true);
        }
        stdin.lock().consume(read);
    }
}

/// Releases everything when standard input closes, from a thread that ends with the process.
pub(crate) fn release_at_end(control: RunControl) -> Result<(), Failure> {
    let wait = move || {
        let mut stdin = io::stdin().lock();
        while let Ok(read @ 1..) = stdin.fill_buf().map(<[u8]>::len) {
            stdin.consume(read);
        }
        // Nodes that are held are let go, with what is in force on them.
        if !control.down() {
            control.release();
        }
        say("standard input closed: ending the hold, then undoing and reporting");
    };
    let thread = std::thread::Builder::new().name("squall-stdin".to_owned()).spawn(wait);
    thread.map(drop).map_err(|error| Failure::Internal(format!("no thread for standard input: {error}")))
}
