//! A supervisor process and everything under it.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use procession_runtime::{self as runtime, Ending, Endpoint, Process, ProcessId};

use crate::function::{refuse_captures, setup_entry};
use crate::process::{ProcessBuilder, TryProcessBuilder};
use crate::{
    Actor, ActorBuilder, ActorRef, Data, Function, Launcher, Links, Mailbox, Message, RuntimeError, SpawnError,
    StartError,
};

/// What this process is in its system, unless it is root.
static CURRENT: OnceLock<Place> = OnceLock::new();

struct Place {
    system: u64,
    name: String,
}

/// Gives the name of this process, as `ps` shows it; `root` in a process that no system has started.
pub fn process_name() -> &'static str {
    CURRENT.get().map_or("root", |place| &place.name)
}

/// A running system: one supervisor process, and all actors and processes under it.
///
/// Who starts a system is its root. A clone is another handle on the same system. When root's last one is dropped, for
/// instance after an early `?`, the system is shut down as by [`shutdown`](System::shutdown), and an error in that is
/// logged. In the other processes of the system, [`System::current`] gives a handle whose drop means nothing.
///
/// What a process starts ends with it: children are stopped when the process that started them ends.
///
/// # Example
/// ```no_run
/// use procession::prelude::*;
///
/// fn count_to(limit: u64) -> u64 {
///     (1..=limit).sum()
/// }
///
/// #[procession::main]
/// fn main() -> procession::Result<()> {
///     let system = System::start()?;
///     let child = system.process(count_to, 10).name("counter").start()?;
///     assert_eq!(child.join()?, 55);
///     system.shutdown()
/// }
/// ```
#[derive(Clone)]
pub struct System {
    id: u64,
    /// What root holds.
    root: Option<Arc<Root>>,
}

/// None once the system has been shut down.
type Root = Mutex<Option<runtime::System>>;

impl System {
    /// Starts a system with the default options.
    ///
    /// # Errors
    /// [`StartError`]: [`MissingHook`](StartError::MissingHook) if `main` lacks `#[procession::main]`.
    pub fn start() -> Result<System, StartError> {
        System::builder().start()
    }

    /// Prepares a system.
    pub fn builder() -> SystemBuilder {
        SystemBuilder { runtime: runtime::System::builder() }
    }

    /// Gives the system that this process was started in; `None` in root, which may have several.
    pub fn current() -> Option<System> {
        CURRENT.get().map(|place| System { id: place.system, root: None })
    }

    /// Starts an actor in a new process, and waits until its [`start`](Actor::start) has returned.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing is left of the process then.
    pub fn spawn<A: Actor>(&self, args: A::Args) -> Result<ActorRef<A>, SpawnError> {
        self.actor::<A>(args).start()
    }

    /// Starts actors, each in a new process, many at a time, and waits until each has started or failed. Gives them in the
    /// order of their arguments.
    pub fn spawn_all<A: Actor>(&self, args: impl IntoIterator<Item = A::Args>) -> Vec<Result<ActorRef<A>, SpawnError>> {
        crate::builder::start_all(self.id, args)
    }

    /// Prepares an actor: the builder takes its name and other options.
    pub fn actor<A: Actor>(&self, args: A::Args) -> ActorBuilder<A> {
        ActorBuilder::new(self.id, args)
    }

    /// Prepares a process that runs a function. What it returns, [`Child::join`](crate::Child::join) gives.
    ///
    /// The arguments are `()` for a function without parameters, the value itself for one parameter, and a tuple for
    /// several; see [`Function`].
    pub fn process<F, Arguments, Shape>(&self, function: F, arguments: Arguments) -> ProcessBuilder<F::Output>
    where
        F: Function<Arguments, Shape, Output: Data>,
        Arguments: Data,
        Shape: 'static,
    {
        const { refuse_captures::<F>() };
        ProcessBuilder::new(self.id, function, &arguments)
    }

    /// Prepares a process that runs a function which may fail.
    ///
    /// An error of the function is a failure of the process ([`Exit::Failed`](crate::Exit::Failed)), and whoever joins
    /// gets it as [`JoinError::Refused`](crate::JoinError::Refused).
    pub fn try_process<F, Arguments, Shape, T, E>(&self, function: F, arguments: Arguments) -> TryProcessBuilder<T, E>
    where
        F: Function<Arguments, Shape, Output = Result<T, E>>,
        Arguments: Data,
        Shape: 'static,
        T: Data,
        E: Data + fmt::Display,
    {
        const { refuse_captures::<F>() };
        TryProcessBuilder::new(self.id, function, &arguments)
    }

    /// Makes this thread a place for messages of one type.
    ///
    /// # Errors
    /// [`RuntimeError`]; [`WrongKind`](RuntimeError::WrongKind) if the thread has a mailbox already, as an actor's main
    /// thread has.
    pub fn mailbox<M: Message>(&self) -> Result<Mailbox<M>, RuntimeError> {
        Mailbox::open(self.endpoint()?)
    }

    /// Registers a process under a name that nobody else has, for [`whereis`](System::whereis).
    ///
    /// # Errors
    /// [`RuntimeError::NameTaken`], [`RuntimeError::NoActor`].
    pub fn register(&self, name: &str, process: impl Into<ProcessId>) -> Result<(), RuntimeError> {
        self.endpoint()?.register(name, process.into())
    }

