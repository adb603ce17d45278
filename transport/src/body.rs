//! The place in the send buffer where one payload is being written.

use std::os::fd::OwnedFd;

use crate::{MAX_DESCRIPTORS, spare};

/// A send buffer that grows beyond this, in bytes, takes memory that large frames have left, if there is some.
const SPARE_FROM_BYTES: usize = 64 << 10;

/// A payload under construction, straight in a [`Writer`](crate::Writer)'s send buffer.
///
/// Bytes are appended; positions count from the payload's start, which is aligned to [`ALIGNMENT`](crate::ALIGNMENT)
/// bytes at the receiver.
#[derive(Debug)]
pub struct Body<'a> {
    pub(crate) bytes: &'a mut Vec<u8>,
    pub(crate) start: usize,
    pub(crate) limit_bytes: usize,
    pub(crate) descriptors: &'a mut Vec<OwnedFd>,
    /// 0 where the way carries none.
    pub(crate) most_descriptors: usize,
    /// Whether a descriptor was refused because the way carries none.
    pub(crate) has_refused: bool,
    /// Whether a large buffer is left to others once it is not needed any more, so that it may be one that was left.
    pub(crate) is_passed_on: bool,
}

/// Why a payload does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The payload would exceed the limit for one message.
    #[error("message is larger than the limit of {limit_bytes} bytes; raise `message_limit_bytes` or send it in parts")]
    TooLarge {
        /// The limit in bytes.
        limit_bytes: usize,
    },
    /// The message holds more descriptors than one frame can carry.
    #[error("message holds more than {MAX_DESCRIPTORS} descriptors; send them in several messages")]
    TooManyDescriptors,
    /// The way that the message is to take carries no descriptors.
    #[error("message holds a descriptor, and a kernel pipe carries none; send it another way")]
    NoDescriptors,
    /// There is no memory for the payload.
    #[error("no memory for the message")]
    NoMemory,
}

impl<'a> Body<'a> {
    /// Makes a payload outside of any send buffer: `bytes` and `descriptors` collect what is written.
    pub fn detached(bytes: &'a mut Vec<u8>, descriptors: &'a mut Vec<OwnedFd>, limit_bytes: usize) -> Body<'a> {
        let start = bytes.len();
        Body {
            bytes,
            start,
            limit_bytes,
            descriptors,
            most_descriptors: MAX_DESCRIPTORS,
            has_refused: false,
            is_passed_on: false,
        }
    }

    /// Number of bytes written so far.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of descriptors attached so far.
    #[inline]
    pub fn descriptor_count(&self) -> usize {
        self.descriptors.len()
    }

    /// What has been written.
    #[inline]
    pub fn written(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] if the payload would exceed its limit, [`Refusal::NoMemory`]; nothing is appended then.
    #[inline(always)]
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        // Serialisers write padding that is none.
        if bytes.is_empty() {
            return Ok(());
        }
        if bytes.len() > self.limit_bytes.saturating_sub(self.len()) {
            return Err(Refusal::TooLarge { limit_bytes: self.limit_bytes });
        }
        if self.bytes.capacity() - self.bytes.len() < bytes.len() {
            self.grow(bytes.len())?;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Makes room for so many bytes.
    #[cold]
    fn grow(&mut self, count: usize) -> Result<(), Refusal> {
        let length = self.bytes.len();
        if self.is_passed_on && length + count > SPARE_FROM_BYTES {
            let spare = spare::take((length + count).max(2 * length));
            if let Some(mut spare) = spare {
                spare.extend_from_slice(self.bytes);
                spare::put(std::mem::replace(self.bytes, spare));
                return Ok(());
            }
        }
        self.bytes.try_reserve(count).map_err(|_| Refusal::NoMemory)
    }

    /// Refuses every descriptor: the payload goes a way that carries none.
    pub fn bar_descriptors(&mut self) {
        self.most_descriptors = 0;
    }

    /// Whether one was refused for that.
    pub fn has_refused_descriptors(&self) -> bool {
        self.has_refused
    }

    /// Attaches a descriptor and gives its index within the frame.
    ///
    /// # Errors
    /// [`Refusal::TooManyDescriptors`] if the frame is full, [`Refusal::NoDescriptors`] if they are barred.
    pub fn attach(&mut self, descriptor: OwnedFd) -> Result<u32, Refusal> {
        if self.descriptors.len() >= self.most_descriptors {
            self.has_refused = self.most_descriptors == 0;
            return Err(if self.has_refused { Refusal::NoDescriptors } else { Refusal::TooManyDescriptors });
        }
        self.descriptors.push(descriptor);
        Ok(self.descriptors.len() as u32 - 1)
    }
}
