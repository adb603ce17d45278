//! Memory that large frames took, kept for the next of them.
//!
//! Fresh memory comes page by page, each at its first touch: for a large frame that costs several times what it takes to copy
//! it. So a buffer that has become large is not given back when its frame is gone, but left here, for whichever link of the
//! process needs one next. It is a loan for a while: somebody has to see to its end, by [`trim_spares`]. Where nobody does, nothing is
//! kept.

use std::mem;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use bytes::{Bytes, BytesMut};

use crate::sys;

/// What a link keeps for itself, in bytes. A larger buffer goes with its frame, and then comes here.
pub(crate) const LARGE_BYTES: usize = 512 << 10;

/// What a process keeps, in bytes.
const KEPT_BYTES: usize = 64 << 20;

/// Buffers that are not in use.
#[derive(Debug)]
struct Spares {
    /// The one that was left here last is the last.
    buffers: Vec<Spare>,
    /// Their capacities together.
    bytes: usize,
    /// Whether the keeper knows that there are some.
    are_tended: bool,
}

#[derive(Debug)]
struct Spare {
    buffer: Vec<u8>,
    /// Whether it was used since the last time that somebody looked.
    is_fresh: bool,
}

static SPARES: Mutex<Spares> = Mutex::new(Spares::new());

/// Has [`trim_spares`] called in time. Gives whether that is so.
static KEEPER: OnceLock<fn() -> bool> = OnceLock::new();

/// Has memory that large frames took kept for the next of them: `keeper` has [`trim_spares`] called from time to time, as long as
/// that says so, and gives whether it can.
pub fn keep_spares(keeper: fn() -> bool) {
    let _ = KEEPER.get_or_init(|| keeper);
}

/// Gives back the memory that was not used since this was last called. Gives whether there is some left.
pub fn trim_spares() -> bool {
    let mut spares = lock();
    let stale = spares.trim();
    let are_left = spares.are_tended;
    drop(spares);
    give_back(stale);
    are_left
}

/// Gives an empty buffer with at least so much room, if there is one.
pub(crate) fn take(capacity: usize) -> Option<Vec<u8>> {
    lock().take(capacity)
}

/// Leaves a buffer here for the next large frame.
pub(crate) fn put(buffer: Vec<u8>) {
    if buffer.capacity() <= LARGE_BYTES {
        return;
    }
    let mut spares = match SPARES.try_lock() {
        Ok(spares) => spares,
        Err(TryLockError::Poisoned(spares)) => spares.into_inner(),
        // Whoever drops a message does not wait for anybody.
        Err(TryLockError::WouldBlock) => return,
    };
    let Some(keeper) = KEEPER.get() else { return };
    let excess = spares.put(buffer);
    let is_news = !mem::replace(&mut spares.are_tended, true);
    drop(spares);
    give_back(excess);
    if is_news && !keeper() {
        let untended = mem::replace(&mut *lock(), Spares::new());
        give_back(untended.buffers);
    }
}

/// Makes bytes to be shared of a buffer that nobody else shares: the last share leaves it here.
pub(crate) fn lend(buffer: BytesMut) -> Bytes {
    Bytes::from_owner(Lent(buffer))
}

/// What is left here once nobody shares it any more.
#[derive(Debug)]
struct Lent(BytesMut);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut buffer = mem::take(&mut self.0);
        buffer.clear();
        put(buffer.into());
    }
}

/// Drops buffers: their memory goes back to the system, even where an allocator keeps what it has got.
fn give_back(spares: Vec<Spare>) {
    for spare in spares {
        sys::vacate(spare.buffer);
    }
}

fn lock() -> MutexGuard<'static, Spares> {
    SPARES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Spares {
    const fn new() -> Spares {
        Spares { buffers: Vec::new(), bytes: 0, are_tended: false }
    }

    /// Takes the smallest that has the room.
    fn take(&mut self, capacity: usize) -> Option<Vec<u8>> {
        let fitting = self.buffers.iter().enumerate().filter(|(_, spare)| spare.buffer.capacity() >= capacity);
        // Of two alike the one that was used last: it is in the processor's cache.
        let (index, _) = fitting.rev().min_by_key(|(_, spare)| spare.buffer.capacity())?;
        let buffer = self.buffers.remove(index).buffer;
        self.bytes -= buffer.capacity();
        Some(buffer)
    }

    /// Takes a buffer in. Gives those that are too much then: the ones that have not been used for longest, or itself.
    fn put(&mut self, mut buffer: Vec<u8>) -> Vec<Spare> {
        buffer.clear();
        self.bytes += buffer.capacity();
        self.buffers.push(Spare { buffer, is_fresh: true });
        let mut count = 0;
        while self.bytes > KEPT_BYTES {
            self.bytes -= self.buffers[count].buffer.capacity();
            count += 1;
        }
        self.buffers.drain(..count).collect()
    }

    /// Gives those that have not been used since the last time.
    fn trim(&mut self) -> Vec<Spare> {
        let stale: Vec<_> = self.buffers.extract_if(.., |spare| !mem::take(&mut spare.is_fresh)).collect();
        self.bytes -= stale.iter().map(|spare| spare.buffer.capacity()).sum::<usize>();
        self.are_tended = !self.buffers.is_empty();
        stale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn spares(capacities: &[usize]) -> Spares {
        let mut spares = Spares::new();
        for capacity in capacities {
            assert!(spares.put(Vec::with_capacity(*capacity)).is_empty());
        }
        spares
    }

    #[test]
    fn the_smallest_that_has_the_room_is_taken() {
        let mut spares = spares(&[8 * MIB, 2 * MIB, 4 * MIB]);
        assert_eq!(spares.take(3 * MIB).map(|buffer| buffer.capacity()), Some(4 * MIB));
        assert_eq!(spares.take(3 * MIB).map(|buffer| buffer.capacity()), Some(8 * MIB));
        assert_eq!(spares.take(3 * MIB), None);
        assert_eq!(spares.bytes, 2 * MIB);
    }

    #[test]
    fn no_more_is_kept_than_the_limit() {
        let mut spares = spares(&[30 * MIB, 20 * MIB]);
        let dropped = spares.put(Vec::with_capacity(40 * MIB));
        assert_eq!(dropped.iter().map(|spare| spare.buffer.capacity()).collect::<Vec<_>>(), [30 * MIB]);
        assert_eq!(spares.bytes, 60 * MIB);
        assert_eq!(spares.put(Vec::with_capacity(KEPT_BYTES + 1)).len(), 3);
        assert_eq!((spares.bytes, spares.buffers.len()), (0, 0));
    }

    #[test]
    fn what_is_not_used_from_one_time_to_the_next_is_given_back() {
        let mut spares = spares(&[MIB, 2 * MIB]);
        spares.are_tended = true;
        assert!(spares.trim().is_empty());
        let used = spares.take(2 * MIB).expect("it is there");
        assert!(spares.put(used).is_empty());
        assert_eq!(spares.trim().len(), 1);
        assert!(spares.are_tended);
        assert_eq!(spares.trim().len(), 1);
        assert_eq!((spares.are_tended, spares.bytes), (false, 0));
    }
}
