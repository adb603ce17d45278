//! Messages that an actor has promised itself.

use std::collections::BTreeMap;

use procession_runtime::{Letter, TimerId};

/// The messages of an actor's timers. The runtime only knows when each is due.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    set: BTreeMap<TimerId, Timer>,
}

#[derive(Debug)]
struct Timer {
    letter: Letter,
    repeats: bool,
}

impl Timers {
    pub(crate) fn set(&mut self, timer: TimerId, letter: Letter, repeats: bool) {
        self.set.insert(timer, Timer { letter, repeats });
    }

    pub(crate) fn cancel(&mut self, timer: TimerId) {
        self.set.remove(&timer);
    }

    /// Gives the message of a timer that has fired; `None` if it has been cancelled meanwhile.
    pub(crate) fn due(&mut self, timer: TimerId) -> Option<Letter> {
        if !self.set.get(&timer)?.repeats {
            return self.set.remove(&timer).map(|timer| timer.letter);
        }
        match self.set.get(&timer)?.letter.try_clone() {
            Ok(letter) => Some(letter),
            Err(error) => {
                tracing::error!(%error, "a message of an interval is left out");
                None
            }
        }
    }
}
