//! Raw signals.

use nix::sys::signal::Signal;
use nix::unistd::Pid;

/// Sends a process a signal with kill(2).
///
/// # Panics
/// If there is no such process.
pub fn kill(pid: i32, signal: Signal) {
    assert!(pid > 1, "{pid} is no process of a test");
    nix::sys::signal::kill(Pid::from_raw(pid), signal).expect("the process is there");
}
