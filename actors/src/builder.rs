//! Options of processes to be.

use std::fmt;
use std::marker::PhantomData;

use procession_runtime::{Endpoint, ProcessId, Spawn, SpawnOptions};

use crate::host::Hosted;
use crate::payload::Packed;
use crate::{Actor, ActorRef, PayloadError, SpawnError};

/// What to start, short of its options.
#[derive(Debug)]
pub(crate) struct Plan {
    system: u64,
    entry: &'static procession_runtime::Entry,
    arguments: Result<Packed, PayloadError>,
    /// It runs a function and ends; it has no mailbox.
    straight: bool,
    pub(crate) options: SpawnOptions,
}

impl Plan {
    pub(crate) fn new(
        system: u64,
        entry: &'static procession_runtime::Entry,
        arguments: Result<Packed, PayloadError>,
        straight: bool,
    ) -> Plan {
        Plan { system, entry, arguments, straight, options: SpawnOptions::default() }
    }

    pub(crate) fn start(self) -> Result<ProcessId, SpawnError> {
        let endpoint = Endpoint::of(self.system)?;
        Ok(endpoint.spawn(self.into_spawn()?)?)
    }

    /// What the runtime is given.
    pub(crate) fn into_spawn(self) -> Result<Spawn, SpawnError> {
        let Packed { bytes: arguments, descriptors } = self.arguments?;
        let Plan { entry, straight, options, .. } = self;
        Ok(Spawn { entry, arguments, descriptors, straight, options })
    }
}

/// The methods that set options, for a type with a field `plan`.
macro_rules! option_methods {
    () => {
        /// Names the process, as `ps` shows it and logs name it. Several may be called the same; to be found by name, it is
        /// registered ([`System::register`](crate::System::register)).
        pub fn name(mut self, name: impl Into<String>) -> Self {
            self.plan.options.name = Some(name.into());
            self
        }

        /// Makes it a daemon: the end of the system does not wait for it, but stops it. Actors are never waited for.
        pub fn daemon(mut self, daemon: bool) -> Self {
            self.plan.options.daemon = daemon;
            self
        }

        /// Says where its standard output goes. The default is root's.
        pub fn stdout(mut self, stdout: crate::Stdio) -> Self {
            self.plan.options.stdout = stdout;
            self
        }

        /// Says where its standard error goes. The default is root's.
        pub fn stderr(mut self, stderr: crate::Stdio) -> Self {
            self.plan.options.stderr = stderr;
            self
        }

        /// Says how long it may take to stop when asked to; then it is killed. The default is 5 s.
        pub fn stop_deadline(mut self, deadline: std::time::Duration) -> Self {
            self.plan.options.stop_deadline = deadline;
            self
        }

        /// Says after which ends it is started again, with the same arguments and address, at most once in 5 s. The default
        /// is after none.
        pub fn restart(mut self, restart: crate::Restart) -> Self {
            self.plan.options.restart = Some(restart);
            self
        }

        /// Limits the memory for messages that have arrived and are not handled yet. The default is 128 MiB.
        pub fn mailbox_limit_bytes(mut self, limit_bytes: usize) -> Self {
            self.plan.options.mailbox_limit_bytes = limit_bytes;
            self
        }

        /// Sets an environment variable in the process. The others are as they were when the system was started.
        pub fn environment(mut self, variable: impl Into<String>, value: impl Into<String>) -> Self {
            self.plan.options.environment.push((variable.into(), value.into()));
            self
        }
    };
}

pub(crate) use option_methods;

/// An actor to be: takes options, then [`start`](ActorBuilder::start)s it.
///
/// [`System::actor`](crate::System::actor) and [`Context::actor`](crate::Context::actor) make it.
#[must_use = "nothing is started before `start`"]
pub struct ActorBuilder<A> {
    pub(crate) plan: Plan,
    actor: PhantomData<fn() -> A>,
}

impl<A: Actor> ActorBuilder<A> {
    pub(crate) fn new(system: u64, args: A::Args) -> ActorBuilder<A> {
        let plan = Plan::new(system, <A as Hosted>::ENTRY, Packed::new(&args), false);
        ActorBuilder { plan, actor: PhantomData }
    }

    /// Starts the actor in a new process, and waits until its [`start`](Actor::start) has returned.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing is left of the process then.
    pub fn start(self) -> Result<ActorRef<A>, SpawnError> {
        self.plan.start().map(ActorRef::new)
    }

    option_methods!();
}

/// Starts actors with their own options, many at a time.
pub(crate) fn start_each<A: Actor>(
    system: u64,
    builders: impl IntoIterator<Item = ActorBuilder<A>>,
) -> Vec<Result<ActorRef<A>, SpawnError>> {
    let spawns = builders.into_iter().map(|builder| builder.plan.into_spawn());
    match Endpoint::of(system) {
        Ok(endpoint) => endpoint.spawn_all(spawns).into_iter().map(|outcome| outcome.map(ActorRef::new)).collect(),
        Err(error) => spawns.map(|_| Err(error.clone().into())).collect(),
    }
}

/// Starts actors, many at a time.
pub(crate) fn start_all<A: Actor>(
    system: u64,
    args: impl IntoIterator<Item = A::Args>,
) -> Vec<Result<ActorRef<A>, SpawnError>> {
    start_each(system, args.into_iter().map(|args| ActorBuilder::new(system, args)))
}

impl<A> fmt::Debug for ActorBuilder<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ActorBuilder").field("options", &self.plan.options).finish_non_exhaustive()
    }
}
