//! A process that hosts many.

use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use procession_runtime::{Call, Tenant};

use super::blob::Blob;
use super::exit_data::ExitData;
use crate::routine::Routine;
use crate::{
    Actor, ActorRef, Array, AskError, Barrier, BoundedSemaphore, Condition, Context, Data, Dict, Event, Exit, Failure,
    Handler, Home, Incoming, Later, List, Lock, LockError, Namespace, ProcessId, Queue, QueueError, RLock, ReplyTo,
    RuntimeError, Semaphore, SharedError, SpawnError, Value, actor, data, host, message,
};

/// Longer than anybody waits. Whoever waits is told of the manager's end.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A process that hosts any number of primitives, each on a thread of its own: cheaper than a process for each.
///
/// It is a [`Home`], so that every primitive is made in it as anywhere else: `Lock::new(&manager)`, `List::new(&manager, ..)`.
/// Its handles are the ordinary ones, and so are their rules. [`Manager::list`] and the like are short for that. The handle
/// on the manager is plain data, too: whoever has it, in whatever process, can make more.
///
/// Any actor whose arguments hold no descriptors can be hosted, with [`Home::host`]. What it starts or links belongs to the
/// manager's process; its [`stopping`](Actor::stopping) is called when it is stopped itself, not when the manager is.
///
/// # Protocol
/// The manager is an actor that is asked to host another: it starts a thread, which becomes an endpoint with an address of its
/// own, starts the actor there, and answers with the address. From then on users talk to that thread alone. What is hosted
/// lives until the manager ends; until it is [stopped](Manager::stop); or until its own code panics. Handles may come and go.
/// Each object takes a thread and three descriptors, and one more for each thread that uses it. A [`Value`] that is an integer
/// takes another one when it is first used.
///
/// # When somebody dies
/// * The manager: all that it hosts ends with it, and everybody who waits for any of it is told at once; see each primitive
///   for how. If it is restarted by a supervisor, it hosts nothing: old handles lead nowhere, and new objects can be made.
/// * The code of one hosted object, by a panic: that object alone; its users get the exit, with message and place.
/// * Whoever made an object: nothing.
///
/// # Example
/// ```no_run
/// use procession::{Lock, Manager};
/// use procession::prelude::*;
///
/// #[procession::main]
/// fn main() -> procession::Result<()> {
///     let system = System::start()?;
///     let manager = Manager::start(&system)?;
///     let (lock, squares) = (Lock::new(&manager)?, manager.list(vec![1_u64, 4])?);
///     let rows = manager.list(vec![squares.clone()])?; // a list of lists: the inner one is shared, not copied
///     rows.get(0)?.append(9)?;
///     assert_eq!(squares.to_vec()?, [1, 4, 9]);
///     drop(lock.acquire()?);
///     manager.shutdown()?;
///     system.shutdown()
/// }
/// ```
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
#[rkyv(derive(Debug))]
pub struct Manager {
    host: ActorRef<Landlord>,
}

impl Manager {
    /// Starts a manager.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing is left of it then.
    pub fn start(home: &impl Home) -> Result<Manager, SpawnError> {
        Ok(Manager { host: home.host::<Landlord>((), "manager")? })
    }

    /// Shares a value; see [`Value::new`].
    ///
    /// # Errors
    /// [`SharedError::Spawn`].
    pub fn value<T: Data>(&self, value: T) -> Result<Value<T>, SharedError> {
        Value::new(self, value)
    }

    /// Shares an array; see [`Array::new`].
    ///
    /// # Errors
    /// [`SharedError::Spawn`].
    pub fn array<T: Data>(&self, items: Vec<T>) -> Result<Array<T>, SharedError> {
        Array::new(self, items)
    }

    /// Shares a list; see [`List::new`].
    ///
    /// # Errors
    /// [`SharedError::Spawn`].
    pub fn list<T: Data>(&self, items: Vec<T>) -> Result<List<T>, SharedError> {
        List::new(self, items)
    }

