//! Actors that are OS processes.
//!
//! **Every actor is its own OS process.** You define an actor type, [spawn](System::spawn) it, and get a typed
//! [reference](ActorRef). Messages are [rkyv] archives that the receiver reads in place. A segfault, an OOM kill, a leak or
//! a runaway loop stays inside one actor; who waits for it is told at once.
//!
//! ```no_run
//! use procession::prelude::*;
//!
//! #[message(reply = u64)]
//! struct Deposit { cents: u64 }
//!
//! #[message(reply = Result<u64, Overdrawn>)]
//! struct Withdraw { cents: u64 }
//!
//! #[data]
//! #[derive(Debug)]
//! struct Overdrawn { missing: u64 }
//!
//! struct Account { cents: u64 }
//!
//! #[actor]
//! impl Actor for Account {
//!     type Args = u64;
//!     type Messages = (Deposit, Withdraw);
//!
//!     fn start(cents: u64, _: &mut Context<Self>) -> Result<Self, Failure> {
//!         Ok(Account { cents })
//!     }
//! }
//!
//! impl Handler<Deposit> for Account {
//!     fn handle(&mut self, deposit: Incoming<'_, Deposit>, _: &mut Context<Self>) -> u64 {
//!         self.cents += deposit.cents.to_native(); // read in place: no copy, no deserialisation
//!         self.cents
//!     }
//! }
//!
//! impl Handler<Withdraw> for Account {
//!     fn handle(&mut self, withdrawal: Incoming<'_, Withdraw>, _: &mut Context<Self>) -> Result<u64, Overdrawn> {
//!         let wanted = withdrawal.cents.to_native();
//!         self.cents = self.cents.checked_sub(wanted).ok_or(Overdrawn { missing: wanted - self.cents })?;
//!         Ok(self.cents)
//!     }
//! }
//!
//! #[procession::main]
//! fn main() -> procession::Result<()> {
//!     let system = System::start()?;
//!     let account = system.spawn::<Account>(100)?; // a new OS process
//!     account.tell(&Deposit { cents: 20 })?; // fire and forget
//!     let pending = account.request(&Deposit { cents: 1 })?; // many can be on their way
//!     assert_eq!(pending.wait()?, 121);
//!     match account.ask(&Withdraw { cents: 500 }) {
//!         Err(AskError::Refused(overdrawn)) => assert_eq!(overdrawn.missing, 379),
//!         other => panic!("expected a refusal, got {other:?}"),
//!     }
//!     let child = system.process(|limit: u64| (1..=limit).sum::<u64>(), 10).start()?;
//!     assert_eq!(child.join()?, 55); // a function in a process of its own, and what it returned
//!     system.shutdown()
//! }
//! ```
//!
//! # Defaults
//!
//! | what | default | set with |
//! |---|---|---|
//! | wait for an answer: [`ask`](ActorRef::ask), [`Pending::wait`] | 5 s ([`ASK_TIMEOUT`]) | [`ask_within`](ActorRef::ask_within), [`Pending::wait_within`] |
//! | wait for room: [`tell`](ActorRef::tell), [`request`](ActorRef::request) | 5 s ([`TELL_PATIENCE`]) | [`try_tell`](ActorRef::try_tell) does not wait |
//! | wait to stop politely, before SIGKILL | 5 s ([`DEFAULT_STOP_DEADLINE`]) | [`ActorBuilder::stop_deadline`] |
//! | messages that have arrived and are not handled | 128 MiB ([`DEFAULT_MAILBOX_LIMIT_BYTES`]) | [`ActorBuilder::mailbox_limit_bytes`], [`SystemBuilder::mailbox_limit_bytes`] |
//! | size of one message | 1 GiB ([`DEFAULT_MESSAGE_LIMIT_BYTES`]) | [`SystemBuilder::message_limit_bytes`] |
//! | depth of nesting in a message | 256 ([`DEPTH_LIMIT`]) | - |
//! | restart after an end | none | [`ActorBuilder::restart`] |
//! | items of a queue, together | 64 MiB if bounded in number ([`DEFAULT_QUEUE_LIMIT_BYTES`]), else 1 GiB ([`DEFAULT_UNBOUNDED_QUEUE_LIMIT_BYTES`]) | [`Queue::with_limits`] |
//! | what connections go by | sockets, and shared memory once they are busy ([`Links`]) | [`SystemBuilder::links`], `PROCESSION_LINKS` |
//! | who waits looks before it sleeps | for up to 50 µs | [`SystemBuilder::spinning`], `PROCESSION_SPINNING` |
//! | output of a process | root's | [`ActorBuilder::stdout`], [`ActorBuilder::stderr`] |
//!
//! # Files
//!
//! | file | noun |
//! |---|---|
//! | `actor.rs` | [`Actor`], [`Handler`], [`Accepts`] |
//! | `message.rs`, `reply.rs` | [`Message`], [`Reply`]; [`ReplyTo`], [`Later`] for answers at another time |
//! | `context.rs`, `timers.rs` | [`Context`]: what an actor can do beside handling messages |
//! | `incoming.rs` | [`Incoming`]: a message in its handler's hands; [`Kept`]: beyond the handler |
//! | `actor_ref.rs`, `recipient.rs`, `address.rs` | [`ActorRef`], [`Recipient`], and the addresses in them |
//! | `pending.rs`, `mailbox.rs`, `monitor.rs` | what a thread waits for: [`Pending`], [`Mailbox`], [`Monitor`] |
//! | `system.rs`, `builder.rs` | [`System`], [`ActorBuilder`] |
//! | `supervisor.rs`, `supervised.rs`, `supervisor_ref.rs` | [`Supervisor`], what its children can be, [`SupervisorRef`] |
//! | `process.rs`, `function.rs`, `child.rs`, `signal.rs` | functions in processes of their own: [`ProcessBuilder`], [`Function`], [`Child`] |
//! | `routine.rs` | functions named in messages |
//! | `data.rs`, `descriptor.rs` | [`Data`]: what can travel; [`Descriptor`] |
//! | `payload.rs`, `sys.rs` | values as bytes: what encodes and decodes; the unsafe line of that |
//! | `delivery.rs`, `host.rs` | from a letter to its handler; an actor in its process |
//! | `hook.rs` | the fork in the road at the start of every process |
//! | `primitives/` | what processes share: see [`primitives`] |
//! | `error.rs`, `failure.rs` | [`Error`] and one error per operation; [`Failure`] |
//! | `macros/` | the attribute macros |
//!
//! Deliberately absent: descriptors as numbers, frames and polling (in `procession-transport`), processes, supervision and
//! names (in `procession-runtime`), unsafe code but for one line in `sys.rs`, any registry of actor types (whatever type is
//! spawned, the new process finds the code by its place in the program), and threads, but for a manager's objects and the
//! drivers of pools.
#![deny(unsafe_code)]

