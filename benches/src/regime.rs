//! The cache-line probe: how far apart are the two cores just now?
//!
//! A virtual machine's cores are moved about by the host, for seconds at a time: a cache line takes 0.1 us to the other core
//! and back while they are near, 0.5 us while they are far, and many figures move with it. Rounds of different regimes are not
//! compared.

use crate::pinning::{Cores, place_thread};
use std::hint;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A cache line that takes longer than this to the other core and back has come from far.
const FAR: Duration = Duration::from_nanos(280);

/// Round trips in one batch; the fastest batch is the answer.
const TRIPS: u64 = 250;
const BATCHES: u64 = 5;

/// The probe gives up after this time.
const LIMIT: Duration = Duration::from_millis(20);

/// What the line holds once a side has given up.
const GIVEN_UP: u64 = u64::MAX;

/// How far apart the two cores are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regime {
    /// A cache line's round trip takes about 0.1 us.
    Near,
    /// A cache line's round trip takes about 0.5 us.
    Far,
    /// There is one core only, or the probe was disturbed, or the regime changed.
    Unknown,
}

impl Regime {
    /// Probes the two cores, which takes about a millisecond.
    pub fn now(cores: &Cores) -> Self {
        match cores.two().and_then(|(first, second)| round_trip(first, second)) {
            None => Regime::Unknown,
            Some(time) if time > FAR => Regime::Far,
            Some(_) => Regime::Near,
        }
    }

    /// Returns the regime if both probes agree.
    #[must_use]
    pub fn and(self, other: Regime) -> Regime {
        if self == other { self } else { Regime::Unknown }
    }

    /// Returns the regime's name for the table.
    pub fn text(self) -> &'static str {
        match self {
            Regime::Near => "near",
            Regime::Far => "far",
            Regime::Unknown => "mixed",
        }
    }
}

/// An atomic that shares its cache line with nothing else.
#[repr(align(128))]
struct CacheLine(AtomicU64);

fn round_trip(first: usize, second: usize) -> Option<Duration> {
    let line = CacheLine(AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| answer(&line, second));
        scope.spawn(|| ask(&line, first)).join().ok().flatten()
    })
}

/// Writes odd numbers and waits for the even ones; returns the time of a round trip in the fastest batch.
fn ask(line: &CacheLine, core: usize) -> Option<Duration> {
    if place_thread(core).is_err() {
        line.0.store(GIVEN_UP, Ordering::Release);
        return None;
    }
    let mut fastest = None;
    for batch in 0..BATCHES {
        let before = Instant::now();
        for trip in batch * TRIPS..(batch + 1) * TRIPS {
            line.0.store(2 * trip + 1, Ordering::Release);
            wait(line, 2 * trip + 2)?;
        }
        let time = before.elapsed() / TRIPS as u32;
        fastest = Some(fastest.map_or(time, |fastest: Duration| fastest.min(time)));
    }
    fastest
}

fn answer(line: &CacheLine, core: usize) {
    if place_thread(core).is_err() {
        line.0.store(GIVEN_UP, Ordering::Release);
        return;
    }
    for trip in 0..BATCHES * TRIPS {
        if wait(line, 2 * trip + 1).is_none() {
            return;
        }
        line.0.store(2 * trip + 2, Ordering::Release);
    }
}

/// Spins until the line holds `wanted`; `None` if either side gave up.
fn wait(line: &CacheLine, wanted: u64) -> Option<()> {
    let mut began = None;
    loop {
        for _ in 0..1024 {
            match line.0.load(Ordering::Acquire) {
                GIVEN_UP => return None,
                value if value == wanted => return Some(()),
                _ => hint::spin_loop(),
            }
        }
        if began.get_or_insert_with(Instant::now).elapsed() > LIMIT {
            line.0.store(GIVEN_UP, Ordering::Release);
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regimes_that_disagree_are_unknown() {
        assert_eq!(Regime::Near.and(Regime::Near), Regime::Near);
        assert_eq!(Regime::Near.and(Regime::Far), Regime::Unknown);
    }
}
