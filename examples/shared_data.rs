//! A manager's lists, a value and an array, changed by several processes at a time.
//!
//! `cargo run --release --example shared_data`

use procession::prelude::*;
use procession::{Array, List, Manager, Value};

fn append(list: List<u32>) -> Result<(), Failure> {
    Ok(list.append(100)?)
}

/// Adds without a lock: each addition is done whole by the value's host.
fn count(counter: Value<u64>) -> Result<(), Failure> {
    for _ in 0..1000 {
        counter.fetch_add(1)?;
    }
    Ok(())
}

fn double_in_array(index: usize, array: Array<u32>) -> Result<(), Failure> {
    Ok(array.update(index, |item, ()| *item *= 2, ())?)
}

fn double_in_list(index: usize, list: List<u32>) -> Result<(), Failure> {
    Ok(list.update(index, |item, ()| *item *= 2, ())?)
}

fn fill(size: u64, results: List<u64>) -> Result<(), Failure> {
    (0..size).try_for_each(|number| results.append(number * number))?;
    Ok(())
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let manager = Manager::start(&system)?;

    let list = manager.list(vec![1, 2, 3])?;
    system.try_process(append, list.clone()).start()?.join()?;
    println!("Shared list: {:?}", list.to_vec()?);

    let counter = Value::new(&system, 0)?;
    let counters =
        [system.try_process(count, counter.clone()).start()?, system.try_process(count, counter.clone()).start()?];
    counters.iter().try_for_each(|child| child.join())?;
    println!("Final counter value: {}", counter.get()?);

    let (array, list) = (manager.array(vec![1, 2, 3, 4, 5])?, manager.list(vec![1, 2, 3, 4, 5])?);
    let mut children = Vec::new();
    for index in 0..5 {
        children.push(system.try_process(double_in_array, (index, array.clone())).start()?);
        children.push(system.try_process(double_in_list, (index, list.clone())).start()?);
    }
    children.iter().try_for_each(|child| child.join())?;
    println!("Final array: {:?}\nFinal list: {:?}", array.to_vec()?, list.to_vec()?);

    let outputs = [manager.list(Vec::new())?, manager.list(Vec::new())?];
    let workers = outputs.each_ref().map(|output| system.try_process(fill, (1000, output.clone())).start());
    for (number, (worker, output)) in workers.into_iter().zip(&outputs).enumerate() {
        worker?.join()?;
        println!("Worker-{} output length: {}", number + 1, output.len()?);
    }
    system.shutdown()
}
