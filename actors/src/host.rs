//! An actor in its process, or on a thread of one that hosts several: from the entry to the actor's end.

use procession_runtime::{Arrived, Down, Ending, Entry, Letter, Process, Service, Tenant, TimerId};

use crate::mailbox::Claim;
use crate::{Actor, Context, Data, Delivery, Failure, payload};

/// What the process of an actor runs, for every type of actor: there is no registry.
pub(crate) trait Hosted {
    const ENTRY: &'static Entry;
}

impl<A: Actor> Hosted for A {
    const ENTRY: &'static Entry = &Entry::new::<A>(run::<A>);
}

/// What the process of an actor of this type runs.
pub(crate) fn entry<A: Actor>() -> &'static Entry {
    A::ENTRY
}

struct Host<A> {
    actor: A,
    context: Context<A>,
}

fn run<A: Actor>(process: &Process) -> Ending {
    crate::system::enter(process);
    // The main thread's messages are the actor's.
    let _claim = Claim::new(process.id().system);
    let mut context = Context::new(process.endpoint(), process.id());
    let started = arguments(process).and_then(|args| A::start(args, &mut context));
    let actor = match started {
        Ok(actor) => actor,
        Err(failure) => return Ending::Failed(failure.into_chain()),
    };
    process.started();
    if let Some(ending) = context.take_ending() {
        return crate::system::leave(ending);
    }
    crate::system::leave(process.serve(&mut Host { actor, context }))
}

/// Runs an actor on this thread; `started` is told once it has started.
pub(crate) fn run_tenant<A: Actor>(tenant: &Tenant, args: A::Args, started: impl FnOnce()) -> Ending {
    let _claim = Claim::new(tenant.id().system);
    let mut context = Context::new(tenant.endpoint(), tenant.id());
    let actor = match A::start(args, &mut context) {
        Ok(actor) => actor,
        Err(failure) => return Ending::Failed(failure.into_chain()),
    };
    started();
    if let Some(ending) = context.take_ending() {
        return ending;
    }
    tenant.serve(&mut Host { actor, context })
}

/// Reads what the process was given.
pub(crate) fn arguments<T: Data>(process: &Process) -> Result<T, Failure> {
    let arrived = Arrived::new(process.take_descriptors());
    let arguments = payload::open_anywhere::<T>(process.arguments(), &arrived);
    arguments.map_err(|error| Failure::from(error).context("the arguments cannot be read"))
}

impl<A: Actor> Service for Host<A> {
    fn letter(&mut self, letter: &mut Letter) -> Option<Ending> {
        if let Some(delivery) = Delivery::receive(letter) {
            self.actor.dispatch(delivery, &mut self.context);
        }
        self.context.take_ending()
    }

    fn down(&mut self, down: Down) -> Option<Ending> {
        self.actor.down(down, &mut self.context);
        self.context.take_ending()
    }

    fn timer(&mut self, timer: TimerId) -> Option<Ending> {
        let mut letter = self.context.due(timer)?;
        self.letter(&mut letter)
    }

    fn stopping(&mut self) {
        self.actor.stopping(&mut self.context);
    }
}
