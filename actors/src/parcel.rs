//! A received message's bytes, with what came along.

use std::os::fd::OwnedFd;

use bytes::Bytes;
use procession_runtime::{Descriptors, ProcessId};
use rkyv::util::AlignedVec;

use crate::descriptor::Arrived;
use crate::payload::{self, Packed};
use crate::{Data, DescriptorError};

/// A payload that has not been validated, its descriptors and its sender.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) payload: Bytes,
    pub(crate) arrived: Arrived,
    pub(crate) sender: ProcessId,
}

impl Parcel {
    #[inline]
    pub(crate) fn new(payload: Bytes, descriptors: Vec<OwnedFd>, sender: ProcessId) -> Parcel {
        Parcel { payload, arrived: Arrived::new(descriptors), sender }
    }

    /// A message to oneself.
    pub(crate) fn local(packed: Packed, sender: ProcessId) -> Parcel {
        let mut aligned = AlignedVec::<16>::with_capacity(packed.bytes.len());
        aligned.extend_from_slice(&packed.bytes);
        Parcel::new(Bytes::from_owner(aligned), packed.descriptors, sender)
    }

    /// The same message once more.
    pub(crate) fn try_clone(&self) -> Result<Parcel, DescriptorError> {
        Ok(Parcel { payload: self.payload.clone(), arrived: self.arrived.try_clone()?, sender: self.sender })
    }

    /// The message for somebody who keeps it; the descriptors go along.
    pub(crate) fn hand_over(&self) -> Parcel {
        Parcel { payload: self.payload.clone(), arrived: self.arrived.hand_over(), sender: self.sender }
    }

    /// Makes the value of an archive in this parcel.
    ///
    /// # Panics
    /// If an implementation of `Deserialize` that is not derived refuses bytes that are valid.
    pub(crate) fn open<T: Data>(&self, archived: &T::Archived) -> T {
        let value = payload::open::<T>(archived, &self.arrived);
        value.unwrap_or_else(|error| panic!("`Deserialize` refuses a valid archive: {error}"))
    }
}

/// Gives the descriptors of a frame.
///
/// # Errors
/// What to tell the sender if they were lost on the way.
#[inline]
pub(crate) fn arrived(descriptors: Descriptors) -> Result<Vec<OwnedFd>, String> {
    descriptors.arrived().map_err(|error| error.to_string())
}
