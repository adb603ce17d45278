//! Queues whose small items go from hand to hand without the host: all that is promised of those that it hands out holds.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{PutError, QueueError, Receiver, Sender};
use procession_tests::{Noting, eventually, kill, kill_soon, pid, repeat};

const ROUNDS: u32 = 20;

/// After so many each way a thread puts and gets without asking.
const WARM: u64 = 50;

fn system() -> System {
    System::start().expect("a system")
}

/// Puts and gets until this thread needs the host no more, which is idle then.
fn warm(queue: &Queue<u64>) {
    for number in 0..WARM {
        queue.put(number).expect("there is room");
        assert_eq!(queue.get(), Ok(number));
    }
    assert_eq!(queue.len(), Ok(0));
}

fn warm_queue(system: &System) -> Queue<u64> {
    let queue = Queue::unbounded(system).expect("a queue");
    warm(&queue);
    queue
}

/// Copies items from one queue to another until no more come.
fn copy((from, to): (Queue<u64>, Queue<u64>)) {
    for item in &from {
        let Ok(()) = item.map_err(drop).and_then(|item| to.put(item).map_err(drop)) else { return };
    }
}

/// Two queues, and a process that copies from the first to the second, all of them used.
fn warm_copy(system: &System) -> (Queue<u64>, Queue<u64>, Child<()>) {
    let (there, back) = (Queue::unbounded(system).expect("a queue"), Queue::unbounded(system).expect("a queue"));
    let copier = system.process(copy, (there.clone(), back.clone())).start().expect("a process");
    for number in 0..WARM {
        there.put(number).expect("there is room");
        assert_eq!(back.get(), Ok(number));
    }
    (there, back, copier)
}

#[procession::test]
fn a_stopped_host_holds_nobody_up_who_passes_items_on() {
    let system = system();
    let noting = Noting::of(&system);
    let queue = Queue::unbounded(&noting).expect("a queue");
    warm(&queue);
    // It has been handed this one, and the next are its own affair.
    queue.put(0).expect("there is room");
    assert_eq!(queue.get(), Ok(0));
    let host = noting.pid();
    kill(host, Signal::SIGSTOP);
    for number in 0..1000 {
        assert_eq!(queue.put(number), Ok(()));
        assert_eq!(queue.put(number + 1), Ok(()));
        assert_eq!((queue.get(), queue.try_get()), (Ok(number), Ok(number + 1)));
    }
    kill(host, Signal::SIGCONT);
    assert_eq!((queue.len(), queue.try_get()), (Ok(0), Err(QueueError::Empty)));
}

#[procession::test]
fn items_of_one_thread_keep_their_order_whichever_way_they_go() {
    /// Gives the first item that came out of order, after the one that was expected.
    fn check(queue: Queue<Vec<u64>>) -> Option<(u64, u64)> {
        let numbers = queue.iter().map(|item| item.expect("nothing fails")[0]);
        (0..).zip(numbers).find(|(expected, number)| expected != number)
    }
    repeat("items of many sizes", ROUNDS, |round| {
        let system = system();
        let queue = Queue::with_limits(&system, 8 + round.dice.roll(100) as usize, 1 << 20).expect("a queue");
        let consumer = system.process(check, queue.clone()).start().expect("a process");
        for number in 0..1000 {
            // Most are small, some are too large for the shelf, and now and then everything else comes first.
            let length = if round.dice.roll(8) == 0 { 100 } else { 1 + round.dice.roll(10) as usize };
            queue.put(vec![number; length]).expect("there is room");
            if round.dice.roll(50) == 0 {
                eventually("all are taken", || queue.is_empty().expect("it lives"));
            }
        }
        queue.close().expect("it lives");
        assert_eq!(consumer.join(), Ok(None));
    });
}

