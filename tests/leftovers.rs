//! G5: nothing is left. A program that uses the library is run under a watcher which reaps whatever is orphaned; the
//! watcher commits a fault, and fails if a process, a zombie, a file or an entry of `/dev/shm` is there after 2 s.
//!
//! Root itself fails if it has a child or another descriptor after its system's end than before its start.

use std::process::{Command, Stdio};

use procession_tests::{GUARD, Round, guarded, repeat};

/// How often faults at random instants are tried.
const ROUNDS: u32 = 20;

fn expect_clean(round: &mut Round, fixture: &str, ending: &str, fault: &str) {
    round.at(format!("{fixture}, {ending}, fault: {fault}"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_scenario"));
    command.args(["watch", fixture, ending, fault, &round.dice.roll(u64::MAX).to_string()]);
    command.env("RUST_BACKTRACE", "0");
    let output = command.stdin(Stdio::null()).output().expect("the watcher runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{fixture}, {ending}, fault {fault}: {}\n{text}", output.status);
}

#[test]
fn g5_nothing_is_left_after_any_ending() {
    for ending in ["shutdown", "drop", "early", "exit", "panic"] {
        guarded("endings", GUARD, move |round| expect_clean(round, "family", ending, "none"));
    }
}

#[test]
fn g5_nothing_is_left_of_what_does_not_stop() {
    for fixture in ["stubborn", "stopped", "programs"] {
        for ending in ["shutdown", "early", "exit"] {
            guarded("stubborn", GUARD, move |round| expect_clean(round, fixture, ending, "none"));
        }
    }
}

#[test]
fn g5_nothing_is_left_when_root_is_killed() {
    for fixture in ["family", "stubborn", "stopped", "programs"] {
        guarded("root killed", GUARD, move |round| expect_clean(round, fixture, "shutdown", "root"));
    }
}

#[test]
fn g5_nothing_is_left_when_a_busy_root_is_killed() {
    repeat("busy root killed", ROUNDS, |round| expect_clean(round, "busy", "shutdown", "root"));
}

#[test]
fn g5_nothing_is_left_when_the_supervisor_is_killed() {
    for fixture in ["family", "stubborn", "stopped", "programs"] {
        guarded("supervisor killed", GUARD, move |round| expect_clean(round, fixture, "lost", "supervisor"));
    }
}

#[test]
fn g5_nothing_is_left_when_a_busy_supervisor_is_killed() {
    repeat("busy supervisor killed", ROUNDS, |round| expect_clean(round, "busy", "lost", "supervisor"));
}

#[test]
fn g5_nothing_is_left_when_root_is_killed_while_it_shares() {
    repeat("sharing root killed", ROUNDS, |round| expect_clean(round, "sharing", "shutdown", "root"));
}

#[test]
fn g5_nothing_is_left_when_the_supervisor_is_killed_while_root_shares() {
    repeat("supervisor of a sharing root killed", ROUNDS, |round| {
        expect_clean(round, "sharing", "lost", "supervisor");
    });
}

#[test]
fn g5_nothing_is_left_when_root_and_supervisor_are_killed() {
    repeat("both killed", ROUNDS, |round| expect_clean(round, "busy", "lost", "root and supervisor"));
}

#[test]
fn g5_nothing_is_left_of_an_owner_that_is_killed() {
    repeat("owner killed", ROUNDS, |round| expect_clean(round, "family", "shutdown", "owner"));
}
