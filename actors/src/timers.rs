//! Messages that an actor has promised itself.

use std::collections::BTreeMap;

use procession_runtime::TimerId;

use crate::parcel::Parcel;

/// The messages of an actor's timers. The runtime only knows when each is due.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    set: BTreeMap<TimerId, Timer>,
}

#[derive(Debug)]
struct Timer {
    tag: u32,
    parcel: Parcel,
    repeats: bool,
}

impl Timers {
    pub(crate) fn set(&mut self, timer: TimerId, tag: u32, parcel: Parcel, repeats: bool) {
        self.set.insert(timer, Timer { tag, parcel, repeats });
    }

    pub(crate) fn cancel(&mut self, timer: TimerId) {
        self.set.remove(&timer);
    }

    /// Gives the tag and the message of a timer that has fired; `None` if it has been cancelled meanwhile.
    pub(crate) fn due(&mut self, timer: TimerId) -> Option<(u32, Parcel)> {
        if !self.set.get(&timer)?.repeats {
            return self.set.remove(&timer).map(|timer| (timer.tag, timer.parcel));
        }
        let timer = self.set.get(&timer)?;
        match timer.parcel.try_clone() {
            Ok(parcel) => Some((timer.tag, parcel)),
            Err(error) => {
                tracing::error!(%error, "a message of an interval is left out");
                None
            }
        }
    }
}
