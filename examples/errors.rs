//! Errors in a process: caught there, returned to the parent, and not caught at all.
//!
//! `cargo run --release --example errors`

use std::num::ParseIntError;

use procession::prelude::*;
use procession::{Exit, JoinError};

fn parse(text: &str) -> Result<u64, ParseIntError> {
    text.parse()
}

/// Catches the error and logs it.
fn careful(text: String) {
    match parse(&text) {
        Ok(number) => println!("Number: {number}"),
        Err(error) => println!("Caught exception: {error}"),
    }
}

/// Gives the error back.
fn honest(text: String) -> Result<u64, String> {
    parse(&text).map_err(|error| error.to_string())
}

/// Does not expect an error.
fn careless(text: String) -> u64 {
    parse(&text).expect("an error occurred in the child process")
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let text = || "forty-two".to_owned();

    system.process(careful, text()).start()?.join()?;

    let process = system.try_process(honest, text()).start()?;
    if let Err(JoinError::Refused(error)) = process.join() {
        println!("Returned error: {error}");
    }

    let process = system.process(careless, text()).start()?;
    if let Err(JoinError::Ended(ended)) = process.join()
        && let Exit::Panicked(panic) = ended.exit
    {
        println!("Panic: {}", panic.message);
        println!("Place: {}", panic.location);
        println!("Backtrace:\n{}", panic.backtrace);
    }
    system.shutdown()
}
