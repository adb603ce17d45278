//! Locks, semaphores and events that nobody waits for, and a lock that two want.

use super::house;
use crate::contest::Burst;
use crate::failure::Failure;
use crate::pinning::Pinning;
use procession::{Event, Lock, RLock, Semaphore};

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

/// Makes a reentrant lock, which root acquires and releases.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn rlock(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let lock = RLock::new(&system).map_err(Failure::side)?;
    Ok(Box::new(move |turns: u64| {
        let _alive = &system;
        (0..turns).try_for_each(|_| lock.acquire()?.release()).map_err(Failure::side)
    }))
}

/// Makes a lock, which root and a helper acquire and release.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn wanted(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let lock = Lock::new(&system).map_err(Failure::side)?;
    house::help(&system, want, lock.clone())?;
    Ok(Box::new(move |turns: u64| {
        let _alive = &system;
        (0..turns).try_for_each(|_| lock.acquire()?.release()).map_err(Failure::side)
    }))
}

fn want(lock: Lock) {
    while lock.acquire().and_then(|guard| guard.release()).is_ok() {}
}

/// Makes an event, which root looks at.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn event_read(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let event = Event::new(&system).map_err(Failure::side)?;
    Ok(Box::new(move |turns: u64| {
        let _alive = &system;
        (0..turns).try_for_each(|_| event.is_set().map(drop)).map_err(Failure::side)
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
