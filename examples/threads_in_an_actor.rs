//! An actor whose handlers use threads: named ones that count under a lock, and five that share out squares.
//!
//! `cargo run --release --example threads_in_an_actor`

use std::sync::{Mutex, PoisonError};
use std::thread;

use procession::prelude::*;

/// Works with threads. Whatever they do to each other, they do it in a process of their own.
struct Workshop;

#[message(reply = u64)]
struct Count {
    threads: u64,
}

#[message(reply = Vec<u64>)]
struct Squares {
    below: u64,
}

#[actor]
impl Actor for Workshop {
    type Messages = (Count, Squares);

    fn start(_: (), _: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Workshop)
    }
}

impl Handler<Count> for Workshop {
    fn handle(&mut self, count: Incoming<'_, Count>, context: &mut Context<Self>) -> u64 {
        let counter = Mutex::new(0);
        let add_one = || {
            println!("Thread {} is running", thread::current().name().unwrap_or("without a name"));
            *counter.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        };
        thread::scope(|scope| {
            for number in 1..=count.threads.to_native() {
                if let Err(error) = thread::Builder::new().name(format!("Thread-{number}")).spawn_scoped(scope, add_one)
                {
                    context.fail(error);
                }
            }
        });
        counter.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handler<Squares> for Workshop {
    fn handle(&mut self, squares: Incoming<'_, Squares>, _: &mut Context<Self>) -> Vec<u64> {
        let numbers: Vec<u64> = (0..squares.below.to_native()).collect();
        let share = |share| move || -> Vec<u64> { <[u64]>::iter(share).map(|number| number * number).collect() };
        thread::scope(|scope| {
            let shares = numbers.chunks(numbers.len().div_ceil(5).max(1));
            let threads: Vec<_> = shares.map(|numbers| scope.spawn(share(numbers))).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
        })
    }
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let workshop = system.spawn::<Workshop>(())?;
    println!("Counter: {}", workshop.ask(&Count { threads: 10 })?);
    println!("{:?}", workshop.ask(&Squares { below: 10 })?);
    system.shutdown()
}
