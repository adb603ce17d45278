//! Why a step costs more than twice as much.

use std::ops::RangeInclusive;

/// Why some steps of a sweep cost more than twice as much, and how much of that it explains.
#[derive(Debug)]
struct Reason {
    /// The sweep, as the report calls it.
    sweep: &'static str,
    /// The points that the steps lead to.
    points: RangeInclusive<usize>,
    /// Whatever costs more than so many times the point before has another reason.
    most: f64,
    text: &'static str,
}

/// The reasons that are known.
const REASONS: [Reason; 11] = [
    Reason { sweep: COPIES, points: 512..=8 << 10, most: 2.3, text: PROPORTIONAL },
    Reason { sweep: COPIES, points: 16 << 10..=MIB, most: 3.0, text: CORE_CACHES },
    Reason { sweep: COPIES, points: 2 * MIB..=16 * MIB, most: 6.0, text: SHARED_CACHE },
    Reason { sweep: ASK, points: 1 << 10..=8 << 10, most: 2.3, text: PROPORTIONAL },
    Reason { sweep: ASK, points: 16 << 10..=MIB, most: 3.0, text: CORE_CACHES },
    Reason { sweep: ASK, points: 2 * MIB..=16 * MIB, most: 6.0, text: SHARED_CACHE },
    Reason { sweep: TELL, points: 1 << 10..=8 << 10, most: 2.3, text: PROPORTIONAL },
    Reason { sweep: TELL, points: 16 << 10..=MIB, most: 3.0, text: CORE_CACHES },
    Reason { sweep: TELL, points: 2 * MIB..=16 * MIB, most: 6.0, text: SHARED_CACHE },
    Reason { sweep: ACTORS, points: 4..=16, most: 8.0, text: ASLEEP },
    Reason { sweep: ACTORS, points: 256..=512, most: 2.5, text: SOCKETS },
];

const COPIES: &str = "copies alone, by size in bytes, split cores";
const ASK: &str = "ask, by size in bytes, split cores";
const TELL: &str = "tell, by size in bytes, split cores";
const ACTORS: &str = "ask, by number of actors, split cores";

const MIB: usize = 1 << 20;

const PROPORTIONAL: &str =
    "the cost is that of copying twice as many bytes, and little else; what is above 2 is how rounds differ";

const CORE_CACHES: &str = "\
twice as many bytes are copied, to the send buffer, into the ring and out of it, and these places leave the caches of a core, as \
for copies alone";

const SHARED_CACHE: &str = "\
twice as many bytes are copied, and the places they are copied to leave the cache that cores share, of which others on the machine \
have a part, as for copies alone";

const ASLEEP: &str =
    "an actor looks for its next message for 50 us before it sleeps; asked less often than that, it is woken";

const SOCKETS: &str = "root has 128 connections by shared memory at most; those to the other actors go by sockets";

/// Returns why the step to a point costs so many times the point before, if that is known, and how much the reason explains.
pub fn reason(sweep: &str, point: &str, growth: f64) -> Option<String> {
    let point = point.parse().ok()?;
    let explains = |reason: &&Reason| reason.sweep == sweep && reason.points.contains(&point) && growth <= reason.most;
    REASONS.iter().find(explains).map(|reason| format!("{} (up to {} x)", reason.text, reason.most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scaling::sweeps::{self, Reach};

    #[test]
    fn a_reason_explains_its_own_steps_and_not_more_than_it_can() {
        let sweep = ACTORS;
        assert_eq!(reason(sweep, "8", 3.4), Some(format!("{ASLEEP} (up to 8 x)")));
        assert_eq!(reason(sweep, "8", 30.0), None);
        assert_eq!(reason(sweep, "64", 3.4), None);
        assert_eq!(reason("ask", "8", 3.4), None);
    }

    #[test]
    fn reasons_are_for_steps_that_there_are() {
        let sweeps = sweeps::all(Reach::Whole);
        for reason in &REASONS {
            let sweep = sweeps.iter().find(|sweep| sweep.title() == reason.sweep).expect("there is such a sweep");
            let is_point = |at: usize| sweep.sides.iter().skip(1).any(|side| side.name == at.to_string());
            assert!(is_point(*reason.points.start()) && is_point(*reason.points.end()), "{reason:?}");
        }
    }
}
