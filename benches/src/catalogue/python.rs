//! The lines on primitives, beside Python.
//!
//! Both sides do the same with what each of them calls the same. Where the host of a primitive lives for ours, beside the
//! helpers, Python often has shared memory and nobody. Python's `put` returns before anybody else has the item, and what many
//! puts have left in its process leaves together; ours returns when the queue has it.

use crate::contest::{Burst, Contest, Pair};
use crate::failure::Failure;
use crate::line::Line;
use crate::ours::{lock, meeting, pipe, pool, queue, shared};
use crate::pinning::Pinning;
use crate::pinning::Placement::{Free, Same, Split};
use crate::python::{self, Script};
use crate::target::Target::{self, AtLeast, AtMost, RatioAtLeast, RatioAtMost};

/// For rates.
const NEVER_SLOWER: Target = RatioAtLeast(1.0);
const THREE_TIMES_THE_RATE: Target = RatioAtLeast(3.0);
const FOUR_TIMES_THE_RATE: Target = RatioAtLeast(4.0);

/// For times.
const NEVER_LONGER: Target = RatioAtMost(1.0);
const A_THIRD_OF_THE_TIME: Target = RatioAtMost(1.0 / 3.0);

/// All lines beside Python.
pub(super) fn lines() -> Vec<Line> {
    [queues(), pools(), locks(), meetings(), shared_data(), pipes()].into_iter().flatten().collect()
}

fn rate(script: Script, ours: impl Fn(&Pinning) -> Result<Box<dyn Burst>, Failure> + 'static) -> Contest {
    Contest::Rate(Pair::new(python::side(script)).ours(ours))
}

fn pace(script: Script, ours: impl Fn(&Pinning) -> Result<Box<dyn Burst>, Failure> + 'static) -> Contest {
    Contest::Pace(Pair::new(python::side(script)).ours(ours))
}

/// The same line wherever the scheduler likes, on one core, and on two.
fn everywhere(name: &'static str, operations: u64, target: Target, contest: impl Fn() -> Contest) -> [Line; 3] {
    [Free, Same, Split].map(|placement| Line::new(name, placement, operations, contest()).target(target))
}

fn queues() -> Vec<Line> {
    let together = || rate(Script::QUEUE, queue::together);
    let one_by_one = || rate(Script::QUEUE, queue::one_by_one);
    let round_trip = || pace(Script::QUEUE_ROUND_TRIP, queue::round_trip);
    [
        everywhere("queue, put many and get many", 20_000, THREE_TIMES_THE_RATE, together),
        // To be seen, not to be reached: each of our items has arrived when `put` returns, none of Python's has.
        everywhere("queue, put one by one and get", 20_000, THREE_TIMES_THE_RATE, one_by_one),
        everywhere("queue, round trip through two", 500, A_THIRD_OF_THE_TIME, round_trip),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn pools() -> Vec<Line> {
    let map = rate(Script::POOL_MAP, pool::map);
    let map_single = rate(Script::POOL_MAP_SINGLE, pool::map_single);
    let apply = || pace(Script::POOL_APPLY, pool::apply);
    let mut lines = vec![
        Line::new("pool, 100,000 squares", Free, 100_000, map).target(NEVER_SLOWER).aim(AtLeast(40e6)),
        Line::new("pool, 10,000 squares in chunks of one", Free, 10_000, map_single)
            .target(THREE_TIMES_THE_RATE)
            .aim(AtLeast(1e6)),
    ];
    lines.extend(everywhere("pool, one task", 300, A_THIRD_OF_THE_TIME, apply));
    lines
}

/// Where nobody contends, both sides have them in shared memory.
fn locks() -> Vec<Line> {
    let lock = || pace(Script::LOCK, lock::lock);
    let rlock = || pace(Script::RLOCK, lock::rlock);
    let semaphore = || pace(Script::SEMAPHORE, lock::semaphore);
    let wanted = || pace(Script::LOCK_WANTED, lock::wanted);
    let event = || pace(Script::EVENT_READ, lock::event_read);
    let free = [
        everywhere("lock, acquire and release", 10_000, NEVER_LONGER, lock),
        everywhere("rlock, acquire and release", 10_000, NEVER_LONGER, rlock),
        everywhere("semaphore, acquire and release", 10_000, NEVER_LONGER, semaphore),
    ];
    let free = free.into_iter().flatten().map(|line| line.aim(AtMost(40.0)));
    let others = [
        everywhere("event, look", 10_000, NEVER_LONGER, event),
        everywhere("lock that two want, acquire and release", 500, Target::None, wanted),
    ];
    free.chain(others.into_iter().flatten()).collect()
}

fn meetings() -> Vec<Line> {
    let condition = || pace(Script::CONDITION, meeting::condition);
    let event = || pace(Script::EVENT, meeting::event);
    let two = || rate(Script::BARRIER_OF_2, meeting::barrier_of_2);
    let four = || rate(Script::BARRIER_OF_4, meeting::barrier_of_4);
    let wakes = [
        everywhere("condition, notify and be notified", 500, NEVER_LONGER, condition),
        everywhere("event, set and wait for another", 500, NEVER_LONGER, event),
    ];
    let barriers = [
        everywhere("barrier of 2, passes", 300, NEVER_SLOWER, two),
        everywhere("barrier of 4, passes", 300, NEVER_SLOWER, four),
    ];
    let barriers = barriers.into_iter().flatten().map(|line| line.aim(FOUR_TIMES_THE_RATE));
    wakes.into_iter().flatten().chain(barriers).collect()
}

fn shared_data() -> Vec<Line> {
    let list = || rate(Script::MANAGER_LIST, shared::list);
    let value = || pace(Script::VALUE, shared::value);
    let array = || pace(Script::ARRAY, shared::array);
    let manager_value = || pace(Script::MANAGER_VALUE, shared::manager_value);
    let lists = everywhere("manager's list, append", 1_000, THREE_TIMES_THE_RATE, list);
    let values = [
        everywhere("value, add", 5_000, A_THIRD_OF_THE_TIME, value),
        everywhere("array, add to an item", 5_000, A_THIRD_OF_THE_TIME, array),
        everywhere("manager's value, add", 1_000, A_THIRD_OF_THE_TIME, manager_value),
    ];
    let lists = lists.map(|line| line.aim(FOUR_TIMES_THE_RATE));
    lists.into_iter().chain(values.into_iter().flatten()).collect()
}

fn pipes() -> Vec<Line> {
    let round_trip = || pace(Script::PIPE_ROUND_TRIP, pipe::round_trip);
    let one_way = || rate(Script::PIPE_RATE, pipe::one_way);
    [
        everywhere("pipe, round trip", 1_000, NEVER_LONGER, round_trip),
        everywhere("pipe, one way", 20_000, NEVER_SLOWER, one_way),
    ]
    .into_iter()
    .flatten()
    .collect()
}
