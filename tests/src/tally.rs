//! Work that one at a time may do.

use procession::prelude::*;
use procession::{Home, Value};

/// What users of a lock count together: how often they have begun and ended their work, with the lock held.
#[data]
#[derive(Debug, Clone)]
pub struct Tally {
    /// How much work has been begun.
    pub begun: Value<u64>,
    /// How much of it has been ended.
    pub ended: Value<u64>,
}

impl Tally {
    /// Makes one.
    ///
    /// # Panics
    /// If there is no process for it to be had.
    pub fn new(home: &impl Home) -> Tally {
        Tally { begun: Value::new(home, 0).expect("a value"), ended: Value::new(home, 0).expect("a value") }
    }

    /// Works: what is read is set with something in between, so two at a time lose work.
    ///
    /// # Panics
    /// If somebody else is at work.
    pub fn work(&self) {
        let begun = self.begun.get().expect("it lives");
        self.begun.set(begun + 1).expect("it lives");
        let ended = self.ended.get().expect("it lives");
        assert_eq!(ended, begun, "somebody else is at work");
        self.ended.set(ended + 1).expect("it lives");
    }

    /// Forgets what is half done.
    ///
    /// # Panics
    /// If its host has ended.
    pub fn forget(&self) {
        self.ended.set(self.begun.get().expect("it lives")).expect("it lives");
    }

    /// Says how much work is half done.
    ///
    /// # Panics
    /// If its host has ended.
    pub fn half_done(&self) -> u64 {
        self.begun.get().expect("it lives") - self.ended.get().expect("it lives")
    }
}
