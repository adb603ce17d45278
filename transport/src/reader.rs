//! Bytes in, owned frames out.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;

use bytes::{Bytes, BytesMut};

use crate::frame::{ALIGNMENT, Descriptors, Frame, HEADER_BYTES, Header, padded};
use crate::spare::{self, LARGE_BYTES};
use crate::{DEFAULT_MESSAGE_LIMIT_BYTES, Rest, WireError};

/// Room made for the first read of a link, in bytes; it doubles whenever a read fills it.
const SMALLEST_READ_BYTES: usize = 512;

/// Most room made for one read of a link, in bytes, and most memory taken ahead of bytes that have arrived.
const LARGEST_READ_BYTES: usize = 256 << 10;

/// Room made for the first read behind a large frame, in bytes: where another one comes, little is read before memory of the right size
/// is there for the rest of it.
const READ_BEHIND_LARGE_BYTES: usize = 16 << 10;

/// The receive buffer of one link: bytes are read straight into it, and frames share its memory without a copy.
///
/// Pure: it makes no system call. Memory is taken as bytes arrive, not on a header's word.
#[derive(Debug)]
pub struct Reader {
    /// Whole frames with one share of the memory, so that each is given out as a place in there and none counts shares.
    lot: Bytes,
    /// Where in the lot the frames start that have not been given out.
    next: usize,
    /// The bytes behind the lot. A frame starts at their front, and the front is aligned in memory.
    buffer: BytesMut,
    /// Size of the current allocation in bytes.
    allocated_bytes: usize,
    /// Room to make for the next read.
    read_bytes: usize,
    /// Largest payload taken, in bytes.
    message_limit_bytes: usize,
    /// Descriptors that have arrived and whose frame has not been given out.
    batches: VecDeque<Batch>,
}

/// A frame in a [`Reader`]'s lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The fixed part.
    pub header: Header,
    /// Where in the lot the payload starts.
    pub start: usize,
}

/// The descriptors that one read brought.
#[derive(Debug, Default)]
pub struct Batch {
    /// Descriptors, in the order sent.
    pub descriptors: Vec<OwnedFd>,
    /// Whether the kernel dropped some.
    pub truncated: bool,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader::new(DEFAULT_MESSAGE_LIMIT_BYTES)
    }
}

impl Reader {
    /// Makes an empty receive buffer that takes payloads of up to `message_limit_bytes`.
    pub fn new(message_limit_bytes: usize) -> Reader {
        Reader {
            lot: Bytes::new(),
            next: 0,
            buffer: BytesMut::new(),
            allocated_bytes: 0,
            read_bytes: SMALLEST_READ_BYTES,
            message_limit_bytes,
            batches: VecDeque::new(),
        }
    }

    /// Makes room and gives the buffer whose spare capacity the next read fills.
    pub fn space(&mut self) -> &mut BytesMut {
        self.drop_spent_lot();
        if self.buffer.is_empty() && self.buffer.capacity() < self.allocated_bytes / 2 {
            // From the front again, which is in the processor's cache.
            self.reclaim(self.allocated_bytes);
        }
        let missing = self.missing_bytes();
        if !self.has_room(missing) && !self.reclaim(missing.max(self.read_bytes)) {
            self.grow(missing);
        }
        &mut self.buffer
    }

    /// Whether the next read has room enough in the memory there is.
    fn has_room(&self, missing: usize) -> bool {
        self.buffer.capacity() - self.buffer.len() >= self.enough(missing)
    }

    /// What room the next read needs. A large frame comes in many reads, and must not be moved for each: its room doubles, and the
    /// rest of it may be less than one read.
    fn enough(&self, missing: usize) -> usize {
        let is_large = missing > 0 && self.buffer.len() > self.read_bytes;
        if is_large { missing.min(self.read_bytes) } else { self.read_bytes }
    }

