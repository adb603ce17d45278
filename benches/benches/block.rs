//! The table's lines on messages of 1 MiB: `cargo bench -p procession-benches --bench block`.

use procession_benches::{Subject, program};
use std::process::ExitCode;

#[procession::main]
fn main() -> ExitCode {
    program::run(&[Subject::Block])
}
