//! Queues whose producers and consumers count what they do instead of asking: all that is promised of those who ask holds.

use std::collections::BTreeSet;
use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{Barrier, PutError, QueueError, Receiver, Sender};
use procession_tests::{Noting, eventually, kill, kill_soon, pid, repeat};

const ROUNDS: u32 = 20;

/// After so many each way a thread puts and gets without asking.
const WARM: u64 = 100;

fn system() -> System {
    System::start().expect("a system")
}

fn count<T: Data>(receiver: &Receiver<T>) -> u64 {
    std::iter::from_fn(|| receiver.recv().ok()).count() as u64
}

/// Puts the numbers in, and says after each that it is put, until that cannot be done.
fn put_and_say((queue, said): (Queue<u64>, Sender<u64>)) {
    for number in 0.. {
        if queue.put(number).is_err() {
            return;
        }
        said.send(&number).expect("somebody listens");
    }
}

/// Says of each item that it has it.
fn get_and_say((queue, said): (Queue<u64>, Sender<u64>)) {
    for item in &queue {
        said.send(&item.expect("nothing fails")).expect("somebody listens");
    }
}

#[procession::test]
fn what_a_killed_producer_had_put_comes_once_and_in_order() {
    repeat("producer killed while it puts without asking", ROUNDS, |round| {
        let system = system();
        let queue = Queue::unbounded(&system).expect("a queue");
        let (heard, said) = Pipe::one_way().expect("a pipe");
        let producer = system.process(put_and_say, (queue.clone(), said)).start().expect("a process");
        while heard.recv().expect("it puts") < WARM {}
        let started = WARM + 1;
        kill_soon(round, &producer);
        round.at("what it had said");
        let put = started + count(&heard);
        round.at("what it had put");
        let items: Vec<u64> = std::iter::from_fn(|| queue.try_get().ok()).collect();
        assert_eq!(items, (0..items.len() as u64).collect::<Vec<_>>());
        assert!((put..=put + 1).contains(&(items.len() as u64)), "{put} were put, {} came", items.len());
    });
}

#[procession::test]
fn of_a_killed_consumers_pile_only_what_it_had_in_hand_is_seen_twice() {
    const ITEMS: u64 = 5000;
    repeat("consumer killed while it takes without asking", ROUNDS, |round| {
        let system = system();
        let queue = Queue::unbounded(&system).expect("a queue");
        assert_eq!(queue.put_all(0..ITEMS), Ok(ITEMS as usize));
        let (heard, said) = Pipe::one_way().expect("a pipe");
        let consumer = system.process(get_and_say, (queue.clone(), said)).start().expect("a process");
        let mut seen = Vec::new();
        while seen.len() < WARM as usize {
            seen.push(heard.recv().expect("it takes some"));
        }
        kill_soon(round, &consumer);
        round.at("what it had seen");
        seen.extend(std::iter::from_fn(|| heard.recv().ok()));
        round.at("what is left");
        let (mut all, mut twice): (BTreeSet<u64>, u64) = (seen.into_iter().collect(), 0);
        while (all.len() as u64) < ITEMS {
            twice += u64::from(!all.insert(queue.get().expect("some are left")));
        }
        assert!(twice + queue.len().expect("it lives") as u64 <= 1, "more than one comes again");
    });
}

#[procession::test]
fn a_stopped_consumer_keeps_nothing_but_what_it_has_in_hand() {
    const ITEMS: u64 = 5000;
    repeat("consumer stopped with a pile", ROUNDS, |round| {
        let system = system();
        let queue = Queue::unbounded(&system).expect("a queue");
        assert_eq!(queue.put_all(0..ITEMS), Ok(ITEMS as usize));
        let (heard, said) = Pipe::one_way().expect("a pipe");
        let consumer = system.process(get_and_say, (queue.clone(), said)).start().expect("a process");
        let mut seen = WARM;
        (0..WARM).for_each(|_| assert!(heard.recv().is_ok(), "it takes some"));
        round.dice.spin();
        kill(pid(&consumer), Signal::SIGSTOP);
        round.at("what is left");
        let left = std::iter::from_fn(|| queue.try_get().ok()).count() as u64;
        assert_eq!(queue.len(), Ok(0));
        kill(pid(&consumer), Signal::SIGKILL);
        consumer.join().expect_err("it was killed");
        seen += count(&heard);
        if seen + left < ITEMS {
            assert_eq!(seen + left, ITEMS - 1, "only one is in its hand");
            queue.get().expect("that comes again");
        }
        assert!(queue.len().expect("it lives") <= 1, "nothing else does");
    });
}

