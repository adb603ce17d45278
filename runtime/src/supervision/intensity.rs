//! How many restarts within how long are still in order.

use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};

/// Bounds the restarts of a group: more than `restarts` within `period`, and the group gives up.
///
/// The default is OTP's: 1 restart in 5 s. A restart counts once, however many children it takes along; if a start in
/// it fails, the next attempt is one more restart. With 0 restarts the first failure is the end of the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intensity {
    /// How many restarts are allowed within any `period`.
    pub restarts: u32,
    /// How far back restarts are counted; one exactly this long ago still counts.
    pub period: Duration,
}

impl Default for Intensity {
    fn default() -> Self {
        Intensity { restarts: 1, period: Duration::from_secs(5) }
    }
}

/// Remembers the restarts of the last period: at most as many as are allowed.
#[derive(Debug)]
pub(super) struct Window {
    intensity: Intensity,
    /// When the restarts took place, oldest first, since the owner's origin of time.
    instants: VecDeque<Duration>,
}

impl Window {
    /// Creates the window of a group that has restarted nothing yet.
    pub(super) fn new(intensity: Intensity) -> Self {
        Window { intensity, instants: VecDeque::new() }
    }

    /// Counts a restart at `now` and returns true, or returns false if it would be one too many.
    pub(super) fn admit(&mut self, now: Duration) -> bool {
        let Intensity { restarts, period } = self.intensity;
        while self.instants.front().is_some_and(|&oldest| now.saturating_sub(oldest) > period) {
            self.instants.pop_front();
        }
        let admitted = self.instants.len() < restarts as usize;
        if admitted {
            self.instants.push_back(now);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds restarts at `seconds` to a window of `restarts` in 5 s and gives what it said to each.
    fn admitted(restarts: u32, seconds: &[u64]) -> Vec<bool> {
        let mut window = Window::new(Intensity { restarts, period: Duration::from_secs(5) });
        seconds.iter().map(|&second| window.admit(Duration::from_secs(second))).collect()
    }

    #[test]
    fn the_window_slides() {
        let table: [(u32, &[u64], &[bool]); 7] = [
            (0, &[0], &[false]),
            (1, &[0, 0], &[true, false]),
            (1, &[0, 5], &[true, false]), // exactly a period ago still counts
            (1, &[0, 6, 12], &[true, true, true]),
            (2, &[0, 4, 5], &[true, true, false]),
            (2, &[0, 4, 6, 9], &[true, true, true, false]), // 4 and 6 count at 9, 0 no longer did at 6
            (3, &[7, 7, 7, 1], &[true, true, true, false]), // a clock that went back forgives nothing
        ];
        for (restarts, seconds, expected) in table {
            assert_eq!(admitted(restarts, seconds), expected, "{restarts} in 5 s, restarts at {seconds:?}");
        }
    }

    #[test]
    fn the_window_holds_no_more_than_is_allowed() {
        let mut window = Window::new(Intensity { restarts: 3, period: Duration::from_secs(5) });
        for millis in 0..20_000 {
            window.admit(Duration::from_millis(millis));
            assert!(window.instants.len() <= 3);
        }
    }

    #[test]
    fn nothing_is_reserved_for_a_huge_intensity() {
        let mut window = Window::new(Intensity { restarts: u32::MAX, period: Duration::MAX });
        assert!(window.admit(Duration::MAX) && window.admit(Duration::ZERO));
    }
}
