//! Locks, semaphores, conditions and events that are used in shared memory: with the same rules as by message.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{BoundedSemaphore, Condition, Event, Lock, LockError, Manager, RLock, RuntimeError, Semaphore, Value};
use procession_tests::sys::in_bare_fork;
use procession_tests::{GUARD, Noting, SOON, Tally, guarded, kill, lock_outcome};

fn system() -> System {
    System::start().expect("a system")
}

/// Uses something often enough that this thread needs no messages for it any more.
fn warm<T>(mut work: impl FnMut() -> Result<T, LockError>) {
    for _ in 0..5 {
        work().expect("it lives");
    }
}

#[procession::test]
fn a_host_that_does_nothing_is_not_needed() {
    guarded("stopped hosts", GUARD, |round| {
        let system = system();
        let home = Noting::of(&system);
        let mut hosts = Vec::new();
        let mut note = || hosts.push(home.pid());
        let lock = Lock::new(&home).expect("a lock");
        note();
        let rlock = RLock::new(&home).expect("a lock");
        note();
        let semaphore = Semaphore::new(&home, 3).expect("a semaphore");
        note();
        let bounded = BoundedSemaphore::new(&home, 1).expect("a semaphore");
        note();
        let event = Event::new(&home).expect("an event");
        note();
        warm(|| lock.acquire());
        warm(|| rlock.acquire());
        warm(|| semaphore.acquire());
        warm(|| bounded.acquire());
        warm(|| event.is_set());
        hosts.iter().for_each(|host| kill(*host, Signal::SIGSTOP));
        round.at("stopped hosts");
        for number in 0..1000 {
            let guard = lock.acquire().expect("it is free");
            let (outer, inner) = (rlock.acquire().expect("it is free"), rlock.try_acquire().expect("it is held here"));
            assert_eq!((guard.owner_died(), outer.owner_died(), inner.owner_died()), (None, None, None));
            let permits = [(); 3].map(|()| semaphore.try_acquire().expect("there are three"));
            let permit = bounded.acquire_within(SOON).expect("there is one");
            if number % 2 == 0 {
                assert_eq!((guard.release(), outer.release(), inner.release()), (Ok(()), Ok(()), Ok(())));
                assert_eq!(permit.release(), Ok(()));
                permits.into_iter().for_each(|permit| permit.release().expect("it is held"));
            }
            assert_eq!(event.wait_within(Duration::ZERO), Err(LockError::Timeout));
            assert_eq!((event.set(), event.set(), event.is_set(), event.wait()), (Ok(()), Ok(()), Ok(true), Ok(())));
            assert_eq!((event.clear(), event.clear(), event.is_set()), (Ok(()), Ok(()), Ok(false)));
        }
        let guard = lock.acquire().expect("it is free");
        assert_eq!((lock.release(), rlock.acquire().map(drop), rlock.acquire().map(drop)), (Ok(()), Ok(()), Ok(())));
        drop(guard);
        hosts.iter().for_each(|host| kill(*host, Signal::SIGCONT));
        round.at("hosts that go on");
        assert_eq!(
            (semaphore.value(), bounded.value(), lock.n_waiting(), event.n_waiting()),
            (Ok(3), Ok(1), Ok(0), Ok(0))
        );
        assert_eq!((lock_outcome(lock.release()), lock_outcome(rlock.release())), ("invalid", "invalid"));
    });
}

/// Gives how long attempts of a time took that had no chance, by a process that the hosts do not know.
fn time_out((lock, semaphore): (Lock, Semaphore)) -> Vec<Duration> {
    let timeout = Duration::from_millis(100);
    let mut took = Vec::new();
    for _ in 0..4 {
        let start = Instant::now();
        assert!(matches!(lock.acquire_within(timeout), Err(LockError::Timeout)));
        assert!(matches!(semaphore.acquire_within(timeout), Err(LockError::Timeout)));
        took.push(start.elapsed());
    }
    took
}

