//! Ten processes add one to a shared counter, each holding a lock while it does and prints.
//!
//! `cargo run --release --example shared_counter`

use procession::prelude::*;
use procession::{Lock, Value};

/// Reads, then writes: right only because nobody else does so in between. `counter.fetch_add(1)` needs no lock.
fn increment(lock: Lock, counter: Value<u64>) -> Result<(), Failure> {
    let _guard = lock.acquire()?;
    let value = counter.get()? + 1;
    counter.set(value)?;
    println!("{}: {value}", procession::process_name());
    Ok(())
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let (lock, counter) = (Lock::new(&system)?, Value::new(&system, 0)?);
    let start = |number| {
        let arguments = (lock.clone(), counter.clone());
        system.try_process(increment, arguments).name(format!("Process-{number}")).start()
    };
    let children = (1..=10).map(start).collect::<Result<Vec<_>, _>>()?;
    children.iter().try_for_each(|child| child.join())?;
    println!("Final value: {}", counter.get()?);
    system.shutdown()
}
