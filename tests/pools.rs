//! Pools as such: what Python's `multiprocessing.Pool` documents, with everybody alive.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::{Manager, Pool, PoolError, TaskError};
use procession_tests::{SOON, Stopwatch, eventually};

fn system() -> System {
    System::start().expect("a system")
}

fn pool(system: &System, workers: usize) -> Pool {
    Pool::new(system, workers).expect("a pool")
}

fn square(number: u64) -> u64 {
    number * number
}

fn squares(count: u64) -> Vec<u64> {
    (0..count).map(square).collect()
}

#[procession::test]
fn map_gives_results_in_order_whatever_the_chunks() {
    let system = system();
    for workers in [1, 3] {
        let pool = pool(&system, workers);
        for count in [0, 1, 2, 10, 1000, 20_000] {
            assert_eq!(pool.map(square, 0..count), Ok(squares(count)), "{count} items, {workers} workers");
            assert_eq!(pool.map(square, (0..count).filter(|_| true)), Ok(squares(count)), "of unknown number");
        }
        for chunk in [1, 7, 100, 1000, 10_000] {
            assert_eq!(pool.tasks().chunk_size(chunk).map(square, 0..100), Ok(squares(100)), "chunks of {chunk}");
        }
    }
}

#[procession::test]
fn functions_take_none_one_or_several_arguments() {
    let system = system();
    let pool = pool(&system, 2);
    assert_eq!(pool.starmap(|one: u32, two: u32| one * two, [(2, 3), (4, 5)]), Ok(vec![6, 20]));
    assert_eq!(pool.map(|(one, two): (u32, u32)| one * two, [(2, 3), (4, 5)]), Ok(vec![6, 20]));
    assert_eq!(pool.map(|| 7u8, [(), ()]), Ok(vec![7, 7]));
    assert_eq!(pool.apply(|text: String, times: usize| text.repeat(times), ("ab".into(), 3)), Ok("ababab".to_owned()));
    assert_eq!(pool.apply(|| (), ()), Ok(()));
    assert_eq!(pool.apply(square, 12), Ok(144));
}

#[procession::test]
fn values_of_all_shapes_go_through() {
    let system = system();
    let pool = pool(&system, 2);
    let texts: Vec<String> = (0..200).map(|length| "x".repeat(length * 7 % 50)).collect();
    let doubled: Vec<String> = texts.iter().map(|text| text.repeat(2)).collect();
    assert_eq!(pool.map(|text: String| text.repeat(2), texts), Ok(doubled));
    let nested = |number: u64| vec![Some((number as u8, number.to_string())); number as usize % 4];
    let expected: Vec<_> = (0..100).map(nested).collect();
    assert_eq!(pool.map(nested, 0..100), Ok(expected));
    let large = |number: u64| vec![number; 300_000];
    let results = pool.tasks().chunk_size(6).map(large, 0..12).expect("they are sent");
    assert!(results.iter().enumerate().all(|(index, result)| *result == vec![index as u64; 300_000]));
    let lengths = pool.map(|numbers: Vec<u64>| numbers.len(), (0..6).map(|count| vec![1; count * 200_000]));
    assert_eq!(lengths, Ok((0..6).map(|count| count * 200_000).collect()));
}

fn divide((dividend, divisor): (u32, u32)) -> Result<u32, String> {
    dividend.checked_div(divisor).ok_or_else(|| "division by zero".to_owned())
}

#[procession::test]
fn errors_of_functions_keep_their_type_and_leave_the_others_alone() {
    let system = system();
    let pool = pool(&system, 2);
    let items = [(10, 5), (1, 0), (9, 3)];
    let refused = || TaskError::Refused("division by zero".to_owned());
    assert_eq!(pool.try_map_each(divide, items), Ok(vec![Ok(2), Err(refused()), Ok(3)]));
    assert_eq!(pool.try_map(divide, items), Err(PoolError::Task { index: 1, error: refused() }));
    assert_eq!(pool.try_map(divide, [(10, 5), (9, 3)]), Ok(vec![2, 3]));
    let results = pool.map(divide, items).expect("no task dies");
    assert_eq!(results, [Ok(2), Err("division by zero".to_owned()), Ok(3)]);
}

fn panic_at_seven(number: u64) -> u64 {
    assert!(number != 7, "not {number}");
    number
}

