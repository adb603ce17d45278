//! Locks, semaphores, conditions and events that are used in shared memory: whoever is killed, the others go on and are told.

use std::thread;

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{Condition, Event, Exit, Lock, LockError, Manager, RLock, Semaphore, Strategy};
use procession_tests::{Noting, Tally, eventually, kill, lock_outcome, repeat};

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

/// Works with the lock until a time, or half done work that nobody has told it of; gives how often it has been told of a death.
fn work_until_told((lock, tally, over, started): (Lock, Tally, Event, Semaphore)) -> u64 {
    let mut told = 0;
    let mut turns = 0;
    while !over.is_set().expect("it lives") {
        let guard = lock.acquire().expect("it comes");
        if guard.owner_died().is_some() {
            told += 1;
            // It may have died before, between or after.
            tally.forget();
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
            tally.forget();
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
        let is_told = |error: &LockError| *error == LockError::HostDied(KILLED);
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
            let count = told.matches("HostDied(Signal { signal: 9").count();
            assert_eq!(count, 3, "{told}");
        }
    });
}

#[procession::test]
fn what_was_held_is_void_when_the_host_has_been_restarted() {
    repeat("supervised host killed", ROUNDS, |round| {
        let system = system();
        let supervisor = Supervisor::new(Strategy::OneForOne).start(&system).expect("a supervisor");
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

/// Notifies with the lock held, and stays so until it is killed.
fn notify_and_stay((condition, uses, notified): (Condition, u32, Event)) {
    for _ in 0..uses {
        condition.acquire().expect("it comes").release().expect("it is held");
    }
    let _guard = condition.acquire().expect("it comes");
    condition.notify(1).expect("it is held");
    notified.set().expect("it lives");
    loop {
        thread::park();
    }
}

#[procession::test]
fn what_a_killed_holder_had_notified_is_woken() {
    let system = system();
    let manager = Manager::start(&system).expect("a manager");
    repeat("quick notifiers killed", ROUNDS, move |round| {
        let (condition, notified) = (manager.condition().expect("one"), manager.event().expect("an event"));
        let (waiter, uses) = (condition.clone(), 10 * (round.number % 2));
        let mut guard = condition.acquire().expect("it is free");
        let waiter = thread::spawn(move || {
            let mut guard = waiter.acquire().expect("it comes");
            waiter.wait(&mut guard).map(|()| guard.owner_died().cloned())
        });
        // It waits when the lock comes back.
        eventually("it asks", || condition.lock().n_waiting() == Ok(1));
        drop(guard);
        guard = condition.acquire().expect("it comes");
        drop(guard);
        let arguments = (condition.clone(), uses, notified.clone());
        let victim = system.process(notify_and_stay, arguments).start().expect("a process");
        notified.wait().expect("it lives");
        round.dice.spin();
        kill(victim.pid().expect("it is known").expect("it runs"), Signal::SIGKILL);
        round.at("the waiter");
        assert_eq!(waiter.join().expect("no panic"), Ok(Some(KILLED)));
    });
}
