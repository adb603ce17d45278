//! When a stream goes by its larger buffer.
//!
//! Where large frames are sent, one side copies in while the other copies out, and the larger the buffer, the less one waits for
//! the other; and what is written again has left the other processor's cache meanwhile. Small frames stay in the smaller buffer,
//! which is nearer to both processors, and has its memory from the beginning.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::protocol::Positions;
use super::{Ring, WIDE_RING_BYTES};

/// The larger buffer is used, and gets its memory, at so many large frames.
const WIDE_AFTER: u32 = 4;

/// What is sent at once is little below this length, in bytes.
const LITTLE_BYTES: usize = 16 << 10;

/// What a writer wants of the width of its stream. One thread at a time uses it.
#[derive(Debug, Default)]
pub(super) struct Width {
    /// Whether the course may have to change: the only thing that is looked at while small frames are sent.
    is_unsettled: AtomicBool,
    /// Whether a large frame is to be sent.
    is_wanted: AtomicBool,
    has_memory: AtomicBool,
    /// Large frames, until they are many.
    large: AtomicU32,
}

impl Width {
    #[inline]
    pub(super) fn is_unsettled(&self) -> bool {
        self.is_unsettled.load(Ordering::Relaxed)
    }

    /// Notes that a large frame is to be sent.
    pub(super) fn expect_large(&self) {
        let large = self.large.load(Ordering::Relaxed);
        if large < WIDE_AFTER {
            self.large.store(large + 1, Ordering::Relaxed);
        } else {
            self.is_wanted.store(true, Ordering::Relaxed);
            self.is_unsettled.store(true, Ordering::Relaxed);
        }
    }

    /// The stream stays where it is until the next large frame.
    fn settle(&self) {
        self.is_wanted.store(false, Ordering::Relaxed);
        self.is_unsettled.store(false, Ordering::Relaxed);
    }
}

impl Ring {
    /// Changes the course of what is sent if that is of use now, before so many bytes are sent.
    #[cold]
    pub(super) fn steer(&self, positions: Positions<'_>, length: usize) {
        let (width, course) = (&self.sent.width, self.sent.course());
        let written = self.sent.written.load(Ordering::Relaxed);
        let is_wanted = width.is_wanted.load(Ordering::Relaxed);
        if is_wanted && !self.has_width() {
            return width.settle();
        }
        if course.is_wide() {
            width.is_wanted.store(false, Ordering::Relaxed);
            // What has been read is begun anew at the start of a buffer, where copies are aligned; but not before all of the larger one
            // was used: its start is in the other processor's cache until then.
            let is_used = written - course.since() >= WIDE_RING_BYTES as u64;
            let is_due = is_wanted && is_used || length < LITTLE_BYTES;
            if !is_due || !positions.is_read(written) {
                return;
            }
        }
        if let Some(course) = positions.change_course(written, course, is_wanted) {
            self.sent.course.store(course.0, Ordering::Relaxed);
            self.sent.room.store(0, Ordering::Relaxed);
            width.is_wanted.store(false, Ordering::Relaxed);
            if !is_wanted {
                width.settle();
            }
        }
    }

    /// Gives the larger buffer's memory back, once the other side is done with what was there. Gives whether it has none.
    pub(super) fn give_width_back(&self, positions: Positions<'_>) -> bool {
        let (width, written) = (&self.sent.width, self.sent.written.load(Ordering::Relaxed));
        width.is_wanted.store(false, Ordering::Relaxed);
        width.large.store(0, Ordering::Relaxed);
        if self.sent.course().is_wide() {
            self.steer(positions, 0);
        }
        let is_left = !self.sent.course().is_wide() && positions.is_read(written);
        if is_left && width.has_memory.load(Ordering::Relaxed) && self.memory.vacate(self.memory.side).is_ok() {
            width.has_memory.store(false, Ordering::Relaxed);
        }
        !width.has_memory.load(Ordering::Relaxed)
    }

    /// Whether the larger buffer has memory, or gets it now.
    fn has_width(&self) -> bool {
        let width = &self.sent.width;
        if !width.has_memory.load(Ordering::Relaxed) {
            match self.memory.widen(self.memory.side) {
                Ok(()) => width.has_memory.store(true, Ordering::Relaxed),
                Err(error) => {
                    tracing::debug!(%error, "there is no memory to send large frames faster");
                    // It is asked for again after as many more.
                    width.large.store(0, Ordering::Relaxed);
                }
            }
        }
        width.has_memory.load(Ordering::Relaxed)
    }
}
