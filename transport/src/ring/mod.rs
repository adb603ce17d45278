//! A link over shared memory.
//!
//! A connection that is busy leaves its socket for a pair of rings, one for each direction, in a piece of memory that both
//! processes map. Bytes are copied into a ring and out of it: nobody can change what a receiver has validated. The socket stays
//! at its side: descriptors travel there, each batch with the position in the stream where it belongs, and its end of file says
//! that the other side is gone.
//!
//! | file | what of it |
//! |---|---|
//! | `protocol.rs` | who may touch what when; pure |
//! | `memory.rs` | what is where in the memory |
//! | `width.rs` | when a stream goes by its larger buffer |
//! | `bell.rs` | how one side wakes the other |
//! | `sys.rs` | the copying, and the only unsafe code |
//!
//! All of the memory that is used is there before and nobody can shrink it, so no touch of it fails. What the other side writes
//! there is bounded before it is believed: the worst that it can do is to have its own stream given up, or to have the owner of
//! a bell look in vain, or sleep for longer. What it gives to be rung is looked at once, when it comes: whoever means to can have
//! an event block afterwards, and fill it, and so hold up who rings, as whoever may send signals can anyway.

mod bell;
mod memory;
mod protocol;
mod sys;
mod width;

mod atomic {
    pub(super) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
}

use std::collections::VecDeque;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;

use self::bell::Ringer;
pub(crate) use self::bell::{BITS, Bell};
pub use self::bell::{BellShare, MOST_RINGERS};
pub use self::memory::{RING_BYTES, RingMemory, WIDE_RING_BYTES};
use self::protocol::{Broken, Course, Positions};
use self::width::Width;
use crate::{Batch, Link, Rest};

/// What is copied at once, in bytes, so that one side copies in while the other copies out.
const PORTION_BYTES: usize = 32 << 10;

impl Sent {
    #[inline]
    fn course(&self) -> Course {
        Course(self.course.load(Ordering::Relaxed))
    }
}

impl Received {
    #[inline]
    fn course(&self) -> Course {
        Course(self.course.load(Ordering::Relaxed))
    }

    fn new() -> Received {
        Received {
            read: AtomicU64::new(0),
            course: AtomicU64::new(0),
            bound: AtomicU64::new(u64::MAX),
            batches: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            beside: Mutex::default(),
        }
    }
}

impl From<Broken> for nix::Error {
    fn from(_: Broken) -> nix::Error {
        nix::Error::EBADMSG
    }
}

/// One side of a connection over shared memory: both ways, with descriptors.
///
/// One thread at a time sends, and one receives: its halves' owners see to that.
#[derive(Debug)]
pub struct Ring {
    memory: RingMemory,
    /// The socket that the connection had before.
    socket: Arc<dyn Link>,
    /// Wakes the other side.
    ringer: Ringer,
    sent: Sent,
    received: Received,
}

/// What this side alone knows of the stream that it writes.
#[derive(Debug, Default)]
struct Sent {
    written: AtomicU64,
    /// A lower bound of the room there is.
    room: AtomicU64,
    batches: AtomicU64,
    course: AtomicU64,
    width: Width,
}

/// What this side alone knows of the stream that it reads.
#[derive(Debug)]
struct Received {
    read: AtomicU64,
    course: AtomicU64,
    /// Nothing behind this position is read.
    bound: AtomicU64,
    batches: AtomicU64,
    /// Batches that have come, and whose bytes have not been read.
    waiting: AtomicU64,
    beside: Mutex<Beside>,
}

/// What has come by the socket.
#[derive(Debug, Default)]
struct Beside {
    buffer: BytesMut,
    /// Descriptors whose positions have not arrived whole.
    loose: VecDeque<Batch>,
    /// Descriptors, with the position of the stream where they belong.
    batches: VecDeque<(u64, Batch)>,
}

/// More batches than a ring holds frames can not be waited for.
const MOST_BATCHES: usize = RING_BYTES / crate::HEADER_BYTES;

/// Length of a position as it travels by the socket, in bytes.
const POSITION_BYTES: usize = 8;

impl Ring {
    /// Makes one side of a connection over `memory`, with its socket and the other side's bell.
    ///
    /// # Errors
    /// The system's, if the bell cannot be mapped.
    pub fn new(memory: RingMemory, socket: Arc<dyn Link>, bell: BellShare) -> io::Result<Ring> {
        let ringer = Ringer::open(bell)?;
        Ok(Ring { memory, socket, ringer, sent: Sent::default(), received: Received::new() })
    }

