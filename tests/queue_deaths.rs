//! Queues: nobody's death loses an item that was put, shows one that was not, or leaves another waiting.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{Exit, PutError, QueueError};
use procession_tests::{Noting, SOON, eventually, kill, kill_soon, repeat};

const ROUNDS: u32 = 20;

const KILLED: Exit = Exit::Signal { signal: 9, core_dumped: false };

fn system() -> System {
    System::start().expect("a system")
}

/// Stays where it is until it is killed.
fn stay() -> ! {
    loop {
        thread::park();
    }
}

/// Puts the numbers from `first` on, for ever.
fn put_numbers((queue, first): (Queue<u64>, u64)) {
    for number in first.. {
        queue.put(number).expect("it takes them");
    }
}

/// An item of 8 MiB; a text, which is fast without optimisation too.
fn large(number: u8) -> String {
    char::from(b'a' + number).to_string().repeat(8 << 20)
}

fn put_large(queue: Queue<String>) {
    queue.put("started".to_owned()).expect("there is room");
    for number in 1.. {
        queue.put(large(number)).expect("it takes them");
    }
}

#[procession::test]
fn an_item_of_a_killed_producer_comes_whole_or_not_at_all() {
    repeat("producer killed while it puts", ROUNDS, |round| {
        let system = system();
        let queue = Queue::bounded(&system, 1).expect("a queue");
        let producer = system.process(put_large, queue.clone()).start().expect("a process");
        round.at("the first item");
        assert_eq!(queue.get().as_deref(), Ok("started"));
        // Such an item takes a while to be made and to go over: the kill comes before, in the midst of it, or after.
        let (start, delay) = (Instant::now(), Duration::from_micros(round.dice.roll(50_000)));
        while start.elapsed() < delay {
            std::hint::spin_loop();
        }
        kill_soon(round, &producer);
        round.at("another producer");
        let put = |queue: Queue<String>| queue.put("small".to_owned()).is_ok();
        let other = system.process(put, queue.clone()).start().expect("a process");
        let last = (1..).find(|number| {
            let item = queue.get().expect("it goes on");
            assert!(item == "small" || item == large(*number), "an item is not whole");
            item == "small"
        });
        assert!(last <= Some(3), "there was not that much room");
        assert_eq!((other.join(), queue.len()), (Ok(true), Ok(0)));
    });
}

/// Copies items from one queue to another until no more come.
fn copy((from, to): (Queue<u64>, Queue<u64>)) {
    for item in &from {
        to.put(item.expect("nothing fails")).expect("there is room");
    }
}

#[procession::test]
fn what_killed_consumers_had_in_hand_the_others_get() {
    const ITEMS: u64 = 200;
    repeat("two of three consumers killed", ROUNDS, |round| {
        let system = system();
        let (queue, seen) = (Queue::unbounded(&system).expect("a queue"), Queue::unbounded(&system).expect("a queue"));
        let consumers =
            [(); 3].map(|()| system.process(copy, (queue.clone(), seen.clone())).start().expect("a process"));
        (0..ITEMS).for_each(|number| queue.put(number).expect("there is room"));
        for (victim, consumer) in consumers[..2].iter().enumerate() {
            let enough = round.dice.roll(ITEMS / 2) as usize;
            round.at(format!("victim {victim}, after {enough} items"));
            eventually("some are seen", || seen.len().expect("it lives") >= enough);
            kill_soon(round, consumer);
        }
        round.at("the third consumer");
        queue.close().expect("it lives");
        consumers[2].join().expect("it sees the end");
        let items: Vec<u64> = std::iter::from_fn(|| seen.try_get().ok()).collect();
        let all: BTreeSet<u64> = items.iter().copied().collect();
        assert_eq!(all, (0..ITEMS).collect(), "an item is lost");
        assert!(items.len() as u64 <= ITEMS + 2, "only what the two had in hand is seen twice");
    });
}

#[procession::test]
fn what_a_thread_took_is_settled_by_its_end_and_not_by_that_of_another() {
    fn take_in_a_thread((queue, ready): (Queue<u64>, Queue<()>)) {
        let other = queue.clone();
        assert_eq!(thread::spawn(move || other.get()).join().expect("no panic"), Ok(0));
        assert_eq!(queue.get(), Ok(1));
        ready.put(()).expect("there is room");
        stay()
    }
    repeat("a thread ends, then its process is killed", ROUNDS, |round| {
        let system = system();
        let (queue, ready) = (Queue::unbounded(&system).expect("a queue"), Queue::unbounded(&system).expect("a queue"));
        (0..3).for_each(|number| queue.put(number).expect("there is room"));
        let arguments = (queue.clone(), ready.clone());
        let consumer = system.process(take_in_a_thread, arguments).start().expect("a process");
        round.at("the consumer");
        ready.get().expect("it gets that far");
        kill_soon(round, &consumer);
        round.at("what is left");
        assert_eq!((queue.get(), queue.get(), queue.try_get()), (Ok(1), Ok(2), Err(QueueError::Empty)));
    });
}

#[procession::test]
fn items_of_consumers_that_end_in_order_stay_taken_and_others_come_back() {
    fn take((queue, how): (Queue<u64>, u8)) -> u64 {
        let item = queue.get().expect("it is there");
        match how {
            0 => item,
            1 => panic!("a failure with {item} in hand"),
            2 => std::process::exit(3),
            _ => std::process::abort(),
        }
    }
    let system = system();
    let queue = Queue::unbounded(&system).expect("a queue");
    queue.put(1).expect("there is room");
    queue.put(2).expect("there is room");
    for how in [3, 2, 1] {
        system.process(take, (queue.clone(), how)).start().expect("a process").join().expect_err("it fails");
    }
    assert_eq!(system.process(take, (queue.clone(), 0)).start().expect("a process").join(), Ok(1));
    assert_eq!((queue.get(), queue.try_get()), (Ok(2), Err(QueueError::Empty)));
}

