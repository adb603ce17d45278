//! A connection between two processes, and its two halves.

use std::fmt::Debug;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::frame::HEADER_BYTES;
use crate::{Batch, Body, Descriptors, Frame, Header, LinkError, Placed, Reader, Rest, Unsent, Writer};

/// From this length on, a frame is a large one, in bytes.
const LARGE_FRAME_BYTES: usize = 32 << 10;

/// What carries the bytes of a connection: a socket or a pipe. It never blocks.
///
/// The halves [`Inlet`] and [`Outlet`] make frames of it; the floors above see only those.
pub trait Link: Debug + Send + Sync {
    /// Sends a prefix of `bytes`, the descriptors with its first byte, and gives its length.
    ///
    /// # Errors
    /// The system's; `EAGAIN` when the peer takes no more for now.
    fn send(&self, bytes: &[u8], descriptors: &[OwnedFd]) -> nix::Result<usize>;

    /// Receives into the spare capacity of `buffer`; gives the number of bytes, 0 at the end of the stream.
    ///
    /// # Errors
    /// The system's; `EAGAIN` when nothing is there.
    fn receive(&self, buffer: &mut BytesMut) -> nix::Result<(usize, Option<Batch>)>;

    /// Number of bytes that the system holds for this side.
    ///
    /// # Errors
    /// The system's.
    fn unread_bytes(&self) -> nix::Result<usize>;

    /// Whether more is there although the last read did not fill its buffer.
    fn holds_more(&self) -> bool {
        false
    }

    /// Has reads give only what is there now, until this is called again or the bound is lifted; for links where that costs
    /// nothing.
    fn bound(&self) {}

    /// Has reads give all that is there again.
    fn lift_bound(&self) {}

    /// Whether the other side rings when there is room again, so that the descriptor need not be watched for it.
    fn rings_for_room(&self) -> bool {
        false
    }

    /// Says that a large frame is to be sent, for links that take memory for such.
    fn expect_large(&self) {}

    /// Gives back what large frames took, if it is not in use. Gives whether nothing is left of it.
    fn trim(&self) -> bool {
        true
    }

    /// Takes in what has come beside the stream, for links that have something there. Gives whether the other side is gone.
    ///
    /// # Errors
    /// The system's.
    fn attend(&self) -> nix::Result<bool> {
        Ok(false)
    }

    /// Has the other side see the end of the stream, whoever else holds this end. What was sent before stays there.
    /// A kernel pipe cannot do that: its end shows when nobody holds it any more.
    fn hang_up(&self) {}

    /// The descriptor to watch.
    fn descriptor(&self) -> BorrowedFd<'_>;
}

/// What an attempt to send what is buffered came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    /// Nothing is left.
    Everything,
    /// The peer takes no more for now: wait until the link is writable.
    Blocked,
    /// Too many descriptors are in flight for this user (`ETOOMANYREFS`) or the system is out of memory: try again a
    /// little later. Nothing will say when.
    Busy,
}

/// What a read came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Bytes came, and more may be there.
    More,
    /// Bytes came, and they were all there was.
    Drained,
    /// Nothing is there.
    Nothing,
    /// The stream has ended.
    End,
}

/// The receiving half of a connection: hands out owned frames.
#[derive(Debug)]
pub struct Inlet {
    link: Arc<dyn Link>,
    reader: Reader,
}

impl Inlet {
    /// Makes the receiving half of `link`, for payloads of up to `message_limit_bytes`.
    pub fn new(link: Arc<dyn Link>, message_limit_bytes: usize) -> Inlet {
        Inlet { link, reader: Reader::new(message_limit_bytes) }
    }

