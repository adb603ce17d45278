//! Looking out for a while before sleeping, with the clock and the processor that a [`Spinner`] does without.

use std::convert::Infallible;
use std::io;
use std::time::{Duration, Instant};

use procession_transport::Hub;

use super::connection::Connection;
use super::core::{Core, Subject};
use super::spin::{LOOKS_EVERY, SPIN, Spinner};
use super::upgrade::Upgrade;
use crate::error::RuntimeError;

/// Looks again and again, if the spinner finds that worth it; gives whether something has come.
///
/// `look` is told which of the looks it is; the spinner says how often what costs little is to be looked at before the processor is given away.
pub(super) fn look_out<E>(
    spinner: &mut Spinner,
    mut look: impl FnMut(&mut Spinner, u32) -> Result<bool, E>,
) -> Result<bool, E> {
    if spinner.skips() {
        return Ok(false);
    }
    let start = Instant::now();
    if !spinner.looks(start) {
        return Ok(false);
    }
    for round in 1_u32.. {
        if look(spinner, round)? {
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

impl Core {
    /// Looks for a while whether something happens, if that is worth it. Gives whether something has.
    pub(super) fn spin(
        &mut self,
        timeout: Option<Duration>,
        recent: Option<usize>,
        mut look: impl FnMut(&mut Hub<Subject>) -> io::Result<bool>,
    ) -> Result<bool, RuntimeError> {
        if self.waits_long || timeout.is_some_and(|timeout| timeout < SPIN) {
            return Ok(false);
        }
        let socket = recent.filter(|key| self.may_peek_at(*key)).and_then(|key| self.connections.get(key));
        look_out(&mut self.spinner, |spinner, round| {
            let is_due = self.hub.is_poll_due() || spinner.has_peeked_enough();
            if let Some(connection) = socket.filter(|_| !is_due)
                && (0..spinner.peeks()).any(|_| connection.inlet.unread_bytes() > 0)
            {
                spinner.note_peeked();
                self.hub.presume_readable(connection.watch);
                return Ok(true);
            }
            if is_due || !self.hub.has_bell() || round.is_multiple_of(LOOKS_EVERY) {
                spinner.note_polled();
                Ok(look(&mut self.hub)?)
            } else {
                Ok(self.hub.listen(spinner.glances()))
            }
        })
    }

    /// Whether a connection goes by a socket and may be read before the poller says so: who watches ends hears of them by the same look
    /// that finds what was sent after them.
    fn may_peek_at(&self, key: usize) -> bool {
        let is_socket = |connection: &Connection| !matches!(connection.upgrade, Upgrade::Done);
        !self.watches_ends && self.connections.get(key).is_some_and(|other| is_socket(other) && self.reads(other))
    }
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
        let mut look = |spinner: &mut Spinner, _| {
            found = (0..spinner.glances()).find_map(|_| {
                std::hint::spin_loop();
                find()
            });
            Ok::<_, Infallible>(found.is_some())
        };
        let Ok(_) = look_out(&mut self.0, &mut look);
        found
    }
}