#[procession::test]
fn what_was_put_before_an_exit_arrives() {
    fn put_and_exit((queue, how): (Queue<u64>, u32)) {
        (0..1_000).for_each(|number| queue.put(number).expect("there is room"));
        match how % 3 {
            0 => {}
            1 => std::process::exit(0),
            _ => std::process::abort(),
        }
    }
    repeat("exit after a thousand puts", ROUNDS, |round| {
        let system = system();
        let queue = Queue::unbounded(&system).expect("a queue");
        let producer = system.process(put_and_exit, (queue.clone(), round.number)).start().expect("a process");
        let _ = producer.join();
        assert_eq!(queue.len(), Ok(1_000));
        (0..1_000).for_each(|number| assert_eq!(queue.get(), Ok(number)));
    });
}

#[procession::test]
fn the_work_of_a_killed_worker_is_done_by_another() {
    /// Takes three and finishes one.
    fn work((queue, ready): (JoinableQueue<u64>, Queue<()>)) {
        (0..3).for_each(|number| assert_eq!(queue.get(), Ok(number)));
        queue.task_done().expect("they are in hand");
        ready.put(()).expect("there is room");
        stay()
    }
    repeat("worker killed before task_done", ROUNDS, |round| {
        let system = system();
        let queue = JoinableQueue::unbounded(&system).expect("a queue");
        let ready = Queue::unbounded(&system).expect("a queue");
        (0..5).for_each(|number| queue.put(number).expect("there is room"));
        let worker = system.process(work, (queue.clone(), ready.clone())).start().expect("a process");
        ready.get().expect("it gets that far");
        assert_eq!(queue.get(), Ok(3));
        let other = queue.clone();
        let joiner = thread::spawn(move || other.join());
        kill_soon(round, &worker);
        round.at("what the worker had in hand");
        assert_eq!((queue.get(), queue.get(), queue.get()), (Ok(1), Ok(2), Ok(4)));
        (0..4).for_each(|_| queue.task_done().expect("they are in hand"));
        assert_eq!(queue.task_done(), Err(QueueError::Invalid));
        round.at("the join");
        joiner.join().expect("no panic").expect("all is done");
    });
}

#[procession::test]
fn when_all_producers_are_dead_the_queue_ends() {
    repeat("all producers killed", ROUNDS, |round| {
        let system = system();
        let queue = Queue::bounded(&system, 3).expect("a queue");
        let producers = [0, 1_000_000, 2_000_000]
            .map(|first| system.process(put_numbers, (queue.clone(), first)).start().expect("a process"));
        producers.iter().for_each(|producer| queue.register_producer(producer).expect("it is registered"));
        let other = queue.clone();
        let consumer = thread::spawn(move || other.iter().collect::<Result<Vec<u64>, _>>());
        producers.iter().for_each(|producer| kill_soon(round, producer));
        round.at("the consumer");
        let items = consumer.join().expect("no panic").expect("the end is no error");
        for first in [0, 1_000_000, 2_000_000] {
            let own: Vec<u64> = items.iter().copied().filter(|item| item / 1_000_000 * 1_000_000 == first).collect();
            assert_eq!(own, (first..first + own.len() as u64).collect::<Vec<_>>());
        }
    });
}

#[procession::test]
fn killed_waiters_are_passed_over() {
    fn wait(queue: Queue<u64>) {
        let _ = queue.get();
        stay()
    }
    repeat("waiting consumers killed", ROUNDS, |round| {
        let system = system();
        let queue = Queue::unbounded(&system).expect("a queue");
        let waiters = [(); 3].map(|()| system.process(wait, queue.clone()).start().expect("a process"));
        let other = queue.clone();
        let getter = thread::spawn(move || (0..3).map(|_| other.get()).collect::<Result<BTreeSet<_>, _>>());
        waiters[..2].iter().for_each(|waiter| kill_soon(round, waiter));
        (0..3).for_each(|number| queue.put(number).expect("there is room"));
        kill_soon(round, &waiters[2]);
        round.at("the living getter");
        assert_eq!(getter.join().expect("no panic"), Ok(BTreeSet::from([0, 1, 2])));
    });
}

#[procession::test]
fn all_who_wait_are_told_of_the_end_of_the_host() {
    repeat("host killed", ROUNDS, |round| {
        let system = system();
        let home = Noting::of(&system);
        let queue = JoinableQueue::<u64>::bounded(&home, 1).expect("a queue");
        queue.put(1).expect("there is room");
        queue.put_within(2, Duration::ZERO).expect_err("it is full");
        let (putter, joiner) = (queue.clone(), queue.clone());
        let putter = thread::spawn(move || putter.put(2).map_err(PutError::into_error));
        let joiner = thread::spawn(move || joiner.join());
        round.dice.spin();
        kill(home.pid(), Signal::SIGKILL);
        let start = Instant::now();
        let is_told = |error: &QueueError| *error == QueueError::HostDied(KILLED);
        for (who, outcome) in [("put", putter.join()), ("join", joiner.join())] {
            round.at(who);
            let error = outcome.expect("no panic").expect_err("the host is gone");
            assert!(is_told(&error), "{who}: {error:?}");
        }
        eventually("a get is told", || queue.try_get().is_err_and(|error| is_told(&error)));
        assert!(queue.iter().next().is_some_and(|item| item.is_err_and(|error| is_told(&error))));
        assert!(start.elapsed() < SOON / 5, "{:?}", start.elapsed());
    });
}
