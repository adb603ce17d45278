//! The unsafe calls: fork, and a descriptor that comes out of a socket.

#![allow(unsafe_code)]

use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use nix::unistd::{ForkResult, fork};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Forks; the child runs `child` and ends with the code that it returns, without any of the parent's exit handlers.
///
/// To be called while this process has one thread.
pub(crate) fn fork_child(child: impl FnOnce() -> i32) -> io::Result<()> {
    // SAFETY: the caller's process has one thread, so the child starts with no lock held by a thread that it does not have.
    match unsafe { fork() }? {
        ForkResult::Parent { .. } => Ok(()),
        ForkResult::Child => {
            let code = child();
            // SAFETY: `_exit` takes any code and touches no memory of ours.
            unsafe { nix::libc::_exit(code) }
        }
    }
}

/// Leaves the reaping of this process's children to the kernel.
pub(crate) fn ignore_children() -> io::Result<()> {
    // SAFETY: no handler function is installed, so there is nothing that could run in a signal's context.
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) }?;
    Ok(())
}

/// Receives one byte with one descriptor; `None` at the end of the stream.
pub(crate) fn receive_descriptor(socket: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    let mut byte = [0];
    let mut parts = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!(std::os::fd::RawFd);
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(descriptors) = control {
            // SAFETY: the kernel has just made these descriptors for this message and nobody else knows their numbers.
            let mut owned = descriptors.into_iter().map(|descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) });
            return Ok(owned.next());
        }
    }
    match message.bytes {
        0 => Ok(None),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a request came without its descriptor")),
    }
}