    /// Shares a dictionary; see [`Dict::new`].
    ///
    /// # Errors
    /// [`SharedError::Spawn`].
    pub fn dict<K: Data + Eq + Hash + Clone, V: Data>(&self) -> Result<Dict<K, V>, SharedError> {
        Dict::new(self)
    }

    /// Shares a namespace; see [`Namespace::new`].
    ///
    /// # Errors
    /// [`SharedError::Spawn`].
    pub fn namespace(&self) -> Result<Namespace, SharedError> {
        Namespace::new(self)
    }

    /// Makes a lock; see [`Lock::new`].
    ///
    /// # Errors
    /// [`LockError::Spawn`].
    pub fn lock(&self) -> Result<Lock, LockError> {
        Lock::new(self)
    }

    /// Makes a reentrant lock; see [`RLock::new`].
    ///
    /// # Errors
    /// [`LockError::Spawn`].
    pub fn rlock(&self) -> Result<RLock, LockError> {
        RLock::new(self)
    }

    /// Makes a condition; see [`Condition::new`].
    ///
    /// # Errors
    /// [`LockError::Spawn`].
    pub fn condition(&self) -> Result<Condition, LockError> {
        Condition::new(self)
    }

    /// Makes a semaphore; see [`Semaphore::new`].
    ///
    /// # Errors
    /// [`LockError::Spawn`].
    pub fn semaphore(&self, permits: u64) -> Result<Semaphore, LockError> {
        Semaphore::new(self, permits)
    }

    /// Makes a semaphore that cannot be released too often; see [`BoundedSemaphore::new`].
    ///
    /// # Errors
    /// [`LockError::Spawn`].
    pub fn bounded_semaphore(&self, permits: u64) -> Result<BoundedSemaphore, LockError> {
        BoundedSemaphore::new(self, permits)
    }

    /// Makes an event; see [`Event::new`].
    ///
    /// # Errors
    /// [`LockError::Spawn`].
    pub fn event(&self) -> Result<Event, LockError> {
        Event::new(self)
    }

    /// Makes a barrier; see [`Barrier::new`].
    ///
    /// # Errors
    /// [`LockError::Spawn`].
    pub fn barrier(&self, parties: u32) -> Result<Barrier, LockError> {
        Barrier::new(self, parties)
    }

    /// Makes a queue that holds any number of items; see [`Queue::unbounded`].
    ///
    /// # Errors
    /// [`QueueError::Spawn`].
    pub fn queue<T: Data>(&self) -> Result<Queue<T>, QueueError> {
        Queue::unbounded(self)
    }

    /// Asks one hosted object to stop, by the address that its handle's `host` gives, and returns at once. Its users are told
    /// that it has stopped. What code of it runs is not interrupted.
    ///
    /// # Errors
    /// [`RuntimeError::NoActor`] if it has ended.
    pub fn stop(&self, object: ProcessId) -> Result<(), RuntimeError> {
        ActorRef::<()>::new(object).stop()
    }

    /// Ends the manager with all that it hosts, and waits until it is gone.
    ///
    /// # Errors
    /// [`Error::Runtime`](crate::Error::Runtime). That it has ended already is none.
    pub fn shutdown(&self) -> crate::Result<()> {
        match self.host.stop() {
            Ok(()) => {}
            Err(RuntimeError::NoActor) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        self.host.join()?;
        Ok(())
    }

    /// Gives the address of the manager.
    pub fn id(&self) -> ProcessId {
        self.host.id()
    }
}

impl ArchivedManager {
    /// Gives the handle.
    pub fn to_native(&self) -> Manager {
        Manager { host: self.host.to_native() }
    }
}

impl Home for Manager {
    fn host<A: Actor>(&self, args: A::Args, name: &str) -> Result<ActorRef<A>, SpawnError> {
        let routine = Routine::of::<_, Lodging>(PhantomData::<fn() -> A>)?;
        let lodge = Lodge { routine, name: name.to_owned(), arguments: Blob::pack(&args)? };
        match self.host.ask_within(&lodge, FOREVER) {
            Ok(found) => Ok(ActorRef::new(found.id())),
            Err(AskError::Refused(exit)) => Err(match exit.into() {
                Exit::Failed(chain) => SpawnError::Failed(chain),
                exit => SpawnError::Died(exit),
            }),
            Err(AskError::Dead(exit)) => Err(SpawnError::Died(exit)),
            Err(AskError::NoActor) => Err(RuntimeError::NoActor.into()),
            Err(AskError::Runtime(error)) => Err(error.into()),
            Err(other) => Err(SpawnError::NoProcess(other.map_refusal(drop).to_string())),
        }
    }
}

/// Asks for an actor to be hosted; answered with its address.
#[message(reply = Later<Result<ActorRef<()>, ExitData>>)]
struct Lodge {
    /// What runs it.
    routine: Routine,
    name: String,
    arguments: Blob,
}

/// The actor in the manager's process.
struct Landlord {
    /// Names the threads' system.
    system: u64,
}

#[actor]
impl Actor for Landlord {
    type Messages = (Lodge,);

