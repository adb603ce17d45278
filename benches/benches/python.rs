//! The primitives beside Python's: `cargo bench -p procession-benches --bench python [-- --quick] [-- NAME ...]`.

use procession_benches::{Subject, program};
use std::process::ExitCode;

#[procession::main]
fn main() -> ExitCode {
    program::run(&[Subject::Python])
}
