//! The table's lines on one-way messages: `cargo bench -p procession-benches --bench one_way`.

use procession_benches::{Subject, program};
use std::process::ExitCode;

#[procession::main]
fn main() -> ExitCode {
    program::run(&[Subject::OneWay])
}
