//! How cost changes from point to point.

use crate::outcome::{Outcome, Result};

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
    use crate::outcome::tests::outcome;

    #[test]
    fn a_step_is_steep_if_cost_more_than_doubles() {
        let outcome = outcome(&[("2", 20.0), ("4", 41.0), ("8", 30.0)], 10.0);
        let points = points(&outcome);
        let growths: Vec<_> = points.iter().map(|point| (point.at, point.growth.is_some(), point.is_steep())).collect();
        let expected = [("ours", false, false), ("2", true, false), ("4", true, true), ("8", true, false)];
        assert_eq!(growths, expected);
    }
}