    /// How much can be written now, up to `wanted` bytes; 0 only once the reader knows that it is to ring.
    #[inline]
    fn room(&self, positions: Positions<'_>, wanted: u64) -> nix::Result<u64> {
        let (written, known) = (self.sent.written.load(Ordering::Relaxed), self.sent.room.load(Ordering::Relaxed));
        if known >= wanted {
            return Ok(known);
        }
        let course = self.sent.course();
        let mut room = positions.room(written, course)?;
        if room == 0 {
            positions.want_room();
            room = positions.room(written, course)?;
        }
        Ok(room)
    }

    /// Sends descriptors by the socket, with the position where they belong.
    fn send_batch(&self, position: u64, descriptors: &[OwnedFd]) -> nix::Result<()> {
        match self.socket.send(&position.to_le_bytes(), descriptors) {
            Ok(POSITION_BYTES) => {
                let batches = self.sent.batches.load(Ordering::Relaxed) + 1;
                self.sent.batches.store(batches, Ordering::Relaxed);
                // The reader sees it once it sees the bytes that come with them.
                self.memory.batches(self.memory.side)?.store(batches, Ordering::Relaxed);
                Ok(())
            }
            // Nobody rings when the socket takes more.
            Err(nix::Error::EAGAIN) => Err(nix::Error::ENOBUFS),
            Ok(_) => Err(nix::Error::EPROTO),
            Err(error) => Err(error),
        }
    }

    /// The batch of descriptors that belongs at this position, and how many bytes come before the next one.
    fn next_batch(&self, position: u64, unread: u64) -> nix::Result<(u64, Option<Batch>)> {
        let mut beside = self.beside();
        self.hear(&mut beside)?;
        let is_due = beside.batches.front().is_some_and(|(at, _)| *at == position);
        let batch = if is_due { beside.batches.pop_front().map(|(_, batch)| batch) } else { None };
        let ahead = match beside.batches.front() {
            // A position that has been read already is none of an honest peer's.
            Some((at, _)) => at.checked_sub(position).filter(|ahead| *ahead > 0).ok_or(nix::Error::EBADMSG)?,
            None => unread,
        };
        self.received.waiting.store(beside.batches.len() as u64, Ordering::Relaxed);
        Ok((ahead.min(unread), batch))
    }

    /// Takes what was read from the socket behind the last frame there: it has come beside the ring.
    pub fn restore(&self, rest: Rest) {
        let mut beside = self.beside();
        beside.buffer.extend_from_slice(&rest.bytes);
        beside.loose.extend(rest.batches.into_iter().map(|(_, batch)| batch));
        self.pair_up(&mut beside);
    }

    /// Takes in what has come by the socket. Gives whether the other side has closed it.
    fn hear(&self, beside: &mut Beside) -> nix::Result<bool> {
        loop {
            beside.buffer.reserve(64 * POSITION_BYTES);
            let outcome = self.socket.receive(&mut beside.buffer);
            let is_over = match outcome {
                Ok((0, _)) | Err(nix::Error::ECONNRESET) => Some(true),
                Err(nix::Error::EAGAIN) => Some(false),
                Err(error) => return Err(error),
                Ok((_, batch)) => {
                    beside.loose.extend(batch);
                    None
                }
            };
            self.pair_up(beside);
            if beside.batches.len() > MOST_BATCHES {
                return Err(nix::Error::EBADMSG);
            }
            if let Some(is_closed) = is_over {
                return Ok(is_closed);
            }
        }
    }

