//! Values as bytes: into the send buffer, and out of a received frame.
//!
//! A payload is an rkyv archive whose root ends with it, so its position need not be sent. The sender serialises straight
//! into the send buffer; the receiver validates the bytes where they are and reads them there.

mod within;

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::num::NonZeroUsize;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::slice;

use procession_runtime::{Arrived, Body, Letter, ProcessId, Refusal};
use rkyv::api::{access_with_context, deserialize_using};
use rkyv::rancor::{self, Source, Trace};
use rkyv::ser::allocator::{Arena, ArenaHandle};
use rkyv::ser::{Positional, Serializer, Writer};
use rkyv::util::{Align, AlignedVec};
use rkyv::validation::Validator;
use rkyv::validation::archive::ArchiveValidator;
use rkyv::{Archive, SerializeUnsized};
use self_cell::MutBorrow;

pub(crate) use self::within::{Within, open_within};
use crate::data::{Checked, Written};
use crate::descriptor::{AttachDescriptor, Decoder};
use crate::sys::plain_bytes;
use crate::{Data, DescriptorError, PayloadError};

/// How deeply values may be nested in a message: boxes in boxes, vectors in vectors. Validation of a deeper one would
/// overflow the receiver's stack.
pub const DEPTH_LIMIT: usize = 256;

/// Where payloads start in memory. No archive may need more.
const ALIGNMENT: usize = 16;

/// Each level of nesting takes at least a relative pointer, so a smaller payload cannot be too deep.
const SMALLEST_LEVEL_BYTES: usize = 8;

/// Scratch memory grows with the message that needs it, so after a larger one it is given back.
const KEEP_SCRATCH_BELOW_BYTES: usize = 256 << 10;

/// One allocator, unless it is in use.
type Allocator<'a> = Option<ArenaHandle<'a>>;

self_cell::self_cell! {
    /// Scratch memory for serialising, with the one allocator of it. Between two values nothing is allocated.
    struct Scratch {
        owner: MutBorrow<Arena>,

        #[not_covariant]
        dependent: Allocator,
    }
}

impl Scratch {
    #[cold]
    fn make() -> Scratch {
        Scratch::new(MutBorrow::new(Arena::default()), |arena| Some(arena.borrow_mut().acquire()))
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Scratch").finish_non_exhaustive()
    }
}

thread_local! {
    /// Scratch memory, kept from one message to the next.
    static SCRATCH: Cell<Option<Scratch>> = const { Cell::new(None) };
}

/// Makes this thread's scratch memory.
pub(crate) fn prepare_thread() {
    let _ = SCRATCH.try_with(|kept| kept.set(Some(Scratch::make())));
}

/// Serialises a value into a body.
#[inline(always)]
pub(crate) fn encode<T: Written>(value: &T, body: &mut Body<'_>) -> Result<(), PayloadError> {
    const { assert!(align_of::<T::Archived>() <= ALIGNMENT, "the archive of a message needs more than 16 byte alignment") };
    if let Some(bytes) = plain_bytes(slice::from_ref(value)) {
        return Ok(body.write(bytes)?);
    }
    let mut scratch = SCRATCH.try_with(Cell::take).ok().flatten().unwrap_or_else(Scratch::make);
    let outcome = scratch.with_dependent_mut(|_, allocator| serialize(value, body, allocator));
    match outcome {
        Ok(_) if body.len() <= KEEP_SCRATCH_BELOW_BYTES => {
            // In a thread that is ending there is nowhere to keep it.
            let _ = SCRATCH.try_with(|kept| kept.set(Some(scratch)));
        }
        Ok(_) => {}
        Err(fault) => return Err(*fault.0),
    }
    if is_shallow::<T>(body.len()) { Ok(()) } else { check_depth::<T>(body.written()) }
}

/// Whether an archive of so many bytes cannot be too deep.
#[inline]
fn is_shallow<T: Archive>(length: usize) -> bool {
    length - size_of::<T::Archived>() < SMALLEST_LEVEL_BYTES * DEPTH_LIMIT
}

/// Serialises with an allocator that is there, and again afterwards unless this fails.
#[inline]
fn serialize<T: Written>(value: &T, body: &mut Body<'_>, kept: &mut Allocator<'_>) -> Result<usize, Fault> {
    let Some(allocator) = kept.take() else { unreachable!("scratch memory is kept with its allocator") };
    let mut serializer = Serializer { writer: Sink { body }, allocator, sharing: () };
    let position = value.serialize_unsized(rancor::Strategy::wrap(&mut serializer))?;
    *kept = Some(serializer.allocator);
    Ok(position)
}

/// Validates what has just been written, to learn whether a receiver can.
#[cold]
fn check_depth<T: Checked>(written: &[u8]) -> Result<(), PayloadError> {
    if is_aligned(written) {
        return access::<T>(written).map(drop);
    }
    let mut aligned = AlignedVec::<ALIGNMENT>::with_capacity(written.len());
    aligned.extend_from_slice(written);
    access::<T>(&aligned).map(drop)
}

