//! Shared data: a manager's list, values, and an array.

use super::house;
use crate::contest::Burst;
use crate::failure::Failure;
use crate::pinning::Pinning;
use procession::{Array, Home, Manager, System, Value};
use std::hint::black_box;

/// How many items an array has.
const ITEMS: usize = 100;

/// Makes a list that a manager has, to which root appends.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn list(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let manager = Manager::start(&system).map_err(Failure::side)?;
    let list = manager.list(Vec::<u64>::new()).map_err(Failure::side)?;
    Ok(Box::new(move |items: u64| {
        let _alive = (&system, &manager);
        list.clear().map_err(Failure::side)?;
        (0..items).try_for_each(|item| list.append(item)).map_err(Failure::side)
    }))
}

/// Makes a value, to which root adds.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn value(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let home = system.clone();
    adder(system, &home)
}

/// Makes a value, which root reads.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn value_read(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let value = Value::new(&system, 0_u64).map_err(Failure::side)?;
    Ok(Box::new(move |reads: u64| {
        let _alive = &system;
        (0..reads).try_for_each(|_| value.get().map(discard)).map_err(Failure::side)
    }))
}

/// Has a number be read though nobody uses it.
fn discard<T>(number: T) {
    black_box(number);
}

/// Makes an array, whose items root reads.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn array_read(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let array = Array::new(&system, vec![0_i64; ITEMS]).map_err(Failure::side)?;
    Ok(Box::new(move |reads: u64| {
        let _alive = &system;
        let read = |number: u64| array.get(number as usize % ITEMS).map(discard);
        (0..reads).try_for_each(read).map_err(Failure::side)
    }))
}

/// Makes an array, to whose items root adds.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn array(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let array = Array::new(&system, vec![0_i64; ITEMS]).map_err(Failure::side)?;
    Ok(Box::new(move |additions: u64| {
        let _alive = &system;
        let add = |addition: u64| array.fetch_add(addition as usize % ITEMS, 1).map(drop);
        (0..additions).try_for_each(add).map_err(Failure::side)
    }))
}

/// Makes a value that a manager has, to which root adds.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn manager_value(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let manager = Manager::start(&system).map_err(Failure::side)?;
    adder(system, &manager)
}

fn adder(system: System, home: &impl Home) -> Result<Box<dyn Burst>, Failure> {
    let value = Value::new(home, 0_u64).map_err(Failure::side)?;
    Ok(Box::new(move |additions: u64| {
        let _alive = &system;
        (0..additions).try_for_each(|_| value.fetch_add(1).map(drop)).map_err(Failure::side)
    }))
}
