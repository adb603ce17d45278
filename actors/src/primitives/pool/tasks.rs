//! Calls of a pool with options.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use procession_runtime::Endpoint;

use super::direct::Turn;
use super::errand::{Alone, Each};
use super::error::widen;
use super::feeder::{Feeder, Manner};
use super::imap::{Imap, ImapUnordered};
use super::job::MapJob;
use super::messages::Lost;
use super::stream::{self, Stream};
use super::{AsyncResult, Pool, PoolError, TaskError, driver};
use crate::function::refuse_captures;
use crate::routine::Routine;
use crate::{Data, Function};

/// Tasks for a pool, with options: [`Pool::tasks`] makes it.
///
/// # Example
/// ```no_run
/// # use std::time::Duration;
/// # use procession::prelude::*;
/// # use procession::Pool;
/// # fn measure(station: u32) -> f64 { f64::from(station) }
/// # fn show(pool: &Pool) -> procession::Result<()> {
/// let results = pool.tasks().chunk_size(1).timeout(Duration::from_secs(2)).map_each(measure, 0..100)?;
/// # Ok(()) }
/// ```
#[must_use = "nothing is done before one of the methods that take a function"]
pub struct Tasks<'a> {
    pool: &'a Pool,
    manner: Manner,
    progress: Option<Box<dyn FnMut(usize, usize) + 'a>>,
    /// Where the only task was given to a worker before.
    lost: Option<Lost>,
}

impl<'a> Tasks<'a> {
    pub(super) fn new(pool: &'a Pool) -> Tasks<'a> {
        Tasks { pool, manner: Manner::default(), progress: None, lost: None }
    }

    /// Says how many items a worker is given at a time, at least one. The default is a quarter of each worker's share, and,
    /// where the number of items is not known, few at first and more later.
    ///
    /// A chunk is split when it is larger than a MiB, or than a message may be. Small ones travel many together where all results
    /// are wanted together, and still go one by one to who is free.
    pub fn chunk_size(mut self, items: usize) -> Tasks<'a> {
        self.manner.chunk = Some(items.max(1));
        self
    }