    /// Frees a name. That nobody has it is no error.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn unregister(&self, name: &str) -> Result<(), RuntimeError> {
        self.endpoint()?.unregister(name)
    }

    /// Finds the actor of this name; `None` if nobody has it, or an actor of another type.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn whereis<A: Actor>(&self, name: &str) -> Result<Option<ActorRef<A>>, RuntimeError> {
        Ok(self.endpoint()?.whereis(name, Some(crate::host::entry::<A>()))?.map(ActorRef::new))
    }

    /// Ends the system: waits for its straight-line processes that are no daemons, then stops all others, the last
    /// started first, each with its stop deadline. It ends for all handles; a second shutdown does nothing.
    ///
    /// # Errors
    /// [`RuntimeError`]; [`WrongKind`](RuntimeError::WrongKind) in any process but root.
    pub fn shutdown(self) -> crate::Result<()> {
        let Some(root) = &self.root else {
            return Err(RuntimeError::WrongKind("only root can shut the system down".into()).into());
        };
        let runtime = root.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(runtime.map_or(Ok(()), runtime::System::shutdown)?)
    }

    /// Gives the number that tells this system from others.
    pub fn id(&self) -> u64 {
        self.id
    }

    fn endpoint(&self) -> Result<Endpoint, RuntimeError> {
        Endpoint::of(self.id)
    }
}

impl fmt::Debug for System {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "System({:x})", self.id)
    }
}

/// Notes which process of which system this is.
pub(crate) fn enter(process: &Process) {
    CURRENT.get_or_init(|| Place { system: process.id().system, name: process.name().to_owned() });
    crate::primitives::begin_process();
}

/// Sees to what is due at the end of this process, if that is in order.
pub(crate) fn leave(ending: Ending) -> Ending {
    if matches!(ending, Ending::Normal | Ending::Returned(_) | Ending::Stopped) {
        crate::primitives::end_process();
    }
    ending
}

/// A system to be: takes options, then [`start`](SystemBuilder::start)s it.
#[must_use = "nothing is started before `start`"]
#[derive(Debug)]
pub struct SystemBuilder {
    runtime: runtime::SystemBuilder,
}

impl SystemBuilder {
    /// Has every process of the system run this function before its own code. Root does not run it. It must capture
    /// nothing; see [`Function`]. Given several times, all are run, in this order.
    pub fn setup<F: Fn() + Copy + 'static>(self, function: F) -> SystemBuilder {
        const { refuse_captures::<F>() };
        SystemBuilder { runtime: self.runtime.setup(setup_entry(function)) }
    }

    /// Has `install` called here and now, and in every process of the system before its own code: a `tracing` subscriber
    /// that it installs is everybody's. It must capture nothing; see [`Function`].
    ///
    /// Everything that an actor traces is within a span `actor` with its name and id. What it writes goes where the
    /// process's output goes.
    ///
    /// ```no_run
    /// # use procession::prelude::*;
    /// # fn main() -> procession::Result<()> {
    /// let system = System::builder().subscriber(|| tracing_subscriber::fmt().init()).start()?;
    /// # Ok(()) }
    /// ```
    pub fn subscriber<F: Fn() + Copy + 'static>(self, install: F) -> SystemBuilder {
        const { refuse_captures::<F>() };
        install();
        self.setup(install)
    }

    /// Says how processes are made. The default is [`Launcher::Clone`].
    pub fn launcher(self, launcher: Launcher) -> SystemBuilder {
        SystemBuilder { runtime: self.runtime.launcher(launcher) }
    }

    /// Limits the size of one message. The default is 1 GiB, and 4 GiB less a page is the most.
    pub fn message_limit_bytes(self, limit_bytes: usize) -> SystemBuilder {
        SystemBuilder { runtime: self.runtime.message_limit_bytes(limit_bytes) }
    }

    /// Says what the connections between processes go by; [`Links::Automatic`] if neither this nor the environment variable
    /// `PROCESSION_LINKS` says otherwise.
    pub fn links(self, links: Links) -> SystemBuilder {
        SystemBuilder { runtime: self.runtime.links(links) }
    }

    /// Says whether who waits for a message looks for up to 50 µs before it sleeps; it does if neither this nor the environment variable
    /// `PROCESSION_SPINNING`, set to `off`, says otherwise.
    ///
    /// To wake a processor that sleeps takes 20 to 50 µs, to be found looking less than one. A wait that looks gives its processor
    /// away between two looks, and after looks in vain the next waits sleep at once, so it hardly slows anybody down who has something to do;
    /// but it uses processor time that would be idle else. Where that is paid for, do without.
    pub fn spinning(self, spins: bool) -> SystemBuilder {
        SystemBuilder { runtime: self.runtime.spinning(spins) }
    }

    /// Limits what root's mailboxes hold. The default is 128 MiB.
    pub fn mailbox_limit_bytes(self, limit_bytes: usize) -> SystemBuilder {
        SystemBuilder { runtime: self.runtime.mailbox_limit_bytes(limit_bytes) }
    }

    /// Starts the system.
    ///
    /// # Errors
    /// As [`System::start`].
    pub fn start(self) -> Result<System, StartError> {
        let runtime = self.runtime.start()?;
        Ok(System { id: runtime.id(), root: Some(Arc::new(Mutex::new(Some(runtime)))) })
    }
}
