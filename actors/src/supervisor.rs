//! Supervisors to be, in OTP's words.

use std::time::Duration;

use procession_runtime::{self as runtime, Endpoint, Intensity, Restart, Strategy};

use crate::supervised::{Supervised, Unstarted};
use crate::{Context, SpawnError, SupervisorRef, System};

/// A supervisor to be: it starts its children left to right, restarts those that fail, and stops them right to left.
///
/// It is no process of its own: the system's supervisor process follows its rules, so children are restarted whatever
/// user code does. A child is an [`ActorBuilder`](crate::ActorBuilder), a process's builder, or another `Supervisor`;
/// the restart rule in a builder's own options is not regarded. A restarted child has the same arguments and the same
/// address.
///
/// If more than [`intensity`](Supervisor::intensity) allows have to be restarted, the supervisor gives up: it stops all
/// its children and fails, which is a failure of a child for the supervisor above it. It ends with whoever started it.
///
/// # Example
/// ```no_run
/// use std::time::Duration;
/// use procession::prelude::*;
/// use procession::{Restart, Strategy};
///
/// # struct Reader;
/// # #[actor] impl Actor for Reader {
/// #   fn start(_: (), _: &mut Context<Self>) -> Result<Self, Failure> { Ok(Reader) }
/// # }
/// # fn main() -> procession::Result<()> {
/// let system = System::start()?;
/// let supervisor = Supervisor::new(Strategy::OneForOne)
///     .intensity(3, Duration::from_secs(5))
///     .child("reader", Restart::Permanent, system.actor::<Reader>(()))
///     .start(&system)?;
/// let reader = supervisor.child::<Reader>("reader")?;
/// # drop(reader); Ok(()) }
/// ```
#[must_use = "nothing is started before `start`"]
#[derive(Debug)]
pub struct Supervisor {
    name: Option<String>,
    strategy: Strategy,
    intensity: Intensity,
    children: Vec<Unstarted>,
}

impl Supervisor {
    /// Makes a supervisor without children. At most one restart in 5 s is in order, if nothing else is said.
    pub fn new(strategy: Strategy) -> Supervisor {
        Supervisor { name: None, strategy, intensity: Intensity::default(), children: Vec::new() }
    }

    /// Names it, for logs.
    pub fn name(mut self, name: impl Into<String>) -> Supervisor {
        self.name = Some(name.into());
        self
    }

    /// Says how many restarts within any `period` are in order; with one more, the supervisor gives up.
    pub fn intensity(mut self, restarts: u32, period: Duration) -> Supervisor {
        self.intensity = Intensity { restarts, period };
        self
    }

    /// Adds a child at the right. Its name is its own among its siblings.
    pub fn child(mut self, name: impl Into<String>, restart: Restart, child: impl Supervised) -> Supervisor {
        self.children.push(child.unstarted(name.into(), restart));
        self
    }

    /// Starts it and waits until all its children have started, one after the other.
    ///
    /// Inside an actor, [`Context::supervise`] makes it end with the actor.
    ///
    /// # Errors
    /// [`SpawnError`] of the first child that did not start; nothing is left then.
    pub fn start(self, system: &System) -> Result<SupervisorRef, SpawnError> {
        self.start_in(system.id())
    }

    pub(crate) fn start_in(self, system: u64) -> Result<SupervisorRef, SpawnError> {
        let spec = self.into_runtime()?;
        Ok(SupervisorRef::new(Endpoint::of(system)?.supervise(spec)?))
    }

    pub(crate) fn into_runtime(self) -> Result<runtime::Supervisor, SpawnError> {
        let children = self.children.into_iter().map(Unstarted::into_runtime).collect::<Result<_, _>>()?;
        let Supervisor { name, strategy, intensity, .. } = self;
        Ok(runtime::Supervisor { name, strategy, intensity, children })
    }
}

impl<A> Context<A> {
    /// Starts a supervisor that is stopped, with its children, when this actor ends.
    ///
    /// # Errors
    /// As [`Supervisor::start`].
    pub fn supervise(&self, supervisor: Supervisor) -> Result<SupervisorRef, SpawnError> {
        supervisor.start_in(self.this().id().system)
    }
}