#[procession::test]
fn a_panic_is_the_error_of_one_item_and_the_worker_lives_on() {
    let system = system();
    let pool = pool(&system, 1);
    let pid = |pool: &Pool| pool.apply(std::process::id, ()).expect("it runs");
    let before = pid(&pool);
    let mut results = pool.tasks().chunk_size(5).map_each(panic_at_seven, 0..20).expect("it goes on");
    match results.remove(7) {
        Err(TaskError::Panicked(panic)) => {
            assert_eq!(panic.message, "not 7");
            assert!(panic.location.contains("pools.rs:"), "{panic:?}");
            assert!(panic.backtrace.contains("panic_at_seven"), "{panic:?}");
        }
        other => panic!("{other:?}"),
    }
    assert!(results.into_iter().eq((0..20).filter(|number| *number != 7).map(Ok)));
    match pool.map(panic_at_seven, 0..20) {
        Err(PoolError::Task { index: 7, error: TaskError::Panicked(_) }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(pid(&pool), before);
    assert_eq!(pool.status().expect("it lives").started, 1);
}

#[procession::test]
fn imap_gives_results_in_order_and_takes_an_endless_iterator() {
    let system = system();
    let pool = pool(&system, 3);
    let first: Vec<_> = pool.imap(square, 0..).expect("it begins").take(1000).collect();
    assert!(first.into_iter().eq(squares(1000).into_iter().map(Ok)));
    let mut taken = 0;
    let counted = std::iter::repeat_with(|| {
        taken += 1;
        1u64
    });
    let results = pool.tasks().chunk_size(1).imap(square, counted).expect("it begins");
    assert_eq!(results.take(10).filter(|result| *result == Ok(1)).count(), 10);
    assert!(taken < 100, "{taken} items were taken ahead");
    let mut empty = pool.imap(square, std::iter::empty()).expect("it begins");
    assert!(empty.next().is_none() && empty.next().is_none());
}

#[procession::test]
fn imap_gives_errors_in_their_place_and_goes_on() {
    let system = system();
    let pool = pool(&system, 2);
    let results: Vec<_> = pool.tasks().chunk_size(3).imap(panic_at_seven, 0..12).expect("it begins").collect();
    for (index, result) in results.into_iter().enumerate() {
        match result {
            Ok(number) => assert!(index != 7 && number == index as u64),
            Err(PoolError::Task { index: 7, error: TaskError::Panicked(_) }) => assert_eq!(index, 7),
            Err(other) => panic!("{other:?}"),
        }
    }
}

fn nap(milliseconds: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(milliseconds));
    milliseconds
}

#[procession::test]
fn imap_unordered_gives_what_is_done_first() {
    let system = system();
    let pool = pool(&system, 2);
    let results: Vec<_> = pool.tasks().chunk_size(1).imap_unordered(nap, [600, 1, 2, 3]).expect("it begins").collect();
    assert_eq!(results.last(), Some(&Ok(600)));
    let all: BTreeSet<u64> = results.into_iter().map(|result| result.expect("it naps")).collect();
    assert_eq!(all, BTreeSet::from([1, 2, 3, 600]));
}

#[procession::test]
fn work_that_was_given_ahead_goes_to_a_worker_that_is_free() {
    let system = system();
    let pool = pool(&system, 2);
    let start = Instant::now();
    // Whoever has the long one also has one ahead for a while.
    let results = pool.tasks().chunk_size(1).imap_unordered(nap, [2000, 50, 1, 1, 1, 1]).expect("it begins");
    let early: Vec<u64> = results.take(5).map(|result| result.expect("it naps")).collect();
    assert!(!early.contains(&2000), "{early:?}");
    assert!(start.elapsed() < Duration::from_millis(1900), "{:?}", start.elapsed());
}

#[procession::test]
fn a_slow_item_among_quick_ones_does_not_hold_up_those_behind_it() {
    let system = system();
    let pool = pool(&system, 2);
    // So many quick ones come first that they travel by the hundred.
    let items: Vec<u64> = [vec![0; 3000], vec![2000], vec![5; 300]].concat();
    fn nap_unless_quick(milliseconds: u64) -> u64 {
        if milliseconds == 0 { 0 } else { nap(milliseconds) }
    }
    let start = Instant::now();
    assert_eq!(pool.tasks().chunk_size(1).map(nap_unless_quick, items.clone()), Ok(items));
    // One after the other they would take 3.5 s.
    assert!(start.elapsed() < Duration::from_millis(3200), "{:?}", start.elapsed());
}

#[procession::test]
fn an_iterator_that_panics_ends_the_call_and_nothing_else() {
    let system = system();
    let pool = pool(&system, 2);
    let items = || (0..10).inspect(|number| assert!(*number < 3, "no more"));
    let caught =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pool.tasks().chunk_size(1).map(square, items())));
    assert!(caught.is_err());
    let mut results = pool.tasks().chunk_size(1).imap(square, items()).expect("it begins");
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| results.next())).is_err());
    drop(results);
    assert_eq!(pool.map(square, 0..10), Ok(squares(10)));
}

