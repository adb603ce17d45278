//! What can travel to another process.

use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Strategy;
use rkyv::ser::Serializer;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::validation::Validator;
use rkyv::validation::archive::ArchiveValidator;
use rkyv::{Archive, Deserialize, Serialize};

use crate::descriptor::Decoder;
use crate::payload::{Fault, Sink};

/// Plain data: a value that can travel to another process.
///
/// It is implemented for every type below `#[data]` or `#[message]` whose fields are data: numbers, `bool`, `char`,
/// `String`, `Vec`, `Box`, `Option`, `Result`, arrays, tuples, the standard collections, `Duration`, other data,
/// [`ActorRef`](crate::ActorRef), [`Recipient`](crate::Recipient) and [`Descriptor`](crate::Descriptor).
///
/// `Rc` and `Arc` are not data: two processes share nothing, and what was one value would arrive as two. Neither are
/// references, cells and locks.
///
/// In another process the value is read as its archive, [`Archived<Self>`](crate::Archived): in place and without
/// being deserialised. Numbers in an archive are little endian; `to_native()` gives the number.
///
/// # Example
/// ```
/// use procession::prelude::*;
///
/// #[data]
/// #[derive(Debug, Clone, PartialEq)]
/// struct Measurement {
///     station: String,
///     celsius: Vec<f32>,
/// }
///
/// fn needs_data<T: Data>() {}
/// needs_data::<Measurement>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not data that can travel to another process",
    label = "not data",
    note = "put `#[data]` (`#[message]` for a message) above its definition, and see that every field is data",
    note = "`Rc`, `Arc`, references, cells and locks are not: processes share nothing"
)]
pub trait Data:
    Archive<Archived: for<'a> CheckBytes<Checker<'a>> + for<'a> Deserialize<Self, Opener<'a>> + Send + Sync>
    + for<'a, 'b, 'c> Serialize<Encoder<'a, 'b, 'c>>
    + Sized
    + 'static
{
}

#[diagnostic::do_not_recommend]
impl<T> Data for T where
    T: Archive<Archived: for<'a> CheckBytes<Checker<'a>> + for<'a> Deserialize<T, Opener<'a>> + Send + Sync>
        + for<'a, 'b, 'c> Serialize<Encoder<'a, 'b, 'c>>
        + 'static
{
}

/// What can be written into a message. Data can; so can what only looks like some data in its archive.
pub(crate) trait Written: Checked + for<'a, 'b, 'c> Serialize<Encoder<'a, 'b, 'c>> {}

impl<T: Checked + for<'a, 'b, 'c> Serialize<Encoder<'a, 'b, 'c>>> Written for T {}

/// What has an archive that can be validated.
pub(crate) trait Checked: Archive<Archived: for<'a> CheckBytes<Checker<'a>>> {}

impl<T: Archive<Archived: for<'a> CheckBytes<Checker<'a>>>> Checked for T {}

/// What a value is serialised with: straight into a send buffer, and without sharing.
#[doc(hidden)]
pub type Encoder<'a, 'b, 'c> = Strategy<Serializer<Sink<'a, 'b>, ArenaHandle<'c>, ()>, Fault>;

/// What an archive is validated with: every pointer within bounds, no overlap, limited depth, no sharing.
#[doc(hidden)]
pub type Checker<'a> = Strategy<Validator<ArchiveValidator<'a>, ()>, Fault>;

/// What an archive is deserialised with.
#[doc(hidden)]
pub type Opener<'a> = Strategy<Decoder<'a>, Fault>;
