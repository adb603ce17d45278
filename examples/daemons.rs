//! A daemon and a process that is none, while main ends: the end waits for the one and stops the other.
//!
//! `cargo run --release --example daemons`

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use procession::prelude::*;

#[message]
struct Started;

/// Has five things to do; in the background the list has no end.
fn work(things: u32, main: Recipient<Started>) -> Result<(), Failure> {
    let name = procession::process_name();
    println!("Starting {name}");
    main.tell(&Started)?;
    for _ in 0..things {
        sleep(Duration::from_millis(50));
    }
    println!("Exiting {name}");
    Ok(())
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let mailbox = system.mailbox::<Started>()?;

    let daemon =
        system.try_process(work, (u32::MAX, mailbox.recipient())).name("background_process").daemon(true).start()?;
    let worker = system.try_process(work, (5, mailbox.recipient())).name("NO_background_process").start()?;
    let pids = [daemon.pid()?, worker.pid()?];
    mailbox.recv()?;
    mailbox.recv()?;

    println!("Ending main");
    system.shutdown()?;

    for pid in pids.into_iter().flatten() {
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "a process has outlived its system");
    }
    println!("Both are gone");
    Ok(())
}