    /// Notes how a read into [`space`](Reader::space) went: `count` bytes came, out of `room` bytes of room, with
    /// these descriptors.
    pub fn filled(&mut self, count: usize, room: usize, batch: Option<Batch>) {
        if count == room && self.read_bytes < LARGEST_READ_BYTES {
            self.read_bytes *= 2;
        }
        self.batches.extend(batch);
    }

    /// Appends bytes that were read elsewhere.
    pub fn push(&mut self, mut bytes: &[u8], mut batch: Option<Batch>) {
        while !bytes.is_empty() {
            let space = self.space();
            let room = space.capacity() - space.len();
            let count = room.min(bytes.len());
            space.extend_from_slice(&bytes[..count]);
            self.filled(count, room, batch.take());
            bytes = &bytes[count..];
        }
    }

    /// Gives a copy of what has been received and not given out.
    ///
    /// # Errors
    /// The system's, if there are no descriptors left for the duplicates.
    pub fn rest(&self) -> io::Result<Rest> {
        let mut rest = Rest::new(self.lot_left());
        rest.bytes.extend_from_slice(&self.buffer);
        self.batches.iter().try_for_each(|batch| rest.add(0, &batch.descriptors, batch.truncated))?;
        Ok(rest)
    }

    /// Takes what has been received and not given out.
    pub fn take_rest(&mut self) -> Rest {
        let batches = self.batches.drain(..).map(|batch| (0, batch)).collect();
        let mut bytes = self.lot_left().to_vec();
        bytes.extend_from_slice(&self.buffer.split());
        (self.lot, self.next) = (Bytes::new(), 0);
        Rest { bytes, batches }
    }

    /// Appends what another reader of the same stream had not given out.
    pub fn restore(&mut self, rest: Rest) {
        self.batches.extend(rest.batches.into_iter().map(|(_, batch)| batch));
        self.push(&rest.bytes, None);
    }

    /// Whether [`next_frame`](Reader::next_frame) has something to give: a frame, or an error.
    pub fn has_frame(&self) -> bool {
        if !self.lot_left().is_empty() {
            return true;
        }
        match self.front_header() {
            Ok(Some(header)) => self.buffer.len() >= header.stride_bytes(),
            Ok(None) => false,
            Err(_) => true,
        }
    }

    /// Number of bytes received and not given out.
    #[inline]
    pub fn buffered_bytes(&self) -> usize {
        self.lot.len() - self.next + self.buffer.len()
    }