#[procession::test]
fn a_time_out_is_kept_whatever_the_host_does() {
    guarded("stopped hosts", 2 * GUARD, |round| {
        let system = system();
        let home = Noting::of(&system);
        let lock = Lock::new(&home).expect("a lock");
        let mut hosts = vec![home.pid()];
        let semaphore = Semaphore::new(&home, 1).expect("a semaphore");
        hosts.push(home.pid());
        hosts.iter().for_each(|host| kill(*host, Signal::SIGSTOP));
        round.at("stopped hosts");
        let child = system.process(time_out, (lock.clone(), semaphore)).start().expect("a process");
        let took = child.join().expect("it returns");
        // Neither to be known to the host nor to ask for its words takes any longer.
        assert!(took.iter().all(|took| *took < Duration::from_secs(2)), "{took:?}");
        hosts.iter().for_each(|host| kill(*host, Signal::SIGCONT));
        drop(lock.acquire().expect("it is free"));
    });
}

type Mixed = (Lock, RLock, BoundedSemaphore, [Tally; 3]);

/// Uses each lock in every way, from two threads; gives how often it has worked with each.
fn mix((lock, rlock, semaphore, tallies): Mixed) -> [u64; 3] {
    const TURNS: u64 = 1000;
    let work = move || {
        let (mut worked, brief) = ([0; 3], Duration::from_micros(200));
        for turn in 0..TURNS {
            let guard = match turn % 4 {
                0 => lock.try_acquire(),
                1 => lock.acquire_within(brief),
                _ => lock.acquire(),
            };
            worked[0] += u64::from(guard.map(|_guard| tallies[0].work()).is_ok());
            let guard = match turn % 5 {
                0 => rlock.try_acquire(),
                1 => rlock.acquire_within(brief),
                _ => rlock.acquire(),
            };
            let inner = guard.as_ref().ok().map(|_| rlock.acquire().expect("it is held here"));
            worked[1] += u64::from(guard.map(|_guard| tallies[1].work()).is_ok());
            drop(inner);
            let guard = match turn % 3 {
                0 => semaphore.try_acquire(),
                1 => semaphore.acquire_within(brief),
                _ => semaphore.acquire(),
            };
            worked[2] += u64::from(guard.map(|_guard| tallies[2].work()).is_ok());
        }
        worked
    };
    let other = thread::spawn(work.clone());
    let (one, other) = (work(), other.join().expect("no panic"));
    [0, 1, 2].map(|index| one[index] + other[index])
}

#[procession::test]
fn those_with_words_and_those_without_exclude_each_other() {
    guarded("a mix of users", 3 * GUARD, |_| {
        let system = system();
        let manager = Manager::start(&system).expect("a manager");
        let tallies = [(); 3].map(|()| Tally::new(&manager));
        let mixed: Mixed = (
            Lock::new(&system).expect("a lock"),
            manager.rlock().expect("a lock"),
            BoundedSemaphore::new(&system, 1).expect("a semaphore"),
            tallies.clone(),
        );
        let start = |words| {
            let process = system.process(mix, mixed.clone()).environment("PROCESSION_WORDS", words);
            process.start().expect("a process")
        };
        let children = ["on", "on", "off"].map(start);
        let mine = mix(mixed);
        let theirs = children.map(|child| child.join().expect("it returns"));
        for (index, tally) in tallies.iter().enumerate() {
            let worked = mine[index] + theirs.iter().map(|worked| worked[index]).sum::<u64>();
            assert_eq!((tally.begun.get(), tally.half_done()), (Ok(worked), 0), "{index}");
        }
    });
}

/// Waits for one event and sets the other, for so many turns.
fn answer((there, back, turns): (Event, Event, u64)) {
    for _ in 0..turns {
        there.wait().expect("it lives");
        there.clear().expect("it lives");
        back.set().expect("it lives");
    }
}

#[procession::test]
fn no_set_is_missed() {
    guarded("two events", 3 * GUARD, |_| {
        let system = system();
        let manager = Manager::start(&system).expect("a manager");
        for words in ["on", "off"] {
            const TURNS: u64 = 2000;
            let (there, back) = (manager.event().expect("an event"), Event::new(&system).expect("an event"));
            let process = system.process(answer, (there.clone(), back.clone(), TURNS));
            let process = process.environment("PROCESSION_WORDS", words).start().expect("a process");
            for _ in 0..TURNS {
                there.set().expect("it lives");
                back.wait().expect("it lives");
                back.clear().expect("it lives");
            }
            process.join().expect("it returns");
            assert_eq!((there.is_set(), back.is_set()), (Ok(false), Ok(false)));
        }
    });
}

/// Takes so many items, each when there is one.
fn take((filled, drained, items, count): (Condition, Condition, Value<u64>, u64)) {
    for _ in 0..count {
        let mut guard = filled.acquire().expect("it comes");
        filled.wait_for(&mut guard, || items.get().expect("it lives") > 0).expect("it lives");
        items.set(items.get().expect("it lives") - 1).expect("it lives");
        drained.notify(1).expect("it is held");
    }
}

