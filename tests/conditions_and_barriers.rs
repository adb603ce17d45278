//! Conditions, events and barriers: what they do while everybody lives.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::{Barrier, Condition, Event, Lock, LockError, Semaphore};
use procession_tests::{SOON, eventually, lock_outcome};

fn system() -> System {
    System::start().expect("a system")
}

#[procession::test]
fn a_condition_needs_its_lock() {
    let system = system();
    let condition = Condition::new(&system).expect("a condition");
    assert_eq!(lock_outcome(condition.notify(1)), "invalid");
    assert_eq!(lock_outcome(condition.notify_all()), "invalid");
    let mut guard = condition.acquire().expect("it is free");
    let mut foreign = Lock::new(&system).expect("a lock").acquire().expect("it is free");
    assert_eq!(lock_outcome(condition.wait(&mut foreign)), "invalid");
    assert_eq!(foreign.release(), Ok(()), "it is held as before");
    assert_eq!(condition.notify(5), Ok(()), "that nobody waits is no error");
    let again = Condition::with_lock(condition.lock()).expect("another room");
    assert_eq!(again.notify(1), Ok(()), "the same lock");
    condition.lock().release().expect("it is held");
    assert_eq!(lock_outcome(condition.wait(&mut guard)), "invalid");
    system.shutdown().expect("an orderly end");
}

