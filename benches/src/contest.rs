//! What a side of a line implements, and the two sides together.
//!
//! A side is made by a function that gets the [`Pinning`] of the line, before the bench process itself is pinned; it starts the
//! processes it needs, puts them where the pinning says, and owns them until it is dropped. It is made afresh a few times in the
//! course of a line. The clock is read by the caller, the same way for both sides.

use crate::failure::Failure;
use crate::pinning::Pinning;
use std::fmt;

/// Work that is timed one by one: its figure is a latency.
///
/// Every `FnMut() -> Result<(), Failure>` is one.
pub trait Operation {
    /// Does the work once. This is what the clock sees.
    ///
    /// # Errors
    ///
    /// Any failure ends the line.
    fn run(&mut self) -> Result<(), Failure>;

    /// Cleans up after a round, unseen by the clock.
    ///
    /// # Errors
    ///
    /// Any failure ends the line.
    fn settle(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

impl<F: FnMut() -> Result<(), Failure>> Operation for F {
    fn run(&mut self) -> Result<(), Failure> {
        self()
    }
}

/// Work that is timed by the burst: its figure is a rate, or the mean time of one operation.
///
/// Every `FnMut(u64) -> Result<(), Failure>` is one.
pub trait Burst {
    /// Does the work `operations` times and returns when the last one has arrived. This is what the clock sees.
    ///
    /// # Errors
    ///
    /// Any failure ends the line.
    fn run(&mut self, operations: u64) -> Result<(), Failure>;

    /// Cleans up after a burst, unseen by the clock.
    ///
    /// # Errors
    ///
    /// Any failure ends the line.
    fn settle(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

impl<F: FnMut(u64) -> Result<(), Failure>> Burst for F {
    fn run(&mut self, operations: u64) -> Result<(), Failure> {
        self(operations)
    }
}

/// A figure that is read and not timed: memory, or processor time.
///
/// Every `FnMut() -> Result<f64, Failure>` is one.
pub trait Reading {
    /// Reads the figure once.
    ///
    /// # Errors
    ///
    /// Any failure ends the line.
    fn read(&mut self) -> Result<f64, Failure>;
}

impl<F: FnMut() -> Result<f64, Failure>> Reading for F {
    fn read(&mut self) -> Result<f64, Failure> {
        self()
    }
}

type Maker<T> = Box<dyn Fn(&Pinning) -> Result<Box<T>, Failure>>;

/// The two sides of a line, not yet started.
pub struct Pair<T: ?Sized> {
    /// Makes the raw side, or Python's.
    pub(crate) floor: Maker<T>,
    /// Makes ours; a line without it shows its floor only.
    pub(crate) ours: Option<Maker<T>>,
}

impl<T: ?Sized> Pair<T> {
    /// Makes a pair that has only its floor so far.
    pub fn new(floor: impl Fn(&Pinning) -> Result<Box<T>, Failure> + 'static) -> Self {
        Pair { floor: Box::new(floor), ours: None }
    }

    /// Adds our side.
    #[must_use]
    pub fn ours(mut self, ours: impl Fn(&Pinning) -> Result<Box<T>, Failure> + 'static) -> Self {
        self.ours = Some(Box::new(ours));
        self
    }
}

impl<T: ?Sized> fmt::Debug for Pair<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("has_ours", &self.ours.is_some()).finish_non_exhaustive()
    }
}

/// What a line compares.
#[derive(Debug)]
pub enum Contest {
    /// The time of one operation, in nanoseconds.
    Latency(Pair<dyn Operation>),
    /// Operations per second.
    Rate(Pair<dyn Burst>),
    /// The mean time of one operation in a burst, in nanoseconds: for latencies of a side that is told of bursts only.
    Pace(Pair<dyn Burst>),
    /// Memory, in KiB.
    Memory(Pair<dyn Reading>),
    /// Processor time used, in milliseconds per second.
    Load(Pair<dyn Reading>),
}
