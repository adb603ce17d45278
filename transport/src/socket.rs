//! A link over a Unix stream socket.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bytes::BytesMut;

use crate::link::set_nonblocking;
use crate::{Batch, Link, sys};

/// One end of a pair of connected Unix stream sockets: both ways, with descriptors.
#[derive(Debug)]
pub struct Socket(OwnedFd);

impl Socket {
    /// Takes a connected socket and makes it non-blocking.
    ///
    /// # Errors
    /// The system's.
    pub fn new(socket: OwnedFd) -> io::Result<Socket> {
        set_nonblocking(socket.as_fd())?;
        Ok(Socket(socket))
    }

    /// Takes a connected socket that is non-blocking already, as those of [`socket_pair`](crate::socket_pair) are.
    pub fn from_nonblocking(socket: OwnedFd) -> Socket {
        Socket(socket)
    }
}

impl Link for Socket {
    #[inline]
    fn send(&self, bytes: &[u8], descriptors: &[OwnedFd]) -> nix::Result<usize> {
        sys::send(self.0.as_fd(), bytes, descriptors)
    }

    #[inline]
    fn receive(&self, buffer: &mut BytesMut) -> nix::Result<(usize, Option<Batch>)> {
        sys::receive(self.0.as_fd(), buffer)
    }

    fn unread_bytes(&self) -> nix::Result<usize> {
        sys::unread(&self.0)
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
