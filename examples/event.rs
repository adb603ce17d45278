//! A process waits for an event that main sets.
//!
//! `cargo run --release --example event`

use procession::Event;
use procession::prelude::*;

fn wait(event: Event) -> Result<(), Failure> {
    println!("Waiting for event");
    event.wait()?;
    println!("Event received");
    Ok(())
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let event = Event::new(&system)?;
    let waiter = system.try_process(wait, event.clone()).start()?;
    while event.n_waiting()? == 0 {
        std::thread::yield_now();
    }
    println!("Setting event");
    event.set()?;
    waiter.join()?;
    system.shutdown()
}
