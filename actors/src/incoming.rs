//! A message in its handler's hands, and one that is kept beyond.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::os::fd::OwnedFd;

use procession_runtime::{Letter, ProcessId};

use crate::descriptor::{self, ArchivedDescriptor};
use crate::{Data, DescriptorError, Message, PayloadError, payload};

/// A message as it came: validated, and read in place.
///
/// It dereferences to the message's archive, so fields are read without a copy; numbers in it give themselves with
/// `to_native()`. [`open`](Incoming::open) makes the message itself, [`keep`](Incoming::keep) keeps the frame beyond the
/// handler.
pub struct Incoming<'a, M: Data> {
    archived: &'a M::Archived,
    letter: &'a Letter,
}

impl<'a, M: Message> Incoming<'a, M> {
    #[inline]
    pub(crate) fn new(letter: &'a Letter) -> Result<Incoming<'a, M>, PayloadError> {
        Ok(Incoming { archived: payload::access::<M>(&letter.payload)?, letter })
    }

    /// Makes the message itself, with copies of everything in it.
    ///
    /// Its [`Descriptor`](crate::Descriptor)s are taken by this: a second `open` gives them without descriptors.
    ///
    /// # Panics
    /// Only if the message, or something in it, has an implementation of `Deserialize` that is not derived and that
    /// refuses a valid archive.
    pub fn open(&self) -> M {
        payload::make(self.archived, &self.letter.arrived)
    }

    /// Gives the process that sent it.
    pub fn sender(&self) -> ProcessId {
        self.letter.sender
    }

    /// Takes a descriptor out of the message.
    ///
    /// ```
    /// # use procession::prelude::*;
    /// # use procession::Descriptor;
    /// # #[message] struct LogTo { file: Descriptor }
    /// # struct Logger;
    /// # #[actor] impl Actor for Logger {
    /// #   type Messages = (LogTo,);
    /// #   fn start(_: (), _: &mut Context<Self>) -> Result<Self, Failure> { Ok(Logger) }
    /// # }
    /// impl Handler<LogTo> for Logger {
    ///     fn handle(&mut self, message: Incoming<'_, LogTo>, context: &mut Context<Self>) {
    ///         match message.take(&message.file) {
    ///             Ok(descriptor) => { let _file = std::fs::File::from(descriptor); }
    ///             Err(error) => context.fail(error),
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`DescriptorError::Taken`] if it has been taken, [`DescriptorError::Missing`] if it did not come along.
    pub fn take(&self, descriptor: &ArchivedDescriptor) -> Result<OwnedFd, DescriptorError> {
        descriptor::take(&self.letter.arrived, descriptor)
    }

    /// Gives the memory that the message is in, a share of which can be kept.
    pub(crate) fn lot(&self) -> &bytes::Bytes {
        self.letter.payload.lot()
    }

    /// Keeps the message beyond the handler, without a copy: the frame stays in memory until the [`Kept`] is dropped,
    /// and with it the piece of the receive buffer that it is in. Descriptors that were not taken go along.
    pub fn keep(self) -> Kept<M> {
        match Kept::new(self.letter.hand_over()) {
            Ok(kept) => kept,
            Err(error) => unreachable!("bytes that were valid are not any more: {error}"),
        }
    }
}

impl<M: Data> Deref for Incoming<'_, M> {
    type Target = M::Archived;

    #[inline]
    fn deref(&self) -> &M::Archived {
        self.archived
    }
}

impl<M: Data> fmt::Debug for Incoming<'_, M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe("Incoming", self.letter, formatter)
    }
}

fn describe(kind: &str, letter: &Letter, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (sender, length) = (letter.sender, letter.payload.len());
    formatter.debug_struct(kind).field("sender", &sender).field("length_bytes", &length).finish_non_exhaustive()
}

/// A message that is kept beyond its handler. It dereferences to the message's archive as [`Incoming`] does.
pub struct Kept<M> {
    held: Held,
    message: PhantomData<fn() -> M>,
}

