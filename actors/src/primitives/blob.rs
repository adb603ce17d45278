//! Values as hosts keep them: bytes.

use bytes::Bytes;
use procession_runtime::Arrived;
use rkyv::rancor::{Fallible, Source};
use rkyv::ser::{Writer, WriterExt};
use rkyv::util::AlignedVec;
use rkyv::vec::{ArchivedVec, VecResolver};
use rkyv::{Archive, Deserialize, Place, Serialize};

use crate::payload::{self, Packed};
use crate::{Data, PayloadError};

/// Where the archive of a value starts in a message, so that it can be read in place.
const ALIGNMENT: usize = 16;

/// Smaller ones are copied out of the message that brought them: kept in place, they would keep all of the receive buffer
/// that they arrived in.
const KEEP_IN_PLACE_BYTES: usize = 256 << 10;

/// Of values up to this size a copy costs less than an allocation.
const SMALL_BYTES: usize = 256;

/// The archive of a value, of whatever type: an item of a queue, a shared value. Shared, so that handing it out does not copy
/// it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Blob(Bytes);

impl Blob {
    /// Packs a value.
    ///
    /// # Errors
    /// [`PayloadError`]: too large, too deep, or with descriptors, which cannot wait in another process.
    pub(crate) fn pack<T: Data>(value: &T) -> Result<Blob, PayloadError> {
        let packed = Packed::new(value)?;
        if packed.descriptors.is_empty() {
            Ok(Blob(packed.bytes.into()))
        } else {
            Err(PayloadError::with_descriptors())
        }
    }

    /// Keeps a value of a received message; `frame` holds the whole message.
    pub(crate) fn keep(value: &[u8], frame: &Bytes) -> Blob {
        let keeps = value.len() >= KEEP_IN_PLACE_BYTES;
        Blob(if keeps { frame.slice_ref(value) } else { Bytes::copy_from_slice(value) })
    }

    /// Takes bytes as they are. To be read in place where they arrive, they start at a multiple of 16 bytes there.
    pub(crate) fn of_bytes(bytes: impl Into<Bytes>) -> Blob {
        Blob(bytes.into())
    }

    /// Gives the bytes.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// Makes the value.
    ///
    /// # Errors
    /// [`PayloadError::Invalid`] if it is of another type.
    pub(crate) fn open<T: Data>(&self) -> Result<T, PayloadError> {
        payload::open_anywhere(&self.0, &Arrived::default())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Archive for Blob {
    type Archived = ArchivedVec<u8>;
    type Resolver = VecResolver;

    fn resolve(&self, resolver: VecResolver, out: Place<ArchivedVec<u8>>) {
        ArchivedVec::resolve_from_len(self.0.len(), resolver, out);
    }
}

impl<S: Fallible<Error: Source> + Writer + ?Sized> Serialize<S> for Blob {
    fn serialize(&self, serializer: &mut S) -> Result<VecResolver, S::Error> {
        let position = serializer.align(ALIGNMENT)?;
        serializer.write(&self.0)?;
        Ok(VecResolver::from_pos(position))
    }
}

impl<D: Fallible + ?Sized> Deserialize<Blob, D> for ArchivedVec<u8> {
    fn deserialize(&self, _: &mut D) -> Result<Blob, D::Error> {
        // One allocation instead of two; where that is not aligned, it is read from a copy.
        if self.len() <= SMALL_BYTES {
            return Ok(Blob(Bytes::copy_from_slice(self.as_slice())));
        }
        let mut aligned = AlignedVec::<ALIGNMENT>::with_capacity(self.len());
        aligned.extend_from_slice(self.as_slice());
        Ok(Blob(Bytes::from_owner(aligned)))
    }
}
