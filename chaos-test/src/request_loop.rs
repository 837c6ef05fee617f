//! A finite fault that sends requests, and that can misbehave in every way the contract suite must catch.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::{fs, io, thread};

use chaos_core::{
    Evidence, Fault, InjectContext, Injection, Outcome, Plan, PluginError, RunContext, Seconds, Sighting, Span, Undo,
    register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::pause;
use crate::{Misbehave, RemoveFile};

/// In which way the fault misbehaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FiniteMisbehave {
    /// It does not.
    #[default]
    No,
    /// Its plan sends a request.
    RequestInPlan,
    /// Its requests go on for a time after its end.
    KeepsRequesting,
    /// A connection stays open after its end.
    KeepsConnection,
    /// A program runs on after its end.
    LeavesProgram,
    /// The file is made whether or not its step reached the journal.
    NoJournal,
    /// It runs on without a file when the step did not reach the journal.
    IgnoresJournal,
    /// The file is made, and its undo step claims success and leaves it.
    UndoLies,
    /// It ends without a request and claims success.
    NoEffect,
}

/// Sends requests to a service for a time; while it does, a file is there.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestLoop {
    /// The service, as `address:port`.
    pub address: SocketAddr,
    /// The file.
    pub file: PathBuf,
    /// For how long.
    pub seconds: Seconds,
    /// In which way it misbehaves.
    #[serde(default)]
    pub misbehave: FiniteMisbehave,
}

impl Fault for RequestLoop {
    const SPAN: Span = Span::Finite;

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        if self.misbehave == FiniteMisbehave::RequestInPlan {
            self.request()?;
        }
        Ok(Plan::new(format!("send requests to {}", self.address)).lasting(self.seconds.get()))
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        let lies = self.misbehave == FiniteMisbehave::UndoLies;
        let misbehave = if lies { Misbehave::UndoLies } else { Misbehave::No };
        let armed = undo.arm(RemoveFile { path: self.file.clone(), misbehave }).await;
        match (armed, self.misbehave) {
            (armed, FiniteMisbehave::NoJournal) => {
                self.make_file()?;
                drop(armed?);
            }
            (Err(_), FiniteMisbehave::IgnoresJournal) => {}
            (armed, _) => {
                let effect = armed?;
                self.make_file()?;
                drop(effect);
            }
        }
        self.misbehave_for_good(cx)?;
        if self.misbehave == FiniteMisbehave::NoEffect {
            return Ok(Injection::Finished(Outcome::missed("no request", Evidence::new("0 answers"))));
        }
        let end = cx.clock().now() + self.seconds.get();
        while cx.clock().now() < end {
            self.request()?;
            cx.active(Evidence::new("first answer"));
            if !cx.sleep(Duration::from_millis(20)).await {
                return Err(PluginError::Cancelled);
            }
        }
        Ok(Injection::Finished(Outcome::landed(Evidence::new("answers came"))))
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        Sighting::unknown("its evidence is in its outcome")
    }
}

impl RequestLoop {
    fn make_file(&self) -> Result<(), PluginError> {
        fs::write(&self.file, "").map_err(|error| PluginError::io("make the file", &error))
    }

    fn request(&self) -> Result<(), PluginError> {
        request(self.address).map(drop).map_err(|error| PluginError::io("send a request", &error))
    }

    fn misbehave_for_good(&self, cx: &RunContext) -> Result<(), PluginError> {
        let address = self.address;
        let failed = |error: io::Error| PluginError::io("misbehave", &error);
        match self.misbehave {
            FiniteMisbehave::KeepsRequesting => {
                let seconds = self.seconds.get();
                thread::spawn(move || {
                    pause(seconds);
                    (0..600).try_for_each(|_| {
                        pause(Duration::from_millis(10));
                        request(address).map(drop)
                    })
                });
            }
            FiniteMisbehave::KeepsConnection => {
                let kept = TcpStream::connect(address).map_err(failed)?;
                thread::spawn(move || {
                    pause(Duration::from_mins(1));
                    drop(kept);
                });
            }
            FiniteMisbehave::LeavesProgram => {
                let mut program = Command::new("sleep");
                let mut child = program.arg("10").env_clear().envs(cx.environment()).spawn().map_err(failed)?;
                thread::spawn(move || child.wait());
            }
            _ => {}
        }
        Ok(())
    }
}

/// Sends one request on a connection of its own.
fn request(address: SocketAddr) -> io::Result<usize> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")?;
    stream.read(&mut [0; 64])
}

register_fault!(RequestLoop, "test_request_loop");
