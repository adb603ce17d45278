//! Locks, semaphores and events that are used in shared memory: with the same rules as by message, whoever is killed.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{
    BoundedSemaphore, Event, Exit, Lock, LockError, Manager, RLock, RuntimeError, Semaphore, Strategy, Value,
};
use procession_tests::sys::in_bare_fork;
use procession_tests::{GUARD, Noting, SOON, eventually, guarded, kill, lock_outcome, repeat};

const ROUNDS: u32 = 20;

const KILLED: Exit = Exit::Signal { signal: 9, core_dumped: false };

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

/// What users of a lock count: how often each has begun and ended its work, with the lock held.
#[data]
#[derive(Clone)]
struct Tally {
    begun: Value<u64>,
    ended: Value<u64>,
}

impl Tally {
    fn new(home: &impl Home) -> Tally {
        Tally { begun: Value::new(home, 0).expect("a value"), ended: Value::new(home, 0).expect("a value") }
    }

    /// Works: what is read is set with something in between, so two at a time lose work.
    fn work(&self) {
        let begun = self.begun.get().expect("it lives");
        self.begun.set(begun + 1).expect("it lives");
        let ended = self.ended.get().expect("it lives");
        assert_eq!(ended, begun, "somebody else is at work");
        self.ended.set(ended + 1).expect("it lives");
    }

    /// How much work is half done.
    fn half_done(&self) -> u64 {
        self.begun.get().expect("it lives") - self.ended.get().expect("it lives")
    }
}

/// Works with the lock until a time, or half done work that nobody has told it of; gives how often it has been told of a death.
fn work_until_told((lock, tally, over, started): (Lock, Tally, Event, Semaphore)) -> u64 {
    let mut told = 0;
    let mut turns = 0;
    while !over.is_set().expect("it lives") {
        let guard = lock.acquire().expect("it comes");
        if guard.owner_died().is_some() {
            told += 1;
            // It may have died before, between or after.
            tally.ended.set(tally.begun.get().expect("it lives")).expect("it lives");
        }
        tally.work();
        turns += 1;
        if turns == 20 {
            started.release(1).expect("it lives");
        }
    }
    told
}

#[procession::test]
fn a_holder_killed_at_any_instant_is_told_of_once() {
    let system = system();
    let manager = Manager::start(&system).expect("a manager");
    repeat("quick holders killed", ROUNDS, move |round| {
        let alone = round.number % 2 == 0;
        let lock = if alone { Lock::new(&system) } else { manager.lock() }.expect("a lock");
        let (tally, over) = (Tally::new(&manager), manager.event().expect("an event"));
        let started = manager.semaphore(0).expect("a semaphore");
        let arguments = || (lock.clone(), tally.clone(), over.clone(), started.clone());
        // One alone never waits; several get in each other's way.
        let count = if round.number % 4 < 2 { 1 } else { 3 };
        let start = |_| system.process(work_until_told, arguments()).start().expect("a process");
        let mut users: Vec<Child<u64>> = (0..count).map(start).collect();
        (0..count).for_each(|_| started.acquire().expect("it works").keep().expect("it is held"));
        let victim = users.remove(0);
        let pid = victim.pid().expect("it is known").expect("it runs");
        round.dice.spin();
        kill(pid, Signal::SIGKILL);
        round.at("those who are left");
        let mut told = 0;
        if round.dice.roll(2) == 0 {
            victim.join().expect_err("it was killed");
            let guard = lock.acquire().expect("it comes");
            told += u64::from(guard.owner_died().is_some());
            assert!(guard.owner_died().is_none_or(|exit| *exit == KILLED));
            // Nobody is told of nothing, and what is half done is told of.
            assert!(tally.half_done() <= told, "{} half done, told {told} times", tally.half_done());
            tally.ended.set(tally.begun.get().expect("it lives")).expect("it lives");
        }
        over.set().expect("it lives");
        round.at("their end");
        told += users.iter().map(|user| user.join().expect("it returns")).sum::<u64>();
        assert!(told <= 1, "one death was told {told} times");
        let guard = lock.acquire().expect("it is free");
        assert!(guard.owner_died().is_none() || told == 0);
    });
}

fn forget_guard((lock, uses): (Lock, u32)) {
    for _ in 0..uses {
        lock.acquire().expect("it comes").release().expect("it is held");
    }
    std::mem::forget(lock.acquire().expect("it comes"));
}

fn forget_rlock((lock, uses): (RLock, u32)) {
    for _ in 0..uses {
        drop((lock.acquire().expect("it comes"), lock.acquire().expect("it comes")));
    }
    std::mem::forget((lock.acquire().expect("it comes"), lock.acquire().expect("it comes")));
}

