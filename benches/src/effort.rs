//! How long to measure.

use std::time::Duration;

/// How long a line is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// How often both sides are made afresh.
    ///
    /// Where the memory of a process comes to lie is luck, which may favour one side for as long as the process lives.
    pub generations: usize,
    /// How many rounds each side gets in a generation, after one that does not count.
    pub rounds: usize,
    /// No round is started after this time, in all generations together.
    pub line_limit: Duration,
    /// The process is killed if a line takes longer: something hangs.
    pub hang_limit: Duration,
}

impl Effort {
    /// Long enough for figures that can be compared.
    pub const FULL: Effort =
        Effort { generations: 6, rounds: 6, line_limit: Duration::from_secs(20), hang_limit: Duration::from_secs(60) };

    /// Long enough to see that everything runs.
    pub const QUICK: Effort =
        Effort { generations: 1, rounds: 3, line_limit: Duration::from_secs(2), hang_limit: Duration::from_secs(30) };
}
