//! One piece of work that all sides do.

use crate::side::Side;
use procession_benches::comparison::Goal;
use procession_benches::pinning::Placement;
use procession_benches::unit::Unit;

/// One piece of work that all sides do, in turns, on the same cores.
#[derive(Debug)]
pub struct Line {
    pub(crate) name: &'static str,
    pub(crate) placement: Placement,
    /// That of the figures: times for work that is answered, rates for work that is not.
    pub(crate) unit: Unit,
    pub(crate) sides: Vec<Side>,
    pub(crate) goals: Vec<Goal>,
    /// What is to be said of its table, if anything.
    pub(crate) note: &'static str,
}

impl Line {
    /// Makes a line whose figures are times.
    pub fn times(name: &'static str, placement: Placement, sides: Vec<Side>) -> Line {
        Line { name, placement, unit: Unit::Nanoseconds, sides, goals: Vec::new(), note: "" }
    }

    /// Makes a line whose figures are rates.
    pub fn rates(name: &'static str, placement: Placement, sides: Vec<Side>) -> Line {
        Line { unit: Unit::PerSecond, ..Line::times(name, placement, sides) }
    }

    /// Makes a line whose figures are KiB of memory.
    pub fn memory(name: &'static str, placement: Placement, sides: Vec<Side>) -> Line {
        Line { unit: Unit::Kibibytes, ..Line::times(name, placement, sides) }
    }

    /// Adds what ours has to reach.
    #[must_use]
    pub fn goals(mut self, goals: impl IntoIterator<Item = Goal>) -> Line {
        self.goals.extend(goals);
        self
    }

    /// Says something of its table.
    #[must_use]
    pub fn note(self, note: &'static str) -> Line {
        Line { note, ..self }
    }

    /// Returns what the line is called, with where its processes run.
    pub fn title(&self) -> String {
        format!("{}{}", self.name, self.placement.suffix())
    }
}
