//! The handle on a shared list.

use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;

use rkyv::{Archive, Deserialize, Serialize};

use super::edit::Edit;
use super::remote::Remote;
use super::row::Row;
use super::sequence::{Sequence, SequenceAnswer, SequenceOperation};
use super::{SharedError, bounds, pack_all};
use crate::function::refuse_captures;
use crate::primitives::blob::Blob;
use crate::{Data, Home, ProcessId};

/// A list that processes share.
///
/// The handle is plain data: clone it, use it from any thread, send it in messages and arguments. The items are in a process
/// of their own, or in that of a [`Manager`](crate::Manager); see [`primitives::shared`](crate::primitives::shared) for the
/// protocol, and for what happens when somebody dies.
///
/// Each method is one question to the host, and is done whole or not at all; between two of them others may have come. An
/// item may be a handle: a `List<List<u32>>` holds lists that are hosted on their own, and whoever takes one out shares it.
///
/// # Example
/// ```no_run
/// use procession::List;
/// use procession::prelude::*;
///
/// #[procession::main]
/// fn main() -> procession::Result<()> {
///     let system = System::start()?;
///     let list = List::new(&system, vec![1, 2, 3])?;
///     system.process(|list: List<u32>| list.append(100).is_ok(), list.clone()).start()?.join()?;
///     list.update(0, |item, factor| *item *= factor, 7)?;
///     let total = list.apply(|items: &mut Vec<u32>, ()| { items.sort_unstable(); items.iter().sum::<u32>() }, ())?;
///     assert_eq!((total, list.to_vec()?), (112, vec![2, 3, 7, 100]));
///     system.shutdown()
/// }
/// ```
#[derive(Archive, Serialize, Deserialize)]
pub struct List<T> {
    remote: Remote<Sequence>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Data> List<T> {
    /// Shares a list.
    ///
    /// # Errors
    /// [`SharedError::Spawn`]; nothing is left of it then.
    pub fn new(home: &impl Home, items: Vec<T>) -> Result<List<T>, SharedError> {
        Ok(List::over(Remote::start(home, pack_all(&items)?, "list")?))
    }

    fn over(remote: Remote<Sequence>) -> List<T> {
        List { remote, kind: PhantomData }
    }

    fn row(&self) -> Row<'_, T> {
        Row::new(&self.remote)
    }

