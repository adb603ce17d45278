//! Items as the host sees them: bytes.

use bytes::Bytes;
use rkyv::rancor::{Fallible, Source};
use rkyv::ser::{Writer, WriterExt};
use rkyv::util::AlignedVec;
use rkyv::vec::{ArchivedVec, VecResolver};
use rkyv::{Archive, Deserialize, Place, Serialize};

use crate::descriptor::Arrived;
use crate::payload::{self, Packed};
use crate::{Data, PayloadError};

/// Where the archive of an item starts in a message, so that it can be read in place.
const ALIGNMENT: usize = 16;

/// Smaller items are copied out of the message that brought them: kept in place, they would keep all of the receive buffer
/// that they arrived in.
const KEEP_IN_PLACE_BYTES: usize = 256 << 10;

/// The archive of an item, of whatever type. Shared, so that handing it out does not copy it.
#[derive(Debug, Clone)]
pub(crate) struct Blob(Bytes);

impl Blob {
    /// Packs an item.
    ///
    /// # Errors
    /// [`PayloadError`]: too large, too deep, or with descriptors, which cannot wait in another process.
    pub(super) fn pack<T: Data>(item: &T) -> Result<Blob, PayloadError> {
        let packed = Packed::new(item)?;
        if packed.descriptors.is_empty() {
            Ok(Blob(packed.bytes.into()))
        } else {
            Err(PayloadError::Invalid("an item of a queue cannot hold descriptors; send them in a message".into()))
        }
    }

    /// Keeps an item of a received message; `frame` holds the whole message.
    pub(super) fn keep(item: &[u8], frame: &Bytes) -> Blob {
        let keeps = item.len() >= KEEP_IN_PLACE_BYTES;
        Blob(if keeps { frame.slice_ref(item) } else { Bytes::copy_from_slice(item) })
    }

    /// Makes the item.
    ///
    /// # Errors
    /// [`PayloadError::Invalid`] if it is of another type.
    pub(super) fn open<T: Data>(&self) -> Result<T, PayloadError> {
        payload::open_anywhere(&self.0, &Arrived::default())
    }

    pub(super) fn len(&self) -> usize {
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
        let mut aligned = AlignedVec::<ALIGNMENT>::with_capacity(self.len());
        aligned.extend_from_slice(self.as_slice());
        Ok(Blob(Bytes::from_owner(aligned)))
    }
}
