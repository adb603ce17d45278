//! A pool divides by three numbers, one of which is zero: the error is that of one item, and the other results are there. Then
//! a task panics, one ends its process, and one never ends.
//!
//! `cargo run --release --example pool_errors`

use std::time::Duration;

use procession::prelude::*;
use procession::{Pool, TaskError};

fn invert(number: f64) -> Result<f64, String> {
    if number == 0.0 { Err("division by zero".to_owned()) } else { Ok(1.0 / number) }
}

fn misbehave(how: u32) -> u32 {
    match how {
        1 => panic!("an error in a task"),
        2 => std::process::exit(3),
        3 => loop {
            std::thread::park();
        },
        other => other,
    }
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let pool = Pool::new(&system, 2)?;

    // All values, or the first error.
    match pool.try_map(invert, [5.0, 0.0, 3.0]) {
        Ok(results) => println!("Results: {results:?}"),
        Err(error) => println!("An error occurred: {error}"),
    }
    // Each value, or its error.
    for result in pool.try_map_each(invert, [5.0, 0.0, 3.0])? {
        match result {
            Ok(value) => println!("Result: {value:.4}"),
            Err(TaskError::Refused(text)) => println!("Error: {text}"),
            Err(other) => println!("Unexpected: {other}"),
        }
    }

    // Far more than an item takes, also where all processors are busy.
    let tasks = pool.tasks().chunk_size(1).timeout(Duration::from_secs(5));
    for (how, result) in tasks.map_each(misbehave, 0..5)?.into_iter().enumerate() {
        match result {
            Ok(value) => println!("{how}: {value}"),
            Err(error) => println!("{how}: {error}"),
        }
    }
    system.shutdown()
}
