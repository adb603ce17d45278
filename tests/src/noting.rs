//! A home that notes which process hosts.

use std::cell::Cell;

use procession::prelude::*;
use procession::{Restart, SpawnError};

/// Starts hosts in a system, and notes the process id of the last.
#[derive(Debug)]
pub struct Noting<'a> {
    system: &'a System,
    restart: Restart,
    pid: Cell<i32>,
}

impl Noting<'_> {
    /// Makes a home whose hosts are not restarted.
    pub fn of(system: &System) -> Noting<'_> {
        Noting { system, restart: Restart::Temporary, pid: Cell::new(0) }
    }

    /// Makes a home whose hosts are restarted, whatever their end.
    pub fn restarting(system: &System) -> Noting<'_> {
        Noting { restart: Restart::Permanent, ..Noting::of(system) }
    }

    /// The process id that the last host had when it was started.
    pub fn pid(&self) -> i32 {
        self.pid.get()
    }
}

impl Home for Noting<'_> {
    fn host<A: Actor>(&self, args: A::Args, name: &str) -> Result<ActorRef<A>, SpawnError> {
        let host = self.system.actor::<A>(args).name(name).restart(self.restart).start()?;
        self.pid.set(host.pid()?.unwrap_or_default());
        Ok(host)
    }
}
