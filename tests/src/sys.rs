//! The unsafe code of the tests.
#![allow(unsafe_code)]

use nix::libc;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

/// Runs something in a bare `fork()` copy of this process, and gives the code that it returns.
///
/// # Panics
/// If there is no process to be had, or the copy ends in another way.
pub fn in_bare_fork(work: impl FnOnce() -> u8) -> u8 {
    // SAFETY: the copy has this thread only. It runs `work`, which may allocate: the C library keeps its allocator usable
    // in copies of processes with many threads. It leaves by `_exit`, so nothing of the original's is run or dropped.
    match unsafe { fork() }.expect("a process") {
        ForkResult::Child => {
            let code = work();
            // SAFETY: ends the process without running anything of it.
            unsafe { libc::_exit(i32::from(code)) }
        }
        ForkResult::Parent { child } => match waitpid(child, None).expect("its end") {
            WaitStatus::Exited(_, code) => u8::try_from(code).expect("a code is a byte"),
            other => panic!("the copy ended by {other:?}"),
        },
    }
}

/// Leaves a bare `fork()` copy of this process behind, which holds what this process holds and does nothing until it is
/// killed. Gives its process id.
///
/// # Panics
/// If there is no process to be had.
pub fn leave_copy() -> i32 {
    // SAFETY: the copy has this thread only, and does nothing but wait for its end.
    match unsafe { fork() }.expect("a process") {
        ForkResult::Child => loop {
            // SAFETY: waits for a signal.
            unsafe { libc::pause() };
        },
        ForkResult::Parent { child } => child.as_raw(),
    }
}
