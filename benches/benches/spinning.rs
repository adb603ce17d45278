//! Ours beside ours without looking before sleeping: `cargo bench -p procession-benches --bench spinning [-- --quick] [-- NAME ...]`.

use procession_benches::{Subject, program};
use std::process::ExitCode;

#[procession::main]
fn main() -> ExitCode {
    program::run(&[Subject::Spinning])
}