#[procession::test]
fn what_is_put_before_it_is_closed_comes_and_nothing_after_that() {
    fn put((queue, other): (Queue<u64>, Queue<()>)) -> u64 {
        (0..)
            .take_while(|number| *number != WARM || other.put(()).is_ok())
            .map_while(|number| queue.put(number).ok())
            .count() as u64
    }
    repeat("closed while others put without asking", ROUNDS, |round| {
        let system = system();
        let (queue, warm) = (Queue::unbounded(&system).expect("a queue"), Queue::unbounded(&system).expect("a queue"));
        let producers =
            [(); 3].map(|()| system.process(put, (queue.clone(), warm.clone())).start().expect("a process"));
        producers.iter().for_each(|_| warm.get().expect("they put"));
        round.dice.spin();
        round.at("the end");
        queue.close().expect("it lives");
        assert_eq!(queue.put(0), Err(PutError::Closed(0)));
        let came = queue.iter().map_while(Result::ok).count() as u64;
        let put: u64 = producers.iter().map(|producer| producer.join().expect("it sees the end")).sum();
        assert_eq!(came, put);
    });
}

#[procession::test]
fn what_is_known_to_be_put_is_there_for_whoever_looks() {
    fn put((queue, told): (Queue<u64>, Queue<u64>)) {
        for number in 0..WARM {
            queue.put(number).expect("there is room");
        }
        for number in 0..2000 {
            queue.put(number).expect("there is room");
            told.put(number).expect("there is room");
        }
    }
    let system = system();
    let (queue, told) = (Queue::unbounded(&system).expect("a queue"), Queue::unbounded(&system).expect("a queue"));
    let producer = system.process(put, (queue.clone(), told.clone())).start().expect("a process");
    (0..WARM).for_each(|number| assert_eq!(queue.get(), Ok(number)));
    for number in 0..2000 {
        assert_eq!(told.get(), Ok(number));
        assert!(queue.len().expect("it lives") >= 1, "{number} is put");
        assert_eq!(queue.try_get(), Ok(number));
    }
    producer.join().expect("it ends");
    assert_eq!(queue.try_get(), Err(QueueError::Empty));
}

#[procession::test]
fn a_stopped_host_holds_nobody_up_who_need_not_ask() {
    repeat("host stopped", ROUNDS, |_| {
        let system = system();
        let home = Noting::of(&system);
        let queue = Queue::unbounded(&home).expect("a queue");
        (0..WARM).for_each(|number| queue.put(number).expect("there is room"));
        (0..WARM / 2).for_each(|number| assert_eq!(queue.get(), Ok(number)));
        kill(home.pid(), Signal::SIGSTOP);
        queue.put(WARM).expect("there is room");
        assert_eq!(queue.get(), Ok(WARM / 2));
        kill(home.pid(), Signal::SIGCONT);
        (WARM / 2 + 1..=WARM).for_each(|number| assert_eq!(queue.get(), Ok(number)));
    });
}

