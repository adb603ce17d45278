//! Where the host of a primitive is started.

use crate::{Actor, ActorRef, Context, SpawnError, System};

/// Who can start the actor that hosts a primitive: the constructors of all primitives take one.
///
/// It is a [`System`], or the [`Context`] of the actor that makes the primitive. In a straight-line process
/// [`System::current`] gives one. The host belongs to the process that starts it and is stopped when that ends; a primitive
/// that is to live longer is made by root and travels as an argument.
pub trait Home {
    /// Starts an actor in a process of its own, as a daemon of this name.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing is left of the process then.
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

impl<H: Home> Home for &H {
    fn host<A: Actor>(&self, args: A::Args, name: &str) -> Result<ActorRef<A>, SpawnError> {
        H::host(self, args, name)
    }
}
