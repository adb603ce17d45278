//! Waiting for what nobody announces.

use std::time::{Duration, Instant};

/// How long something that is bound to happen may take.
pub const SOON: Duration = Duration::from_secs(10);

/// Looks again and again until something is so, for at most [`SOON`].
///
/// # Panics
/// If it does not come to be so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < SOON, "{what}: not within {SOON:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
