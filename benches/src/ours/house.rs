//! A system on the cores of a line.

use crate::failure::Failure;
use crate::link::Link;
use crate::pinning::Pinning;
use procession::{Data, Function, System, SystemBuilder};
use std::time::Duration;

/// Starts a system whose processes run where the line wants the floor's peers: actors have root's cores of this moment.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn start(pinning: &Pinning) -> Result<System, Failure> {
    start_as(System::builder(), pinning)
}

/// Starts a system with options of its own, in the same place.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn start_as(builder: SystemBuilder, pinning: &Pinning) -> Result<System, Failure> {
    let _held = pinning.hold_as_peer()?;
    builder.start().map_err(Failure::side)
}

/// Starts a system as [`start`] does, whose connections go by this, whatever the environment says.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn start_over(link: Link, pinning: &Pinning) -> Result<System, Failure> {
    start_as(System::builder().links(link.links()), pinning)
}

/// Starts a process that goes on with its work until the system ends.
pub(crate) fn help<F, Arguments, Shape>(system: &System, work: F, arguments: Arguments) -> Result<(), Failure>
where
    F: Function<Arguments, Shape, Output = ()>,
    Arguments: Data,
    Shape: 'static,
{
    // It waits for something that does not come any more when it is to stop, and has nothing to see to.
    system.process(work, arguments).daemon(true).stop_deadline(Duration::ZERO).start().map_err(Failure::side)?;
    Ok(())
}

/// Returns the process id of an actor that runs.
pub(crate) fn pid<A>(actor: &procession::ActorRef<A>) -> Result<u32, Failure> {
    let pid = actor.pid().map_err(Failure::side)?;
    let pid = pid.ok_or_else(|| Failure::Wrong("an actor does not run".to_string()))?;
    Ok(pid.unsigned_abs())
}
