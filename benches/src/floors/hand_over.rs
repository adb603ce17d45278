//! Descriptors from the bench process to a peer, each with one byte.

use crate::failure::Failure;
use crate::floors::stream::ended;
use crate::sys;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// Gives a descriptor away; the own one stays open.
///
/// # Errors
///
/// Fails if the other side is gone.
pub fn give(socket: &UnixStream, descriptor: &impl AsFd) -> Result<(), Failure> {
    let descriptors = [descriptor.as_fd().as_raw_fd()];
    let control = [ControlMessage::ScmRights(&descriptors)];
    sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(&[1])], &control, MsgFlags::empty(), None)?;
    Ok(())
}

/// Waits for a descriptor.
///
/// # Errors
///
/// Fails at the end of the stream.
pub fn take(socket: &UnixStream) -> Result<OwnedFd, Failure> {
    take_if_any(socket)?.ok_or_else(ended)
}

/// Waits for a descriptor; `None` at the end of the stream.
///
/// # Errors
///
/// That of the system call.
pub fn take_if_any(socket: &UnixStream) -> Result<Option<OwnedFd>, Failure> {
    Ok(sys::receive_descriptor(socket.as_fd())?)
}