/// Validates a payload and gives the archive in it.
#[inline]
pub(crate) fn access<T: Checked>(payload: &[u8]) -> Result<&T::Archived, PayloadError> {
    static NOTHING: Align<[u8; 0]> = Align([]);
    // An empty slice may point anywhere, but the archive of a unit struct has an alignment, too.
    let payload = if payload.is_empty() { &NOTHING.0 } else { payload };
    let depth = NonZeroUsize::MIN.saturating_add(DEPTH_LIMIT);
    let mut validator = Validator::new(ArchiveValidator::with_max_depth(payload, Some(depth)), ());
    access_with_context::<T::Archived, _, Fault>(payload, &mut validator).map_err(|fault| *fault.0)
}

/// Makes the value of an archive. Its descriptors are taken from those that arrived with it.
#[inline]
pub(crate) fn open<T: Data>(archived: &T::Archived, arrived: &Arrived) -> Result<T, PayloadError> {
    deserialize_using::<T, _, Fault>(archived, &mut Decoder { arrived }).map_err(|fault| *fault.0)
}

/// Makes the value of an archive that came in a message.
///
/// # Panics
/// If an implementation of `Deserialize` that is not derived refuses bytes that are valid.
pub(crate) fn make<T: Data>(archived: &T::Archived, arrived: &Arrived) -> T {
    open::<T>(archived, arrived).unwrap_or_else(|error| panic!("`Deserialize` refuses a valid archive: {error}"))
}

/// Makes the value of a payload that may be anywhere in memory.
pub(crate) fn open_anywhere<T: Data>(payload: &[u8], arrived: &Arrived) -> Result<T, PayloadError> {
    if is_aligned(payload) {
        return open::<T>(access::<T>(payload)?, arrived);
    }
    let mut aligned = AlignedVec::<ALIGNMENT>::with_capacity(payload.len());
    aligned.extend_from_slice(payload);
    open::<T>(access::<T>(&aligned)?, arrived)
}

fn is_aligned(bytes: &[u8]) -> bool {
    bytes.as_ptr().align_offset(ALIGNMENT) == 0
}

/// A payload outside of any send buffer.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) descriptors: Vec<OwnedFd>,
}

impl Packed {
    pub(crate) fn new<T: Written>(value: &T) -> Result<Packed, PayloadError> {
        let (mut bytes, mut descriptors) = (Vec::new(), Vec::new());
        encode(value, &mut Body::detached(&mut bytes, &mut descriptors, crate::DEFAULT_MESSAGE_LIMIT_BYTES))?;
        Ok(Packed { bytes, descriptors })
    }

    /// Makes a message to oneself of it.
    pub(crate) fn into_letter(self, tag: u32, sender: ProcessId) -> Letter {
        let mut aligned = AlignedVec::<ALIGNMENT>::with_capacity(self.bytes.len());
        aligned.extend_from_slice(&self.bytes);
        Letter::local(tag, bytes::Bytes::from_owner(aligned), Arrived::new(self.descriptors), sender)
    }
}

/// The send buffer as rkyv sees it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Sink<'a, 'b> {
    body: &'a mut Body<'b>,
}

impl Positional for Sink<'_, '_> {
    #[inline]
    fn pos(&self) -> usize {
        self.body.len()
    }
}

impl<E: Source> Writer<E> for Sink<'_, '_> {
    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) -> Result<(), E> {
        self.body.write(bytes).map_err(E::new)
    }
}

impl AttachDescriptor for Sink<'_, '_> {
    fn attach_descriptor<E: Source>(&mut self, descriptor: BorrowedFd<'_>) -> Result<u32, E> {
        let duplicate = descriptor.try_clone_to_owned().map_err(|error| E::new(DescriptorError::from(error)))?;
        self.body.attach(duplicate).map_err(E::new)
    }
}

/// The error type of serialisers, validators and deserialisers: one word, so that the way without errors is fast.
#[doc(hidden)]
#[derive(Debug)]
pub struct Fault(Box<PayloadError>);

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Error for Fault {}

impl Source for Fault {
    #[cold]
    fn new<T: Error + Send + Sync + 'static>(source: T) -> Fault {
        let error: &dyn Error = &source;
        let refusal = error.downcast_ref::<Refusal>().copied();
        Fault(Box::new(refusal.map_or_else(|| PayloadError::Invalid(source.to_string()), PayloadError::from)))
    }
}

impl Trace for Fault {
    /// rkyv's word about exceeded depth is a trace, and its type is private: so it is known by its text.
    #[cold]
    fn trace<R: fmt::Debug + fmt::Display + Send + Sync + 'static>(mut self, trace: R) -> Fault {
        let text = trace.to_string();
        if text.contains("maximum subtree depth") {
            *self.0 = PayloadError::TooDeep { limit: DEPTH_LIMIT };
        } else if let PayloadError::Invalid(error) = &mut *self.0 {
            *error = format!("{text}: {error}");
        }
        self
    }
}

impl From<Refusal> for PayloadError {
    fn from(refusal: Refusal) -> PayloadError {
        match refusal {
            Refusal::TooLarge { limit_bytes } => PayloadError::TooLarge { limit_bytes },
            other => PayloadError::Invalid(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
