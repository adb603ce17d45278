//! How cost grows: `cargo bench --manifest-path benches/peers/Cargo.toml --bench scaling [-- --quick] [-- NAME ...]`.

use procession_peers::scaling;
use std::process::ExitCode;

#[procession::main]
fn main() -> ExitCode {
    scaling::program::run()
}
