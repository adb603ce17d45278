//! Probes along circles of asks.
//!
//! An endpoint that has been blocked in an ask for a while sends a probe after its request. An endpoint that is blocked
//! itself while it holds that request unanswered passes the probe on along the connection that it waits on. A probe that
//! comes back to its initiator, still in the same wait, has found a circle: none of its members can go on. (Edge chasing, as
//! in Chandy, Misra and Haas, "Distributed deadlock detection", 1983.) Requests whose answer has been deferred are not
//! followed, since another thread may give it.

use std::time::{Duration, Instant};

use procession_transport::Header;
use serde::{Deserialize, Serialize};

use super::core::Core;
use super::kind;
use super::mailbox::Origin;
use crate::error::WaitError;
use crate::id::EndpointId;
use crate::outbox::Departure;

/// How long an ask blocks before it sends a probe.
const PROBE_AFTER: Duration = Duration::from_millis(10);

/// How long until it sends the next, for in case that the first did not fit into a connection.
const PROBE_AGAIN: Duration = Duration::from_millis(40);

/// Each pause is so many times the last one,
const PAUSE_GROWTH: u32 = 4;

/// up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// When a wait sends its probes.
///
/// Whoever closes a circle has just begun to wait, so early probes find it. Later ones are more and more rare, so that
/// processes that wait for long cost next to nothing.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// When the next is due.
    pub(crate) next: Instant,
    pause: Duration,
}

impl Schedule {
    /// That of a wait that begins now.
    pub(crate) fn new(now: Instant) -> Schedule {
        Schedule { next: now + PROBE_AFTER, pause: PROBE_AGAIN }
    }

    /// Whether one is due; if so, puts the next off.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now >= self.next;
        if is_due {
            self.next = now + self.pause;
            self.pause = (self.pause * PAUSE_GROWTH).min(LONGEST_PAUSE);
        }
        is_due
    }
}

/// Looks for a circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Probe {
    initiator: EndpointId,
    /// Which wait of the initiator.
    correlation: u64,
    serial: u32,
}

/// Reads a probe; one that is none is dropped.
pub(crate) fn read(payload: &[u8]) -> Option<Probe> {
    postcard::from_bytes(payload).ok()
}

impl Core {
    /// Sends a probe after the request of a wait.
    pub(crate) fn send_probe(&mut self, correlation: u64) {
        let initiator = self.id;
        if let (Some(wait), Some(awaited)) = (self.inbox.waits.get(&correlation), self.inbox.awaited(correlation)) {
            let probe = Probe { initiator, correlation, serial: wait.serial };
            self.pass(awaited, &probe);
        }
    }

    /// Looks at the probes that have arrived.
    pub(crate) fn pass_probes(&mut self) {
        while let Some((origin, probe)) = self.inbox.probes.pop() {
            if !self.inbox.holds(origin) {
                continue;
            }
            let own = self.id;
            let Some((correlation, wait)) = self.inbox.current_wait() else { continue };
            if wait.outcome.is_some() {
                continue;
            }
            if probe.initiator != own {
                let onward = Origin { connection: wait.connection, correlation };
                self.pass(onward, &probe);
            } else if (probe.correlation, probe.serial) == (correlation, wait.serial) {
                wait.outcome = Some(Err(WaitError::Deadlock));
            }
        }
    }

    fn pass(&mut self, awaited: Origin, probe: &Probe) {
        let Some(connection) = self.connections.get(awaited.connection) else { return };
        let header = Header { kind: kind::PROBE, correlation: awaited.correlation, ..Header::default() };
        let Ok(payload) = postcard::to_stdvec(probe) else { return };
        // A probe that does not fit is sent again later.
        let Ok(opening) = connection.outbox.open() else { return };
        let _ = opening.push(header, Departure::WithFlush, |body| body.write(&payload));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_come_early_and_then_more_and_more_rarely() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start);
        let due = (0..60_000).map(|millisecond| start + Duration::from_millis(millisecond));
        let sent: Vec<u128> = due.filter(|&now| schedule.is_due(now)).map(|now| (now - start).as_millis()).collect();
        assert_eq!(sent, [10, 50, 210, 850, 3_410, 13_410, 23_410, 33_410, 43_410, 53_410]);
    }
}
