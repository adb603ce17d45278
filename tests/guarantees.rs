//! The guarantees, one by one, without faults from outside. Their tests under faults are in `kills.rs`, those of G5 in
//! `leftovers.rs`, and those of G6 in `backpressure.rs`.

use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::{DownReason, Exit, Links};
use procession_tests::worker::{AskOther, Echo, Event, Hold, Item, Log, Release, Worker, permanent};
use procession_tests::{Dice, GUARD, Stopwatch, guarded};

/// Patience of waits that end long before.
const PATIENCE: Duration = Duration::from_secs(8);

/// Puts whatever an actor can come to into one.
struct Mortal;

/// How it is to end.
#[data]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stop,
    Fail,
    Panic,
    Exit,
    Abort,
    CaughtPanic,
}

#[message]
struct Meet {
    fate: Fate,
}

#[actor]
impl Actor for Mortal {
    type Messages = (Meet,);

    fn start((): (), _: &mut Context<Self>) -> Result<Mortal, Failure> {
        Ok(Mortal)
    }
}

impl Handler<Meet> for Mortal {
    fn handle(&mut self, meet: Incoming<'_, Meet>, context: &mut Context<Self>) {
        match meet.open().fate {
            Fate::Stop => context.stop(),
            Fate::Fail => context.fail(Failure::new("inner").context("outer")),
            Fate::Panic => panic!("as it was told to"),
            Fate::Exit => std::process::exit(7),
            Fate::Abort => std::process::abort(),
            Fate::CaughtPanic => drop(std::panic::catch_unwind(|| panic!("this one is caught"))),
        }
    }
}

/// Two actors, or three, ask each other in a circle.
struct Link;

#[message(reply = String)]
struct Around {
    rest: Vec<ActorRef<Link>>,
}

#[actor]
impl Actor for Link {
    type Messages = (Around,);

    fn start((): (), _: &mut Context<Self>) -> Result<Link, Failure> {
        Ok(Link)
    }
}

impl Handler<Around> for Link {
    fn handle(&mut self, around: Incoming<'_, Around>, _: &mut Context<Self>) -> String {
        let mut rest = around.open().rest;
        if rest.is_empty() {
            return "the end".into();
        }
        let next = rest.remove(0);
        match next.ask(&Around { rest }) {
            Ok(answer) => answer,
            Err(error) => format!("{error:?}"),
        }
    }
}

fn numbers_of(log: &[Event], wanted: u64) -> Vec<u64> {
    let number = |event: &Event| match event {
        Event::Item { source, number } if *source == wanted => Some(*number),
        _ => None,
    };
    log.iter().filter_map(number).collect()
}

/// Sends one or more items in one of all the ways there are; gives how many.
fn send_somehow(worker: &ActorRef<Worker>, source: u64, number: u64, dice: &mut Dice) -> u64 {
    let item = Item { source, number };
    match dice.roll(40) {
        0 => worker.ask(&item).expect("it is answered"),
        1 => worker.request(&item).expect("it is sent").wait().expect("it is answered"),
        2 => drop(worker.request(&item).expect("it is sent")),
        3 => {
            dice.spin();
            return 0;
        }
        4 => {
            let count = 1 + dice.roll(20);
            let items = (number..number + count).map(|number| Item { source, number });
            worker.tell_all(items).expect("they are sent");
            return count;
        }
        _ => worker.tell(&item).expect("it is sent"),
    }
    1
}

#[procession::test]
fn g1_g2_messages_of_each_thread_arrive_in_order_and_once() {
    const COUNT: u64 = 5_000;
    guarded("order", GUARD, |round| {
        let system = System::start().expect("a system starts");
        let worker = system.spawn::<Worker>(()).expect("a worker starts");
        let start_sender = |source| {
            let (worker, mut dice) = (worker.clone(), Dice::new(round.dice.clone().roll(u64::MAX) ^ source));
            thread::spawn(move || {
                let mut number = 0;
                while number < COUNT {
                    number += send_somehow(&worker, source, number, &mut dice);
                }
                // It comes after all the others.
                worker.ask(&Echo { number }).expect("it is answered")
            })
        };
        let senders: Vec<_> = (0..3).map(start_sender).collect();
        round.at("the senders");
        let counts: Vec<u64> = senders.into_iter().map(|sender| sender.join().expect("it sends all")).collect();
        round.at("the receiver");
        let log = worker.ask(&Log { items: 0, downs: 0 }).expect("it answers");
        for (source, count) in counts.into_iter().enumerate() {
            let expected: Vec<u64> = (0..count).collect();
            assert!(numbers_of(&log, source as u64) == expected, "source {source}: lost, twice, or out of order");
        }
    });
}

#[procession::test]
fn g3_an_ask_ends_with_timeout_and_its_late_reply_is_dropped() {
    guarded("timeouts", GUARD, |round| {
        let system = System::start().expect("a system starts");
        let worker = system.spawn::<Worker>(()).expect("a worker starts");
        for number in 0..20 {
            round.at("an ask that is not answered");
            let (timeout, stopwatch) = (Duration::from_millis(20), Stopwatch::start());
            assert_eq!(worker.ask_within(&Hold { number }, timeout), Err(AskError::Timeout));
            stopwatch.expect(timeout);
            let pending = worker.request(&Hold { number: number + 100 }).expect("it is asked");
            worker.tell(&Release).expect("it is told");
            round.at("an ask after a late reply");
            assert_eq!(worker.ask(&Echo { number: number + 200 }), Ok(number + 200));
            assert_eq!(pending.wait(), Ok(number + 100));
        }
    });
}

