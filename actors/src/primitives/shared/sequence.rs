//! Items in a row, at their host. Pure, but for what is lent.

use std::ops::Range;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use super::edit::Edit;
use super::fault::Fault;
use super::host::Object;
use super::loan::Loan;
use crate::data;
use crate::primitives::blob::Blob;

/// Items in a row: what a list and an array are at their host.
#[derive(Debug)]
pub(crate) struct Sequence {
    /// Shared only with a function while it runs.
    items: Rc<Vec<Blob>>,
    /// Since somebody wanted to use them where they are. Their number does not change then.
    loan: Option<Loan>,
}

/// What can be done with items in a row.
#[data]
#[derive(Debug, Clone)]
pub(crate) enum SequenceOperation {
    Length,
    Get(u64),
    Set(u64, Blob),
    /// From the first index to before the second, as far as there are items.
    Slice(u64, u64),
    /// Sets as many items as there are here, from an index on.
    Overwrite(u64, Vec<Blob>),
    /// Replaces the items from the first index to before the second, as far as there are any.
    Splice(u64, u64, Vec<Blob>),
    Append(Blob),
    Extend(Vec<Blob>),
    /// At an index up to the length.
    Insert(u64, Blob),
    /// Takes the last item, if there is one.
    Pop,
    Remove(u64),
    Clear,
    Reverse,
    /// Changes one item.
    EditAt(u64, Edit),
    /// Changes all.
    Edit(Edit),
}

/// What comes of it.
#[data]
#[derive(Debug, Clone)]
pub(crate) enum SequenceAnswer {
    Done,
    Nothing,
    Length(u64),
    Item(Blob),
    Items(Vec<Blob>),
}

impl Object for Sequence {
    type Initial = Vec<Blob>;
    type Operation = SequenceOperation;
    type Answer = SequenceAnswer;

    fn new(items: Vec<Blob>) -> Sequence {
        Sequence { items: Rc::new(items), loan: None }
    }

    fn act(&mut self, operation: SequenceOperation) -> Result<SequenceAnswer, Fault> {
        if self.loan.is_none() {
            return self.perform(operation);
        }
        let reach = self.reach(&operation);
        self.take_back(reach.clone());
        let count = self.items.len();
        let answer = self.perform(operation);
        if self.items.len() == count {
            self.lend(reach);
        } else {
            self.loan = None;
        }
        answer
    }

    fn share(&mut self) -> Option<OwnedFd> {
        Loan::share(&mut self.loan, &self.items)
    }
}

impl Sequence {
    fn perform(&mut self, operation: SequenceOperation) -> Result<SequenceAnswer, Fault> {
        use SequenceAnswer as Answer;
        use SequenceOperation as Operation;
        match operation {
            Operation::Length => return Ok(Answer::Length(self.items.len() as u64)),
            Operation::Get(index) => return Ok(Answer::Item(self.items[self.place(index)?].clone())),
            Operation::Slice(start, end) => {
                let (start, end) = self.clamp(start, end);
                return Ok(Answer::Items(self.items[start..end].to_vec()));
            }
            Operation::Pop => return Ok(self.items_mut().pop().map_or(Answer::Nothing, Answer::Item)),
            Operation::Remove(index) => {
                let index = self.place(index)?;
                return Ok(Answer::Item(self.items_mut().remove(index)));
            }
            Operation::EditAt(index, edit) => {
                let index = self.place(index)?;
                return edit.apply(&mut self.items_mut()[index]).map(Answer::Item);
            }
            Operation::Edit(edit) => return edit.apply_all(&mut self.items).map(Answer::Item),
            Operation::Set(index, item) => {
                let index = self.place(index)?;
                self.items_mut()[index] = item;
            }
            Operation::Overwrite(start, items) => self.overwrite(start, items)?,
            Operation::Splice(start, end, items) => {
                let (start, end) = self.clamp(start, end);
                self.items_mut().splice(start..end, items);
            }
            Operation::Append(item) => self.items_mut().push(item),
            Operation::Extend(items) => self.items_mut().extend(items),
            Operation::Insert(index, item) => {
                let index = self.gap(index)?;
                self.items_mut().insert(index, item);
            }
            Operation::Clear => self.items_mut().clear(),
            Operation::Reverse => self.items_mut().reverse(),
        }
        Ok(Answer::Done)
    }

    /// Says which items an operation may read or change.
    fn reach(&self, operation: &SequenceOperation) -> Range<usize> {
        use SequenceOperation as Operation;
        match operation {
            Operation::Length => 0..0,
            Operation::Get(index) | Operation::Set(index, _) | Operation::EditAt(index, _) => {
                self.place(*index).map_or(0..0, |index| index..index + 1)
            }
            Operation::Slice(start, end) => {
                let (start, end) = self.clamp(*start, *end);
                start..end
            }
            _ => 0..self.items.len(),
        }
    }

    fn take_back(&mut self, reach: Range<usize>) {
        let Some(loan) = &mut self.loan else { return };
        for index in reach {
            if let Some(now) = loan.keep(index, &self.items[index]) {
                Rc::make_mut(&mut self.items)[index] = now;
            }
        }
    }

    fn lend(&mut self, reach: Range<usize>) {
        let Some(loan) = &mut self.loan else { return };
        for index in reach {
            loan.lend(index, &self.items[index]);
        }
    }

    fn items_mut(&mut self) -> &mut Vec<Blob> {
        Rc::make_mut(&mut self.items)
    }

    /// Checks the index of an item.
    fn place(&self, index: u64) -> Result<usize, Fault> {
        let length = self.items.len();
        let place = usize::try_from(index).ok().filter(|index| *index < length);
        place.ok_or(Fault::Index { index, length: length as u64 })
    }

    /// Checks an index up to the length.
    fn gap(&self, index: u64) -> Result<usize, Fault> {
        let length = self.items.len();
        let gap = usize::try_from(index).ok().filter(|index| *index <= length);
        gap.ok_or(Fault::Index { index, length: length as u64 })
    }

    /// Cuts a range down to what there is.
    fn clamp(&self, start: u64, end: u64) -> (usize, usize) {
        let length = self.items.len();
        let end = usize::try_from(end).unwrap_or(usize::MAX).min(length);
        (usize::try_from(start).unwrap_or(usize::MAX).min(end), end)
    }

    fn overwrite(&mut self, start: u64, items: Vec<Blob>) -> Result<(), Fault> {
        let place = self.gap(start)?;
        if items.len() > self.items.len() - place {
            return Err(Fault::index(self.items.len(), self.items.len()));
        }
        self.items_mut().splice(place..place + items.len(), items);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
