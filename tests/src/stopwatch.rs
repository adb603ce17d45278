//! How long a wait takes, beside what the machine holds it up.

use std::time::{Duration, Instant};

use crate::process_table;

/// How much later than after twice its time a wait may end.
const LATE: Duration = Duration::from_millis(250);

/// Measures a wait with a time-out.
#[derive(Debug)]
pub struct Stopwatch {
    start: Instant,
    held_up: Duration,
}

impl Stopwatch {
    /// Starts with the wait.
    pub fn start() -> Stopwatch {
        Stopwatch { held_up: process_table::held_up(), start: Instant::now() }
    }

    /// Checks that the wait, which has just ended, took as long as its time-out says.
    ///
    /// # Panics
    /// As [`expect_took`](Stopwatch::expect_took).
    #[track_caller]
    pub fn expect(&self, timeout: Duration) {
        self.expect_took(timeout, self.start.elapsed());
    }

    /// Checks that a wait of this time, which has taken so long since the start, was neither too short nor too long. On a
    /// loaded machine it may take longer, by as much as processes of this test have waited for a processor.
    ///
    /// # Panics
    /// If it was.
    #[track_caller]
    pub fn expect_took(&self, timeout: Duration, took: Duration) {
        let held_up = process_table::held_up().saturating_sub(self.held_up);
        let bounds = timeout * 9 / 10..=timeout * 2 + LATE + held_up;
        assert!(bounds.contains(&took), "{timeout:?} took {took:?}, and was held up for {held_up:?} at most");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(100);

    #[test]
    fn what_takes_as_long_as_it_should_is_in_time() {
        for took in [90, 100, 200] {
            Stopwatch::start().expect_took(TIMEOUT, Duration::from_secs(took));
        }
    }

    #[test]
    #[should_panic(expected = "100s took 89s")]
    fn what_ends_before_its_time_is_not() {
        Stopwatch::start().expect_took(TIMEOUT, Duration::from_secs(89));
    }

    #[test]
    #[should_panic(expected = "100s took 900s")]
    fn what_ends_long_after_its_time_is_not() {
        Stopwatch::start().expect_took(TIMEOUT, Duration::from_secs(900));
    }
}
