//! What all rounds of a line came to. Pure: no clock, no system call.

use crate::goal::{Goal, Verdict};
use crate::side::Part;
use procession_benches::outcome::{Figures, median};
use procession_benches::regime::Regime;
use procession_benches::sample::Sample;
use procession_benches::unit::Unit;

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
}

impl Result {
    /// Returns ours divided by this side.
    pub fn ours_in_times(&self) -> Option<f64> {
        self.figures.as_ref().ok()?.ours_in_times
    }
}

/// What a line came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What the line is called.
    pub title: String,
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
        let ours = tracks.iter().find(|track| track.side.part == Part::Ours && !track.shots.is_empty());
        let results =
            tracks.iter().map(|track| Result { side: track.side.clone(), figures: figures(track, ours, regime) });
        let is_broken = tracks.iter().any(|track| track.is_broken);
        Outcome { results: results.collect(), title, unit, regime, goals, is_broken }
    }

    /// Tells whether ours has not reached something that it has to.
    pub fn misses_a_goal(&self) -> bool {
        self.goals.iter().any(|goal| matches!(goal.judge(self), Verdict::Fail(_)))
    }

    /// Returns the figures of the first of our sides, which the goals are for.
    pub fn ours(&self) -> Option<&Summary> {
        let ours = self.results.iter().find(|result| result.side.part == Part::Ours)?;
        ours.figures.as_ref().ok()
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

fn figures(track: &Track, ours: Option<&Track>, regime: Regime) -> std::result::Result<Summary, String> {
    if let Some(reason) = &track.missing {
        return Err(reason.clone());
    }
    let counted: Vec<&Shot> = track.shots.iter().filter(|shot| shot.regime == regime).collect();
    let figures: Vec<f64> = counted.iter().map(|shot| shot.sample.figure()).collect();
    let none = || format!("no round while the cores were {}", regime.text());
    let quantiles = match Figures::of(counted.iter().map(|shot| &shot.sample)) {
        Some(Figures::Quantiles { p50, p99, p999 }) => Some(Quantiles { p50, p99, p999 }),
        _ => None,
    };
    Ok(Summary {
        median: median(figures.clone()).ok_or_else(none)?,
        least: figures.iter().copied().reduce(f64::min).ok_or_else(none)?,
        most: figures.iter().copied().reduce(f64::max).ok_or_else(none)?,
        quantiles,
        ours_in_times: ours.and_then(|ours| median(ratios(ours, &counted, regime))),
        rounds: counted.len(),
    })
}

fn ratios(ours: &Track, theirs: &[&Shot], regime: Regime) -> Vec<f64> {
    let of_round = |round| ours.shots.iter().find(|shot| shot.round == round && shot.regime == regime);
    let ratio = |shot: &&Shot| {
        let (ours, theirs) = (of_round(shot.round)?.sample.figure(), shot.sample.figure());
        (theirs > 0.0).then(|| ours / theirs)
    };
    theirs.iter().filter_map(ratio).collect()
}

#[cfg(test)]
pub(crate) mod tests {
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

    /// What a line came to whose peers and ours had these figures in one round.
    pub(crate) fn outcome(peers: &[(&str, f64)], ours: f64) -> Outcome {
        let mut tracks = vec![track("ours", Part::Ours, &[(ours, Regime::Near)])];
        tracks.extend(peers.iter().map(|&(name, figure)| track(name, Part::Peer, &[(figure, Regime::Near)])));
        Outcome::of("a line".to_string(), Unit::Nanoseconds, Vec::new(), &tracks)
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
        let ours = outcome.ours().expect("it was measured");
        assert_eq!((ours.median, ours.ours_in_times, ours.rounds), (2.0, Some(1.0), 3));
    }

    #[test]
    fn a_side_that_is_missing_says_why() {
        let mut absent = track("absent", Part::Peer, &[]);
        absent.missing = Some("not installed".to_string());
        let tracks = [track("ours", Part::Ours, &[(2.0, Regime::Near)]), absent];
        let outcome = Outcome::of("a line".to_string(), Unit::Nanoseconds, Vec::new(), &tracks);
        assert_eq!(outcome.results[1].figures, Err("not installed".to_string()));
        assert!(outcome.ours().is_some());
    }
}