    /// Reads once from the system.
    ///
    /// # Errors
    /// [`LinkError::System`]. A connection that the peer has reset is at its end, which is no error.
    #[inline]
    pub fn receive(&mut self) -> Result<Received, LinkError> {
        let space = self.reader.space();
        let room = space.capacity() - space.len();
        match self.link.receive(space) {
            Ok((0, _)) => Ok(Received::End),
            Ok((count, batch)) => {
                // A read with descriptors ends at them, however much more there is.
                let drained = count < room && batch.is_none() && !self.link.holds_more();
                self.reader.filled(count, room, batch);
                Ok(if drained { Received::Drained } else { Received::More })
            }
            Err(nix::Error::EAGAIN) => Ok(Received::Nothing),
            Err(nix::Error::ECONNRESET) => Ok(Received::End),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the next whole frame that has been received.
    ///
    /// # Errors
    /// [`LinkError::Wire`] if the bytes are not a frame; the connection cannot be used any more then.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame>, LinkError> {
        Ok(self.reader.next_frame()?)
    }

    /// Gives the place of the next whole frame in the [lot](Inlet::lot).
    ///
    /// # Errors
    /// As [`next_frame`](Inlet::next_frame).
    #[inline(always)]
    pub fn next_placed(&mut self) -> Result<Option<Placed>, LinkError> {
        Ok(self.reader.next_placed()?)
    }

    /// The memory that the frame placed last is in.
    #[inline]
    pub fn lot(&self) -> &Bytes {
        self.reader.lot()
    }

    /// Gives a share of the lot: with its last frame, the inlet's own.
    #[inline]
    pub fn share(&mut self) -> Bytes {
        self.reader.share()
    }

    /// Gives the frame that was placed last, with a share of the memory of its own.
    #[inline]
    pub fn take(&mut self, placed: Placed) -> Frame {
        self.reader.take(placed)
    }

    /// Gives the descriptors of the frame that was placed last, once.
    #[inline]
    pub fn descriptors(&mut self, placed: &Placed) -> Descriptors {
        self.reader.descriptors(placed)
    }

    /// Whether a frame may be there; if not, [`next_frame`](Inlet::next_frame) gives none.
    #[inline]
    pub fn may_hold_frame(&self) -> bool {
        self.reader.buffered_bytes() >= HEADER_BYTES
    }

    /// Whether [`next_frame`](Inlet::next_frame) has something to give: a frame, or an error.
    #[inline]
    pub fn has_frame(&self) -> bool {
        self.reader.has_frame()
    }

    /// Gives a copy of what has been received and not given out: for another process that takes over this half.
    ///
    /// # Errors
    /// The system's, if there are no descriptors left.
    pub fn rest(&self) -> io::Result<Rest> {
        self.reader.rest()
    }

    /// Takes over what another process had received.
    pub fn restore(&mut self, rest: Rest) {
        self.reader.restore(rest);
    }

    /// Number of bytes received that make no whole frame yet, or that nobody has asked for.
    pub fn buffered_bytes(&self) -> usize {
        self.reader.buffered_bytes()
    }

    /// Number of bytes that the system still holds for this half; 0 if it cannot say.
    pub fn unread_bytes(&self) -> usize {
        self.link.unread_bytes().unwrap_or(0)
    }

    /// Goes on reading from another link. Gives what has been received from the one before and not given out: it has come beside
    /// the other.
    pub fn switch(&mut self, link: Arc<dyn Link>) -> Rest {
        self.link = link;
        self.reader.take_rest()
    }

    /// The connection.
    pub fn link(&self) -> &Arc<dyn Link> {
        &self.link
    }
}

/// The sending half of a connection: payloads are serialised straight into its buffer.
#[derive(Debug)]
pub struct Outlet {
    link: Arc<dyn Link>,
    writer: Writer,
    /// The link that comes after this one, and how many bytes still go by this one.
    next: Option<(Arc<dyn Link>, usize)>,
    /// Whether it may hold memory that large frames took.
    is_swollen: bool,
    /// Whether one has been sent since it was last trimmed.
    is_large: bool,
}

impl Outlet {
    /// Makes the sending half of `link`, for payloads of up to `message_limit_bytes`.
    pub fn new(link: Arc<dyn Link>, message_limit_bytes: usize) -> Outlet {
        Outlet { link, writer: Writer::new(message_limit_bytes), next: None, is_swollen: false, is_large: false }
    }

