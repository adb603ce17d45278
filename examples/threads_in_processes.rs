//! Processes that download, each with three threads that process what came; all of them write to one log.
//!
//! `cargo run --release --example threads_in_processes`

use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use procession::prelude::*;

fn download(url: &str, log: &Queue<String>) -> Result<(), Failure> {
    log.put(format!("Downloading {url}"))?;
    thread::sleep(Duration::from_millis(20));
    log.put(format!("Finished downloading {url}"))?;
    Ok(())
}

fn process(url: &str, number: u32, log: &Queue<String>) -> Result<(), Failure> {
    log.put(format!("Processing Data-{number} of {url}"))?;
    thread::sleep(Duration::from_millis(10));
    log.put(format!("Finished processing Data-{number} of {url}"))?;
    Ok(())
}

/// Handles are plain data: they came in the arguments, and every thread uses the same one.
fn work((url, log): (String, Queue<String>)) -> Result<(), Failure> {
    download(&url, &log)?;
    let (url, log) = (&url, &log);
    thread::scope(|scope| {
        let threads = [0, 1, 2].map(|number| scope.spawn(move || process(url, number, log)));
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let log = Queue::unbounded(&system)?;
    for url in ["url1", "url2", "url3"] {
        let worker = system.try_process(work, (url.to_owned(), log.clone())).start()?;
        log.register_producer(&worker)?;
    }
    // It ends when all who were registered have ended.
    for line in &log {
        println!("{}", line?);
    }
    system.shutdown()
}
