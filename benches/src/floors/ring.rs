//! 64-byte messages through rings in shared memory, from one process to another, and from four to one; all spin.
//!
//! A burst begins with its length over the socket, where its end is said, too.

use crate::contest::Burst;
use crate::failure::Failure;
use crate::floors::MESSAGE_BYTES;
use crate::floors::fan_in::SENDERS;
use crate::floors::hand_over::{give, take};
use crate::floors::peer::Peer;
use crate::floors::role::Role;
use crate::floors::stream::{ended, read_whole};
use crate::pinning::Pinning;
use crate::sys::Mapping;
use std::hint::{black_box, spin_loop};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering::{Acquire, Release};

/// How many messages a ring holds: 64 KiB of them.
const SLOTS: u64 = 1024;

/// So many messages are made visible together: to do it with each has the line that says so go to and fro each time.
const BATCH: u64 = 64;

/// Where it stands how many messages have been written, how many have been read, and where the messages begin.
const WRITTEN: usize = 0;
const READ: usize = 2048;
const MESSAGES: usize = 4096;
const BYTES: usize = MESSAGES + SLOTS as usize * MESSAGE_BYTES;

/// Starts the floor of one sender, which is the bench process.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn one_way(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let mut peer = Peer::start(Role::RING_COUNTER, pinning)?;
    let mut ring = Ring::give_to(&peer)?;
    Ok(Box::new(move |messages: u64| {
        peer.socket.write_all(&messages.to_ne_bytes())?;
        ring.push_all(messages);
        if read_whole(&peer.socket, &mut [0])? { Ok(()) } else { Err(ended()) }
    }))
}

/// Starts the floor of four senders to the bench process.
///
/// # Errors
///
/// Fails if the peers cannot be started.
pub fn fan_in(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let mut senders = Vec::new();
    for _ in 0..SENDERS {
        let peer = Peer::start(Role::RING_SENDER, pinning)?;
        let ring = Ring::give_to(&peer)?;
        senders.push((peer, ring));
    }
    Ok(Box::new(move |messages: u64| {
        let share = messages / SENDERS as u64;
        for (peer, _) in &mut senders {
            peer.socket.write_all(&share.to_ne_bytes())?;
        }
        let mut missing = share * SENDERS as u64;
        while missing > 0 {
            missing -= senders.iter_mut().map(|(_, ring)| ring.take_all()).sum::<u64>();
            spin_loop();
        }
        Ok(())
    }))
}

/// Counts bursts until the stream ends.
pub(crate) fn serve_counter(mut socket: UnixStream) -> Result<(), Failure> {
    let mut ring = Ring::new(Mapping::open(&take(&socket)?, BYTES)?);
    let mut length = [0; 8];
    while read_whole(&socket, &mut length)? {
        let mut missing = u64::from_ne_bytes(length);
        while missing > 0 {
            missing -= ring.take_all();
            spin_loop();
        }
        socket.write_all(&[1])?;
    }
    Ok(())
}

/// Sends bursts until the stream ends.
pub(crate) fn serve_sender(socket: UnixStream) -> Result<(), Failure> {
    let mut ring = Ring::new(Mapping::open(&take(&socket)?, BYTES)?);
    let mut length = [0; 8];
    while read_whole(&socket, &mut length)? {
        ring.push_all(u64::from_ne_bytes(length));
    }
    Ok(())
}

/// One side of a ring.
struct Ring {
    memory: Mapping,
    /// How many messages this side has written or read.
    own: u64,
    /// How many the other side had, when last looked at.
    other: u64,
}

impl Ring {
    fn new(memory: Mapping) -> Ring {
        Ring { memory, own: 0, other: 0 }
    }

    fn give_to(peer: &Peer) -> Result<Ring, Failure> {
        let (memory, file) = Mapping::create(BYTES)?;
        give(&peer.socket, &file)?;
        Ok(Ring::new(memory))
    }

    /// Writes messages, waiting for room.
    fn push_all(&mut self, messages: u64) {
        for number in 0..messages {
            while self.own - self.other == SLOTS {
                self.other = self.memory.word(READ).load(Acquire);
                spin_loop();
            }
            self.memory.write(place(self.own), &[number as u8; MESSAGE_BYTES]);
            self.own += 1;
            if self.own.is_multiple_of(BATCH) || number + 1 == messages {
                self.memory.word(WRITTEN).store(self.own, Release);
            }
        }
    }

    /// Copies out all messages that are there; returns how many that were.
    fn take_all(&mut self) -> u64 {
        self.other = self.memory.word(WRITTEN).load(Acquire);
        let count = self.other - self.own;
        while self.own < self.other {
            black_box(self.memory.read::<MESSAGE_BYTES>(place(self.own)));
            self.own += 1;
        }
        if count > 0 {
            self.memory.word(READ).store(self.own, Release);
        }
        count
    }
}

fn place(message: u64) -> usize {
    MESSAGES + (message % SLOTS) as usize * MESSAGE_BYTES
}
