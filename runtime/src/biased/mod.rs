//! A lock that one thread takes nearly always: its *owner*, the thread that has made it.
//!
//! A mutex takes two atomic steps each time, which are most of what a small message costs its sender. Here the owner comes in by
//! plain writes: it says that it is in, and looks whether others want to be. Who wants to be says so, and has the kernel see to
//! it that every thread of the process passes a barrier (membarrier(2)): from then on either the owner is seen to be in, or it sees that
//! it has to queue. So all of the cost is theirs, some 10 µs if the owner runs just then. Until the owner has been alone for
//! as many times as make up for that, it queues for the mutex behind them. (D. Dice, M. Moir, W. Scherer: Quickly reacquirable
//! locks, 2003.)
//!
//! Where the kernel has no such barrier, the owner passes one of its own each time.

mod sys;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use self::sys::{Biased, Held, Own, prepare};

/// After so many times alone the owner need not queue any more: what it saves then is what the next barrier costs.
const TIMES_ALONE: u32 = 1024;

/// A flag in memory that other threads see.
trait Flag {
    fn load(&self, order: Ordering) -> bool;

    fn store(&self, is_set: bool, order: Ordering);
}

impl Flag for AtomicBool {
    #[inline(always)]
    fn load(&self, order: Ordering) -> bool {
        AtomicBool::load(self, order)
    }

    #[inline(always)]
    fn store(&self, is_set: bool, order: Ordering) {
        AtomicBool::store(self, is_set, order);
    }
}

/// What the owner and the others tell each other. The others, and the owner when it queues, have a mutex among them.
#[derive(Debug, Default)]
struct Flags<F> {
    /// The owner is in. Only it sets this.
    inside: F,
    /// The owner has to queue. Set and reset only by who has the mutex.
    queues: F,
}

impl<F: Flag> Flags<F> {
    /// The owner comes in, if it need not queue; `barrier`: what it has done before is seen before what it does behind is done.
    #[inline(always)]
    fn come_in(&self, barrier: impl FnOnce()) -> bool {
        self.inside.store(true, Ordering::Relaxed);
        barrier();
        if !self.queues.load(Ordering::Acquire) {
            return true;
        }
        self.leave();
        false
    }

    /// The owner, who has the mutex, is in, and stays so when it has given the mutex back.
    fn stay(&self) {
        self.inside.store(true, Ordering::Relaxed);
    }

    /// The owner leaves.
    #[inline(always)]
    fn leave(&self) {
        self.inside.store(false, Ordering::Release);
    }

    /// Whether this thread, which is the owner, is in.
    #[inline(always)]
    fn is_inside(&self) -> bool {
        self.inside.load(Ordering::Relaxed)
    }

    /// Somebody else, who has the mutex, wants to be in, and is as soon as the owner [has left](Flags::has_left); `barrier`: what
    /// has been done before is seen by the owner before that does anything more, and what it had done is seen here.
    fn claim(&self, barrier: impl FnOnce()) {
        if !self.queues.load(Ordering::Relaxed) {
            self.queues.store(true, Ordering::Relaxed);
            barrier();
        }
    }

    /// Whether the owner is out; it stays out until the mutex is free.
    fn has_left(&self) -> bool {
        !self.inside.load(Ordering::Acquire)
    }

    /// The owner, who has the mutex, need not queue any more.
    fn dismiss(&self) {
        self.queues.store(false, Ordering::Relaxed);
    }
}
