//! How many items travel together, so that they are about so much work, and no more.

use std::time::{Duration, Instant};

/// How much work a batch should be: much more than it costs to bring it and to fetch its results, and little to wait for.
const WORK: Duration = Duration::from_micros(200);

/// How long to count before it is known how fast items are done.
const SAMPLE: Duration = Duration::from_millis(1);

/// Finds out how fast items are done. It reads no clock.
#[derive(Debug)]
pub(super) struct Pace {
    workers: usize,
    /// Since when items are counted.
    since: Option<Instant>,
    done: usize,
    items: usize,
}

impl Pace {
    /// Begins with one item at a time.
    pub(super) fn new(workers: usize) -> Pace {
        Pace { workers: workers.max(1), since: None, done: 0, items: 1 }
    }

    /// How many items are about so much work as a batch should be, for one of the workers; at least one.
    pub(super) fn items(&self) -> usize {
        self.items
    }

    /// The first items are sent.
    pub(super) fn begin(&mut self, now: impl FnOnce() -> Instant) {
        self.since.get_or_insert_with(now);
    }

    /// Items are done.
    pub(super) fn note(&mut self, items: usize, now: Instant) {
        let Some(since) = self.since else { return };
        self.done += items;
        let elapsed = now.saturating_duration_since(since);
        if elapsed < SAMPLE {
            return;
        }
        let (done, workers) = (self.done as u128, self.workers as u128);
        let items = done * WORK.as_nanos() / (elapsed.as_nanos() * workers);
        self.items = usize::try_from(items).unwrap_or(usize::MAX).max(1);
        (self.since, self.done) = (Some(now), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_items_travel_together_as_are_done_in_a_short_time() {
        let mut pace = Pace::new(2);
        let mut now = Instant::now();
        pace.note(1000, now);
        assert_eq!(pace.items(), 1, "nothing has been sent");
        pace.begin(|| now);
        let mut after = |microseconds: u64, done: usize| {
            now += Duration::from_micros(microseconds);
            pace.note(done, now);
            pace.items()
        };
        assert_eq!(after(500, 1000), 1, "it is too early to say");
        assert_eq!(after(500, 1000), 200);
        assert_eq!(after(10_000_000, 10), 1);
        assert_eq!(after(1000, 0), 1);
        assert_eq!(after(2000, 40), 2);
    }
}
