//! Futures, and how to wait for several of them.

use std::fmt;
use std::iter::FusedIterator;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use super::{AsyncResult, PoolError};

/// What a submitted function will return; [`Executor::submit`](crate::Executor::submit) makes it.
///
/// It can be sent to another thread. Dropped, it leaves the task alone.
pub struct Future<R> {
    result: AsyncResult<R>,
}

impl<R: Send + 'static> Future<R> {
    pub(super) fn new(result: AsyncResult<R>) -> Future<R> {
        Future { result }
    }

    /// Waits for what the function returns, and takes it.
    ///
    /// # Errors
    /// [`PoolError::Task`] if the task has failed or was cancelled; [`PoolError::Taken`] the second time; other
    /// [`PoolError`]s.
    pub fn result(&self) -> Result<R, PoolError> {
        self.result.get()
    }

    /// Waits for what the function returns for up to `timeout`, and takes it.
    ///
    /// # Errors
    /// As [`result`](Future::result), and [`PoolError::Timeout`]; the task goes on then.
    pub fn result_within(&self, timeout: Duration) -> Result<R, PoolError> {
        self.result.get_within(timeout)
    }

    /// Waits until the task is done, and gives its error, if there is one. The result can still be taken.
    pub fn error(&self) -> Option<PoolError> {
        self.result.wait();
        self.result.error()
    }

    /// Cancels the task; if a worker has begun with it, the worker is killed. Gives whether it is cancelled: it is not if it was
    /// done before.
    ///
    /// It waits until that is known; not to be called in a callback.
    pub fn cancel(&self) -> bool {
        self.result.cancel();
        self.result.wait();
        self.result.is_cancelled()
    }

    /// Whether the task was cancelled.
    pub fn cancelled(&self) -> bool {
        self.result.is_cancelled()
    }

    /// Whether a worker has begun with the task, and is not known to be done.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn running(&self) -> Result<bool, PoolError> {
        self.result.is_running()
    }

    /// Whether the task is done: by a result, an error or a cancellation.
    pub fn done(&self) -> bool {
        self.result.ready()
    }

    /// Has a function called with the outcome; see [`AsyncResult::on_done`].
    pub fn add_done_callback(&self, callback: impl FnOnce(&Result<R, PoolError>) + Send + 'static) {
        self.result.on_done(callback);
    }
}

impl<R> fmt::Debug for Future<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Future").field("done", &self.result.ready()).finish_non_exhaustive()
    }
}

/// What [`wait()`] waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitFor {
    /// One of the futures is done.
    FirstCompleted,
    /// One has an error or is cancelled, or all are done.
    FirstException,
    /// All are done.
    AllCompleted,
}

/// What [`wait()`] gives: the futures, sorted.
#[derive(Debug)]
pub struct Waited<R> {
    /// Those that are done.
    pub done: Vec<Future<R>>,
    /// Those that are not.
    pub not_done: Vec<Future<R>>,
}

/// Waits for futures, of whichever executors, for up to `timeout` if there is one, and sorts them.
pub fn wait<R: Send + 'static>(
    futures: impl IntoIterator<Item = Future<R>>,
    until: WaitFor,
    timeout: Option<Duration>,
) -> Waited<R> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let futures: Vec<Future<R>> = futures.into_iter().collect();
    let notices = notices(&futures);
    let mut left = futures.len();
    while left > 0 {
        let Some((index, is_error)) = next(&notices, deadline) else { break };
        // Its thread has said so, and is about to let it be seen.
        futures[index].result.wait();
        left -= 1;
        if until == WaitFor::FirstCompleted || until == WaitFor::FirstException && is_error {
            break;
        }
    }
    let (done, not_done) = futures.into_iter().partition(Future::done);
    Waited { done, not_done }
}

/// Gives futures in the order in which they are done.
pub fn as_completed<R: Send + 'static>(futures: impl IntoIterator<Item = Future<R>>) -> AsCompleted<R> {
    let futures: Vec<Future<R>> = futures.into_iter().collect();
    let notices = notices(&futures);
    AsCompleted { futures: futures.into_iter().map(Some).collect(), notices, deadline: None }
}

/// Futures in the order in which they are done; [`as_completed()`] makes it.
#[derive(Debug)]
pub struct AsCompleted<R> {
    futures: Vec<Option<Future<R>>>,
    notices: Receiver<(usize, bool)>,
    deadline: Option<Instant>,
}

impl<R> AsCompleted<R> {
    /// Gives no more when this time, from now, is over.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> AsCompleted<R> {
        self.deadline = Instant::now().checked_add(timeout);
        self
    }
}

impl<R: Send + 'static> Iterator for AsCompleted<R> {
    type Item = Future<R>;

    fn next(&mut self) -> Option<Future<R>> {
        let (index, _) = next(&self.notices, self.deadline)?;
        let future = self.futures[index].take()?;
        future.result.wait();
        Some(future)
    }
}

impl<R: Send + 'static> FusedIterator for AsCompleted<R> {}

/// Says of each future, when it is done, which it is and whether it has an error.
fn notices<R: Send + 'static>(futures: &[Future<R>]) -> Receiver<(usize, bool)> {
    let (tell, notices) = mpsc::channel();
    for (index, future) in futures.iter().enumerate() {
        let tell = tell.clone();
        future.add_done_callback(move |outcome| {
            // Nobody may want to know any more.
            let _ = tell.send((index, outcome.is_err()));
        });
    }
    notices
}

/// Waits for the next notice; `None` when the time is over or no more come.
fn next(notices: &Receiver<(usize, bool)>, deadline: Option<Instant>) -> Option<(usize, bool)> {
    match deadline {
        None => notices.recv().ok(),
        Some(deadline) => notices.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok(),
    }
}
