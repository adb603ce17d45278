//! Instructions on the hot paths, held against recorded bounds: `cargo bench -p procession-benches --bench instructions`.

use procession_benches::instructions;
use std::process::ExitCode;

#[procession::main]
fn main() -> ExitCode {
    instructions::run()
}
