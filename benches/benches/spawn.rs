//! The table's lines on spawning: `cargo bench -p procession-benches --bench spawn`.

use procession_benches::{Subject, program};
use std::process::ExitCode;

#[procession::main]
fn main() -> ExitCode {
    program::run(&[Subject::Spawn])
}
