//! What is where in the memory of a pair of rings.
//!
//! | from its start | |
//! |---|---|
//! | 4 KiB | for each of the two streams: how much was written, by which buffer, how many batches of descriptors were sent, how much was read, whether its writer waits for room |
//! | twice [`RING_BYTES`] | the buffer of each stream, first that of the side that made the memory |
//! | twice [`WIDE_RING_BYTES`] | the larger buffer of each |
//!
//! The larger buffers have no memory until their writers see to it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicU64;

use super::protocol::{Course, Positions};
use crate::memory::{self, Mapping};

/// What a ring holds, in bytes.
pub const RING_BYTES: usize = 256 << 10;

/// What it holds while large frames are sent, in bytes: the sender of one of 1 MiB need not wait while its receiver is a little
/// behind, and both stay in the caches of their processors.
pub const WIDE_RING_BYTES: usize = 1 << 20;

const _: () = assert!(RING_BYTES.is_power_of_two() && WIDE_RING_BYTES.is_power_of_two());

/// Room for the positions, in bytes.
pub(super) const HEAD_BYTES: usize = 4096;

/// Distance between the positions of the two streams, in words.
const STREAM_WORDS: usize = 256;

/// Where the words of a stream are, counted from its first. What different sides write is on different cache lines, two apart,
/// because processors fetch them in pairs.
const WRITTEN: usize = 0;
const BATCHES: usize = 1;
const COURSE: usize = 2;
const READ: usize = 16;
const WANTS_ROOM: usize = 32;

/// What is there from the beginning.
const RESERVED_BYTES: usize = HEAD_BYTES + 2 * RING_BYTES;

pub(super) const MEMORY_BYTES: usize = RESERVED_BYTES + 2 * WIDE_RING_BYTES;

/// The memory for a pair of rings.
#[derive(Debug)]
pub struct RingMemory {
    pub(super) map: Mapping,
    /// Which of the streams this side writes: 0 if it has made the memory.
    pub(super) side: usize,
}

impl RingMemory {
    /// Makes the memory, and gives a descriptor of it for the other side.
    ///
    /// # Errors
    /// The system's, if it has no memory or descriptors left.
    pub fn make() -> io::Result<(RingMemory, OwnedFd)> {
        let file = memory::reserve_first("procession-ring", RESERVED_BYTES, MEMORY_BYTES)?;
        Ok((RingMemory { map: Mapping::new(&file, 0, MEMORY_BYTES)?, side: 0 }, file.into()))
    }

    /// Maps the memory that the other side has made.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it is too small or can change its length; the system's.
    pub fn open(descriptor: OwnedFd) -> io::Result<RingMemory> {
        let (file, _) = memory::check(descriptor, MEMORY_BYTES)?;
        Ok(RingMemory { map: Mapping::new(&file, 0, MEMORY_BYTES)?, side: 1 })
    }

    #[inline]
    pub(super) fn positions(&self, stream: usize) -> nix::Result<Positions<'_>> {
        let first = stream * STREAM_WORDS;
        let words = (self.map.word(first + WRITTEN), self.map.word(first + COURSE), self.map.word(first + READ));
        let (Some(written), Some(course), Some(read)) = words else { return Err(nix::Error::EFAULT) };
        let wants_room = self.map.half_word(2 * (first + WANTS_ROOM)).ok_or(nix::Error::EFAULT)?;
        let capacities = [RING_BYTES as u64, WIDE_RING_BYTES as u64];
        Ok(Positions { written, course, read, wants_room, capacities })
    }

    /// How many batches of descriptors have been sent at the side of a stream.
    #[inline]
    pub(super) fn batches(&self, stream: usize) -> nix::Result<&AtomicU64> {
        self.map.word(stream * STREAM_WORDS + BATCHES).ok_or(nix::Error::EFAULT)
    }

    /// The parts of the buffer, at most two, where the `count` bytes from a position on are.
    #[inline]
    pub(super) fn parts(stream: usize, course: Course, position: u64, count: usize) -> [(usize, usize); 2] {
        let (start, capacity) = if course.is_wide() {
            (RESERVED_BYTES + stream * WIDE_RING_BYTES, WIDE_RING_BYTES)
        } else {
            (HEAD_BYTES + stream * RING_BYTES, RING_BYTES)
        };
        // Both are powers of two.
        let at = position.wrapping_sub(course.since()) as usize & (capacity - 1);
        let first = count.min(capacity - at);
        [(start + at, first), (start, count - first)]
    }

    /// Has memory for the larger buffer of a stream: for all of it, or none.
    pub(super) fn widen(&self, stream: usize) -> io::Result<()> {
        let had = self.map.populate(RESERVED_BYTES + stream * WIDE_RING_BYTES, WIDE_RING_BYTES);
        // What was had before the memory ran out would leave none for anything else of this process.
        had.inspect_err(|_| drop(self.vacate(stream)))
    }

    /// Gives the memory of the larger buffer of a stream back.
    pub(super) fn vacate(&self, stream: usize) -> io::Result<()> {
        self.map.vacate(RESERVED_BYTES + stream * WIDE_RING_BYTES, WIDE_RING_BYTES)
    }
}
