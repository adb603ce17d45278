//! What a supervisor can have as a child.

use procession_runtime::{self as runtime, Kind, ProcessId, Restart};

use crate::builder::Plan;
use crate::{
    Actor, ActorBuilder, ActorRef, Child, Data, ProcessBuilder, SpawnError, Supervisor, SupervisorRef, TryChild,
    TryProcessBuilder,
};

/// What a supervisor can have as a child: the builder of an actor or of a process, or another [`Supervisor`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a supervisor's child",
    label = "neither a builder nor a supervisor",
    note = "pass what `System::actor`, `Context::actor`, `System::process` or `Supervisor::new` gives"
)]
pub trait Supervised: sealed::Sealed {
    /// The handle of the child once it has started.
    type Handle;

    #[doc(hidden)]
    fn unstarted(self, name: String, restart: Restart) -> Unstarted;

    #[doc(hidden)]
    fn handle(process: ProcessId) -> Self::Handle;
}

mod sealed {
    /// Keeps others from implementing [`Supervised`](super::Supervised).
    pub trait Sealed: Sized {}
}

/// A child that has not been started.
#[doc(hidden)]
#[derive(Debug)]
pub struct Unstarted {
    name: String,
    restart: Restart,
    what: What,
}

#[derive(Debug)]
enum What {
    Process(Box<Plan>),
    Supervisor(Box<Supervisor>),
}

impl Unstarted {
    fn process(name: String, restart: Restart, plan: Plan) -> Unstarted {
        Unstarted { name, restart, what: What::Process(Box::new(plan)) }
    }

    pub(crate) fn into_runtime(self) -> Result<runtime::Child, SpawnError> {
        let kind = match self.what {
            What::Process(plan) => Kind::Process(Box::new(plan.into_spawn()?)),
            What::Supervisor(supervisor) => Kind::Supervisor(Box::new(supervisor.into_runtime()?)),
        };
        Ok(runtime::Child { name: self.name, restart: self.restart, kind })
    }
}

/// The implementation for a builder with a field `plan`, whose handle is made of the address.
macro_rules! supervised_builder {
    () => {
        fn unstarted(self, name: String, restart: Restart) -> Unstarted {
            Unstarted::process(name, restart, self.plan)
        }

        fn handle(process: ProcessId) -> Self::Handle {
            Self::Handle::new(process)
        }
    };
}

impl<A: Actor> sealed::Sealed for ActorBuilder<A> {}
impl<A: Actor> Supervised for ActorBuilder<A> {
    type Handle = ActorRef<A>;
    supervised_builder!();
}

impl<T: Data> sealed::Sealed for ProcessBuilder<T> {}
impl<T: Data> Supervised for ProcessBuilder<T> {
    type Handle = Child<T>;
    supervised_builder!();
}

impl<T: Data, E: Data> sealed::Sealed for TryProcessBuilder<T, E> {}
impl<T: Data, E: Data> Supervised for TryProcessBuilder<T, E> {
    type Handle = TryChild<T, E>;
    supervised_builder!();
}

impl sealed::Sealed for Supervisor {}
impl Supervised for Supervisor {
    type Handle = SupervisorRef;

    fn unstarted(self, name: String, restart: Restart) -> Unstarted {
        Unstarted { name, restart, what: What::Supervisor(Box::new(self)) }
    }

    fn handle(process: ProcessId) -> SupervisorRef {
        SupervisorRef::new(process)
    }
}
