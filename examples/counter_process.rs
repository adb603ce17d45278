//! A process type that counts to ten: alone, then two of them with a lock around each step.
//!
//! `cargo run --release --example counter_process`

use std::io::Write;

use procession::Lock;
use procession::prelude::*;

/// A process type of one's own is an actor type.
struct CounterProcess {
    name: String,
    lock: Lock,
    count: u64,
}

#[message(reply = Result<(), Failure>)]
struct Run;

#[actor]
impl Actor for CounterProcess {
    type Args = (String, Lock);
    type Messages = (Run,);

    fn start((name, lock): (String, Lock), _: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(CounterProcess { name, lock, count: 0 })
    }
}

impl Handler<Run> for CounterProcess {
    fn handle(&mut self, _: Incoming<'_, Run>, _: &mut Context<Self>) -> Result<(), Failure> {
        for _ in 0..10 {
            // What is printed in two pieces stays together.
            let _guard = self.lock.acquire()?;
            self.count += 1;
            print!("{}", self.name);
            std::io::stdout().flush()?;
            println!(": {}", self.count);
        }
        Ok(())
    }
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let lock = Lock::new(&system)?;
    let counter = |name: &str| system.spawn::<CounterProcess>((name.to_owned(), lock.clone()));
    counter("alone")?.ask(&Run)?;
    let (one, other) = (counter("one")?, counter("other")?);
    let both = [one.request(&Run)?, other.request(&Run)?];
    for counting in both {
        counting.wait()?;
    }
    system.shutdown()
}
