//! Handles on straight-line processes.

use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use bytes::Bytes;
use procession_runtime::{Arrived, Ended, Endpoint, ProcessId, Status};

use crate::{Data, Exit, JoinError, Monitor, RuntimeError, payload, signal};

/// The methods that both kinds of children have, for a type with a field `id`.
macro_rules! child_methods {
    () => {
        /// Whether the process runs.
        ///
        /// # Errors
        /// [`RuntimeError`].
        pub fn is_alive(&self) -> Result<bool, RuntimeError> {
            Ok(status(self.id)?.is_some_and(|status| status.alive))
        }

        /// Gives the process id; `None` when it has ended.
        ///
        /// # Errors
        /// [`RuntimeError`].
        pub fn pid(&self) -> Result<Option<i32>, RuntimeError> {
            Ok(status(self.id)?.and_then(|status| status.pid))
        }

        /// Asks the process to stop; if it has not ended by its stop deadline, it is killed. This returns at once.
        ///
        /// # Errors
        /// [`RuntimeError`].
        pub fn stop(&self) -> Result<(), RuntimeError> {
            Endpoint::of(self.id.system)?.stop(self.id)
        }

        /// Sends the process SIGTERM.
        ///
        /// # Errors
        /// [`RuntimeError`].
        pub fn terminate(&self) -> Result<(), RuntimeError> {
            signal::terminate(self.id)
        }

        /// Sends the process SIGKILL.
        ///
        /// # Errors
        /// [`RuntimeError`].
        pub fn kill(&self) -> Result<(), RuntimeError> {
            signal::kill(self.id)
        }

        /// Watches the process.
        ///
        /// # Errors
        /// [`RuntimeError`].
        pub fn monitor(&self) -> Result<Monitor, RuntimeError> {
            Monitor::new(self.id)
        }

        /// Gives the address of the process.
        pub fn id(&self) -> ProcessId {
            self.id
        }
    };
}

/// A process that runs a function which returns a `T`. Dropping it leaves the process alone.
pub struct Child<T> {
    id: ProcessId,
    value: PhantomData<fn() -> T>,
}

impl<T: Data> Child<T> {
    pub(crate) fn new(id: ProcessId) -> Child<T> {
        Child { id, value: PhantomData }
    }

    /// Waits until the process has ended, and gives what its function returned.
    ///
    /// # Errors
    /// [`JoinError::Ended`] if it ended in another way than by returning: a panic, a signal, `exit`.
    pub fn join(&self) -> Result<T, JoinError> {
        read(join(self.id, None)?)
    }

    /// Waits as [`join`](Child::join) does, for up to `timeout`.
    ///
    /// # Errors
    /// As [`join`](Child::join), and [`JoinError::Timeout`] if the process goes on running.
    pub fn join_within(&self, timeout: Duration) -> Result<T, JoinError> {
        read(join(self.id, Instant::now().checked_add(timeout))?)
    }

    child_methods!();
}

/// A process that runs a function which returns a `Result<T, E>`. Dropping it leaves the process alone.
pub struct TryChild<T, E> {
    id: ProcessId,
    value: PhantomData<fn() -> Result<T, E>>,
}

impl<T: Data, E: Data> TryChild<T, E> {
    pub(crate) fn new(id: ProcessId) -> TryChild<T, E> {
        TryChild { id, value: PhantomData }
    }

    /// Waits until the process has ended, and gives what its function returned.
    ///
    /// # Errors
    /// [`JoinError::Refused`] with the function's own error; [`JoinError::Ended`] if the process ended in another way
    /// than by returning.
    pub fn join(&self) -> Result<T, JoinError<E>> {
        read::<Result<T, E>, E>(join(self.id, None)?)?.map_err(JoinError::Refused)
    }

    /// Waits as [`join`](TryChild::join) does, for up to `timeout`.
    ///
    /// # Errors
    /// As [`join`](TryChild::join), and [`JoinError::Timeout`] if the process goes on running.
    pub fn join_within(&self, timeout: Duration) -> Result<T, JoinError<E>> {
        let ended = join(self.id, Instant::now().checked_add(timeout))?;
        read::<Result<T, E>, E>(ended)?.map_err(JoinError::Refused)
    }

    child_methods!();
}

type Joined = (Ended, Option<Bytes>);

fn join<E>(id: ProcessId, deadline: Option<Instant>) -> Result<Joined, JoinError<E>> {
    Ok(Endpoint::of(id.system)?.join(id, deadline)?)
}

/// Reads the value of a process that has returned one.
fn read<T: Data, E>((ended, value): Joined) -> Result<T, JoinError<E>> {
    match (&ended.exit, value) {
        (Exit::Normal | Exit::Failed(_), Some(value)) => {
            payload::open_anywhere(&value, &Arrived::default()).map_err(JoinError::Invalid)
        }
        _ => Err(JoinError::Ended(ended)),
    }
}

fn status(id: ProcessId) -> Result<Option<Status>, RuntimeError> {
    Endpoint::of(id.system)?.status(id)
}

/// What the supervisor keeps for a handle, it keeps no longer than that.
fn forget(id: ProcessId) {
    if let Ok(endpoint) = Endpoint::of(id.system) {
        endpoint.forget_process(id);
    }
}

impl<T> Drop for Child<T> {
    fn drop(&mut self) {
        forget(self.id);
    }
}

impl<T, E> Drop for TryChild<T, E> {
    fn drop(&mut self) {
        forget(self.id);
    }
}

impl<T> fmt::Debug for Child<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Child({})", self.id)
    }
}

impl<T, E> fmt::Debug for TryChild<T, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TryChild({})", self.id)
    }
}

impl<T> From<&Child<T>> for ProcessId {
    fn from(child: &Child<T>) -> ProcessId {
        child.id
    }
}

impl<T, E> From<&TryChild<T, E>> for ProcessId {
    fn from(child: &TryChild<T, E>) -> ProcessId {
        child.id
    }
}
