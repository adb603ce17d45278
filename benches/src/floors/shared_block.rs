//! 1 MiB written in place into shared memory by one process and read by another, both spinning.
//!
//! There are three ways, by what keeps the reader from seeing what the writer writes later:
//!
//! * nothing: it reads in place and trusts the writer;
//! * the writer protects its own mapping of the block before it hands it over, and the reader reads in place;
//! * the reader copies the block to memory of its own before it reads it.

use crate::contest::Operation;
use crate::failure::Failure;
use crate::floors::block::{BLOCK_BYTES, fill, sum, verify};
use crate::floors::block_buffer::BlockBuffer;
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

/// Where the first block begins.
const BLOCKS: usize = 4096;

/// How many blocks are written in turn where the writer protects them: one is made writable again while the other is read.
const PROTECTED_BLOCKS: usize = 2;

/// Starts the floor that trusts the writer.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn floor(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    Ok(Box::new(Writer::start(Role::SHARED_BLOCK_READER, pinning, Hand::Trusted)?))
}

/// Starts the floor whose writer protects what it hands over, in its own mapping.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn protected(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    Ok(Box::new(Writer::start(Role::PROTECTED_BLOCK_READER, pinning, Hand::Protected)?))
}

/// Starts the floor whose reader copies the block out before it reads it.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn copied_out(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    Ok(Box::new(Writer::start(Role::COPIED_BLOCK_READER, pinning, Hand::Trusted)?))
}

/// What the writer does when it hands a block over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hand {
    /// Nothing.
    Trusted,
    /// It protects the block, and has the next one writable while the other side reads.
    Protected,
}

impl Hand {
    fn blocks(self) -> usize {
        match self {
            Hand::Trusted => 1,
            Hand::Protected => PROTECTED_BLOCKS,
        }
    }
}

/// How many bytes hold so many blocks.
fn bytes(blocks: usize) -> usize {
    BLOCKS + blocks * BLOCK_BYTES
}

/// Where the block of a request is, of so many.
fn place(number: u64, blocks: usize) -> usize {
    BLOCKS + number as usize % blocks * BLOCK_BYTES
}

struct Writer {
    shift: Shift,
    memory: Mapping,
    hand: Hand,
    number: u64,
    _peer: Peer,
}

impl Writer {
    fn start(role: Role, pinning: &Pinning, hand: Hand) -> Result<Self, Failure> {
        let peer = Peer::start(role, pinning)?;
        let (memory, file) = Mapping::create(bytes(hand.blocks()))?;
        give(&peer.socket, &file)?;
        let shift = Shift::new(&peer.socket)?;
        Ok(Writer { shift, memory, hand, number: 0, _peer: peer })
    }

    /// Where the block of a request is.
    fn place(&self, number: u64) -> usize {
        place(number, self.hand.blocks())
    }
}

impl Operation for Writer {
    fn run(&mut self) -> Result<(), Failure> {
        self.shift.begin()?;
        self.number += 1;
        let (byte, at) = (self.number as u8, self.place(self.number));
        self.memory.change(at, BLOCK_BYTES, |block| fill(block, byte));
        if self.hand == Hand::Protected {
            self.memory.protect(at, BLOCK_BYTES)?;
        }
        self.memory.word(REQUEST).store(self.number, Release);
        if self.hand == Hand::Protected {
            self.memory.unprotect(self.place(self.number + 1), BLOCK_BYTES)?;
        }
        while self.memory.word(ANSWER).load(Acquire) != self.number {
            spin_loop();
        }
        verify(byte, self.memory.word(SUM).load(Relaxed))
    }

    fn settle(&mut self) -> Result<(), Failure> {
        self.shift.end()
    }
}

/// Adds up blocks in place, shift by shift.
pub(crate) fn serve(socket: UnixStream) -> Result<(), Failure> {
    read(socket, Hand::Trusted.blocks(), |memory, at| memory.change(at, BLOCK_BYTES, |block| sum(block)))
}

/// Adds up blocks in place that the writer protects, shift by shift.
pub(crate) fn serve_protected(socket: UnixStream) -> Result<(), Failure> {
    read(socket, Hand::Protected.blocks(), |memory, at| memory.change(at, BLOCK_BYTES, |block| sum(block)))
}

/// Copies blocks out and adds up the copies, shift by shift.
pub(crate) fn serve_copied(socket: UnixStream) -> Result<(), Failure> {
    let mut own = BlockBuffer::new();
    read(socket, Hand::Trusted.blocks(), |memory, at| {
        memory.copy_out(at, &mut own);
        sum(&own)
    })
}

fn read(socket: UnixStream, blocks: usize, mut add_up: impl FnMut(&Mapping, usize) -> u64) -> Result<(), Failure> {
    let memory = Mapping::open(&take(&socket)?, bytes(blocks))?;
    let mut worker = Worker::new(socket);
    let mut number = 0;
    while worker.wait()? {
        while !worker.is_over()? {
            if memory.word(REQUEST).load(Acquire) == number {
                spin_loop();
                continue;
            }
            number += 1;
            memory.word(SUM).store(add_up(&memory, place(number, blocks)), Relaxed);
            memory.word(ANSWER).store(number, Release);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_never_made_writable_while_it_is_handed_over() {
        let blocks = Hand::Protected.blocks();
        assert!((1..9).all(|number| place(number, blocks) != place(number + 1, blocks)));
        assert!((1..9).all(|number| place(number, blocks) + BLOCK_BYTES <= bytes(blocks)));
    }
}
