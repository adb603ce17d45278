//! Data that processes share: [`Value`], [`Array`], [`List`], [`Dict`], [`Namespace`].
//!
//! Each is hosted by an actor: in a process of its own, or on a thread of a [`Manager`](crate::Manager)'s. Values are bytes to
//! the host, whose type only the handles know; keys of a dictionary are what they are.
//!
//! # Protocol
//!
//! | request | answer |
//! |---|---|
//! | `Greet`, once when it is made | the host's epoch, which the handle is bound to |
//! | `Act`: one operation | what comes of it; or why it was not done |
//! | `Share`, when a process first uses a `Value` or an `Array` of integers | the memory that they are in from then on |
//!
//! Every method of a handle is one operation, one request and one answer. The host does one after the other, each whole or not
//! at all. Some of them name a function, which the host finds in its own image of the program and calls with a copy of
//! the value: if it panics, the copy is dropped. There are no time-outs: whoever waits is answered, or told of the host's end.
//!
//! An integer of up to 64 bits, a `Value` or an `Array`'s item, is read, set and added to where it is, without a message. Whoever
//! does so asks a lock in that memory first, which the kernel marks when the host ends: so it is told of the end as by a message.
//! For each operation that goes to the host, also an `update`, the host takes the integers that it is about back, and sends
//! everybody to its mailbox until it is done. A host, or a process, that has no memory or descriptors left does without.
//!
//! # Who dies
//!
//! | who | what happens |
//! |---|---|
//! | a user, before its request has left whole | nothing is changed |
//! | a user, later | the operation is done; nobody is told of the outcome |
//! | a user between two operations | what it had changed stays, and what it had still in mind is lost: use one `update`, or a [`Lock`](crate::Lock), whose next holder is told |
//! | the host, also while it runs an `update` | everybody gets [`HostDied`](SharedError::HostDied) at once; the data is gone |
//! | the host, and it is restarted | every handle gets [`HostRestarted`](SharedError::HostRestarted); `renew` gives a handle on the initial value, which a supervised restart restores |
//!
//! What was answered has been done, and is lost only with the host.
//!
//! # Files
//!
//! | file | noun |
//! |---|---|
//! | `value.rs`, `array.rs`, `list.rs`, `dict.rs`, `namespace.rs` | the handles |
//! | `row.rs` | what lists and arrays have in common |
//! | `sequence.rs`, `table.rs` | items in a row, entries by key; pure |
//! | `held.rs` | values at their host |
//! | `integer.rs`, `loan.rs`, `in_place.rs` | integers as words: what they are, at the host, and at its users |
//! | `host.rs`, `remote.rs` | the actor around them, and the way to it |
//! | `edit.rs` | functions called at the host |
//! | `number.rs` | [`Number`]: what can be added to |
//! | `error.rs`, `fault.rs` | [`SharedError`], and how it travels |

mod array;
mod dict;
mod edit;
mod error;
mod fault;
mod held;
mod host;
mod in_place;
mod integer;
mod list;
mod loan;
mod namespace;
mod number;
mod remote;
mod row;
mod sequence;
mod table;
mod value;

use std::ops::{Bound, RangeBounds};

pub use array::{ArchivedArray, Array};
pub use dict::{ArchivedDict, Dict};
pub use error::SharedError;
pub use list::{ArchivedList, List};
pub use namespace::{ArchivedNamespace, Namespace};
pub use number::Number;
pub use value::{ArchivedValue, Value};

use crate::Data;
use crate::primitives::blob::Blob;

/// Makes the value of what a host has given.
fn open<T: Data>(blob: &Blob) -> Result<T, SharedError> {
    blob.open().map_err(|error| SharedError::unreadable(&error))
}

fn pack_all<T: Data>(items: &[T]) -> Result<Vec<Blob>, SharedError> {
    Ok(items.iter().map(Blob::pack).collect::<Result<_, _>>()?)
}

/// Gives the index of the first item of a range, and the one after the last.
fn bounds(range: impl RangeBounds<usize>) -> (u64, u64) {
    let start = match range.start_bound() {
        Bound::Included(start) => *start as u64,
        Bound::Excluded(start) => *start as u64 + 1,
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(end) => (*end as u64).saturating_add(1),
        Bound::Excluded(end) => *end as u64,
        Bound::Unbounded => u64::MAX,
    };
    (start, end)
}

/// Implements what every handle has, for a type with the fields `remote` and `kind`.
macro_rules! handle_traits {
    ($handle:ident $(<$($parameter:ident $(: $bound:ident $(+ $more:ident)*)?),*>)?, $archived:ident) => {
        impl $(<$($parameter $(: $bound $(+ $more)*)?),*>)? $handle $(<$($parameter),*>)? {
            /// Gives the address of the host.
            pub fn host(&self) -> ProcessId {
                self.remote.host()
            }
        }

        impl $(<$($parameter $(: $bound $(+ $more)*)?),*>)? $archived $(<$($parameter),*>)? {
            /// Gives the handle.
            pub fn to_native(&self) -> $handle $(<$($parameter),*>)? {
                $handle { remote: self.remote.to_native(), kind: PhantomData }
            }
        }

        impl $(<$($parameter $(: $bound $(+ $more)*)?),*>)? Clone for $handle $(<$($parameter),*>)? {
            fn clone(&self) -> Self {
                $handle { remote: self.remote.clone(), kind: PhantomData }
            }
        }

        impl $(<$($parameter $(: $bound $(+ $more)*)?),*>)? PartialEq for $handle $(<$($parameter),*>)? {
            fn eq(&self, other: &Self) -> bool {
                self.remote == other.remote
            }
        }

        impl $(<$($parameter $(: $bound $(+ $more)*)?),*>)? Eq for $handle $(<$($parameter),*>)? {}

        impl $(<$($parameter $(: $bound $(+ $more)*)?),*>)? fmt::Debug for $handle $(<$($parameter),*>)? {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({})", std::any::type_name::<Self>(), self.host())
            }
        }

        impl $(<$($parameter $(: $bound $(+ $more)*)?),*>)? fmt::Debug for $archived $(<$($parameter),*>)? {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.to_native().fmt(formatter)
            }
        }
    };
}

use handle_traits;