#[procession::test]
fn what_a_killed_consumer_has_in_hand_comes_back_before_all_that_came_later() {
    /// Says of each item that it has it, and gets again when it is told to.
    fn get_and_stay((queue, said, go): (Queue<u64>, Sender<u64>, Receiver<()>)) {
        for item in &queue {
            said.send(&item.expect("nothing fails")).expect("somebody listens");
            go.recv().expect("somebody says so");
        }
    }
    repeat("consumer killed with an item in hand", ROUNDS, |round| {
        let system = system();
        let queue = warm_queue(&system);
        let (heard, said) = Pipe::one_way().expect("a pipe");
        let (told, go) = Pipe::one_way().expect("a pipe");
        let consumer = system.process(get_and_stay, (queue.clone(), said, told)).start().expect("a process");
        let last = WARM + round.dice.roll(8);
        for number in 0..last {
            queue.put(number).expect("there is room");
            assert_eq!(heard.recv(), Ok(number));
            go.send(&()).expect("it listens");
        }
        (last..last + 4).for_each(|number| queue.put(number).expect("there is room"));
        assert_eq!(heard.recv(), Ok(last));
        kill_soon(round, &consumer);
        round.at("what is left");
        eventually("the queue is told", || queue.len() == Ok(4));
        (last..last + 4).for_each(|number| assert_eq!(queue.try_get(), Ok(number)));
    });
}

#[procession::test]
fn what_goes_by_a_killed_process_is_not_lost() {
    repeat("one of two who pass items on is killed", ROUNDS, |round| {
        let system = system();
        let (there, back, victim) = warm_copy(&system);
        let other = system.process(copy, (there.clone(), back.clone())).start().expect("a process");
        let (victim_pid, spins) = (pid(&victim), round.dice.roll(200_000));
        let killer = thread::spawn(move || {
            (0..spins).for_each(|_| std::hint::spin_loop());
            kill(victim_pid, Signal::SIGKILL);
        });
        let mut twice = 0;
        for number in 0..1000 {
            there.put(number).expect("there is room");
            while back.get().expect("the other lives") != number {
                twice += 1;
            }
        }
        killer.join().expect("no panic");
        victim.join().expect_err("it was killed");
        round.at("the end");
        there.close().expect("it lives");
        other.join().expect("it sees the end");
        twice += std::iter::from_fn(|| back.try_get().ok()).count();
        assert!(twice <= 1, "only what it had in hand is seen twice");
    });
}

#[procession::test]
fn what_a_killed_producer_had_put_is_taken_once_and_in_order() {
    /// Puts the numbers in, and says after each that it is put.
    fn put_and_say((queue, said): (Queue<u64>, Sender<u64>)) {
        for number in 0.. {
            queue.put(number).expect("there is room");
            said.send(&number).expect("somebody listens");
        }
    }
    fn last(heard: &Receiver<u64>) -> Option<u64> {
        std::iter::from_fn(|| heard.recv().ok()).last()
    }
    repeat("producer killed while its items are taken", ROUNDS, |round| {
        let system = system();
        let queue = warm_queue(&system);
        let (heard, said) = Pipe::one_way().expect("a pipe");
        let producer = system.process(put_and_say, (queue.clone(), said)).start().expect("a process");
        queue.register_producer(&producer).expect("it is open");
        let (victim, items) = (pid(&producer), WARM + round.dice.roll(500));
        let mut taken = Vec::new();
        while let Ok(item) = queue.get() {
            taken.push(item);
            if taken.len() as u64 == items {
                kill(victim, Signal::SIGKILL);
            }
        }
        producer.join().expect_err("it was killed");
        round.at("what it had said");
        let put = last(&heard).map_or(0, |last| last + 1);
        assert_eq!(taken, (0..taken.len() as u64).collect::<Vec<_>>());
        assert!((put..=put + 1).contains(&(taken.len() as u64)), "{put} were put, {} came", taken.len());
    });
}

