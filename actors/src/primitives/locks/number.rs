//! Numbers of this process's threads and calls.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many numbers of calls a thread takes at a time.
const BLOCK: u64 = 256;

/// Numbers this process's threads; a number is not used again.
pub(super) fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    thread_local! {
        static NUMBER: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // In a thread that is ending there is no number any more.
    NUMBER.try_with(|number| *number).unwrap_or(u64::MAX)
}

/// Numbers this process's calls: what is granted for one is named by its number, which is not used again.
#[inline]
pub(super) fn next_number() -> u64 {
    static NEXT_BLOCK: AtomicU64 = AtomicU64::new(0);
    thread_local! {
        /// The number that this thread has used last; a multiple of the block's size if that was the block's last.
        static LAST: Cell<u64> = const { Cell::new(0) };
    }
    LAST.with(|last| {
        let mut number = last.get();
        if number.is_multiple_of(BLOCK) {
            number = NEXT_BLOCK.fetch_add(BLOCK, Ordering::Relaxed);
        }
        last.set(number + 1);
        number + 1
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread;

    use super::*;

    #[test]
    fn no_number_comes_twice() {
        let threads = [(); 4].map(|()| thread::spawn(|| (0..3 * BLOCK).map(|_| next_number()).collect::<Vec<_>>()));
        let numbers: Vec<u64> = threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
        assert_eq!(numbers.iter().collect::<HashSet<_>>().len(), numbers.len());
        assert!(!numbers.contains(&0));
    }
}
