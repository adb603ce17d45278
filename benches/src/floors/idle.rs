//! What bare clones of a small process cost while they sleep.

use crate::contest::Reading;
use crate::failure::Failure;
use crate::floors::zygote::{Spawned, Zygote, end};
use crate::pinning::Pinning;
use crate::usage::{Load, mean_memory_kib};
use std::time::Duration;

/// How many processes are looked at; the same on both sides, for they share pages.
pub const IDLE_PROCESSES: usize = 10;

/// How long each reading of the processor time waits.
pub const LOAD_WINDOW: Duration = Duration::from_millis(200);

/// Makes the floor of memory, in KiB per process.
///
/// The processes live only while they are looked at: those of the other side, which run the same executable, would share
/// their pages and make them look smaller.
///
/// # Errors
///
/// Never fails; a reading does if the processes cannot be started.
pub fn memory(pinning: &Pinning) -> Result<Box<dyn Reading>, Failure> {
    let pinning = *pinning;
    Ok(Box::new(move || {
        let sleepers = Sleepers::start(&pinning)?;
        let memory = mean_memory_kib(&sleepers.pids)?;
        sleepers.end()?;
        Ok(memory)
    }))
}

/// Starts the floor of processor time, in milliseconds per second and process.
///
/// # Errors
///
/// Fails if the processes cannot be started.
pub fn load(pinning: &Pinning) -> Result<Box<dyn Reading>, Failure> {
    let sleepers = Sleepers::start(pinning)?;
    Ok(Box::new(Use { load: Load::watch(sleepers.pids.clone())?, _sleepers: sleepers }))
}

struct Use {
    load: Load,
    _sleepers: Sleepers,
}

impl Reading for Use {
    fn read(&mut self) -> Result<f64, Failure> {
        self.load.after(LOAD_WINDOW)
    }
}

/// Processes that sleep while this lives.
struct Sleepers {
    pids: Vec<u32>,
    clones: Vec<Spawned>,
    _zygote: Zygote,
}

impl Sleepers {
    fn start(pinning: &Pinning) -> Result<Self, Failure> {
        let zygote = Zygote::start(pinning)?;
        let clones = (0..IDLE_PROCESSES).map(|_| zygote.spawn()).collect::<Result<Vec<_>, _>>()?;
        let pids = clones.iter().map(Spawned::first_answer).collect::<Result<Vec<_>, _>>()?;
        Ok(Sleepers { pids, clones, _zygote: zygote })
    }

    /// Ends the processes and waits until they are gone.
    fn end(mut self) -> Result<(), Failure> {
        end(&mut self.clones)
    }
}
