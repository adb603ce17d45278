//! What ours is measured beside.

use crate::python;

/// What ours is measured beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rival {
    /// The same work by hand, with bare system calls.
    Floor,
    /// The same work with Python's `multiprocessing`.
    Python,
    /// The same work of ours, where no wait looks before it sleeps.
    Asleep,
}

impl Rival {
    /// All rivals, each of which has a table of its own.
    pub const ALL: [Rival; 3] = [Rival::Floor, Rival::Python, Rival::Asleep];

    /// Returns what its column is called.
    pub fn name(self) -> &'static str {
        match self {
            Rival::Floor => "floor",
            Rival::Python => "python",
            Rival::Asleep => "asleep",
        }
    }

    /// Returns what the files with the results of a run beside it are called.
    pub fn file_name(self) -> &'static str {
        match self {
            Rival::Floor | Rival::Python => self.name(),
            Rival::Asleep => "spinning",
        }
    }

    /// Returns what its side is called beside ours, as the one that goals name.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Rival::Floor => &["by hand"],
            Rival::Python => &["Python"],
            Rival::Asleep => &["asleep"],
        }
    }

    /// Returns what stands above the results of a run beside it.
    pub fn title(self) -> &'static str {
        match self {
            Rival::Floor => "procession beside the same work by hand",
            Rival::Python => "procession's primitives beside Python's `multiprocessing`",
            Rival::Asleep => "procession beside itself without looking before sleeping",
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
            Rival::Asleep => {
                "\nHalf of the actors ask the other half, all at a time, wherever the scheduler likes; *asleep* is the same in a system \
                 whose waits never look before they sleep. A time is that of a burst, divided by its asks.\n"
            }
        }
    }

    /// Returns why nothing can be measured beside it on this machine, if so.
    pub fn missing(self) -> Option<&'static str> {
        match self {
            Rival::Python if python::locate().is_none() => {
                Some("skipped: there is no python3 with multiprocessing here")
            }
            Rival::Floor | Rival::Python | Rival::Asleep => None,
        }
    }
}
