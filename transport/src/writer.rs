//! Frames in, bytes out.

mod segment;

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;

use self::segment::Segment;
use crate::frame::{HEADER_BYTES, Header};
use crate::{Body, DEFAULT_MESSAGE_LIMIT_BYTES, Rest};

/// The send buffer of one link: payloads are serialised straight into it, and whole frames leave it in order.
///
/// Pure: it makes no system call. A frame with descriptors starts its own chunk, so that one `sendmsg` carries it. What comes behind
/// much that has not left goes to another segment, so that large frames are not moved, and each gives its memory back when it has
/// left.
#[derive(Debug)]
pub struct Writer {
    /// What leaves first: segments that have been filled.
    full: VecDeque<Segment>,
    /// Where frames are appended.
    last: Segment,
    /// Largest payload taken, in bytes.
    message_limit_bytes: usize,
}

/// What one system call may send: bytes, and the descriptors that belong to their first frame.
#[derive(Debug)]
pub struct Chunk<'a> {
    /// Bytes to send; a prefix of them may leave.
    pub bytes: &'a [u8],
    /// Descriptors to send along with the first byte.
    pub descriptors: &'a [OwnedFd],
}

impl Default for Writer {
    fn default() -> Writer {
        Writer::new(DEFAULT_MESSAGE_LIMIT_BYTES)
    }
}

impl Writer {
    /// Makes an empty send buffer that takes payloads of up to `message_limit_bytes`, at most `u32::MAX`.
    pub fn new(message_limit_bytes: usize) -> Writer {
        let message_limit_bytes = message_limit_bytes.min(u32::MAX as usize - HEADER_BYTES);
        Writer { full: VecDeque::new(), last: Segment::new(), message_limit_bytes }
    }

    /// Number of bytes that have not left.
    #[inline]
    pub fn buffered_bytes(&self) -> usize {
        let full = if self.full.is_empty() { 0 } else { self.full.iter().map(Segment::buffered_bytes).sum() };
        full + self.last.buffered_bytes()
    }

    /// Whether everything has left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.full.is_empty() && self.last.buffered_bytes() == 0
    }

    /// Appends one frame; `write` fills its payload in place. The header's length and descriptor count are set here. Gives
    /// the frame's length in bytes.
    ///
    /// # Errors
    /// Whatever `write` returns; nothing is appended then.
    #[inline(always)]
    pub fn push<E>(&mut self, header: Header, write: impl FnOnce(&mut Body<'_>) -> Result<(), E>) -> Result<usize, E> {
        if self.last.is_full() {
            self.full.push_back(std::mem::take(&mut self.last));
        }
        self.last.push(header, self.message_limit_bytes, write)
    }

    /// What to send next: everything up to the next frame with descriptors, or, if such a frame is first, it alone; of the first
    /// segment.
    #[inline]
    pub fn chunk(&self) -> Chunk<'_> {
        self.full.front().unwrap_or(&self.last).chunk()
    }

    /// Notes that the first `count` bytes of the last [`chunk`](Writer::chunk) have left, with its descriptors.
    #[inline]
    pub fn advance(&mut self, count: usize) {
        match self.full.front_mut() {
            Some(first) => {
                first.advance(count);
                if first.buffered_bytes() == 0 {
                    self.full.pop_front();
                }
            }
            None => self.last.advance(count),
        }
    }

    /// Gives back the memory that large frames took. Gives whether there was nothing buffered, so that it could.
    pub fn trim(&mut self) -> bool {
        self.last.trim();
        self.is_empty()
    }

    /// Takes the frames that have not left whole, in order: for a connection that is gone. One that has left in part is
    /// given whole, unless it held descriptors, which have left with its first byte.
    pub fn take_unsent(&mut self) -> Vec<Unsent> {
        let mut frames = Vec::new();
        self.segments().for_each(|segment| segment.take_unsent(&mut frames));
        self.full.clear();
        frames
    }

    /// Takes back what is buffered, if not one byte of it has left. Gives whether that was so.
    pub fn retract(&mut self) -> bool {
        if !self.segments().any(|segment| segment.is_begun()) {
            self.segments().for_each(Segment::clear);
            self.full.clear();
        }
        self.is_empty()
    }

    /// Gives a copy of what has not left.
    ///
    /// # Errors
    /// The system's, if there are no descriptors left for the duplicates.
    pub fn rest(&self) -> io::Result<Rest> {
        let mut rest = Rest::default();
        self.full.iter().chain([&self.last]).try_for_each(|segment| segment.copy_rest(&mut rest))?;
        Ok(rest)
    }

    /// Puts what another writer of the same stream had not sent into this one, which is empty. It may start in the midst of
    /// a frame: nothing is to be pushed behind it until it has left.
    pub fn restore(&mut self, rest: Rest) {
        self.last = Segment::restore(rest);
    }

    /// All of them, the one that leaves first in front.
    fn segments(&mut self) -> impl Iterator<Item = &mut Segment> {
        self.full.iter_mut().chain([&mut self.last])
    }
}

