//! A producer and a consumer over a queue: ended by a sentinel, by the producer's return, and by its death.
//!
//! `cargo run --release --example producer_consumer`

use procession::prelude::*;

fn send((queue, items): (Queue<Option<u64>>, Vec<u64>)) -> Result<(), Failure> {
    for item in items {
        queue.put(Some(item))?;
    }
    Ok(())
}

/// Takes items until the sentinel comes.
fn receive(queue: Queue<Option<u64>>) -> Result<(), Failure> {
    while let Some(item) = queue.get()? {
        println!("Received: {item}");
    }
    Ok(())
}

fn produce(queue: Queue<u64>) -> Result<(), Failure> {
    for item in 0..5 {
        queue.put(item)?;
    }
    Ok(())
}

fn produce_and_hang(queue: Queue<u64>) -> Result<(), Failure> {
    produce(queue)?;
    loop {
        std::thread::park();
    }
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    for items in [vec![10, 20], vec![0, 1, 2, 3, 4]] {
        let queue = Queue::unbounded(&system)?;
        let sender = system.try_process(send, (queue.clone(), items)).start()?;
        let receiver = system.try_process(receive, queue.clone()).start()?;
        sender.join()?;
        queue.put(None)?;
        receiver.join()?;
    }

    // Without a sentinel: the queue knows its producers, and ends when they do.
    let queue = Queue::bounded(&system, 2)?;
    let producer = system.try_process(produce, queue.clone()).start()?;
    queue.register_producer(&producer)?;
    let items = queue.iter().collect::<Result<Vec<_>, _>>()?;
    println!("Closed after {items:?}");

    // However they end.
    let queue = Queue::bounded(&system, 2)?;
    let producer = system.try_process(produce_and_hang, queue.clone()).start()?;
    queue.register_producer(&producer)?;
    for item in &queue {
        if item? == 4 {
            producer.kill()?;
        }
    }
    println!("Closed after a kill: {}", producer.join().is_err());
    system.shutdown()
}
