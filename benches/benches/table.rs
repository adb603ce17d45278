//! The whole table: `cargo bench -p procession-benches --bench table [-- --quick] [-- NAME ...]`.

use procession_benches::{Subject, program};
use std::process::ExitCode;

#[procession::main]
fn main() -> ExitCode {
    program::run(&Subject::ALL)
}
