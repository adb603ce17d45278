//! Work that nobody's thread waits for, as the driver sees it.

use std::collections::BTreeMap;

use super::async_result::Promise;
use super::feeder::{Feeder, Lane};
use super::messages::{Batch, Piece};
use super::stream::{self, Done};
use super::{PoolError, TaskError};
use crate::Data;

/// Some batches, and somebody who wants to know what becomes of them.
pub(super) trait Job: Send {
    /// Packs the next batch.
    fn next_batch(&mut self, lane: Lane, job: u64) -> Option<Result<Batch, PoolError>>;

    /// Takes an answer.
    fn take(&mut self, done: Done);

    /// Nothing more comes: all answers have been taken, or there was this error.
    fn finish(self: Box<Self>, error: Option<PoolError>);
}

/// What is made of all outcomes, in the order of the items.
pub(super) type Make<R, T> = fn(Vec<Result<R, TaskError>>) -> Result<T, PoolError>;

/// A map, or a single call.
pub(super) struct MapJob<I, R, T> {
    feeder: Feeder<I>,
    answers: BTreeMap<u64, Vec<Piece>>,
    promise: Promise<T>,
    make: Make<R, T>,
}

impl<I, R, T> MapJob<I, R, T> {
    pub(super) fn new(feeder: Feeder<I>, promise: Promise<T>, make: Make<R, T>) -> MapJob<I, R, T> {
        MapJob { feeder, answers: BTreeMap::new(), promise, make }
    }
}

impl<I, R, T> Job for MapJob<I, R, T>
where
    I: Iterator<Item: Data> + Send,
    R: Data,
    T: Send,
{
    fn next_batch(&mut self, lane: Lane, job: u64) -> Option<Result<Batch, PoolError>> {
        Some(self.feeder.next(lane, job)?.map_err(PoolError::from))
    }

    fn take(&mut self, done: Done) {
        self.feeder.note_done(stream::count(&done.pieces));
        self.answers.insert(done.index, done.pieces);
    }

    fn finish(self: Box<Self>, error: Option<PoolError>) {
        let MapJob { answers, promise, make, .. } = *self;
        if let Some(error) = error {
            return promise.fulfil(Err(error));
        }
        let mut results = Vec::new();
        let read = answers.into_values().try_for_each(|pieces| {
            stream::read(pieces, |outcome| {
                results.push(outcome);
                true
            })
            .map(drop)
        });
        promise.fulfil(read.and_then(|()| make(results)));
    }
}
