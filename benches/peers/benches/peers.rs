//! procession beside its peers: `cargo bench --manifest-path benches/peers/Cargo.toml --bench peers [-- --quick] [-- NAME ...]`.

use procession_peers::{catalogue, program};
use std::process::ExitCode;

#[procession::main]
fn main() -> ExitCode {
    program::run("peers", catalogue::lines)
}
