//! A program that uses the library, to be killed and looked at from outside.
//!
//! * `scenario run FIXTURE ENDING`: sets a system up, says who is who, and ends as told once its standard input does.
//! * `scenario watch FIXTURE ENDING FAULT SEED`: runs that as its child, becomes the reaper of everything under it,
//!   commits the fault, and fails if anything is left after two seconds.
//! * `scenario crowd COUNT LIMIT`: starts as many actors as a limit on descriptors or processes allows.
//! * `scenario memory GROUP`: goes into a memory cgroup, and has actors take too much there.
//! * `scenario busy`, `scenario large`: starts processes from a parent with busy threads, or with much memory.

#![allow(clippy::print_stdout)] // it is how it answers

mod crowd;
mod fixture;
mod memory;
mod parent;
mod run;
mod watch;

use std::process::ExitCode;

#[procession::main]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[1..] {
        ["run", fixture, ending] => run::run(fixture, ending),
        ["watch", fixture, ending, fault, seed] => watch::watch(fixture, ending, fault, seed),
        ["crowd", count, limit] => crowd::crowd(count, limit),
        ["memory", group] => memory::memory(group),
        ["busy"] => parent::busy(),
        ["large"] => parent::large(),
        _ => panic!(
            "usage: scenario run FIXTURE ENDING | watch FIXTURE ENDING FAULT SEED | crowd COUNT LIMIT | memory GROUP | \
             busy | large"
        ),
    }
}
