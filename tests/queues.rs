//! Queues: what they do while everybody lives.

use std::fs::File;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{Descriptor, PutError, QueueError};
use procession_tests::dice::seed;
use procession_tests::{Dice, Noting, SOON, Stopwatch, eventually, guarded, kill, process_table};

fn system() -> System {
    System::start().expect("a system")
}

fn numbers(system: &System) -> Queue<u64> {
    Queue::unbounded(system).expect("a queue")
}

/// Takes what is there.
fn drain<T: Data>(queue: &Queue<T>) -> Vec<T> {
    std::iter::from_fn(|| queue.try_get().ok()).collect()
}

/// Checks that a wait of this length ends when it should.
fn timed<T>(timeout: Duration, wait: impl FnOnce() -> T) -> T {
    let stopwatch = Stopwatch::start();
    let outcome = wait();
    stopwatch.expect(timeout);
    outcome
}

#[procession::test]
fn items_come_out_as_they_went_in() {
    let system = system();
    let queue = numbers(&system);
    assert_eq!(queue.is_empty(), Ok(true));
    for number in 0..100 {
        queue.put(number).expect("there is room");
    }
    assert_eq!(queue.len(), Ok(100));
    assert_eq!((0..100).map(|_| queue.get()).collect::<Result<Vec<_>, _>>(), Ok((0..100).collect()));
    assert_eq!((queue.len(), queue.is_empty()), (Ok(0), Ok(true)));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn empty_and_full_are_told_at_once_or_in_time() {
    let system = system();
    let queue = Queue::bounded(&system, 2).expect("a queue");
    let timeout = Duration::from_millis(200);
    assert_eq!(queue.try_get(), Err(QueueError::Empty));
    assert_eq!(timed(timeout, || queue.get_within(timeout)), Err(QueueError::Timeout));
    assert_eq!(queue.get_within(Duration::ZERO), Err(QueueError::Timeout));
    queue.try_put("one".to_owned()).expect("there is room");
    queue.put_within("two".to_owned(), timeout).expect("there is room");
    assert_eq!(queue.try_put("three".to_owned()), Err(PutError::Full("three".to_owned())));
    let late = timed(timeout, || queue.put_within("four".to_owned(), timeout));
    assert_eq!(late, Err(PutError::Timeout("four".to_owned())));
    assert_eq!(
        queue.put_within("five".to_owned(), Duration::ZERO).map_err(PutError::into_item),
        Err("five".to_owned())
    );
    assert_eq!(drain(&queue), ["one", "two"]);
    assert_eq!(queue.len(), Ok(0), "what was not put in time does not come later");
}

#[procession::test]
fn a_put_waits_for_room_and_a_get_for_an_item() {
    let system = system();
    let queue = Queue::<u64>::bounded(&system, 1).expect("a queue");
    queue.put(1).expect("there is room");
    let other = queue.clone();
    let putter = thread::spawn(move || other.put(2));
    assert_eq!((queue.get(), queue.get()), (Ok(1), Ok(2)));
    putter.join().expect("no panic").expect("there was room at last");
    let other = queue.clone();
    let getter = thread::spawn(move || other.get());
    queue.put(3).expect("there is room");
    assert_eq!(getter.join().expect("no panic"), Ok(3));
}

#[procession::test]
fn a_wait_that_has_ended_takes_nothing() {
    let system = system();
    let (queue, mut dice) = (numbers(&system), Dice::new(seed()));
    for number in 0..100 {
        let other = queue.clone();
        // The wait ends at about the instant at which the item comes.
        let getter = thread::spawn(move || other.get_within(Duration::from_micros(200)));
        dice.spin();
        queue.put(number).expect("there is room");
        match getter.join().expect("no panic") {
            Ok(item) => assert_eq!(item, number),
            Err(error) => assert_eq!((error, queue.get_within(SOON)), (QueueError::Timeout, Ok(number))),
        }
    }
    assert_eq!(queue.len(), Ok(0));
}

#[procession::test]
fn a_sentinel_is_an_item() {
    fn produce(queue: Queue<Option<u64>>) {
        for item in (0..5).map(Some).chain([None]) {
            queue.put(item).expect("there is room");
        }
    }
    let system = system();
    let queue = Queue::bounded(&system, 2).expect("a queue");
    let producer = system.process(produce, queue.clone()).start().expect("a process");
    let items: Vec<u64> = std::iter::from_fn(|| queue.get().expect("it comes")).collect();
    assert_eq!(items, [0, 1, 2, 3, 4]);
    producer.join().expect("it returns");
}

#[procession::test]
fn a_closed_queue_takes_nothing_and_gives_what_it_has() {
    let system = system();
    let queue = Queue::<u64>::bounded(&system, 2).expect("a queue");
    queue.put(1).expect("there is room");
    queue.put(2).expect("there is room");
    let other = queue.clone();
    let putter = thread::spawn(move || other.put(3));
    let (waiting, other) = (queue.clone(), numbers(&system));
    let getter = {
        let other = other.clone();
        thread::spawn(move || other.get())
    };
    queue.close().expect("it lives");
    queue.close().expect("it lives");
    other.close().expect("it lives");
    assert_eq!(putter.join().expect("no panic"), Err(PutError::Closed(3)));
    assert_eq!(getter.join().expect("no panic"), Err(QueueError::Closed));
    assert_eq!((queue.put(4), queue.try_put(5)), (Err(PutError::Closed(4)), Err(PutError::Closed(5))));
    assert_eq!(waiting.iter().collect::<Result<Vec<_>, _>>(), Ok(vec![1, 2]));
    assert_eq!((queue.get(), queue.try_get()), (Err(QueueError::Closed), Err(QueueError::Closed)));
    assert_eq!(queue.get_within(SOON), Err(QueueError::Closed));
    assert_eq!(queue.producer().map(drop), Err(QueueError::Closed));
}

#[procession::test]
fn the_end_of_the_last_registered_producer_closes() {
    fn produce((queue, first): (Queue<u64>, u64)) {
        (first..first + 10).for_each(|number| queue.put(number).expect("there is room"));
    }
    let system = system();
    let queue = numbers(&system);
    let own = queue.producer().expect("a producer");
    let children = [0, 10].map(|first| system.process(produce, (queue.clone(), first)).start().expect("a process"));
    children.iter().for_each(|child| queue.register_producer(child).expect("it is registered"));
    own.put(20).expect("there is room");
    drop(own);
    let mut items = queue.iter().collect::<Result<Vec<_>, _>>().expect("nothing fails");
    items.sort_unstable();
    assert_eq!(items, (0..=20).collect::<Vec<_>>());
    assert_eq!(queue.put(0), Err(PutError::Closed(0)));

    let queue = numbers(&system);
    let child = system.process(produce, (queue.clone(), 0)).start().expect("a process");
    child.join().expect("it returns");
    queue.register_producer(&child).expect("it is registered, and gone");
    assert_eq!(queue.iter().count(), 10);
}

/// An actor that makes a queue of queues and answers what it is sent.
struct Maker {
    queues: Queue<Queue<u64>>,
}

#[message(reply = Queue<Queue<u64>>)]
struct Where;

#[actor]
impl Actor for Maker {
    type Messages = (Where,);

    fn start(_: (), context: &mut Context<Self>) -> Result<Maker, Failure> {
        Ok(Maker { queues: Queue::bounded(context, 3)? })
    }
}

impl Handler<Where> for Maker {
    fn handle(&mut self, _: Incoming<'_, Where>, _: &mut Context<Self>) -> Queue<Queue<u64>> {
        self.queues.clone()
    }
}

#[procession::test]
fn handles_travel_and_live_as_long_as_who_made_the_queue() {
    let system = system();
    let maker = system.spawn::<Maker>(()).expect("an actor");
    let queues = maker.ask(&Where).expect("it answers");
    let own = numbers(&system);
    queues.put(own.clone()).expect("there is room");
    own.put(7).expect("there is room");
    let received = queues.get().expect("it is there");
    assert_eq!((&received, received.get()), (&own, Ok(7)));
    maker.stop().expect("it is asked");
    maker.join().expect("it ends");
    let error = queues.get().expect_err("the queue has gone with its maker");
    assert!(matches!(error, QueueError::HostDied(_)), "{error:?}");
    let Err(PutError::Failed { item, .. }) = queues.put(own.clone()) else { panic!("it was taken") };
    assert_eq!(item, own);
}

#[procession::test]
fn items_of_all_kinds_arrive_whole() {
    fn round_trip<T: Data + Clone + PartialEq>(system: &System, item: &T) -> bool {
        let queue = Queue::unbounded(system).expect("a queue");
        queue.put(item.clone()).expect("there is room");
        let received: T = queue.get().expect("it is there");
        received == *item
    }
    let system = system();
    assert!(round_trip(&system, &()));
    assert!(round_trip(&system, &u128::MAX));
    assert!(round_trip(&system, &"text".repeat(1000)));
    assert!(round_trip(&system, &vec![Some((1.5, u128::MAX)), None]));
    for length in [0, 1, 15, 16, 17, (256 << 10) - 1, 256 << 10, 16 << 20] {
        assert!(round_trip(&system, &vec![7_u8; length]), "{length} bytes");
    }
}

#[procession::test]
fn what_cannot_be_put_comes_back_and_the_queue_goes_on() {
    let system = System::builder().message_limit_bytes(1 << 20).start().expect("a system");
    let queue = Queue::<Vec<u8>>::unbounded(&system).expect("a queue");
    for length in [1 << 20, 2 << 20] {
        let Err(PutError::Failed { item, error }) = queue.put(vec![1; length]) else { panic!("it was taken") };
        assert_eq!((item.len(), error), (length, QueueError::TooLarge { limit_bytes: 1 << 20 }));
    }
    queue.put(vec![2; (1 << 20) - 1024]).expect("there is room");
    assert_eq!(queue.get().expect("it is there").len(), (1 << 20) - 1024);

    let files = Queue::<Descriptor>::unbounded(&system).expect("a queue");
    let file = File::open("/dev/null").expect("it is there").into();
    let Err(PutError::Failed { error, .. }) = files.put(file) else { panic!("it was taken") };
    assert!(matches!(&error, QueueError::Unsendable(text) if text.contains("descriptors")), "{error:?}");
    assert!(matches!(procession::Error::from(error), procession::Error::Queue(_)));
}

#[procession::test]
fn join_waits_until_everything_is_done() {
    fn work(queue: JoinableQueue<u64>) -> u64 {
        let mut count = 0;
        for item in &queue {
            item.expect("nothing fails");
            count += 1;
            queue.task_done().expect("one is in hand");
        }
        count
    }
    let system = system();
    let queue = JoinableQueue::bounded(&system, 10).expect("a queue");
    queue.join().expect("there is nothing to do");
    assert_eq!(queue.task_done(), Err(QueueError::Invalid));
    let workers = [(); 3].map(|()| system.process(work, queue.clone()).start().expect("a process"));
    for round in 1..=3 {
        (0..100).for_each(|number| queue.put(number).expect("there is room"));
        queue.join().expect("it is done");
        assert_eq!((queue.len(), queue.task_done()), (Ok(0), Err(QueueError::Invalid)), "round {round}");
    }
    queue.close().expect("it lives");
    let counts = workers.map(|worker| worker.join().expect("it returns"));
    assert_eq!(counts.iter().sum::<u64>(), 300);
}

#[procession::test]
fn join_ends_in_time_and_not_before_the_last_task() {
    let system = system();
    let queue = JoinableQueue::<u64>::unbounded(&system).expect("a queue");
    queue.put(1).expect("there is room");
    queue.put(2).expect("there is room");
    let timeout = Duration::from_millis(150);
    assert_eq!(timed(timeout, || queue.join_within(timeout)), Err(QueueError::Timeout));
    assert_eq!((queue.get(), queue.get()), (Ok(1), Ok(2)), "one thread may have several");
    let (done, outcome) = mpsc::channel();
    let other = queue.clone();
    thread::spawn(move || done.send(other.join()));
    queue.task_done().expect("one is in hand");
    assert!(outcome.try_recv().is_err(), "one is not done");
    let other = queue.clone();
    // Another thread of the process may say it.
    thread::spawn(move || other.task_done()).join().expect("no panic").expect("one is in hand");
    assert_eq!(outcome.recv_timeout(SOON), Ok(Ok(())));
    assert_eq!(queue.task_done(), Err(QueueError::Invalid));
}

#[procession::test]
fn a_process_may_be_joined_before_the_queue_is_read() {
    fn produce(queue: Queue<Vec<u8>>) {
        (0..200).for_each(|number| queue.put(vec![number; 64 << 10]).expect("there is room"));
    }
    let system = system();
    let queue = Queue::unbounded(&system).expect("a queue");
    let producer = system.process(produce, queue.clone()).start().expect("a process");
    producer.join_within(SOON).expect("it returns, though nobody reads");
    for number in 0..200 {
        assert_eq!(queue.get(), Ok(vec![number; 64 << 10]));
    }
}

#[procession::test]
fn ten_producers_and_ten_consumers_lose_and_double_nothing() {
    const EACH: u64 = if cfg!(debug_assertions) { 1_000 } else { 10_000 };
    fn produce((queue, first): (Queue<u64>, u64)) {
        (first..first + EACH).for_each(|number| queue.put(number).expect("there is room"));
    }
    fn consume(queue: Queue<u64>) -> Vec<u64> {
        queue.iter().collect::<Result<_, _>>().expect("nothing fails")
    }
    guarded("ten by ten", Duration::from_secs(60), |_| {
        let system = system();
        let queue = Queue::bounded(&system, 100).expect("a queue");
        let consumers: Vec<_> =
            (0..10).map(|_| system.process(consume, queue.clone()).start().expect("a process")).collect();
        let guard = queue.producer().expect("a producer");
        let producers = (0..10).map(|number| {
            let child = system.process(produce, (queue.clone(), number * EACH)).start().expect("a process");
            queue.register_producer(&child).expect("it is registered");
            child
        });
        let producers: Vec<_> = producers.collect();
        drop(guard);
        producers.iter().for_each(|producer| producer.join().expect("it returns"));
        let mut items: Vec<u64> = consumers.iter().flat_map(|consumer| consumer.join().expect("it returns")).collect();
        items.sort_unstable();
        assert_eq!(items, (0..10 * EACH).collect::<Vec<_>>());
    });
}

#[procession::test]
fn what_goes_through_does_not_pile_up() {
    const ITEM_BYTES: usize = 1 << 20;
    const ITEMS: usize = if cfg!(debug_assertions) { 64 } else { 2048 };
    fn produce(queue: Queue<String>) {
        (0..ITEMS).for_each(|_| queue.put("x".repeat(ITEM_BYTES)).expect("there is room"));
    }
    guarded("2 GiB", Duration::from_secs(60), |_| {
        let system = system();
        let home = Noting::restarting(&system);
        // Only its size in bytes bounds it.
        let queue = Queue::with_limits(&home, usize::MAX, 16 << 20).expect("a queue");
        let producer = system.process(produce, queue.clone()).start().expect("a process");
        queue.register_producer(&producer).expect("it is registered");
        let (mut count, mut peak_bytes) = (0, 0);
        for item in &queue {
            assert_eq!(item.expect("nothing fails").len(), ITEM_BYTES);
            count += 1;
            peak_bytes = peak_bytes.max(process_table::resident_bytes(home.pid()));
        }
        assert_eq!(count, ITEMS);
        assert!(peak_bytes < 100 << 20, "{} MiB are too many for a queue of 16", peak_bytes >> 20);
    });
}

#[procession::test]
fn an_item_over_two_gibibytes_is_refused() {
    let system = system();
    let queue = Queue::unbounded(&system).expect("a queue");
    let length = (2 << 30) + 1;
    let Err(PutError::Failed { item, error }) = queue.put(vec![0_u8; length]) else { panic!("it was taken") };
    assert!(matches!(error, QueueError::TooLarge { .. }), "{error:?}");
    assert_eq!(item.len(), length);
    queue.put(vec![1]).expect("there is room");
    assert_eq!(queue.get(), Ok(vec![1]));
}

#[procession::test]
fn after_a_restart_of_the_host_old_handles_are_void() {
    let system = system();
    let home = Noting::restarting(&system);
    let queue = Queue::<u64>::unbounded(&home).expect("a queue");
    queue.put(1).expect("there is room");
    kill(home.pid(), Signal::SIGKILL);
    // While the old one dies, it is told so.
    eventually("the new one answers", || !matches!(queue.try_get(), Err(QueueError::HostDied(_))));
    assert_eq!(queue.get(), Err(QueueError::HostRestarted));
    assert_eq!(queue.put(2).map_err(PutError::into_error), Err(QueueError::HostRestarted));
    let other = system.process(|queue: Queue<u64>| format!("{:?}", queue.get()), queue).start().expect("a process");
    assert_eq!(other.join().as_deref(), Ok("Err(HostRestarted)"), "also where it has never been used");
}
