//! Frames in, bytes out.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;

use crate::frame::{HEADER_BYTES, Header, padded};
use crate::{Body, DEFAULT_MESSAGE_LIMIT_BYTES, Rest};

/// A send buffer that has drained keeps at most this much memory.
const KEPT_CAPACITY_BYTES: usize = 4 << 20;

/// Room for the first frames of a link. Memory that grows costs a process that starts more of its own than memory that is there.
const FIRST_CAPACITY_BYTES: usize = 128;

/// What has left is dropped from the front of the buffer when it is this much: little, so that the buffer stays in the
/// processor's cache while the peer is slow.
const RECYCLED_BYTES: usize = 64 << 10;

/// The send buffer of one link: payloads are serialised straight into it, and whole frames leave it in order.
///
/// Pure: it makes no system call. A frame with descriptors starts its own chunk, so that one `sendmsg` carries it.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    /// Bytes at the front that have left already.
    sent: usize,
    /// A place not behind `sent` where a frame starts.
    boundary: usize,
    /// A later such place, the next boundary: where the bytes ended when this one was reached.
    offered: usize,
    /// Frames with descriptors that have not begun to leave, in order: where they start in `bytes`.
    attachments: VecDeque<Attachment>,
    /// Largest payload taken, in bytes.
    message_limit_bytes: usize,
}