    /// Appends one frame to the buffer; `write` fills its payload in place. Gives the frame's length in bytes.
    ///
    /// # Errors
    /// Whatever `write` returns; nothing is appended then.
    #[inline(always)]
    pub fn push<E>(&mut self, header: Header, write: impl FnOnce(&mut Body<'_>) -> Result<(), E>) -> Result<usize, E> {
        let length = self.writer.push(header, write)?;
        if length >= LARGE_FRAME_BYTES {
            self.expect_large();
        }
        Ok(length)
    }

    #[cold]
    fn expect_large(&mut self) {
        (self.is_swollen, self.is_large) = (true, true);
        self.next.as_ref().map_or(&self.link, |(link, _)| link).expect_large();
    }

    /// Sends as much of the buffer as the peer takes.
    ///
    /// # Errors
    /// [`LinkError::Closed`] if nobody is at the other end, [`LinkError::System`].
    #[inline]
    pub fn flush(&mut self) -> Result<Flushed, LinkError> {
        while !self.writer.is_empty() {
            let chunk = self.writer.chunk();
            let length = self.next.as_ref().map_or(chunk.bytes.len(), |(_, rest)| chunk.bytes.len().min(*rest));
            match self.link.send(&chunk.bytes[..length], chunk.descriptors) {
                Ok(count) => self.advance(count),
                Err(nix::Error::EAGAIN) => return Ok(Flushed::Blocked),
                Err(nix::Error::ETOOMANYREFS | nix::Error::ENOMEM | nix::Error::ENOBUFS) => return Ok(Flushed::Busy),
                Err(nix::Error::EPIPE | nix::Error::ECONNRESET | nix::Error::ENOTCONN) => {
                    return Err(LinkError::Closed);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Flushed::Everything)
    }

    fn advance(&mut self, count: usize) {
        self.writer.advance(count);
        if let Some((_, rest)) = &mut self.next {
            *rest -= count;
        }
        if let Some((link, _)) = self.next.take_if(|(_, rest)| *rest == 0) {
            self.link = link;
        }
    }

    /// Sends by another link what is pushed from now on. What is buffered goes by the one before.
    pub fn switch(&mut self, link: Arc<dyn Link>) {
        match self.writer.buffered_bytes() {
            0 => self.link = link,
            rest => self.next = Some((link, rest)),
        }
    }

    /// Whether large frames have been sent, and it may hold memory that can be given back.
    #[inline]
    pub fn is_swollen(&self) -> bool {
        self.is_swollen
    }

    /// Gives back the memory that large frames took, unless one has been sent since this was last called. It is to be called
    /// again as long as it [is swollen](Outlet::is_swollen).
    pub fn trim(&mut self) {
        if std::mem::take(&mut self.is_large) {
            return;
        }
        self.is_swollen = !(self.link.trim() && self.next.is_none() && self.writer.trim());
    }

    /// Takes the frames that have not left whole: for a connection that is gone.
    pub fn take_unsent(&mut self) -> Vec<Unsent> {
        self.writer.take_unsent()
    }

    /// Takes back what is buffered, if not one byte of it has left. Gives whether that was so.
    pub fn retract(&mut self) -> bool {
        self.writer.retract()
    }

    /// Gives a copy of what has not left: for another process that takes over this half.
    ///
    /// # Errors
    /// The system's, if there are no descriptors left.
    pub fn rest(&self) -> io::Result<Rest> {
        self.writer.rest()
    }

    /// Takes over what another process had not sent. Nothing is to be pushed until that has left.
    pub fn restore(&mut self, rest: Rest) {
        self.writer.restore(rest);
    }

    /// Number of bytes that have not left.
    #[inline]
    pub fn buffered_bytes(&self) -> usize {
        self.writer.buffered_bytes()
    }

    /// The connection.
    pub fn link(&self) -> &Arc<dyn Link> {
        &self.link
    }
}

impl AsFd for Inlet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.descriptor()
    }
}

impl AsFd for Outlet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.descriptor()
    }
}

/// Makes a descriptor non-blocking.
pub(crate) fn set_nonblocking(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let flags = OFlag::from_bits_truncate(fcntl(descriptor, FcntlArg::F_GETFL)?);
    fcntl(descriptor, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}