    fn start((): (), context: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Landlord { system: context.this().id().system })
    }
}

impl Handler<Lodge> for Landlord {
    fn handle(
        &mut self,
        lodge: Incoming<'_, Lodge>,
        context: &mut Context<Self>,
    ) -> Later<Result<ActorRef<()>, ExitData>> {
        let reply = context.reply_later();
        let later = reply.later();
        let Lodge { routine, name, arguments } = lodge.open();
        let Some(run) = routine.find::<Lodger, ()>() else {
            refuse(reply, "the code to run was not found in this image".to_owned());
            return later;
        };
        // Handed over once the thread is there, so that the way back is not lost if there is none.
        let (sender, receiver) = mpsc::channel();
        let system = self.system;
        // A thread's name cannot hold a NUL; an actor's may hold anything.
        let thread = thread::Builder::new()
            .name(name.replace('\0', ""))
            .spawn(move || receiver.recv().into_iter().for_each(run));
        match thread {
            Ok(_) => drop(sender.send(Lodger { system, name, arguments, reply })),
            Err(error) => refuse(reply, format!("no thread could be made: {error}")),
        }
        later
    }
}

fn refuse(reply: ReplyTo<Result<ActorRef<()>, ExitData>>, why: String) {
    answer(reply, Err(ExitData::Failed(vec![why])));
}

fn answer(reply: ReplyTo<Result<ActorRef<()>, ExitData>>, outcome: Result<ActorRef<()>, ExitData>) {
    if let Err(error) = reply.send(outcome) {
        tracing::error!(%error, "an answer of a manager cannot be sent");
    }
}

/// An actor that is to be hosted by the thread that gets this.
struct Lodger {
    system: u64,
    name: String,
    arguments: Blob,
    /// The way back to who asked for it.
    reply: ReplyTo<Result<ActorRef<()>, ExitData>>,
}

/// How an actor of a type is run on a thread.
struct Lodging;

impl<A: Actor> Call<PhantomData<fn() -> A>> for Lodging {
    type Input = Lodger;
    type Output = ();

    fn call(_: PhantomData<fn() -> A>, lodger: Lodger) {
        let Lodger { system, name, arguments, reply } = lodger;
        let args = match arguments.open::<A::Args>() {
            Ok(args) => args,
            Err(error) => return refuse(reply, format!("the arguments cannot be read: {error}")),
        };
        let tenant = match Tenant::new(system) {
            Ok(tenant) => tenant,
            Err(error) => return refuse(reply, error.to_string()),
        };
        // Kept out of reach of a panic: the asker is to be told of that.
        let mut reply = Some(reply);
        let address = ActorRef::new(tenant.id());
        let exit = tenant.live(&name, |tenant| {
            host::run_tenant::<A>(tenant, args, || {
                if let Some(reply) = reply.take() {
                    answer(reply, Ok(address));
                }
            })
        });
        if let Some(reply) = reply {
            answer(reply, Err(ExitData::from(&exit)));
        }
    }
}