extern crate self as procession;

mod actor;
mod actor_ref;
mod address;
mod builder;
mod child;
mod context;
mod data;
mod delivery;
mod descriptor;
mod error;
mod failure;
mod function;
mod hook;
mod host;
mod incoming;
mod mailbox;
mod message;
mod monitor;
mod payload;
mod pending;
pub mod primitives;
mod process;
mod recipient;
mod reply;
mod routine;
mod signal;
mod supervised;
mod supervisor;
mod supervisor_ref;
mod sys;
mod system;
mod timers;

use std::time::Duration;

pub use rkyv;
pub use rkyv::Archived;

/// Makes a type an actor: stands above `impl Actor for ..` and reads the `Messages` tuple in it.
///
/// For each message it says that the actor [accepts](Accepts) it, under its place in the tuple as its number on the wire; a
/// message without a [`Handler`] and a message that is listed twice do not compile. `type Args` and `type Messages` may be
/// left out, and are `()` then. The `impl` may be generic.
///
/// `#[actor(crate = path)]` for a renamed dependency.
pub use procession_macros::actor;

/// Makes a struct or enum [`Data`], which can travel to another process.
///
/// It adds rkyv's derives and nothing else, so other derives stand below it as usual. What rkyv's own attributes can do
/// (`#[rkyv(with = ..)]` on a field, for instance) they can do here. The type may be generic; it cannot have lifetimes.
///
/// `#[data(recursive)]` for a type that contains itself; `#[data(crate = path)]` for a renamed dependency.
///
/// ```
/// use procession::prelude::*;
///
/// #[data(recursive)]
/// #[derive(Debug, Clone)]
/// enum Expression {
///     Number(f64),
///     Sum(Vec<Expression>),
/// }
/// ```
pub use procession_macros::data;

/// Lets a program host actors: stands above `fn main`.
///
/// The processes of a system run the same program. This has them recognised before anything in `main` runs; in every
/// other case `main` runs as it is. Other attributes stand below it: `#[tokio::main]` does, on an `async fn main`.
/// `#[procession::main(crate = path)]` for a renamed dependency.
pub use procession_macros::main;

