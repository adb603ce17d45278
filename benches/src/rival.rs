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

    /// Returns what its side is called beside ours, as the one that goals name.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Rival::Floor => &["by hand"],
            Rival::Python => &["Python"],
        }
    }

    /// Returns what stands above the results of a run beside it.
    pub fn title(self) -> &'static str {
        match self {
            Rival::Floor => "procession beside the same work by hand",
            Rival::Python => "procession's primitives beside Python's `multiprocessing`",
        }
    }

    /// Returns what is to be said of all lines beside it, as Markdown.
    pub fn remark(self) -> &'static str {
        match self {
            Rival::Floor => "",
            Rival::Python => {
                "\nBoth sides are timed by the burst, so there are no quantiles: Python's process is told how many operations to do, and says \
                 when they are done.\n"
            }
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
