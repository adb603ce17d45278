//! What all rounds of a line came to. Pure: no clock, no system call.

use crate::comparison::goal::{Goal, Verdict};
use crate::comparison::part::Part;
use crate::outcome::{Figures, median};
use crate::regime::Regime;
use crate::sample::Sample;
use crate::unit::Unit;

/// One round of one side.
#[derive(Debug, Clone)]
pub struct Shot {
    /// Which round; sides are held against each other within a round.
    pub round: usize,
    /// What it came to.
    pub sample: Sample,
    /// The regime before and after it, or `Unknown` if it changed.
    pub regime: Regime,
}

/// A side's name and part, for when the side itself is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// What it is called in tables.
    pub name: String,
    /// What it is to the comparison.
    pub part: Part,
}

/// All rounds of one side, or why there are none.
#[derive(Debug)]
pub struct Track {
    /// Whose.
    pub side: Who,
    /// Its rounds.
    pub shots: Vec<Shot>,
    /// Why it could not be measured.
    pub missing: Option<String>,
    /// Whether that is a failure, and not just that something is not to be had here.
    pub is_broken: bool,
}

/// Quantiles of all times together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantiles {
    /// Half of the operations took at most this.
    pub p50: f64,
    /// 99 of 100 took at most this.
    pub p99: f64,
    /// 999 of 1,000 took at most this.
    pub p999: f64,
}

/// What a side came to, in the line's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The median of the rounds' figures.
    pub median: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
    /// Of all single times, where they were taken.
    pub quantiles: Option<Quantiles>,
    /// The median over the rounds of ours divided by this side in the same round.
    pub ours_in_times: Option<f64>,
    /// How many rounds count.
    pub rounds: usize,
}

/// What a side came to, if anything.
#[derive(Debug, Clone, PartialEq)]
pub struct Result {
    /// Whose it is.
    pub side: Who,
    /// Its figures, or why there are none.
    pub figures: std::result::Result<Summary, String>,
    /// The rounds that count, by their numbers, and what each came to.
    pub rounds: Vec<(usize, f64)>,
}

impl Result {
    /// Returns the first of ours divided by this side.
    pub fn ours_in_times(&self) -> Option<f64> {
        self.figures.as_ref().ok()?.ours_in_times
    }

    /// Returns the median over the rounds of this side divided by another in the same round.
    pub fn in_times_of(&self, other: &Result) -> Option<f64> {
        let own = |number| self.rounds.iter().find(|(round, _)| *round == number).map(|(_, figure)| *figure);
        let ratio = |&(number, figure): &(usize, f64)| (figure > 0.0).then_some(own(number)? / figure);
        median(other.rounds.iter().filter_map(ratio).collect())
    }
}

/// What a line came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What the line is called.
    pub title: String,
    /// What is to be said of its table, if anything.
    pub note: &'static str,
    /// The unit of its figures.
    pub unit: Unit,
    /// The regime of the rounds that count.
    pub regime: Regime,
    /// In the order of the sides.
    pub results: Vec<Result>,
    /// What ours has to reach.
    pub goals: Vec<Goal>,
    /// Whether a side failed that should have worked.
    pub is_broken: bool,
}

impl Outcome {
    /// Works out the figures from the rounds of the regime that most of them ran in.
    pub fn of(title: String, unit: Unit, goals: Vec<Goal>, tracks: &[Track]) -> Outcome {
        let regime = commonest_regime(tracks);
        let mut results: Vec<Result> = tracks.iter().map(|track| result(track, regime)).collect();
        if let Some(ours) = results.iter().find(|result| result.side.part == Part::Ours && result.figures.is_ok()) {
            let times: Vec<Option<f64>> = results.iter().map(|result| ours.in_times_of(result)).collect();
            for (result, times) in results.iter_mut().zip(times) {
                if let Ok(summary) = &mut result.figures {
                    summary.ours_in_times = times;
                }
            }
        }
        let is_broken = tracks.iter().any(|track| track.is_broken);
        Outcome { results, title, note: "", unit, regime, goals, is_broken }
    }

    /// Returns what a side came to.
    pub fn result(&self, side: &str) -> Option<&Result> {
        self.results.iter().find(|result| result.side.name == side)
    }

    /// Returns those of our sides that have not reached something that they have to, each once.
    pub fn failing(&self) -> Vec<&'static str> {
        let mut sides: Vec<&'static str> = Vec::new();
        for goal in self.goals.iter().filter(|goal| matches!(goal.judge(self), Verdict::Fail(_))) {
            if !sides.contains(&goal.side) {
                sides.push(goal.side);
            }
        }
        sides
    }
}

/// A known regime wins over `Unknown` however few rounds it has.
fn commonest_regime(tracks: &[Track]) -> Regime {
    let shots = || tracks.iter().flat_map(|track| &track.shots);
    let count = |regime| shots().filter(|shot| shot.regime == regime).count();
    match (count(Regime::Near), count(Regime::Far)) {
        (0, 0) => Regime::Unknown,
        (near, far) if near >= far => Regime::Near,
        _ => Regime::Far,
    }
}

