//! `tell`: 64-byte messages without answers, from root and from inside a handler.

use super::counter::{Count, Counter, Note, verify};
use super::house;
use crate::contest::Burst;
use crate::failure::Failure;
use crate::link::Link;
use crate::pinning::Pinning;
use procession::prelude::*;
use std::time::Duration;

/// How long a burst may take.
const BURST_LIMIT: Duration = Duration::from_secs(30);

/// Has an actor tell a number of notes, and answer when they have all come.
#[message(reply = u64)]
struct TellNotes {
    count: u64,
}

/// Tells notes from inside a handler.
struct Teller {
    counter: ActorRef<Counter>,
}

#[actor]
impl Actor for Teller {
    type Args = ActorRef<Counter>;
    type Messages = (TellNotes,);

    fn start(counter: ActorRef<Counter>, _: &mut Context<Self>) -> Result<Self, procession::Failure> {
        Ok(Teller { counter })
    }
}

impl Handler<TellNotes> for Teller {
    fn handle(&mut self, order: Incoming<'_, TellNotes>, context: &mut Context<Self>) -> u64 {
        let told = (0..order.count.to_native()).try_for_each(|number| self.counter.tell(&Note::new(number)));
        if let Err(error) = told {
            context.fail(error);
            return 0;
        }
        self.counter.ask_within(&Count, BURST_LIMIT).unwrap_or_else(|error| {
            context.fail(error);
            0
        })
    }
}

/// Starts a counter that root tells one note after the other.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn from_root(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let counter = system.spawn::<Counter>(()).map_err(Failure::side)?;
    Ok(Box::new(move |notes: u64| {
        let _alive = &system;
        (0..notes).try_for_each(|number| counter.tell(&Note::new(number))).map_err(Failure::side)?;
        verify(notes, counter.ask_within(&Count, BURST_LIMIT).map_err(Failure::side)?)
    }))
}

/// Starts a counter that root tells all notes with one call.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn all_from_root(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let counter = system.spawn::<Counter>(()).map_err(Failure::side)?;
    Ok(Box::new(move |notes: u64| {
        let _alive = &system;
        counter.tell_all((0..notes).map(Note::new)).map_err(Failure::side)?;
        verify(notes, counter.ask_within(&Count, BURST_LIMIT).map_err(Failure::side)?)
    }))
}

/// Starts a counter, and an actor with the bench process's part that tells it notes from its handler, over connections of this kind.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn from_handler_over(link: Link, pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start_over(link, pinning)?;
    let counter = system.spawn::<Counter>(()).map_err(Failure::side)?;
    let teller = system.spawn::<Teller>(counter).map_err(Failure::side)?;
    pinning.place_beside(house::pid(&teller)?)?;
    Ok(Box::new(move |notes: u64| {
        let _alive = &system;
        verify(notes, teller.ask_within(&TellNotes { count: notes }, BURST_LIMIT).map_err(Failure::side)?)
    }))
}
