//! Processes are killed at random instants, with raw signals.
//!
//! Nothing hangs, every exit is the true one, and every monitor gets exactly one `Down` after all earlier messages. Each
//! round has its own guard of 10 s. What is left behind is the subject of `leftovers.rs`.

use std::fs::File;
use std::io::{Read, pipe};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{DownReason, Exit, Monitor};
use procession_tests::worker::{
    AskOther, CountedStream, Echo, Event, Hold, Identify, Log, Observe, Release, Stream, Worker, permanent,
};
use procession_tests::{Round, kill, repeat};

/// How often each fault is tried.
const ROUNDS: u32 = 20;

/// Patience of waits that end long before.
const PATIENCE: Duration = Duration::from_secs(8);

const FATAL: [Signal; 5] = [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGSEGV, Signal::SIGABRT, Signal::SIGHUP];

fn signal_of(exit: &Exit) -> Option<i32> {
    match exit {
        Exit::Signal { signal, .. } => Some(*signal),
        _ => None,
    }
}

/// Checks that the monitor tells the one end, and that a later one tells that there is nobody.
fn expect_down(round: &Round, monitor: &Monitor, worker: &ActorRef<Worker>, signal: Signal) {
    round.at("the monitor");
    let down = monitor.wait_within(PATIENCE).expect("the end is told");
    assert_eq!(down.process, worker.id());
    let DownReason::Ended(exit) = &down.reason else { panic!("a running actor was watched, yet {:?}", down.reason) };
    assert_eq!(signal_of(exit), Some(signal as i32), "{exit:?}");
    round.at("a second Down");
    assert_eq!(monitor.wait_within(Duration::ZERO), Err(procession::ReceiveError::Timeout));
    round.at("a monitor on the dead");
    let late = worker.monitor().expect("it can be asked for");
    assert_eq!(late.wait_within(PATIENCE).expect("it answers").reason, DownReason::NoActor);
}

fn pid(worker: &ActorRef<Worker>) -> i32 {
    worker.pid().expect("the supervisor answers").expect("it runs")
}

/// Splits a log into the numbers of one stream and the ends, and checks that nothing comes after the end.
fn stream_before_down(log: &[Event]) -> Vec<u64> {
    let (last, items) = log.split_last().expect("the log is not empty");
    assert!(matches!(last, Event::Down { .. }), "the last event is {last:?}");
    let number = |event: &Event| match event {
        Event::Item { number, .. } => *number,
        Event::Down { .. } => panic!("more than one Down, or one before a message"),
    };
    items.iter().map(number).collect()
}

fn assert_counts_up(numbers: &[u64]) {
    let expected: Vec<u64> = (0..numbers.len() as u64).collect();
    assert_eq!(numbers, expected);
}

#[procession::test]
fn g3_g4_an_actor_is_killed_while_it_is_asked() {
    let system = System::start().expect("a system starts");
    repeat("actor killed while asked", ROUNDS, move |round| {
        let worker = system.spawn::<Worker>(()).expect("a worker starts");
        let (victim, monitor) = (pid(&worker), worker.monitor().expect("it can be watched"));
        let (signal, asks) = (*round.dice.pick(&FATAL), round.dice.roll(50));
        let (asker, (begun, begin)) = (worker.clone(), mpsc::channel());
        let asking = thread::spawn(move || {
            for number in 0.. {
                if number == asks {
                    let _ = begun.send(());
                }
                match asker.ask(&Echo { number }) {
                    Ok(answer) => assert_eq!(answer, number),
                    Err(error) => return (error, asker.ask(&Echo { number })),
                }
            }
            unreachable!("the worker is killed before")
        });
        round.at("the first asks");
        begin.recv().expect("the asker is there");
        round.dice.spin();
        kill(victim, signal);
        round.at("the asker");
        let (error, after) = asking.join().expect("the asker ends");
        let AskError::Dead(exit) = &error else { panic!("the ask ended with {error:?}") };
        assert_eq!(signal_of(exit), Some(signal as i32));
        assert!(matches!(after, Err(AskError::Dead(_))), "{after:?}");
        expect_down(round, &monitor, &worker, signal);
    });
}

#[procession::test]
fn g1_g2_g4_a_sender_is_killed_in_mid_stream() {
    let system = System::start().expect("a system starts");
    let observer = system.spawn::<Worker>(()).expect("the observer starts");
    repeat("sender killed", ROUNDS, move |round| {
        let observer = if round.number % 2 == 0 { observer.clone() } else { system.spawn(()).expect("another starts") };
        let sender = system.spawn::<Worker>(()).expect("the sender starts");
        let (victim, monitor) = (pid(&sender), sender.monitor().expect("it can be watched"));
        observer.ask(&Observe { worker: sender.clone() }).expect("it watches");
        let before = observer.ask(&Log { items: 0, downs: 0 }).expect("the log so far");
        let downs = before.iter().filter(|event| matches!(event, Event::Down { .. })).count();
        sender.tell(&Stream { to: observer.recipient(), source: 0, count: u64::MAX }).expect("it is told to send");
        let wanted = before.len() - downs + round.dice.roll(500) as usize;
        round.at("the first items");
        observer.ask(&Log { items: wanted, downs: 0 }).expect("the first items come");
        round.dice.spin();
        kill(victim, Signal::SIGKILL);
        round.at("the observer's Down");
        let log = observer.ask(&Log { items: 0, downs: downs + 1 }).expect("the Down comes");
        assert_counts_up(&stream_before_down(&log[before.len()..]));
        let again = observer.ask(&Log { items: 0, downs: 0 }).expect("the observer lives");
        assert_eq!(again.len(), log.len(), "something came after the Down");
        expect_down(round, &monitor, &sender, Signal::SIGKILL);
    });
}

