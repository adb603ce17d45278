//! Queues: many items with one message, and consumers that are stopped.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{PutAllError, QueueError};
use procession_tests::{Dice, eventually, kill, process_table, repeat};

/// How often each fault is tried.
const ROUNDS: u32 = 20;

fn system() -> System {
    System::start().expect("a system")
}

fn pid<T: Data>(child: &Child<T>) -> i32 {
    child.pid().expect("the system answers").expect("it runs")
}

#[procession::test]
fn many_items_come_out_as_they_went_in_however_they_are_cut() {
    let system = system();
    let queue = Queue::bounded(&system, 700).expect("a queue");
    let producer = |queue: Queue<u64>| queue.put_all(0..20_000).expect("the queue takes them");
    let child = system.process(producer, queue.clone()).start().expect("a producer");
    queue.register_producer(&child).expect("it is registered");
    let mut dice = Dice::new(7);
    let mut taken: Vec<u64> = Vec::new();
    while taken.len() < 10_000 {
        match dice.roll(3) {
            0 => taken.extend(queue.get_many(dice.roll(300) as usize).expect("more come")),
            1 => taken.push(queue.get().expect("more come")),
            _ => {
                let items = queue.iter_many(100).take(dice.roll(250) as usize);
                taken.extend(items.map(|item| item.expect("more come")));
            }
        }
    }
    taken.extend(queue.iter_many(1000).map(|item| item.expect("the queue ends in order")));
    assert_eq!(taken, (0..20_000).collect::<Vec<_>>());
    assert_eq!(child.join().expect("it returns"), 20_000);
    assert_eq!(queue.get_many(5), Err(QueueError::Closed));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn nothing_at_all_can_be_put() {
    let system = system();
    let queue = Queue::<u64>::unbounded(&system).expect("a queue");
    assert_eq!(queue.put_all([]).expect("nothing is easy"), 0);
    assert_eq!(queue.len(), Ok(0));
    assert_eq!(queue.put_all([1]).expect("one is"), 1);
    assert_eq!(queue.get_many(0).expect("one at least"), [1]);
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn what_was_not_taken_comes_back() {
    let system = system();
    let queue = Queue::bounded(&system, 3).expect("a queue");
    let (closing, full) = (queue.clone(), queue.clone());
    let closer = thread::spawn(move || {
        eventually("the queue is full", || full.len() == Ok(3));
        closing.close().expect("it closes");
    });
    let mut items = (0..5_000).map(|number| number.to_string());
    let PutAllError { taken, rest, error } = queue.put_all(&mut items).expect_err("it is closed meanwhile");
    assert_eq!((taken, error), (3, QueueError::Closed));
    let left: Vec<String> = rest.into_iter().chain(items).collect();
    assert_eq!(left, (3..5_000).map(|number| number.to_string()).collect::<Vec<_>>());
    closer.join().expect("it closes");
    assert_eq!(queue.get_many(10).expect("three are there"), ["0", "1", "2"]);
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn an_item_that_cannot_be_packed_stops_no_other() {
    let system = System::builder().message_limit_bytes(1 << 20).start().expect("a system");
    let queue = Queue::unbounded(&system).expect("a queue");
    let items = [1_usize, 10, 2 << 20, 5].map(|length| "x".repeat(length));
    let PutAllError { taken, rest, error } = queue.put_all(items).expect_err("one is too large");
    assert!(matches!(error, QueueError::TooLarge { .. }), "{error}");
    assert!(taken + rest.len() >= 1 && taken <= 2, "{taken} {}", rest.len());
    queue.put("after".to_owned()).expect("the queue goes on");
    assert_eq!(queue.iter().take(taken + 1).last(), Some(Ok("after".to_owned())));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn what_a_loop_has_not_given_others_get() {
    let system = system();
    let queue = Queue::unbounded(&system).expect("a queue");
    queue.put_all(0..100).expect("there is room");
    let mut some = queue.iter_many(50);
    assert_eq!(some.next(), Some(Ok(0)));
    assert_eq!(queue.len(), Ok(50));
    assert_eq!(queue.get(), Ok(1), "one thread has one hand");
    drop(some);
    let other = system.process(|queue: Queue<u64>| queue.get_many(200).expect("there are some"), queue.clone());
    assert_eq!(other.start().expect("a process").join().expect("it returns"), (2..100).collect::<Vec<_>>());
    system.shutdown().expect("an orderly end");
}

/// Takes items many at a time and passes them on, one at a time.
fn pass_on((from, to): (Queue<u64>, Queue<u64>)) {
    for item in from.iter_many(64) {
        to.put(item.expect("the queue goes on")).expect("there is room");
    }
}

#[procession::test]
fn nothing_is_lost_when_those_who_take_many_are_killed() {
    repeat("consumers of many are killed", ROUNDS, |round| {
        let system = system();
        let (from, to) = (Queue::unbounded(&system).expect("a queue"), Queue::unbounded(&system).expect("a queue"));
        let children: Vec<Child<()>> =
            (0..3).map(|_| system.process(pass_on, (from.clone(), to.clone())).start().expect("a process")).collect();
        from.put_all(0..2_000).expect("there is room");
        for child in &children[..2] {
            round.dice.spin();
            kill(pid(child), Signal::SIGKILL);
        }
        from.close().expect("it closes");
        round.at("joining the third");
        children.into_iter().nth(2).expect("there are three").join().expect("it ends in order");
        to.close().expect("it closes");
        let mut items: Vec<u64> = to.iter_many(500).map(|item| item.expect("it ends in order")).collect();
        items.sort_unstable();
        items.dedup();
        assert_eq!(items, (0..2_000).collect::<Vec<_>>());
        system.shutdown().expect("an orderly end");
    });
}

#[procession::test]
fn a_producer_of_many_that_is_killed_has_put_the_first_of_them() {
    repeat("a producer of many is killed", ROUNDS, |round| {
        let system = system();
        let queue = Queue::<u64>::unbounded(&system).expect("a queue");
        let produce = |queue: Queue<u64>| queue.put_all(0..).map_err(|error| error.to_string());
        let child = system.process(produce, queue.clone()).start().expect("a process");
        queue.register_producer(&child).expect("it is registered");
        assert_eq!(queue.get(), Ok(0));
        round.dice.spin();
        kill(pid(&child), Signal::SIGKILL);
        let rest: Vec<u64> = queue.iter_many(1000).map(|item| item.expect("it ends in order")).collect();
        assert_eq!(rest, (1..=rest.len() as u64).collect::<Vec<_>>());
        system.shutdown().expect("an orderly end");
    });
}

#[procession::test]
fn a_consumer_that_is_stopped_is_not_dead_and_costs_no_memory() {
    const ITEM_BYTES: usize = 64 << 10;
    fn consume((queue, ready): (Queue<Vec<u8>>, Queue<()>)) {
        let _in_hand = queue.get().expect("one comes");
        ready.put(()).expect("there is room");
        loop {
            thread::park();
        }
    }
    repeat("a stopped consumer", 5, |_| {
        let system = system();
        let queue = Queue::with_limits(&system, 1_000_000, 4 << 20).expect("a queue");
        let ready = Queue::unbounded(&system).expect("a queue");
        let child = system.process(consume, (queue.clone(), ready.clone())).start().expect("a process");
        queue.put(vec![1; ITEM_BYTES]).expect("there is room");
        ready.get().expect("it has one in hand");
        kill(pid(&child), Signal::SIGSTOP);
        let mut items = std::iter::repeat_with(|| vec![2; ITEM_BYTES]);
        while queue.put_within(items.next().expect("no end"), Duration::from_millis(200)).is_ok() {}
        let host = process_table::descendants(std::process::id().cast_signed()).into_iter();
        let sizes: Vec<usize> =
            host.filter(|entry| entry.name == "queue").map(|entry| process_table::resident_bytes(entry.pid)).collect();
        assert!(!sizes.is_empty() && sizes.iter().all(|size| *size < 64 << 20), "{sizes:?}");
        assert_eq!(child.is_alive(), Ok(true));
        let before = queue.len().expect("it answers");
        kill(pid(&child), Signal::SIGKILL);
        eventually("what it had in hand is back", || queue.len() == Ok(before + 1));
        assert_eq!(queue.get().expect("it is back").first(), Some(&1));
        system.shutdown().expect("an orderly end");
    });
}
