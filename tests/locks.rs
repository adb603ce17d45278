//! Locks, semaphores, conditions, events and barriers: what they do while everybody lives.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::{
    Barrier, BoundedSemaphore, Condition, Event, Exit, Lock, LockError, LockGuard, RLock, Restart, Semaphore, SpawnError,
};
use procession_tests::{SOON, eventually};

fn system() -> System {
    System::start().expect("a system")
}

/// What an outcome comes to, to be compared.
fn short<T>(outcome: Result<T, LockError>) -> &'static str {
    match outcome {
        Ok(_) => "granted",
        Err(LockError::Timeout) => "timeout",
        Err(LockError::Broken) => "broken",
        Err(LockError::Invalid(_)) => "invalid",
        Err(LockError::HostDied(_)) => "host died",
        Err(LockError::NoHost) => "no host",
        Err(LockError::HostRestarted) => "host restarted",
        Err(error) => panic!("{error}"),
    }
}

/// Runs something on another thread of this process.
fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    thread::spawn(work).join().expect("no panic")
}

fn try_lock(lock: Lock) -> bool {
    lock.try_acquire().is_ok()
}

#[procession::test]
fn a_lock_has_one_holder() {
    let system = system();
    let lock = Lock::new(&system).expect("a lock");
    let guard = lock.acquire().expect("it is free");
    assert_eq!(guard.owner_died(), None);
    assert_eq!(short(lock.try_acquire()), "timeout", "not even the holder has it twice");
    let other = system.process(try_lock, lock.clone()).start().expect("a process");
    assert_eq!(other.join(), Ok(false));
    drop(guard);
    let other = system.process(try_lock, lock.clone()).start().expect("a process");
    assert_eq!(other.join(), Ok(true));
    assert_eq!(lock.acquire().expect("it is free").release(), Ok(()));
    assert_eq!(lock.try_acquire().expect("it is free").release(), Ok(()));
    assert_eq!(lock.acquire_within(SOON).expect("it is free").release(), Ok(()));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_release_by_somebody_who_holds_nothing_is_invalid() {
    let system = system();
    let lock = Lock::new(&system).expect("a lock");
    assert_eq!(short(lock.release()), "invalid", "nobody holds it");
    let guard = lock.acquire().expect("it is free");
    let release = |lock: Lock| short(lock.release()).to_owned();
    let other = system.process(release, lock.clone()).start().expect("a process");
    assert_eq!(other.join().as_deref(), Ok("invalid"), "another process holds it");
    assert_eq!(short(lock.try_acquire()), "timeout", "it is held as before");
    let there = lock.clone();
    assert_eq!(elsewhere(move || there.release()), Ok(()), "any thread of the process may release it");
    let next = lock.try_acquire().expect("it is free");
    assert_eq!(short(guard.release()), "invalid", "the guard is void");
    assert_eq!(short(lock.try_acquire()), "timeout", "the next guard is not");
    elsewhere(move || drop(next));
    assert!(lock.acquire_within(SOON).is_ok(), "a guard can be dropped by another thread");
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_lock_is_had_in_the_order_of_asking() {
    let system = system();
    let lock = Lock::new(&system).expect("a lock");
    let guard = lock.acquire().expect("it is free");
    let (done, order) = mpsc::channel();
    let threads: Vec<_> = (0..5)
        .map(|number| {
            let (lock, done) = (lock.clone(), done.clone());
            let (asking, asked) = mpsc::channel();
            let thread = thread::spawn(move || {
                // The host has registered this thread's process; what comes next on this connection is the question.
                assert_eq!(short(lock.try_acquire()), "timeout");
                asking.send(()).expect("somebody waits");
                let _guard = lock.acquire().expect("it comes");
                done.send(number).expect("somebody counts");
            });
            asked.recv().expect("it asks");
            // It is in the queue once the thread sleeps in its question.
            thread::sleep(Duration::from_millis(20));
            thread
        })
        .collect();
    drop(guard);
    for thread in threads {
        thread.join().expect("no panic");
    }
    drop(done);
    assert_eq!(order.iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_reentrant_lock_counts() {
    let system = system();
    let lock = RLock::new(&system).expect("a lock");
    assert_eq!(short(lock.release()), "invalid");
    let outer = lock.acquire().expect("it is free");
    let inner = lock.try_acquire().expect("it is held by this thread");
    let innermost = lock.acquire_within(SOON).expect("it is held by this thread");
    let try_elsewhere = || {
        let lock = lock.clone();
        elsewhere(move || (short(lock.try_acquire()), short(lock.release())))
    };
    assert_eq!(try_elsewhere(), ("timeout", "invalid"), "another thread is another owner");
    drop(outer);
    assert_eq!(inner.release(), Ok(()), "in any order");
    assert_eq!(try_elsewhere(), ("timeout", "invalid"), "it is held once");
    assert_eq!(lock.release(), Ok(()));
    assert_eq!(short(innermost.release()), "invalid");
    assert_eq!(try_elsewhere(), ("granted", "invalid"));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_semaphore_counts() {
    let system = system();
    let semaphore = Semaphore::new(&system, 2).expect("a semaphore");
    let first = semaphore.acquire().expect("free");
    let second = semaphore.try_acquire().expect("free");
    assert_eq!(semaphore.value(), Ok(0));
    assert_eq!(short(semaphore.try_acquire()), "timeout");
    drop(first);
    assert_eq!(semaphore.value(), Ok(1));
    assert_eq!(second.release(), Ok(()));
    semaphore.release(3).expect("it has no bound");
    assert_eq!(semaphore.value(), Ok(5));
    assert_eq!(short(semaphore.release(u64::MAX)), "invalid");
    assert_eq!(semaphore.value(), Ok(5), "nothing was added");
    let none = Semaphore::new(&system, 0).expect("a semaphore");
    assert_eq!(short(none.try_acquire()), "timeout");
    let (waiter, waiting) = (none.clone(), thread::spawn);
    let waiting = waiting(move || waiter.acquire().map(drop));
    none.release(1).expect("it has no bound");
    assert_eq!(waiting.join().expect("no panic"), Ok(()));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_bounded_semaphore_has_a_bound() {
    let system = system();
    let semaphore = BoundedSemaphore::new(&system, 2).expect("a semaphore");
    assert_eq!(short(semaphore.release(1)), "invalid");
    let held = semaphore.acquire().expect("free");
    assert_eq!(short(semaphore.release(1)), "invalid", "the guard gives it back");
    semaphore.acquire().expect("free").keep().expect("it is held");
    assert_eq!(semaphore.value(), Ok(0));
    assert_eq!(short(semaphore.release(2)), "invalid");
    let release = |semaphore: BoundedSemaphore| short(semaphore.release(1)).to_owned();
    let other = system.process(release, semaphore.clone()).start().expect("a process");
    assert_eq!(other.join().as_deref(), Ok("granted"), "anybody may put a kept permit back");
    assert_eq!(short(semaphore.release(1)), "invalid");
    assert_eq!(held.release(), Ok(()));
    assert_eq!(semaphore.value(), Ok(2));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_condition_needs_its_lock() {
    let system = system();
    let condition = Condition::new(&system).expect("a condition");
    assert_eq!(short(condition.notify(1)), "invalid");
    assert_eq!(short(condition.notify_all()), "invalid");
    let mut guard = condition.acquire().expect("it is free");
    let mut foreign = Lock::new(&system).expect("a lock").acquire().expect("it is free");
    assert_eq!(short(condition.wait(&mut foreign)), "invalid");
    assert_eq!(foreign.release(), Ok(()), "it is held as before");
    assert_eq!(condition.notify(5), Ok(()), "that nobody waits is no error");
    let again = Condition::with_lock(condition.lock()).expect("another room");
    assert_eq!(again.notify(1), Ok(()), "the same lock");
    condition.lock().release().expect("it is held");
    assert_eq!(short(condition.wait(&mut guard)), "invalid");
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
        for _ in looks.iter().take(3) {
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
    notifier.join().expect("no panic");
    let start = Instant::now();
    let timeout = Duration::from_millis(150);
    assert_eq!(short(condition.wait_for_within(&mut guard, timeout, || false)), "timeout");
    assert!(start.elapsed() >= timeout.mul_f32(0.9));
    assert_eq!(guard.release(), Ok(()), "it is held after the time is over");
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn an_event_is_a_flag() {
    let system = system();
    let event = Event::new(&system).expect("an event");
    assert_eq!(event.is_set(), Ok(false));
    assert_eq!(short(event.wait_within(Duration::ZERO)), "timeout");
    event.set().expect("it lives");
    event.set().expect("a second time means nothing");
    assert_eq!(event.is_set(), Ok(true));
    assert_eq!(event.wait(), Ok(()));
    assert_eq!(event.wait_within(Duration::ZERO), Ok(()));
    event.clear().expect("it lives");
    assert_eq!(event.is_set(), Ok(false));
    assert_eq!(short(event.wait_within(Duration::from_millis(100))), "timeout");
    system.shutdown().expect("an orderly end");
}

/// Waits for an event on threads of its own, each of which first makes itself known.
fn wait_with_threads((event, ready, threads): (Event, Semaphore, u64)) -> u64 {
    let waiter = |_| {
        let (event, ready) = (event.clone(), ready.clone());
        thread::spawn(move || {
            // Both go over this thread's own connections: the host of the event has been spoken to before.
            assert_eq!(event.is_set(), Ok(false));
            ready.release(1).expect("it lives");
            u64::from(event.wait_within(SOON).is_ok())
        })
    };
    let waiters: Vec<_> = (0..threads).map(waiter).collect();
    waiters.into_iter().map(|waiter| waiter.join().expect("no panic")).sum()
}

#[procession::test]
fn set_then_clear_wakes_all_of_200_waiters() {
    let system = system();
    let (event, ready) = (Event::new(&system).expect("an event"), Semaphore::new(&system, 0).expect("a semaphore"));
    let start = |_| system.process(wait_with_threads, (event.clone(), ready.clone(), 20)).start().expect("a process");
    let children: Vec<_> = (0..10).map(start).collect();
    let permits: Vec<_> = (0..200).map(|_| ready.acquire_within(SOON).expect("all come")).collect();
    // They have said that they are about to wait; that they do shows in the threads asleep.
    for child in &children {
        let pid = child.pid().expect("it is known").expect("it runs");
        eventually("all threads wait", || threads_asleep(pid) >= 21);
    }
    event.set().expect("it lives");
    event.clear().expect("it lives");
    let woken: u64 = children.iter().map(|child| child.join().expect("it returns")).sum();
    assert_eq!(woken, 200);
    drop(permits);
    system.shutdown().expect("an orderly end");
}

/// Counts the threads of a process that sleep.
fn threads_asleep(pid: i32) -> usize {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    let stats = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
    stats.filter(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))).count()
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
    threads.into_iter().map(|thread| short(thread.join().expect("no panic"))).collect()
}

#[procession::test]
fn a_barrier_is_broken_and_made_whole() {
    let system = system();
    let barrier = Barrier::new(&system, 3).expect("a barrier");
    assert_eq!(short(Barrier::new(&system, 0)), "invalid");
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
        assert_eq!(short(act(&barrier)), expected, "{name}");
        assert!(outcomes(waiting).into_iter().all(|outcome| outcome == "broken"), "{name}");
        assert_eq!(barrier.broken(), Ok(broken), "{name}");
        if broken {
            assert_eq!(short(barrier.wait()), "broken", "{name}");
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

#[procession::test]
fn a_wait_ends_in_time() {
    let system = system();
    let lock = Lock::new(&system).expect("a lock");
    let _held = lock.acquire().expect("it is free");
    let reentrant = RLock::new(&system).expect("a lock");
    let _held_too = reentrant.acquire().expect("it is free");
    let semaphore = Semaphore::new(&system, 0).expect("a semaphore");
    let event = Event::new(&system).expect("an event");
    let barrier = Barrier::new(&system, 2).expect("a barrier");
    let condition = Condition::new(&system).expect("a condition");
    let mut guard = condition.acquire().expect("it is free");
    for millis in [100, 250, 700] {
        let timeout = Duration::from_millis(millis);
        barrier.reset().expect("it lives");
        let other = reentrant.clone();
        let mut waits: [(&str, &mut dyn FnMut() -> Result<(), LockError>); 6] = [
            ("lock", &mut || lock.acquire_within(timeout).map(drop)),
            ("rlock", &mut || {
                let other = other.clone();
                elsewhere(move || other.acquire_within(timeout).map(drop))
            }),
            ("semaphore", &mut || semaphore.acquire_within(timeout).map(drop)),
            ("condition", &mut || condition.wait_within(&mut guard, timeout)),
            ("event", &mut || event.wait_within(timeout)),
            ("barrier", &mut || barrier.wait_within(timeout).map(drop)),
        ];
        for (name, wait) in &mut waits {
            let start = Instant::now();
            assert_eq!(short(wait()), "timeout", "{name}");
            let took = start.elapsed();
            assert!(took >= timeout.mul_f32(0.9), "{name}: {took:?} of {timeout:?}");
            assert!(took <= timeout * 2 + Duration::from_millis(250), "{name}: {took:?} of {timeout:?}");
        }
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn who_gives_up_loses_nothing() {
    let system = system();
    let semaphore = BoundedSemaphore::new(&system, 1).expect("a semaphore");
    let worker = |semaphore: BoundedSemaphore| -> u64 {
        let (mut granted, start) = (0, Instant::now());
        while start.elapsed() < Duration::from_millis(1500) {
            // So short that grants and time-outs meet.
            if let Ok(permit) = semaphore.acquire_within(Duration::from_micros(300)) {
                granted += 1;
                drop(permit);
            }
        }
        granted
    };
    let start = |_| system.process(worker, semaphore.clone()).start().expect("a process");
    let children: Vec<_> = (0..4).map(start).collect();
    let granted: u64 = children.iter().map(|child| child.join().expect("it returns")).sum();
    assert!(granted > 0);
    drop(semaphore.acquire_within(SOON).expect("the permit is there"));
    eventually("the permit is back", || semaphore.value() == Ok(1));
    system.shutdown().expect("an orderly end");
}

/// Handles in a message, one within another piece of data.
#[message(reply = Later<u64>)]
struct Meet {
    lock: Lock,
    places: Option<(Barrier, Vec<Event>)>,
}

#[derive(Default)]
struct Guest;

#[actor]
impl Actor for Guest {
    type Args = Option<Semaphore>;
    type Messages = (Meet,);

    fn start(arrivals: Option<Semaphore>, _: &mut Context<Self>) -> Result<Guest, Failure> {
        if let Some(arrivals) = arrivals {
            arrivals.release(1).map_err(Failure::from)?;
        }
        Ok(Guest)
    }
}

impl Handler<Meet> for Guest {
    fn handle(&mut self, meet: Incoming<'_, Meet>, context: &mut Context<Self>) -> Later<u64> {
        let lock = meet.lock.to_native();
        let (barrier, events) = meet.open().places.expect("it came along");
        let reply = context.reply_later();
        let later = reply.later();
        // From several threads, also while the handler goes on.
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (lock, barrier) = (lock.clone(), barrier.clone());
                thread::spawn(move || {
                    let _guard = lock.acquire().expect("it comes");
                    drop(_guard);
                    barrier.wait().expect("all come")
                })
            })
            .collect();
        events[0].set().expect("it lives");
        thread::spawn(move || {
            let sum = threads.into_iter().map(|thread| u64::from(thread.join().expect("no panic"))).sum();
            reply.send(sum).expect("it fits");
        });
        later
    }
}

#[procession::test]
fn handles_travel() {
    let system = system();
    let arrivals = Semaphore::new(&system, 0).expect("a semaphore");
    let guests: Vec<_> =
        (0..2).map(|_| system.spawn::<Guest>(Some(arrivals.clone())).expect("an actor")).collect();
    assert_eq!(arrivals.value(), Ok(2));
    let (lock, barrier) = (Lock::new(&system).expect("a lock"), Barrier::new(&system, 6).expect("a barrier"));
    let event = Event::new(&system).expect("an event");
    let meet = Meet { lock, places: Some((barrier, vec![event.clone()])) };
    let pending: Vec<_> = guests.iter().map(|guest| guest.request(&meet).expect("sent")).collect();
    event.wait_within(SOON).expect("it is set");
    let sum: u64 = pending.into_iter().map(|pending| pending.wait_within(SOON).expect("answered")).sum();
    assert_eq!(sum, 15);
    system.shutdown().expect("an orderly end");
}

/// Makes a lock inside an actor.
#[message(reply = Lock)]
struct MakeLock;

struct Maker;

#[actor]
impl Actor for Maker {
    type Messages = (MakeLock,);

    fn start((): (), _: &mut Context<Self>) -> Result<Maker, Failure> {
        Ok(Maker)
    }
}

impl Handler<MakeLock> for Maker {
    fn handle(&mut self, _: Incoming<'_, MakeLock>, context: &mut Context<Self>) -> Lock {
        Lock::new(context).expect("a lock")
    }
}

#[procession::test]
fn a_lock_ends_with_the_actor_that_made_it() {
    let system = system();
    let maker = system.spawn::<Maker>(()).expect("an actor");
    let lock = maker.ask(&MakeLock).expect("a lock");
    let guard = lock.acquire().expect("it is free");
    let waiter = lock.clone();
    let waiter = thread::spawn(move || waiter.acquire().map(drop));
    maker.stop().expect("it runs");
    assert_eq!(waiter.join().expect("no panic"), Err(LockError::HostDied(Exit::Stopped)));
    assert!(matches!(guard.release(), Err(LockError::HostDied(_) | LockError::NoHost)));
    assert!(matches!(lock.acquire(), Err(LockError::HostDied(_) | LockError::NoHost)));
    system.shutdown().expect("an orderly end");
}

/// Has hosts restarted, whatever their end.
struct Restarting<'a>(&'a System);

impl Home for Restarting<'_> {
    fn host<A: Actor>(&self, args: A::Args, name: &str) -> Result<ActorRef<A>, SpawnError> {
        let host = self.0.actor::<A>(args).name(name).restart(Restart::Permanent).start()?;
        self.0.register("the host", &host)?;
        Ok(host)
    }
}

#[procession::test]
fn after_a_restart_of_the_host_old_handles_are_void() {
    let system = system();
    let lock = Lock::new(&Restarting(&system)).expect("a lock");
    let guard: LockGuard = lock.acquire().expect("it is free");
    let waiter = lock.clone();
    let waiter = thread::spawn(move || waiter.acquire().map(drop));
    let host: ActorRef<Guest> = system.whereis("the host").expect("it answers").expect("it is there");
    host.kill().expect("it runs");
    let killed = |outcome| matches!(outcome, Err(LockError::HostDied(Exit::Signal { signal: 9, .. })));
    let outcome = waiter.join().expect("no panic");
    assert!(killed(outcome.clone()) || outcome == Err(LockError::HostRestarted), "{outcome:?}");
    // While the old one dies, it is told so.
    eventually("the new one answers", || !killed(lock.try_acquire().map(drop)));
    assert_eq!(short(lock.acquire()), "host restarted");
    assert_eq!(short(guard.release()), "host restarted");
    let other = system.process(|lock: Lock| short(lock.acquire()).to_owned(), lock.clone()).start().expect("a process");
    assert_eq!(other.join().as_deref(), Ok("host restarted"), "also where it has never been used");
    system.shutdown().expect("an orderly end");
}
