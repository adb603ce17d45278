//! Executors: what Python's `concurrent.futures` documents, and the end of those who take part.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{Event, Executor, Exit, Future, PoolError, TaskError, WaitFor, as_completed, wait};
use procession_tests::{SOON, Stopwatch, eventually, kill, repeat};

const NAP: u64 = 60_000;

fn system() -> System {
    System::start().expect("a system")
}

fn executor(system: &System, workers: usize) -> Executor {
    Executor::new(system, workers).expect("an executor")
}

fn square(number: u64) -> u64 {
    number * number
}

fn nap(milliseconds: u64) -> u64 {
    thread::sleep(Duration::from_millis(milliseconds));
    milliseconds
}

fn fail(number: u64) -> u64 {
    panic!("not {number}")
}

fn submit<F: Fn(u64) -> u64 + Copy + 'static>(executor: &Executor, function: F, number: u64) -> Future<u64> {
    executor.submit(function, number).expect("it is taken")
}

#[procession::test]
fn a_future_gives_what_the_function_returns() {
    let system = system();
    let executor = executor(&system, 2);
    let future = submit(&executor, square, 12);
    assert_eq!(future.result(), Ok(144));
    assert_eq!((future.done(), future.cancelled(), future.running()), (true, false, Ok(false)));
    assert_eq!((future.result(), future.error()), (Err(PoolError::Taken), None));
    let several = executor.submit(|text: String, times: usize| text.repeat(times), ("ab".to_owned(), 3));
    assert_eq!(several.expect("it is taken").result(), Ok("ababab".to_owned()));
    let failed = submit(&executor, fail, 7);
    match failed.error() {
        Some(PoolError::Task { error: TaskError::Panicked(panic), .. }) => assert_eq!(panic.message, "not 7"),
        other => panic!("{other:?}"),
    }
    assert!(failed.result().is_err());
}

#[procession::test]
fn a_future_can_be_waited_for_anywhere() {
    let system = system();
    let executor = executor(&system, 2);
    let slow = submit(&executor, nap, 300);
    let start = Instant::now();
    assert_eq!(slow.result_within(Duration::from_millis(100)), Err(PoolError::Timeout));
    assert!(start.elapsed() >= Duration::from_millis(90) && start.elapsed() < Duration::from_millis(450));
    eventually("it runs", || slow.running() == Ok(true) || slow.done());
    assert_eq!(thread::spawn(move || slow.result()).join().expect("no panic"), Ok(300));
}

#[procession::test]
fn callbacks_are_called_once_with_the_outcome() {
    let system = system();
    let executor = executor(&system, 1);
    let (tell, told) = mpsc::channel();
    let slow = submit(&executor, nap, 100);
    for number in 0..3 {
        let tell = tell.clone();
        slow.add_done_callback(move |outcome| tell.send((number, outcome.clone())).expect("somebody listens"));
    }
    slow.add_done_callback(|_| panic!("this is logged, and hurts nobody"));
    assert_eq!(slow.error(), None);
    slow.add_done_callback(move |outcome| tell.send((3, outcome.clone())).expect("somebody listens"));
    assert_eq!(told.iter().collect::<Vec<_>>(), [0, 1, 2, 3].map(|number| (number, Ok(100))));
    assert_eq!(slow.result(), Ok(100));
}

#[procession::test]
fn a_callback_that_waits_for_its_own_thread_gets_an_error() {
    let system = system();
    let executor = executor(&system, 1);
    let (tell, told) = mpsc::channel();
    let first = submit(&executor, nap, 50);
    let (own, later, ending) = (submit(&executor, nap, 50), submit(&executor, nap, 50), executor.clone());
    first.add_done_callback(move |_| {
        let outcomes = (later.result(), ending.shutdown(true, false));
        tell.send((outcomes, later)).expect("somebody listens");
    });
    let ((result, shutdown), later) = told.recv().expect("the callback returns");
    assert_eq!((result, shutdown), (Err(PoolError::InCallback), Err(PoolError::InCallback)));
    assert_eq!((later.result(), own.result()), (Ok(50), Ok(50)));
    executor.shutdown(true, false).expect("it ends in order");
}

#[procession::test]
fn what_is_cancelled_is_not_done() {
    let system = system();
    let executor = executor(&system, 1);
    let running = submit(&executor, nap, NAP);
    eventually("it runs", || running.running() == Ok(true));
    let queued: Vec<_> = (0..20).map(|number| submit(&executor, square, number)).collect();
    assert_eq!(queued[3].running(), Ok(false));
    // At the front of the driver's queue, in the foreman's, and with the worker.
    for index in [0, 5, 19] {
        assert!(queued[index].cancel() && queued[index].cancelled() && queued[index].done());
        let cancelled = PoolError::Task { index: 0, error: TaskError::Cancelled };
        assert_eq!(queued[index].result(), Err(cancelled));
    }
    assert!(running.cancel(), "what runs is killed");
    for index in (0..20).filter(|index| ![0, 5, 19].contains(index)) {
        assert_eq!(queued[index].result(), Ok((index * index) as u64));
    }
    assert!(!queued[1].cancel(), "it is done");
    assert_eq!(executor.pool().status().expect("it lives").started, 2);
}

