//! Four processes that each need a core for a while, and 128 bits for their result.
//!
//! `cargo run --release --example big_sums`

use procession::prelude::*;

fn cpu_bound_task(n: u128) -> u128 {
    let mut result = 0;
    for i in 0..n {
        result += i * i;
    }
    result
}

fn worker(n: u128) {
    let result = cpu_bound_task(n);
    println!("Process {}, Result: {result}", procession::process_name());
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let n = 10_000_000;

    let mut processes = Vec::new();
    for i in 1..=4 {
        processes.push(system.process(worker, n).name(format!("Process-{i}")).start()?);
    }
    for process in processes {
        process.join()?;
    }
    system.shutdown()
}
