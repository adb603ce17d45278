//! Barriers at which parties arrive in shared memory: with the same rules as by message, whoever is killed.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{Barrier, Exit, LockError, Semaphore};
use procession_tests::{GUARD, Noting, SOON, guarded, kill, pid, repeat};

const ROUNDS: u32 = 20;

const KILLED: Exit = Exit::Signal { signal: 9, core_dumped: false };

fn system() -> System {
    System::start().expect("a system")
}

/// Meets the others so often; gives the sum of the places in which it arrived.
fn meet((barrier, times): (Barrier, u64)) -> u64 {
    (0..times).map(|_| u64::from(barrier.wait().expect("all come"))).sum()
}

/// The same, and brings an action now and then.
fn meet_and_act((barrier, times): (Barrier, u64)) -> u64 {
    let wait = |time| if time % 7 == 3 { barrier.wait_with(|| ()) } else { barrier.wait() };
    (0..times).map(|time| u64::from(wait(time).expect("all come"))).sum()
}

#[procession::test]
fn those_in_seats_and_those_who_ask_meet_in_every_round() {
    guarded("a mix of parties", 3 * GUARD, |_| {
        let system = system();
        const TIMES: u64 = 500;
        let barrier = Barrier::new(&system, 4).expect("a barrier");
        let start = |words| {
            let process = system.process(meet, (barrier.clone(), TIMES)).environment("PROCESSION_WORDS", words);
            process.start().expect("a process")
        };
        let children = ["on", "off"].map(start);
        let here = barrier.clone();
        let here = thread::spawn(move || meet((here, TIMES)));
        let mine = meet_and_act((barrier.clone(), TIMES));
        let theirs: u64 = children.iter().map(|child| child.join().expect("it returns")).sum();
        assert_eq!(mine + theirs + here.join().expect("no panic"), TIMES * (1 + 2 + 3));
        assert_eq!((barrier.n_waiting(), barrier.broken()), (Ok(0), Ok(false)));
    });
}

/// Meets the others until the barrier is broken; gives how often it has, and how it ended.
fn meet_until_broken((barrier, started): (Barrier, Semaphore)) -> (u64, String) {
    for time in 0.. {
        if time == 5 {
            started.release(1).expect("it lives");
        }
        if let Err(error) = barrier.wait() {
            return (time, format!("{error:?}"));
        }
    }
    unreachable!("it is broken before")
}

#[procession::test]
fn a_party_killed_at_any_instant_breaks_the_barrier_for_all() {
    let system = system();
    repeat("parties in seats killed", ROUNDS, move |round| {
        let (barrier, started) = (Barrier::new(&system, 3).expect("one"), Semaphore::new(&system, 0).expect("one"));
        let start =
            |()| system.process(meet_until_broken, (barrier.clone(), started.clone())).start().expect("a process");
        let [victim, others @ ..] = [(); 3].map(start);
        (0..3).for_each(|_| started.acquire().expect("it lives").keep().expect("it is held"));
        round.dice.spin();
        kill(pid(&victim), Signal::SIGKILL);
        round.at("the others");
        let [(first, why), (second, other_why)] = others.map(|other| other.join().expect("it returns"));
        assert_eq!((why.as_str(), other_why.as_str()), ("Broken", "Broken"));
        // All who were in a round have passed, or none.
        assert_eq!(first, second);
        victim.join().expect_err("it was killed");
        round.at("the next rounds");
        barrier.reset().expect("it lives");
        let next = [(); 2].map(|()| system.process(meet, (barrier.clone(), 20)).start().expect("a process"));
        let sum = meet((barrier.clone(), 20)) + next.iter().map(|child| child.join().expect("it returns")).sum::<u64>();
        assert_eq!(sum, 20 * (1 + 2));
    });
}

#[procession::test]
fn all_are_told_when_the_host_is_killed() {
    let system = system();
    repeat("hosts of seats killed", ROUNDS, move |round| {
        let home = Noting::of(&system);
        let (barrier, started) = (Barrier::new(&home, 3).expect("one"), Semaphore::new(&system, 0).expect("one"));
        let start =
            |()| system.process(meet_until_broken, (barrier.clone(), started.clone())).start().expect("a process");
        let parties = [(); 3].map(start);
        (0..3).for_each(|_| started.acquire().expect("it lives").keep().expect("it is held"));
        round.dice.spin();
        kill(home.pid(), Signal::SIGKILL);
        round.at("the parties");
        for party in parties {
            let (_, why) = party.join().expect("it returns");
            assert!(why.contains("HostDied(Signal { signal: 9"), "{why}");
        }
        assert_eq!(barrier.wait(), Err(LockError::HostDied(KILLED)));
    });
}

#[procession::test]
fn a_time_out_breaks_the_barrier_for_those_in_seats() {
    guarded("time-outs", GUARD, |_| {
        let system = system();
        let barrier = Barrier::new(&system, 3).expect("a barrier");
        let other = barrier.clone();
        let other = thread::spawn(move || {
            assert!((0..5).all(|_| other.wait().is_ok()));
            other.wait()
        });
        let third = system.process(meet, (barrier.clone(), 5)).start().expect("a process");
        assert!((0..5).all(|_| barrier.wait_within(SOON).is_ok()));
        assert_eq!(barrier.wait_within(Duration::from_millis(20)), Err(LockError::Timeout));
        assert_eq!(other.join().expect("no panic"), Err(LockError::Broken));
        assert_eq!((barrier.broken(), barrier.wait(), third.join().is_ok()), (Ok(true), Err(LockError::Broken), true));
    });
}
