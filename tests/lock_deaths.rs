//! Locks, semaphores, conditions, events and barriers: nobody's death leaves another waiting.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{Barrier, Condition, Event, Exit, Lock, LockError, RLock, Semaphore};
use procession_tests::{Round, SOON, Stopwatch, eventually, kill, pid, repeat};

const ROUNDS: u32 = 20;

const KILLED: Exit = Exit::Signal { signal: 9, core_dumped: false };

fn system() -> System {
    System::start().expect("a system")
}

/// Kills a process at some instant from now.
fn kill_soon<T: Data>(round: &mut Round, child: &Child<T>) {
    let victim = pid(child);
    round.dice.spin();
    kill(victim, Signal::SIGKILL);
}

/// Stays where it is until it is killed.
fn stay() -> ! {
    loop {
        thread::park();
    }
}

fn hold((lock, held): (Lock, Event)) {
    let _guard = lock.acquire().expect("it comes");
    held.set().expect("it lives");
    stay()
}

fn hold_thrice((lock, held): (RLock, Event)) {
    let _guards = [(); 3].map(|()| lock.acquire().expect("it comes"));
    held.set().expect("it lives");
    stay()
}

fn acquire_once(lock: Lock) -> bool {
    lock.acquire().expect("it comes").owner_died().is_some()
}

/// Acquires and releases until it is told to stop; counts the deaths that it has heard of.
fn use_lock((lock, over): (Lock, Event)) -> u64 {
    let mut deaths = 0;
    while !over.is_set().expect("it lives") {
        let guard = lock.acquire().expect("it comes");
        deaths += u64::from(guard.owner_died().is_some());
    }
    deaths
}

#[procession::test]
fn the_next_holder_is_told_of_the_death_of_the_last_once() {
    let system = system();
    repeat("lock holder killed", ROUNDS, move |round| {
        let (lock, held) = (Lock::new(&system).expect("a lock"), Event::new(&system).expect("an event"));
        let holder = system.process(hold, (lock.clone(), held.clone())).start().expect("a process");
        round.at("the holder");
        held.wait().expect("it holds");
        let waiter = lock.clone();
        // Some ask before it dies, some after.
        let waiter = thread::spawn(move || waiter.acquire().map(|guard| guard.owner_died().cloned()));
        kill_soon(round, &holder);
        round.at("the waiters");
        let mine = lock.acquire().expect("it comes").owner_died().cloned();
        let other = waiter.join().expect("no panic").expect("it comes");
        let mut told = [mine, other];
        told.sort_by_key(Option::is_none);
        assert_eq!(told, [Some(KILLED), None]);
        assert_eq!(lock.acquire().expect("it comes").owner_died(), None);
    });
}

#[procession::test]
fn a_reentrant_lock_is_free_when_its_holder_is_dead_however_often_it_held_it() {
    let system = system();
    repeat("rlock holder killed", ROUNDS, move |round| {
        let (lock, held) = (RLock::new(&system).expect("a lock"), Event::new(&system).expect("an event"));
        let holder = system.process(hold_thrice, (lock.clone(), held.clone())).start().expect("a process");
        held.wait().expect("it holds");
        kill_soon(round, &holder);
        round.at("the waiter");
        let first = lock.acquire().expect("it comes");
        assert_eq!(first.owner_died(), Some(&KILLED));
        assert_eq!(lock.acquire().expect("it is held").owner_died(), None);
    });
}

#[procession::test]
fn users_of_a_lock_go_on_when_one_of_them_is_killed_at_any_instant() {
    let system = system();
    repeat("lock user killed", ROUNDS, move |round| {
        let (lock, over) = (Lock::new(&system).expect("a lock"), Event::new(&system).expect("an event"));
        let start = |_| system.process(use_lock, (lock.clone(), over.clone())).start().expect("a process");
        let mut users: Vec<Child<u64>> = (0..3).map(start).collect();
        let mut mine = 0;
        for _ in 0..round.dice.roll(20) {
            mine += u64::from(lock.acquire().expect("it comes").owner_died().is_some());
        }
        let victim = users.pop().expect("three have started");
        kill_soon(round, &victim);
        round.at("those who are left");
        victim.join().expect_err("it was killed");
        for _ in 0..20 {
            mine += u64::from(lock.acquire().expect("it comes").owner_died().is_some());
        }
        over.set().expect("it lives");
        round.at("their end");
        let told: u64 = users.iter().map(|user| user.join().expect("it returns")).sum();
        assert!(mine + told <= 1, "one death was told {} times", mine + told);
    });
}