    /// Says how long each task may take. One that takes longer is [`TaskError::TimedOut`], and its worker is killed and
    /// replaced; others are not affected. It ends after no less than `timeout`, and no more than twice that and 0.25 s.
    pub fn timeout(mut self, timeout: Duration) -> Tasks<'a> {
        self.manner.timeout = Some(timeout);
        self
    }

    /// Says that a task may be begun again by another worker if its worker dies. One that kills three workers in a row is
    /// [`TaskError::WorkerDied`] all the same.
    pub fn repeatable(mut self) -> Tasks<'a> {
        self.manner.repeatable = true;
        self
    }

    /// Has a function called each time that tasks are done, with their number, and with the number of all, as far as it is
    /// known: by [`map`](Tasks::map), [`map_each`](Tasks::map_each) and those that may fail.
    pub fn on_progress(mut self, progress: impl FnMut(usize, usize) + 'a) -> Tasks<'a> {
        self.progress = Some(Box::new(progress));
        self
    }

    fn feeder<F, Shape, I, R>(&self, function: F, items: I) -> Result<Feeder<I::IntoIter>, PoolError>
    where
        F: Function<I::Item, Shape, Output = R>,
        I: IntoIterator<Item: Data>,
        R: Data,
        Shape: 'static,
    {
        let routine = Routine::of::<F, Each<I::Item, Shape>>(function)?;
        let limit_bytes = Endpoint::of(self.pool.host().system)?.message_limit_bytes();
        Ok(Feeder::new(items.into_iter(), routine, self.manner.clone(), self.pool.workers(), limit_bytes))
    }

    fn stream<F, Shape, I, R>(&self, function: F, items: I) -> Result<Stream<I::IntoIter>, PoolError>
    where
        F: Function<I::Item, Shape, Output = R>,
        I: IntoIterator<Item: Data>,
        R: Data,
        Shape: 'static,
    {
        let feeder = self.feeder::<F, Shape, I, R>(function, items)?;
        Ok(Stream::new(self.pool, feeder))
    }

    /// Gives every outcome to `take`, in the order of the items, until that wants no more.
    fn gather<F, Shape, I, R>(
        mut self,
        function: F,
        items: I,
        mut take: impl FnMut(Result<R, TaskError>) -> bool,
    ) -> Result<(), PoolError>
    where
        F: Function<I::Item, Shape, Output = R>,
        I: IntoIterator<Item: Data>,
        R: Data,
        Shape: 'static,
    {
        let items = items.into_iter();
        let least = items.size_hint().0;
        let lost = self.lost.take();
        let feeder = self.feeder::<F, Shape, _, R>(function, items)?.joined().instead_of(lost);
        let mut stream = Stream::new(self.pool, feeder);
        let (mut next, mut done, mut stash) = (0, 0, BTreeMap::new());
        while let Some(answer) = stream.next(0)? {
            if let Some(progress) = &mut self.progress {
                let before = done;
                done += stream::count(&answer.pieces);
                let chunk = stream.chunk().unwrap_or(usize::MAX);
                let all = stream.sent().0.max(least);
                (before..done).step_by(chunk).for_each(|start| progress(done.min(start.saturating_add(chunk)), all));
            }
            stash.insert(answer.index, answer.pieces);
            while let Some(pieces) = stash.remove(&next) {
                next += 1;
                if !stream::read::<R>(pieces, &mut take)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// See [`Pool::map`].
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn map<F, Shape, I, R>(self, function: F, items: I) -> Result<Vec<R>, PoolError>
    where
        F: Function<I::Item, Shape, Output = R>,
        I: IntoIterator<Item: Data>,
        R: Data,
        Shape: 'static,
    {
        const { refuse_captures::<F>() };
        let (mut results, mut failed) = (Vec::new(), None);
        self.gather(function, items, |outcome| match outcome {
            Ok(result) => {
                results.push(result);
                true
            }
            Err(error) => {
                failed = Some(error);
                false
            }
        })?;
        match failed {
            Some(error) => Err(PoolError::Task { index: results.len(), error }),
            None => Ok(results),
        }
    }

    /// See [`Pool::starmap`].
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn starmap<F, Shape, I, R>(self, function: F, items: I) -> Result<Vec<R>, PoolError>
    where
        F: Function<I::Item, Shape, Output = R>,
        I: IntoIterator<Item: Data>,
        R: Data,
        Shape: 'static,
    {
        const { refuse_captures::<F>() };
        self.map(function, items)
    }

    /// See [`Pool::map_each`].
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn map_each<F, Shape, I, R>(self, function: F, items: I) -> Result<Vec<Result<R, TaskError>>, PoolError>
    where
        F: Function<I::Item, Shape, Output = R>,
        I: IntoIterator<Item: Data>,
        R: Data,
        Shape: 'static,
    {
        const { refuse_captures::<F>() };
        let mut results = Vec::new();
        self.gather(function, items, |outcome| {
            results.push(outcome);
            true
        })?;
        Ok(results)
    }

    /// See [`Pool::try_map`].
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn try_map<F, Shape, I, T, E>(self, function: F, items: I) -> Result<Vec<T>, PoolError<E>>
    where
        F: Function<I::Item, Shape, Output = Result<T, E>>,
        I: IntoIterator<Item: Data>,
        T: Data,
        E: Data,
        Shape: 'static,
    {
        const { refuse_captures::<F>() };
        let (mut values, mut failed) = (Vec::new(), None);
        let gathered = self.gather(function, items, |outcome| {
            match outcome.map_err(widen).and_then(|value| value.map_err(TaskError::Refused)) {
                Ok(value) => values.push(value),
                Err(error) => failed = Some(error),
            }
            failed.is_none()
        });
        gathered.map_err(|error| error.map_refusal(|never| match never {}))?;
        match failed {
            Some(error) => Err(PoolError::Task { index: values.len(), error }),
            None => Ok(values),
        }
    }

    /// See [`Pool::try_map_each`].
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn try_map_each<F, Shape, I, T, E>(
        self,
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
        let mut results = Vec::new();
        self.gather(function, items, |outcome| {
            results.push(outcome.map_err(widen).and_then(|value| value.map_err(TaskError::Refused)));
            true
        })?;
        Ok(results)
    }

    /// See [`Pool::imap`].
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn imap<F, Shape, I, R>(self, function: F, items: I) -> Result<Imap<I::IntoIter, R>, PoolError>
    where
        F: Function<I::Item, Shape, Output = R>,
        I: IntoIterator<Item: Data>,
        R: Data,
        Shape: 'static,
    {
        const { refuse_captures::<F>() };
        Ok(Imap::new(self.stream::<F, Shape, I, R>(function, items)?))
    }

    /// See [`Pool::imap_unordered`].
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn imap_unordered<F, Shape, I, R>(
        self,
        function: F,
        items: I,
    ) -> Result<ImapUnordered<I::IntoIter, R>, PoolError>
    where
        F: Function<I::Item, Shape, Output = R>,
        I: IntoIterator<Item: Data>,
        R: Data,
        Shape: 'static,
    {
        const { refuse_captures::<F>() };
        Ok(ImapUnordered::new(self.stream::<F, Shape, I, R>(function, items)?))
    }

    /// See [`Pool::apply`].
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn apply<F, Arguments, Shape, R>(mut self, function: F, arguments: Arguments) -> Result<R, PoolError>
    where
        F: Function<Arguments, Shape, Output = R>,
        Arguments: Data,
        R: Data,
        Shape: 'static,
    {
        const { refuse_captures::<F>() };
        // Only the foreman can end what takes too long.
        if self.manner.timeout.is_none()
            && self.progress.is_none()
            && let Some(turn) = Turn::take(self.pool)?
        {
            match turn.run(Routine::of::<F, Alone<Arguments, Shape>>(function)?, &arguments)? {
                Ok(result) => return result.map_err(|error| PoolError::Task { index: 0, error }),
                Err(lost) => self.lost = Some(lost),
            }
        }
        let was_lost = self.lost.is_some();
        let mut result = None;
        let gathered = self.gather(function, std::iter::once(arguments), |outcome| {
            result = Some(outcome);
            true
        });
        match gathered {
            // A pool that is closed does what it has taken; so it was terminated.
            Err(PoolError::Closed | PoolError::NoHost) if was_lost => return Err(PoolError::Terminated),
            gathered => gathered?,
        }
        let result = result.ok_or_else(|| PoolError::Unanswered("there is no result".into()))?;
        result.map_err(|error| PoolError::Task { index: 0, error })
    }

    /// See [`Pool::map_async`].
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn map_async<F, Shape, I, R>(self, function: F, items: I) -> Result<AsyncResult<Vec<R>>, PoolError>
    where
        F: Function<I::Item, Shape, Output = R>,
        I: IntoIterator<Item: Data, IntoIter: Send + 'static>,
        R: Data + Send,
        Shape: 'static,
    {
        const { refuse_captures::<F>() };
        let feeder = self.feeder::<F, Shape, I, R>(function, items)?.joined();
        driver::begin(self.pool, |promise| {
            MapJob::new(feeder, promise, |results: Vec<Result<R, TaskError>>| {
                let index_errors = |(index, outcome): (usize, Result<R, TaskError>)| {
                    outcome.map_err(|error| PoolError::Task { index, error })
                };
                results.into_iter().enumerate().map(index_errors).collect()
            })
        })
    }

    /// See [`Pool::apply_async`].
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn apply_async<F, Arguments, Shape, R>(
        self,
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
        let feeder = self.feeder::<F, Shape, _, R>(function, std::iter::once(arguments))?;
        driver::begin(self.pool, |promise| {
            MapJob::new(feeder, promise, |mut results: Vec<Result<R, TaskError>>| {
                let result = results.pop().ok_or_else(|| PoolError::Unanswered("there is no result".into()))?;
                result.map_err(|error| PoolError::Task { index: 0, error })
            })
        })
    }
}

impl fmt::Debug for Tasks<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tasks { pool, manner, .. } = self;
        formatter.debug_struct("Tasks").field("pool", pool).field("manner", manner).finish_non_exhaustive()
    }
}