#[procession::test]
fn a_stopped_process_holds_nobody_up_and_is_not_dead() {
    repeat("who passes items on is stopped", ROUNDS, |round| {
        let system = system();
        let (there, back, stopped) = warm_copy(&system);
        let other = system.process(copy, (there.clone(), back.clone())).start().expect("a process");
        let victim = pid(&stopped);
        let mut missing = BTreeSet::new();
        for number in 0..500 {
            there.put(number).expect("there is room");
            missing.insert(number);
            if number == 100 {
                round.dice.spin();
                kill(victim, Signal::SIGSTOP);
            }
            // One may be in the hand of the stopped, and what it has put on the shelf halfway.
            while missing.len() > 1 {
                assert!(missing.remove(&back.get().expect("the other lives")), "it is seen twice");
            }
        }
        round.at("the end");
        kill(victim, Signal::SIGCONT);
        while !missing.is_empty() {
            assert!(missing.remove(&back.get().expect("both live")), "it is seen twice");
        }
        there.close().expect("it lives");
        [stopped, other].into_iter().for_each(|copier| copier.join().expect("it sees the end"));
        assert_eq!(back.try_get(), Err(QueueError::Empty));
    });
}

#[procession::test]
fn a_queue_holds_as_much_as_it_may_and_no_more() {
    let system = system();
    for limit in [1, 7, 8, 20, 60] {
        let queue = Queue::bounded(&system, limit).expect("a queue");
        warm(&queue);
        for _ in 0..3 {
            let put = (0..).map_while(|number| queue.try_put(number).ok()).count();
            assert_eq!((put, queue.len()), (limit, Ok(limit)));
            assert_eq!(queue.try_put(99), Err(PutError::Full(99)));
            (0..limit as u64).for_each(|number| assert_eq!(queue.get(), Ok(number)));
            assert_eq!((queue.try_get(), queue.len()), (Err(QueueError::Empty), Ok(0)));
        }
    }
}

#[procession::test]
fn what_is_there_when_it_is_closed_is_handed_out() {
    let system = system();
    let queue = warm_queue(&system);
    (0..3).for_each(|number| queue.put(number).expect("there is room"));
    assert_eq!((queue.get(), queue.len()), (Ok(0), Ok(2)));
    (3..5).for_each(|number| queue.put(number).expect("there is room"));
    queue.close().expect("it lives");
    assert_eq!(queue.put(9), Err(PutError::Closed(9)));
    (1..5).for_each(|number| assert_eq!(queue.get(), Ok(number)));
    assert_eq!(queue.get(), Err(QueueError::Closed));
}

/// What a loop gives back is on its way to the host when its thread gets again, and was put before what is on the shelf.
#[procession::test]
fn what_a_loop_has_not_given_comes_before_what_was_put_later() {
    repeat("a loop gives back while its host is stopped", ROUNDS, |_| {
        let system = system();
        let noting = Noting::of(&system);
        let queue = Queue::unbounded(&noting).expect("a queue");
        let host = noting.pid();
        warm(&queue);
        queue.put_all(1..=10).expect("there is room");
        let mut items = queue.iter_many(10);
        assert_eq!(items.next(), Some(Ok(1)));
        kill(host, Signal::SIGSTOP);
        queue.put(11).expect("there is room");
        drop(items);
        let (go, gone) = mpsc::channel();
        let waker = thread::spawn(move || {
            gone.recv().expect("it comes");
            kill(host, Signal::SIGCONT);
        });
        go.send(()).expect("it listens");
        (2..=11).for_each(|number| assert_eq!(queue.get(), Ok(number)));
        waker.join().expect("no panic");
    });
}

/// The host answers a request that its thread has given up, and hears of that later: the thread does not go past it meanwhile.
#[procession::test]
fn what_answers_a_request_that_was_given_up_comes_before_what_was_put_later() {
    repeat("a request given up while the host is stopped", ROUNDS, |_| {
        let system = system();
        let noting = Noting::of(&system);
        let queue = Queue::unbounded(&noting).expect("a queue");
        let host = noting.pid();
        warm(&queue);
        let (go, gone) = mpsc::channel();
        let producer = queue.clone();
        let producer = thread::spawn(move || {
            (0..WARM).for_each(|number| producer.put(number).expect("there is room"));
            gone.recv().expect("it comes");
            kill(host, Signal::SIGCONT);
            (1..=50).for_each(|number| producer.put(number).expect("there is room"));
        });
        (0..WARM).for_each(|number| assert_eq!(queue.get(), Ok(number)));
        kill(host, Signal::SIGSTOP);
        assert_eq!(queue.get_within(Duration::from_millis(1)), Err(QueueError::Unresponsive));
        go.send(()).expect("it listens");
        (1..=50).for_each(|number| assert_eq!(queue.get(), Ok(number)));
        producer.join().expect("no panic");
    });
}