    /// Number of items.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn len(&self) -> Result<usize, SharedError> {
        self.row().len()
    }

    /// Whether there are no items.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn is_empty(&self) -> Result<bool, SharedError> {
        Ok(self.len()? == 0)
    }

    /// Gives one item.
    ///
    /// # Errors
    /// [`SharedError::IndexOutOfRange`] and others.
    pub fn get(&self, index: usize) -> Result<T, SharedError> {
        self.row().item(SequenceOperation::Get(index as u64))
    }

    /// Sets one item.
    ///
    /// # Errors
    /// As [`get`](List::get).
    pub fn set(&self, index: usize, item: T) -> Result<(), SharedError> {
        self.row().done(SequenceOperation::Set(index as u64, Blob::pack(&item)?))
    }

    /// Gives the items in a range, as far as there are any.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Result<Vec<T>, SharedError> {
        self.row().slice(range)
    }

    /// Replaces the items in a range, as far as there are any, by others, which may be more or fewer.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn set_slice(&self, range: impl RangeBounds<usize>, items: Vec<T>) -> Result<(), SharedError> {
        let (start, end) = bounds(range);
        self.row().done(SequenceOperation::Splice(start, end, pack_all(&items)?))
    }

    /// Adds an item at the end.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn append(&self, item: T) -> Result<(), SharedError> {
        self.row().done(SequenceOperation::Append(Blob::pack(&item)?))
    }

    /// Adds items at the end, all of them or none.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn extend(&self, items: impl IntoIterator<Item = T>) -> Result<(), SharedError> {
        let items = items.into_iter().map(|item| Blob::pack(&item)).collect::<Result<_, _>>()?;
        self.row().done(SequenceOperation::Extend(items))
    }

    /// Puts an item before the one at an index, or at the end if the index is the length.
    ///
    /// # Errors
    /// [`SharedError::IndexOutOfRange`] and others.
    pub fn insert(&self, index: usize, item: T) -> Result<(), SharedError> {
        self.row().done(SequenceOperation::Insert(index as u64, Blob::pack(&item)?))
    }

    /// Takes the last item; `None` if there is none.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn pop(&self) -> Result<Option<T>, SharedError> {
        match self.remote.act(SequenceOperation::Pop)? {
            SequenceAnswer::Nothing => Ok(None),
            answer => self.row().read_item(answer).map(Some),
        }
    }

    /// Takes the item at an index.
    ///
    /// # Errors
    /// [`SharedError::IndexOutOfRange`] and others.
    pub fn pop_at(&self, index: usize) -> Result<T, SharedError> {
        self.row().item(SequenceOperation::Remove(index as u64))
    }

    /// Removes all items.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn clear(&self) -> Result<(), SharedError> {
        self.row().done(SequenceOperation::Clear)
    }

    /// Turns the order of the items round.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn reverse(&self) -> Result<(), SharedError> {
        self.row().done(SequenceOperation::Reverse)
    }

    /// Gives all items as they are now.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn to_vec(&self) -> Result<Vec<T>, SharedError> {
        self.row().slice(..)
    }

    /// Gives the items as they are now, one after the other: what others change meanwhile is not seen.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn iter(&self) -> Result<std::vec::IntoIter<T>, SharedError> {
        Ok(self.to_vec()?.into_iter())
    }

    /// Has the host call a function with one item and an argument; see [`Value::update`](crate::Value::update).
    ///
    /// # Errors
    /// [`SharedError::IndexOutOfRange`], [`SharedError::Panicked`] and others; the item is as before.
    pub fn update<F, A, R>(&self, index: usize, function: F, argument: A) -> Result<R, SharedError>
    where
        F: Fn(&mut T, A) -> R + Copy + 'static,
        A: Data,
        R: Data,
    {
        const { refuse_captures::<F>() };
        self.row().edit_at(index, Edit::of_value(function, &argument)?)
    }

    /// Has the host call a function with all items and an argument; see [`Value::update`](crate::Value::update). The function
    /// may add items and remove them.
    ///
    /// # Errors
    /// [`SharedError::Panicked`] and others; the list is as before.
    pub fn apply<F, A, R>(&self, function: F, argument: A) -> Result<R, SharedError>
    where
        F: Fn(&mut Vec<T>, A) -> R + Copy + 'static,
        A: Data,
        R: Data,
    {
        const { refuse_captures::<F>() };
        self.row().edit(Edit::of_items(function, &argument)?)
    }

    /// Gives a handle on the list that a restarted host holds, which is the initial one again.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn renew(&self) -> Result<List<T>, SharedError> {
        self.remote.renew().map(List::over)
    }
}

impl<T: Data + PartialEq> List<T> {
    /// Finds the first item that is equal to this one; `None` if there is none.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn index(&self, item: &T) -> Result<Option<usize>, SharedError> {
        Ok(self.row().find(item)?.0)
    }

    /// Counts the items that are equal to this one.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn count(&self, item: &T) -> Result<usize, SharedError> {
        Ok(self.row().find(item)?.1)
    }

    /// Whether there is an item that is equal to this one.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn contains(&self, item: &T) -> Result<bool, SharedError> {
        Ok(self.index(item)?.is_some())
    }

    /// Removes the first item that is equal to this one.
    ///
    /// # Errors
    /// [`SharedError::NotFound`] and others.
    pub fn remove(&self, item: T) -> Result<(), SharedError> {
        let remove = |items: &mut Vec<T>, item: T| {
            let found = items.iter().position(|other| *other == item);
            found.map(|index| drop(items.remove(index))).is_some()
        };
        if self.apply(remove, item)? { Ok(()) } else { Err(SharedError::NotFound) }
    }
}

impl<T: Data + Ord> List<T> {
    /// Sorts the items; equal ones stay in their order.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn sort(&self) -> Result<(), SharedError> {
        self.apply(|items: &mut Vec<T>, ()| items.sort(), ())
    }
}

impl<T: super::Number> List<T> {
    /// Adds to one item; gives what it was before.
    ///
    /// # Errors
    /// [`SharedError::IndexOutOfRange`], [`SharedError::Overflow`] and others; the item is as before.
    pub fn fetch_add(&self, index: usize, number: T) -> Result<T, SharedError> {
        self.row().edit_at(index, Edit::add(number)?)
    }
}

super::handle_traits!(List<T>, ArchivedList);
