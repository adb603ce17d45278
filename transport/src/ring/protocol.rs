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

/// By which of its two buffers a stream goes, and from which position on: as one word, which both sides can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Course(pub(crate) u64);

impl Course {
    /// The course from a position on.
    pub(crate) fn new(since: u64, is_wide: bool) -> Course {
        Course(since << 1 | u64::from(is_wide))
    }

    /// Where it begins.
    #[inline]
    pub(crate) fn since(self) -> u64 {
        self.0 >> 1
    }

    /// Whether it goes by the larger of the buffers.
    #[inline]
    pub(crate) fn is_wide(self) -> bool {
        self.0 & 1 != 0
    }
}

/// What there is to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unread {
    /// The course at the reader's position.
    pub(crate) course: Course,
    /// How many bytes are there of that course.
    pub(crate) here: u64,
    /// How many are there at all.
    pub(crate) all: u64,
}

/// The positions of one stream through two buffers of fixed capacities. They count all bytes since its beginning.
///
/// The stream is on one course at a time, which begins at the start of one of the buffers. Its writer sets out on another whenever
/// it likes, but not before the reader has read something of the present one: so there is one change at most that the reader does
/// not know of, and nothing is left unread in the buffer that the writer changes to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Positions<'a> {
    /// How much has been written.
    pub(crate) written: &'a AtomicU64,
    /// The course of what is written last.
    pub(crate) course: &'a AtomicU64,
    /// How much of that has been read.
    pub(crate) read: &'a AtomicU64,
    /// Not 0 while the writer waits for room.
    pub(crate) wants_room: &'a AtomicU32,
    /// Capacities in bytes, the smaller first.
    pub(crate) capacities: [u64; 2],
}

impl Positions<'_> {
    /// How much may be written after `written` bytes.
    #[inline]
    pub(crate) fn room(&self, written: u64, course: Course) -> Result<u64, Broken> {
        let unread = written.wrapping_sub(self.read.load(Ordering::Acquire));
        if unread > self.most_unread() {
            return Err(Broken);
        }
        let here = unread.min(written - course.since());
        self.capacity(course).checked_sub(here).ok_or(Broken)
    }

    /// Has the reader see what has been written, `written` bytes by now.
    #[inline]
    pub(crate) fn publish(&self, written: u64) {
        self.written.store(written, Ordering::Release);
    }

    /// Sets out on another course after `written` bytes, if the reader has come so far; by the same buffer, if it is empty.
    pub(crate) fn change_course(&self, written: u64, course: Course, is_wide: bool) -> Option<Course> {
        let unread = written.wrapping_sub(self.read.load(Ordering::Acquire));
        let is_free = course.is_wide() != is_wide || unread == 0;
        if unread >= written - course.since() || !is_free {
            return None;
        }
        let course = Course::new(written, is_wide);
        // The reader sees it once it sees what is written after it.
        self.course.store(course.0, Ordering::Relaxed);
        Some(course)
    }

    /// Whether everything has been read, `written` bytes.
    pub(crate) fn is_read(&self, written: u64) -> bool {
        self.read.load(Ordering::Acquire) == written
    }

    /// Has the reader ring when there is room again. The writer looks once more after that, before it waits.
    pub(crate) fn want_room(&self) {
        self.wants_room.store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Whether there is something to read after `read` bytes; if that makes no sense, whoever reads finds out.
    #[inline]
    pub(crate) fn has_more(&self, read: u64) -> bool {
        self.written.load(Ordering::Acquire) != read
    }

    /// How much may be read after `read` bytes, of which the last came by `course`.
    #[inline]
    pub(crate) fn unread(&self, read: u64, course: Course) -> Result<Unread, Broken> {
        let all = self.written.load(Ordering::Acquire).wrapping_sub(read);
        let latest = Course(self.course.load(Ordering::Relaxed));
        let unread =
            if latest == course { Unread { course, here: all, all } } else { self.follow(read, all, course, latest)? };
        if unread.here <= self.capacity(unread.course) { Ok(unread) } else { Err(Broken) }
    }

    /// The same, where the writer has set out on another course.
    #[cold]
    fn follow(&self, read: u64, all: u64, course: Course, latest: Course) -> Result<Unread, Broken> {
        if all > self.most_unread() {
            return Err(Broken);
        }
        match latest.since().wrapping_sub(read) {
            0 => Ok(Unread { course: latest, here: all, all }),
            // It may have gone on writing before it did that, since the count was read.
            before => Ok(Unread { course, here: all.min(before), all }),
        }
    }

    /// Gives the room back of what has been read, `read` bytes by now, `unread` of what was there are left. Gives whether the
    /// writer's bell is to be rung: it waits, and half of the buffer is free. Who reads on frees that much in the end.
    #[inline]
    pub(crate) fn release(&self, read: u64, unread: u64, course: Course) -> bool {
        self.read.store(read, Ordering::Release);
        if unread > self.capacity(course) / 2 {
            return false;
        }
        fence(Ordering::SeqCst);
        self.wants_room.load(Ordering::Relaxed) != 0 && self.wants_room.swap(0, Ordering::AcqRel) != 0
    }

    #[inline]
    fn capacity(&self, course: Course) -> u64 {
        self.capacities[usize::from(course.is_wide())]
    }

    fn most_unread(&self) -> u64 {
        self.capacities[0] + self.capacities[1]
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