fn result(track: &Track, regime: Regime) -> Result {
    let counted: Vec<&Shot> = track.shots.iter().filter(|shot| shot.regime == regime).collect();
    let rounds: Vec<(usize, f64)> = counted.iter().map(|shot| (shot.round, shot.sample.figure())).collect();
    let figures = match &track.missing {
        Some(reason) => Err(reason.clone()),
        None => summary(&counted).ok_or_else(|| format!("no round while the cores were {}", regime.text())),
    };
    Result { side: track.side.clone(), figures, rounds }
}

/// Works out the figures of the rounds that count; `None` without any.
fn summary(counted: &[&Shot]) -> Option<Summary> {
    let figures: Vec<f64> = counted.iter().map(|shot| shot.sample.figure()).collect();
    let quantiles = match Figures::of(counted.iter().map(|shot| &shot.sample)) {
        Some(Figures::Quantiles { p50, p99, p999 }) => Some(Quantiles { p50, p99, p999 }),
        _ => None,
    };
    Some(Summary {
        median: median(figures.clone())?,
        least: figures.iter().copied().reduce(f64::min)?,
        most: figures.iter().copied().reduce(f64::max)?,
        quantiles,
        ours_in_times: None,
        rounds: counted.len(),
    })
}

/// What a line came to of which there was one round, in nanoseconds: for tests of what is made of that.
pub fn of_one_round(sides: &[(&str, Part, f64)]) -> Outcome {
    let track = |&(name, part, figure): &(&str, Part, f64)| Track {
        side: Who { name: name.to_string(), part },
        shots: vec![Shot { round: 0, sample: Sample::Figure(figure), regime: Regime::Near }],
        missing: None,
        is_broken: false,
    };
    let tracks: Vec<Track> = sides.iter().map(track).collect();
    Outcome::of("a line".to_string(), Unit::Nanoseconds, Vec::new(), &tracks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(name: &str, part: Part, figures: &[(f64, Regime)]) -> Track {
        let shot = |(round, &(figure, regime)): (usize, &(f64, Regime))| Shot {
            round,
            sample: Sample::Figure(figure),
            regime,
        };
        Track {
            side: Who { name: name.to_string(), part },
            shots: figures.iter().enumerate().map(shot).collect(),
            missing: None,
            is_broken: false,
        }
    }

    #[test]
    fn only_rounds_of_the_commonest_regime_are_held_against_each_other() {
        use Regime::{Far, Near, Unknown};
        let tracks = [
            track("floor", Part::Floor, &[(1.0, Near), (9.0, Far), (2.0, Near), (70.0, Unknown)]),
            track("ours", Part::Ours, &[(2.0, Near), (90.0, Far), (8.0, Near), (1.0, Near)]),
        ];
        let outcome = Outcome::of("a line".to_string(), Unit::Nanoseconds, Vec::new(), &tracks);
        assert_eq!(outcome.regime, Near);
        let floor = outcome.results[0].figures.as_ref().expect("it was measured");
        assert_eq!((floor.median, floor.least, floor.most, floor.rounds), (1.5, 1.0, 2.0, 2));
        assert_eq!(floor.ours_in_times, Some(3.0), "the median of 2 and 4");
        let ours = outcome.results[1].figures.as_ref().expect("it was measured");
        assert_eq!((ours.median, ours.ours_in_times, ours.rounds), (2.0, Some(1.0), 3));
    }

    #[test]
    fn a_side_that_is_missing_says_why() {
        let mut absent = track("absent", Part::Peer, &[]);
        absent.missing = Some("not installed".to_string());
        let tracks = [track("ours", Part::Ours, &[(2.0, Regime::Near)]), absent];
        let outcome = Outcome::of("a line".to_string(), Unit::Nanoseconds, Vec::new(), &tracks);
        assert_eq!(outcome.results[1].figures, Err("not installed".to_string()));
        assert!(outcome.results[0].figures.is_ok());
    }

    #[test]
    fn each_of_ours_is_held_against_others_by_its_own_rounds() {
        use Regime::{Far, Near};
        let tracks = [
            track("ring", Part::Ours, &[(1.0, Near), (1.0, Near), (50.0, Far)]),
            track("floor", Part::Floor, &[(2.0, Near), (4.0, Near), (1.0, Far)]),
            track("socket", Part::Ours, &[(6.0, Near), (20.0, Near), (1.0, Far)]),
        ];
        let outcome = Outcome::of("a line".to_string(), Unit::Nanoseconds, Vec::new(), &tracks);
        let side = |name| outcome.result(name).expect("there is such a side");
        assert_eq!(side("socket").in_times_of(side("floor")), Some(4.0), "the median of 3 and 5");
        assert_eq!(side("floor").ours_in_times(), Some(0.375), "by the first of ours");
        assert_eq!(side("ring").in_times_of(side("socket")), side("socket").ours_in_times());
    }

    #[test]
    fn sides_that_miss_a_goal_are_named_once() {
        use crate::comparison::goal::Limit::{AtLeast, AtMost};
        let mut outcome = of_one_round(&[("ring", Part::Ours, 5.0), ("socket", Part::Ours, 9.0)]);
        outcome.goals = [("socket", AtMost(6.0)), ("ring", AtMost(6.0)), ("socket", AtLeast(10.0))]
            .map(|(side, limit)| Goal::new(side, limit))
            .to_vec();
        assert_eq!(outcome.failing(), ["socket"]);
    }
}
