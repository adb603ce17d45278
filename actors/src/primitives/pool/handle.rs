//! A pool, as everybody holds it.

use std::fmt;

use rkyv::{Archive, Deserialize, Serialize};

use super::foreman::{Foreman, MOST_WORKERS, Settings};
use super::imap::{Imap, ImapUnordered};
use super::messages::{Close, Enrol, Inquire, Join, PoolStatus};
use super::worker::Initializer;
use super::{AsyncResult, FOREVER, PoolError, TaskError, Tasks, driver, errand};
use crate::function::refuse_captures;
use crate::primitives::blob::Blob;
use crate::routine::Routine;
use crate::{ActorRef, AskError, Data, Exit, Function, Home, ProcessId};

/// Processes that do tasks, each when it has nothing else to do.
///
/// A task is a function that captures nothing, called with arguments that are data. The handle is plain data: every process and
/// thread of the system can give the same pool work. It lives until it is closed or terminated, or the process ends that made
/// it. See [the module](crate::primitives::pool) for its protocol and what happens when somebody dies.
///
/// # Example
/// ```no_run
/// use procession::prelude::*;
/// use procession::Pool;
///
/// fn square(number: u64) -> u64 {
///     number * number
/// }
///
/// #[procession::main]
/// fn main() -> procession::Result<()> {
///     let system = System::start()?;
///     let pool = Pool::new(&system, 4)?;
///     assert_eq!(pool.map(square, 0..5)?, [0, 1, 4, 9, 16]);
///     system.shutdown()
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Pool {
    foreman: ActorRef<Foreman>,
    /// Which life of the foreman.
    epoch: u64,
    workers: usize,
}