/// Makes a struct or enum a [`Message`]: [`data`](macro@data), and what it is answered with.
///
/// `#[message]` is answered with `()`; `#[message(reply = T)]` with a `T`; see [`Message`]. Options of
/// [`data`](macro@data) can be added.
pub use procession_macros::message;

/// Makes a function a test, in a test binary that can host actors.
///
/// It adds `#[test]`, unless another attribute does, such as `#[tokio::test]`; other attributes, such as
/// `#[should_panic]`, are kept. One such test is enough for the whole binary.
///
/// ```
/// #[procession::test]
/// fn adds() {
///     assert_eq!(1 + 1, 2);
/// }
/// ```
pub use procession_macros::test;

pub use procession_runtime::{
    ChildState, ChildStatus, Counts, DEFAULT_MAILBOX_LIMIT_BYTES, DEFAULT_MESSAGE_LIMIT_BYTES, DEFAULT_STOP_DEADLINE,
    Down, DownReason, Ended, Exit, LINKS_VARIABLE, Launcher, Links, MonitorId, Panic, ProcessId, Restart, Status,
    Stdio, Strategy, TimerId,
};

pub use actor::{Accepts, Actor, Handler};
pub use actor_ref::{ActorRef, ArchivedActorRef};
pub use address::{Address, ArchivedAddress};
pub use builder::ActorBuilder;
pub use child::{Child, TryChild};
pub use context::Context;
pub use data::Data;
pub use descriptor::{ArchivedDescriptor, Descriptor};
pub use error::{
    AskError, DescriptorError, Error, JoinError, PayloadError, ReceiveError, Refusal, Result, RuntimeError, SpawnError,
    StartError, TellError,
};
pub use failure::Failure;
pub use function::Function;
pub use incoming::{Incoming, Kept};
pub use mailbox::{Mailbox, Received};
pub use message::{Message, Reply};
pub use monitor::Monitor;
pub use payload::DEPTH_LIMIT;
pub use pending::Pending;
pub use primitives::{
    Array, AsCompleted, AsyncResult, Barrier, BoundedSemaphore, Condition, Connection, DEFAULT_QUEUE_LIMIT_BYTES,
    DEFAULT_UNBOUNDED_QUEUE_LIMIT_BYTES, Dict, Event, Executor, Future, Home, Imap, ImapUnordered, JoinableQueue, List,
    Lock, LockError, LockGuard, Manager, Namespace, Number, Pipe, PipeError, Pool, PoolBuilder, PoolError, PoolStatus,
    Producer, PutAllError, PutError, Queue, QueueError, RLock, RLockGuard, Receiver, Semaphore, SemaphoreGuard, Sender,
    SharedError, TaskError, Tasks, Value, WaitFor, Waitable, Waited, as_completed, wait, wait_any,
};
pub use process::{ProcessBuilder, TryProcessBuilder};
pub use recipient::{ArchivedRecipient, Recipient};
pub use reply::{Later, ReplyTo};
pub use supervised::Supervised;
pub use supervisor::Supervisor;
pub use supervisor_ref::{ArchivedSupervisorRef, SupervisorRef};
pub use system::{System, SystemBuilder, process_name};

use delivery::Delivery;

/// How long [`ActorRef::ask`] and [`Pending::wait`] wait for an answer.
pub const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long [`ActorRef::tell`] waits for room on a full connection.
pub const TELL_PATIENCE: Duration = Duration::from_secs(5);

/// What code needs that uses actors: `use procession::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Accepts, Actor, ActorRef, AskError, Child, Connection, Context, Data, Failure, Handler, Home, Incoming,
        JoinableQueue, Kept, Later, Mailbox, Message, Pending, Pipe, Queue, Receiver, Recipient, Reply, ReplyTo,
        Sender, Supervisor, SupervisorRef, System, TryChild, actor, data, message,
    };
}

/// For what the macros generate. Nothing in here is stable.
#[doc(hidden)]
pub mod __private {
    pub use crate::actor::Dispatch;
    pub use crate::data::{Checker, Encoder, Opener};
    pub use crate::delivery::Delivery;
    pub use crate::descriptor::{AttachDescriptor, Decoder, Index, TakeDescriptor};
    pub use crate::hook::{hook, test_hook};
    pub use crate::payload::{Fault, Sink};
}
