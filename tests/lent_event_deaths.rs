//! Events whose flag is in shared memory while somebody waits: whoever is killed or stopped, nobody waits in vain.

use std::thread;

use nix::sys::signal::{Signal, raise};
use procession::prelude::*;
use procession::{Event, Exit, LockError, Semaphore};
use procession_tests::{GUARD, Noting, eventually, guarded, kill, kill_soon, pid, repeat};

const ROUNDS: u32 = 20;

const KILLED: Exit = Exit::Signal { signal: 9, core_dumped: false };

fn system() -> System {
    System::start().expect("a system")
}

/// Uses an event often enough that this thread needs no messages for it any more.
fn warm(event: &Event) {
    assert!((0..5).all(|_| event.is_set().is_ok()));
}

/// Waits once; gives whether it was woken.
fn wait(event: Event) -> bool {
    warm(&event);
    event.wait().is_ok()
}

/// Sets an event when somebody waits at its host.
fn set_once((event, waiters, started): (Event, u64, Semaphore)) {
    warm(&event);
    eventually("they wait", || event.n_waiting() == Ok(waiters));
    started.release(1).expect("it lives");
    event.set().expect("it lives");
    thread::park();
}

#[procession::test]
fn a_set_whose_setter_is_killed_wakes_all_or_none() {
    let system = system();
    repeat("setters killed", ROUNDS, move |round| {
        let event = Event::new(&system).expect("an event");
        let started = Semaphore::new(&system, 0).expect("a semaphore");
        let waiters = [(); 3].map(|()| system.process(wait, event.clone()).start().expect("a process"));
        let setter = system.process(set_once, (event.clone(), 3, started.clone())).start().expect("a process");
        drop(started.acquire().expect("it lives"));
        kill_soon(round, &setter);
        round.at("what it has done");
        if !event.is_set().expect("it lives") {
            assert_eq!(event.n_waiting(), Ok(3));
            event.set().expect("it lives");
        }
        round.at("the waiters");
        assert!(waiters.iter().all(|waiter| waiter.join() == Ok(true)));
        assert_eq!(event.n_waiting(), Ok(0));
    });
}

/// Sets and clears an event again and again.
fn flicker((event, started): (Event, Semaphore)) {
    for turn in 0_u64.. {
        event.set().and_then(|()| event.clear()).expect("it lives");
        if turn == 20 {
            started.release(1).expect("it lives");
        }
    }
}

/// Waits until it is over; gives how often it was woken before.
fn wait_until_over((event, over): (Event, Event)) -> Result<u64, LockError> {
    let mut woken = 0;
    while !over.is_set()? {
        event.wait()?;
        woken += 1;
    }
    Ok(woken)
}

fn wait_and_unwrap(events: (Event, Event)) -> u64 {
    wait_until_over(events).expect("it lives")
}

#[procession::test]
fn a_setter_that_is_stopped_or_killed_holds_up_no_other() {
    let system = system();
    repeat("setters stopped and killed", ROUNDS, move |round| {
        let (event, over) = (Event::new(&system).expect("an event"), Event::new(&system).expect("an event"));
        let started = Semaphore::new(&system, 0).expect("a semaphore");
        let wait = |()| system.process(wait_and_unwrap, (event.clone(), over.clone())).start().expect("a process");
        let waiters = [(); 2].map(wait);
        let flicker = |()| system.process(flicker, (event.clone(), started.clone())).start().expect("a process");
        let setters = [(); 2].map(flicker);
        setters.iter().for_each(|_| started.acquire().expect("it lives").keep().expect("it is held"));
        round.dice.spin();
        let [stopped, killed] = setters.each_ref().map(pid);
        kill(stopped, Signal::SIGSTOP);
        kill(killed, Signal::SIGKILL);
        setters[1].join().expect_err("it was killed");
        round.at("the waiters");
        over.set().expect("it lives");
        // It may have been left set, and is not left so.
        event.set().expect("it lives");
        for waiter in &waiters {
            waiter.join().expect("it returns");
        }
        kill(stopped, Signal::SIGKILL);
    });
}

