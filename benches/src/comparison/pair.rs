//! A line of two sides, ours and a rival, as a comparison.

use crate::comparison::goal::{Goal, Limit};
use crate::comparison::outcome::{Outcome, Shot, Track, Who};
use crate::comparison::part::Part;
use crate::failure::Failure;
use crate::outcome::Round;
use crate::rival::Rival;
use crate::target::Target;
use crate::unit::Unit;

/// What our side is called.
const OURS: &str = "procession";

/// Makes a comparison of the rounds of a line, or of why there are none. What ours has to reach now and what it is to reach in the
/// end are its goals.
pub fn compare(
    title: String,
    unit: Unit,
    rival: Rival,
    targets: [Target; 2],
    rounds: Result<&[Round], &Failure>,
) -> Outcome {
    let mut goals: Vec<Goal> = targets.into_iter().filter_map(|target| limit(target, rival)).map(goal).collect();
    goals.dedup();
    let (ours, theirs) = match rival {
        Rival::Floor => (Part::Ours, Part::Floor),
        Rival::Python => (Part::Ours, Part::Peer),
        Rival::Asleep => (Part::Ours, Part::Floor),
    };
    let mut tracks = [(OURS, ours), (rival.names()[0], theirs)].map(|(name, part)| Track {
        side: Who { name: name.to_string(), part },
        shots: Vec::new(),
        missing: rounds.err().map(Failure::to_string),
        is_broken: rounds.is_err_and(|failure| !matches!(failure, Failure::Unavailable(_))),
    });
    for (number, round) in rounds.unwrap_or_default().iter().enumerate() {
        let shot = |sample| Shot { round: number, sample, regime: round.regime };
        tracks[0].shots.extend(round.ours.clone().map(shot));
        tracks[1].shots.push(shot(round.floor.clone()));
    }
    Outcome::of(title, unit, goals, &tracks)
}

fn goal(limit: Limit) -> Goal {
    Goal::new(OURS, limit)
}

fn limit(target: Target, rival: Rival) -> Option<Limit> {
    Some(match target {
        Target::None => return None,
        Target::RatioAtMost(times) => Limit::TimesAtMost(times, rival.names()),
        Target::RatioAtLeast(times) => Limit::TimesAtLeast(times, rival.names()),
        Target::AtMost(figure) => Limit::AtMost(figure),
        Target::AtLeast(figure) => Limit::AtLeast(figure),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::goal::Verdict;
    use crate::regime::Regime;
    use crate::sample::Sample;
    use crate::target::Target::{AtMost, RatioAtMost};

    fn compared(rounds: Result<&[Round], &Failure>) -> Outcome {
        let targets = [RatioAtMost(0.5), AtMost(3.0)];
        compare("a line".to_string(), Unit::Nanoseconds, Rival::Python, targets, rounds)
    }

    #[test]
    fn both_sides_keep_their_rounds_and_targets_are_goals() {
        let round = |floor, ours| Round {
            floor: Sample::Figure(floor),
            ours: Some(Sample::Figure(ours)),
            regime: Regime::Near,
        };
        let outcome = compared(Ok(&[round(8.0, 2.0), round(16.0, 4.0), round(20.0, 5.0)]));
        let verdicts: Vec<Verdict> = outcome.goals.iter().map(|goal| goal.judge(&outcome)).collect();
        assert_eq!(verdicts, [Verdict::Pass(0.25), Verdict::Fail(4.0)]);
        let python = outcome.result("Python").expect("it is there");
        assert_eq!((python.rounds.len(), python.side.part), (3, Part::Peer));
    }

    #[test]
    fn a_line_that_could_not_be_measured_says_why() {
        let outcome = compared(Err(&Failure::Unavailable("one core".to_string())));
        assert!(!outcome.is_broken);
        assert!(
            outcome.results.iter().all(|result| result.figures.as_ref().is_err_and(|why| why.contains("one core")))
        );
        assert!(compared(Err(&Failure::Wrong("lost".to_string()))).is_broken);
    }
}