#[procession::test]
fn progress_is_told_until_all_is_done() {
    let system = system();
    let pool = pool(&system, 2);
    let mut seen = Vec::new();
    let results = pool.tasks().chunk_size(10).on_progress(|done, total| seen.push((done, total))).map(square, 0..100);
    assert_eq!(results, Ok(squares(100)));
    assert_eq!(seen, (1..=10).map(|tens| (tens * 10, 100)).collect::<Vec<_>>());
    let mut done = Vec::new();
    let results = pool.tasks().chunk_size(1).on_progress(|count, _| done.push(count)).map(square, 0..20_000);
    assert_eq!(results, Ok(squares(20_000)));
    assert!(done.into_iter().eq(1..=20_000), "chunk by chunk, however many travel together");
}

#[procession::test]
fn workers_are_replaced_when_they_have_done_their_share() {
    let system = system();
    for (lifetime, chunk, items) in [(1, 1, 6), (2, 5, 12), (5, 2, 20)] {
        let pool = Pool::builder().workers(2).tasks_per_worker(lifetime).start(&system).expect("a pool");
        let pids = pool.tasks().chunk_size(chunk).map(|_: u64| std::process::id(), 0..items).expect("they are done");
        for pid in &pids {
            let share = pids.iter().filter(|other| *other == pid).count() as u64;
            assert!(share <= lifetime, "{share} tasks by one worker, of {lifetime}");
        }
        eventually("it is of its size again", || pool.status().expect("it lives").ready == 2);
    }
}

#[procession::test]
fn an_initializer_runs_once_in_each_worker() {
    static GREETING: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    fn greet(text: String, times: usize) -> Result<(), Failure> {
        GREETING.set(text.repeat(times)).map_err(|_| Failure::new("it has run before"))
    }
    let system = system();
    let pool = Pool::builder().workers(3).initializer(greet, ("hi".to_owned(), 2)).start(&system).expect("a pool");
    let greetings = pool.tasks().chunk_size(1).map(|_: u64| GREETING.get().cloned(), 0..20).expect("they are done");
    assert!(greetings.iter().all(|greeting| greeting.as_deref() == Some("hihi")), "{greetings:?}");
}

#[procession::test]
fn a_task_that_takes_too_long_is_ended_and_others_are_not() {
    let system = system();
    let pool = pool(&system, 2);
    for milliseconds in [100, 300] {
        let timeout = Duration::from_millis(milliseconds);
        let stopwatch = Stopwatch::start();
        let items = [1, 2, 60_000, 3, 4, 5];
        let results = pool.tasks().chunk_size(3).timeout(timeout).map_each(nap, items).expect("it goes on");
        stopwatch.expect(timeout);
        assert_eq!(results, [Ok(1), Ok(2), Err(TaskError::TimedOut), Ok(3), Ok(4), Ok(5)]);
    }
    let quick = pool.tasks().timeout(Duration::from_secs(5)).map(square, 0..1000);
    assert_eq!(quick, Ok(squares(1000)));
}

#[procession::test]
fn results_come_while_nobody_waits() {
    let system = system();
    let pool = pool(&system, 2);
    let (tell, told) = mpsc::channel();
    let mapped = pool.map_async(square, 0..1000u64).expect("it begins");
    let slow = pool.apply_async(nap, 200).expect("it begins");
    slow.on_done(move |outcome| tell.send(outcome.clone()).expect("somebody listens"));
    assert_eq!(slow.get_within(Duration::from_millis(10)), Err(PoolError::Timeout));
    assert_eq!((slow.ready(), slow.successful()), (false, None));
    assert_eq!(mapped.get(), Ok(squares(1000)));
    assert!(slow.wait_within(SOON));
    assert_eq!((slow.ready(), slow.successful()), (true, Some(true)));
    assert_eq!(told.try_recv(), Ok(Ok(200)));
    let taken = std::thread::spawn(move || (slow.get(), slow.get())).join().expect("no panic");
    assert_eq!(taken, (Ok(200), Err(PoolError::Taken)));
    let failed = pool.apply_async(panic_at_seven, 7).expect("it begins");
    failed.wait();
    assert_eq!(failed.successful(), Some(false));
    assert!(matches!(failed.get(), Err(PoolError::Task { index: 0, error: TaskError::Panicked(_) })));
    let empty = pool.map_async(square, Vec::new()).expect("it begins");
    assert_eq!(empty.get_within(SOON), Ok(Vec::new()));
}

