//! Six processes one after the other, then six at the same time: `join` waits for each.
//!
//! `cargo run --release --example join`

use std::thread::sleep;
use std::time::{Duration, Instant};

use procession::prelude::*;

/// Waits a while, as for a disk, and then computes.
fn run_task(number: u64) {
    println!("Process {number} started");
    sleep(Duration::from_millis(250));
    let results: Vec<u64> = (0..number * 1000).map(|value| value * value % 7).collect();
    println!("Process {number} finished with {} results", results.len());
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;

    let start = Instant::now();
    for number in 0..6 {
        system.process(run_task, number).start()?.join()?;
    }
    println!("Sequential: {} ms", start.elapsed().as_millis());

    let start = Instant::now();
    let mut processes = Vec::new();
    for number in 0..6 {
        processes.push(system.process(run_task, number).start()?);
    }
    for process in processes {
        process.join()?;
    }
    println!("Concurrent: {} ms", start.elapsed().as_millis());

    println!("All processes finished");
    system.shutdown()
}