#[procession::test]
fn a_waiter_that_is_killed_is_forgotten() {
    let system = system();
    repeat("lock waiter killed", ROUNDS, move |round| {
        let lock = Lock::new(&system).expect("a lock");
        let guard = lock.acquire().expect("it is free");
        let start = || system.process(acquire_once, lock.clone()).start().expect("a process");
        let (victim, other) = (start(), start());
        kill_soon(round, &victim);
        if round.dice.roll(2) == 0 {
            victim.join().expect_err("it was killed");
        }
        drop(guard);
        round.at("the other");
        // The victim may have been granted the lock when it was dead already, and it may not.
        other.join().expect("it has had the lock");
        lock.acquire().expect("it is free").release().expect("it is held");
    });
}

fn hold_permits((semaphore, held): (Semaphore, Event)) {
    let _guards = [(); 2].map(|()| semaphore.acquire().expect("it comes"));
    semaphore.acquire().expect("it comes").keep().expect("it is held");
    held.set().expect("it lives");
    stay()
}

#[procession::test]
fn the_permits_of_the_dead_return() {
    let system = system();
    repeat("semaphore holder killed", ROUNDS, move |round| {
        let (semaphore, held) = (Semaphore::new(&system, 3).expect("one"), Event::new(&system).expect("an event"));
        let holder = system.process(hold_permits, (semaphore.clone(), held.clone())).start().expect("a process");
        held.wait().expect("it holds");
        assert!(matches!(semaphore.try_acquire(), Err(LockError::Timeout)));
        let waiter = semaphore.clone();
        let waiter = thread::spawn(move || waiter.acquire().map(drop));
        kill_soon(round, &holder);
        round.at("the waiters");
        let permits = [(); 2].map(|()| semaphore.acquire().expect("it comes"));
        waiter.join().expect("no panic").expect("it comes");
        drop(permits);
        eventually("all permits are free", || semaphore.value() == Ok(3));
    });
}

/// Waits on a condition; after that it holds the lock until it is killed.
fn wait_and_stay((condition, ready): (Condition, Semaphore)) {
    let mut guard = condition.acquire().expect("it comes");
    ready.release(1).expect("it lives");
    condition.wait(&mut guard).expect("it is notified");
    stay()
}

/// Waits on a condition; says whether it was told of a death with the lock.
fn wait_once((condition, ready): (Condition, Semaphore)) -> bool {
    let mut guard = condition.acquire().expect("it comes");
    ready.release(1).expect("it lives");
    condition.wait(&mut guard).expect("it is notified");
    guard.owner_died().is_some()
}

#[procession::test]
fn a_condition_waiter_that_is_killed_does_not_count_as_woken() {
    let system = system();
    repeat("condition waiter killed", ROUNDS, move |round| {
        let condition = Condition::new(&system).expect("a condition");
        let ready = Semaphore::new(&system, 0).expect("a semaphore");
        let arguments = || (condition.clone(), ready.clone());
        let victim = system.process(wait_and_stay, arguments()).start().expect("a process");
        let _first = ready.acquire().expect("it waits");
        let other = system.process(wait_once, arguments()).start().expect("a process");
        let _second = ready.acquire().expect("it waits");
        // Who gets the lock now knows that both have given it up.
        let guard = condition.acquire().expect("it comes");
        let notify_first = round.dice.roll(2) == 0;
        if notify_first {
            condition.notify(1).expect("it is held");
            if round.dice.roll(2) == 0 {
                drop(guard);
                kill_soon(round, &victim);
            } else {
                kill_soon(round, &victim);
                drop(guard);
            }
        } else {
            kill_soon(round, &victim);
            condition.notify(1).expect("it is held");
            drop(guard);
        }
        round.at("the other");
        other.join().expect("it is woken");
        condition.acquire().expect("the lock is free").release().expect("it is held");
    });
}

