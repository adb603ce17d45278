//! What an actor is.

use procession_runtime::Down;

use crate::{Context, Data, Delivery, Failure, Incoming, Message};

/// A type whose values live in a process of their own and take messages.
///
/// `#[actor]` stands above the `impl`: it reads the `Messages` tuple and lets [`ask`](crate::ActorRef::ask) and
/// [`tell`](crate::ActorRef::tell) be checked when compiling. `Args` and `Messages` may be left out, and are `()` then.
///
/// # Example
/// ```
/// use procession::prelude::*;
///
/// #[message(reply = u64)]
/// struct Add { number: u64 }
///
/// struct Sum { total: u64 }
///
/// #[actor]
/// impl Actor for Sum {
///     type Args = u64;
///     type Messages = (Add,);
///
///     fn start(total: u64, _: &mut Context<Self>) -> Result<Sum, Failure> {
///         Ok(Sum { total })
///     }
/// }
///
/// impl Handler<Add> for Sum {
///     fn handle(&mut self, add: Incoming<'_, Add>, _: &mut Context<Self>) -> u64 {
///         self.total += add.number.to_native();
///         self.total
///     }
/// }
/// ```
pub trait Actor: Dispatch {
    /// What a new actor is made of. It travels to the new process, and is kept there for restarts.
    type Args: Data;

    /// The messages that the mailbox takes, as a tuple.
    type Messages;

    /// Makes the actor, in its new process. Whoever spawns it waits for this.
    ///
    /// # Errors
    /// Whatever keeps it from starting: the process ends, and the spawner gets the texts as
    /// [`SpawnError::Failed`](crate::SpawnError::Failed).
    fn start(args: Self::Args, context: &mut Context<Self>) -> Result<Self, Failure>;

    /// Is told that a monitored process has ended, after every message that it had sent to this actor.
    ///
    /// See [`Context::monitor`].
    fn down(&mut self, down: Down, context: &mut Context<Self>) {
        let _ = (down, context);
    }

    /// Is called before an orderly end, when the actor stops itself or is stopped. It has until the stop deadline.
    fn stopping(&mut self, context: &mut Context<Self>) {
        let _ = context;
    }
}

/// How an actor handles one message.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has `{M}` among its `Messages`, but does not handle it",
    label = "no handler for this message",
    note = "write `impl Handler<{M}> for {Self}`"
)]
pub trait Handler<M: Message>: Sized {
    /// Handles the message; what it returns answers an asker.
    ///
    /// It runs on the process's main thread, one message at a time. It may block and may use the CPU: the process is its
    /// own.
    fn handle(&mut self, message: Incoming<'_, M>, context: &mut Context<Self>) -> M::Reply;
}

/// That an actor takes a message. `#[actor]` implements it for each type in the `Messages` tuple.
///
/// # Example
/// ```
/// use procession::prelude::*;
/// use procession::TellError;
///
/// fn broadcast<A: Accepts<M>, M: Message>(to: &[ActorRef<A>], message: &M) -> Result<(), TellError> {
///     to.iter().try_for_each(|actor| actor.tell(message))
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not take `{M}`",
    label = "not among the actor's messages",
    note = "add `{M}` to the `Messages` of `{Self}`, and write `impl Handler<{M}> for {Self}`"
)]
pub trait Accepts<M: Message>: Handler<M> {
    /// What the message is called on the wire: its place in the tuple.
    const TAG: u32;
}

/// From a tag to the handler of its message. `#[actor]` implements it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the messages of `{Self}` are not known",
    label = "this `impl` lacks `#[actor]`",
    note = "put `#[actor]` above `impl Actor for {Self}`"
)]
pub trait Dispatch: Sized + 'static {
    fn dispatch(&mut self, delivery: Delivery<'_>, context: &mut Context<Self>);
}