#[procession::test]
fn g4_every_message_that_the_dead_had_sent_comes_before_its_down() {
    let system = System::start().expect("a system starts");
    repeat("flushed before death", ROUNDS, move |round| {
        let observer = system.spawn::<Worker>(()).expect("the observer starts");
        let sender = system.spawn::<Worker>(()).expect("the sender starts");
        let victim = pid(&sender);
        observer.ask(&Observe { worker: sender.clone() }).expect("it watches");
        let (reading, writing) = pipe().expect("a pipe");
        // So few fit in a socket's buffer even if the observer reads none of them.
        let stream = CountedStream { to: observer.recipient(), count: 150, pipe: writing.into() };
        sender.tell(&stream).expect("it is told to send");
        drop(stream);
        let mut reading = File::from(std::os::fd::OwnedFd::from(reading));
        let wanted = round.dice.roll(150) as usize;
        round.at("the first items");
        reading.read_exact(&mut vec![0; wanted]).expect("the items are counted");
        round.dice.spin();
        kill(victim, Signal::SIGKILL);
        round.at("the Down");
        let log = observer.ask(&Log { items: 0, downs: 1 }).expect("the Down comes");
        let mut rest = Vec::new();
        reading.read_to_end(&mut rest).expect("the pipe ends with the sender");
        let (numbers, sent) = (stream_before_down(&log), wanted + rest.len());
        assert_counts_up(&numbers);
        assert!(numbers.len() >= sent, "{sent} were sent, {} came before the Down", numbers.len());
        observer.kill().expect("it is killed");
    });
}

#[procession::test]
fn g3_a_receiver_is_killed_in_mid_stream() {
    let system = System::start().expect("a system starts");
    let sender = system.spawn::<Worker>(()).expect("the sender starts");
    repeat("receiver killed", ROUNDS, move |round| {
        let receiver = system.spawn::<Worker>(()).expect("the receiver starts");
        let (victim, monitor) = (pid(&receiver), receiver.monitor().expect("it can be watched"));
        let stream = Stream { to: receiver.recipient(), source: 0, count: u64::MAX };
        let sending = sender.request(&stream).expect("it is told to send");
        let signal = *round.dice.pick(&FATAL);
        round.at("the first items");
        receiver.ask(&Log { items: round.dice.roll(2000) as usize, downs: 0 }).expect("the first items come");
        round.dice.spin();
        kill(victim, signal);
        round.at("the sender");
        let sent = sending.wait().expect("the sender notices");
        assert!(sent.error.as_deref().is_some_and(|text| text.contains(signal.as_str())), "{sent:?}");
        assert_eq!(sender.ask(&Echo { number: 7 }), Ok(7));
        expect_down(round, &monitor, &receiver, signal);
    });
}

#[procession::test]
fn g2_g7_a_receiver_that_is_restarted_gets_each_message_at_most_once() {
    let system = System::start().expect("a system starts");
    let sender = system.spawn::<Worker>(()).expect("the sender starts");
    repeat("receiver restarted", ROUNDS, move |round| {
        let receiver = permanent(&system);
        let victim = pid(&receiver);
        let stream = Stream { to: receiver.recipient(), source: 0, count: 20_000 };
        let sending = sender.request(&stream).expect("it is told to send");
        round.at("the first items");
        let first = receiver.ask(&Log { items: round.dice.roll(2000) as usize, downs: 0 }).expect("they come");
        round.dice.spin();
        kill(victim, Signal::SIGKILL);
        round.at("the sender");
        let sent = sending.wait().expect("the sender ends");
        assert_eq!((sent.count, sent.error), (20_000, None));
        // All that was sent comes before this ask. It may meet the old one while that is dying, and is told so then.
        let question = AskOther { other: receiver.clone(), number: 1 };
        while sender.ask(&question).expect("the sender answers") != "answered" {}
        round.at("the new incarnation");
        let log = receiver.ask(&Log { items: 0, downs: 0 }).expect("the new one answers");
        let numbers: Vec<u64> = log
            .iter()
            .map(|event| match event {
                Event::Item { number, .. } => *number,
                Event::Down { .. } => panic!("nobody is watched"),
            })
            .collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "out of order or twice");
        let handled = first.len() as u64;
        assert!(numbers.first().is_none_or(|number| *number >= handled), "what was handled before is handled again");
        let id = receiver.ask(&Identify).expect("it answers");
        assert_ne!(id.pid, victim);
        receiver.stop().expect("it is stopped");
    });
}

#[procession::test]
fn g7_a_pending_ask_of_an_earlier_incarnation_fails() {
    let system = System::start().expect("a system starts");
    repeat("restart with pending asks", ROUNDS, move |round| {
        let worker = permanent(&system);
        let victim = pid(&worker);
        let pending: Vec<_> = (0..10).map(|number| worker.request(&Hold { number }).expect("it is asked")).collect();
        if round.dice.roll(2) == 0 {
            worker.ask(&Echo { number: 1 }).expect("the requests have arrived");
        }
        round.dice.spin();
        kill(victim, Signal::SIGKILL);
        round.at("the new incarnation");
        // It may be asked while the old one is dying, and is told so then.
        while let Err(error) = worker.ask(&Identify) {
            assert!(matches!(error, AskError::Dead(Exit::Signal { signal: 9, .. })), "{error:?}");
        }
        worker.tell(&Release).expect("the address is the same");
        worker.ask(&Echo { number: 2 }).expect("the new one answers");
        for pending in pending {
            round.at("a pending ask");
            let outcome = pending.wait();
            assert!(matches!(outcome, Err(AskError::Dead(Exit::Signal { signal: 9, .. }))), "{outcome:?}");
        }
        worker.stop().expect("it is stopped");
    });
}
