//! Four processes add what they have computed to a shared value, each holding a lock while it does and prints. What the
//! value cannot hold is an error, never a wrong number.
//!
//! `cargo run --release --example locked_sum`

use std::thread::sleep;
use std::time::Duration;

use procession::prelude::*;
use procession::{Lock, Value};

fn sum_of_squares(limit: i64) -> i64 {
    (0..limit).map(|number| number * number).sum()
}

fn work(limit: i64, total: Value<i64>, lock: Lock) -> Result<(), Failure> {
    let result = sum_of_squares(limit);
    sleep(Duration::from_millis(fastrand::u64(10..50)));
    let _guard = lock.acquire()?;
    let sum = total.get()? + result;
    total.set(sum)?;
    println!("{} updated the shared value to {sum}", procession::process_name());
    Ok(())
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let (total, lock) = (Value::new(&system, 0_i64)?, Lock::new(&system)?);
    let start = |number| {
        let arguments = (1_000_000, total.clone(), lock.clone());
        system.try_process(work, arguments).name(format!("Process-{number}")).start()
    };
    let processes = (1..=4).map(start).collect::<Result<Vec<_>, _>>()?;
    processes.iter().try_for_each(|process| process.join())?;
    println!("Final shared value: {}", total.get()?);

    let narrow = Value::new(&system, i32::MAX)?;
    if let Err(error) = narrow.fetch_add(1) {
        println!("One more than {}: {error}", narrow.get()?);
    }
    system.shutdown()
}
