//! What lines with any number of sides came to, and the files that say so.
//!
//! All of it is pure but for [`Report::write`]. Beside the peers, lines are measured in a package of their own, which is below
//! `peers/`; beside Python, here.
//!
//! | file | holds |
//! |---|---|
//! | `part.rs` | what a side is to the comparison |
//! | `outcome.rs` | what the rounds of all sides came to |
//! | `goal.rs` | what one of our sides has to reach, and whether it does |
//! | `pair.rs` | a line of two sides as such a comparison |
//! | `text.rs`, `markdown.rs`, `csv.rs` | a line for the terminal, the documents |
//! | `report.rs` | a run, and the files of it |

pub mod csv;
pub mod goal;
pub mod markdown;
pub mod outcome;
pub mod pair;
pub mod part;
pub mod report;
pub mod text;

pub use goal::{Goal, Limit};
pub use outcome::Outcome;
pub use part::Part;
pub use report::Report;
