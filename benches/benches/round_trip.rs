//! The table's lines on round trips: `cargo bench -p procession-benches --bench round_trip`.

use procession_benches::{Subject, program};
use std::process::ExitCode;

#[procession::main]
fn main() -> ExitCode {
    program::run(&[Subject::RoundTrip])
}