    /// Gives the next whole frame, if there is one.
    ///
    /// # Errors
    /// [`WireError`] if the bytes are not a frame; the stream cannot be used any more then.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame>, WireError> {
        let placed = self.next_placed()?;
        Ok(placed.map(|placed| self.take(placed)))
    }

    /// Gives the place of the next whole frame in the [lot](Reader::lot), if there is one: for a receiver that holds the lot while
    /// it sees to the frames in it.
    ///
    /// # Errors
    /// As [`next_frame`](Reader::next_frame).
    #[inline(always)]
    pub fn next_placed(&mut self) -> Result<Option<Placed>, WireError> {
        if self.next == self.lot.len() && !self.make_lot()? {
            return Ok(None);
        }
        let Some(bytes) = self.lot[self.next..].first_chunk() else { return Err(WireError::Corrupt) };
        let header = Header::decode(bytes, self.message_limit_bytes)?;
        let start = self.next + HEADER_BYTES;
        self.next += header.stride_bytes();
        Ok(Some(Placed { header, start }))
    }

    /// The memory that the frame placed last is in, and others that came with it.
    #[inline]
    pub fn lot(&self) -> &Bytes {
        &self.lot
    }

    /// Gives the frame that was placed last, with a share of the memory of its own.
    #[inline]
    pub fn take(&mut self, placed: Placed) -> Frame {
        let mut payload = self.share();
        payload.truncate(placed.start + placed.header.length as usize);
        bytes::Buf::advance(&mut payload, placed.start);
        Frame { header: placed.header, payload, descriptors: self.descriptors(&placed) }
    }

    /// Gives a share of the lot: with its last frame, the reader's own.
    #[inline]
    pub fn share(&mut self) -> Bytes {
        if self.next < self.lot.len() {
            return self.lot.clone();
        }
        self.next = 0;
        std::mem::take(&mut self.lot)
    }

    /// Gives the descriptors of the frame that was placed last, once.
    #[inline]
    pub fn descriptors(&mut self, placed: &Placed) -> Descriptors {
        let count = usize::from(placed.header.descriptors);
        if count == 0 { Descriptors::none() } else { self.take_batch(count) }
    }

    /// Makes a lot of the whole frames in the buffer, if there are any. Their lengths alone are looked at: a header that is not
    /// sound is found when it is its turn.
    fn make_lot(&mut self) -> Result<bool, WireError> {
        let (bytes, mut end) = (&self.buffer[..], 0);
        while let Some(length) = bytes[end..].first_chunk().filter(|_| bytes.len() - end >= HEADER_BYTES) {
            let stride = HEADER_BYTES + padded(u32::from_le_bytes(*length) as usize);
            if stride > bytes.len() - end {
                break;
            }
            end += stride;
        }
        if end == 0 {
            let arriving = self.front_header()?;
            return self.check_strays(arriving).map(|()| false);
        }
        let lot = self.buffer.split_to(end);
        (self.lot, self.next) = (if self.allocated_bytes > LARGE_BYTES { self.lend(lot) } else { lot.freeze() }, 0);
        Ok(true)
    }

    /// Gives away the memory of a lot with it, which is large. What has come behind the lot is moved.
    fn lend(&mut self, lot: BytesMut) -> Bytes {
        let rest = std::mem::take(&mut self.buffer);
        (self.allocated_bytes, self.read_bytes) = (0, READ_BEHIND_LARGE_BYTES);
        if !rest.is_empty() {
            self.allocated_bytes = rest.len().max(self.read_bytes);
            self.buffer = aligned_buffer(self.allocated_bytes);
            self.buffer.extend_from_slice(&rest);
        }
        spare::lend(lot)
    }

    fn lot_left(&self) -> &[u8] {
        &self.lot[self.next..]
    }

    /// Lets go of a lot that has been given out, so that its memory can be used again.
    fn drop_spent_lot(&mut self) {
        if self.next == self.lot.len() {
            (self.lot, self.next) = (Bytes::new(), 0);
        }
    }

    #[inline]
    fn front_header(&self) -> Result<Option<Header>, WireError> {
        match self.buffer.first_chunk::<HEADER_BYTES>() {
            Some(bytes) => Header::decode(bytes, self.message_limit_bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Descriptors wait only for the frame that is arriving just now.
    fn check_strays(&self, arriving: Option<Header>) -> Result<(), WireError> {
        let possible = match arriving {
            Some(header) => usize::from(header.descriptors > 0),
            None => usize::from(!self.buffer.is_empty()),
        };
        if self.batches.len() > possible { Err(WireError::StrayDescriptors) } else { Ok(()) }
    }

    fn take_batch(&mut self, count: usize) -> Descriptors {
        match self.batches.pop_front() {
            Some(batch) if !batch.truncated && batch.descriptors.len() == count => {
                Descriptors::Arrived(batch.descriptors)
            }
            _ => Descriptors::Lost,
        }
    }

    /// Bytes that are missing of the frame at the front, as far as that is known.
    fn missing_bytes(&self) -> usize {
        match self.front_header() {
            Ok(Some(header)) => header.stride_bytes().saturating_sub(self.buffer.len()),
            _ => 0,
        }
    }

    /// Makes room for `count` bytes in the memory there is, if no frame given out holds on to it.
    fn reclaim(&mut self, count: usize) -> bool {
        self.allocated_bytes > 0 && self.buffer.try_reclaim(count) && is_aligned(&self.buffer)
    }

    /// Takes memory for what is `missing` of a frame: as bytes arrive, unless it is there already.
    fn grow(&mut self, missing: usize) {
        let length = self.buffer.len();
        let (least, ahead) = (self.enough(missing), missing.min(LARGEST_READ_BYTES.max(length)));
        let whole = length + missing.max(least);
        let spare = if whole > LARGE_BYTES { spare_buffer(whole) } else { None };
        self.allocated_bytes = if spare.is_some() { whole } else { length + ahead.max(least) };
        let mut fresh = spare.unwrap_or_else(|| aligned_buffer(self.allocated_bytes));
        fresh.extend_from_slice(&self.buffer);
        self.buffer = fresh;
    }
}

/// Makes an empty aligned buffer of exactly this capacity in memory that large frames have left, if there is some.
fn spare_buffer(capacity_bytes: usize) -> Option<BytesMut> {
    let spare = spare::take(capacity_bytes + ALIGNMENT)?;
    let mut buffer = aligned(Bytes::from(spare).into());
    // No more is read than the frame, so that nothing behind it has to be moved. The memory stays whole.
    drop(buffer.split_off(capacity_bytes));
    Some(buffer)
}

/// Makes an empty buffer whose front is aligned to [`ALIGNMENT`] bytes in memory.
pub fn aligned_buffer(capacity_bytes: usize) -> BytesMut {
    aligned(BytesMut::with_capacity(capacity_bytes + ALIGNMENT))
}

/// Has an empty buffer start at a multiple of [`ALIGNMENT`].
fn aligned(mut buffer: BytesMut) -> BytesMut {
    let skip = buffer.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
    buffer.resize(skip, 0);
    bytes::Buf::advance(&mut buffer, skip);
    buffer
}

fn is_aligned(buffer: &BytesMut) -> bool {
    buffer.as_ptr().align_offset(ALIGNMENT) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Refusal, Writer};
    use proptest::prelude::*;

    fn stream_of(payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut writer = Writer::default();
        for (index, payload) in payloads.iter().enumerate() {
            let header = Header { tag: index as u32, correlation: index as u64 * 7, kind: 3, ..Header::default() };
            let outcome: Result<usize, Refusal> = writer.push(header, |body| body.write(payload));
            outcome.expect("the payload fits");
        }
        writer.chunk().bytes.to_vec()
    }

    fn drain(reader: &mut Reader, into: &mut Vec<Frame>) -> Result<(), WireError> {
        while let Some(frame) = reader.next_frame()? {
            into.push(frame);
        }
        Ok(())
    }

    fn read_in_cuts(stream: &[u8], cuts: &[usize]) -> Result<Vec<Frame>, WireError> {
        let mut reader = Reader::default();
        let (mut frames, mut rest) = (Vec::new(), stream);
        for cut in cuts.iter().cycle().copied() {
            let (now, later) = rest.split_at(cut.min(rest.len()));
            reader.push(now, None);
            drain(&mut reader, &mut frames)?;
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        Ok(frames)
    }

    fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let small = prop::collection::vec(any::<u8>(), 0..100);
        let large = prop::collection::vec(any::<u8>(), 4000..20_000);
        prop::collection::vec(prop_oneof![9 => small, 1 => large], 1..40)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_cut_gives_exactly_the_frames(sent in payloads(), cuts in prop::collection::vec(1..5000usize, 1..20)) {
            let frames = read_in_cuts(&stream_of(&sent), &cuts).expect("the stream is sound");
            prop_assert_eq!(frames.len(), sent.len());
            for (index, (frame, payload)) in frames.iter().zip(&sent).enumerate() {
                prop_assert_eq!(frame.header.tag as usize, index);
                prop_assert_eq!(&frame.payload[..], &payload[..]);
                prop_assert_eq!(frame.payload.as_ptr().align_offset(ALIGNMENT), 0);
            }
        }

        #[test]
        fn corruption_never_makes_another_message(sent in payloads(), at in any::<prop::sample::Index>(), with in 1..=255u8) {
            let mut stream = stream_of(&sent);
            let at = at.index(stream.len());
            stream[at] ^= with;
            let mut reader = Reader::default();
            reader.push(&stream, None);
            let mut frames = Vec::new();
            let outcome = drain(&mut reader, &mut frames);
            // Either the header was hit, and the stream ends there with an error, or a payload's bytes (or padding)
            // were, and every frame is still the one that was sent under this tag, of this length.
            prop_assert!(outcome.is_err() || frames.len() == sent.len());
            for (index, frame) in frames.iter().enumerate() {
                prop_assert_eq!(frame.header.tag as usize, index);
                prop_assert_eq!(frame.payload.len(), sent[index].len());
            }
        }

        #[test]
        fn noise_is_an_error_or_nothing(noise in prop::collection::vec(any::<u8>(), 0..10_000)) {
            let mut reader = Reader::new(1 << 20);
            reader.push(&noise, None);
            prop_assert!(drain(&mut reader, &mut Vec::new()).is_err() || noise.len() < HEADER_BYTES);
        }
    }

    #[test]
    fn a_header_alone_takes_no_memory() {
        let mut reader = Reader::default();
        reader.push(&Header { length: 1 << 30, ..Header::default() }.encode(), None);
        assert!(matches!(reader.next_frame(), Ok(None)));
        assert!(reader.space().capacity() <= 2 * LARGEST_READ_BYTES);
    }

    #[test]
    fn memory_is_reused_once_frames_are_dropped() {
        let stream = stream_of(&vec![vec![1; 1000]; 3]);
        let mut reader = Reader::default();
        reader.push(&stream, None);
        drain(&mut reader, &mut Vec::new()).expect("the stream is sound");
        reader.push(&stream, None);
        let first = reader.next_frame().expect("sound").expect("a frame").payload.as_ptr();
        for _ in 0..100 {
            drain(&mut reader, &mut Vec::new()).expect("the stream is sound");
            reader.push(&stream, None);
            let _ = first;
        }
        assert!(reader.allocated_bytes <= 4 * LARGEST_READ_BYTES);
    }

    #[test]
    fn the_frames_of_a_lot_share_it_and_outlive_what_is_read_behind_it() {
        let (stream, next) = (stream_of(&[vec![1; 100], vec![2; 10]]), stream_of(&[vec![3; 50]]));
        let mut reader = Reader::default();
        reader.push(&stream, None);
        let first = reader.next_placed().expect("sound").expect("a frame");
        let lot = reader.lot().clone();
        reader.push(&next, None);
        assert_eq!(reader.buffered_bytes(), stream.len() + next.len() - 144);
        let second = reader.next_placed().expect("sound").expect("a frame");
        assert_eq!(lot.as_ptr(), reader.lot().as_ptr());
        let payload = |placed: &Placed| &lot[placed.start..placed.start + placed.header.length as usize];
        assert_eq!((payload(&first), payload(&second)), (&[1; 100][..], &[2; 10][..]));
        assert_eq!(reader.next_frame().expect("sound").expect("a frame").payload, vec![3; 50]);
        assert_eq!(payload(&first), &[1; 100]);
        assert!(matches!(reader.next_placed(), Ok(None)));
    }

    #[test]
    fn descriptors_that_nobody_announced_are_an_error() {
        let stream = stream_of(&[vec![1]]);
        let mut reader = Reader::default();
        let stray = Batch { descriptors: vec![crate::memory_file("test").expect("a memory file")], truncated: false };
        reader.push(&stream, Some(stray));
        assert!(drain(&mut reader, &mut Vec::new()).is_err());
    }
}
