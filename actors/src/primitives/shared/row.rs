//! What lists and arrays have in common.

use std::marker::PhantomData;
use std::ops::RangeBounds;

use super::edit::Edit;
use super::remote::Remote;
use super::sequence::{Sequence, SequenceAnswer, SequenceOperation};
use super::{SharedError, bounds, open};
use crate::Data;

/// Items of a type in a row, at a host.
pub(super) struct Row<'a, T> {
    remote: &'a Remote<Sequence>,
    kind: PhantomData<fn() -> T>,
}

impl<'a, T: Data> Row<'a, T> {
    pub(super) fn new(remote: &'a Remote<Sequence>) -> Row<'a, T> {
        Row { remote, kind: PhantomData }
    }

    /// Asks for something that is done or not.
    pub(super) fn done(&self, operation: SequenceOperation) -> Result<(), SharedError> {
        match self.remote.act(operation)? {
            SequenceAnswer::Done => Ok(()),
            other => Err(SharedError::senseless(&other)),
        }
    }

    /// Asks for an item.
    pub(super) fn item(&self, operation: SequenceOperation) -> Result<T, SharedError> {
        self.read_item(self.remote.act(operation)?)
    }

    pub(super) fn len(&self) -> Result<usize, SharedError> {
        match self.remote.act(SequenceOperation::Length)? {
            SequenceAnswer::Length(length) => Ok(usize::try_from(length).unwrap_or(usize::MAX)),
            other => Err(SharedError::senseless(&other)),
        }
    }

    pub(super) fn slice(&self, range: impl RangeBounds<usize>) -> Result<Vec<T>, SharedError> {
        let (start, end) = bounds(range);
        match self.remote.act(SequenceOperation::Slice(start, end))? {
            SequenceAnswer::Items(items) => items.iter().map(open).collect(),
            other => Err(SharedError::senseless(&other)),
        }
    }

    /// Has one item changed; gives what the function returned.
    pub(super) fn edit_at<R: Data>(&self, index: usize, edit: Edit) -> Result<R, SharedError> {
        read(self.remote.act(SequenceOperation::EditAt(index as u64, edit))?)
    }

    /// Has all items changed; gives what the function returned.
    pub(super) fn edit<R: Data>(&self, edit: Edit) -> Result<R, SharedError> {
        read(self.remote.act(SequenceOperation::Edit(edit))?)
    }

    /// Gives the index of the first item like this one, and how many there are.
    pub(super) fn find(&self, item: &T) -> Result<(Option<usize>, usize), SharedError>
    where
        T: PartialEq,
    {
        let (first, count): (Option<u64>, u64) = self.edit(Edit::find(item)?)?;
        let narrow = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Ok((first.map(narrow), narrow(count)))
    }

    pub(super) fn read_item(&self, answer: SequenceAnswer) -> Result<T, SharedError> {
        read(answer)
    }
}

fn read<R: Data>(answer: SequenceAnswer) -> Result<R, SharedError> {
    match answer {
        SequenceAnswer::Item(item) => open(&item),
        other => Err(SharedError::senseless(&other)),
    }
}
