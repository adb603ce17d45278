//! 1 MiB written in place into shared memory by one process and read in place by another, both spinning.

use crate::contest::Operation;
use crate::failure::Failure;
use crate::floors::block::{BLOCK_BYTES, fill, sum, verify};
use crate::floors::hand_over::{give, take};
use crate::floors::peer::Peer;
use crate::floors::role::Role;
use crate::floors::shift::{Shift, Worker};
use crate::pinning::Pinning;
use crate::sys::Mapping;
use std::hint::spin_loop;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Where the number of the request stands.
const REQUEST: usize = 0;

/// Where the number of the answer stands, and in the word behind it the answer.
const ANSWER: usize = 2048;
const SUM: usize = ANSWER + 8;

/// Where the block begins.
const BLOCK: usize = 4096;

/// Starts the floor.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn floor(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    let peer = Peer::start(Role::SHARED_BLOCK_READER, pinning)?;
    let (memory, file) = Mapping::create(BLOCK + BLOCK_BYTES)?;
    give(&peer.socket, &file)?;
    let shift = Shift::new(&peer.socket)?;
    Ok(Box::new(Writer { shift, memory, number: 0, _peer: peer }))
}

struct Writer {
    shift: Shift,
    memory: Mapping,
    number: u64,
    _peer: Peer,
}

impl Operation for Writer {
    fn run(&mut self) -> Result<(), Failure> {
        self.shift.begin()?;
        self.number += 1;
        let byte = self.number as u8;
        self.memory.change(BLOCK, BLOCK_BYTES, |block| fill(block, byte));
        self.memory.word(REQUEST).store(self.number, Release);
        while self.memory.word(ANSWER).load(Acquire) != self.number {
            spin_loop();
        }
        verify(byte, self.memory.word(SUM).load(Relaxed))
    }

    fn settle(&mut self) -> Result<(), Failure> {
        self.shift.end()
    }
}

/// Adds up blocks, shift by shift.
pub(crate) fn serve(socket: UnixStream) -> Result<(), Failure> {
    let memory = Mapping::open(&take(&socket)?, BLOCK + BLOCK_BYTES)?;
    let mut worker = Worker::new(socket);
    let mut number = 0;
    while worker.wait()? {
        while !worker.is_over()? {
            if memory.word(REQUEST).load(Acquire) == number {
                spin_loop();
                continue;
            }
            number += 1;
            memory.word(SUM).store(memory.change(BLOCK, BLOCK_BYTES, |block| sum(block)), Relaxed);
            memory.word(ANSWER).store(number, Release);
        }
    }
    Ok(())
}
