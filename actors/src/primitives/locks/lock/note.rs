//! Notifications that the holder of a lent lock leaves for the host to see to.
//!
//! The holder notes in the lock's first word that there is one, so that it comes to the host to release the lock, and writes in the
//! second for which room, and for how many. The host reads it before it does anything else with the lock: also if the holder
//! is killed, and before anybody comes to wait.

use procession_runtime::WordClosed;

use crate::primitives::locks::taking::Words;
use crate::primitives::locks::users::{self, NOTED};

/// How many bits say how many are notified. More than that do not wait.
const COUNT_BITS: u32 = 32;

const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;

/// Rooms from this number on are notified by message.
const ROOMS: u64 = 1 << 31;

/// What a second word says that has no notification.
pub(super) const NONE: u64 = 0;

/// Leaves a notification, if a user holds the lock; gives whether that could be done.
///
/// # Errors
/// [`WordClosed`] if the host must be asked.
pub(super) fn leave(words: &impl Words, user: u64, room: u64, count: u64) -> Result<bool, WordClosed> {
    let holder = words.load(0)?;
    if users::holder(holder) != user || room >= ROOMS || count == 0 {
        return Ok(false);
    }
    if !words.exchange(0, holder, holder | NOTED)? {
        return Ok(false);
    }
    let before = words.load(1)?;
    if before != NONE && before >> COUNT_BITS != room {
        return Ok(false);
    }
    let count = count.saturating_add(before & COUNT_MAX).min(COUNT_MAX);
    words.exchange(1, before, room << COUNT_BITS | count)
}

/// Reads a notification: for which room, and for how many.
pub(super) fn read(content: u64) -> Option<(u64, u64)> {
    (content != NONE).then_some((content >> COUNT_BITS, content & COUNT_MAX))
}
