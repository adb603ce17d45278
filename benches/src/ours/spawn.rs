//! From `spawn` to the new actor's first answer.

use super::house;
use crate::contest::{Burst, Operation};
use crate::failure::Failure;
use crate::pinning::Pinning;
use procession::prelude::*;

/// Asks an actor which process it is.
#[message(reply = u32)]
pub(crate) struct WhichProcess;

/// Does nothing until it is asked.
pub(crate) struct Sleeper;

#[actor]
impl Actor for Sleeper {
    type Messages = (WhichProcess,);

    fn start(_: (), _: &mut Context<Self>) -> Result<Self, procession::Failure> {
        Ok(Sleeper)
    }
}

impl Handler<WhichProcess> for Sleeper {
    fn handle(&mut self, _: Incoming<'_, WhichProcess>, _: &mut Context<Self>) -> u32 {
        std::process::id()
    }
}

/// Starts a system that spawns one actor after the other, each of which is waited for.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn first_answer(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    Ok(Box::new(Spawner { actors: Vec::new(), system: house::start(pinning)? }))
}

/// Starts a system that spawns many actors at once.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn at_once(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    Ok(Box::new(Spawner { actors: Vec::new(), system: house::start(pinning)? }))
}

struct Spawner {
    actors: Vec<ActorRef<Sleeper>>,
    system: System,
}

impl Operation for Spawner {
    fn run(&mut self) -> Result<(), Failure> {
        let actor = self.system.spawn::<Sleeper>(()).map_err(Failure::side)?;
        actor.ask(&WhichProcess).map_err(Failure::side)?;
        self.actors.push(actor);
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Failure> {
        end(&mut self.actors)
    }
}

impl Burst for Spawner {
    fn run(&mut self, spawns: u64) -> Result<(), Failure> {
        for actor in self.system.spawn_all::<Sleeper>((0..spawns).map(|_| ())) {
            self.actors.push(actor.map_err(Failure::side)?);
        }
        let answers = self.actors.iter().map(|actor| actor.request(&WhichProcess)).collect::<Result<Vec<_>, _>>();
        for answer in answers.map_err(Failure::side)? {
            answer.wait().map_err(Failure::side)?;
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Failure> {
        end(&mut self.actors)
    }
}

/// Stops all actors and waits until they are gone.
pub(crate) fn end(actors: &mut Vec<ActorRef<Sleeper>>) -> Result<(), Failure> {
    let monitors = actors.iter().map(ActorRef::monitor).collect::<Result<Vec<_>, _>>().map_err(Failure::side)?;
    for actor in actors.drain(..) {
        actor.stop().map_err(Failure::side)?;
    }
    monitors.iter().try_for_each(|monitor| monitor.wait().map(drop)).map_err(Failure::side)
}
