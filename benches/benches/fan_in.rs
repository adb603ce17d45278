//! The table's lines on several senders to one receiver: `cargo bench -p procession-benches --bench fan_in`.

use procession_benches::{Subject, program};
use std::process::ExitCode;

#[procession::main]
fn main() -> ExitCode {
    program::run(&[Subject::FanIn])
}