fn wait_for_event((event, ready): (Event, Semaphore)) {
    ready.release(1).expect("it lives");
    event.wait().expect("it is set");
}

#[procession::test]
fn an_event_wakes_those_who_live() {
    let system = system();
    repeat("event waiter killed", ROUNDS, move |round| {
        let (event, ready) = (Event::new(&system).expect("an event"), Semaphore::new(&system, 0).expect("a semaphore"));
        let start = |_| system.process(wait_for_event, (event.clone(), ready.clone())).start().expect("a process");
        let waiters: Vec<Child<()>> = (0..3).map(start).collect();
        let _ready = [(); 3].map(|()| ready.acquire().expect("it is about to wait"));
        kill_soon(round, &waiters[0]);
        round.dice.spin();
        event.set().expect("it lives");
        round.at("the others");
        waiters[0].join().expect_err("it was killed");
        for waiter in &waiters[1..] {
            waiter.join().expect("it is woken");
        }
    });
}

/// Comes to a barrier after some time, or not at all.
fn come((barrier, ready, comes): (Barrier, Semaphore, bool)) -> Option<String> {
    barrier.register().expect("it lives");
    ready.release(1).expect("it lives");
    if !comes {
        stay()
    }
    barrier.wait().err().map(|error| error.to_string())
}

#[procession::test]
fn a_barrier_breaks_when_a_party_dies_before_it_comes_or_inside() {
    let system = system();
    repeat("barrier party killed", ROUNDS, move |round| {
        let inside = round.number % 2 == 0;
        let (barrier, ready) = (Barrier::new(&system, 4).expect("one"), Semaphore::new(&system, 0).expect("one"));
        let start = |comes| {
            let arguments = (barrier.clone(), ready.clone(), comes);
            system.process(come, arguments).start().expect("a process")
        };
        let (victim, others) = (start(inside), [start(true), start(true)]);
        let _ready = [(); 3].map(|()| ready.acquire().expect("it is registered"));
        if round.dice.roll(2) == 0 {
            let waiting = if inside { 3 } else { 2 };
            eventually("they wait", || barrier.n_waiting() == Ok(waiting));
        }
        kill_soon(round, &victim);
        round.at("the others");
        for other in others {
            assert_eq!(other.join().expect("it returns"), Some(LockError::Broken.to_string()));
        }
        assert_eq!(barrier.wait(), Err(LockError::Broken));
        barrier.reset().expect("it lives");
        assert_eq!((barrier.broken(), barrier.n_waiting()), (Ok(false), Ok(0)));
    });
}

/// Acts for ever, once all have arrived.
fn act((barrier, acting): (Barrier, Event)) {
    let _ = barrier.wait_with(|| {
        acting.set().expect("it lives");
        stay()
    });
}

#[procession::test]
fn a_barrier_breaks_when_the_acting_party_dies() {
    let system = system();
    repeat("acting party killed", ROUNDS, move |round| {
        let (barrier, acting) = (Barrier::new(&system, 2).expect("a barrier"), Event::new(&system).expect("an event"));
        let victim = system.process(act, (barrier.clone(), acting.clone())).start().expect("a process");
        let other = barrier.clone();
        let other = thread::spawn(move || other.wait());
        acting.wait().expect("it acts");
        kill_soon(round, &victim);
        round.at("the other");
        assert_eq!(other.join().expect("no panic"), Err(LockError::Broken));
    });
}

