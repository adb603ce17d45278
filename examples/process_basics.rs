//! Processes that start, do one thing, and are joined.
//!
//! `cargo run --release --example process_basics`

use procession::prelude::*;

fn target_function() {
    println!("Running in a separate process");
}

fn print_numbers(start: u64, end: u64) {
    for number in start..=end {
        println!("{number}");
    }
}

fn print_message(message: String) {
    println!("{message}");
}

/// A process type of one's own is an actor type.
struct MyProcess;

#[message]
struct Run;

#[actor]
impl Actor for MyProcess {
    type Messages = (Run,);

    fn start((): (), _: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(MyProcess)
    }
}

impl Handler<Run> for MyProcess {
    fn handle(&mut self, _: Incoming<'_, Run>, _: &mut Context<Self>) {
        println!("Process is running");
    }
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;

    system.process(target_function, ()).start()?.join()?;
    system.process(print_numbers, (1, 10)).start()?.join()?;
    system.spawn::<MyProcess>(())?.ask(&Run)?;

    // Three at a time: which of them prints first is open.
    let mut processes = Vec::new();
    for message in ["Hello", "World", "Multiprocessing"] {
        processes.push(system.process(print_message, message.to_owned()).start()?);
    }
    for process in processes {
        process.join()?;
    }

    println!("Process completed");
    system.shutdown()
}
