//! Results that come while nobody waits for them.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::driver::{self, Begun};
use super::{PoolError, TaskError};

type Outcome<T> = Result<T, PoolError>;

/// What is called with an outcome.
type Callback<T> = Box<dyn FnOnce(&Outcome<T>) + Send>;

/// What becomes known once.
struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// Known, and not taken.
    outcome: Option<Outcome<T>>,
    /// Whether it has become known.
    is_done: bool,
    /// Whether what became known is a cancellation.
    is_cancelled: bool,
    /// The thread whose callback looks at it just now.
    shown_by: Option<ThreadId>,
    callbacks: Vec<Callback<T>>,
}

/// The duty to say what becomes of something. Dropped, it says that nobody will.
pub(super) struct Promise<T>(Option<Arc<Shared<T>>>);

/// A result to come, of [`Pool::map_async`](crate::Pool::map_async) or [`Pool::apply_async`](crate::Pool::apply_async).
///
/// It can be sent to another thread. Dropped, it leaves the tasks alone.
pub struct AsyncResult<T> {
    shared: Arc<Shared<T>>,
    begun: Option<Begun>,
}

impl<T> AsyncResult<T> {
    /// Makes a result to come, and the duty to supply it.
    pub(super) fn pair() -> (AsyncResult<T>, Promise<T>) {
        let state = State { outcome: None, is_done: false, is_cancelled: false, shown_by: None, callbacks: Vec::new() };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        (AsyncResult { shared: shared.clone(), begun: None }, Promise(Some(shared)))
    }

    pub(super) fn set_begun(&mut self, begun: Begun) {
        self.begun = Some(begun);
    }

    /// Waits for the result, and takes it.
    ///
    /// # Errors
    /// [`PoolError`]; [`PoolError::Taken`] the second time.
    pub fn get(&self) -> Result<T, PoolError> {
        take(self.wait_until(None))
    }

    /// Waits for the result for up to `timeout`, and takes it.
    ///
    /// # Errors
    /// As [`get`](AsyncResult::get), and [`PoolError::Timeout`]; the tasks go on then.
    pub fn get_within(&self, timeout: Duration) -> Result<T, PoolError> {
        take(self.wait_until(Instant::now().checked_add(timeout)))
    }

    /// Waits until the result, or an error, is known.
    pub fn wait(&self) {
        drop(self.wait_until(None));
    }

    /// Waits until the result, or an error, is known, for up to `timeout`. Gives whether it is.
    pub fn wait_within(&self, timeout: Duration) -> bool {
        self.wait_until(Instant::now().checked_add(timeout)).is_done
    }

    /// Whether the result, or an error, is known.
    pub fn ready(&self) -> bool {
        self.shared.lock().is_done
    }

    /// Whether there is a result; `None` as long as that is not known, and when it has been taken.
    pub fn successful(&self) -> Option<bool> {
        let state = self.settled();
        state.outcome.as_ref().map(Result::is_ok)
    }

    /// The error, if it is known and there is one.
    pub fn error(&self) -> Option<PoolError> {
        let state = self.settled();
        state.outcome.as_ref().and_then(|outcome| outcome.as_ref().err().cloned())
    }

    /// Has a function called with the outcome: on the thread of this process that sees to such things, before anybody who waits
    /// gets it, or, if it is known already, here and now. It is not called if the result has been taken.
    ///
    /// It cannot wait for other such results, which come on the same thread, nor for the pool's end: that is
    /// [`PoolError::InCallback`]. A panic in it is logged.
    pub fn on_done(&self, callback: impl FnOnce(&Result<T, PoolError>) + Send + 'static) {
        let mut state = self.settled();
        if !state.is_done {
            return state.callbacks.push(Box::new(callback));
        }
        let Some(outcome) = state.outcome.take() else { return };
        state.shown_by = Some(thread::current().id());
        drop(state);
        call(Box::new(callback), &outcome);
        self.shared.put_back(outcome);
    }

    /// Drops the tasks that have not been begun, and ends those that have, by killing their workers. Gives whether the result
    /// was not known yet.
    pub fn cancel(&self) -> bool {
        let is_late = self.ready();
        if let Some(begun) = self.begun.as_ref().filter(|_| !is_late) {
            begun.cancel();
        }
        !is_late
    }