#[procession::test]
fn g3_an_ask_in_a_circle_ends_with_deadlock() {
    for length in [2, 3] {
        guarded("circle", GUARD, move |round| {
            let system = System::start().expect("a system starts");
            let links: Vec<_> = (0..length).map(|_| system.spawn::<Link>(()).expect("it starts")).collect();
            // The first asks the second, and so on; the last asks the first, which is waiting.
            let mut rest: Vec<_> = links[1..].to_vec();
            rest.extend([links[0].clone(), links[1].clone()]);
            round.at(format!("the circle of {length}"));
            let before = Instant::now();
            let answer = links[0].ask(&Around { rest }).expect("the first answers");
            assert_eq!(answer, "Deadlock");
            assert!(before.elapsed() < Duration::from_secs(2), "{:?}", before.elapsed());
        });
    }
}

#[procession::test]
fn g4_a_monitor_tells_the_true_exit_once() {
    guarded("exits", GUARD, |round| {
        let system = System::start().expect("a system starts");
        for fate in [Fate::Stop, Fate::Fail, Fate::Panic, Fate::Exit, Fate::Abort, Fate::CaughtPanic] {
            round.at(format!("{fate:?}"));
            let mortal = system.spawn::<Mortal>(()).expect("it starts");
            let monitors: Vec<_> = (0..3).map(|_| mortal.monitor().expect("it can be watched")).collect();
            mortal.tell(&Meet { fate }).expect("it is told");
            if fate == Fate::CaughtPanic {
                mortal.stop().expect("it is asked to stop");
            }
            for monitor in monitors {
                let DownReason::Ended(exit) = monitor.wait_within(PATIENCE).expect("its end is told").reason else {
                    panic!("it was there");
                };
                match (fate, &exit) {
                    (Fate::Stop, Exit::Normal) | (Fate::Exit, Exit::Code(7)) | (Fate::CaughtPanic, Exit::Stopped) => {}
                    (Fate::Fail, Exit::Failed(chain)) => assert_eq!(chain, &["outer", "inner"]),
                    (Fate::Panic, Exit::Panicked(panic)) => {
                        assert_eq!(panic.message, "as it was told to");
                        assert!(panic.location.contains("guarantees.rs"), "{}", panic.location);
                    }
                    (Fate::Abort, Exit::Signal { signal: 6, .. }) => {}
                    _ => panic!("{fate:?} ended as {exit:?}"),
                }
                assert!(monitor.wait_within(Duration::ZERO).is_err(), "a second Down");
            }
            let late = mortal.monitor().expect("it can be asked for");
            assert_eq!(late.wait_within(PATIENCE).expect("it answers").reason, DownReason::NoActor);
        }
    });
}

#[procession::test]
fn g7_an_actor_that_is_restarted_keeps_its_address_and_name() {
    guarded("restart", GUARD, |round| {
        let system = System::start().expect("a system starts");
        let worker = permanent(&system);
        system.register("phoenix", &worker).expect("the name is free");
        let friend = system.spawn::<Worker>(()).expect("a friend starts");
        let before = worker.pid().expect("it is known").expect("it runs");
        let pending = worker.request(&Hold { number: 1 }).expect("it is asked");
        worker.kill().expect("it is killed");
        round.at("the pending ask");
        assert!(matches!(pending.wait(), Err(AskError::Dead(Exit::Signal { signal: 9, .. }))));
        round.at("the new incarnation");
        assert_eq!(worker.ask(&Echo { number: 5 }), Ok(5));
        assert_eq!(friend.ask(&AskOther { other: worker.clone(), number: 6 }).as_deref(), Ok("answered"));
        assert_eq!(system.whereis::<Worker>("phoenix").expect("it is asked for"), Some(worker.clone()));
        assert_ne!(worker.pid().expect("it is known"), Some(before));
    });
}

/// Asks somebody all the time until it does not answer any more; gives how often it did.
fn ask_for_ever(other: ActorRef<Worker>) -> u64 {
    (0..).take_while(|number| other.ask(&Echo { number: *number }).is_ok()).count() as u64
}

#[procession::test]
fn g3_who_is_asked_all_the_time_hears_everybody_else() {
    guarded("a worker whom somebody asks all the time", GUARD, |_| {
        let system = System::builder().links(Links::Sockets).start().expect("a system");
        let worker = system.spawn::<Worker>(()).expect("a worker starts");
        let asker = system.process(ask_for_ever, worker.clone()).start().expect("a process");
        for number in 0..500 {
            assert_eq!(worker.ask(&Echo { number }), Ok(number));
        }
        worker.stop().expect("the supervisor is heard");
        assert!(asker.join().expect("it has returned") > 0);
        system.shutdown().expect("an orderly end");
    });
}
