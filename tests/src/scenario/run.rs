//! Root's part of a scenario.

use std::fs;
use std::io::{Read, Write};
use std::process::ExitCode;

use procession::prelude::*;
use procession::{Error, RuntimeError};
use procession_tests::process_table;
use procession_tests::worker::{Echo, Worker};

use crate::fixture::{self, Stage};

/// Sets up, waits for the end of standard input, and ends as told.
pub(crate) fn run(fixture: &str, ending: &str) -> ExitCode {
    let before = descriptors();
    let outcome = live(fixture, ending);
    match (ending, outcome) {
        ("shutdown" | "drop" | "lost", Ok(())) => {}
        ("early", Err(Error::System(_))) => {}
        (_, outcome) => panic!("{ending} ended with {outcome:?}"),
    }
    let own = std::process::id().cast_signed();
    assert_eq!(process_table::children(own), [], "root has children after its system's end");
    assert_eq!(descriptors(), before, "root has other descriptors than before");
    ExitCode::SUCCESS
}

fn live(fixture: &str, ending: &str) -> procession::Result<()> {
    let system = System::start()?;
    let Stage { friend, threads } = fixture::set_up(&system, fixture)?;
    fixture::tell("ready", 0);
    let mut input = std::io::stdin();
    let read = input.read(&mut [0]).expect("the watcher writes, or closes");
    if read > 0 {
        look(&friend, ending);
        input.read_to_end(&mut Vec::new()).expect("the watcher closes");
    }
    if ending == "lost" {
        threads.into_iter().for_each(|thread| thread.join().expect("it ends with the system"));
    }
    match ending {
        "shutdown" => system.shutdown()?,
        "drop" | "lost" => drop(system),
        "early" => drop(fs::File::open("/no such file")?),
        "exit" => std::process::exit(0),
        "panic" => panic!("root panics, as it was told to"),
        _ => panic!("no ending is called {ending}"),
    }
    Ok(())
}

/// Talks to the system, so that the loss of its supervisor is noticed, and says that it has.
fn look(friend: &ActorRef<Worker>, ending: &str) {
    let is_to_be_lost = ending == "lost";
    loop {
        match friend.ask(&Echo { number: 1 }) {
            // The friend dies with its supervisor, but it may answer until it does.
            Ok(1) if is_to_be_lost => {}
            Err(AskError::Runtime(RuntimeError::SupervisorLost)) if is_to_be_lost => break,
            Ok(1) => break,
            outcome => panic!("the friend gave {outcome:?}"),
        }
    }
    fixture::tell("looked", 0);
    let _ = std::io::stdout().flush();
}

/// Lists this process's descriptors and what they are.
fn descriptors() -> Vec<(String, String)> {
    let entries = fs::read_dir("/proc/self/fd").expect("/proc is there").flatten();
    let describe = |entry: fs::DirEntry| {
        let target = fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned();
        let is_own = target.starts_with("/proc/");
        (!is_own).then(|| (entry.file_name().to_string_lossy().into_owned(), target))
    };
    let mut found: Vec<_> = entries.filter_map(describe).collect();
    found.sort();
    found
}
