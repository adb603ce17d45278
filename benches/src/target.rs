//! What ours has to reach.

use crate::unit::Unit;

/// What ours has to reach on a line; ratios are ours divided by the rival's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// Nothing: the line is there to be seen.
    None,
    /// The ratio is at most this.
    RatioAtMost(f64),
    /// The ratio is at least this.
    RatioAtLeast(f64),
    /// Our figure, in the line's unit, is at most this.
    AtMost(f64),
    /// Our figure, in the line's unit, is at least this.
    AtLeast(f64),
}

impl Target {
    /// Tells whether the target is reached; `None` if there is none, or no ratio to hold against it.
    pub fn reached(self, ours: f64, ratio: Option<f64>) -> Option<bool> {
        match self {
            Target::None => None,
            Target::RatioAtMost(limit) => ratio.map(|ratio| ratio <= limit),
            Target::RatioAtLeast(limit) => ratio.map(|ratio| ratio >= limit),
            Target::AtMost(limit) => Some(ours <= limit),
            Target::AtLeast(limit) => Some(ours >= limit),
        }
    }

    /// Writes the target for the table.
    pub fn text(self, unit: Unit) -> String {
        match self {
            Target::None => "-".to_string(),
            Target::RatioAtMost(limit) => format!("<= {limit:.2} x"),
            Target::RatioAtLeast(limit) => format!(">= {limit:.2} x"),
            Target::AtMost(limit) => format!("<= {}", unit.text(limit)),
            Target::AtLeast(limit) => format!(">= {}", unit.text(limit)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_reached_at_its_limit_and_not_beyond() {
        assert_eq!(Target::RatioAtMost(1.25).reached(0.0, Some(1.25)), Some(true));
        assert_eq!(Target::RatioAtMost(1.25).reached(0.0, Some(1.26)), Some(false));
        assert_eq!(Target::RatioAtLeast(2.0).reached(0.0, Some(1.99)), Some(false));
        assert_eq!(Target::RatioAtLeast(2.0).reached(0.0, None), None);
        assert_eq!(Target::AtMost(250.0).reached(251.0, None), Some(false));
        assert_eq!(Target::AtLeast(8e3).reached(8e3, None), Some(true));
        assert_eq!(Target::None.reached(1.0, Some(1.0)), None);
    }
}