#[procession::test]
fn who_ends_in_order_with_a_lock_has_died_with_it() {
    let system = system();
    for uses in [0, 10] {
        let (lock, rlock) = (Lock::new(&system).expect("a lock"), RLock::new(&system).expect("a lock"));
        system.process(forget_guard, (lock.clone(), uses)).start().expect("a process").join().expect("it returns");
        system.process(forget_rlock, (rlock.clone(), uses)).start().expect("a process").join().expect("it returns");
        let (first, second) = (lock.acquire().expect("it comes"), rlock.acquire().expect("it comes"));
        assert_eq!((first.owner_died(), second.owner_died()), (Some(&Exit::Normal), Some(&Exit::Normal)), "{uses}");
        drop((first, second));
        assert_eq!(lock.acquire().expect("it is free").owner_died(), None);
        assert_eq!(rlock.acquire().expect("it is free").owner_died(), None);
    }
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

/// Takes, keeps and gives back permits until it is killed.
fn juggle((semaphore, started): (Semaphore, Semaphore)) {
    for turn in 0_u64.. {
        let permit = semaphore.acquire().expect("it comes");
        if turn % 7 == 3 {
            permit.keep().expect("it is held");
            semaphore.release(1).expect("it lives");
        }
        if turn == 20 {
            started.release(1).expect("it lives");
        }
    }
}

#[procession::test]
fn the_permits_of_users_killed_at_any_instant_return() {
    let system = system();
    repeat("quick permits", ROUNDS, move |round| {
        // With as many as there are users, nobody waits; with fewer, they do. And more than there are words.
        let permits = [1, 3, 200][round.number as usize % 3];
        let (semaphore, started) =
            (Semaphore::new(&system, permits).expect("one"), Semaphore::new(&system, 0).expect("one"));
        let start = |()| system.process(juggle, (semaphore.clone(), started.clone())).start().expect("a process");
        let users = [(); 3].map(start);
        users.iter().for_each(|_| started.acquire().expect("it works").keep().expect("it is held"));
        for user in &users {
            round.dice.spin();
            kill(user.pid().expect("it is known").expect("it runs"), Signal::SIGKILL);
            round.at("a permit");
            drop(semaphore.acquire().expect("it comes"));
        }
        round.at("all permits");
        eventually("all permits are free", || semaphore.value() == Ok(permits));
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

/// Uses a lock, a semaphore and an event until each says that its host has ended.
fn use_until_told((lock, semaphore, event): (Lock, Semaphore, Event)) -> [LockError; 3] {
    fn until_told<T>(mut work: impl FnMut() -> Result<T, LockError>) -> LockError {
        loop {
            if let Err(error) = work() {
                return error;
            }
        }
    }
    [
        until_told(|| lock.acquire()?.release()),
        until_told(|| semaphore.acquire().map(drop)),
        until_told(|| event.set().and_then(|()| event.wait()).and_then(|()| event.clear())),
    ]
}

#[procession::test]
fn users_and_holders_are_told_of_the_end_of_a_host() {
    let system = system();
    let by_name = move |arguments: (Lock, Semaphore, Event)| {
        use_until_told(arguments).map(|error| format!("{error:?}")).join(", ")
    };
    repeat("hosts of quick users killed", ROUNDS, move |round| {
        let home = Noting::of(&system);
        let started = Value::new(&system, 0_u64).expect("a value");
        let handles = (
            Lock::new(&home).expect("a lock"),
            Semaphore::new(&home, 2).expect("one"),
            Event::new(&home).expect("one"),
        );
        let own = Lock::new(&home).expect("a lock");
        let host = home.pid();
        warm(|| own.acquire());
        let guard = own.acquire().expect("it is free");
        let rlock = RLock::new(&home).expect("a lock");
        let other_host = home.pid();
        warm(|| rlock.acquire());
        let guards = [(); 2].map(|()| rlock.acquire().expect("it is held here"));
        kill(host, Signal::SIGKILL);
        kill(other_host, Signal::SIGKILL);
        let manager = Manager::start(&system).expect("a manager");
        let pid = manager.value(0).expect("a value").update(|_, ()| std::process::id(), ()).expect("it lives");
        let hosted = (manager.lock().expect("one"), manager.semaphore(1).expect("one"), manager.event().expect("one"));
        let users = [(); 2].map(|()| system.process(by_name, hosted.clone()).start().expect("a process"));
        let here = thread::spawn(move || use_until_told(hosted));
        round.at("the guards");
        let is_told = |error: &LockError| *error == LockError::HostDied(KILLED) || *error == LockError::NoHost;
        let [outer, inner] = guards;
        for error in [guard.release(), inner.release(), outer.release(), rlock.try_acquire().map(drop)] {
            // What was released just before is.
            assert!(error.as_ref().err().is_none_or(is_told), "{error:?}");
        }
        eventually("it is gone", || own.try_acquire().is_err_and(|error| is_told(&error)));
        assert!(rlock.acquire().is_err_and(|error| is_told(&error)));
        round.dice.spin();
        kill(pid.cast_signed(), Signal::SIGKILL);
        round.at("the users");
        let mine = here.join().expect("no panic");
        assert!(mine.iter().all(is_told), "{mine:?}");
        for user in users {
            let told = user.join().expect("it returns");
            let count = told.matches("HostDied(Signal { signal: 9").count() + told.matches("NoHost").count();
            assert_eq!(count, 3, "{told}");
        }
        drop((handles, started));
    });
}

#[procession::test]
fn what_was_held_is_void_when_the_host_has_been_restarted() {
    repeat("supervised host killed", ROUNDS, |round| {
        let system = system();
        let supervisor = Supervisor::new(Strategy::OneForOne).start(&system).expect("a supervisor");
        let _ = &supervisor;
        let home = Noting::restarting(&system);
        let (lock, rlock) = (Lock::new(&home).expect("a lock"), RLock::new(&supervisor).expect("a lock"));
        warm(|| lock.acquire());
        warm(|| rlock.acquire());
        let guard = lock.acquire().expect("it is free");
        round.dice.spin();
        kill(home.pid(), Signal::SIGKILL);
        round.at("the next life");
        eventually("it is restarted", || lock.try_acquire().is_err_and(|error| error == LockError::HostRestarted));
        assert_eq!(lock_outcome(guard.release()), "host restarted");
        assert_eq!((lock_outcome(lock.acquire()), lock_outcome(lock.release())), ("host restarted", "host restarted"));
        assert!(rlock.try_acquire().is_ok());
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