#[procession::test]
fn who_is_stopped_is_not_dead() {
    let system = system();
    repeat("lock holder stopped, then killed", 3, move |round| {
        let (lock, held) = (Lock::new(&system).expect("a lock"), Event::new(&system).expect("an event"));
        let holder = system.process(hold, (lock.clone(), held.clone())).start().expect("a process");
        held.wait().expect("it holds");
        let victim = pid(&holder);
        kill(victim, Signal::SIGSTOP);
        assert!(matches!(lock.acquire_within(Duration::from_millis(300)), Err(LockError::Timeout)));
        kill(victim, Signal::SIGKILL);
        round.at("the waiter");
        assert_eq!(lock.acquire_within(SOON).expect("it comes").owner_died(), Some(&KILLED));
    });
}

/// Waits at whatever there is, on a thread for each, and says how each wait ended.
type Waits = (Lock, Semaphore, Condition, Event, Barrier);

fn wait_everywhere((lock, semaphore, condition, event, barrier): &Waits) -> Vec<thread::JoinHandle<LockError>> {
    let waiting = condition.clone();
    let waiting = thread::spawn(move || {
        waiting.acquire().and_then(|mut guard| waiting.wait(&mut guard)).expect_err("nobody notifies")
    });
    let (lock, semaphore, event, barrier) = (lock.clone(), semaphore.clone(), event.clone(), barrier.clone());
    vec![
        thread::spawn(move || lock.acquire().map(drop).expect_err("it is held")),
        thread::spawn(move || semaphore.acquire().map(drop).expect_err("it has no permit")),
        thread::spawn(move || event.wait().expect_err("nobody sets it")),
        thread::spawn(move || barrier.wait().expect_err("nobody else comes")),
        waiting,
    ]
}

#[procession::test]
fn all_who_wait_are_told_of_the_end_of_the_host() {
    let system = system();
    repeat("hosts killed", ROUNDS, move |round| {
        let own = std::process::id().cast_signed();
        let waits: Waits = (
            Lock::new(&system).expect("a lock"),
            Semaphore::new(&system, 0).expect("a semaphore"),
            Condition::new(&system).expect("a condition"),
            Event::new(&system).expect("an event"),
            Barrier::new(&system, 2).expect("a barrier"),
        );
        let guard = waits.0.acquire().expect("it is free");
        let threads = wait_everywhere(&waits);
        round.dice.spin();
        // Other tests of this binary have hosts, too: only those under this test's supervisor are meant.
        for host in hosts_of(&system, own) {
            kill(host, Signal::SIGKILL);
        }
        round.at("the waiters");
        for thread in threads {
            let error = thread.join().expect("no panic");
            // A thread that has only come to ask afterwards may find nobody.
            assert!(error == LockError::HostDied(KILLED), "{error:?}");
        }
        assert!(guard.release().is_err());
    });
}

#[procession::test]
fn nothing_is_lost_while_the_host_is_stopped() {
    let system = system();
    repeat("host stopped", 3, move |round| {
        let semaphore = Semaphore::new(&system, 1).expect("a semaphore");
        let hosts = hosts_of(&system, std::process::id().cast_signed());
        hosts.iter().for_each(|host| kill(*host, Signal::SIGSTOP));
        round.at("the time-outs");
        for timeout in [100, 200] {
            let (stopwatch, timeout) = (Stopwatch::start(), Duration::from_millis(timeout));
            assert!(matches!(semaphore.acquire_within(timeout), Err(LockError::Timeout)));
            stopwatch.expect(timeout);
        }
        hosts.iter().for_each(|host| kill(*host, Signal::SIGCONT));
        round.at("the permit");
        // What was granted when nobody waited any more has been given back.
        drop(semaphore.acquire().expect("it comes"));
        eventually("the permit is free", || semaphore.value() == Ok(1));
    });
}

/// Finds the processes that host locks in one system.
fn hosts_of(system: &System, own: i32) -> Vec<i32> {
    let probe = system.process(|| nix::unistd::getppid().as_raw(), ()).start().expect("a process");
    let supervisor = probe.join().expect("it returns");
    assert_ne!(supervisor, own);
    let names = ["lock", "semaphore", "event", "barrier"];
    let children = procession_tests::process_table::children(supervisor).into_iter();
    children.filter(|entry| entry.state != 'Z' && names.contains(&entry.name.as_str())).map(|entry| entry.pid).collect()
}
