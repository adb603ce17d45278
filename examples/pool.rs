//! Pools square numbers: over all cores, and with four workers; then as futures, in the order in which they are done.
//!
//! `cargo run --release --example pool`

use procession::prelude::*;
use procession::{Executor, Pool, as_completed};

fn square(number: u64) -> u64 {
    number * number
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;

    let cores = std::thread::available_parallelism()?.get();
    let pool = Pool::new(&system, cores)?;
    let results = pool.map(square, [1, 2, 3, 4, 5])?;
    println!("{cores}");
    println!("Results: {results:?}");

    let pool = Pool::new(&system, 4)?;
    println!("Squares: {:?}", pool.map(square, 0..10)?);
    // As they are wanted, from an endless range.
    println!("First above 1000: {:?}", pool.imap(square, 0..)?.flatten().find(|square| *square > 1000));

    let executor = Executor::from(pool);
    let futures = (0..10).map(|number| executor.submit(square, number)).collect::<Result<Vec<_>, _>>()?;
    let mut total = 0;
    for future in as_completed(futures) {
        total += future.result()?;
    }
    println!("Total: {total}");
    executor.shutdown(true, false)?;
    system.shutdown()
}
