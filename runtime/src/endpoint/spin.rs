//! Looking again and again before sleeping.
//!
//! To wake a processor that sleeps takes longer than a small message takes to be answered. So a wait first looks for a short
//! while, and gives its processor away between two looks: whoever else is to run there runs. That a wait is not worth it shows
//! in two ways, and each keeps it from happening for a while:
//!
//! * the last looks were in vain: what is waited for takes longer;
//! * somebody else used the processor meanwhile, and for long: it is wanted for other things.
//!
//! With a single processor's worth of time for all processes (an affinity of one, a quota), looking still pays: to give the processor away
//! is what hands it to whoever is to answer. Where that is not so, the second of the ways shows it. Whoever would rather not look at
//! all says so for the system.
//!
//! Pure: the clock and the processor belong to the caller.

use std::time::{Duration, Instant};

/// How long a wait looks before it sleeps. Waking a processor that sleeps costs 20 to 50 µs.
pub(crate) const SPIN: Duration = Duration::from_micros(50);

/// Who gets its processor back this much later has lent it to somebody who has more to do than to answer.
const LENT: Duration = Duration::from_micros(500);

/// Who gets its processor back this soon has it for itself.
const ALONE: Duration = Duration::from_nanos(1500);

/// How often the bell of who has its processor for itself is looked at before the poller is asked: for about 2 µs.
const GLANCES: u32 = 100;

/// How often the socket that was read last is looked at before the poller is asked, by who has its processor for itself: for about 3 µs. That
/// something has come, the socket says in half the time that the poller takes.
const PEEKS: u32 = 24;

/// After so many messages that were found like that, one after the other, the poller is asked: others may have sent something, too.
const MOST_PEEKED: u32 = 8;

/// Who has a bell asks the poller only every so many times that it gives its processor away.
pub(crate) const LOOKS_EVERY: u32 = 4;

/// How long no wait looks after the processor was wanted for other things; twice as long if it soon is again: soon enough where somebody
/// has work to do, and no longer where the system had something to see to once.
const FIRST_REST: Duration = Duration::from_millis(2);

/// The longest of these rests.
const LONGEST_REST: Duration = Duration::from_secs(10);

/// Soon is within this many times the rest, and
const SOON: u32 = 10;

/// within this: a quota of processor time that is used up is so again 100 ms later.
const SOON_AT_LEAST: Duration = Duration::from_millis(150);

/// After looks in vain at most this many waits sleep at once before one looks again.
const MOST_SKIPPED: u32 = 64;

/// Decides whether a wait looks before it sleeps.
#[derive(Debug)]
pub(crate) struct Spinner {
    /// Whether no wait ever looks.
    is_off: bool,
    /// Waits that are to sleep at once.
    skipped: u32,
    /// How many are to after the next look in vain.
    penalty: u32,
    rest_until: Option<Instant>,
    /// How long the last rest was.
    rest: Duration,
    /// Whether nobody else has used the processor while it was given away last.
    is_alone: bool,
    /// How many messages have been found one after the other without the poller.
    peeked: u32,
}

impl Spinner {
    /// Makes one that has not learnt anything yet; or, not `spins`, that has every wait sleep at once.
    pub(crate) fn new(spins: bool) -> Spinner {
        Spinner {
            is_off: !spins,
            skipped: 0,
            penalty: 1,
            rest_until: None,
            rest: Duration::ZERO,
            is_alone: false,
            peeked: 0,
        }
    }

    /// Whether the wait that begins now sleeps at once, whatever the time is.
    pub(crate) fn skips(&mut self) -> bool {
        let skips = self.is_off || self.skipped > 0;
        self.skipped = self.skipped.saturating_sub(1);
        skips
    }

    /// Whether a wait that begins now and is not skipped looks before it sleeps.
    pub(crate) fn looks(&self, now: Instant) -> bool {
        self.rest_until.is_none_or(|until| now >= until)
    }

    /// Has so many waits sleep at once.
    pub(crate) fn skip(&mut self, waits: u32) {
        self.skipped = self.skipped.max(waits);
    }

    /// How often to look at what costs nothing to look at, before the system is asked and the processor given away: whoever is
    /// to answer may need the processor for that.
    #[inline]
    pub(crate) fn glances(&self) -> u32 {
        if self.is_alone { GLANCES } else { 1 }
    }

    /// How often to look at the socket that was read last before the poller is asked. Where the processor is given away at once, not at all:
    /// what is to come comes while somebody else runs.
    pub(crate) fn peeks(&self) -> u32 {
        if self.is_alone { PEEKS } else { 0 }
    }

