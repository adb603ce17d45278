//! procession beside its peers: the floors that raw system calls and shared memory set, other libraries and languages.
//!
//! Every line is one piece of work that all its *sides* do, interleaved in one run, on the same cores. What is not
//! installed is left out, and said so.
//!
//! ```text
//! cargo bench --manifest-path benches/peers/Cargo.toml --bench peers                 all lines; results in benches/results/
//! cargo bench --manifest-path benches/peers/Cargo.toml --bench peers -- --quick      a smoke run, which writes nothing
//! cargo bench --manifest-path benches/peers/Cargo.toml --bench peers -- "one way"    the lines whose name contains the text
//! cargo bench --manifest-path benches/peers/Cargo.toml --bench scaling               how our cost grows
//! ```
//!
//! This package is a workspace of its own, so that neither a build nor a test of procession compiles the peers. It uses
//! procession's own benches (`procession-benches`) for the floors, for our sides and Python's, for pinning, for the
//! cache-line probe, for samples, and for what is made of them: goals, text, Markdown and CSV.
//!
//! A run whose links the environment forces (`PROCESSION_LINKS`) measures that way alone, is held against its goals alone, and
//! writes files of its own (`peers-sockets.md`).
//!
//! # Files
//!
//! | file | holds |
//! |---|---|
//! | `catalogue.rs` | the lines: who does what, and what ours has to reach. Start here |
//! | `line.rs`, `side.rs` | one line, one of those who do its work |
//! | `sides/` | the peers |
//! | `race.rs` | has the sides do their work in turns |
//! | `profile.rs` | where the time goes on lines that have failed to reach a goal, and what has been tried (pure) |
//! | `chart.rs` | the results as a chart |
//! | `scaling/` | how our cost grows with sizes and numbers: sweeps, whose points are the sides of a line |
//! | `machine.rs` | what a run is done with |
//! | `program.rs` | what the target `peers` runs |

#![deny(unsafe_code)]

pub mod catalogue;
pub mod chart;
pub mod line;
pub mod machine;
pub mod profile;
pub mod program;
pub mod race;
pub mod scaling;
pub mod side;
pub mod sides;
