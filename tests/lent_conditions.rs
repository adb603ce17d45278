//! Conditions at which processes wait in shared memory: with the same rules as by message, whoever is killed or stopped.

use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, raise};
use procession::prelude::*;
use procession::{Condition, Event, Exit, LockError, Manager, Semaphore, Value};
use procession_tests::process_table::entry;
use procession_tests::{Dice, GUARD, Noting, Round, Tally, eventually, guarded, kill, pid, repeat};

const ROUNDS: u32 = 20;

const KILLED: Exit = Exit::Signal { signal: 9, core_dumped: false };

fn system() -> System {
    System::start().expect("a system")
}

/// What a baton is passed on with: whoever is notified has it, and notifies another when it has done something with the lock.
#[data]
#[derive(Debug, Clone)]
struct Baton {
    condition: Condition,
    turns: Value<u64>,
    over: Event,
    started: Semaphore,
    /// For how long who has it keeps it: those who wait look no more then, but sleep.
    looks: u64,
}

impl Baton {
    fn new(system: &System, home: &impl Home, looks: u64) -> Baton {
        Baton {
            condition: Condition::new(home).expect("a condition"),
            turns: Value::new(system, 0).expect("a value"),
            over: Event::new(system).expect("an event"),
            started: Semaphore::new(system, 0).expect("a semaphore"),
            looks,
        }
    }

    /// Starts players, and gives one of them the baton when all wait for it.
    fn start<const N: usize>(&self, system: &System) -> [Child<String>; N] {
        let players = [(); N].map(|()| system.process(play, self.clone()).start().expect("a process"));
        players.iter().for_each(|_| self.started.acquire().expect("it lives").keep().expect("it is held"));
        let _guard = self.condition.acquire().expect("the last one waits");
        self.condition.notify(1).expect("it is held");
        players
    }

    /// Waits until the baton has been passed on so often from now.
    fn expect_turns(&self, turns: u64) {
        let before = self.turns.get().expect("it lives");
        eventually("it is passed on", || self.turns.get().expect("it lives") >= before + turns);
    }

    fn end(&self) {
        self.over.set().expect("it lives");
        let _guard = self.condition.acquire().expect("it comes");
        self.condition.notify_all().expect("it is held");
    }

    fn play(&self) -> Result<(), LockError> {
        let mut guard = self.condition.acquire()?;
        self.started.release(1).expect("it lives");
        loop {
            self.condition.wait(&mut guard)?;
            if self.over.is_set().expect("it lives") {
                return Ok(());
            }
            self.turns.set(self.turns.get().expect("it lives") + 1).expect("it lives");
            (0..self.looks).for_each(|_| std::hint::spin_loop());
            self.condition.notify(1)?;
        }
    }
}

/// Passes the baton on until it is over; says how that ended.
fn play(baton: Baton) -> String {
    format!("{:?}", baton.play())
}

/// How long players keep the baton, in turns of a loop.
fn looks(round: &Round) -> u64 {
    [0, 10_000][round.number as usize % 2]
}

#[procession::test]
fn the_baton_is_not_lost_with_a_player_that_is_killed_at_any_instant() {
    let system = system();
    repeat("players killed", ROUNDS, move |round| {
        let baton = Baton::new(&system, &system, looks(round));
        let [victim, others @ ..] = baton.start::<3>(&system);
        round.at("the beginning");
        baton.expect_turns(10);
        round.dice.spin();
        kill(pid(&victim), Signal::SIGKILL);
        victim.join().expect_err("it was killed");
        round.at("the others");
        baton.expect_turns(20);
        baton.end();
        round.at("their end");
        assert!(others.iter().all(|other| other.join().as_deref() == Ok("Ok(())")));
        assert_eq!(baton.condition.acquire().expect("it is free").owner_died(), None);
    });
}

#[procession::test]
fn a_player_that_is_stopped_at_any_instant_goes_on_later() {
    let system = system();
    repeat("players stopped", ROUNDS, move |round| {
        let baton = Baton::new(&system, &system, looks(round));
        let players = baton.start::<3>(&system);
        baton.expect_turns(10);
        let stopped = pid(&players[0]);
        round.dice.spin();
        kill(stopped, Signal::SIGSTOP);
        round.dice.spin();
        kill(stopped, Signal::SIGCONT);
        round.at("the players");
        baton.expect_turns(20);
        baton.end();
        round.at("their end");
        assert!(players.iter().all(|player| player.join().as_deref() == Ok("Ok(())")));
    });
}

/// Waits once, and says whether its last holder had died with the lock.
fn wait_once((condition, started): (Condition, Semaphore)) -> bool {
    // So that it needs no messages.
    (0..5).for_each(|_| drop(condition.acquire().expect("it comes")));
    let mut guard = condition.acquire().expect("it comes");
    started.release(1).expect("it lives");
    condition.wait(&mut guard).expect("it is notified");
    guard.owner_died().is_some()
}