macro_rules! tasks {
    ($($(#[$attribute:meta])* fn $name:ident -> $output:ty;)*) => {$(
        $(#[$attribute])*
        ///
        /// See [`Tasks`] for the options.
        ///
        /// # Errors
        /// [`PoolError`].
        pub fn $name<F, Shape, I, R>(&self, function: F, items: I) -> Result<$output, PoolError>
        where
            F: Function<I::Item, Shape, Output = R>,
            I: IntoIterator<Item: Data>,
            R: Data,
            Shape: 'static,
        {
            const { refuse_captures::<F>() };
            self.tasks().$name(function, items)
        }
    )*};
}

impl Pool {
    /// Makes a pool of so many workers, at least one.
    ///
    /// # Errors
    /// [`PoolError::Spawn`]; nothing is left of it then. [`PoolError::TooManyWorkers`] for more than 16,384.
    pub fn new(home: &impl Home, workers: usize) -> Result<Pool, PoolError> {
        Pool::builder().workers(workers).start(home)
    }

    /// Prepares a pool.
    pub fn builder() -> PoolBuilder {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let settings = Settings { workers, name: "pool".into(), initializer: None, lifetime: None };
        PoolBuilder { settings: Ok(settings) }
    }

    /// Prepares tasks that have options.
    pub fn tasks(&self) -> Tasks<'_> {
        Tasks::new(self)
    }

    tasks! {
        /// Calls a function with each of the items, and gives all results in the order of the items, or the first error.
        ///
        /// With an error, what has not been begun is dropped.
        fn map -> Vec<R>;
        /// Does what [`map`](Pool::map) does, under the name that it has in Python for functions of several parameters: there
        /// the items are tuples.
        fn starmap -> Vec<R>;
        /// Calls a function with each of the items, and gives for each its result or why it has none.
        fn map_each -> Vec<Result<R, TaskError>>;
        /// Calls a function with each of the items, and gives the results as they are wanted, in the order of the items. The
        /// items may be endless: only some are taken ahead.
        fn imap -> Imap<I::IntoIter, R>;
        /// Calls a function with each of the items, and gives the results as they come.
        fn imap_unordered -> ImapUnordered<I::IntoIter, R>;
    }

    /// Calls a function that may fail with each of the items, and gives all values in the order of the items, or the first
    /// error: the function's own is [`TaskError::Refused`].
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn try_map<F, Shape, I, T, E>(&self, function: F, items: I) -> Result<Vec<T>, PoolError<E>>
    where
        F: Function<I::Item, Shape, Output = Result<T, E>>,
        I: IntoIterator<Item: Data>,
        T: Data,
        E: Data,
        Shape: 'static,
    {
        const { refuse_captures::<F>() };
        self.tasks().try_map(function, items)
    }

    /// Calls a function that may fail with each of the items, and gives for each its value or why it has none.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn try_map_each<F, Shape, I, T, E>(
        &self,
        function: F,
        items: I,
    ) -> Result<Vec<Result<T, TaskError<E>>>, PoolError>
    where
        F: Function<I::Item, Shape, Output = Result<T, E>>,
        I: IntoIterator<Item: Data>,
        T: Data,
        E: Data,
        Shape: 'static,
    {
        const { refuse_captures::<F>() };
        self.tasks().try_map_each(function, items)
    }

    /// Calls a function once, and waits for its result.
    ///
    /// A thread that does this often asks workers that have nothing to do itself, without the host. Nothing but the time that it
    /// takes tells the difference.
    ///
    /// The function is called once at most. If its worker dies before the value has left it, that is
    /// [`WorkerDied`](TaskError::WorkerDied), though the function may have come to its end.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn apply<F, Arguments, Shape, R>(&self, function: F, arguments: Arguments) -> Result<R, PoolError>
    where
        F: Function<Arguments, Shape, Output = R>,
        Arguments: Data,
        R: Data,
        Shape: 'static,
    {
        const { refuse_captures::<F>() };
        self.tasks().apply(function, arguments)
    }

    /// Begins to call a function with each of the items. The result is that of [`map`](Pool::map).
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn map_async<F, Shape, I, R>(&self, function: F, items: I) -> Result<AsyncResult<Vec<R>>, PoolError>
    where
        F: Function<I::Item, Shape, Output = R>,
        I: IntoIterator<Item: Data, IntoIter: Send + 'static>,
        R: Data + Send,
        Shape: 'static,
    {
        const { refuse_captures::<F>() };
        self.tasks().map_async(function, items)
    }

    /// Begins to call a function once.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn apply_async<F, Arguments, Shape, R>(
        &self,
        function: F,
        arguments: Arguments,
    ) -> Result<AsyncResult<R>, PoolError>
    where
        F: Function<Arguments, Shape, Output = R>,
        Arguments: Data + Send,
        R: Data + Send,
        Shape: 'static,
    {
        const { refuse_captures::<F>() };
        self.tasks().apply_async(function, arguments)
    }

    /// Has the pool take nothing more. What it has is done; then the workers end, and the host with them.
    ///
    /// What this process has begun with [`map_async`](Pool::map_async) and [`apply_async`](Pool::apply_async) counts as taken.
    ///
    /// # Errors
    /// [`PoolError`]. That it is closed already is no error.
    pub fn close(&self) -> Result<(), PoolError> {
        if driver::close(self.key()) {
            return Ok(());
        }
        self.end(false)
    }

    /// Ends all workers at once, whatever they do, and the host with them. Who waits for results gets
    /// [`PoolError::Terminated`].
    ///
    /// # Errors
    /// [`PoolError`]. That it is closed already is no error.
    pub fn terminate(&self) -> Result<(), PoolError> {
        self.end(true)
    }

    fn end(&self, terminate: bool) -> Result<(), PoolError> {
        match self.foreman.ask_within(&Close { epoch: self.epoch, terminate }, FOREVER).map_err(PoolError::from) {
            Ok(()) | Err(PoolError::Closed) => Ok(()),
            // It ends with its last worker.
            Err(PoolError::NoHost) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Waits until all workers of a closed or terminated pool have ended.
    ///
    /// # Errors
    /// [`PoolError::Invalid`] if it is neither.
    pub fn join(&self) -> Result<(), PoolError> {
        driver::await_close(self.key())?;
        match self.foreman.ask_within(&Join { epoch: self.epoch }, FOREVER) {
            Ok(true) | Err(AskError::Dead(Exit::Normal) | AskError::NoActor) => Ok(()),
            Ok(false) => Err(PoolError::Invalid),
            Err(error) => Err(error.into()),
        }
    }

    /// Says how the pool is. It may have changed when this returns.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn status(&self) -> Result<PoolStatus, PoolError> {
        Ok(self.foreman.ask_within(&Inquire { epoch: self.epoch }, FOREVER)?)
    }

    /// Number of workers that it is to have.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// Gives the process that hosts the pool.
    pub fn host(&self) -> ProcessId {
        self.foreman.id()
    }

    /// Gives a handle for the present life of the host, if a supervisor has restarted it.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn renew(&self) -> Result<Pool, PoolError> {
        Pool::open(self.foreman.clone(), self.workers)
    }

    fn open(foreman: ActorRef<Foreman>, workers: usize) -> Result<Pool, PoolError> {
        let epoch = foreman.ask_within(&Enrol, FOREVER)?;
        Ok(Pool { foreman, epoch, workers })
    }

    pub(super) fn foreman(&self) -> &ActorRef<Foreman> {
        &self.foreman
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn key(&self) -> driver::Key {
        (self.foreman.id(), self.epoch)
    }
}

