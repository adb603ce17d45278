//! Connections on their way from the socket to shared memory, which they take after some 64 messages: what was told is in order there,
//! and comes once, whoever fails, is stopped or dies meanwhile.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{Descriptor, DownReason, Exit, Links, Pending, TellError};
use procession_tests::worker::{AskOther, Echo, Event, Log, Observe, PacedStream, Sent, SpendDescriptors, Worker};
use procession_tests::{GUARD, Round, SOON, eventually, guarded, kill, process_table, repeat, rings};

const ROUNDS: u32 = 30;

/// So many messages are sent before anything is done to anybody.
const BEFORE: usize = 54;

/// So many more may be sent until then.
const WITHIN: u64 = 21;

const KILLED: Exit = Exit::Signal { signal: 9, core_dumped: false };

/// A worker that sends to another one, message by message.
struct Scene {
    sender: ActorRef<Worker>,
    receiver: ActorRef<Worker>,
    sent: Pending<PacedStream>,
    pace: PipeWriter,
    left: PipeReader,
}

fn system() -> System {
    System::builder().links(Links::Automatic).start().expect("a system")
}

fn pid(worker: &ActorRef<Worker>) -> i32 {
    worker.pid().expect("it is known").expect("it runs")
}

/// The numbers that have come, in order, and the texts of the ends behind them.
fn split(log: Vec<Event>) -> (Vec<u64>, Vec<String>) {
    let (mut numbers, mut downs) = (Vec::new(), Vec::new());
    for event in log {
        match event {
            Event::Item { number, .. } if downs.is_empty() => numbers.push(number),
            Event::Item { number, .. } => panic!("{number} came after the word of its sender's death"),
            Event::Down { reason } => downs.push(reason),
        }
    }
    assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "not in order, or not once: {numbers:?}");
    (numbers, downs)
}

impl Scene {
    /// Has a worker send so many messages to another, but not before it is let.
    fn set(sender: ActorRef<Worker>, receiver: ActorRef<Worker>, count: u64) -> Scene {
        receiver.ask(&Observe { worker: sender.clone() }).expect("it can be watched");
        let ((reading, pace), (left, writing)) = (pipe().expect("a pipe"), pipe().expect("a pipe"));
        let (to, pace_end, left_end) = (receiver.recipient(), Descriptor::new(reading), Descriptor::new(writing));
        let stream = PacedStream { to, count, pace: pace_end, left: left_end };
        let sent = sender.request(&stream).expect("it is sent");
        Scene { sender, receiver, sent, pace, left }
    }

    /// Has one send so many messages, and lets it come to some random instant about the upgrade. Gives, too, how many messages it may
    /// have sent by now, and how many it has.
    fn at_upgrade(round: &mut Round, system: &System, count: u64) -> (Scene, u64, usize) {
        let [sender, receiver] = [(); 2].map(|()| system.spawn::<Worker>(()).expect("a worker"));
        let mut scene = Scene::set(sender, receiver, count);
        round.at("what comes before the upgrade");
        scene.pace.write_all(&[1; BEFORE]).expect("there is room");
        scene.left.read_exact(&mut [0; BEFORE]).expect("it sends");
        let more = 1 + round.dice.roll(WITHIN);
        scene.pace.write_all(&vec![1; more as usize]).expect("there is room");
        let seen = round.dice.roll(more + 1) as usize;
        scene.left.read_exact(&mut vec![0; seen]).expect("it sends");
        round.dice.spin();
        (scene, BEFORE as u64 + more, BEFORE + seen)
    }

    /// Lets it send all the rest.
    fn let_go(self) -> (ActorRef<Worker>, ActorRef<Worker>, Pending<PacedStream>) {
        (self.sender, self.receiver, self.sent)
    }
}

/// Stops a process, and waits until it is.
fn stop(pid: i32) {
    kill(pid, Signal::SIGSTOP);
    eventually("it is stopped", || process_table::entry(pid).is_some_and(|entry| entry.state == 'T'));
}

/// Kills a process, in every other round after it was stopped.
fn kill_somehow(round: &Round, pid: i32) {
    if round.number % 2 == 1 {
        stop(pid);
    }
    kill(pid, Signal::SIGKILL);
}

