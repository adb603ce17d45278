//! Actors in pairs that ask each other, with nothing or something to do for each answer.

use super::house;
use crate::contest::Burst;
use crate::failure::Failure;
use crate::pinning::Pinning;
use procession::Pending;
use procession::prelude::*;
use std::hint::black_box;
use std::time::Duration;

/// How long a burst may take.
const BURST_LIMIT: Duration = Duration::from_secs(60);

/// How many numbers are added up for each ask and for each answer where there is something to do: about 10 µs.
const SOMETHING: u32 = 20_000;

/// Asks for the answer to a number, which takes so many steps to find.
#[message(reply = u64)]
struct Find {
    number: u64,
    steps: u32,
}

/// Has an actor ask its partner so often, and answers when that is done.
#[message(reply = u64)]
struct Work {
    asks: u64,
    steps: u32,
}

/// Half of a pair.
struct Partner {
    other: Option<ActorRef<Partner>>,
}

#[actor]
impl Actor for Partner {
    type Args = Option<ActorRef<Partner>>;
    type Messages = (Find, Work);

    fn start(other: Option<ActorRef<Partner>>, _: &mut Context<Self>) -> Result<Self, procession::Failure> {
        Ok(Partner { other })
    }
}

impl Handler<Find> for Partner {
    fn handle(&mut self, find: Incoming<'_, Find>, _: &mut Context<Self>) -> u64 {
        think(find.steps.to_native());
        find.number.to_native()
    }
}

impl Handler<Work> for Partner {
    fn handle(&mut self, work: Incoming<'_, Work>, context: &mut Context<Self>) -> u64 {
        let steps = work.steps.to_native();
        let find = |number| {
            think(steps);
            self.other.as_ref().map(|other| other.ask_within(&Find { number, steps }, BURST_LIMIT)).transpose()
        };
        match (0..work.asks.to_native()).map(find).filter_map(Result::transpose).collect::<Result<Vec<u64>, _>>() {
            Ok(answers) => answers.len() as u64,
            Err(error) => {
                context.fail(error);
                0
            }
        }
    }
}

fn think(steps: u32) {
    black_box((0..steps).fold(0_u32, |sum, step| black_box(sum.wrapping_add(step))));
}

/// Starts so many actors, half of whom ask the other half, all at a time; whether that looks before it sleeps, and whether
/// there is something to do for each ask and answer, is said. A burst is a multiple of half of their number.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn pairs(actors: u64, works: bool, spins: bool, pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start_as(System::builder().spinning(spins), pinning)?;
    let steps = if works { SOMETHING } else { 0 };
    let start_pair = |_| {
        let other = system.spawn::<Partner>(None)?;
        system.spawn::<Partner>(Some(other))
    };
    let askers = (0..actors / 2).map(start_pair).collect::<Result<Vec<_>, _>>().map_err(Failure::side)?;
    Ok(Box::new(move |asks: u64| {
        let _alive = &system;
        let work = Work { asks: asks / askers.len() as u64, steps };
        let begun: Vec<Pending<Work>> =
            askers.iter().map(|asker| asker.request(&work)).collect::<Result<_, _>>().map_err(Failure::side)?;
        begun.into_iter().try_for_each(|done| match done.wait_within(BURST_LIMIT).map_err(Failure::side)? {
            asked if asked == work.asks => Ok(()),
            asked => Err(Failure::Wrong(format!("{asked} of {} asks were answered", work.asks))),
        })
    }))
}