#[procession::test]
fn what_is_cancelled_ends_at_once() {
    let system = system();
    let pool = pool(&system, 2);
    let start = Instant::now();
    let naps = pool.tasks().chunk_size(1).map_async(nap, vec![60_000; 100]).expect("it begins");
    let other = pool.apply_async(square, 3).expect("it begins");
    eventually("both nap", || pool.status().expect("it lives").busy == 2);
    assert!(naps.cancel());
    assert!(matches!(naps.get_within(SOON), Err(PoolError::Task { error: TaskError::Cancelled, .. })));
    assert_eq!(other.get_within(SOON), Ok(9));
    assert!(!other.cancel());
    assert!(start.elapsed() < SOON);
    eventually("it is of its size again", || pool.status().expect("it lives").ready == 2);
}

#[procession::test]
fn a_closed_pool_does_what_it_has_and_takes_nothing_more() {
    let system = system();
    let pool = pool(&system, 2);
    assert_eq!(pool.join(), Err(PoolError::Invalid));
    let naps = pool.tasks().chunk_size(1).map_async(nap, vec![20; 30]).expect("it begins");
    pool.close().expect("it lives");
    pool.join().expect("it ends");
    assert_eq!(naps.get_within(Duration::ZERO), Ok(vec![20; 30]));
    for _ in 0..2 {
        assert_eq!(pool.map(square, 0..3), Err(PoolError::Closed));
        pool.close().expect("that is no error");
        pool.join().expect("it has ended");
    }
    assert!(pool.apply_async(square, 3).and_then(|result| result.get()).is_err());
}

#[procession::test]
fn a_terminated_pool_ends_at_once() {
    let system = system();
    let pool = pool(&system, 2);
    let start = Instant::now();
    let naps = pool.map_async(nap, vec![60_000; 10]).expect("it begins");
    eventually("they nap", || pool.status().expect("it lives").busy == 2);
    let pids = pool.status().expect("it lives").pids;
    pool.terminate().expect("it lives");
    pool.join().expect("it ends");
    assert!(naps.get_within(SOON).is_err());
    assert!(start.elapsed() < SOON);
    assert!(pids.into_iter().all(|pid| !procession_tests::process_table::is_running(pid)));
}

#[procession::test]
fn a_pool_can_be_used_from_every_process_and_thread() {
    fn use_it(pool: Pool) -> u64 {
        pool.map(square, 0..10).expect("it is done").into_iter().sum()
    }
    let system = system();
    let pool = pool(&system, 2);
    let children = [(); 3].map(|()| system.process(use_it, pool.clone()).start().expect("a process"));
    let threads = [(); 3].map(|()| {
        let pool = pool.clone();
        std::thread::spawn(move || use_it(pool))
    });
    assert!(children.into_iter().all(|child| child.join() == Ok(285)));
    assert!(threads.into_iter().all(|thread| thread.join().expect("no panic") == 285));
}

#[procession::test]
fn a_task_can_use_another_pool() {
    fn inner(pool: Pool, number: u64) -> u64 {
        pool.map(square, 0..number).expect("it is done").into_iter().sum()
    }
    let system = system();
    let (outer, deep) = (pool(&system, 2), pool(&system, 2));
    let items = (0..10).map(|number| (deep.clone(), number));
    assert_eq!(outer.starmap(inner, items), Ok((0..10).map(|number| squares(number).into_iter().sum()).collect()));
}

#[procession::test]
fn a_manager_can_host_a_pool() {
    let system = system();
    let manager = Manager::start(&system).expect("a manager");
    let pools = [(); 2].map(|()| Pool::new(&manager, 2).expect("a pool"));
    for pool in &pools {
        assert_eq!(pool.map(square, 0..100), Ok(squares(100)));
    }
    pools[0].close().expect("it lives");
    pools[0].join().expect("it ends");
    assert!(pools[0].map(square, 0..100).is_err());
    assert_eq!(pools[1].map(square, 0..100), Ok(squares(100)));
}

