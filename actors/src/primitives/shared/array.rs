//! The handle on a shared array.

use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;

use rkyv::{Archive, Deserialize, Serialize};

use super::edit::Edit;
use super::in_place::InPlace;
use super::remote::Remote;
use super::row::Row;
use super::sequence::{Sequence, SequenceOperation};
use super::{Number, SharedError, pack_all};
use crate::function::refuse_captures;
use crate::primitives::blob::Blob;
use crate::{Data, Home, ProcessId};

/// A fixed number of items that processes share.
///
/// It is a [`List`](crate::List) that neither grows nor shrinks; what is said there holds here, too. Items that are integers of
/// up to 64 bits are read, set and added to one by one without a question, as a [`Value`](crate::Value) is; an array of more
/// than 2^20 items is not.
///
/// # Example
/// ```no_run
/// use procession::Array;
/// use procession::prelude::*;
///
/// #[procession::main]
/// fn main() -> procession::Result<()> {
///     let system = System::start()?;
///     let array = Array::new(&system, vec![1, 2, 3])?;
///     let double = |index: usize, array: Array<i64>| array.update(index, |item, ()| *item *= 2, ()).is_ok();
///     for index in 0..array.len()? {
///         system.process(double, (index, array.clone())).start()?.join()?;
///     }
///     assert_eq!(array.to_vec()?, [2, 4, 6]);
///     system.shutdown()
/// }
/// ```
#[derive(Archive, Serialize, Deserialize)]
pub struct Array<T> {
    remote: Remote<Sequence>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Data> Array<T> {
    /// Shares an array of these items.
    ///
    /// # Errors
    /// [`SharedError::Spawn`]; nothing is left of it then.
    pub fn new(home: &impl Home, items: Vec<T>) -> Result<Array<T>, SharedError> {
        Ok(Array::over(Remote::start(home, pack_all(&items)?, "array")?))
    }

    fn over(remote: Remote<Sequence>) -> Array<T> {
        Array { remote, kind: PhantomData }
    }

    fn row(&self) -> Row<'_, T> {
        Row::new(&self.remote)
    }

    #[inline]
    fn in_place(&self, index: usize) -> InPlace<'_, Sequence, T> {
        InPlace::new(&self.remote, index)
    }

    /// Number of items.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn len(&self) -> Result<usize, SharedError> {
        self.row().len()
    }

    /// Whether there are no items, nor will be.
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
        if let Some(item) = self.in_place(index).get()? {
            return Ok(item);
        }
        self.row().item(SequenceOperation::Get(index as u64))
    }

    /// Sets one item.
    ///
    /// # Errors
    /// As [`get`](Array::get).
    pub fn set(&self, index: usize, item: T) -> Result<(), SharedError> {
        if let Some(()) = self.in_place(index).set(&item)? {
            return Ok(());
        }
        self.row().done(SequenceOperation::Set(index as u64, Blob::pack(&item)?))
    }

    /// Gives the items in a range, as far as there are any.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Result<Vec<T>, SharedError> {
        self.row().slice(range)
    }

    /// Sets as many items as are given, from an index on.
    ///
    /// # Errors
    /// [`SharedError::IndexOutOfRange`] if they go beyond the end, and others; nothing is set then.
    pub fn set_slice(&self, start: usize, items: Vec<T>) -> Result<(), SharedError> {
        self.row().done(SequenceOperation::Overwrite(start as u64, pack_all(&items)?))
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

    /// Has the host call a function with all items and an argument; see [`Value::update`](crate::Value::update).
    ///
    /// # Errors
    /// [`SharedError::Panicked`] and others; the array is as before.
    pub fn apply<F, A, R>(&self, function: F, argument: A) -> Result<R, SharedError>
    where
        F: Fn(&mut [T], A) -> R + Copy + 'static,
        A: Data,
        R: Data,
    {
        const { refuse_captures::<F>() };
        self.row().edit(Edit::of_slice(function, &argument)?)
    }

    /// Gives a handle on the array that a restarted host holds, which is the initial one again.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn renew(&self) -> Result<Array<T>, SharedError> {
        self.remote.renew().map(Array::over)
    }
}

impl<T: Number> Array<T> {
    /// Adds to one item; gives what it was before.
    ///
    /// # Errors
    /// [`SharedError::IndexOutOfRange`], [`SharedError::Overflow`] and others; the item is as before.
    pub fn fetch_add(&self, index: usize, number: T) -> Result<T, SharedError> {
        if let Some(before) = self.in_place(index).change(|item| item.sum(number))? {
            return Ok(before);
        }
        self.row().edit_at(index, Edit::add(number)?)
    }

    /// Subtracts from one item; gives what it was before.
    ///
    /// # Errors
    /// As [`fetch_add`](Array::fetch_add).
    pub fn fetch_sub(&self, index: usize, number: T) -> Result<T, SharedError> {
        if let Some(before) = self.in_place(index).change(|item| item.difference(number))? {
            return Ok(before);
        }
        self.row().edit_at(index, Edit::subtract(number)?)
    }
}

super::handle_traits!(Array<T>, ArchivedArray);
