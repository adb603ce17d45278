//! Pipes: there and back, and one way.

use super::counter::verify;
use super::house;
use crate::contest::Burst;
use crate::failure::Failure;
use crate::pinning::Pinning;
use procession::{Connection, Pipe, Receiver};

/// Starts a helper that sends back what comes.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn round_trip(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let (end, other_end) = Pipe::duplex().map_err(Failure::side)?;
    house::help(&system, echo, other_end)?;
    Ok(Box::new(move |trips: u64| {
        let _alive = &system;
        (0..trips).try_for_each(|number| {
            end.send(&number).map_err(Failure::side)?;
            end.recv().map(drop).map_err(Failure::side)
        })
    }))
}

fn echo(end: Connection<u64>) {
    while end.recv().is_ok_and(|number| end.send(&number).is_ok()) {}
}

/// Starts a helper that takes as many numbers as it is told through another pipe, and says when it has them.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn one_way(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let (receiver, sender) = Pipe::one_way().map_err(Failure::side)?;
    let (orders, other_end) = Pipe::duplex().map_err(Failure::side)?;
    house::help(&system, consume, (receiver, other_end))?;
    Ok(Box::new(move |numbers: u64| {
        let _alive = &system;
        orders.send(&numbers).map_err(Failure::side)?;
        (0..numbers).try_for_each(|number| sender.send(&number)).map_err(Failure::side)?;
        verify(numbers, orders.recv().map_err(Failure::side)?)
    }))
}

fn consume(receiver: Receiver<u64>, orders: Connection<u64>) {
    while let Ok(count) = orders.recv() {
        let taken = receiver.iter().take(count as usize).map_while(Result::ok).count() as u64;
        if orders.send(&taken).is_err() {
            return;
        }
    }
}
