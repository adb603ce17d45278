//! When an endpoint wants to be woken.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::id::TimerId;

/// How many entries of cancelled timers may be kept besides as many as there are timers.
const SPENT_ENTRIES: usize = 64;

/// Longer than any process lives.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// When a delay from a time is over; after a very long while if no clock reaches that.
pub(crate) fn later(from: Instant, delay: Duration) -> Instant {
    from.checked_add(delay).unwrap_or_else(|| from + FOREVER)
}

/// The timers of one endpoint. Pure: the time comes in as an argument.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// Due times, soonest first. An entry whose timer has been cancelled or moved is skipped when it comes up.
    due: BinaryHeap<Reverse<(Instant, TimerId)>>,
    /// The timers that are set: when each is due, and its period if it repeats.
    set: FxHashMap<TimerId, (Instant, Option<Duration>)>,
    last: u64,
}

impl Timers {
    /// Sets a timer: due once at `at`, then every `period` if there is one.
    pub(crate) fn set(&mut self, at: Instant, period: Option<Duration>) -> TimerId {
        self.last += 1;
        let timer = TimerId(self.last);
        self.set.insert(timer, (at, period));
        self.due.push(Reverse((at, timer)));
        timer
    }

    /// Cancels a timer; it does not fire any more.
    pub(crate) fn cancel(&mut self, timer: TimerId) {
        self.set.remove(&timer);
        if self.due.len() > 2 * self.set.len() + SPENT_ENTRIES {
            self.due = self.set.iter().map(|(timer, (at, _))| Reverse((*at, *timer))).collect();
        }
    }

    /// When the next timer is due.
    #[inline]
    pub(crate) fn next_due(&mut self) -> Option<Instant> {
        loop {
            let Reverse((at, timer)) = *self.due.peek()?;
            if self.set.get(&timer).is_some_and(|(due, _)| *due == at) {
                return Some(at);
            }
            self.due.pop();
        }
    }

    /// Takes one timer that is due. One that repeats is due again one period after it was due, or, if that is in the
    /// past, one period from now: missed ticks are not made up for.
    pub(crate) fn fire(&mut self, now: Instant) -> Option<TimerId> {
        if self.next_due()? > now {
            return None;
        }
        let Reverse((at, timer)) = self.due.pop()?;
        match self.set.get_mut(&timer) {
            Some((due, Some(period))) => {
                let next = later(at, *period);
                *due = if next > now { next } else { later(now, *period) };
                self.due.push(Reverse((*due, timer)));
            }
            _ => {
                self.set.remove(&timer);
            }
        }
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn timers_fire_in_order_and_once() {
        let (start, mut timers) = (Instant::now(), Timers::default());
        let late = timers.set(start + 2 * SECOND, None);
        let early = timers.set(start + SECOND, None);
        assert_eq!(timers.next_due(), Some(start + SECOND));
        assert_eq!(timers.fire(start), None);
        assert_eq!(timers.fire(start + 3 * SECOND), Some(early));
        assert_eq!(timers.fire(start + 3 * SECOND), Some(late));
        assert_eq!(timers.fire(start + 3 * SECOND), None);
    }

    #[test]
    fn a_cancelled_timer_is_silent() {
        let (start, mut timers) = (Instant::now(), Timers::default());
        let timer = timers.set(start, None);
        timers.cancel(timer);
        assert_eq!(timers.next_due(), None);
        assert_eq!(timers.fire(start + SECOND), None);
    }

    #[test]
    fn cancelled_timers_take_no_room() {
        let (start, mut timers) = (Instant::now(), Timers::default());
        let kept = timers.set(start + SECOND, None);
        for _ in 0..10_000 {
            let timer = timers.set(start + SECOND, None);
            timers.cancel(timer);
        }
        assert!(timers.due.len() <= SPENT_ENTRIES + 2);
        assert_eq!(timers.fire(start + SECOND), Some(kept));
        assert_eq!(timers.fire(start + SECOND), None);
    }

    #[test]
    fn a_period_does_not_drift_and_does_not_make_up() {
        let (start, mut timers) = (Instant::now(), Timers::default());
        let timer = timers.set(start + SECOND, Some(SECOND));
        assert_eq!(timers.fire(start + SECOND + SECOND / 4), Some(timer));
        assert_eq!(timers.next_due(), Some(start + 2 * SECOND));
        assert_eq!(timers.fire(start + 10 * SECOND), Some(timer));
        assert_eq!(timers.fire(start + 10 * SECOND), None);
        assert_eq!(timers.next_due(), Some(start + 11 * SECOND));
    }
}
