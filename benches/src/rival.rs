//! What ours is measured beside.

use crate::python;

/// What ours is measured beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rival {
    /// The same work by hand, with bare system calls.
    Floor,
    /// The same work with Python's `multiprocessing`.
    Python,
}

impl Rival {
    /// All rivals, each of which has a table of its own.
    pub const ALL: [Rival; 2] = [Rival::Floor, Rival::Python];

    /// Returns what its column is called.
    pub fn name(self) -> &'static str {
        match self {
            Rival::Floor => "floor",
            Rival::Python => "python",
        }
    }

    /// Returns why nothing can be measured beside it on this machine, if so.
    pub fn missing(self) -> Option<&'static str> {
        match self {
            Rival::Python if python::locate().is_none() => {
                Some("skipped: there is no python3 with multiprocessing here")
            }
            Rival::Floor | Rival::Python => None,
        }
    }
}
