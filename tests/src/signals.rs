//! Raw signals.

use std::fmt::Debug;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use procession::{Child, Data};

use crate::Round;

/// Sends a process a signal with kill(2).
///
/// # Panics
/// If there is no such process.
pub fn kill(pid: i32, signal: Signal) {
    assert!(pid > 1, "{pid} is no process of a test");
    nix::sys::signal::kill(Pid::from_raw(pid), signal).expect("the process is there");
}

/// Sends SIGKILL to a process that may have ended.
///
/// # Panics
/// If that is no process of a test.
pub fn kill_if_there(pid: i32) {
    assert!(pid > 1, "{pid} is no process of a test");
    let _ = nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGKILL);
}

/// Gives the process id of a child that runs.
///
/// # Panics
/// If it does not run.
pub fn pid<T: Data>(child: &Child<T>) -> i32 {
    child.pid().expect("it is known").expect("it runs")
}

/// Kills a process at some instant from now, and waits until it has ended.
///
/// # Panics
/// If it ends by something else before.
pub fn kill_soon<T: Data + Debug>(round: &mut Round, child: &Child<T>) {
    let victim = pid(child);
    round.dice.spin();
    kill(victim, Signal::SIGKILL);
    child.join().expect_err("it was killed");
}
