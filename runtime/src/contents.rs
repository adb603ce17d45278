//! What a message holds: its bytes, and the descriptors that came along.

use std::cell::RefCell;
use std::io;
use std::ops::Deref;
use std::os::fd::OwnedFd;

use bytes::Bytes;
use procession_transport::{Descriptors, Inlet};

/// The bytes of a message: a part of some memory that it shares with the messages that came with it.
#[derive(Debug, Clone, Default)]
pub struct Payload {
    lot: Bytes,
    start: usize,
    length: usize,
}

impl Payload {
    /// Makes this a part of what the inlet has placed last. If it was another part of the same lot, no shares are counted.
    #[inline]
    pub(crate) fn point_at(&mut self, inlet: &mut Inlet, start: usize, length: usize) {
        if self.lot.as_ptr() != inlet.lot().as_ptr() || self.lot.len() != inlet.lot().len() {
            self.lot = inlet.share();
        }
        (self.start, self.length) = (start, length);
    }

    /// The memory that the message is in.
    pub fn lot(&self) -> &Bytes {
        &self.lot
    }

    /// Gives the bytes with a share of the memory of their own.
    pub fn to_bytes(&self) -> Bytes {
        self.lot.slice_ref(self)
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Payload {
        Payload { start: 0, length: bytes.len(), lot: bytes }
    }
}

impl Deref for Payload {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.lot[self.start..self.start + self.length]
    }
}

/// The descriptors that came with one message, each to be taken once.
#[derive(Debug, Default)]
pub struct Arrived {
    /// Each until it is taken.
    slots: RefCell<Vec<Option<OwnedFd>>>,
    /// Whether some were lost on the way.
    are_lost: bool,
}

/// Why there is no descriptor of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Absent {
    /// So many did not come.
    #[error("no such descriptor came along")]
    Missing,
    /// It was taken before.
    #[error("the descriptor has been taken already")]
    Taken,
}

impl Arrived {
    /// Makes the collection of descriptors that have all arrived.
    #[inline]
    pub fn new(descriptors: Vec<OwnedFd>) -> Arrived {
        Arrived { slots: RefCell::new(descriptors.into_iter().map(Some).collect()), are_lost: false }
    }

    /// Whether some were lost on the way. None is here then.
    #[inline]
    pub fn are_lost(&self) -> bool {
        self.are_lost
    }

    /// Gives the descriptor of an index, once.
    ///
    /// # Errors
    /// [`Absent`].
    pub fn take(&self, index: u32) -> Result<OwnedFd, Absent> {
        self.slots.borrow_mut().get_mut(index as usize).ok_or(Absent::Missing)?.take().ok_or(Absent::Taken)
    }

    /// Gives those that are left to another owner.
    pub fn hand_over(&self) -> Arrived {
        Arrived { slots: RefCell::new(self.slots.take()), are_lost: self.are_lost }
    }

    /// The same descriptors once more.
    ///
    /// # Errors
    /// The system's, if there are no descriptors left.
    pub fn try_clone(&self) -> io::Result<Arrived> {
        let duplicate = |slot: &Option<OwnedFd>| slot.as_ref().map(OwnedFd::try_clone).transpose();
        let slots = self.slots.borrow().iter().map(duplicate).collect::<io::Result<_>>()?;
        Ok(Arrived { slots: RefCell::new(slots), are_lost: self.are_lost })
    }

    /// Closes those that are left.
    #[inline]
    pub(crate) fn clear(&mut self) {
        if !self.slots.get_mut().is_empty() {
            self.slots.get_mut().clear();
        }
        self.are_lost = false;
    }
}

impl From<Descriptors> for Arrived {
    fn from(descriptors: Descriptors) -> Arrived {
        match descriptors {
            Descriptors::Arrived(descriptors) => Arrived::new(descriptors),
            Descriptors::Lost => Arrived { slots: RefCell::default(), are_lost: true },
        }
    }
}
