//! An executor: a pool whose tasks are futures.

use std::fmt;

use rkyv::{Archive, Deserialize, Serialize};

use super::future::Future;
use super::imap::Imap;
use super::{Pool, PoolError, driver};
use crate::function::refuse_captures;
use crate::{Data, Function, Home};

/// Runs functions in the workers of a pool, and gives a [`Future`] for each.
///
/// It is plain data, as the [`Pool`] that it is made of; what holds there when somebody dies, holds here.
///
/// # Example
/// ```no_run
/// use procession::prelude::*;
/// use procession::{Executor, as_completed};
///
/// fn square(number: u64) -> u64 {
///     number * number
/// }
///
/// #[procession::main]
/// fn main() -> procession::Result<()> {
///     let system = System::start()?;
///     let executor = Executor::new(&system, 4)?;
///     let futures = (0..10).map(|number| executor.submit(square, number)).collect::<Result<Vec<_>, _>>()?;
///     for future in as_completed(futures) {
///         println!("{}", future.result()?);
///     }
///     executor.shutdown(true, false)?;
///     system.shutdown()
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Executor {
    pool: Pool,
}

impl Executor {
    /// Makes an executor of so many workers, at least one.
    ///
    /// # Errors
    /// [`PoolError::Spawn`]; nothing is left of it then.
    pub fn new(home: &impl Home, workers: usize) -> Result<Executor, PoolError> {
        Ok(Executor::from(Pool::builder().name("executor").workers(workers).start(home)?))
    }

    /// Has a function called once, by a worker that has nothing else to do.
    ///
    /// # Errors
    /// [`PoolError`]; [`PoolError::Closed`] after a shutdown.
    pub fn submit<F, Arguments, Shape, R>(&self, function: F, arguments: Arguments) -> Result<Future<R>, PoolError>
    where
        F: Function<Arguments, Shape, Output = R>,
        Arguments: Data + Send,
        R: Data + Send,
        Shape: 'static,
    {
        const { refuse_captures::<F>() };
        Ok(Future::new(self.pool.apply_async(function, arguments)?))
    }

    /// Calls a function with each of the items, one at a time for each worker, and gives the results in the order of the items.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn map<F, Shape, I, R>(&self, function: F, items: I) -> Result<Imap<I::IntoIter, R>, PoolError>
    where
        F: Function<I::Item, Shape, Output = R>,
        I: IntoIterator<Item: Data>,
        R: Data,
        Shape: 'static,
    {
        const { refuse_captures::<F>() };
        self.pool.tasks().chunk_size(1).imap(function, items)
    }

    /// Takes nothing more. With `wait`, it returns when all that was submitted is done and the workers have ended. With
    /// `cancel_futures`, what this process has submitted and no worker has begun is cancelled.
    ///
    /// # Errors
    /// [`PoolError`]. That it is shut down already is no error.
    pub fn shutdown(&self, wait: bool, cancel_futures: bool) -> Result<(), PoolError> {
        if cancel_futures {
            driver::cancel_queued(self.pool.key());
        }
        self.pool.close()?;
        if wait { self.pool.join() } else { Ok(()) }
    }

    /// Gives the pool.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }
}

impl From<Pool> for Executor {
    fn from(pool: Pool) -> Executor {
        Executor { pool }
    }
}

impl ArchivedExecutor {
    /// Gives the handle.
    pub fn to_native(&self) -> Executor {
        Executor { pool: self.pool.to_native() }
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Executor({:?})", self.pool)
    }
}

impl fmt::Debug for ArchivedExecutor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_native().fmt(formatter)
    }
}