/// The archive in a letter. Its type is checked when it is read: a self-referential type cannot be generic.
type Archive<'a> = &'a (dyn Any + Send + Sync + 'static);

self_cell::self_cell! {
    struct Held {
        owner: Letter,

        #[covariant]
        dependent: Archive,
    }
}

fn validate<M: Message>(letter: &Letter) -> Result<Archive<'_>, PayloadError> {
    Ok(payload::access::<M>(&letter.payload)?)
}

impl<M: Message> Kept<M> {
    /// Validates a letter and keeps it.
    pub(crate) fn new(letter: Letter) -> Result<Kept<M>, PayloadError> {
        let held = Held::try_new(letter, validate::<M>)?;
        Ok(Kept { held, message: PhantomData })
    }

    /// Makes the message itself; see [`Incoming::open`].
    ///
    /// # Panics
    /// As [`Incoming::open`].
    pub fn open(&self) -> M {
        payload::make(&**self, &self.letter().arrived)
    }

    /// Gives the process that sent it.
    pub fn sender(&self) -> ProcessId {
        self.letter().sender
    }

    /// Takes a descriptor out of the message; see [`Incoming::take`].
    ///
    /// # Errors
    /// As [`Incoming::take`].
    pub fn take(&self, descriptor: &ArchivedDescriptor) -> Result<OwnedFd, DescriptorError> {
        descriptor::take(&self.letter().arrived, descriptor)
    }
}

impl<M> Kept<M> {
    fn letter(&self) -> &Letter {
        self.held.borrow_owner()
    }
}

impl<M: Data> Deref for Kept<M> {
    type Target = M::Archived;

    #[inline]
    fn deref(&self) -> &M::Archived {
        match self.held.borrow_dependent().downcast_ref() {
            Some(archived) => archived,
            None => unreachable!("a kept message has the type that it was kept as"),
        }
    }
}

impl<M> fmt::Debug for Kept<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe("Kept", self.letter(), formatter)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::payload::Packed;
    use crate::{Descriptor, message};

    #[message]
    struct Note {
        text: String,
        file: Descriptor,
    }

    fn letter() -> Letter {
        let file = File::open("/dev/null").expect("it is there").into();
        let packed = Packed::new(&Note { text: "a text that is kept out of line".into(), file });
        packed.expect("it can be sent").into_letter(0, ProcessId::root(1))
    }

    #[test]
    fn a_message_is_read_in_place_and_opened() {
        let letter = letter();
        let note = Incoming::<Note>::new(&letter).expect("it is valid");
        assert!(letter.payload.as_ptr_range().contains(&note.text.as_ptr()));
        assert_eq!(note.open().text, note.text.as_str());
        assert_eq!(note.sender(), ProcessId::root(1));
    }

    #[test]
    fn a_descriptor_is_taken_once_by_whichever_way() {
        let letter = letter();
        let note = Incoming::<Note>::new(&letter).expect("it is valid");
        assert!(note.take(&note.file).is_ok());
        assert!(note.take(&note.file).is_err());
        assert!(note.open().file.into_owned().is_err());
    }

    #[test]
    fn a_kept_message_lives_on_with_what_was_not_taken() {
        let kept = {
            let letter = letter();
            let kept = Incoming::<Note>::new(&letter).expect("it is valid").keep();
            assert!(Incoming::<Note>::new(&letter).expect("it is valid").open().file.into_owned().is_err());
            kept
        };
        let kept = std::thread::spawn(move || kept).join().expect("it can go to another thread");
        assert_eq!(kept.text, "a text that is kept out of line");
        assert!(kept.take(&kept.file).is_ok());
        assert!(kept.open().file.into_owned().is_err());
    }

    #[test]
    fn what_is_not_the_message_is_refused() {
        let packed = Packed { bytes: vec![0; size_of::<ArchivedNote>() - 1], descriptors: Vec::new() };
        assert!(Incoming::<Note>::new(&packed.into_letter(0, ProcessId::root(1))).is_err());
    }
}
