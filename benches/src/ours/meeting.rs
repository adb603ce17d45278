//! Processes that wake each other: conditions, events and barriers.

use super::house;
use crate::contest::Burst;
use crate::failure::Failure;
use crate::pinning::Pinning;
use procession::{Barrier, Condition, Event, LockError};

/// Starts a helper that waits for a notification, gives one back, and so on. Whoever does not wait has the lock, so none is lost.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn condition(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let condition = Condition::new(&system).map_err(Failure::side)?;
    let ready = Event::new(&system).map_err(Failure::side)?;
    house::help(&system, notify_back, (condition.clone(), ready.clone()))?;
    // The helper has the lock when it says that it is ready, and releases it when it waits.
    ready.wait().map_err(Failure::side)?;
    let mut guard = condition.acquire().map_err(Failure::side)?;
    Ok(Box::new(move |turns: u64| {
        let _alive = &system;
        let mut turn = || {
            condition.notify(1)?;
            condition.wait(&mut guard)
        };
        (0..turns).try_for_each(|_| turn()).map_err(Failure::side)
    }))
}

fn notify_back(condition: Condition, ready: Event) {
    // An error in this means that the system ends.
    let _: Result<(), LockError> = (|| {
        let mut guard = condition.acquire()?;
        ready.set()?;
        loop {
            condition.wait(&mut guard)?;
            condition.notify(1)?;
        }
    })();
}

/// Starts a helper that waits for one event and sets another, and so on.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn event(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let there = Event::new(&system).map_err(Failure::side)?;
    let back = Event::new(&system).map_err(Failure::side)?;
    house::help(&system, set_back, (there.clone(), back.clone()))?;
    Ok(Box::new(move |turns: u64| {
        let _alive = &system;
        let turn = || {
            there.set()?;
            back.wait()?;
            back.clear()
        };
        (0..turns).try_for_each(|_| turn()).map_err(Failure::side)
    }))
}

fn set_back(there: Event, back: Event) {
    let turn = || {
        there.wait()?;
        there.clear()?;
        back.set()
    };
    // An error in this means that the system ends.
    while turn().is_ok() {}
}

/// Starts a helper that meets root at a barrier.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn barrier_of_2(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    barrier(pinning, 2)
}

/// Starts three helpers that meet root at a barrier.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn barrier_of_4(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    barrier(pinning, 4)
}

fn barrier(pinning: &Pinning, parties: u32) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let barrier = Barrier::new(&system, parties).map_err(Failure::side)?;
    (1..parties).try_for_each(|_| house::help(&system, meet, barrier.clone()))?;
    Ok(Box::new(move |passes: u64| {
        let _alive = &system;
        (0..passes).try_for_each(|_| barrier.wait().map(drop)).map_err(Failure::side)
    }))
}

fn meet(barrier: Barrier) {
    while barrier.wait().is_ok() {}
}