    /// Whether a worker has begun with it: for a single task.
    pub(super) fn is_running(&self) -> Result<bool, PoolError> {
        if self.ready() {
            return Ok(false);
        }
        self.begun.as_ref().map_or(Ok(false), Begun::is_running)
    }

    /// Whether it was cancelled.
    pub(super) fn is_cancelled(&self) -> bool {
        self.shared.lock().is_cancelled
    }

    fn settled(&self) -> MutexGuard<'_, State<T>> {
        let mut state = self.shared.lock();
        while state.is_shown_elsewhere() {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    fn wait_until(&self, deadline: Option<Instant>) -> MutexGuard<'_, State<T>> {
        let mut state = self.shared.lock();
        while !is_in_vain(&state) && (!state.is_done || state.shown_by.is_some()) {
            let changed = &self.shared.changed;
            state = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return state,
                Some(left) => changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        state
    }
}

/// Whether to wait would be to wait for this thread itself: in a callback.
fn is_in_vain<T>(state: &State<T>) -> bool {
    let is_own = state.shown_by.is_some() && !state.is_shown_elsewhere();
    is_own || !state.is_done && driver::is_here()
}

impl<T> State<T> {
    fn is_shown_elsewhere(&self) -> bool {
        self.shown_by.is_some_and(|thread| thread != thread::current().id())
    }
}

fn take<T>(mut state: MutexGuard<'_, State<T>>) -> Outcome<T> {
    if !state.is_done || state.shown_by.is_some() {
        return Err(if is_in_vain(&state) { PoolError::InCallback } else { PoolError::Timeout });
    }
    state.outcome.take().unwrap_or(Err(PoolError::Taken))
}

fn call<T>(callback: Callback<T>, outcome: &Outcome<T>) {
    if catch_unwind(AssertUnwindSafe(|| callback(outcome))).is_err() {
        tracing::error!("a callback for the result of a pool has panicked");
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_back(&self, outcome: Outcome<T>) {
        let mut state = self.lock();
        (state.outcome, state.is_done, state.shown_by) = (Some(outcome), true, None);
        drop(state);
        self.changed.notify_all();
    }

    /// Calls back everybody who wants it, then lets those have it who wait.
    fn fulfil(&self, outcome: Outcome<T>) {
        loop {
            let mut state = self.lock();
            if state.callbacks.is_empty() {
                let task = outcome.as_ref().err().and_then(PoolError::task);
                state.is_cancelled = task == Some(&TaskError::Cancelled);
                (state.outcome, state.is_done) = (Some(outcome), true);
                break;
            }
            let callbacks = std::mem::take(&mut state.callbacks);
            drop(state);
            callbacks.into_iter().for_each(|callback| call(callback, &outcome));
        }
        self.changed.notify_all();
    }
}

impl<T> Promise<T> {
    pub(super) fn fulfil(mut self, outcome: Outcome<T>) {
        if let Some(shared) = self.0.take() {
            shared.fulfil(outcome);
        }
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.fulfil(Err(PoolError::Unanswered("the thread that sees to it has ended".into())));
        }
    }
}

impl<T> fmt::Debug for AsyncResult<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AsyncResult").field("ready", &self.ready()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_result_is_called_back_then_taken_once() {
        let (result, promise) = AsyncResult::<u32>::pair();
        let (send, seen) = mpsc::channel();
        let other = send.clone();
        result.on_done(move |outcome| drop(send.send(outcome.clone())));
        result.on_done(|_| panic!("this is logged"));
        assert_eq!((result.ready(), result.successful()), (false, None));
        assert_eq!(result.get_within(Duration::from_millis(1)), Err(PoolError::Timeout));
        promise.fulfil(Ok(5));
        result.on_done(move |outcome| drop(other.send(outcome.clone())));
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [Ok(5), Ok(5)]);
        assert_eq!((result.ready(), result.successful()), (true, Some(true)));
        assert_eq!((result.get(), result.get()), (Ok(5), Err(PoolError::Taken)));
    }

    #[test]
    fn a_promise_that_is_dropped_is_an_error() {
        let (result, promise) = AsyncResult::<u32>::pair();
        let waiter = std::thread::spawn(move || result.get());
        drop(promise);
        assert!(matches!(waiter.join().expect("no panic"), Err(PoolError::Unanswered(_))));
    }
}