    /// Puts descriptors and positions together.
    fn pair_up(&self, beside: &mut Beside) {
        while let Some(position) = beside.buffer.first_chunk::<POSITION_BYTES>().copied().map(u64::from_le_bytes) {
            bytes::Buf::advance(&mut beside.buffer, POSITION_BYTES);
            // What came without descriptors had lost them all.
            let batch = beside.loose.pop_front().unwrap_or_default();
            beside.batches.push_back((position, batch));
            self.received.batches.fetch_add(1, Ordering::Relaxed);
            self.received.waiting.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn beside(&self) -> MutexGuard<'_, Beside> {
        self.received.beside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether descriptors have been sent or wait.
    #[inline]
    fn has_batches(&self) -> nix::Result<bool> {
        let announced = self.memory.batches(1 - self.memory.side)?.load(Ordering::Relaxed);
        let is_new = announced != self.received.batches.load(Ordering::Relaxed);
        Ok(is_new || self.received.waiting.load(Ordering::Relaxed) > 0)
    }
}

impl Link for Ring {
    #[inline]
    fn send(&self, bytes: &[u8], descriptors: &[OwnedFd]) -> nix::Result<usize> {
        let side = self.memory.side;
        let positions = self.memory.positions(side)?;
        if self.sent.width.is_unsettled() {
            self.steer(positions, bytes.len());
        }
        let room = self.room(positions, bytes.len() as u64)?;
        if room == 0 {
            return Err(nix::Error::EAGAIN);
        }
        let written = self.sent.written.load(Ordering::Relaxed);
        if !descriptors.is_empty() {
            self.send_batch(written, descriptors)?;
        }
        let count = bytes.len().min(room as usize).min(PORTION_BYTES);
        let [(first, length), (second, _)] = RingMemory::parts(side, self.sent.course(), written, count);
        let is_within = sys::copy_in(&self.memory.map, first, &bytes[..length])
            && sys::copy_in(&self.memory.map, second, &bytes[length..count]);
        if !is_within {
            return Err(nix::Error::EFAULT);
        }
        let written = written + count as u64;
        self.sent.written.store(written, Ordering::Relaxed);
        self.sent.room.store(room - count as u64, Ordering::Relaxed);
        positions.publish(written);
        self.ringer.ring();
        Ok(count)
    }

    #[inline]
    fn receive(&self, buffer: &mut BytesMut) -> nix::Result<(usize, Option<Batch>)> {
        let stream = 1 - self.memory.side;
        let positions = self.memory.positions(stream)?;
        let read = self.received.read.load(Ordering::Relaxed);
        let unread = positions.unread(read, self.received.course())?;
        let wanted = unread.here.min(self.received.bound.load(Ordering::Relaxed).saturating_sub(read));
        if wanted == 0 {
            return Err(nix::Error::EAGAIN);
        }
        let (ahead, batch) = if self.has_batches()? { self.next_batch(read, wanted)? } else { (wanted, None) };
        let count = (buffer.capacity() - buffer.len()).min(ahead as usize);
        let [(first, length), (second, rest)] = RingMemory::parts(stream, unread.course, read, count);
        let is_within = sys::copy_out(&self.memory.map, first, length, buffer)
            && sys::copy_out(&self.memory.map, second, rest, buffer);
        if !is_within {
            return Err(nix::Error::EFAULT);
        }
        let read = read + count as u64;
        self.received.read.store(read, Ordering::Relaxed);
        self.received.course.store(unread.course.0, Ordering::Relaxed);
        if positions.release(read, unread.all - count as u64, unread.course) {
            self.ringer.ring();
        }
        Ok((count, batch))
    }

    fn unread_bytes(&self) -> nix::Result<usize> {
        let positions = self.memory.positions(1 - self.memory.side)?;
        let read = self.received.read.load(Ordering::Relaxed);
        let within = self.received.bound.load(Ordering::Relaxed).saturating_sub(read);
        Ok(positions.unread(read, self.received.course())?.all.min(within) as usize)
    }

    #[inline]
    fn holds_more(&self) -> bool {
        let Ok(positions) = self.memory.positions(1 - self.memory.side) else { return false };
        let read = self.received.read.load(Ordering::Relaxed);
        positions.has_more(read) && read < self.received.bound.load(Ordering::Relaxed)
    }

    fn bound(&self) {
        let positions = self.memory.positions(1 - self.memory.side);
        let read = self.received.read.load(Ordering::Relaxed);
        // What makes no sense is found by whoever reads.
        let unread = positions.and_then(|positions| Ok(positions.unread(read, self.received.course())?.all));
        let bound = unread.map_or(u64::MAX, |unread| read + unread);
        self.received.bound.store(bound, Ordering::Relaxed);
    }

    fn lift_bound(&self) {
        self.received.bound.store(u64::MAX, Ordering::Relaxed);
    }

    fn rings_for_room(&self) -> bool {
        true
    }

    fn expect_large(&self) {
        self.sent.width.expect_large();
    }

    fn trim(&self) -> bool {
        self.memory.positions(self.memory.side).is_ok_and(|positions| self.give_width_back(positions))
    }

    fn attend(&self) -> nix::Result<bool> {
        self.hear(&mut self.beside())
    }

    fn hang_up(&self) {
        self.socket.hang_up();
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.descriptor()
    }
}

#[cfg(test)]
mod tests;
