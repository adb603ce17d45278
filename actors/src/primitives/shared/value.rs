//! The handle on a shared value.

use std::fmt;
use std::marker::PhantomData;

use rkyv::{Archive, Deserialize, Serialize};

use super::edit::Edit;
use super::held::{Held, HeldOperation};
use super::in_place::InPlace;
use super::number::Number;
use super::remote::Remote;
use super::{SharedError, open};
use crate::function::refuse_captures;
use crate::primitives::blob::Blob;
use crate::{Data, Home, ProcessId};

/// A value that processes share: any data, which any of them reads and changes.
///
/// The handle is plain data: clone it, use it from any thread, send it in messages and arguments. The value is in a process
/// of its own, or in that of a [`Manager`](crate::Manager); see [`primitives::shared`](crate::primitives::shared) for the
/// protocol, and for what happens when somebody dies.
///
/// Each method is one question to the host, and is done whole or not at all. Integers of up to 64 bits are in memory that the
/// host shares with its users: [`get`](Value::get), [`set`](Value::set), [`fetch_add`](Value::fetch_add) and
/// [`fetch_sub`](Value::fetch_sub) need no question then, and keep to the same rules. (Those of 64 bits that are furthest from
/// 0, beyond 62 bits and a sign, are asked for.)
///
/// Between a [`get`](Value::get) and a [`set`](Value::set) others may have come: what reads and writes is an [`update`](Value::update) or a
/// [`fetch_add`](Value::fetch_add), or happens under a [`Lock`](crate::Lock).
///
/// # Example
/// ```no_run
/// use procession::Value;
/// use procession::prelude::*;
///
/// fn count(counter: Value<u64>) -> Result<(), Failure> {
///     for _ in 0..1000 {
///         counter.fetch_add(1)?;
///     }
///     Ok(())
/// }
///
/// #[procession::main]
/// fn main() -> procession::Result<()> {
///     let system = System::start()?;
///     let counter = Value::new(&system, 0)?;
///     let one = system.try_process(count, counter.clone()).start()?;
///     let other = system.try_process(count, counter.clone()).start()?;
///     (one.join()?, other.join()?);
///     assert_eq!(counter.get()?, 2000);
///     assert_eq!(counter.update(|value, factor| { *value *= factor; *value % 7 }, 3)?, 1);
///     system.shutdown()
/// }
/// ```
#[derive(Archive, Serialize, Deserialize)]
pub struct Value<T> {
    remote: Remote<Held>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Data> Value<T> {
    /// Shares a value.
    ///
    /// # Errors
    /// [`SharedError::Spawn`]; nothing is left of it then.
    pub fn new(home: &impl Home, value: T) -> Result<Value<T>, SharedError> {
        Ok(Value::over(Remote::start(home, Blob::pack(&value)?, "value")?))
    }

    fn over(remote: Remote<Held>) -> Value<T> {
        Value { remote, kind: PhantomData }
    }

    /// Gives the value as it is now.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn get(&self) -> Result<T, SharedError> {
        if let Some(value) = self.in_place().get()? {
            return Ok(value);
        }
        self.remote.act(HeldOperation::Get).and_then(item)
    }

    /// Sets the value.
    ///
    /// # Errors
    /// [`SharedError`]; the value is as before, except after [`HostDied`](SharedError::HostDied) and the like.
    pub fn set(&self, value: T) -> Result<(), SharedError> {
        if let Some(()) = self.in_place().set(&value)? {
            return Ok(());
        }
        self.remote.act(HeldOperation::Set(Blob::pack(&value)?)).map(drop)
    }

    /// Sets the value, and gives the one before.
    ///
    /// # Errors
    /// As [`set`](Value::set).
    pub fn replace(&self, value: T) -> Result<T, SharedError> {
        self.remote.act(HeldOperation::Replace(Blob::pack(&value)?)).and_then(item)
    }

    /// Has the host call a function with the value and an argument; gives what the function returns.
    ///
    /// The function must capture nothing; see [`Function`](crate::Function). One that needs no argument gets `()`. As long as
    /// it runs, everybody else waits; if it asks the same host for something, it is refused as a deadlock.
    ///
    /// # Errors
    /// [`SharedError::Panicked`] if the function panics, and others; the value is as before.
    pub fn update<F, A, R>(&self, function: F, argument: A) -> Result<R, SharedError>
    where
        F: Fn(&mut T, A) -> R + Copy + 'static,
        A: Data,
        R: Data,
    {
        const { refuse_captures::<F>() };
        self.edit(Edit::of_value(function, &argument)?)
    }

    #[inline]
    fn in_place(&self) -> InPlace<'_, Held, T> {
        InPlace::new(&self.remote, 0)
    }

    fn edit<R: Data>(&self, edit: Edit) -> Result<R, SharedError> {
        self.remote.act(HeldOperation::Edit(edit)).and_then(item)
    }

    /// Gives a handle on the value that a restarted host holds, which is the initial one again.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn renew(&self) -> Result<Value<T>, SharedError> {
        self.remote.renew().map(Value::over)
    }
}

impl<T: Number> Value<T> {
    /// Adds to the value; gives the one before.
    ///
    /// # Errors
    /// [`SharedError::Overflow`] if the type cannot hold the sum, and others; the value is as before.
    pub fn fetch_add(&self, number: T) -> Result<T, SharedError> {
        if let Some(before) = self.in_place().change(|value| value.sum(number))? {
            return Ok(before);
        }
        self.edit(Edit::add(number)?)
    }

    /// Subtracts from the value; gives the one before.
    ///
    /// # Errors
    /// As [`fetch_add`](Value::fetch_add).
    pub fn fetch_sub(&self, number: T) -> Result<T, SharedError> {
        if let Some(before) = self.in_place().change(|value| value.difference(number))? {
            return Ok(before);
        }
        self.edit(Edit::subtract(number)?)
    }
}

super::handle_traits!(Value<T>, ArchivedValue);

fn item<T: Data>(answer: Option<Blob>) -> Result<T, SharedError> {
    open(&answer.ok_or_else(|| SharedError::senseless(&"nothing"))?)
}
