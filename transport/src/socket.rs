//! A link over a Unix stream socket.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

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

    /// What was sent and the peer has not read costs the system, in bytes.
    ///
    /// # Errors
    /// The system's.
    pub fn unheard_bytes(&self) -> nix::Result<usize> {
        sys::unheard(&self.0)
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

    fn hang_up(&self) {
        // It fails only if the other side has hung up before.
        let _ = nix::sys::socket::shutdown(self.0.as_raw_fd(), nix::sys::socket::Shutdown::Both);
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
