//! From the start of a fresh process, which executes a program, to its first answer.

use crate::contest::Operation;
use crate::failure::Failure;
use crate::floors::MESSAGE_BYTES;
use crate::floors::peer::Peer;
use crate::floors::role::Role;
use crate::floors::stream::{ended, read_whole};
use crate::pinning::Pinning;
use std::io::Write;

/// Makes the floor.
///
/// # Errors
///
/// Never fails; the operation does if no process can be started.
pub fn first_answer(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    Ok(Box::new(Starter { pinning: *pinning, peers: Vec::new() }))
}

struct Starter {
    pinning: Pinning,
    peers: Vec<Peer>,
}

impl Operation for Starter {
    fn run(&mut self) -> Result<(), Failure> {
        let mut peer = Peer::start(Role::ECHO, &self.pinning)?;
        peer.socket.write_all(&[7; MESSAGE_BYTES])?;
        if !read_whole(&peer.socket, &mut [0; MESSAGE_BYTES])? {
            return Err(ended());
        }
        self.peers.push(peer);
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Failure> {
        self.peers.clear();
        Ok(())
    }
}
