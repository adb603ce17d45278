//! Who may touch what when: the positions in a stream of bytes, and the bell.
//!
//! Pure: it knows words, not where they are, and makes no system call. `tests/ring_model.rs` has every order tried in which two
//! processes can come by it.
//!
//! The words are shared with another process, which may write anything there at any time. Each is read once per use and bounded
//! before it is believed; what a side has written itself, it never reads back.

use super::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// The other side has written a position that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

/// The positions of one stream through a ring of a fixed capacity. They count all bytes since its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Positions<'a> {
    /// How much has been written.
    pub(crate) written: &'a AtomicU64,
    /// How much of that has been read.
    pub(crate) read: &'a AtomicU64,
    /// Not 0 while the writer waits for room.
    pub(crate) wants_room: &'a AtomicU32,
    /// Capacity in bytes.
    pub(crate) capacity: u64,
}

impl Positions<'_> {
    /// How much may be written after `written` bytes.
    #[inline]
    pub(crate) fn room(&self, written: u64) -> Result<u64, Broken> {
        let unread = written.wrapping_sub(self.read.load(Ordering::Acquire));
        self.capacity.checked_sub(unread).ok_or(Broken)
    }

    /// Has the reader see what has been written, `written` bytes by now.
    #[inline]
    pub(crate) fn publish(&self, written: u64) {
        self.written.store(written, Ordering::Release);
    }

    /// Has the reader ring when there is room again. The writer looks once more after that, before it waits.
    pub(crate) fn want_room(&self) {
        self.wants_room.store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// How much may be read after `read` bytes.
    #[inline]
    pub(crate) fn unread(&self, read: u64) -> Result<u64, Broken> {
        let unread = self.written.load(Ordering::Acquire).wrapping_sub(read);
        if unread <= self.capacity { Ok(unread) } else { Err(Broken) }
    }

    /// Gives the room back of what has been read, `read` bytes by now, `unread` of what was there are left. Gives whether the
    /// writer's bell is to be rung: it waits, and half of the ring is free. Who reads on frees that much in the end.
    #[inline]
    pub(crate) fn release(&self, read: u64, unread: u64) -> bool {
        self.read.store(read, Ordering::Release);
        if unread > self.capacity / 2 {
            return false;
        }
        fence(Ordering::SeqCst);
        self.wants_room.load(Ordering::Relaxed) != 0 && self.wants_room.swap(0, Ordering::AcqRel) != 0
    }
}

/// A bell that several can ring, each with a bit of its own, for one who looks at it, and sleeps if nobody has rung.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Door<'a> {
    /// The bits of those who have rung.
    pub(crate) rung: &'a AtomicU64,
    /// Not 0 while the one who looks sleeps, or is about to.
    pub(crate) sleeping: &'a AtomicU32,
}

impl Door<'_> {
    /// Rings. Gives whether the sleeper is to be woken.
    #[inline]
    pub(crate) fn ring(&self, bits: u64) -> bool {
        self.rung.fetch_or(bits, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        self.sleeping.load(Ordering::Relaxed) != 0 && self.sleeping.swap(0, Ordering::AcqRel) != 0
    }

    /// Takes the bits of those who have rung: what they did before is seen from now on.
    #[inline]
    pub(crate) fn take(&self) -> u64 {
        if self.rung.load(Ordering::Relaxed) == 0 { 0 } else { self.rung.swap(0, Ordering::AcqRel) }
    }

    /// Announces sleep. Gives whether nobody has rung; else there is no sleep.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.sleeping.store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let is_quiet = self.rung.load(Ordering::Relaxed) == 0;
        if !is_quiet {
            self.wake();
        }
        is_quiet
    }

    /// The sleep is over.
    pub(crate) fn wake(&self) {
        self.sleeping.store(0, Ordering::Relaxed);
    }
}