#[procession::test]
fn what_cannot_be_sent_is_an_error_of_its_own() {
    #[data(recursive)]
    struct Deep(Option<Box<Deep>>);
    fn deep(levels: usize) -> Deep {
        (0..levels).fold(Deep(None), |inner, _| Deep(Some(Box::new(inner))))
    }
    let system = system();
    let pool = pool(&system, 2);
    assert!(matches!(pool.apply(|_: Deep| (), deep(1000)), Err(PoolError::Arguments(_))));
    let results = pool.map_each(deep, [1, 1000, 2]).expect("it goes on");
    assert!(matches!(&results[..], [Ok(_), Err(TaskError::Unsendable(_)), Ok(_)]));
    assert_eq!(pool.map(square, 0..10), Ok(squares(10)));
}

#[procession::test]
fn small_messages_hold_parts_of_batches_and_of_answers() {
    const LIMIT_BYTES: usize = 64 << 10;
    let system = System::builder().message_limit_bytes(LIMIT_BYTES).start().expect("a system");
    let pool = pool(&system, 2);
    let grow = |length: usize| "x".repeat(length);
    let lengths: Vec<usize> = (0..300).map(|index| index * 211 % 30_000).collect();
    let texts: Vec<String> = lengths.iter().copied().map(grow).collect();
    for chunk in [1, 7, 300] {
        let tasks = || pool.tasks().chunk_size(chunk);
        assert!(tasks().map(grow, lengths.clone()) == Ok(texts.clone()), "results, chunks of {chunk}");
        let mapped = tasks().map_async(grow, lengths.clone()).expect("it begins");
        assert!(mapped.get() == Ok(texts.clone()), "results of another thread, chunks of {chunk}");
        let found = tasks().map(|text: String| text.len(), texts.clone());
        assert_eq!(found, Ok(lengths.clone()), "arguments, chunks of {chunk}");
        let results = tasks().map_each(grow, [60_000, LIMIT_BYTES, 1, LIMIT_BYTES * 2, 63_000]).expect("it goes on");
        let found: Vec<Option<usize>> = results.iter().map(|result| result.as_ref().ok().map(String::len)).collect();
        assert_eq!(found, [Some(60_000), None, Some(1), None, Some(63_000)]);
        assert!(matches!(results[1], Err(TaskError::Unsendable(_))));
        let refused = tasks().map(|text: String| text.len(), [grow(1), grow(LIMIT_BYTES), grow(1)]);
        assert!(matches!(refused, Err(PoolError::Arguments(_))), "{refused:?}");
    }
    assert_eq!(pool.map(|_: u8| (), vec![0; 20_000]).map(|results| results.len()), Ok(20_000));
}

#[procession::test]
fn too_many_workers_are_a_typed_error() {
    let system = system();
    for workers in [usize::MAX, usize::MAX / 2, 1 << 32, (16 << 10) + 1] {
        assert_eq!(Pool::new(&system, workers), Err(PoolError::TooManyWorkers { limit: 16 << 10 }));
    }
}

#[procession::test]
fn two_hundred_workers() {
    let system = system();
    let pool = pool(&system, 200);
    eventually("all are ready", || pool.status().expect("it lives").ready == 200);
    assert_eq!(pool.tasks().chunk_size(1).map(square, 0..5000), Ok(squares(5000)));
    let start = Instant::now();
    let naps = pool.tasks().chunk_size(1).map(nap, vec![500; 200]).expect("they are done");
    assert_eq!(naps.len(), 200);
    assert!(start.elapsed() < Duration::from_secs(20), "they nap at the same time: {:?}", start.elapsed());
    pool.close().expect("it lives");
    pool.join().expect("they end");
}

#[procession::test]
fn a_panic_of_the_items_iterator_is_its_jobs_alone() {
    let system = system();
    let pool = pool(&system, 2);
    let items = (0..10).map(|number| if number == 7 { panic!("out of numbers") } else { number });
    let (failing, other) = (pool.map_async(square, items), pool.map_async(square, 0..1000));
    let error = failing.expect("it is begun").get().expect_err("there are too few items");
    assert!(matches!(&error, PoolError::Arguments(_)) && error.to_string().contains("out of numbers"), "{error}");
    assert_eq!(other.expect("it is begun").get(), Ok(squares(1000)));
    assert_eq!(pool.apply_async(square, 3).expect("it is begun").get(), Ok(9));
    pool.close().expect("it lives");
    pool.join().expect("it ends");
}
