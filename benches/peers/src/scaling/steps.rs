//! How cost changes from point to point.

use procession_benches::comparison::outcome::{Outcome, Result};

/// A step over which cost grows by more than this is flagged.
pub const MOST: f64 = 2.0;

/// What a point came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Point<'a> {
    /// Where on the sweep.
    pub at: &'a str,
    /// The median cost of a message, in nanoseconds.
    pub cost: f64,
    /// So many times that of the point before, if there is one.
    pub growth: Option<f64>,
}

impl Point<'_> {
    /// Whether cost has more than doubled.
    pub fn is_steep(&self) -> bool {
        self.growth.is_some_and(|growth| growth > MOST)
    }
}

/// Returns the points that were measured.
pub fn points(outcome: &Outcome) -> Vec<Point<'_>> {
    let cost = |result: &Result| result.figures.as_ref().ok().map(|summary| summary.median);
    let measured = outcome.results.iter().filter_map(|result| Some((result.side.name.as_str(), cost(result)?)));
    let mut before = None;
    measured
        .map(|(at, cost)| {
            let growth = before.replace(cost).map(|before: f64| cost / before);
            Point { at, cost, growth }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use procession_benches::comparison::Part::Ours;
    use procession_benches::comparison::outcome::of_one_round;

    #[test]
    fn a_step_is_steep_if_cost_more_than_doubles() {
        let outcome = of_one_round(&[("1", Ours, 10.0), ("2", Ours, 20.0), ("4", Ours, 41.0), ("8", Ours, 30.0)]);
        let points = points(&outcome);
        let growths: Vec<_> = points.iter().map(|point| (point.at, point.growth.is_some(), point.is_steep())).collect();
        let expected = [("1", false, false), ("2", true, false), ("4", true, true), ("8", true, false)];
        assert_eq!(growths, expected);
    }
}
