//! Queues: from root to another process, and back through a second one.

use super::counter::verify;
use super::house;
use crate::contest::Burst;
use crate::failure::Failure;
use crate::pinning::Pinning;
use procession::prelude::*;
use std::time::Duration;

/// How long a burst may take.
const BURST_LIMIT: Duration = Duration::from_secs(30);

/// Most items that a consumer is handed at a time, where many go together.
const MANY: usize = 1024;

/// Has a consumer take so many items, up to `most` at a time, and answer when it has them.
#[message(reply = u64)]
struct Take {
    count: u64,
    most: usize,
}

/// Takes items from a queue.
struct Consumer {
    queue: Queue<u64>,
}

#[actor]
impl Actor for Consumer {
    type Args = Queue<u64>;
    type Messages = (Take,);

    fn start(queue: Queue<u64>, _: &mut Context<Self>) -> Result<Self, procession::Failure> {
        Ok(Consumer { queue })
    }
}

impl Handler<Take> for Consumer {
    fn handle(&mut self, take: Incoming<'_, Take>, _: &mut Context<Self>) -> u64 {
        let most = take.most.to_native() as usize;
        let taken = self.queue.iter_many(most).take(take.count.to_native() as usize);
        taken.map_while(Result::ok).count() as u64
    }
}

/// Starts a consumer, which takes one by one what root puts in one by one.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn one_by_one(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    producer(pinning, 1, |queue, items| (0..items).try_for_each(|item| queue.put(item)).map_err(Failure::side))
}

/// Starts a consumer, which takes many at a time of what root puts in with one call.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn together(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    producer(pinning, MANY, |queue, items| queue.put_all(0..items).map(drop).map_err(Failure::side))
}

/// Makes root a producer, and starts a consumer that takes up to `most` items at a time.
fn producer(
    pinning: &Pinning,
    most: usize,
    produce: impl Fn(&Queue<u64>, u64) -> Result<(), Failure> + 'static,
) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let queue = Queue::unbounded(&system).map_err(Failure::side)?;
    let consumer = system.spawn::<Consumer>(queue.clone()).map_err(Failure::side)?;
    Ok(Box::new(move |items: u64| {
        let _alive = &system;
        let taken = consumer.request(&Take { count: items, most }).map_err(Failure::side)?;
        produce(&queue, items)?;
        verify(items, taken.wait_within(BURST_LIMIT).map_err(Failure::side)?)
    }))
}

/// Starts a helper that puts into one queue what it takes from another.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn round_trip(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let there = Queue::unbounded(&system).map_err(Failure::side)?;
    let back = Queue::unbounded(&system).map_err(Failure::side)?;
    house::help(&system, echo, (there.clone(), back.clone()))?;
    Ok(Box::new(move |trips: u64| {
        let _alive = &system;
        (0..trips).try_for_each(|item| {
            there.put(item).map_err(Failure::side)?;
            back.get().map(drop).map_err(Failure::side)
        })
    }))
}

fn echo(there: Queue<u64>, back: Queue<u64>) {
    while there.get().is_ok_and(|item| back.put(item).is_ok()) {}
}
