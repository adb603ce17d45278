//! Many actors under a limit.

use std::fs::File;
use std::process::ExitCode;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use procession::prelude::*;
use procession::{RuntimeError, SpawnError};
use procession_tests::worker::{Echo, Identify, Worker};
use procession_tests::{eventually, process_table};

/// Starts as many of `count` actors as the limit allows, pings all, and ends them. What ends the starting must be a typed
/// error, and leave nothing half started. Prints how many there were.
pub(crate) fn crowd(count: &str, limit: &str) -> ExitCode {
    let count: usize = count.parse().expect("a number");
    match limit.split_once('=') {
        Some(("descriptors", limit)) => set(Resource::RLIMIT_NOFILE, limit),
        Some(("processes", limit)) => set(Resource::RLIMIT_NPROC, limit),
        _ => assert_eq!(limit, "none"),
    }
    // For a look into `/proc` later.
    let spare: Vec<File> = (0..4).map(|_| File::open("/dev/null").expect("it is there")).collect();
    let system = System::start().expect("a system starts");
    let (workers, error) = start(&system, count);
    let supervisor = workers[0].ask(&Identify).expect("it answers").parent;
    for (number, worker) in workers.iter().enumerate() {
        match worker.ask(&Echo { number: number as u64 }) {
            Ok(answer) => assert_eq!(answer, number as u64),
            Err(AskError::Runtime(RuntimeError::NoDescriptors)) if error.is_some() => {}
            Err(error) => panic!("{number} of {} gave {error:?}", workers.len()),
        }
    }
    drop(spare);
    // All actors and the zygote; a spare for the next actor there may be or not.
    eventually("nothing is half started", || {
        let children = process_table::children(supervisor).into_iter();
        children.filter(|child| child.name != "spare").count() == workers.len() + 1
    });
    if error.is_some() {
        make_room(&system, &workers);
    }
    println!("{} {error:?}", workers.len());
    system.shutdown().expect("it ends in order");
    assert_eq!(process_table::children(std::process::id().cast_signed()), []);
    ExitCode::SUCCESS
}

fn start(system: &System, count: usize) -> (Vec<ActorRef<Worker>>, Option<SpawnError>) {
    let mut workers = Vec::new();
    while workers.len() < count {
        match system.spawn::<Worker>(()) {
            Ok(worker) => workers.push(worker),
            Err(error @ (SpawnError::NoProcess(_) | SpawnError::Runtime(RuntimeError::NoDescriptors))) => {
                return (workers, Some(error));
            }
            Err(error) => panic!("after {}: {error:?}", workers.len()),
        }
    }
    (workers, None)
}

/// After some have ended, others can be started again.
fn make_room(system: &System, workers: &[ActorRef<Worker>]) {
    for worker in workers.iter().rev().take(20) {
        let monitor = worker.monitor().expect("it can be watched");
        worker.kill().expect("it is killed");
        monitor.wait().expect("its end is told");
    }
    let worker = system.spawn::<Worker>(()).expect("there is room again");
    assert_eq!(worker.ask(&Echo { number: 1 }), Ok(1));
    worker.kill().expect("it is killed");
}

fn set(resource: Resource, limit: &str) {
    let limit = limit.parse().expect("a number");
    let (_, hard) = getrlimit(resource).expect("it has a limit");
    setrlimit(resource, limit, hard.min(limit)).expect("it can be lowered");
}
