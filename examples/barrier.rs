//! Three processes wait for each other at a barrier, then two print the time at which they passed one, under a lock.
//!
//! `cargo run --release --example barrier`

use std::thread::sleep;
use std::time::{Duration, SystemTime};

use procession::prelude::*;
use procession::{Barrier, Lock};

fn meet(barrier: Barrier, number: u64) -> Result<(), Failure> {
    sleep(Duration::from_millis(30 * number));
    println!("Process {number} is waiting at the barrier");
    barrier.wait()?;
    println!("Process {number} has passed the barrier");
    Ok(())
}

/// Gives the time at which it passed, in microseconds since 1970.
fn pass(barrier: Barrier, lock: Lock) -> Result<u64, Failure> {
    barrier.wait()?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let _guard = lock.acquire()?;
    println!("{}: {} us", procession::process_name(), now.as_micros());
    Ok(u64::try_from(now.as_micros())?)
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let barrier = Barrier::new(&system, 3)?;
    let start = |number| system.try_process(meet, (barrier.clone(), number)).start();
    let children = (0..3).map(start).collect::<Result<Vec<_>, _>>()?;
    children.iter().try_for_each(|child| child.join())?;

    let (barrier, lock) = (Barrier::new(&system, 2)?, Lock::new(&system)?);
    let start = |name| system.try_process(pass, (barrier.clone(), lock.clone())).name(name).start();
    let children = ["test1", "test2"].map(start);
    let mut times = Vec::new();
    for child in children {
        times.push(child?.join()?);
    }
    println!("Apart: {} us", times[0].abs_diff(times[1]));
    system.shutdown()
}
