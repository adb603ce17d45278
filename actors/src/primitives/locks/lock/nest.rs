//! The reentrant locks that this thread has taken without asking, and how often.
//!
//! The word of such a lock says which process holds it, under which number. Which thread that is, and how often it has acquired
//! the lock since, only that thread needs to know.

use std::cell::RefCell;
use std::mem::ManuallyDrop;

use crate::primitives::near::Life;

/// A lock that this thread holds, and what it has acquired of it.
struct Nest {
    lock: Life,
    /// The number under which the word is held.
    word: u64,
    /// Whether what was acquired first, under the word's number, is held yet.
    has_first: bool,
    /// What was acquired later, the last one last.
    others: Vec<u64>,
}

/// All of them.
struct Nests {
    /// One needs no memory of its own.
    one: Option<Nest>,
    more: Vec<Nest>,
}

thread_local! {
    /// Never dropped, so that guards which are dropped as the thread ends find it. It needs memory only while a lock is held.
    static NESTS: ManuallyDrop<RefCell<Nests>> =
        const { ManuallyDrop::new(RefCell::new(Nests { one: None, more: Vec::new() })) };
}

/// What is to be done after something was released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Released {
    /// It was the last: the word is to be given back, which is held under this number.
    Last(u64),
    /// The lock is still held.
    Inner,
    /// This thread has not taken it without asking.
    NotHere,
}

/// Notes that this thread has taken a lock under a number.
#[inline]
pub(super) fn begin(lock: Life, number: u64) {
    let nest = Nest { lock, word: number, has_first: true, others: Vec::new() };
    with(|nests| match nests.one {
        None => nests.one = Some(nest),
        Some(_) => nests.more.push(nest),
    });
}

/// Whether this thread has taken a lock.
#[inline]
pub(super) fn holds(lock: Life) -> bool {
    with(|nests| nests.find(lock).is_some())
}

/// Notes that this thread has acquired a lock again, which it has taken.
pub(super) fn enter(lock: Life, number: u64) {
    with(|nests| nests.find(lock).into_iter().for_each(|nest| nest.others.push(number)));
}

/// Releases what was acquired under a number.
#[inline]
pub(super) fn leave(lock: Life, number: u64) -> Released {
    with(|nests| {
        // What is most frequent first: one lock, held once. A number is not used again, so it names the lock, too.
        if nests.one.as_ref().is_some_and(|nest| nest.word == number && nest.has_first && nest.others.is_empty()) {
            nests.one = None;
            return Released::Last(number);
        }
        let Some(nest) = nests.find(lock) else { return Released::NotHere };
        if nest.has_first && nest.word == number {
            nest.has_first = false;
        } else if let Some(place) = nest.others.iter().position(|other| *other == number) {
            nest.others.remove(place);
        } else {
            return Released::NotHere;
        }
        nests.settle(lock)
    })
}

/// Releases what this thread has acquired last.
pub(super) fn leave_last(lock: Life) -> Released {
    with(|nests| {
        let Some(nest) = nests.find(lock) else { return Released::NotHere };
        if nest.others.pop().is_none() {
            nest.has_first = false;
        }
        nests.settle(lock)
    })
}

impl Nests {
    #[inline]
    fn find(&mut self, lock: Life) -> Option<&mut Nest> {
        match &mut self.one {
            Some(nest) if nest.lock == lock => Some(nest),
            _ => self.more.iter_mut().find(|nest| nest.lock == lock),
        }
    }

    /// Forgets a lock if nothing that was acquired is held any more.
    #[inline]
    fn settle(&mut self, lock: Life) -> Released {
        let is_over = |nest: &Nest| nest.lock == lock && !nest.has_first && nest.others.is_empty();
        if let Some(nest) = self.one.take_if(|nest| is_over(nest)) {
            return Released::Last(nest.word);
        }
        let Some(place) = self.more.iter().position(is_over) else { return Released::Inner };
        let nest = self.more.swap_remove(place);
        if self.more.is_empty() {
            self.more = Vec::new();
        }
        Released::Last(nest.word)
    }
}

#[inline]
fn with<R>(act: impl FnOnce(&mut Nests) -> R) -> R {
    // Nothing in here calls anybody else's code.
    NESTS.with(|nests| act(&mut nests.borrow_mut()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProcessId;

    #[test]
    fn a_lock_is_held_until_all_is_released_in_whatever_order() {
        let locks: [Life; 3] = [1, 2, 3].map(|epoch| (ProcessId::root(7), epoch));
        for lock in locks {
            assert!(!holds(lock));
            assert_eq!((leave(lock, 1), leave_last(lock)), (Released::NotHere, Released::NotHere));
            begin(lock, 1);
            enter(lock, 2);
            enter(lock, 3);
            assert!(holds(lock));
        }
        let [first, second, third] = locks;
        assert_eq!(
            (leave(first, 1), leave(first, 1)),
            (Released::Inner, Released::NotHere),
            "once released is released"
        );
        assert_eq!((leave(first, 3), leave(first, 2)), (Released::Inner, Released::Last(1)));
        assert_eq!((leave_last(second), leave(second, 3)), (Released::Inner, Released::NotHere));
        assert_eq!((leave(second, 2), leave_last(second)), (Released::Inner, Released::Last(1)));
        assert_eq!(
            (leave_last(third), leave_last(third), leave_last(third)),
            (Released::Inner, Released::Inner, Released::Last(1))
        );
        assert!(locks.into_iter().all(|lock| !holds(lock)));
        assert_eq!(with(|nests| nests.more.capacity()), 0);
    }
}
