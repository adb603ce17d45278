//! A consumer waits on a condition until the producer has produced something, and ends with a sentinel.
//!
//! `cargo run --release --example condition`

use procession::Condition;
use procession::prelude::*;

/// `None` is the sentinel: nothing more comes.
type Shop = (Condition, Queue<Option<u64>>);

fn produce((condition, queue): Shop) -> Result<(), Failure> {
    for item in (0..5).map(Some).chain([None]) {
        let _guard = condition.acquire()?;
        queue.put(item)?;
        condition.notify(1)?; // the sentinel, too
        item.inspect(|item| println!("Produced {item}"));
    }
    Ok(())
}

fn consume((condition, queue): Shop) -> Result<(), Failure> {
    loop {
        let mut guard = condition.acquire()?;
        condition.wait_for(&mut guard, || queue.is_empty() != Ok(true))?;
        match queue.get()? {
            Some(item) => println!("Consumed {item}"),
            None => return Ok(()),
        }
    }
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let shop = (Condition::new(&system)?, Queue::unbounded(&system)?);
    let consumer = system.try_process(consume, shop.clone()).start()?;
    let producer = system.try_process(produce, shop).start()?;
    producer.join()?;
    consumer.join()?;
    println!("Both have finished");
    system.shutdown()
}
