//! What ours has to reach, and whether it does.

use crate::outcome::{Outcome, Result};
use procession_benches::unit::Unit;

/// What the first of our sides on a line has to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// Its figure is at most this.
    AtMost(f64),
    /// Its figure is at least this.
    AtLeast(f64),
    /// Its figure is at most so many times the smallest of these sides'.
    TimesAtMost(f64, &'static [&'static str]),
    /// Its figure is at least so many times the largest of these sides'.
    TimesAtLeast(f64, &'static [&'static str]),
    /// Its 99th percentile is at most so many times its median.
    TailAtMost(f64),
}

/// Whether a goal is reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// It is; beside it, what was held against the goal.
    Pass(f64),
    /// It is not.
    Fail(f64),
    /// What it is held against could not be measured.
    Unknown,
}

impl Verdict {
    fn of(figure: f64, passes: bool) -> Verdict {
        if passes { Verdict::Pass(figure) } else { Verdict::Fail(figure) }
    }

    /// Returns the word for tables.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Pass(_) => "pass",
            Verdict::Fail(_) => "FAIL",
            Verdict::Unknown => "not measured",
        }
    }
}

impl Goal {
    /// Judges what a line came to.
    pub fn judge(self, outcome: &Outcome) -> Verdict {
        self.try_judge(outcome).unwrap_or(Verdict::Unknown)
    }

    fn try_judge(self, outcome: &Outcome) -> Option<Verdict> {
        let ours = outcome.ours()?;
        let rivals = |names: &[&str]| -> Vec<f64> {
            let named = outcome.results.iter().filter(|result| names.contains(&result.side.name.as_str()));
            named.filter_map(Result::ours_in_times).collect()
        };
        Some(match self {
            Goal::AtMost(limit) => Verdict::of(ours.median, ours.median <= limit),
            Goal::AtLeast(limit) => Verdict::of(ours.median, ours.median >= limit),
            Goal::TimesAtMost(limit, names) => {
                let times = rivals(names).into_iter().reduce(f64::max)?;
                Verdict::of(times, times <= limit)
            }
            Goal::TimesAtLeast(limit, names) => {
                let times = rivals(names).into_iter().reduce(f64::min)?;
                Verdict::of(times, times >= limit)
            }
            Goal::TailAtMost(limit) => {
                let times = ours.quantiles?.p99 / ours.median;
                Verdict::of(times, times <= limit)
            }
        })
    }

    /// Writes the goal.
    pub fn text(self, unit: Unit) -> String {
        match self {
            Goal::AtMost(limit) => format!("<= {}", unit.text(limit)),
            Goal::AtLeast(limit) => format!(">= {}", unit.text(limit)),
            Goal::TimesAtMost(limit, names) => format!("<= {limit} x {}", any_of(names)),
            Goal::TimesAtLeast(limit, names) => format!(">= {limit} x {}", any_of(names)),
            Goal::TailAtMost(limit) => format!("p99 <= {limit} x p50"),
        }
    }

    /// Writes what was held against the goal.
    pub fn shown(self, verdict: Verdict, unit: Unit) -> String {
        match (self, verdict) {
            (_, Verdict::Unknown) => "-".to_string(),
            (Goal::AtMost(_) | Goal::AtLeast(_), Verdict::Pass(figure) | Verdict::Fail(figure)) => unit.text(figure),
            (_, Verdict::Pass(times) | Verdict::Fail(times)) => format!("{times:.2} x"),
        }
    }
}

fn any_of(names: &[&str]) -> String {
    match names {
        [name] => (*name).to_string(),
        _ => format!("the best of {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::tests::outcome;

    #[test]
    fn the_best_of_the_rivals_counts() {
        let outcome = outcome(&[("a", 10.0), ("b", 20.0)], 12.0);
        assert_eq!(Goal::TimesAtMost(1.25, &["a", "b"]).judge(&outcome), Verdict::Pass(1.2));
        assert_eq!(Goal::TimesAtMost(1.1, &["a", "b"]).judge(&outcome), Verdict::Fail(1.2));
        assert_eq!(Goal::TimesAtMost(1.1, &["b"]).judge(&outcome), Verdict::Pass(0.6));
        assert_eq!(Goal::TimesAtLeast(1.0, &["a", "b"]).judge(&outcome), Verdict::Fail(0.6));
        assert_eq!(Goal::TimesAtLeast(1.0, &["a"]).judge(&outcome), Verdict::Pass(1.2));
    }

    #[test]
    fn without_rivals_nothing_is_known() {
        let outcome = outcome(&[("a", 10.0)], 12.0);
        assert_eq!(Goal::TimesAtMost(1.1, &["c"]).judge(&outcome), Verdict::Unknown);
        assert_eq!(Goal::TailAtMost(3.0).judge(&outcome), Verdict::Unknown);
        assert_eq!(Goal::AtMost(12.0).judge(&outcome), Verdict::Pass(12.0));
        assert_eq!(Goal::AtLeast(12.5).judge(&outcome), Verdict::Fail(12.0));
    }
}
