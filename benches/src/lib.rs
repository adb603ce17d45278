//! The speed of procession beside the floor that raw system calls set, in one table, and beside Python in another.
//!
//! Every line of the table has a *floor*, the same work done by hand with bare system calls, and *ours*. Both are measured in
//! one run, in turns (floor, ours, floor, ours ...), on the same cores, and printed as a ratio, because absolute figures move
//! with the host from one second to the next.
//!
//! Primitives have no floor by hand that would keep what they promise. Their lines stand beside the same work with Python's
//! `multiprocessing`, in a target of their own; where there is no `python3`, it says so and is skipped.
//!
//! ```text
//! cargo bench                                                     every subject, one small table each
//! cargo bench -p procession-benches --bench table                 the whole table
//! cargo bench -p procession-benches --bench table -- --quick      a smoke run of a few seconds
//! cargo bench -p procession-benches --bench table -- "1 MiB"      the lines whose name contains the text
//! cargo bench -p procession-benches --bench python                 the primitives beside Python; results in benches/results/
//! cargo bench -p procession-benches --bench spinning               busy actors beside the same that do not look before they sleep; results there, too
//! cargo bench -p procession-benches --bench instructions           instructions on the hot paths, against recorded bounds
//! ```
//!
//! `PROCESSION_BENCHES_QUICK=1` does what `--quick` does, for every target at once.
//!
//! # Files
//!
//! | file | holds |
//! |---|---|
//! | `catalogue.rs`, `catalogue/` | the lines of the tables: floor or Python, ours, cores, target. Start here |
//! | `contest.rs` | what a side of a line implements: `Operation`, `Burst`, `Reading` |
//! | `line.rs`, `target.rs`, `unit.rs` | one line, what it has to reach, how its figures are written |
//! | `rival.rs` | what ours is measured beside: a floor, or Python |
//! | `race.rs` | runs the two sides of a line in turns |
//! | `pinning.rs` | puts processes on cores |
//! | `regime.rs` | the cache-line probe that tells which rounds may be compared |
//! | `sample.rs`, `outcome.rs` | one round's figures, all rounds' figures (pure) |
//! | `table.rs` | writes the lines (pure) |
//! | `comparison/` | what lines with any number of sides came to, held against goals, as text, Markdown and CSV |
//! | `link.rs`, `machine.rs` | what carries our messages, what a run is done with |
//! | `instructions/` | counts instructions on the hot paths and holds them against recorded bounds |
//! | `usage.rs` | memory and CPU of other processes, from `/proc` |
//! | `floors/` | the raw side of every line, and the processes that it needs |
//! | `python/` | Python's side of the lines on primitives, and its scripts |
//! | `ours/` | our side of every line, and its actors |
//! | `sys.rs` | the unsafe calls |
//! | `program.rs`, `arguments.rs`, `effort.rs` | what every bench target runs, and how long |
//!
//! Absent on purpose: comparisons with libraries other than Python's, which are in the package below `peers/`, a workspace of
//! its own, and any claim about absolute speed.

#![deny(unsafe_code)]

pub mod arguments;
pub mod catalogue;
pub mod comparison;
pub mod contest;
pub mod effort;
pub mod failure;
pub mod floors;
pub mod instructions;
pub mod line;
pub mod link;
pub mod machine;
pub mod ours;
pub mod outcome;
pub mod pinning;
pub mod program;
pub mod python;
pub mod race;
pub mod regime;
pub mod rival;
pub mod sample;
mod sys;
pub mod table;
pub mod target;
pub mod unit;
pub mod usage;

pub use catalogue::Subject;
pub use contest::{Burst, Operation, Reading};
pub use failure::Failure;
pub use pinning::Pinning;
