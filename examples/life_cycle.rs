//! The life of one process: before its start, running, terminated, joined, and how it ended.
//!
//! `cargo run --release --example life_cycle`

use std::thread::sleep;
use std::time::Duration;

use procession::prelude::*;
use procession::{Exit, JoinError};

fn run_task() {
    loop {
        sleep(Duration::from_secs(1));
    }
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;

    // What is not started is a plan, not a process: there is nothing to ask whether it is alive.
    let plan = system.process(run_task, ()).name("task");
    println!("Before start: a plan, alive: false");

    let process = plan.start()?;
    println!("Running: {process:?}, alive: {}", process.is_alive()?);

    process.terminate()?;
    let end = process.join();
    println!("Terminated and joined: {process:?}, alive: {}", process.is_alive()?);

    match end {
        Err(JoinError::Ended(ended)) if matches!(ended.exit, Exit::Signal { signal: 15, .. }) => {
            println!("Exit: the process {}", ended.exit);
        }
        other => panic!("expected signal 15, got {other:?}"),
    }
    system.shutdown()
}