/// Puts so many items, each when there is room for one.
fn put((filled, drained, items, count): (Condition, Condition, Value<u64>, u64)) {
    for _ in 0..count {
        let mut guard = filled.acquire().expect("it comes");
        drained.wait_for(&mut guard, || items.get().expect("it lives") < 2).expect("it lives");
        items.set(items.get().expect("it lives") + 1).expect("it lives");
        filled.notify(1).expect("it is held");
    }
}

#[procession::test]
fn no_notification_is_missed() {
    guarded("two conditions", 3 * GUARD, |_| {
        const COUNT: u64 = 300;
        let system = system();
        let filled = Condition::new(&system).expect("a condition");
        let drained = Condition::with_lock(filled.lock()).expect("a condition");
        let items = Value::new(&system, 0_u64).expect("a value");
        let arguments = || (filled.clone(), drained.clone(), items.clone(), COUNT);
        let start = |words| {
            let taker = system.process(take, arguments()).environment("PROCESSION_WORDS", words);
            let putter = system.process(put, arguments()).environment("PROCESSION_WORDS", words);
            [taker.start().expect("a process"), putter.start().expect("a process")]
        };
        let children = ["on", "on", "off"].map(start);
        children.as_flattened().iter().for_each(|child| child.join().expect("it returns"));
        assert_eq!((items.get(), filled.acquire().map(drop)), (Ok(0), Ok(())));
    });
}

#[procession::test]
fn a_forked_copy_has_no_lock() {
    let system = system();
    let (lock, rlock) = (Lock::new(&system).expect("a lock"), RLock::new(&system).expect("a lock"));
    let (semaphore, event) = (Semaphore::new(&system, 1).expect("a semaphore"), Event::new(&system).expect("an event"));
    warm(|| lock.acquire());
    warm(|| rlock.acquire());
    warm(|| semaphore.acquire());
    warm(|| event.is_set());
    let guard = rlock.acquire().expect("it is free");
    let outcome = in_bare_fork(|| {
        let forked = LockError::Runtime(RuntimeError::Forked);
        let outcomes = [
            lock.acquire().map(drop),
            rlock.acquire().map(drop),
            semaphore.acquire().map(drop),
            event.set(),
            event.is_set().map(drop),
        ];
        u8::from(outcomes.into_iter().all(|outcome| outcome == Err(forked.clone())))
    });
    assert_eq!((outcome, guard.release(), event.is_set()), (1, Ok(()), Ok(false)));
    assert_eq!((lock.acquire().map(drop), semaphore.value()), (Ok(()), Ok(1)));
}

#[procession::test]
fn many_locks_are_used_in_turn() {
    let system = system();
    let manager = Manager::start(&system).expect("a manager");
    let locks: Vec<RLock> = (0..100).map(|_| manager.rlock().expect("a lock")).collect();
    for _ in 0..5 {
        // More are held at a time than a thread remembers.
        let outer: Vec<_> = locks.iter().map(|lock| lock.acquire().expect("it is free")).collect();
        let inner: Vec<_> = locks.iter().map(|lock| lock.acquire().expect("it is held here")).collect();
        drop(outer);
        assert!(locks.iter().all(|lock| {
            let lock = lock.clone();
            thread::spawn(move || lock.try_acquire().is_err()).join().expect("no panic")
        }));
        inner.into_iter().for_each(|guard| guard.release().expect("it is held"));
    }
}

thread_local! {
    /// Released when the thread ends.
    static LAST: std::cell::RefCell<Vec<procession::RLockGuard>> = const { std::cell::RefCell::new(Vec::new()) };
}

#[procession::test]
fn guards_that_are_dropped_as_their_thread_ends_release() {
    let system = system();
    let lock = RLock::new(&system).expect("a lock");
    for _ in 0..3 {
        let there = lock.clone();
        let keep = move || {
            LAST.with_borrow_mut(|last| last.reserve(2));
            warm(|| there.acquire());
            LAST.with_borrow_mut(|last| last.extend([(); 2].map(|()| there.acquire().expect("it comes"))));
        };
        thread::spawn(keep).join().expect("no panic");
        drop(lock.acquire_within(SOON).expect("it is released"));
    }
}