#[procession::test]
fn who_waits_and_is_stopped_holds_up_nobody() {
    let system = system();
    repeat("waiters stopped", ROUNDS, move |round| {
        let baton = Baton::new(&system, &system, looks(round));
        let aside = Condition::with_lock(baton.condition.lock()).expect("a condition");
        let arguments = (aside.clone(), baton.started.clone());
        let waiter = system.process(wait_once, arguments).start().expect("a process");
        baton.started.acquire().expect("it lives").keep().expect("it is held");
        drop(aside.acquire().expect("it waits"));
        round.dice.spin();
        kill(pid(&waiter), Signal::SIGSTOP);
        round.at("the others");
        let players = baton.start::<2>(&system);
        baton.expect_turns(50);
        kill(pid(&waiter), Signal::SIGCONT);
        {
            let _guard = aside.acquire().expect("it comes");
            aside.notify(1).expect("it is held");
        }
        round.at("the waiter");
        assert_eq!(waiter.join(), Ok(false));
        baton.end();
        assert!(players.iter().all(|player| player.join().as_deref() == Ok("Ok(())")));
    });
}

#[procession::test]
fn all_are_told_when_the_host_is_killed() {
    let system = system();
    repeat("hosts of seats killed", ROUNDS, move |round| {
        let home = Noting::of(&system);
        let baton = Baton::new(&system, &home, looks(round));
        let players = baton.start::<3>(&system);
        baton.expect_turns(10);
        round.dice.spin();
        kill(home.pid(), Signal::SIGKILL);
        round.at("the players");
        for player in players {
            let end = player.join().expect("it returns");
            assert!(end.contains("HostDied(Signal { signal: 9"), "{end}");
        }
        assert_eq!(baton.condition.acquire().map(drop), Err(LockError::HostDied(KILLED)));
    });
}

/// Notifies one, and is killed at once, with the lock or without it.
fn notify_and_die((condition, started, go, releases): (Condition, Semaphore, Event, bool)) {
    (0..5).for_each(|_| drop(condition.acquire().expect("it comes")));
    started.release(1).expect("it lives");
    go.wait().expect("it lives");
    let guard = condition.acquire().expect("it comes");
    condition.notify(1).expect("it is held");
    if releases {
        guard.release().expect("it is held");
    }
    raise(Signal::SIGKILL).expect("it is no more");
}

/// Two who wait, and one that notifies one of them and dies.
struct Trio {
    condition: Condition,
    go: Event,
    waiters: [Child<bool>; 2],
    notifier: Child<()>,
}

impl Trio {
    fn start(system: &System, home: &impl Home, releases: bool) -> Trio {
        let condition = Condition::new(home).expect("a condition");
        let (go, started) = (Event::new(system).expect("one"), Semaphore::new(system, 0).expect("one"));
        let start = |()| system.process(wait_once, (condition.clone(), started.clone())).start().expect("a process");
        let waiters = [(); 2].map(start);
        let arguments = (condition.clone(), started.clone(), go.clone(), releases);
        let notifier = system.process(notify_and_die, arguments).start().expect("a process");
        (0..3).for_each(|_| started.acquire().expect("it lives").keep().expect("it is held"));
        drop(condition.acquire().expect("both wait"));
        Trio { condition, go, waiters, notifier }
    }

    /// Wakes the one that was not notified; gives how many were told of the notifier's death.
    fn end(&self, round: &mut Round) -> usize {
        round.at("the one that was notified");
        eventually("one is woken", || self.waiters.iter().any(|waiter| waiter.is_alive() == Ok(false)));
        {
            let _guard = self.condition.acquire().expect("it comes");
            self.condition.notify(1).expect("it is held");
        }
        round.at("the other");
        self.waiters.iter().filter(|waiter| waiter.join() == Ok(true)).count()
    }
}

#[procession::test]
fn what_a_killed_process_has_notified_is_woken_and_told_if_it_died_with_the_lock() {
    let system = system();
    repeat("notifiers killed", ROUNDS, move |round| {
        let releases = round.number % 2 == 0;
        let trio = Trio::start(&system, &system, releases);
        round.dice.spin();
        trio.go.set().expect("it lives");
        round.at("the notifier");
        trio.notifier.join().expect_err("it has killed itself");
        assert_eq!(trio.end(round), usize::from(!releases));
    });
}

#[procession::test]
fn a_notification_takes_no_answer_of_the_host() {
    let system = system();
    repeat("a stopped host", ROUNDS, move |round| {
        let home = Noting::of(&system);
        let trio = Trio::start(&system, &home, true);
        round.at("those who wait");
        let sleeps = |waiter: &Child<bool>| entry(pid(waiter)).is_some_and(|entry| entry.state == 'S');
        eventually("they sleep", || trio.waiters.iter().all(sleeps));
        // What they have asked it has heard.
        (0..2).for_each(|_| assert_eq!(trio.condition.lock().n_waiting(), Ok(0)));
        kill(home.pid(), Signal::SIGSTOP);
        trio.go.set().expect("it lives");
        round.at("the notifier");
        trio.notifier.join().expect_err("it has killed itself");
        kill(home.pid(), Signal::SIGCONT);
        assert_eq!(trio.end(round), 0);
    });
}

