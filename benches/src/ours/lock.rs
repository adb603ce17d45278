//! Locks and semaphores that nobody else wants.

use super::house;
use crate::contest::Burst;
use crate::failure::Failure;
use crate::pinning::Pinning;
use procession::{Lock, Semaphore};

/// Makes a lock, which root acquires and releases.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn lock(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let lock = Lock::new(&system).map_err(Failure::side)?;
    Ok(Box::new(move |turns: u64| {
        let _alive = &system;
        (0..turns).try_for_each(|_| lock.acquire()?.release()).map_err(Failure::side)
    }))
}

/// Makes a semaphore of one permit, which root acquires and releases.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn semaphore(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let semaphore = Semaphore::new(&system, 1).map_err(Failure::side)?;
    Ok(Box::new(move |turns: u64| {
        let _alive = &system;
        (0..turns).try_for_each(|_| semaphore.acquire()?.release()).map_err(Failure::side)
    }))
}
