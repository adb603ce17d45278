//! 64 bytes there and back between two processes through shared memory, both spinning.

use crate::contest::Operation;
use crate::failure::Failure;
use crate::floors::MESSAGE_BYTES;
use crate::floors::hand_over::{give, take};
use crate::floors::peer::Peer;
use crate::floors::role::Role;
use crate::floors::shift::{Shift, Worker};
use crate::pinning::Pinning;
use crate::sys::Mapping;
use std::hint::{black_box, spin_loop};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering::{Acquire, Release};

/// Room for two letters.
const BYTES: usize = 4096;

/// Where the number of the request stands; the request itself is in the cache line behind it.
const REQUEST: usize = 0;

/// Where the number of the answer stands; the answer itself is in the cache line behind it.
const ANSWER: usize = 2048;

/// From a number to its message.
const MESSAGE: usize = 64;

/// Starts the floor of a round trip through shared memory.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn floor(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    let peer = Peer::start(Role::SHARED_ECHO, pinning)?;
    let (memory, file) = Mapping::create(BYTES)?;
    give(&peer.socket, &file)?;
    let shift = Shift::new(&peer.socket)?;
    Ok(Box::new(Asker { shift, memory, number: 0, _peer: peer }))
}

struct Asker {
    shift: Shift,
    memory: Mapping,
    number: u64,
    _peer: Peer,
}

impl Operation for Asker {
    fn run(&mut self) -> Result<(), Failure> {
        self.shift.begin()?;
        self.number += 1;
        self.memory.write(REQUEST + MESSAGE, &[7; MESSAGE_BYTES]);
        self.memory.word(REQUEST).store(self.number, Release);
        while self.memory.word(ANSWER).load(Acquire) != self.number {
            spin_loop();
        }
        black_box(self.memory.read::<MESSAGE_BYTES>(ANSWER + MESSAGE));
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Failure> {
        self.shift.end()
    }
}

/// Answers requests, shift by shift.
pub(crate) fn serve(socket: UnixStream) -> Result<(), Failure> {
    let memory = Mapping::open(&take(&socket)?, BYTES)?;
    let mut worker = Worker::new(socket);
    let mut number = 0;
    while worker.wait()? {
        while !worker.is_over()? {
            if memory.word(REQUEST).load(Acquire) == number {
                spin_loop();
                continue;
            }
            number += 1;
            black_box(memory.read::<MESSAGE_BYTES>(REQUEST + MESSAGE));
            memory.write(ANSWER + MESSAGE, &[8; MESSAGE_BYTES]);
            memory.word(ANSWER).store(number, Release);
        }
    }
    Ok(())
}
