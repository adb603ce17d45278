//! What all rounds of a line came to. Pure: no clock, no system call.

use crate::regime::Regime;
use crate::sample::{Sample, empty_histogram};

/// One round of both sides.
#[derive(Debug, Clone)]
pub struct Round {
    /// The raw side.
    pub floor: Sample,
    /// Our side, if the line has one.
    pub ours: Option<Sample>,
    /// The regime in which both ran, or `Unknown` if it changed meanwhile.
    pub regime: Regime,
}

/// The figures of one side over all rounds that count, in the line's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Figures {
    /// Quantiles of all times together.
    Quantiles {
        /// Half of the operations took at most this.
        p50: f64,
        /// 99 of 100 took at most this.
        p99: f64,
        /// 999 of 1,000 took at most this.
        p999: f64,
    },
    /// The median of the rounds' figures.
    Median(f64),
}

impl Figures {
    /// Returns the figure that stands for the side.
    pub fn figure(self) -> f64 {
        match self {
            Figures::Quantiles { p50, .. } => p50,
            Figures::Median(median) => median,
        }
    }

    /// Works out the figures of some samples; `None` without any.
    pub fn of<'a>(samples: impl Iterator<Item = &'a Sample>) -> Option<Self> {
        let mut all = empty_histogram();
        let mut figures = Vec::new();
        for sample in samples {
            match sample {
                Sample::Latencies(histogram) => all += histogram,
                Sample::Figure(figure) => figures.push(*figure),
            }
        }
        if all.is_empty() {
            return median(figures).map(Figures::Median);
        }
        let quantile = |q| all.value_at_quantile(q) as f64;
        Some(Figures::Quantiles { p50: quantile(0.5), p99: quantile(0.99), p999: quantile(0.999) })
    }
}

/// What a line came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The raw side.
    pub floor: Figures,
    /// Our side, if the line has one.
    pub ours: Option<Figures>,
    /// The median over the rounds of ours divided by the floor of the same round; none if the floor is zero.
    pub ratio: Option<f64>,
    /// The regime of the rounds that count.
    pub regime: Regime,
    /// How many rounds count.
    pub rounds_counted: usize,
    /// How many rounds there were.
    pub rounds: usize,
}

impl Outcome {
    /// Works out the figures from the rounds of the regime that most of them ran in; `None` without rounds.
    pub fn of(rounds: &[Round]) -> Option<Self> {
        let regime = commonest_regime(rounds);
        let counted: Vec<&Round> = rounds.iter().filter(|round| round.regime == regime).collect();
        let ratios = counted.iter().filter_map(|round| ratio(round)).collect();
        Some(Outcome {
            floor: Figures::of(counted.iter().map(|round| &round.floor))?,
            ours: Figures::of(counted.iter().filter_map(|round| round.ours.as_ref())),
            ratio: median(ratios),
            regime,
            rounds_counted: counted.len(),
            rounds: rounds.len(),
        })
    }
}

/// A known regime wins over `Unknown` however few rounds it has.
fn commonest_regime(rounds: &[Round]) -> Regime {
    let count = |regime| rounds.iter().filter(|round| round.regime == regime).count();
    let (near, far) = (count(Regime::Near), count(Regime::Far));
    match (near, far) {
        (0, 0) => Regime::Unknown,
        _ if near >= far => Regime::Near,
        _ => Regime::Far,
    }
}

fn ratio(round: &Round) -> Option<f64> {
    let (ours, floor) = (round.ours.as_ref()?.figure(), round.floor.figure());
    (floor > 0.0).then(|| ours / floor)
}

/// Returns the median; `None` of nothing.
pub fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => None,
        length if length % 2 == 1 => Some(figures[middle]),
        _ => Some((figures[middle - 1] + figures[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn round(floor: f64, ours: f64, regime: Regime) -> Round {
        Round { floor: Sample::Figure(floor), ours: Some(Sample::Figure(ours)), regime }
    }

    #[test]
    fn only_rounds_of_the_commonest_regime_count() {
        let rounds = [
            round(1.0, 2.0, Regime::Near),
            round(5.0, 50.0, Regime::Far),
            round(1.0, 4.0, Regime::Near),
            round(1.0, 99.0, Regime::Unknown),
        ];
        let outcome = Outcome::of(&rounds).expect("there are rounds");
        assert_eq!(outcome.floor, Figures::Median(1.0));
        assert_eq!(outcome.ours, Some(Figures::Median(3.0)));
        assert_eq!(outcome.ratio, Some(3.0));
        assert_eq!((outcome.regime, outcome.rounds_counted, outcome.rounds), (Regime::Near, 2, 4));
    }

    #[test]
    fn the_ratio_is_that_of_pairs_so_drift_cancels_out() {
        let rounds: Vec<Round> = (1..=9).map(|n| round(n as f64, 2.0 * n as f64, Regime::Far)).collect();
        assert_eq!(Outcome::of(&rounds).and_then(|outcome| outcome.ratio), Some(2.0));
    }

    #[test]
    fn a_floor_of_zero_and_a_missing_side_give_no_ratio() {
        let zero = Outcome::of(&[round(0.0, 1.0, Regime::Near)]).expect("there is a round");
        assert_eq!(zero.ratio, None);
        let alone = Round { floor: Sample::Figure(1.0), ours: None, regime: Regime::Near };
        let alone = Outcome::of(&[alone]).expect("there is a round");
        assert_eq!((alone.ours, alone.ratio), (None, None));
        assert_eq!(Outcome::of(&[]), None);
    }

    #[test]
    fn latencies_of_all_rounds_make_one_histogram() {
        let times: Vec<Duration> = (1..=1000).map(Duration::from_micros).collect();
        let (first, second) = times.split_at(500);
        let rounds = [first, second].map(|times| Round {
            floor: Sample::from_times(times),
            ours: None,
            regime: Regime::Unknown,
        });
        let Some(Figures::Quantiles { p50, p99, p999 }) = Outcome::of(&rounds).map(|outcome| outcome.floor) else {
            panic!("latencies give quantiles");
        };
        for (quantile, expected) in [(p50, 500e3), (p99, 990e3), (p999, 999e3)] {
            assert!((quantile - expected).abs() / expected < 0.002, "{quantile} instead of {expected}");
        }
    }
}