impl ArchivedPool {
    /// Gives the handle.
    pub fn to_native(&self) -> Pool {
        let (epoch, workers) = (self.epoch.to_native(), self.workers.to_native() as usize);
        Pool { foreman: self.foreman.to_native(), epoch, workers }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Pool({}, {} workers)", self.host(), self.workers)
    }
}

impl fmt::Debug for ArchivedPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_native().fmt(formatter)
    }
}

/// A pool to be: takes options, then [`start`](PoolBuilder::start)s it.
#[must_use = "nothing is started before `start`"]
#[derive(Debug)]
pub struct PoolBuilder {
    settings: Result<Settings, PoolError>,
}

impl PoolBuilder {
    /// Sets the number of workers, at least one. The default is the number of processors that this process may use.
    pub fn workers(self, workers: usize) -> PoolBuilder {
        self.set(|settings| settings.workers = workers.max(1))
    }

    /// Names the host; the workers are called the same, with a number.
    pub fn name(self, name: impl Into<String>) -> PoolBuilder {
        self.set(|settings| settings.name = name.into())
    }

    /// Has each worker call a function before its first task. It returns nothing, or a `Result<(), Failure>`.
    ///
    /// A worker whose initializer fails, panics or ends the process is replaced. When as many as there are workers, but at
    /// least three, have failed in a row, no more are started, and if none is left, every call gets
    /// [`PoolError::Broken`] with the text of the last failure.
    pub fn initializer<F, Arguments, Shape>(self, function: F, arguments: Arguments) -> PoolBuilder
    where
        F: Function<Arguments, Shape, Output: errand::Outcome>,
        Arguments: Data,
        Shape: 'static,
    {
        const { refuse_captures::<F>() };
        let initializer = Routine::of::<F, errand::Once<Arguments, Shape>>(function)
            .map_err(PoolError::from)
            .and_then(|routine| Ok(Initializer { routine, arguments: Blob::pack(&arguments)? }));
        match initializer {
            Ok(initializer) => self.set(|settings| settings.initializer = Some(initializer)),
            Err(error) => PoolBuilder { settings: Err(error) },
        }
    }

    /// Replaces a worker when it has done so many tasks, at least one.
    pub fn tasks_per_worker(self, tasks: u64) -> PoolBuilder {
        self.set(|settings| settings.lifetime = Some(tasks.max(1)))
    }

    /// Starts the pool. It returns when all workers have been started; their initializers may still run.
    ///
    /// # Errors
    /// [`PoolError::Spawn`]; nothing is left of it then. [`PoolError::TooManyWorkers`] for more than 16,384.
    /// [`PoolError::Arguments`] if those of the initializer cannot be sent.
    pub fn start(self, home: &impl Home) -> Result<Pool, PoolError> {
        let settings = self.settings?;
        if settings.workers > MOST_WORKERS {
            return Err(PoolError::TooManyWorkers { limit: MOST_WORKERS });
        }
        let (workers, name) = (settings.workers, settings.name.clone());
        Pool::open(home.host::<Foreman>(settings, &name)?, workers)
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> PoolBuilder {
        if let Ok(settings) = &mut self.settings {
            change(settings);
        }
        self
    }
}
