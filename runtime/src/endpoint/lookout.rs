//! Looking out for a while before sleeping, with the clock and the processor that a [`Spinner`] does without.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use super::spin::{SPIN, Spinner};

/// Looks again and again, if the spinner finds that worth it; gives whether something has come.
///
/// `look` is told which of the looks it is, and how often what costs nothing is to be looked at before the processor is given away.
pub(super) fn look_out<E>(spinner: &mut Spinner, mut look: impl FnMut(u32, u32) -> Result<bool, E>) -> Result<bool, E> {
    if spinner.skips() {
        return Ok(false);
    }
    let start = Instant::now();
    if !spinner.looks(start) {
        return Ok(false);
    }
    for round in 1_u32.. {
        if look(round, spinner.glances())? {
            spinner.note_found();
            return Ok(true);
        }
        let before = Instant::now();
        std::thread::yield_now();
        let now = Instant::now();
        if !spinner.note_lent(now, now - before) {
            return Ok(false);
        }
        if now - start >= SPIN {
            spinner.note_missed();
            break;
        }
    }
    Ok(false)
}

/// Who looks out for what another process does in shared memory, before it has itself woken by a message.
#[derive(Debug)]
pub struct Lookout(Spinner);

impl Lookout {
    /// Makes one for who has an endpoint; `spins`: whether it looks at all.
    pub(super) fn new(spins: bool) -> Lookout {
        Lookout(Spinner::new(spins))
    }

    /// Gives what `find` finds, if that is worth looking for, within some 50 µs; who waits for no longer does not look.
    pub fn find<R>(&mut self, timeout: Option<Duration>, mut find: impl FnMut() -> Option<R>) -> Option<R> {
        if timeout.is_some_and(|timeout| timeout < SPIN) {
            return None;
        }
        let mut found = None;
        let mut look = |_, glances| {
            found = (0..glances).find_map(|_| {
                std::hint::spin_loop();
                find()
            });
            Ok::<_, Infallible>(found.is_some())
        };
        let Ok(_) = look_out(&mut self.0, &mut look);
        found
    }
}
