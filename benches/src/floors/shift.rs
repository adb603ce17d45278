//! When a peer spins: from the first operation of a round to its end, so that it does not disturb the others' rounds.

use crate::failure::Failure;
use crate::floors::stream::read_whole;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

/// The peer looks whether its shift is over once in so many looks for work.
const LOOKS: u32 = 4096;

/// The bench process's side: it says when the peer's shifts begin and end.
#[derive(Debug)]
pub struct Shift {
    socket: UnixStream,
    is_on: bool,
}

impl Shift {
    /// Makes the side that says so over a peer's socket.
    ///
    /// # Errors
    ///
    /// Fails if there are no descriptors left.
    pub fn new(socket: &UnixStream) -> Result<Self, Failure> {
        Ok(Shift { socket: socket.try_clone()?, is_on: false })
    }

    /// Has the peer spin, if it does not.
    ///
    /// # Errors
    ///
    /// Fails if the peer is gone.
    #[inline]
    pub fn begin(&mut self) -> Result<(), Failure> {
        if self.is_on { Ok(()) } else { self.turn() }
    }

    /// Has the peer rest, if it spins.
    ///
    /// # Errors
    ///
    /// Fails if the peer is gone.
    pub fn end(&mut self) -> Result<(), Failure> {
        if self.is_on { self.turn() } else { Ok(()) }
    }

    #[cold]
    fn turn(&mut self) -> Result<(), Failure> {
        self.is_on = !self.is_on;
        Ok(self.socket.write_all(&[u8::from(self.is_on)])?)
    }
}

/// The peer's side.
#[derive(Debug)]
pub struct Worker {
    socket: UnixStream,
    looks: u32,
}

impl Worker {
    /// Makes the side that listens.
    pub fn new(socket: UnixStream) -> Self {
        Worker { socket, looks: 0 }
    }

    /// Sleeps until a shift begins; false if there is none any more.
    ///
    /// # Errors
    ///
    /// That of the system call.
    pub fn wait(&mut self) -> Result<bool, Failure> {
        self.socket.set_nonblocking(false)?;
        let begins = read_whole(&self.socket, &mut [0])?;
        self.socket.set_nonblocking(true)?;
        Ok(begins)
    }

    /// Looks now and then whether the shift is over; to be called between two looks for work.
    ///
    /// # Errors
    ///
    /// That of the system call.
    #[inline]
    pub fn is_over(&mut self) -> Result<bool, Failure> {
        self.looks = self.looks.wrapping_add(1);
        if self.looks.is_multiple_of(LOOKS) { self.look() } else { Ok(false) }
    }

    #[cold]
    fn look(&mut self) -> Result<bool, Failure> {
        match self.socket.read(&mut [0]) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
