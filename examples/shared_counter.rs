//! Ten processes add one to a shared counter, each holding a lock while it does and prints.
//!
//! `cargo run --release --example shared_counter`

use procession::Lock;
use procession::prelude::*;

#[message(reply = u64)]
struct Get;

#[message]
struct Set {
    value: u64,
}

struct Counter {
    value: u64,
}

#[actor]
impl Actor for Counter {
    type Messages = (Get, Set);

    fn start((): (), _ctx: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Counter { value: 0 })
    }
}

impl Handler<Get> for Counter {
    fn handle(&mut self, _: Incoming<'_, Get>, _ctx: &mut Context<Self>) -> u64 {
        self.value
    }
}

impl Handler<Set> for Counter {
    fn handle(&mut self, message: Incoming<'_, Set>, _ctx: &mut Context<Self>) {
        self.value = message.value.to_native();
    }
}

/// Reads, then writes: right only because nobody else does so in between.
fn increment(lock: Lock, counter: ActorRef<Counter>) -> Result<(), Failure> {
    let _guard = lock.acquire()?;
    let value = counter.ask(&Get)? + 1;
    counter.ask(&Set { value })?;
    println!("{}: {value}", procession::process_name());
    Ok(())
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let (lock, counter) = (Lock::new(&system)?, system.spawn::<Counter>(())?);
    let start = |number| {
        let arguments = (lock.clone(), counter.clone());
        system.try_process(increment, arguments).name(format!("Process-{number}")).start()
    };
    let children = (1..=10).map(start).collect::<Result<Vec<_>, _>>()?;
    children.iter().try_for_each(|child| child.join())?;
    println!("Final value: {}", counter.ask(&Get)?);
    system.shutdown()
}
