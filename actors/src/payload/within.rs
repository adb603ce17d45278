//! Values as bytes within a message, written where they are sent from.

use procession_runtime::Arrived;
use rkyv::ser::WriterExt;
use rkyv::vec::{ArchivedVec, VecResolver};
use rkyv::{Archive, Place, Serialize, SerializeUnsized};

use super::{ALIGNMENT, Fault, check_depth, is_shallow, open_anywhere};
use crate::data::Encoder;
use crate::{Data, PayloadError};

/// A value that travels as the bytes of its archive, so that the message that holds it is of one type whatever the value is. Its
/// archive is that of a [`Blob`](crate::primitives::blob::Blob) of the value, which it does without.
#[derive(Debug)]
pub(crate) struct Within<'a, T>(pub(crate) &'a T);

impl<T: Data> Archive for Within<'_, T> {
    type Archived = ArchivedVec<u8>;
    type Resolver = (VecResolver, usize);

    fn resolve(&self, (resolver, length): (VecResolver, usize), out: Place<ArchivedVec<u8>>) {
        ArchivedVec::resolve_from_len(length, resolver, out);
    }
}

impl<T: Data> Serialize<Encoder<'_, '_, '_>> for Within<'_, T> {
    #[inline]
    fn serialize(&self, serializer: &mut Encoder<'_, '_, '_>) -> Result<(VecResolver, usize), Fault> {
        let start = serializer.align(ALIGNMENT)?;
        let descriptors = serializer.writer.body.descriptor_count();
        let root = self.0.serialize_unsized(serializer)?;
        let body = &serializer.writer.body;
        if body.descriptor_count() > descriptors {
            return Err(Fault(Box::new(PayloadError::with_descriptors())));
        }
        let length = body.len() - start;
        debug_assert_eq!(root + size_of::<T::Archived>(), body.len());
        if !is_shallow::<T>(length) {
            check_depth::<T>(&body.written()[start..]).map_err(|error| Fault(Box::new(error)))?;
        }
        Ok((VecResolver::from_pos(start), length))
    }
}

/// Makes the value of bytes from within a message.
///
/// # Errors
/// [`PayloadError::Invalid`] if it is of another type.
#[inline]
pub(crate) fn open_within<T: Data>(bytes: &[u8]) -> Result<T, PayloadError> {
    open_anywhere(bytes, &Arrived::default())
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::payload::{self, DEPTH_LIMIT, Packed};
    use crate::primitives::blob::Blob;
    use crate::{Descriptor, data};

    #[data]
    #[derive(Debug)]
    struct Held {
        before: Option<String>,
        value: Blob,
    }

    #[derive(Debug, Archive, Serialize)]
    struct HeldOf<'a, T: Data> {
        before: Option<String>,
        value: Within<'a, T>,
    }

    #[data(recursive)]
    #[derive(Debug)]
    enum Chain {
        End,
        Link(Box<Self>),
    }

    fn pack<T: Data>(value: &T) -> Result<Vec<u8>, PayloadError> {
        let before = Some("what is not a multiple of 16 bytes".to_owned());
        Packed::new(&HeldOf { before, value: Within(value) }).map(|packed| packed.bytes)
    }

    fn check<T: Data + PartialEq + std::fmt::Debug>(value: &T) {
        let bytes = pack(value).expect("it can be sent");
        let held = payload::open_anywhere::<Held>(&bytes, &Arrived::default()).expect("it is what it looks like");
        let same = Packed::new(&Held { before: held.before, value: Blob::pack(value).expect("it can be kept") });
        assert_eq!(same.expect("it can be sent").bytes, bytes);
        assert_eq!(open_within::<T>(held.value.bytes()).as_ref(), Ok(value));
    }

    #[test]
    fn a_value_within_a_message_is_as_one_that_was_packed_before() {
        check(&7u8);
        check(&());
        check(&vec!["a text that is kept out of line".to_owned(), "x".to_owned()]);
        check(&vec![1u128; 1000]);
    }

    #[test]
    fn what_cannot_be_kept_or_read_is_refused() {
        let descriptor = Descriptor::new(File::open("/dev/null").expect("it is there"));
        assert_eq!(pack(&descriptor), Err(PayloadError::with_descriptors()));
        let chain = |length| (0..length).fold(Chain::End, |next, _| Chain::Link(Box::new(next)));
        assert!(pack(&chain(DEPTH_LIMIT - 1)).is_ok());
        assert_eq!(pack(&chain(DEPTH_LIMIT)), Err(PayloadError::TooDeep { limit: DEPTH_LIMIT }));
        assert!(open_within::<bool>(&[2]).is_err());
    }
}