#[procession::test]
fn what_a_thread_has_taken_is_settled_when_it_ends() {
    fn take_in_a_thread((queue, ready): (Queue<u64>, Queue<u64>)) {
        let other = queue.clone();
        let taken = thread::spawn(move || {
            warm(&other);
            other.put(1).expect("there is room");
            other.get()
        });
        assert_eq!(taken.join().expect("no panic"), Ok(1));
        warm(&queue);
        (2..4).for_each(|number| queue.put(number).expect("there is room"));
        assert_eq!(queue.get(), Ok(2));
        ready.put(0).expect("there is room");
        loop {
            thread::park();
        }
    }
    repeat("a thread ends, then its process is killed", ROUNDS, |round| {
        let system = system();
        let (queue, ready) = (Queue::unbounded(&system).expect("a queue"), Queue::unbounded(&system).expect("a queue"));
        let arguments = (queue.clone(), ready.clone());
        let consumer = system.process(take_in_a_thread, arguments).start().expect("a process");
        ready.get().expect("it gets that far");
        kill_soon(round, &consumer);
        let left: Vec<u64> = std::iter::from_fn(|| queue.try_get().ok()).collect();
        assert_eq!(left, [2, 3], "what it had in hand, and what nobody had");
    });
}

#[procession::test]
fn who_passes_items_on_is_told_of_the_hosts_death() {
    repeat("host killed while items go from hand to hand", ROUNDS, |round| {
        let system = system();
        let noting = Noting::of(&system);
        let there = Queue::unbounded(&noting).expect("a queue");
        let host = noting.pid();
        let back = warm_queue(&system);
        warm(&there);
        let copier = system.process(copy, (there.clone(), back.clone())).start().expect("a process");
        let spins = round.dice.roll(100_000);
        let killer = thread::spawn(move || {
            (0..spins).for_each(|_| std::hint::spin_loop());
            kill(host, Signal::SIGKILL);
        });
        back.register_producer(&copier).expect("it is open");
        let error =
            (0..).find_map(|number| there.put(number).err().map(PutError::into_error).or_else(|| back.get().err()));
        killer.join().expect("no panic");
        round.at("what the others are told");
        assert!(matches!(error, Some(QueueError::HostDied(_) | QueueError::Closed)), "{error:?}");
        assert!(matches!(there.get(), Err(QueueError::HostDied(_))));
        copier.join().expect("it is told, too, and ends");
    });
}

#[procession::test]
fn many_threads_of_many_processes_pass_items_on() {
    const EACH: u64 = 500;
    fn put((queue, first): (Queue<u64>, u64)) {
        thread::scope(|scope| {
            for first in [first, first + EACH] {
                let queue = &queue;
                scope.spawn(move || (first..first + EACH).for_each(|number| queue.put(number).expect("there is room")));
            }
        });
    }
    fn take((queue, taken): (Queue<u64>, Queue<u64>)) {
        thread::scope(|scope| {
            for _ in 0..2 {
                let (queue, taken) = (&queue, &taken);
                scope.spawn(move || {
                    for item in queue {
                        taken.put(item.expect("nothing fails")).expect("there is room");
                    }
                });
            }
        });
    }
    let system = system();
    let (queue, taken) = (Queue::bounded(&system, 50).expect("a queue"), Queue::unbounded(&system).expect("a queue"));
    let consumers = [(); 2].map(|()| system.process(take, (queue.clone(), taken.clone())).start().expect("a process"));
    let producers = [0, 2 * EACH].map(|first| {
        let producer = system.process(put, (queue.clone(), first)).start().expect("a process");
        queue.register_producer(&producer).expect("it is open");
        producer
    });
    producers.into_iter().chain(consumers).for_each(|child| child.join().expect("it ends"));
    let mut all: Vec<u64> = std::iter::from_fn(|| taken.try_get().ok()).collect();
    all.sort_unstable();
    assert_eq!(all, (0..4 * EACH).collect::<Vec<_>>());
}
