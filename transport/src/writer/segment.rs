//! A part of a send buffer.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;

use super::{Chunk, Unsent};
use crate::frame::{HEADER_BYTES, Header, padded};
use crate::spare::{self, LARGE_BYTES};
use crate::{Body, Rest};

/// Room for the first frames of a link. Memory that grows costs a process that starts more of its own than memory that is there.
const FIRST_CAPACITY_BYTES: usize = 128;

/// What has left is dropped from the front of the buffer when it is this much: little, so that the buffer stays in the
/// processor's cache while the peer is slow.
const RECYCLED_BYTES: usize = 64 << 10;

/// Whole frames in a piece of memory.
#[derive(Debug, Default)]
pub(super) struct Segment {
    bytes: Vec<u8>,
    /// Bytes at the front that have left already.
    sent: usize,
    /// A place not behind `sent` where a frame starts.
    boundary: usize,
    /// A later such place, the next boundary: where the bytes ended when this one was reached.
    offered: usize,
    /// Frames with descriptors that have not begun to leave, in order: where they start in `bytes`.
    attachments: VecDeque<Attachment>,
    /// Those of the frame that is being written.
    descriptors: Vec<OwnedFd>,
}

#[derive(Debug)]
struct Attachment {
    start: usize,
    descriptors: Vec<OwnedFd>,
}

/// The frame that is being written. Dropped before it is finished, it leaves nothing behind, even where whoever writes panics.
struct Unfinished<'a> {
    segment: &'a mut Segment,
    start: usize,
}

impl Segment {
    /// Makes an empty one with some room.
    pub(super) fn new() -> Segment {
        Segment { bytes: Vec::with_capacity(FIRST_CAPACITY_BYTES), ..Segment::default() }
    }

    /// Number of bytes that have not left.
    #[inline]
    pub(super) fn buffered_bytes(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// How much memory it takes.
    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Whether it has been filled.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= LARGE_BYTES
    }

    /// Whether something has left of what it holds.
    #[inline]
    pub(super) fn is_begun(&self) -> bool {
        self.sent > 0
    }

    /// Appends one frame; `write` fills its payload in place. The header's length and descriptor count are set here. Gives
    /// the frame's length in bytes.
    ///
    /// # Errors
    /// Whatever `write` returns; nothing is appended then.
    #[inline(always)]
    pub(super) fn push<E>(
        &mut self,
        header: Header,
        message_limit_bytes: usize,
        write: impl FnOnce(&mut Body<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut unfinished = Unfinished { start: self.bytes.len(), segment: self };
        let length = unfinished.fill(message_limit_bytes, write)?;
        Ok(unfinished.finish(header, length))
    }

    /// What to send next: everything up to the next frame with descriptors, or, if such a frame is first, it alone.
    #[inline]
    pub(super) fn chunk(&self) -> Chunk<'_> {
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

    /// Notes that the first `count` bytes of the last [`chunk`](Segment::chunk) have left, with its descriptors.
    #[inline]
    pub(super) fn advance(&mut self, count: usize) {
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

    /// Drops what it holds.
    pub(super) fn clear(&mut self) {
        self.attachments.clear();
        self.sent = self.bytes.len();
        self.recycle();
    }

    /// Gives back the memory that large frames took.
    pub(super) fn trim(&mut self) {
        self.bytes.shrink_to(RECYCLED_BYTES);
    }

    /// Takes the frames that have not left whole, in order.
    pub(super) fn take_unsent(&mut self, frames: &mut Vec<Unsent>) {
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
        self.clear();
    }

    /// Adds a copy of what has not left.
    pub(super) fn copy_rest(&self, rest: &mut Rest) -> io::Result<()> {
        let start = rest.bytes.len();
        rest.bytes.extend_from_slice(&self.bytes[self.sent..]);
        self.attachments.iter().try_for_each(|one| rest.add(start + one.start - self.sent, &one.descriptors, false))
    }

    /// Makes one of what another writer of the same stream had not sent.
    pub(super) fn restore(rest: Rest) -> Segment {
        let attachments = rest.batches.into_iter();
        let attachments =
            attachments.map(|(start, batch)| Attachment { start, descriptors: batch.descriptors }).collect();
        Segment { bytes: rest.bytes, attachments, ..Segment::default() }
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
    #[inline]
    fn recycle(&mut self) {
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            if self.bytes.capacity() > LARGE_BYTES {
                spare::put(std::mem::take(&mut self.bytes));
            }
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

impl Unfinished<'_> {
    /// Has the payload written behind room for the header. Gives its length.
    #[inline(always)]
    fn fill<E>(&mut self, limit_bytes: usize, write: impl FnOnce(&mut Body<'_>) -> Result<(), E>) -> Result<usize, E> {
        let Segment { bytes, descriptors, .. } = &mut *self.segment;
        bytes.extend_from_slice(&[0; HEADER_BYTES]);
        let mut body = Body {
            start: self.start + HEADER_BYTES,
            bytes,
            limit_bytes,
            descriptors,
            most_descriptors: crate::MAX_DESCRIPTORS,
            has_refused: false,
            is_passed_on: true,
        };
        write(&mut body)?;
        Ok(body.len())
    }

    /// Writes the header and what goes behind the payload. Gives the frame's length.
    #[inline(always)]
    fn finish(self, header: Header, length: usize) -> usize {
        let Segment { bytes, descriptors, attachments, .. } = &mut *self.segment;
        let header = Header { length: length as u32, descriptors: descriptors.len() as u16, ..header };
        if let Some(place) = bytes[self.start..].first_chunk_mut() {
            *place = header.encode();
        }
        let stride = header.stride_bytes();
        if bytes.len() != self.start + stride {
            bytes.resize(self.start + stride, 0);
        }
        if !descriptors.is_empty() {
            attachments.push_back(Attachment { start: self.start, descriptors: std::mem::take(descriptors) });
        }
        std::mem::forget(self);
        stride
    }
}

impl Drop for Unfinished<'_> {
    #[cold]
    fn drop(&mut self) {
        self.segment.bytes.truncate(self.start);
        self.segment.descriptors.clear();
        self.segment.recycle();
    }
}
