//! Why a step costs more than twice as much.

use std::ops::RangeInclusive;

/// Why some steps of a sweep cost more than twice as much, and how much of that it explains.
#[derive(Debug)]
struct Reason {
    /// The sweep, as the report calls it.
    sweep: &'static str,
    /// The points that the steps lead to.
    points: RangeInclusive<usize>,
    /// Whatever costs more than that has another reason.
    most: Most,
    text: &'static str,
}

/// How much a reason explains.
#[derive(Debug, Clone, Copy)]
enum Most {
    /// Growth of whatever size: nothing of ours is measured.
    Any,
    /// So many times the point before.
    Times(f64),
    /// What copies alone grew by thereabouts in the same run, and a part of that, by which rounds differ.
    AsCopies(f64),
}

/// The reasons that are known.
const REASONS: [Reason; 7] = [
    Reason { sweep: COPIES, points: 128..=16 << 20, most: Most::Any, text: MACHINE },
    Reason { sweep: ASK, points: 128..=4 << 20, most: Most::AsCopies(0.15), text: COPIED },
    Reason { sweep: ASK, points: 8 << 20..=16 << 20, most: Most::Times(5.0), text: UNCACHED },
    Reason { sweep: TELL, points: 128..=4 << 20, most: Most::AsCopies(0.15), text: COPIED },
    Reason { sweep: TELL, points: 8 << 20..=16 << 20, most: Most::Times(5.0), text: UNCACHED },
    Reason { sweep: ACTORS, points: 4..=16, most: Most::Times(8.0), text: ASLEEP },
    Reason { sweep: LINKS, points: 63..=63, most: Most::Times(3.0), text: SPREAD },
];

/// The sweep that others are held against.
pub const COPIES: &str = "copies alone, by size in bytes, split cores";
const ASK: &str = "ask, by size in bytes, split cores";
const TELL: &str = "tell, by size in bytes, split cores";
const ACTORS: &str = "ask, by number of actors, split cores";
const LINKS: &str = "tell among 64 actors, by links of each";

const MACHINE: &str = "nothing is sent: it is what the machine's caches make of as many bytes";

const COPIED: &str = "copies alone cost so much more, too";

const UNCACHED: &str = "\
the message, the buffer it leaves from and that it comes to are 24 and 48 MiB and leave the processor's last cache, of 32 MiB, which others on the \
machine use, too; no page is mapped anew, and 32 MiB cost 2.1 times as much as 16";

const SPREAD: &str = "\
64 messages of 96 bytes are under way on each of 4,032 links, and are copied once more where they arrive: 48 MiB, which leave the processor's last \
cache, of 32 MiB, that those of 2,048 links are in; it begins at some 33 links and is gradual, and without the other points' systems in between \
a message over 63 costs 0.33 us";

const ASLEEP: &str =
    "an actor looks for its next message for 50 us before it sleeps; asked less often than that, it is woken";

impl Most {
    /// So many times the point before, if that is known; `copies`: what copies alone grew by.
    fn times(self, copies: Option<f64>) -> Option<f64> {
        match self {
            Most::Any => Some(f64::INFINITY),
            Most::Times(times) => Some(times),
            Most::AsCopies(beside) => Some(copies? * (1.0 + beside)),
        }
    }
}

/// Returns why the step to a point costs so many times the point before, if that is known, and how much the reason explains.
/// `copies`: what copies alone grew by there, or at the point before or behind it, in the same run.
pub fn reason(sweep: &str, point: &str, growth: f64, copies: Option<f64>) -> Option<String> {
    let at = point.parse().ok()?;
    let reason = REASONS.iter().find(|reason| reason.sweep == sweep && reason.points.contains(&at))?;
    let times = reason.most.times(copies).filter(|times| growth <= *times)?;
    let explained = if times.is_finite() { format!(" (up to {times:.2} x)") } else { String::new() };
    Some(format!("{}{explained}", reason.text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scaling::sweeps::{self, Reach};

    #[test]
    fn a_reason_explains_its_own_steps_and_not_more_than_it_can() {
        let sweep = ACTORS;
        assert_eq!(reason(sweep, "8", 3.4, None), Some(format!("{ASLEEP} (up to 8.00 x)")));
        assert_eq!(reason(sweep, "8", 30.0, None), None);
        assert_eq!(reason(sweep, "64", 3.4, None), None);
        assert_eq!(reason("ask", "8", 3.4, None), None);
    }

    #[test]
    fn the_step_of_a_message_is_explained_by_that_of_its_copies_in_the_same_run() {
        assert_eq!(reason(TELL, "8192", 2.2, Some(2.0)), Some(format!("{COPIED} (up to 2.30 x)")));
        assert_eq!(reason(TELL, "8192", 2.4, Some(2.0)), None);
        assert_eq!(reason(TELL, "8192", 2.2, None), None);
        assert_eq!(reason(COPIES, "8192", 9.0, Some(9.0)), Some(MACHINE.to_owned()));
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