/// A frame that has not left whole.
#[derive(Debug)]
pub struct Unsent {
    /// Its fixed part.
    pub header: Header,
    /// Its payload.
    pub payload: Vec<u8>,
    /// The descriptors that belong to it.
    pub descriptors: Vec<OwnedFd>,
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::Refusal;

    fn push(writer: &mut Writer, payload: &[u8], descriptors: usize) {
        let outcome: Result<usize, Refusal> = writer.push(Header::default(), |body| {
            for _ in 0..descriptors {
                body.attach(crate::memory_file("test").expect("a memory file"))?;
            }
            body.write(payload)
        });
        outcome.expect("the payload fits");
    }

    #[test]
    fn a_refused_payload_leaves_nothing_behind() {
        let mut writer = Writer::new(8);
        push(&mut writer, b"12345678", 0);
        let before = writer.buffered_bytes();
        let outcome = writer.push(Header::default(), |body| {
            body.write(b"1234")?;
            body.write(b"56789")
        });
        assert_eq!(outcome, Err(Refusal::TooLarge { limit_bytes: 8 }));
        assert_eq!(writer.buffered_bytes(), before);
    }

    #[test]
    fn a_panic_while_a_payload_is_written_leaves_nothing_behind() {
        let mut writer = Writer::default();
        push(&mut writer, b"first", 0);
        let before = writer.buffered_bytes();
        let panics = catch_unwind(AssertUnwindSafe(|| {
            let _ = writer.push(Header::default(), |body| -> Result<(), Refusal> {
                body.attach(crate::memory_file("test").expect("a memory file"))?;
                body.write(b"never sent")?;
                panic!("in the midst of a payload")
            });
        }));
        assert!(panics.is_err());
        assert_eq!(writer.buffered_bytes(), before);
        push(&mut writer, b"second", 0);
        let payloads: Vec<_> =
            writer.take_unsent().into_iter().map(|frame| (frame.payload, frame.descriptors.len())).collect();
        assert_eq!(payloads, [(b"first".to_vec(), 0), (b"second".to_vec(), 0)]);
    }

    #[test]
    fn a_frame_with_descriptors_starts_its_own_chunk() {
        let mut writer = Writer::default();
        push(&mut writer, b"plain", 0);
        push(&mut writer, b"two", 2);
        push(&mut writer, b"plain", 0);
        push(&mut writer, b"one", 1);
        assert_eq!((writer.chunk().bytes.len(), writer.chunk().descriptors.len()), (48, 0));
        writer.advance(48);
        assert_eq!((writer.chunk().bytes.len(), writer.chunk().descriptors.len()), (96, 2));
        writer.advance(1);
        assert_eq!((writer.chunk().bytes.len(), writer.chunk().descriptors.len()), (95, 0));
        writer.advance(95);
        assert_eq!((writer.chunk().bytes.len(), writer.chunk().descriptors.len()), (48, 1));
        writer.advance(48);
        assert!(writer.is_empty());
    }

    #[test]
    fn what_has_not_left_whole_can_be_taken_back() {
        for sent in 0..=200 {
            let mut writer = Writer::default();
            push(&mut writer, b"first", 0);
            push(&mut writer, b"second", 1);
            push(&mut writer, b"third", 0);
            let mut rest = sent.min(writer.buffered_bytes());
            while rest > 0 {
                let count = writer.chunk().bytes.len().min(rest);
                writer.advance(count);
                rest -= count;
            }
            let unsent: Vec<_> = writer.take_unsent().into_iter().map(|frame| frame.payload).collect();
            let expected: &[&[u8]] = match sent {
                0..48 => &[b"first", b"second", b"third"],
                48 => &[b"second", b"third"],
                49..144 => &[b"third"],
                _ => &[],
            };
            assert_eq!(unsent, expected, "after {sent} bytes");
            assert!(writer.is_empty());
        }
    }

