//! Results as they are wanted.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::iter::FusedIterator;

use super::messages::Piece;
use super::stream::{self, Done, Stream};
use super::{PoolError, TaskError};
use crate::Data;

/// The results of [`Pool::imap`](crate::Pool::imap), in the order of the items.
///
/// A task's failure takes the place of its result, and the others go on; any other error is the last that it gives. Dropped, it
/// drops what has not been begun.
pub struct Imap<I, R> {
    stream: Stream<I>,
    /// What has come before its turn.
    stash: BTreeMap<u64, Vec<Piece>>,
    next: u64,
    ready: VecDeque<Result<R, TaskError>>,
    index: usize,
}

/// The results of [`Pool::imap_unordered`](crate::Pool::imap_unordered), as they come.
///
/// A task's failure takes the place of its result, and the others go on; the index in it counts the results that were given. Any
/// other error is the last that it gives. Dropped, it drops what has not been begun.
pub struct ImapUnordered<I, R> {
    stream: Stream<I>,
    ready: VecDeque<Result<R, TaskError>>,
    index: usize,
}

impl<I, R> Imap<I, R>
where
    I: Iterator<Item: Data>,
    R: Data,
{
    pub(super) fn new(stream: Stream<I>) -> Imap<I, R> {
        Imap { stream, stash: BTreeMap::new(), next: 0, ready: VecDeque::new(), index: 0 }
    }

    /// Takes in the batch whose turn it is. Gives whether there is one.
    fn advance(&mut self) -> Result<bool, PoolError> {
        loop {
            if let Some(pieces) = self.stash.remove(&self.next) {
                self.next += 1;
                unpack(pieces, &mut self.ready)?;
                return Ok(true);
            }
            let Some(Done { index, pieces }) = self.stream.next(self.stash.len())? else { return Ok(false) };
            self.stash.insert(index, pieces);
        }
    }
}

impl<I, R> ImapUnordered<I, R>
where
    I: Iterator<Item: Data>,
    R: Data,
{
    pub(super) fn new(stream: Stream<I>) -> ImapUnordered<I, R> {
        ImapUnordered { stream, ready: VecDeque::new(), index: 0 }
    }

    fn advance(&mut self) -> Result<bool, PoolError> {
        let Some(Done { pieces, .. }) = self.stream.next(0)? else { return Ok(false) };
        unpack(pieces, &mut self.ready)?;
        Ok(true)
    }
}

fn unpack<R: Data>(pieces: Vec<Piece>, ready: &mut VecDeque<Result<R, TaskError>>) -> Result<(), PoolError> {
    stream::read(pieces, |outcome| {
        ready.push_back(outcome);
        true
    })
    .map(drop)
}

macro_rules! iterate {
    ($name:ident) => {
        impl<I, R> Iterator for $name<I, R>
        where
            I: Iterator<Item: Data>,
            R: Data,
        {
            type Item = Result<R, PoolError>;

            fn next(&mut self) -> Option<Result<R, PoolError>> {
                loop {
                    if let Some(outcome) = self.ready.pop_front() {
                        let index = self.index;
                        self.index += 1;
                        return Some(outcome.map_err(|error| PoolError::Task { index, error }));
                    }
                    match self.advance() {
                        Ok(true) => {}
                        Ok(false) => return None,
                        Err(error) => return Some(Err(error)),
                    }
                }
            }
        }

        impl<I, R> FusedIterator for $name<I, R>
        where
            I: Iterator<Item: Data>,
            R: Data,
        {
        }

        impl<I, R> fmt::Debug for $name<I, R> {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.debug_struct(stringify!($name)).field("index", &self.index).finish_non_exhaustive()
            }
        }
    };
}

iterate!(Imap);
iterate!(ImapUnordered);
