//! File descriptors in messages.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use procession_runtime::{Absent, Arrived};
use rkyv::rancor::{Fallible, Source, Strategy};
use rkyv::ser::Serializer;
use rkyv::{Archive, Deserialize, Place, Serialize};

use crate::DescriptorError;

/// A file descriptor as a field of a message: an open file, a socket, a pipe's end.
///
/// Sending a message sends a duplicate of each descriptor in it: the original stays open with the sender until the
/// message is dropped. The receiver gets a descriptor of its own, takes it at most once
/// ([`Incoming::take`](crate::Incoming::take), or [`open`](crate::Incoming::open) for the whole message), and those that
/// nobody has taken are closed with the message. All are close-on-exec.
///
/// On the wire it is an index into the descriptors that travel beside the message, at most 250 of them. So a peer can
/// name one that is not there, or one twice; whoever asks such a `Descriptor` for its descriptor gets a
/// [`DescriptorError`].
///
/// # Example
/// ```
/// use std::fs::File;
/// use procession::prelude::*;
/// use procession::Descriptor;
///
/// #[message]
/// struct LogTo {
///     file: Descriptor,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let message = LogTo { file: File::open("/dev/null")?.into() };
/// # let file = message.file.into_owned()?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Descriptor(Result<OwnedFd, DescriptorError>);

impl Descriptor {
    /// Takes ownership of an open file, socket or the like.
    pub fn new(descriptor: impl Into<OwnedFd>) -> Descriptor {
        Descriptor(Ok(descriptor.into()))
    }

    /// Gives the descriptor.
    ///
    /// # Errors
    /// [`DescriptorError`] if it came in a message whose sender named one that is not there.
    pub fn into_owned(self) -> Result<OwnedFd, DescriptorError> {
        self.0
    }

    /// Lends the descriptor.
    ///
    /// # Errors
    /// As [`into_owned`](Descriptor::into_owned).
    pub fn borrow(&self) -> Result<BorrowedFd<'_>, DescriptorError> {
        self.0.as_ref().map(OwnedFd::as_fd).map_err(Clone::clone)
    }
}

impl<T: Into<OwnedFd>> From<T> for Descriptor {
    fn from(descriptor: T) -> Descriptor {
        Descriptor::new(descriptor)
    }
}

/// What travels in place of a [`Descriptor`].
#[doc(hidden)]
#[derive(Debug, Archive)]
#[rkyv(archived = ArchivedDescriptor, derive(Debug))]
pub struct Index {
    index: u32,
}

impl Archive for Descriptor {
    type Archived = ArchivedDescriptor;
    type Resolver = u32;

    fn resolve(&self, index: u32, out: Place<ArchivedDescriptor>) {
        Index { index }.resolve(IndexResolver { index: () }, out);
    }
}

impl<S: Fallible<Error: Source> + AttachDescriptor + ?Sized> Serialize<S> for Descriptor {
    fn serialize(&self, serializer: &mut S) -> Result<u32, S::Error> {
        serializer.attach_descriptor(self.borrow().map_err(S::Error::new)?)
    }
}

impl<D: Fallible + TakeDescriptor + ?Sized> Deserialize<Descriptor, D> for ArchivedDescriptor {
    fn deserialize(&self, deserializer: &mut D) -> Result<Descriptor, D::Error> {
        Ok(Descriptor(deserializer.take_descriptor(self)))
    }
}

/// A serialiser that sends descriptors along.
#[doc(hidden)]
pub trait AttachDescriptor {
    /// Sends a duplicate along and gives its index.
    fn attach_descriptor<E: Source>(&mut self, descriptor: BorrowedFd<'_>) -> Result<u32, E>;
}

impl<W: AttachDescriptor, A, S> AttachDescriptor for Serializer<W, A, S> {
    fn attach_descriptor<E: Source>(&mut self, descriptor: BorrowedFd<'_>) -> Result<u32, E> {
        self.writer.attach_descriptor(descriptor)
    }
}

impl<T: AttachDescriptor, F> AttachDescriptor for Strategy<T, F> {
    fn attach_descriptor<E: Source>(&mut self, descriptor: BorrowedFd<'_>) -> Result<u32, E> {
        T::attach_descriptor(self, descriptor)
    }
}

/// A deserialiser that knows the descriptors that came along.
#[doc(hidden)]
pub trait TakeDescriptor {
    /// Gives a descriptor, once.
    fn take_descriptor(&mut self, descriptor: &ArchivedDescriptor) -> Result<OwnedFd, DescriptorError>;
}

impl<T: TakeDescriptor, F> TakeDescriptor for Strategy<T, F> {
    fn take_descriptor(&mut self, descriptor: &ArchivedDescriptor) -> Result<OwnedFd, DescriptorError> {
        T::take_descriptor(self, descriptor)
    }
}

/// Takes a descriptor out of those that came along.
pub(crate) fn take(arrived: &Arrived, descriptor: &ArchivedDescriptor) -> Result<OwnedFd, DescriptorError> {
    let index = descriptor.index.to_native();
    arrived.take(index).map_err(|absent| match absent {
        Absent::Missing => DescriptorError::Missing { index },
        Absent::Taken => DescriptorError::Taken { index },
    })
}

/// A deserialiser that takes descriptors from those that came along.
#[doc(hidden)]
#[derive(Debug)]
pub struct Decoder<'a> {
    pub(crate) arrived: &'a Arrived,
}

impl TakeDescriptor for Decoder<'_> {
    fn take_descriptor(&mut self, descriptor: &ArchivedDescriptor) -> Result<OwnedFd, DescriptorError> {
        take(self.arrived, descriptor)
    }
}