#[procession::test]
fn a_waiter_that_is_killed_is_forgotten_and_the_others_are_woken() {
    let system = system();
    repeat("waiters killed", ROUNDS, move |round| {
        let (event, over) = (Event::new(&system).expect("an event"), Event::new(&system).expect("an event"));
        let wait = |()| system.process(wait_and_unwrap, (event.clone(), over.clone())).start().expect("a process");
        let [victim, other, third] = [(); 3].map(wait);
        warm(&event);
        let flicker = || {
            for _ in 0..100 {
                event.set().and_then(|()| event.clear()).expect("it lives");
            }
        };
        flicker();
        kill(pid(&victim), Signal::SIGKILL);
        flicker();
        victim.join().expect_err("it was killed");
        round.at("the others");
        eventually("they wait", || event.n_waiting() == Ok(2));
        over.set().and_then(|()| event.set()).expect("it lives");
        assert!([other, third].iter().all(|waiter| waiter.join().is_ok()));
    });
}

fn name_end(events: (Event, Event)) -> String {
    format!("{:?}", wait_until_over(events).map(drop))
}

#[procession::test]
fn all_are_told_when_the_host_is_killed() {
    let system = system();
    repeat("hosts killed", ROUNDS, move |round| {
        let over = Event::new(&system).expect("an event");
        let home = Noting::of(&system);
        let event = Event::new(&home).expect("an event");
        let waiters =
            [(); 2].map(|()| system.process(name_end, (event.clone(), over.clone())).start().expect("a process"));
        let here = event.clone();
        let setter = thread::spawn(move || {
            loop {
                if let Err(error) = here.set().and_then(|()| here.clear()) {
                    return error;
                }
            }
        });
        eventually("all wait", || event.n_waiting() != Ok(0));
        round.dice.spin();
        kill(home.pid(), Signal::SIGKILL);
        round.at("the setter");
        assert_eq!(setter.join().expect("no panic"), LockError::HostDied(KILLED));
        round.at("the waiters");
        for waiter in waiters {
            let end = waiter.join().expect("it returns");
            assert!(end.contains("HostDied(Signal { signal: 9"), "{end}");
        }
    });
}

/// Sets one event when another is set, and is dead at once.
fn set_and_die((event, go, started): (Event, Event, Semaphore)) {
    warm(&event);
    started.release(1).expect("it lives");
    go.wait().expect("it lives");
    event.set().expect("it lives");
    raise(Signal::SIGKILL).expect("it is no more");
}

#[procession::test]
fn a_set_takes_no_answer_of_the_host() {
    guarded("a stopped host", GUARD, |round| {
        let system = system();
        let home = Noting::of(&system);
        let event = Event::new(&home).expect("an event");
        let (go, started) = (Event::new(&system).expect("an event"), Semaphore::new(&system, 0).expect("a semaphore"));
        let waiters = [(); 2].map(|()| system.process(wait, event.clone()).start().expect("a process"));
        let arguments = (event.clone(), go.clone(), started.clone());
        let setter = system.process(set_and_die, arguments).start().expect("a process");
        drop(started.acquire().expect("it lives"));
        warm(&event);
        eventually("they wait", || event.n_waiting() == Ok(2));
        kill(home.pid(), Signal::SIGSTOP);
        go.set().expect("it lives");
        round.at("the setter");
        setter.join().expect_err("it has killed itself");
        assert_eq!((event.is_set(), event.wait(), event.set(), event.clear()), (Ok(true), Ok(()), Ok(()), Ok(())));
        kill(home.pid(), Signal::SIGCONT);
        round.at("the waiters");
        assert!(waiters.iter().all(|waiter| waiter.join() == Ok(true)));
        assert_eq!(event.is_set(), Ok(false));
    });
}
