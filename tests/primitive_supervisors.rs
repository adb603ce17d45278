//! The supervisor ends, or is killed, while primitives are in use: whoever waits for anything is told, and goes on.

use std::thread::{self, JoinHandle};

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{Barrier, Condition, Event, Lock, Semaphore};
use procession_tests::{kill, process_table, repeat};

/// How often it is tried.
const ROUNDS: u32 = 20;

/// Waits for one thing on a thread of its own; the wait is to end with an error.
fn waits<T, E: ToString>(wait: impl FnOnce() -> Result<T, E> + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || wait().map(drop).map_err(|error| error.to_string()).expect_err("nobody brings it about"))
}

/// Waits for all that there is to wait for.
fn wait_everywhere(system: &System) -> procession::Result<Vec<JoinHandle<String>>> {
    let (lock, semaphore, event) = (Lock::new(system)?, Semaphore::new(system, 0)?, Event::new(system)?);
    let (condition, barrier) = (Condition::new(system)?, Barrier::new(system, 2)?);
    let (full, empty) = (Queue::bounded(system, 1)?, Queue::<u64>::unbounded(system)?);
    let work = JoinableQueue::unbounded(system)?;
    full.put(1_u64)?;
    work.put(1_u64)?;
    let holder = lock.acquire()?;
    let (stopper, stopped) = (full.clone(), empty.clone());
    Ok(vec![
        waits(move || {
            let _held_in_vain = holder;
            lock.acquire()
        }),
        waits(move || semaphore.acquire()),
        waits(move || event.wait()),
        waits(move || barrier.wait()),
        waits(move || condition.acquire().and_then(|mut guard| condition.wait(&mut guard))),
        waits(move || full.put(2)),
        waits(move || stopper.put_all(0..10)),
        waits(move || empty.get()),
        waits(move || stopped.get_many(10)),
        waits(move || work.join()),
    ])
}

#[procession::test]
fn g8_all_who_wait_are_told_of_the_end_of_the_supervisor() {
    repeat("supervisor killed", ROUNDS, |round| {
        let system = System::start().expect("a system");
        let threads = wait_everywhere(&system).expect("everything is there");
        let child = system.process(|| nix::unistd::getppid().as_raw(), ()).start().expect("a process");
        let supervisor = child.join().expect("it returns");
        round.dice.spin();
        kill(supervisor, Signal::SIGKILL);
        for (number, thread) in threads.into_iter().enumerate() {
            round.at(format!("waiter {number}"));
            assert!(!thread.join().expect("no panic").is_empty());
        }
    });
}

#[procession::test]
fn when_a_shutdown_returns_the_supervisor_is_gone_whoever_else_notices() {
    repeat("shutdown while many wait", ROUNDS, |round| {
        let system = System::start().expect("a system");
        let threads = wait_everywhere(&system).expect("everything is there");
        let child = system.process(|| nix::unistd::getppid().as_raw(), ()).start().expect("a process");
        let supervisor = child.join().expect("it returns");
        round.dice.spin();
        system.shutdown().expect("an orderly end");
        assert!(process_table::entry(supervisor).is_none(), "the supervisor is still there");
        for thread in threads {
            assert!(!thread.join().expect("no panic").is_empty());
        }
    });
}