    #[test]
    fn another_writer_and_reader_go_on_anywhere() {
        for sent in 0..=200 {
            let (mut writer, mut reader) = (Writer::default(), crate::Reader::default());
            push(&mut writer, b"first", 0);
            push(&mut writer, b"second", 1);
            push(&mut writer, b"third", 0);
            let total = writer.buffered_bytes();
            pass(&mut writer, &mut reader, sent.min(total));
            let (mut next_writer, mut next_reader) = (Writer::default(), crate::Reader::default());
            next_writer.restore(writer.rest().expect("duplicates"));
            next_reader.restore(reader.rest().expect("duplicates"));
            pass(&mut next_writer, &mut next_reader, total - sent.min(total));
            for (payload, count) in [(&b"first"[..], 0), (b"second", 1), (b"third", 0)] {
                let frame = next_reader.next_frame().expect("it is sound").expect("it is whole");
                assert_eq!(&frame.payload[..], payload, "after {sent} bytes");
                assert_eq!(frame.descriptors.arrived().expect("they are there").len(), count);
            }
            assert!(next_writer.is_empty());
        }
    }

    #[test]
    fn what_comes_behind_large_frames_is_in_other_segments_and_in_order() {
        let payloads = [vec![1; 600 << 10], vec![2; 10], vec![3; 700 << 10], vec![4; 600 << 10], vec![5; 20]];
        for sent in [0, 1, 600 << 10, 700 << 10, 1301 << 10, 1500 << 10, usize::MAX] {
            let (mut writer, mut reader) = (Writer::default(), crate::Reader::default());
            for (number, payload) in payloads.iter().enumerate() {
                push(&mut writer, payload, number % 2);
            }
            assert_eq!(writer.full.len(), 3);
            let sent = sent.min(writer.buffered_bytes());
            pass(&mut writer, &mut reader, sent);
            let mut next_writer = Writer::default();
            next_writer.restore(writer.rest().expect("duplicates"));
            let unsent: Vec<_> = writer.take_unsent().into_iter().map(|frame| frame.payload).collect();
            let rest = next_writer.buffered_bytes();
            pass(&mut next_writer, &mut reader, rest);
            let frames: Vec<_> = std::iter::from_fn(|| reader.next_frame().expect("it is sound")).collect();
            assert!(frames.iter().map(|frame| &frame.payload[..]).eq(payloads.iter().map(|payload| &payload[..])));
            assert!(frames.into_iter().all(|frame| frame.descriptors.arrived().is_ok()));
            assert!(unsent.iter().rev().zip(payloads.iter().rev()).all(|(one, other)| one == other));
            assert!(writer.is_empty() && next_writer.is_empty());
        }
    }

    fn pass(writer: &mut Writer, reader: &mut crate::Reader, mut count: usize) {
        while count > 0 {
            let chunk = writer.chunk();
            let now = chunk.bytes.len().min(count);
            let descriptors = chunk.descriptors.iter().map(|one| one.try_clone().expect("a duplicate")).collect();
            let batch = crate::Batch { descriptors, truncated: false };
            reader.push(&chunk.bytes[..now], Some(batch).filter(|batch| !batch.descriptors.is_empty()));
            writer.advance(now);
            count -= now;
        }
    }

    #[test]
    fn only_what_has_not_begun_to_leave_is_taken_back() {
        let mut writer = Writer::default();
        push(&mut writer, b"first", 1);
        assert!(writer.retract() && writer.is_empty());
        push(&mut writer, b"first", 1);
        writer.advance(1);
        assert!(!writer.retract());
        assert_eq!(writer.buffered_bytes(), 47);
    }

    #[test]
    fn a_slow_reader_does_not_make_the_buffer_keep_what_has_left() {
        let mut writer = Writer::default();
        let payload = vec![7; 1 << 16];
        for _ in 0..4096 {
            push(&mut writer, &payload, 0);
            writer.advance(writer.chunk().bytes.len().min(payload.len() - 1000));
        }
        let memory: usize = writer.segments().map(|segment| segment.memory_bytes()).sum();
        assert!(memory < 64 << 20, "{memory}");
    }
}
