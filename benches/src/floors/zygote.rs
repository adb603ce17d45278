//! A small process that clones itself on request, and the time from the request to the clone's first answer.
//!
//! A request is one byte with one end of a fresh socket pair. The clone answers on it with its process id and then sleeps until
//! the other end is closed.

use crate::contest::{Burst, Operation};
use crate::failure::Failure;
use crate::floors::hand_over;
use crate::floors::peer::{Peer, die_with_parent};
use crate::floors::role::Role;
use crate::floors::stream::{ended, read_whole};
use crate::pinning::Pinning;
use crate::sys;
use std::io::Write;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

/// Starts the floor of one spawn after the other, each waiting for its answer.
///
/// # Errors
///
/// Fails if the zygote cannot be started.
pub fn first_answer(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    Ok(Box::new(OneByOne { zygote: Zygote::start(pinning)?, clones: Vec::new() }))
}

/// Starts the floor of many spawns that are all requested before the first answer is read.
///
/// # Errors
///
/// Fails if the zygote cannot be started.
pub fn in_a_row(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    Ok(Box::new(InARow { zygote: Zygote::start(pinning)?, clones: Vec::new() }))
}

struct OneByOne {
    zygote: Zygote,
    clones: Vec<Spawned>,
}

impl Operation for OneByOne {
    fn run(&mut self) -> Result<(), Failure> {
        let clone = self.zygote.spawn()?;
        clone.first_answer()?;
        self.clones.push(clone);
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Failure> {
        end(&mut self.clones)
    }
}

struct InARow {
    zygote: Zygote,
    clones: Vec<Spawned>,
}

impl Burst for InARow {
    fn run(&mut self, spawns: u64) -> Result<(), Failure> {
        for _ in 0..spawns {
            let clone = self.zygote.spawn()?;
            self.clones.push(clone);
        }
        self.clones.iter().try_for_each(|clone| clone.first_answer().map(drop))
    }

    fn settle(&mut self) -> Result<(), Failure> {
        end(&mut self.clones)
    }
}

/// The bench process's handle of a zygote.
pub(crate) struct Zygote {
    peer: Peer,
}

impl Zygote {
    pub(crate) fn start(pinning: &Pinning) -> Result<Self, Failure> {
        Ok(Zygote { peer: Peer::start(Role::ZYGOTE, pinning)? })
    }

    /// Requests a clone; it may not have started yet when this returns.
    pub(crate) fn spawn(&self) -> Result<Spawned, Failure> {
        let (socket, other) = UnixStream::pair()?;
        hand_over::give(&self.peer.socket, &other)?;
        Ok(Spawned { socket })
    }
}

/// The bench process's handle of a clone, which ends when this is dropped.
pub(crate) struct Spawned {
    socket: UnixStream,
}

impl Spawned {
    /// Waits for the clone's first answer, its process id.
    pub(crate) fn first_answer(&self) -> Result<u32, Failure> {
        let mut pid = [0; 4];
        if read_whole(&self.socket, &mut pid)? { Ok(u32::from_ne_bytes(pid)) } else { Err(ended()) }
    }
}

/// Ends all clones and waits until they are gone, which is when their ends of the sockets close.
pub(crate) fn end(clones: &mut Vec<Spawned>) -> Result<(), Failure> {
    for clone in clones.iter() {
        clone.socket.shutdown(Shutdown::Write)?;
    }
    for clone in clones.drain(..) {
        read_whole(&clone.socket, &mut [0])?;
    }
    Ok(())
}

/// Clones this process for every request until the stream ends.
pub(crate) fn serve(socket: UnixStream) -> Result<(), Failure> {
    sys::ignore_children()?;
    let own = std::process::id();
    while let Some(other) = hand_over::take_if_any(&socket)? {
        sys::fork_child(|| answer(other, own as i32).map_or(1, |()| 0))?;
    }
    Ok(())
}

/// What a clone does; `other` is closed in the zygote because the closure that owns it is dropped there.
fn answer(other: OwnedFd, zygote: i32) -> Result<(), Failure> {
    die_with_parent(zygote)?;
    let mut socket = UnixStream::from(other);
    socket.write_all(&std::process::id().to_ne_bytes())?;
    read_whole(&socket, &mut [0])?;
    Ok(())
}