#[derive(Debug)]
struct Attachment {
    start: usize,
    descriptors: Vec<OwnedFd>,
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
        Writer {
            bytes: Vec::with_capacity(FIRST_CAPACITY_BYTES),
            sent: 0,
            boundary: 0,
            offered: 0,
            attachments: VecDeque::new(),
            message_limit_bytes,
        }
    }

    /// Number of bytes that have not left.
    #[inline]
    pub fn buffered_bytes(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether everything has left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == self.sent
    }

    /// Appends one frame; `write` fills its payload in place. The header's length and descriptor count are set here.
    ///
    /// # Errors
    /// Whatever `write` returns; nothing is appended then.
    #[inline]
    pub fn push<E>(&mut self, header: Header, write: impl FnOnce(&mut Body<'_>) -> Result<(), E>) -> Result<(), E> {
        let start = self.bytes.len();
        let mut descriptors = Vec::new();
        self.bytes.extend_from_slice(&[0; HEADER_BYTES]);
        let mut body = Body {
            start: start + HEADER_BYTES,
            bytes: &mut self.bytes,
            limit_bytes: self.message_limit_bytes,
            descriptors: &mut descriptors,
            most_descriptors: crate::MAX_DESCRIPTORS,
            has_refused: false,
        };
        let outcome = write(&mut body);
        let length = body.len();
        if let Err(error) = outcome {
            self.bytes.truncate(start);
            self.recycle();
            return Err(error);
        }
        let header = Header { length: length as u32, descriptors: descriptors.len() as u16, ..header };
        if let Some(place) = self.bytes[start..].first_chunk_mut() {
            *place = header.encode();
        }
        if padded(length) != length {
            self.bytes.resize(start + HEADER_BYTES + padded(length), 0);
        }
        if !descriptors.is_empty() {
            self.attachments.push_back(Attachment { start, descriptors });
        }
        Ok(())
    }

    /// What to send next: everything up to the next frame with descriptors, or, if such a frame is first, it alone.
    pub fn chunk(&self) -> Chunk<'_> {
        let unsent = self.sent;
        match self.attachments.front() {
            Some(first) if first.start == unsent => {
                let end = self.attachments.get(1).map_or(self.bytes.len(), |next| next.start);
                Chunk { bytes: &self.bytes[unsent..end], descriptors: &first.descriptors }
            }
            Some(first) => Chunk { bytes: &self.bytes[unsent..first.start], descriptors: &[] },
            None => Chunk { bytes: &self.bytes[unsent..], descriptors: &[] },
        }
    }

    /// Notes that the first `count` bytes of the last [`chunk`](Writer::chunk) have left, with its descriptors.
    pub fn advance(&mut self, count: usize) {
        if count > 0 && self.attachments.front().is_some_and(|first| first.start == self.sent) {
            self.attachments.pop_front();
        }
        self.sent += count;
        debug_assert!(self.sent <= self.bytes.len());
        if self.sent >= self.offered {
            (self.boundary, self.offered) = (self.offered, self.bytes.len());
        }
        self.recycle();
    }

    /// Gives back the memory that large frames took. Gives whether there was nothing buffered, so that it could.
    pub fn trim(&mut self) -> bool {
        self.bytes.shrink_to(RECYCLED_BYTES);
        self.is_empty()
    }

    /// Takes the frames that have not left whole, in order: for a connection that is gone. One that has left in part is
    /// given whole, unless it held descriptors, which have left with its first byte.
    pub fn take_unsent(&mut self) -> Vec<Unsent> {
        let mut frames = Vec::new();
        let mut start = self.first_unsent();
        while let Some((header, payload)) = self.frame_at(start) {
            let payload = payload.to_vec();
            let next = start + header.stride_bytes();
            let attached = self.attachments.front().is_some_and(|first| first.start == start);
            let descriptors = if attached { self.attachments.pop_front() } else { None };
            if attached || header.descriptors == 0 {
                let descriptors = descriptors.map(|attachment| attachment.descriptors).unwrap_or_default();
                frames.push(Unsent { header, payload, descriptors });
            }
            start = next;
        }
        self.sent = self.bytes.len();
        self.recycle();
        frames
    }

    /// Takes back what is buffered, if not one byte of it has left. Gives whether that was so.
    pub fn retract(&mut self) -> bool {
        if self.sent == 0 {
            self.attachments.clear();
            self.sent = self.bytes.len();
            self.recycle();
        }
        self.bytes.is_empty()
    }

    /// Gives a copy of what has not left.
    ///
    /// # Errors
    /// The system's, if there are no descriptors left for the duplicates.
    pub fn rest(&self) -> io::Result<Rest> {
        let mut rest = Rest::new(&self.bytes[self.sent..]);
        self.attachments.iter().try_for_each(|one| rest.add(one.start - self.sent, &one.descriptors, false))?;
        Ok(rest)
    }

    /// Puts what another writer of the same stream had not sent into this one, which is empty. It may start in the midst of
    /// a frame: nothing is to be pushed behind it until it has left.
    pub fn restore(&mut self, rest: Rest) {
        let attachments = rest.batches.into_iter();
        self.attachments =
            attachments.map(|(start, batch)| Attachment { start, descriptors: batch.descriptors }).collect();
        (self.bytes, self.sent) = (rest.bytes, 0);
    }

    /// Where the first frame starts that has not left whole.
    fn first_unsent(&self) -> usize {
        let mut start = self.boundary;
        while let Some(next) = self.frame_end(start).filter(|next| *next <= self.sent) {
            start = next;
        }
        start
    }

    /// Where the frame ends that starts there.
    fn frame_end(&self, start: usize) -> Option<usize> {
        let length = u32::from_le_bytes(*self.bytes.get(start..)?.first_chunk()?);
        Some(start + HEADER_BYTES + padded(length as usize))
    }

    fn frame_at(&self, start: usize) -> Option<(Header, &[u8])> {
        let rest = self.bytes.get(start..)?;
        let header = Header::decode(rest.first_chunk()?, usize::MAX).ok()?;
        Some((header, &rest[HEADER_BYTES..HEADER_BYTES + header.length as usize]))
    }

    /// Reuses the front of the buffer once whole frames of it have left: at once if it is empty, else when that is most of
    /// it, so that each byte is moved less than once on average. The buffer always starts with a frame.
    fn recycle(&mut self) {
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_CAPACITY_BYTES);
            (self.sent, self.boundary, self.offered) = (0, 0, 0);
        } else if self.boundary >= RECYCLED_BYTES && self.boundary > self.bytes.len() / 2 {
            let boundary = std::mem::take(&mut self.boundary);
            self.bytes.drain(..boundary);
            for attachment in &mut self.attachments {
                attachment.start -= boundary;
            }
            self.sent -= boundary;
            self.offered -= boundary;
        }
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
    use super::*;
    use crate::Refusal;

    fn push(writer: &mut Writer, payload: &[u8], descriptors: usize) {
        let outcome: Result<(), Refusal> = writer.push(Header::default(), |body| {
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
        assert!(writer.bytes.capacity() < 64 << 20, "{}", writer.bytes.capacity());
    }
}
