//! Where the host of a primitive is started.

use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

use crate::{Actor, ActorBuilder, ActorRef, Context, Restart, SpawnError, SupervisorRef, System};

/// Who can start the actor that hosts a primitive: the constructors of all primitives take one.
///
/// * A [`System`], or the [`Context`] of the actor that makes the primitive; in a straight-line process [`System::current`]
///   gives one: a process of its own, which belongs to the process that starts it and is stopped when that ends. A primitive
///   that is to live longer is made by root and travels as an argument.
/// * A [`Manager`](crate::Manager): a thread of its process.
/// * A [`SupervisorRef`]: a process of its own, a permanent child of that supervisor. If it dies it is restarted as it was in
///   the beginning: free, empty, with its initial value. Every handle and guard from before says so: it answers
///   `HostRestarted`, and where there is a `renew`, that gives a new handle.
pub trait Home {
    /// Starts an actor of this name; its process, if it gets one of its own, is a daemon.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing is left of it then.
    fn host<A: Actor>(&self, args: A::Args, name: &str) -> Result<ActorRef<A>, SpawnError>;
}

impl Home for System {
    fn host<A: Actor>(&self, args: A::Args, name: &str) -> Result<ActorRef<A>, SpawnError> {
        self.actor::<A>(args).name(name).daemon(true).start()
    }
}

impl<B> Home for Context<B> {
    fn host<A: Actor>(&self, args: A::Args, name: &str) -> Result<ActorRef<A>, SpawnError> {
        self.actor::<A>(args).name(name).daemon(true).start()
    }
}

impl Home for SupervisorRef {
    fn host<A: Actor>(&self, args: A::Args, name: &str) -> Result<ActorRef<A>, SpawnError> {
        let builder = ActorBuilder::<A>::new(self.id().system, args).name(name).daemon(true);
        // Among its siblings it needs a name that nobody else thinks of.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let number = RandomState::new().hash_one((std::process::id(), now));
        self.start_child(&format!("{name}-{number:016x}"), Restart::Permanent, builder)
    }
}

impl<H: Home> Home for &H {
    fn host<A: Actor>(&self, args: A::Args, name: &str) -> Result<ActorRef<A>, SpawnError> {
        H::host(self, args, name)
    }
}
