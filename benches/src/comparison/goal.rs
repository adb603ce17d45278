//! What ours has to reach, and whether it does.

use crate::comparison::outcome::{Outcome, Summary};
use crate::link::Link;
use crate::unit::Unit;

/// What one of our sides on a line has to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// The side that it is for.
    pub side: &'static str,
    /// How fast, or small, that has to be.
    pub limit: Limit,
    /// What has to carry that side's messages, if the goal is for one way only.
    pub link: Option<Link>,
}

/// What a side has to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
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
    /// Makes a goal for one of our sides, whatever carries its messages.
    pub const fn new(side: &'static str, limit: Limit) -> Goal {
        Goal { side, limit, link: None }
    }

    /// Has it be for one way of carrying messages only.
    #[must_use]
    pub const fn over(self, link: Link) -> Goal {
        Goal { link: Some(link), ..self }
    }

    /// Judges what a line came to.
    pub fn judge(self, outcome: &Outcome) -> Verdict {
        self.try_judge(outcome).unwrap_or(Verdict::Unknown)
    }

    fn try_judge(self, outcome: &Outcome) -> Option<Verdict> {
        let side = outcome.result(self.side)?;
        let ours: &Summary = side.figures.as_ref().ok()?;
        let beside = |names: &[&str]| -> Vec<f64> {
            names.iter().filter_map(|name| side.in_times_of(outcome.result(name)?)).collect()
        };
        Some(match self.limit {
            Limit::AtMost(limit) => Verdict::of(ours.median, ours.median <= limit),
            Limit::AtLeast(limit) => Verdict::of(ours.median, ours.median >= limit),
            Limit::TimesAtMost(limit, names) => {
                let times = beside(names).into_iter().reduce(f64::max)?;
                Verdict::of(times, times <= limit)
            }
            Limit::TimesAtLeast(limit, names) => {
                let times = beside(names).into_iter().reduce(f64::min)?;
                Verdict::of(times, times >= limit)
            }
            Limit::TailAtMost(limit) => {
                let times = ours.quantiles?.p99 / ours.median;
                Verdict::of(times, times <= limit)
            }
        })
    }

    /// Writes what was held against the goal.
    pub fn shown(self, verdict: Verdict, unit: Unit) -> String {
        match (self.limit, verdict) {
            (_, Verdict::Unknown) => "-".to_string(),
            (Limit::AtMost(_) | Limit::AtLeast(_), Verdict::Pass(figure) | Verdict::Fail(figure)) => unit.text(figure),
            (_, Verdict::Pass(times) | Verdict::Fail(times)) => format!("{times:.2} x"),
        }
    }
}

impl Limit {
    /// Returns the sides that ours is held against.
    pub fn rivals(self) -> &'static [&'static str] {
        match self {
            Limit::TimesAtMost(_, names) | Limit::TimesAtLeast(_, names) => names,
            Limit::AtMost(_) | Limit::AtLeast(_) | Limit::TailAtMost(_) => &[],
        }
    }

    /// Writes the limit.
    pub fn text(self, unit: Unit) -> String {
        match self {
            Limit::AtMost(limit) => format!("<= {}", unit.text(limit)),
            Limit::AtLeast(limit) => format!(">= {}", unit.text(limit)),
            Limit::TimesAtMost(limit, names) => format!("<= {} x {}", brief(limit), any_of(names)),
            Limit::TimesAtLeast(limit, names) => format!(">= {} x {}", brief(limit), any_of(names)),
            Limit::TailAtMost(limit) => format!("p99 <= {} x p50", brief(limit)),
        }
    }
}

/// Writes at most two digits behind the point.
fn brief(times: f64) -> String {
    let text = format!("{times:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
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
    use crate::comparison::outcome::of_one_round;
    use crate::comparison::part::Part::{Ours, Peer};

    fn ours(limit: Limit) -> Goal {
        Goal::new("ours", limit)
    }

    #[test]
    fn the_best_of_the_rivals_counts() {
        let outcome = of_one_round(&[("ours", Ours, 12.0), ("a", Peer, 10.0), ("b", Peer, 20.0)]);
        assert_eq!(ours(Limit::TimesAtMost(1.25, &["a", "b"])).judge(&outcome), Verdict::Pass(1.2));
        assert_eq!(ours(Limit::TimesAtMost(1.1, &["a", "b"])).judge(&outcome), Verdict::Fail(1.2));
        assert_eq!(ours(Limit::TimesAtMost(1.1, &["b"])).judge(&outcome), Verdict::Pass(0.6));
        assert_eq!(ours(Limit::TimesAtLeast(1.0, &["a", "b"])).judge(&outcome), Verdict::Fail(0.6));
        assert_eq!(ours(Limit::TimesAtLeast(1.0, &["a"])).judge(&outcome), Verdict::Pass(1.2));
    }

    #[test]
    fn a_goal_is_for_the_side_that_it_names_and_for_no_other_of_ours() {
        let outcome = of_one_round(&[("ours", Ours, 12.0), ("a", Peer, 10.0), ("ours by socket", Ours, 30.0)]);
        let by_socket = |limit| Goal::new("ours by socket", limit);
        assert_eq!(by_socket(Limit::AtMost(20.0)).judge(&outcome), Verdict::Fail(30.0));
        assert_eq!(by_socket(Limit::TimesAtMost(1.25, &["a"])).judge(&outcome), Verdict::Fail(3.0));
        assert_eq!(ours(Limit::TimesAtMost(1.25, &["a"])).judge(&outcome), Verdict::Pass(1.2));
        assert_eq!(Goal::new("nobody", Limit::AtMost(20.0)).judge(&outcome), Verdict::Unknown);
    }

    #[test]
    fn without_rivals_nothing_is_known() {
        let outcome = of_one_round(&[("ours", Ours, 12.0), ("a", Peer, 10.0)]);
        assert_eq!(ours(Limit::TimesAtMost(1.1, &["c"])).judge(&outcome), Verdict::Unknown);
        assert_eq!(ours(Limit::TailAtMost(3.0)).judge(&outcome), Verdict::Unknown);
        assert_eq!(ours(Limit::AtMost(12.0)).judge(&outcome), Verdict::Pass(12.0));
        assert_eq!(ours(Limit::AtLeast(12.5)).judge(&outcome), Verdict::Fail(12.0));
    }

    #[test]
    fn limits_are_written_as_briefly_as_they_can() {
        assert_eq!([1.25, 1.6, 20.0, 1.0 / 3.0].map(brief), ["1.25", "1.6", "20", "0.33"]);
    }
}
