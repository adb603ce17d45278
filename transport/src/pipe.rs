//! A link over a kernel pipe.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bytes::BytesMut;
use nix::fcntl::OFlag;

use crate::link::set_nonblocking;
use crate::{Batch, Link, sys};

/// One end of a kernel pipe: one way, without descriptors.
#[derive(Debug)]
pub struct Pipe(OwnedFd);

impl Pipe {
    /// Takes one end of a pipe and makes it non-blocking.
    ///
    /// # Errors
    /// The system's.
    pub fn new(end: OwnedFd) -> io::Result<Pipe> {
        set_nonblocking(end.as_fd())?;
        Ok(Pipe(end))
    }

    /// Makes a pipe: the reading end, then the writing one.
    ///
    /// # Errors
    /// The system's, if it has no descriptors left.
    pub fn pair() -> io::Result<(Pipe, Pipe)> {
        let (reading, writing) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        Ok((Pipe(reading), Pipe(writing)))
    }

    /// Gives the descriptor, for sending it to another process.
    pub fn into_descriptor(self) -> OwnedFd {
        self.0
    }
}

impl Link for Pipe {
    fn send(&self, bytes: &[u8], descriptors: &[OwnedFd]) -> nix::Result<usize> {
        if !descriptors.is_empty() {
            return Err(nix::Error::EOPNOTSUPP);
        }
        sys::retry(|| nix::unistd::write(&self.0, bytes))
    }

    fn receive(&self, buffer: &mut BytesMut) -> nix::Result<(usize, Option<Batch>)> {
        sys::read(self.0.as_fd(), buffer).map(|count| (count, None))
    }

    fn unread_bytes(&self) -> nix::Result<usize> {
        sys::unread(&self.0)
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