#[procession::test]
fn a_receiver_without_descriptors_stays_on_the_socket_and_in_order() {
    const COUNT: u64 = 500;
    guarded("descriptors", 2 * GUARD, |round| {
        let system = system();
        let mut upgraded = Vec::new();
        for left in 0..10 {
            round.at(format!("{left} descriptors"));
            let [sender, receiver] = [(); 2].map(|()| system.spawn::<Worker>(()).expect("a worker"));
            let ask = AskOther { other: receiver.clone(), number: 1 };
            assert_eq!(sender.ask(&ask).as_deref(), Ok("answered"));
            receiver.ask(&SpendDescriptors { left }).expect("it lives");
            let (sender, receiver, sent) = Scene::set(sender, receiver, COUNT).let_go();
            assert_eq!(sent.wait_within(SOON), Ok(Sent { count: COUNT, error: None }));
            let log = receiver.ask_within(&Log { items: COUNT as usize, downs: 0 }, SOON).expect("it lives");
            assert_eq!(split(log).0.len() as u64, COUNT);
            assert_eq!(sender.ask_within(&ask, SOON).as_deref(), Ok("answered"));
            upgraded.push(rings::count(pid(&receiver)) == 1);
            let rings = usize::from(upgraded[left]);
            eventually("both know", || rings::count(pid(&sender)) == rings);
        }
        // Three come with the offer, and for its own bell the receiver needs some more for a while.
        assert!(!upgraded[0] && !upgraded[1] && !upgraded[2] && upgraded[9], "{upgraded:?}");
        assert!(upgraded.is_sorted(), "{upgraded:?}");
    });
}

#[procession::test]
fn of_a_sender_killed_at_the_upgrade_all_comes_that_had_left_and_then_the_word_of_its_death() {
    let system = system();
    repeat("sender killed", ROUNDS, move |round| {
        let (mut scene, most, seen) = Scene::at_upgrade(round, &system, u64::MAX);
        kill_somehow(round, pid(&scene.sender));
        round.at("who had asked it");
        assert_eq!(scene.sent.wait_within(SOON), Err(AskError::Dead(KILLED)));
        let mut rest = Vec::new();
        scene.left.read_to_end(&mut rest).expect("it has ended");
        round.at("its receiver");
        let log = scene.receiver.ask_within(&Log { items: 0, downs: 1 }, SOON).expect("it lives");
        let (numbers, downs) = split(log);
        assert!((seen + rest.len()..=most as usize).contains(&numbers.len()), "{} of {most}", numbers.len());
        assert_eq!(downs, [format!("{:?}", DownReason::Ended(KILLED))]);
        assert_eq!(scene.receiver.ask_within(&Echo { number: 1 }, SOON), Ok(1));
    });
}

#[procession::test]
fn who_sends_to_a_receiver_killed_at_the_upgrade_is_told() {
    let system = system();
    repeat("receiver killed", ROUNDS, move |round| {
        let (scene, ..) = Scene::at_upgrade(round, &system, u64::MAX);
        let monitor = scene.receiver.monitor().expect("it can be watched");
        kill_somehow(round, pid(&scene.receiver));
        round.at("who watches it");
        assert_eq!(monitor.wait_within(SOON).expect("its end is told").reason, DownReason::Ended(KILLED));
        round.at("its sender");
        let (sender, _, sent) = scene.let_go();
        let sent = sent.wait_within(SOON).expect("it lives");
        assert_eq!(sent.error, Some(format!("{:?}", TellError::Dead(KILLED))));
        assert_eq!(sender.ask_within(&Echo { number: 1 }, SOON), Ok(1));
    });
}

/// Stops one of the two at the upgrade, and has it go on.
fn stop_at_upgrade(whom: fn(&Scene) -> &ActorRef<Worker>) {
    const COUNT: u64 = 500;
    let system = system();
    repeat("stopped", ROUNDS, move |round| {
        let (scene, most, _) = Scene::at_upgrade(round, &system, COUNT);
        let (stopped, is_sender) = (pid(whom(&scene)), whom(&scene) == &scene.sender);
        stop(stopped);
        round.at("the other one");
        let (sender, receiver, sent) = scene.let_go();
        let sent = if is_sender {
            let (numbers, _) = split(receiver.ask_within(&Log { items: 0, downs: 0 }, SOON).expect("it lives"));
            assert!(numbers.len() as u64 <= most);
            assert_eq!(receiver.ask_within(&Echo { number: 1 }, SOON), Ok(1));
            kill(stopped, Signal::SIGCONT);
            sent.wait_within(SOON)
        } else {
            // So little finds room, whether it is read or not.
            let sent = sent.wait_within(SOON);
            assert_eq!(sender.ask_within(&Echo { number: 1 }, SOON), Ok(1));
            kill(stopped, Signal::SIGCONT);
            sent
        };
        assert_eq!(sent, Ok(Sent { count: COUNT, error: None }));
        round.at("all of it");
        let log = receiver.ask_within(&Log { items: COUNT as usize, downs: 0 }, SOON).expect("it lives");
        assert_eq!(split(log).0.len() as u64, COUNT);
        let ask = AskOther { other: receiver.clone(), number: 1 };
        assert_eq!(sender.ask_within(&ask, SOON).as_deref(), Ok("answered"));
        eventually("shared memory", || [&sender, &receiver].iter().all(|worker| rings::count(pid(worker)) == 1));
    });
}

#[procession::test]
fn a_sender_stopped_at_the_upgrade_goes_on_in_order() {
    stop_at_upgrade(|scene| &scene.sender);
}

#[procession::test]
fn a_receiver_stopped_at_the_upgrade_goes_on_in_order_and_holds_nobody_up() {
    stop_at_upgrade(|scene| &scene.receiver);
}
