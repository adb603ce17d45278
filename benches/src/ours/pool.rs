//! A pool of two workers that square numbers.

use super::counter::verify;
use super::house;
use crate::contest::Burst;
use crate::failure::Failure;
use crate::pinning::Pinning;
use procession::{Pool, System};

/// As many as Python's pool has.
const WORKERS: usize = 2;

/// Starts a pool that chooses the size of its chunks.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn map(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let (system, pool) = start(pinning)?;
    Ok(Box::new(move |numbers: u64| {
        let _alive = &system;
        let squares = pool.map(square, 0..numbers).map_err(Failure::side)?;
        verify(numbers, squares.len() as u64)
    }))
}

/// Starts a pool that is told to make chunks of one.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn map_single(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let (system, pool) = start(pinning)?;
    Ok(Box::new(move |numbers: u64| {
        let _alive = &system;
        let squares = pool.tasks().chunk_size(1).map(square, 0..numbers).map_err(Failure::side)?;
        verify(numbers, squares.len() as u64)
    }))
}

/// Starts a pool that is given one task at a time.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn apply(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let (system, pool) = start(pinning)?;
    Ok(Box::new(move |tasks: u64| {
        let _alive = &system;
        (0..tasks).try_for_each(|number| pool.apply(square, number).map(drop)).map_err(Failure::side)
    }))
}

fn start(pinning: &Pinning) -> Result<(System, Pool), Failure> {
    let system = house::start(pinning)?;
    let pool = Pool::new(&system, WORKERS).map_err(Failure::side)?;
    Ok((system, pool))
}

fn square(number: u64) -> u64 {
    number * number
}
