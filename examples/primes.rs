//! Counts the primes below 100,000 in one process, then with a pool of four; shows both times, and how far the pool is.
//!
//! `cargo run --release --example primes`

use std::ops::Range;
use std::time::Instant;

use indicatif::ProgressBar;
use procession::Pool;
use procession::prelude::*;

const LIMIT: u32 = 100_000;
const PARTS: u32 = 100;

fn is_prime(number: u32) -> bool {
    number >= 2
        && (2..).take_while(|divisor| divisor * divisor <= number).all(|divisor| !number.is_multiple_of(divisor))
}

fn count_primes(first: u32, end: u32) -> usize {
    let range: Range<u32> = first..end;
    range.filter(|number| is_prime(*number)).count()
}

#[procession::main]
fn main() -> procession::Result<()> {
    let start = Instant::now();
    let count = count_primes(0, LIMIT);
    let alone = start.elapsed();
    println!("One process: {count} primes in {} us", alone.as_micros());

    let system = System::start()?;
    let pool = Pool::new(&system, 4)?;
    let bar = ProgressBar::new(PARTS.into());
    let parts = (0..PARTS).map(|part| (LIMIT / PARTS * part, LIMIT / PARTS * (part + 1)));
    let start = Instant::now();
    let tasks = pool.tasks().on_progress(|done, _| bar.set_position(done as u64));
    let count: usize = tasks.starmap(count_primes, parts)?.into_iter().sum();
    let together = start.elapsed();
    bar.finish();
    println!("Four processes: {count} primes in {} us", together.as_micros());
    println!("Speed-up: {:.2}", alone.as_secs_f64() / together.as_secs_f64());
    println!("{} of {} parts were shown", bar.position(), PARTS);
    system.shutdown()
}
