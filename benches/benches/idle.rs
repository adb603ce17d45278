//! The table's lines on what an idle process costs: `cargo bench -p procession-benches --bench idle`.

use procession_benches::{Subject, program};
use std::process::ExitCode;

#[procession::main]
fn main() -> ExitCode {
    program::run(&[Subject::Idle])
}