#[procession::test]
fn wait_sorts_what_is_done_from_what_is_not() {
    let system = system();
    let executor = executor(&system, 3);
    let start = || vec![submit(&executor, nap, NAP), submit(&executor, square, 2), submit(&executor, nap, 50)];
    let waited = wait(start(), WaitFor::FirstCompleted, None);
    assert!(!waited.done.is_empty() && waited.not_done.len() + waited.done.len() == 3);
    assert!(waited.not_done.iter().filter(|future| future.cancel()).count() >= 1);

    let mut futures = start();
    futures.push(submit(&executor, fail, 1));
    let waited = wait(futures, WaitFor::FirstException, None);
    assert!(waited.done.iter().any(|future| future.error().is_some()));
    assert!(waited.not_done.iter().filter(|future| future.cancel()).count() >= 1);

    let (stopwatch, timeout) = (Stopwatch::start(), Duration::from_millis(500));
    let waited = wait(start(), WaitFor::AllCompleted, Some(timeout));
    stopwatch.expect(timeout);
    assert_eq!((waited.done.len(), waited.not_done.len()), (2, 1));
    assert!(waited.not_done[0].cancel());

    let quick: Vec<_> = (0..50).map(|number| submit(&executor, square, number)).collect();
    let waited = wait(quick, WaitFor::AllCompleted, None);
    assert_eq!((waited.done.len(), waited.not_done.len()), (50, 0));
    assert!(wait(Vec::<Future<u64>>::new(), WaitFor::FirstCompleted, None).done.is_empty());
}

#[procession::test]
fn as_completed_gives_what_is_done_first() {
    let system = system();
    let executor = executor(&system, 2);
    let futures = [400, 1, 2].map(|number| submit(&executor, nap, number));
    let order: Vec<u64> = as_completed(futures).map(|future| future.result().expect("it naps")).collect();
    assert_eq!(order.len(), 3);
    assert_eq!(order[2], 400);
    let slow = submit(&executor, nap, NAP);
    let mut some = as_completed([submit(&executor, square, 3), slow]).within(Duration::from_millis(500));
    assert_eq!(some.next().expect("one is done").result(), Ok(9));
    assert!(some.next().is_none());
}

#[procession::test]
fn map_gives_results_in_order() {
    let system = system();
    let executor = executor(&system, 3);
    let results = executor.map(square, 0..100).expect("it begins");
    assert!(results.eq((0..100).map(|number| Ok(square(number)))));
    let mut results =
        executor.map(|number: u64| if number == 2 { fail(number) } else { number }, 0..4).expect("it begins");
    assert_eq!((results.next(), results.next()), (Some(Ok(0)), Some(Ok(1))));
    assert!(matches!(results.next(), Some(Err(PoolError::Task { index: 2, error: TaskError::Panicked(_) }))));
}

#[procession::test]
fn a_shutdown_lets_what_was_submitted_be_done() {
    let system = system();
    for wait in [true, false] {
        let executor = executor(&system, 2);
        let futures: Vec<_> = (0..30).map(|_| submit(&executor, nap, 5)).collect();
        executor.shutdown(wait, false).expect("it ends");
        assert!(!wait || futures.iter().all(Future::done));
        assert!(matches!(executor.submit(square, 1), Err(PoolError::Closed)));
        assert!(futures.iter().all(|future| future.result() == Ok(5)));
        executor.shutdown(true, false).expect("that it has ended is no error");
    }
}

#[procession::test]
fn a_shutdown_can_cancel_what_has_not_begun() {
    let system = system();
    let executor = executor(&system, 2);
    let event = Event::new(&system).expect("an event");
    let hold = |event: Event| event.wait().is_ok();
    let submit = |_| executor.submit(hold, event.clone()).expect("it is taken");
    let futures: Vec<_> = (0..100).map(submit).collect();
    let count = |is_so: &dyn Fn(&Future<bool>) -> bool| futures.iter().filter(|future| is_so(future)).count();
    eventually("two run", || count(&|future| future.running() == Ok(true)) == 2);
    let closed = executor.clone();
    let closing = thread::spawn(move || closed.shutdown(true, true));
    eventually("the others are cancelled", || count(&Future::cancelled) == 98);
    event.set().expect("it lives");
    closing.join().expect("no panic").expect("it ends");
    assert_eq!((count(&|future| future.result() == Ok(true)), count(&Future::cancelled)), (2, 98));
}

#[procession::test]
fn an_idle_executor_wakes_up_again() {
    let system = system();
    let executor = executor(&system, 1);
    for number in 0..200 {
        assert_eq!(submit(&executor, square, number).result(), Ok(square(number)));
    }
    let threads = [(); 4].map(|()| {
        let executor = executor.clone();
        thread::spawn(move || (0..100).all(|number| submit(&executor, square, number).result() == Ok(square(number))))
    });
    assert!(threads.into_iter().all(|thread| thread.join().expect("no panic")));
}

#[procession::test]
fn a_death_is_the_error_of_one_future() {
    repeat("worker killed under futures", 20, |round| {
        let system = system();
        let executor = executor(&system, 2);
        let futures: Vec<_> = (0..200).map(|number| submit(&executor, square, number)).collect();
        let doomed = submit(&executor, nap, NAP);
        round.dice.spin();
        let mut victims = Vec::new();
        eventually("they are ready", || {
            victims = executor.pool().status().expect("it lives").pids;
            !victims.is_empty()
        });
        kill(*round.dice.pick(&victims), Signal::SIGKILL);
        round.at("the results");
        let outcomes: Vec<_> = futures.iter().map(|future| future.result_within(SOON)).collect();
        let lost: BTreeSet<usize> = (0..200).filter(|index| outcomes[*index].is_err()).collect();
        assert!(lost.len() <= 1, "{lost:?}: {outcomes:?}");
        let killed = TaskError::WorkerDied { exit: Exit::Signal { signal: 9, core_dumped: false } };
        assert!(lost.iter().all(|index| outcomes[*index].as_ref().err().and_then(PoolError::task) == Some(&killed)));
        doomed.cancel();
        assert!(doomed.result_within(SOON).is_err());
    });
}
