//! What actors cost that do nothing.

use super::house;
use super::spawn::{Sleeper, WhichProcess};
use crate::contest::Reading;
use crate::failure::Failure;
use crate::floors::idle::{IDLE_PROCESSES, LOAD_WINDOW};
use crate::pinning::Pinning;
use crate::usage::{Load, mean_memory_kib};
use procession::prelude::*;

/// Reads the memory of idle actors, in KiB for each; they live only while they are looked at, as the floor's processes do.
///
/// # Errors
///
/// Never fails; a reading does if the actors cannot be started.
pub fn memory(pinning: &Pinning) -> Result<Box<dyn Reading>, Failure> {
    let pinning = *pinning;
    Ok(Box::new(move || {
        let sleepers = Sleepers::start(&pinning)?;
        let memory = mean_memory_kib(&sleepers.pids)?;
        sleepers.system.shutdown().map_err(Failure::side)?;
        Ok(memory)
    }))
}

/// Starts idle actors, whose processor time is read, in milliseconds per second and actor.
///
/// # Errors
///
/// Fails if the actors cannot be started.
pub fn load(pinning: &Pinning) -> Result<Box<dyn Reading>, Failure> {
    let sleepers = Sleepers::start(pinning)?;
    let load = Load::watch(sleepers.pids.clone())?;
    Ok(Box::new(move || {
        let _alive = &sleepers;
        load.after(LOAD_WINDOW)
    }))
}

/// Actors that have answered once, and sleep while this lives.
struct Sleepers {
    pids: Vec<u32>,
    system: System,
}

impl Sleepers {
    fn start(pinning: &Pinning) -> Result<Self, Failure> {
        let system = house::start(pinning)?;
        let first_answer = |_| {
            let sleeper = system.spawn::<Sleeper>(()).map_err(Failure::side)?;
            sleeper.ask(&WhichProcess).map_err(Failure::side)
        };
        let pids = (0..IDLE_PROCESSES).map(first_answer).collect::<Result<Vec<_>, _>>()?;
        Ok(Sleepers { pids, system })
    }
}
