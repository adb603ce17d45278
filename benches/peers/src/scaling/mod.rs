//! How our cost grows: with the size of messages, and with the number of senders, of actors and of links.
//!
//! A sweep is a line whose sides are its *points*, all ours: they take turns, and are held against each other within one regime
//! of the cores, as all sides are. From each point to the next, a size or number doubles. A step over which the cost of a message
//! more than doubles is steep: it has its reason in `reasons.rs`, or it is a `FAIL` in the report. One sweep sends nothing: it makes
//! only the copies that a message is made of, so that its steps tell which of the others' are those of the machine.
//!
//! | file | holds |
//! |---|---|
//! | `sweeps.rs` | the sweeps and their points |
//! | `work.rs` | what our actors do at a point |
//! | `copies.rs` | a message's copies alone |
//! | `steps.rs` | how cost changes from point to point (pure) |
//! | `reasons.rs` | why a step costs more than twice as much |
//! | `report.rs`, `chart.rs` | text, Markdown, CSV and a chart |
//! | `program.rs` | what the target `scaling` runs |

pub mod chart;
mod copies;
pub mod program;
pub mod reasons;
pub mod report;
pub mod steps;
pub mod sweeps;
mod work;
