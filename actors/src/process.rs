//! Straight-line processes: a function in a process of its own.

use std::fmt;
use std::marker::PhantomData;

use procession_runtime::Entry;

use crate::builder::{Plan, option_methods};
use crate::function::{Straight, StraightTry};
use crate::payload::Packed;
use crate::{Child, Data, Function, SpawnError, TryChild};

/// A process to be that runs one function: takes options, then [`start`](ProcessBuilder::start)s it.
///
/// [`System::process`](crate::System::process) makes it.
#[must_use = "nothing is started before `start`"]
pub struct ProcessBuilder<T> {
    pub(crate) plan: Plan,
    value: PhantomData<fn() -> T>,
}

impl<T: Data> ProcessBuilder<T> {
    pub(crate) fn new<F, Arguments, Shape>(system: u64, function: F, arguments: &Arguments) -> ProcessBuilder<T>
    where
        F: Function<Arguments, Shape, Output = T>,
        Arguments: Data,
        Shape: 'static,
    {
        let entry = Entry::of_function::<F, Straight<Arguments, Shape>>(function);
        ProcessBuilder { plan: Plan::new(system, entry, Packed::new(arguments), true), value: PhantomData }
    }

    /// Starts the process.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing is left of the process then.
    pub fn start(self) -> Result<Child<T>, SpawnError> {
        self.plan.start().map(Child::new)
    }

    option_methods!();
}

/// A process to be that runs one function which may fail; see [`ProcessBuilder`].
///
/// [`System::try_process`](crate::System::try_process) makes it.
#[must_use = "nothing is started before `start`"]
pub struct TryProcessBuilder<T, E> {
    pub(crate) plan: Plan,
    value: PhantomData<fn() -> Result<T, E>>,
}

impl<T: Data, E: Data + fmt::Display> TryProcessBuilder<T, E> {
    pub(crate) fn new<F, Arguments, Shape>(system: u64, function: F, arguments: &Arguments) -> TryProcessBuilder<T, E>
    where
        F: Function<Arguments, Shape, Output = Result<T, E>>,
        Arguments: Data,
        Shape: 'static,
    {
        let entry = Entry::of_function::<F, StraightTry<Arguments, Shape>>(function);
        TryProcessBuilder { plan: Plan::new(system, entry, Packed::new(arguments), true), value: PhantomData }
    }

    /// Starts the process.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing is left of the process then.
    pub fn start(self) -> Result<TryChild<T, E>, SpawnError> {
        self.plan.start().map(TryChild::new)
    }

    option_methods!();
}

impl<T> fmt::Debug for ProcessBuilder<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ProcessBuilder").field("options", &self.plan.options).finish_non_exhaustive()
    }
}

impl<T, E> fmt::Debug for TryProcessBuilder<T, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TryProcessBuilder").field("options", &self.plan.options).finish_non_exhaustive()
    }
}