/// Notifies again and again.
fn notify_for_ever((condition, started): (Condition, Semaphore)) {
    for turn in 0_u64.. {
        let guard = condition.acquire().expect("it comes");
        condition.notify(1 + turn % 2).expect("it is held");
        guard.release().expect("it is held");
        if turn == 20 {
            started.release(1).expect("it lives");
        }
    }
}

/// Waits again and again, until it is over.
fn wait_until_over((condition, over): (Condition, Event)) {
    let mut guard = condition.acquire().expect("it comes");
    while !over.is_set().expect("it lives") {
        condition.wait(&mut guard).expect("it lives");
    }
}

#[procession::test]
fn a_notifier_that_is_killed_at_any_instant_leaves_nobody_waiting_in_vain() {
    let system = system();
    repeat("notifiers killed at some instant", ROUNDS, move |round| {
        let (condition, over) = (Condition::new(&system).expect("one"), Event::new(&system).expect("an event"));
        let started = Semaphore::new(&system, 0).expect("a semaphore");
        let start = |()| system.process(wait_until_over, (condition.clone(), over.clone())).start().expect("a process");
        let waiters = [(); 3].map(start);
        let victim = system.process(notify_for_ever, (condition.clone(), started.clone())).start().expect("a process");
        started.acquire().expect("it lives").keep().expect("it is held");
        round.dice.spin();
        kill(pid(&victim), Signal::SIGKILL);
        over.set().expect("it lives");
        round.at("the lock");
        drop(condition.acquire().map(|guard| condition.notify_all().map(|()| guard)));
        round.at("the waiters");
        waiters.iter().for_each(|waiter| waiter.join().expect("it returns"));
        victim.join().expect_err("it was killed");
    });
}

/// Uses two conditions of one lock in every way, from two threads; gives how often it has worked with the lock.
fn mix((conditions, tally): ([Condition; 2], Tally)) -> u64 {
    const TURNS: u64 = 250;
    let work = move |seed| {
        let mut dice = Dice::new(seed);
        let mut worked = 0;
        for _ in 0..TURNS {
            let condition = dice.pick(&conditions).clone();
            let mut guard = condition.acquire().expect("it comes");
            for _ in 0..dice.roll(4) {
                tally.work();
                worked += 1;
                dice.pick(&conditions).notify(dice.roll(4)).expect("it is held");
                let timeout = Duration::from_micros(*dice.pick(&[0, 20, 100, 1000]));
                match condition.wait_within(&mut guard, timeout) {
                    Ok(()) | Err(LockError::Timeout) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
        worked
    };
    let seed = u64::from(std::process::id());
    let other = thread::spawn({
        let work = work.clone();
        move || work(seed << 32)
    });
    work(seed) + other.join().expect("no panic")
}

#[procession::test]
fn who_returns_from_a_wait_has_the_lock_alone_whether_it_was_notified_or_not() {
    guarded("waits of all kinds", 3 * GUARD, |_| {
        let system = system();
        let manager = Manager::start(&system).expect("a manager");
        let first = manager.condition().expect("a condition");
        let second = Condition::with_lock(first.lock()).expect("a condition");
        let tally = Tally::new(&manager);
        let start = |words| {
            let arguments = ([first.clone(), second.clone()], tally.clone());
            system.process(mix, arguments).environment("PROCESSION_WORDS", words).start().expect("a process")
        };
        let mut worked = 0;
        // One that has no words is in nobody's seats, so then all ask.
        for words in [["on"; 3], ["on", "on", "off"]] {
            let users = words.map(start);
            worked += users.iter().map(|user| user.join().expect("it returns")).sum::<u64>();
            assert_eq!(tally.ended.get(), Ok(worked));
        }
        assert_eq!(first.acquire().expect("it is free").owner_died(), None);
    });
}

/// Takes so many items, each when there is one, and says nothing of it.
fn take((filled, items, count): (Condition, Value<u64>, u64)) {
    for _ in 0..count {
        let mut guard = filled.acquire().expect("it comes");
        filled.wait_for(&mut guard, || items.get().expect("it lives") > 0).expect("it lives");
        items.set(items.get().expect("it lives") - 1).expect("it lives");
    }
}

#[procession::test]
fn all_that_is_put_is_taken() {
    guarded("items", 3 * GUARD, |_| {
        const COUNT: u64 = 2000;
        let system = system();
        let filled = Condition::new(&system).expect("a condition");
        let items = Value::new(&system, 0_u64).expect("a value");
        let takers =
            [(); 2].map(|()| system.process(take, (filled.clone(), items.clone(), COUNT)).start().expect("a process"));
        let mut put = 0;
        while put < 2 * COUNT {
            let _guard = filled.acquire().expect("it comes");
            if items.get().expect("it lives") < 3 {
                items.set(items.get().expect("it lives") + 1).expect("it lives");
                put += 1;
                filled.notify(1).expect("it is held");
            }
        }
        takers.iter().for_each(|taker| taker.join().expect("it returns"));
        assert_eq!((items.get(), filled.acquire().map(drop)), (Ok(0), Ok(())));
    });
}
