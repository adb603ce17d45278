//! One line of the table.

use crate::contest::Contest;
use crate::pinning::Placement;
use crate::target::Target;
use crate::unit::Unit;

/// One line of the table, not yet measured.
#[derive(Debug)]
pub struct Line {
    pub(crate) name: &'static str,
    pub(crate) placement: Placement,
    pub(crate) operations: u64,
    pub(crate) contest: Contest,
    /// What ours has to reach now.
    pub(crate) target: Target,
    /// What ours is to reach in the end.
    pub(crate) aim: Target,
}

impl Line {
    /// Makes a line without target and aim; `operations` are done in each round of each side, some 10 to 50 ms worth of them.
    pub fn new(name: &'static str, placement: Placement, operations: u64, contest: Contest) -> Self {
        Line { name, placement, operations, contest, target: Target::None, aim: Target::None }
    }

    /// Sets what ours has to reach now.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// Sets what ours is to reach in the end.
    #[must_use]
    pub fn aim(mut self, aim: Target) -> Self {
        self.aim = aim;
        self
    }

    /// Returns what the line is called, with where its processes run.
    pub fn title(&self) -> String {
        format!("{}{}", self.name, self.placement.suffix())
    }

    /// Returns the unit of the line's figures.
    pub fn unit(&self) -> Unit {
        match self.contest {
            Contest::Latency(_) | Contest::Pace(_) => Unit::Nanoseconds,
            Contest::Rate(_) => Unit::PerSecond,
            Contest::Memory(_) => Unit::Kibibytes,
            Contest::Load(_) => Unit::MillisecondsPerSecond,
        }
    }
}
