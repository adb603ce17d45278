//! A system on the cores of a line.

use crate::failure::Failure;
use crate::pinning::Pinning;
use procession::System;

/// Starts a system whose processes run where the line wants the floor's peers: actors have root's cores of this moment.
pub(crate) fn start(pinning: &Pinning) -> Result<System, Failure> {
    let _held = pinning.hold_as_peer()?;
    System::start().map_err(Failure::side)
}

/// Returns the process id of an actor that runs.
pub(crate) fn pid<A>(actor: &procession::ActorRef<A>) -> Result<u32, Failure> {
    let pid = actor.pid().map_err(Failure::side)?;
    let pid = pid.ok_or_else(|| Failure::Wrong("an actor does not run".to_string()))?;
    Ok(pid.unsigned_abs())
}