#[procession::test]
fn what_is_put_after_a_request_that_was_given_up_is_there() {
    repeat("host stopped while somebody gets", ROUNDS, |_| {
        let system = system();
        let home = Noting::of(&system);
        let queue = Queue::unbounded(&home).expect("a queue");
        (0..WARM).for_each(|number| queue.put(number).expect("there is room"));
        (0..WARM).for_each(|number| assert_eq!(queue.get(), Ok(number)));
        kill(home.pid(), Signal::SIGSTOP);
        assert_eq!(queue.get_within(Duration::from_millis(1)), Err(QueueError::Unresponsive));
        let put = queue.put_within(WARM, Duration::from_millis(1));
        kill(home.pid(), Signal::SIGCONT);
        let is_there = queue.get_within(Duration::from_secs(1)) == Ok(WARM);
        assert!(put.is_err() || is_there, "it is lost");
    });
}

#[procession::test]
fn who_does_not_wait_finds_what_was_put_while_the_host_was_stopped() {
    repeat("host stopped while another puts", ROUNDS, |_| {
        let system = system();
        let home = Noting::of(&system);
        let queue = Queue::unbounded(&home).expect("a queue");
        let (begin, begun) = mpsc::channel();
        let (say, said) = mpsc::channel();
        let producer = queue.clone();
        let producer = thread::spawn(move || {
            (0..WARM).for_each(|number| producer.put(number).expect("there is room"));
            say.send(()).expect("somebody listens");
            begun.recv().expect("it comes");
            producer.put(WARM).expect("there is room");
        });
        said.recv().expect("it puts");
        (0..WARM).for_each(|number| assert_eq!(queue.get(), Ok(number)));
        let host = home.pid();
        kill(host, Signal::SIGSTOP);
        assert_eq!(queue.get_within(Duration::from_millis(1)), Err(QueueError::Unresponsive));
        begin.send(()).expect("it waits");
        producer.join().expect("it need not ask");
        let looker = format!("/proc/self/task/{}/stat", nix::unistd::gettid());
        let sleeps = move || fs::read_to_string(&looker).expect("it runs").contains(") S ");
        let waker = thread::spawn(move || {
            eventually("it has asked, and waits", sleeps);
            kill(host, Signal::SIGCONT);
        });
        assert_eq!(queue.try_get(), Ok(WARM));
        waker.join().expect("no panic");
    });
}

#[procession::test]
fn who_puts_without_asking_is_told_of_the_hosts_death() {
    repeat("host killed while somebody puts without asking", ROUNDS, |round| {
        let system = system();
        let home = Noting::of(&system);
        let queue = Queue::unbounded(&home).expect("a queue");
        (0..WARM).for_each(|number| queue.put(number).expect("there is room"));
        (0..round.dice.roll(3000)).for_each(|number| queue.put(number).expect("there is room"));
        kill(home.pid(), Signal::SIGKILL);
        round.at("the next items");
        let error = (0..).find_map(|number| queue.put(number).err()).expect("it notices");
        assert!(matches!(error, PutError::Failed { error: QueueError::HostDied(_), .. }), "{error:?}");
    });
}

#[procession::test]
fn a_full_queue_is_full_for_all_whatever_was_promised() {
    fn put((queue, all_warm): (Queue<u64>, Barrier)) -> u64 {
        for number in 0..WARM {
            queue.put(number).expect("there is room");
            queue.get().expect("it has put one");
        }
        all_warm.wait().expect("all come");
        (0..).map_while(|number| queue.try_put(number).ok()).count() as u64
    }
    const LIMIT: usize = 500;
    let system = system();
    let queue = Queue::bounded(&system, LIMIT).expect("a queue");
    let all_warm = Barrier::new(&system, 3).expect("a barrier");
    let producers =
        [(); 3].map(|()| system.process(put, (queue.clone(), all_warm.clone())).start().expect("a process"));
    let put: u64 = producers.iter().map(|producer| producer.join().expect("it sees that it is full")).sum();
    assert_eq!((put as usize, queue.len(), queue.try_put(0)), (LIMIT, Ok(LIMIT), Err(PutError::Full(0))));
    queue.get().expect("it is full");
    assert_eq!((queue.try_put(1), queue.try_put(2)), (Ok(()), Err(PutError::Full(2))));
}