/// Waits on a condition on threads of this process, and counts those that have come back.
struct Sleepers {
    condition: Condition,
    woken: mpsc::Receiver<Result<(), LockError>>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Sleepers {
    /// Returns once all of them wait: who has the lock after them all knows that they have given it up.
    fn start(condition: &Condition, count: usize) -> Sleepers {
        let (wake, woken) = mpsc::channel();
        let (ready, started) = mpsc::channel();
        let sleeper = |_| {
            let (condition, wake, ready) = (condition.clone(), wake.clone(), ready.clone());
            thread::spawn(move || {
                let mut guard = condition.acquire().expect("it comes");
                ready.send(()).expect("somebody counts");
                let outcome = condition.wait(&mut guard);
                drop(guard);
                wake.send(outcome).expect("somebody counts");
            })
        };
        let threads = (0..count).map(sleeper).collect();
        for _ in 0..count {
            started.recv().expect("it comes");
        }
        drop(condition.acquire().expect("the last one waits"));
        Sleepers { condition: condition.clone(), woken, threads }
    }

    fn notify(&self, count: u64) {
        let _guard = self.condition.acquire().expect("it comes");
        self.condition.notify(count).expect("it is held");
    }

    fn expect_awake(&self, count: usize) {
        for _ in 0..count {
            assert_eq!(self.woken.recv_timeout(SOON).expect("woken"), Ok(()));
        }
        // Whoever else had been woken would have had the lock before.
        drop(self.condition.acquire().expect("it comes"));
        assert!(self.woken.recv_timeout(Duration::from_millis(50)).is_err(), "more than {count} woken");
    }
}

#[procession::test]
fn a_condition_wakes_as_many_as_are_notified() {
    let system = system();
    let condition = Condition::new(&system).expect("a condition");
    {
        let _guard = condition.acquire().expect("it is free");
        condition.notify(3).expect("it is held");
    }
    let sleepers = Sleepers::start(&condition, 6);
    sleepers.expect_awake(0);
    sleepers.notify(1);
    sleepers.expect_awake(1);
    sleepers.notify(0);
    sleepers.expect_awake(0);
    sleepers.notify(2);
    sleepers.expect_awake(2);
    sleepers.notify(u64::MAX);
    sleepers.expect_awake(3);
    for thread in sleepers.threads {
        thread.join().expect("no panic");
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn conditions_of_one_lock_have_waiters_of_their_own() {
    let system = system();
    let lock = Lock::new(&system).expect("a lock");
    let (full, empty) = (Condition::with_lock(&lock).expect("a room"), Condition::with_lock(&lock).expect("a room"));
    let (on_full, on_empty) = (Sleepers::start(&full, 2), Sleepers::start(&empty, 1));
    on_full.notify(5);
    on_full.expect_awake(2);
    on_empty.expect_awake(0);
    on_empty.notify(1);
    on_empty.expect_awake(1);
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_wait_for_looks_at_once_and_after_each_notification() {
    let system = system();
    let condition = Condition::new(&system).expect("a condition");
    let mut guard = condition.acquire().expect("it is free");
    condition.wait_for(&mut guard, || true).expect("it is so");
    let (looked, looks) = mpsc::channel();
    let notifier = condition.clone();
    let notifier = thread::spawn(move || {
        for () in looks {
            let _guard = notifier.acquire().expect("it comes");
            notifier.notify(1).expect("it is held");
        }
    });
    let mut count = 0;
    condition
        .wait_for(&mut guard, || {
            looked.send(()).expect("somebody notifies");
            count += 1;
            count > 3
        })
        .expect("it comes to be so");
    assert_eq!(count, 4);
    drop(looked);
    guard.release().expect("it is held");
    notifier.join().expect("no panic");
    let mut guard = condition.acquire().expect("it is free");
    let start = Instant::now();
    let timeout = Duration::from_millis(150);
    assert_eq!(lock_outcome(condition.wait_for_within(&mut guard, timeout, || false)), "timeout");
    assert!(start.elapsed() >= timeout.mul_f32(0.9));
    assert_eq!(guard.release(), Ok(()), "it is held after the time is over");
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn an_event_is_a_flag() {
    let system = system();
    let event = Event::new(&system).expect("an event");
    assert_eq!(event.is_set(), Ok(false));
    assert_eq!(lock_outcome(event.wait_within(Duration::ZERO)), "timeout");
    event.set().expect("it lives");
    event.set().expect("a second time means nothing");
    assert_eq!(event.is_set(), Ok(true));
    assert_eq!(event.wait(), Ok(()));
    assert_eq!(event.wait_within(Duration::ZERO), Ok(()));
    event.clear().expect("it lives");
    assert_eq!(event.is_set(), Ok(false));
    assert_eq!(lock_outcome(event.wait_within(Duration::from_millis(100))), "timeout");
    system.shutdown().expect("an orderly end");
}

/// Waits for an event on threads of its own; counts those that were woken.
fn wait_with_threads((event, threads): (Event, u64)) -> u64 {
    let waiter = |_| {
        let event = event.clone();
        thread::spawn(move || u64::from(event.wait_within(SOON).is_ok()))
    };
    let waiters: Vec<_> = (0..threads).map(waiter).collect();
    waiters.into_iter().map(|waiter| waiter.join().expect("no panic")).sum()
}

#[procession::test]
fn set_then_clear_wakes_all_of_200_waiters() {
    let system = system();
    let event = Event::new(&system).expect("an event");
    let start = |_| system.process(wait_with_threads, (event.clone(), 20)).start().expect("a process");
    let children: Vec<_> = (0..10).map(start).collect();
    eventually("all wait", || event.n_waiting() == Ok(200));
    event.set().expect("it lives");
    event.clear().expect("it lives");
    let woken: u64 = children.iter().map(|child| child.join().expect("it returns")).sum();
    assert_eq!(woken, 200);
    system.shutdown().expect("an orderly end");
}

/// Passes a barrier again and again; in between it counts up in step with the others.
fn march((barrier, steps, passes): (Barrier, Semaphore, u64)) -> Vec<u32> {
    let parties = u64::from(barrier.parties());
    let mut indices = Vec::new();
    for pass in 0..passes {
        steps.release(1).expect("it lives");
        indices.push(barrier.wait().expect("all come"));
        if pass % 50 == 0 {
            // Nobody starts the next round before everybody has looked.
            assert_eq!(steps.value(), Ok((pass + 1) * parties));
            barrier.wait().expect("all come");
        }
    }
    indices
}

#[procession::test]
fn a_barrier_keeps_step_for_1000_passes() {
    let system = system();
    let (barrier, steps) = (Barrier::new(&system, 5).expect("a barrier"), Semaphore::new(&system, 0).expect("a count"));
    let start = |_| system.process(march, (barrier.clone(), steps.clone(), 1000)).start().expect("a process");
    let children: Vec<_> = (0..5).map(start).collect();
    let columns: Vec<_> = children.iter().map(|child| child.join().expect("it returns")).collect();
    for pass in 0..1000 {
        let mut indices: Vec<u32> = columns.iter().map(|column| column[pass]).collect();
        indices.sort_unstable();
        assert_eq!(indices, [0, 1, 2, 3, 4], "pass {pass}");
    }
    assert_eq!((barrier.broken(), barrier.n_waiting()), (Ok(false), Ok(0)), "a normal end does not break it");
    system.shutdown().expect("an orderly end");
}

/// Has threads wait at a barrier, and returns once they do.
fn arrive(barrier: &Barrier, count: u32) -> Vec<thread::JoinHandle<Result<u32, LockError>>> {
    let before = barrier.n_waiting().expect("it lives");
    let threads = (0..count).map(|_| barrier.clone()).map(|barrier| thread::spawn(move || barrier.wait())).collect();
    eventually("all have arrived", || barrier.n_waiting() == Ok(before + count));
    threads
}

fn outcomes(threads: Vec<thread::JoinHandle<Result<u32, LockError>>>) -> Vec<&'static str> {
    threads.into_iter().map(|thread| lock_outcome(thread.join().expect("no panic"))).collect()
}

#[procession::test]
fn a_barrier_is_broken_and_made_whole() {
    let system = system();
    let barrier = Barrier::new(&system, 3).expect("a barrier");
    assert_eq!(lock_outcome(Barrier::new(&system, 0)), "invalid");
    assert_eq!((barrier.parties(), barrier.n_waiting(), barrier.broken()), (3, Ok(0), Ok(false)));
    type Act = fn(&Barrier) -> Result<(), LockError>;
    let table: [(&str, Act, bool); 3] = [
        ("abort", Barrier::abort, true),
        ("reset", Barrier::reset, false),
        ("time-out", |barrier| barrier.wait_within(Duration::from_millis(100)).map(drop), true),
    ];
    for (name, act, broken) in table {
        let waiting = arrive(&barrier, if name == "time-out" { 1 } else { 2 });
        let expected = if name == "time-out" { "timeout" } else { "granted" };
        assert_eq!(lock_outcome(act(&barrier)), expected, "{name}");
        assert!(outcomes(waiting).into_iter().all(|outcome| outcome == "broken"), "{name}");
        assert_eq!(barrier.broken(), Ok(broken), "{name}");
        if broken {
            assert_eq!(lock_outcome(barrier.wait()), "broken", "{name}");
            barrier.reset().expect("it lives");
        }
        let waiting = arrive(&barrier, 2);
        assert_eq!(barrier.wait(), Ok(2), "{name}");
        assert_eq!(outcomes(waiting), ["granted", "granted"], "{name}");
    }
    let one = Barrier::new(&system, 1).expect("a barrier");
    assert_eq!((one.wait(), one.wait()), (Ok(0), Ok(0)));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn an_action_is_run_once_and_before_anybody_goes_on() {
    let system = system();
    let barrier = Barrier::new(&system, 3).expect("a barrier");
    for round in 0..20 {
        let (act, acts) = mpsc::channel();
        let party = |_| {
            let (barrier, act) = (barrier.clone(), act.clone());
            thread::spawn(move || {
                let index = barrier.wait_with(|| act.send(None).expect("somebody reads")).expect("all come");
                act.send(Some(index)).expect("somebody reads");
            })
        };
        let parties: Vec<_> = (0..3).map(party).collect();
        for party in parties {
            party.join().expect("no panic");
        }
        drop(act);
        let mut seen: Vec<Option<u32>> = acts.iter().collect();
        assert_eq!(seen.remove(0), None, "round {round}: the action is first");
        seen.sort_unstable();
        assert_eq!(seen, [Some(0), Some(1), Some(2)], "round {round}");
    }
    let waiting = arrive(&barrier, 2);
    let acting = barrier.clone();
    thread::spawn(move || acting.wait_with(|| panic!("on purpose"))).join().expect_err("it panics");
    assert_eq!(outcomes(waiting), ["broken", "broken"]);
    assert_eq!(barrier.broken(), Ok(true));
    system.shutdown().expect("an orderly end");
}