    /// Whether so much was found there that it is others' turn.
    pub(crate) fn has_peeked_enough(&self) -> bool {
        self.peeked >= MOST_PEEKED
    }

    /// Something was found there.
    pub(crate) fn note_peeked(&mut self) {
        self.peeked += 1;
    }

    /// The poller is asked.
    pub(crate) fn note_polled(&mut self) {
        self.peeked = 0;
    }

    /// It came while it was looked for.
    pub(crate) fn note_found(&mut self) {
        self.penalty = 1;
    }

    /// It did not come.
    pub(crate) fn note_missed(&mut self) {
        self.skipped = self.penalty;
        self.penalty = (self.penalty * 2).min(MOST_SKIPPED);
    }

    /// The processor was given away for so long; gives whether to go on looking.
    pub(crate) fn note_lent(&mut self, now: Instant, lent: Duration) -> bool {
        self.is_alone = lent < ALONE;
        if lent < LENT {
            return true;
        }
        let is_soon = self.rest_until.is_some_and(|until| now < until + (self.rest * SOON).max(SOON_AT_LEAST));
        self.rest = if is_soon { (self.rest * 2).min(LONGEST_REST) } else { FIRST_REST };
        self.rest_until = Some(now + self.rest);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(spinner: &mut Spinner, now: Instant) -> bool {
        !spinner.skips() && spinner.looks(now)
    }

    #[test]
    fn looks_in_vain_become_rare_and_one_that_is_not_makes_them_frequent() {
        let (mut spinner, now) = (Spinner::new(true), Instant::now());
        let looks = |spinner: &mut Spinner, waits: u32| {
            let looked = (0..waits).filter(|_| {
                let looks = begin(spinner, now);
                looks.then(|| spinner.note_missed());
                looks
            });
            looked.count()
        };
        assert_eq!(looks(&mut spinner, 128), 7, "after 1, 2, 4, 8, 16, 32 and 64 waits");
        assert_eq!(looks(&mut spinner, 65 * 100), 100);
        while !begin(&mut spinner, now) {}
        spinner.note_found();
        assert!(begin(&mut spinner, now));
        spinner.note_missed();
        assert!(!begin(&mut spinner, now));
        assert!(begin(&mut spinner, now));
    }

    #[test]
    fn who_has_the_processor_for_itself_peeks_so_often_before_it_is_others_turn() {
        let (mut spinner, now) = (Spinner::new(true), Instant::now());
        assert_eq!(spinner.peeks(), 0, "nobody knows yet");
        spinner.note_lent(now, Duration::ZERO);
        assert_eq!(spinner.peeks(), PEEKS);
        for _ in 0..MOST_PEEKED {
            assert!(!spinner.has_peeked_enough());
            spinner.note_peeked();
        }
        assert!(spinner.has_peeked_enough());
        spinner.note_polled();
        assert!(!spinner.has_peeked_enough());
        spinner.note_lent(now, ALONE);
        assert_eq!(spinner.peeks(), 0);
    }

    #[test]
    fn a_rest_that_soon_follows_another_is_longer_and_one_that_does_not_is_not() {
        let (mut spinner, start) = (Spinner::new(true), Instant::now());
        spinner.note_lent(start, LENT);
        spinner.note_lent(start + FIRST_REST + SOON_AT_LEAST, LENT);
        assert_eq!(spinner.rest, FIRST_REST);
        let used_up_again = start + FIRST_REST + SOON_AT_LEAST + Duration::from_millis(100);
        spinner.note_lent(used_up_again, LENT);
        assert_eq!(spinner.rest, FIRST_REST * 2);
    }

    #[test]
    fn who_is_not_to_look_never_does() {
        let (mut spinner, now) = (Spinner::new(false), Instant::now());
        for _ in 0..100 {
            assert!(!begin(&mut spinner, now));
            spinner.note_found();
        }
    }

    #[test]
    fn who_is_in_the_way_again_and_again_rests_longer_each_time() {
        let (mut spinner, start) = (Spinner::new(true), Instant::now());
        assert!(spinner.note_lent(start, LENT / 2));
        assert!(begin(&mut spinner, start));
        assert!(!spinner.note_lent(start, LENT));
        assert!(!begin(&mut spinner, start + FIRST_REST / 2));
        let mut at = start + FIRST_REST;
        for _ in 0..20 {
            assert!(begin(&mut spinner, at));
            spinner.note_found();
            assert!(!spinner.note_lent(at, LENT));
            at += spinner.rest;
        }
        assert_eq!(spinner.rest, LONGEST_REST);
        assert!(!spinner.note_lent(at + LONGEST_REST * SOON, LENT));
        assert_eq!(spinner.rest, FIRST_REST);
    }
}
