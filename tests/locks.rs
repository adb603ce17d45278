//! Locks and semaphores, and what holds for all that processes wait at: time-outs, handles, hosts.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{Barrier, BoundedSemaphore, Condition, Event, Exit, Lock, LockError, LockGuard, RLock, Semaphore};
use procession_tests::{Noting, SOON, Stopwatch, eventually, kill, lock_outcome};

fn system() -> System {
    System::start().expect("a system")
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
    assert_eq!(lock_outcome(lock.try_acquire()), "timeout", "not even the holder has it twice");
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
    assert_eq!(lock_outcome(lock.release()), "invalid", "nobody holds it");
    let guard = lock.acquire().expect("it is free");
    let release = |lock: Lock| lock_outcome(lock.release()).to_owned();
    let other = system.process(release, lock.clone()).start().expect("a process");
    assert_eq!(other.join().as_deref(), Ok("invalid"), "another process holds it");
    assert_eq!(lock_outcome(lock.try_acquire()), "timeout", "it is held as before");
    let there = lock.clone();
    assert_eq!(elsewhere(move || there.release()), Ok(()), "any thread of the process may release it");
    let next = lock.try_acquire().expect("it is free");
    assert_eq!(lock_outcome(guard.release()), "invalid", "the guard is void");
    assert_eq!(lock_outcome(lock.try_acquire()), "timeout", "the next guard is not");
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
            let (waiter, done) = (lock.clone(), done.clone());
            let thread = thread::spawn(move || {
                let _guard = waiter.acquire().expect("it comes");
                done.send(number).expect("somebody counts");
            });
            eventually("it waits", || lock.n_waiting() == Ok(number + 1));
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
    assert_eq!(lock_outcome(lock.release()), "invalid");
    let outer = lock.acquire().expect("it is free");
    let inner = lock.try_acquire().expect("it is held by this thread");
    let innermost = lock.acquire_within(SOON).expect("it is held by this thread");
    let try_elsewhere = || {
        let lock = lock.clone();
        elsewhere(move || (lock_outcome(lock.try_acquire()), lock_outcome(lock.release())))
    };
    assert_eq!(try_elsewhere(), ("timeout", "invalid"), "another thread is another owner");
    drop(outer);
    assert_eq!(inner.release(), Ok(()), "in any order");
    assert_eq!(try_elsewhere(), ("timeout", "invalid"), "it is held once");
    assert_eq!(lock.release(), Ok(()));
    assert_eq!(lock_outcome(innermost.release()), "invalid");
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
    assert_eq!(lock_outcome(semaphore.try_acquire()), "timeout");
    drop(first);
    assert_eq!(semaphore.value(), Ok(1));
    assert_eq!(second.release(), Ok(()));
    semaphore.release(3).expect("it has no bound");
    assert_eq!(semaphore.value(), Ok(5));
    assert_eq!(lock_outcome(semaphore.release(u64::MAX)), "invalid");
    assert_eq!(semaphore.value(), Ok(5), "nothing was added");
    let none = Semaphore::new(&system, 0).expect("a semaphore");
    assert_eq!(lock_outcome(none.try_acquire()), "timeout");
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
    assert_eq!(lock_outcome(semaphore.release(1)), "invalid");
    let held = semaphore.acquire().expect("free");
    assert_eq!(lock_outcome(semaphore.release(1)), "invalid", "the guard gives it back");
    semaphore.acquire().expect("free").keep().expect("it is held");
    assert_eq!(semaphore.value(), Ok(0));
    assert_eq!(lock_outcome(semaphore.release(2)), "invalid");
    let release = |semaphore: BoundedSemaphore| lock_outcome(semaphore.release(1)).to_owned();
    let other = system.process(release, semaphore.clone()).start().expect("a process");
    assert_eq!(other.join().as_deref(), Ok("granted"), "anybody may put a kept permit back");
    assert_eq!(lock_outcome(semaphore.release(1)), "invalid");
    assert_eq!(held.release(), Ok(()));
    assert_eq!(semaphore.value(), Ok(2));
    system.shutdown().expect("an orderly end");
}

/// Something that waits.
type Wait<'a> = &'a mut dyn FnMut() -> Result<(), LockError>;

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
        let mut waits: [(&str, Wait<'_>); 6] = [
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
            let stopwatch = Stopwatch::start();
            assert_eq!(lock_outcome(wait()), "timeout", "{name}");
            stopwatch.expect(timeout);
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
    let guests: Vec<_> = (0..2).map(|_| system.spawn::<Guest>(Some(arrivals.clone())).expect("an actor")).collect();
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
    assert!(matches!(guard.release(), Err(LockError::HostDied(_))));
    assert!(matches!(lock.acquire(), Err(LockError::HostDied(_))));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn after_a_restart_of_the_host_old_handles_are_void() {
    let system = system();
    let home = Noting::restarting(&system);
    let lock = Lock::new(&home).expect("a lock");
    let guard: LockGuard = lock.acquire().expect("it is free");
    let waiter = lock.clone();
    let waiter = thread::spawn(move || waiter.acquire().map(drop));
    kill(home.pid(), Signal::SIGKILL);
    let killed = |outcome| matches!(outcome, Err(LockError::HostDied(Exit::Signal { signal: 9, .. })));
    let outcome = waiter.join().expect("no panic");
    assert!(killed(outcome.clone()) || outcome == Err(LockError::HostRestarted), "{outcome:?}");
    // While the old one dies, it is told so.
    eventually("the new one answers", || !killed(lock.try_acquire().map(drop)));
    assert_eq!(lock_outcome(lock.acquire()), "host restarted");
    assert_eq!(lock_outcome(guard.release()), "host restarted");
    let other =
        system.process(|lock: Lock| lock_outcome(lock.acquire()).to_owned(), lock.clone()).start().expect("a process");
    assert_eq!(other.join().as_deref(), Ok("host restarted"), "also where it has never been used");
    system.shutdown().expect("an orderly end");
}
