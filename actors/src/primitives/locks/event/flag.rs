//! The word of an event, and what a process does there without asking the host.
//!
//! It says whether the event is set, whether somebody waits for that at the host, and how often it has been set. So who waits
//! finds that it was set although it has been cleared since, and so does the host for those who wait there. That somebody waits
//! is taken back by the host alone: whoever sets it tells the host, whether somebody else should have done so already or not.

use procession_runtime::{CONTENT_BITS, WordClosed};

use crate::primitives::locks::taking::Words;

/// Set if the event is.
const SET: u64 = 1;

/// Set if somebody waits at the host.
const AWAITED: u64 = 1 << 1;

/// Where the number of times starts at which it was set. It is not reached again: at one every nanosecond, in 70 years.
const TIMES_SHIFT: u32 = 2;

/// What the word of an event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flag {
    pub(super) is_set: bool,
    pub(super) is_awaited: bool,
    /// How often it has been set when it was not.
    pub(super) times: u64,
}

impl Flag {
    #[inline]
    pub(super) fn of(content: u64) -> Flag {
        Flag { is_set: content & SET != 0, is_awaited: content & AWAITED != 0, times: content >> TIMES_SHIFT }
    }

    #[inline]
    pub(super) fn content(self) -> u64 {
        let bits = if self.is_set { SET } else { 0 } | if self.is_awaited { AWAITED } else { 0 };
        self.times << TIMES_SHIFT | bits
    }

    /// What it says once it has been set or cleared.
    #[inline]
    pub(super) fn changed(self, is_set: bool) -> Flag {
        let times = if is_set && !self.is_set { self.times + 1 } else { self.times };
        Flag { is_set, times: times & u64::MAX >> (u64::BITS - CONTENT_BITS + TIMES_SHIFT), ..self }
    }
}

/// Sets or clears the event; gives what the word said before.
///
/// # Errors
/// [`WordClosed`] if the host must be asked.
#[inline]
pub(super) fn change(words: &impl Words, is_set: bool) -> Result<Flag, WordClosed> {
    loop {
        let before = words.load(0)?;
        let flag = Flag::of(before);
        let after = flag.changed(is_set).content();
        // Each time that it fails another has succeeded.
        if before == after || words.exchange(0, before, after)? {
            return Ok(flag);
        }
    }
}
