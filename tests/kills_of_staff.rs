//! The supervisor, the zygote, owners of actors, and actors that are just starting are killed at random instants.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{DownReason, Exit, JoinError, ReceiveError, RuntimeError, SpawnError};
use procession_tests::worker::{Echo, Hang, Hold, Identify, Identity, Own, Release, Worker};
use procession_tests::{eventually, kill, process_table, repeat};

/// How often each fault is tried.
const ROUNDS: u32 = 20;

/// Patience of waits that end long before.
const PATIENCE: Duration = Duration::from_secs(8);

/// Within this nothing may be left.
const GONE_WITHIN: Duration = Duration::from_secs(2);

fn killed() -> Exit {
    Exit::Signal { signal: 9, core_dumped: false }
}

fn sleep_for_ever() -> u64 {
    loop {
        thread::park();
    }
}

/// Waits until none of the processes runs. Their end has no event that this process could wait for: they are not its own.
fn expect_gone(pids: &[i32]) {
    let deadline = Instant::now() + GONE_WITHIN;
    loop {
        let left: Vec<_> = pids.iter().filter(|pid| process_table::is_running(**pid)).collect();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "still there: {left:?}");
        thread::yield_now();
    }
}

/// Finds the zygote under a supervisor; there may be none for a moment.
fn zygote_of(supervisor: i32) -> Option<i32> {
    let mut children = process_table::children(supervisor).into_iter();
    children.find(|child| child.name == "zygote" && child.state != 'Z').map(|child| child.pid)
}

/// Waits for the clone that a supervisor keeps for the next process.
fn spare_of(supervisor: i32) -> i32 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut children = process_table::children(supervisor).into_iter();
        if let Some(spare) = children.find(|child| child.name == "spare" && child.state != 'Z') {
            return spare.pid;
        }
        assert!(Instant::now() < deadline, "there is no spare");
        thread::yield_now();
    }
}

#[procession::test]
fn a_spare_that_is_killed_is_not_missed() {
    let system = System::start().expect("a system starts");
    let first = system.spawn::<Worker>(()).expect("a worker starts");
    let supervisor = first.ask(&Identify).expect("it answers").parent;
    for _ in 0..ROUNDS {
        let spare = spare_of(supervisor);
        kill(spare, Signal::SIGKILL);
        expect_gone(&[spare]);
        let worker = system.spawn::<Worker>(()).expect("another worker starts");
        assert_eq!(worker.ask(&Identify).expect("it answers").parent, supervisor);
    }
    let spare = spare_of(supervisor);
    system.shutdown().expect("it ends");
    expect_gone(&[spare, supervisor]);
}

#[procession::test]
fn a_spare_becomes_the_next_process_in_every_respect() {
    let system = System::start().expect("a system starts");
    let worker = system.spawn::<Worker>(()).expect("a worker starts");
    let Identity { pid: sibling, parent: supervisor } = worker.ask(&Identify).expect("it answers");
    for round in 0..ROUNDS {
        let spare = spare_of(supervisor);
        let name = format!("next{round}");
        let next = system.actor::<Worker>(()).name(&name).start().expect("it starts");
        assert_eq!(next.ask(&Identify).expect("it answers").pid, spare);
        assert_eq!(process_table::entry(spare).expect("it runs").name, name);
        let counts = || [spare, sibling].map(process_table::descriptor_count);
        eventually("they hold the same descriptors", || counts()[0] == counts()[1]);
    }
}

#[procession::test]
fn g3_g5_g8_the_supervisor_is_killed() {
    repeat("supervisor killed", ROUNDS, |round| {
        let system = System::start().expect("a system starts");
        let worker = system.spawn::<Worker>(()).expect("a worker starts");
        let ids = worker.ask(&Identify).expect("it answers");
        let child = system.process(sleep_for_ever, ()).start().expect("a process starts");
        let (worker_of, monitored) = (worker.clone(), worker.clone());
        let (begun, begin) = mpsc::channel();
        let (asking_begun, monitoring_begun) = (begun.clone(), begun.clone());
        let holding = thread::spawn(move || {
            let pending = worker_of.request(&Hold { number: 1 });
            let _ = begun.send(());
            pending.map_err(AskError::from).and_then(|pending| pending.wait_within(PATIENCE))
        });
        let asked = worker.clone();
        let asking = thread::spawn(move || {
            let _ = asking_begun.send(());
            (0..).find_map(|number| asked.ask(&Echo { number }).err())
        });
        let monitoring = thread::spawn(move || {
            let monitor = monitored.monitor();
            let _ = monitoring_begun.send(());
            monitor.map_err(ReceiveError::from).and_then(|monitor| monitor.wait_within(PATIENCE))
        });
        let spawner = system.clone();
        let spawning = thread::spawn(move || (0..).find_map(|_| spawner.spawn::<Worker>(()).err()));
        let joining = thread::spawn(move || child.join_within(PATIENCE));
        (0..3).for_each(|_| begin.recv().expect("the threads begin"));
        round.dice.spin();
        let pids: Vec<i32> = process_table::descendants(ids.parent).iter().map(|entry| entry.pid).collect();
        kill(ids.parent, Signal::SIGKILL);
        let lost = RuntimeError::SupervisorLost;
        round.at("the holding thread");
        assert_eq!(holding.join().expect("it ends"), Err(AskError::Runtime(lost.clone())));
        round.at("the asking thread");
        assert_eq!(asking.join().expect("it ends"), Some(AskError::Runtime(lost.clone())));
        round.at("the monitoring thread");
        assert_eq!(monitoring.join().expect("it ends"), Err(ReceiveError::Runtime(lost.clone())));
        round.at("the spawning thread");
        assert_eq!(spawning.join().expect("it ends"), Some(SpawnError::Runtime(lost.clone())));
        round.at("the joining thread");
        assert_eq!(joining.join().expect("it ends"), Err(JoinError::Runtime(lost)));
        round.at("what is left");
        expect_gone(&pids);
        assert!(process_table::entry(ids.parent).is_none_or(|entry| entry.state != 'Z'), "the supervisor is a zombie");
        drop(system);
    });
}

#[procession::test]
fn running_actors_do_not_notice_that_the_zygote_is_killed() {
    let system = System::start().expect("a system starts");
    let worker = system.spawn::<Worker>(()).expect("a worker starts");
    let supervisor = worker.ask(&Identify).expect("it answers").parent;
    repeat("zygote killed", ROUNDS, move |round| {
        let is_over = Arc::new(AtomicBool::new(false));
        let (spawner, until, (begun, begin)) = (system.clone(), is_over.clone(), mpsc::channel());
        let spawning = thread::spawn(move || {
            let mut count = 0;
            while count < 5 || !until.load(Ordering::Relaxed) {
                let fresh = spawner.spawn::<Worker>(()).expect("another zygote makes it");
                assert_eq!(fresh.ask(&Echo { number: count }), Ok(count));
                fresh.kill().expect("it is killed");
                count += 1;
                let _ = begun.send(());
            }
        });
        round.at("the first spawns");
        (0..round.dice.roll(5)).for_each(|_| begin.recv().expect("it spawns"));
        round.dice.spin();
        if let Some(zygote) = zygote_of(supervisor) {
            // It may have ended a round's kill ago and be unreaped.
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(zygote), Signal::SIGKILL);
        }
        assert_eq!(worker.ask(&Echo { number: 3 }), Ok(3));
        is_over.store(true, Ordering::Relaxed);
        round.at("the spawning thread");
        spawning.join().expect("every spawn succeeds");
        assert_eq!(worker.ask(&Identify).expect("it is the same").parent, supervisor);
    });
}

#[procession::test]
fn g5_an_owner_of_actors_is_killed() {
    let system = System::start().expect("a system starts");
    repeat("owner killed", ROUNDS, move |round| {
        let owner = system.spawn::<Worker>(()).expect("the owner starts");
        let victim = owner.ask(&Identify).expect("it answers").pid;
        let first = owner.ask(&Own).expect("it starts one");
        let second = first.ask(&Own).expect("it starts one, too");
        let stubborn = owner.ask(&Own).expect("it starts another");
        let owned = [first, second, stubborn.clone()];
        let pids: Vec<i32> = owned.iter().map(|worker| worker.ask(&Identify).expect("it answers").pid).collect();
        let monitors: Vec<_> = owned.iter().map(|worker| worker.monitor().expect("it can be watched")).collect();
        if round.number == 0 {
            // This one does not stop when asked politely; one round of waiting for the deadline is enough.
            stubborn.tell(&Hang).expect("it is told");
        }
        round.dice.spin();
        kill(victim, Signal::SIGKILL);
        for (index, monitor) in monitors.iter().enumerate() {
            round.at(format!("Down of {index}"));
            let reason = monitor.wait_within(PATIENCE).expect("its end is told").reason;
            let expected = if round.number == 0 && index == 2 { Exit::Killed } else { Exit::Stopped };
            assert_eq!(reason, DownReason::Ended(expected), "{index}");
        }
        round.at("what is left");
        expect_gone(&pids);
    });
}

#[procession::test]
fn g3_an_actor_is_killed_while_many_make_its_acquaintance() {
    let system = System::start().expect("a system starts");
    let askers: Vec<_> = (0..12).map(|_| system.spawn::<Worker>(()).expect("an asker starts")).collect();
    repeat("killed among introductions", ROUNDS, move |round| {
        let victim = system.spawn::<Worker>(()).expect("the victim starts");
        let pid = victim.ask(&Identify).expect("it answers").pid;
        let ask = |asker: &ActorRef<Worker>| {
            let question = procession_tests::worker::AskOther { other: victim.clone(), number: 5 };
            asker.request(&question).expect("it is told to ask")
        };
        let pending: Vec<_> = askers.iter().map(ask).collect();
        round.dice.spin();
        kill(pid, Signal::SIGKILL);
        for (index, pending) in pending.into_iter().enumerate() {
            round.at(format!("asker {index}"));
            let outcome = pending.wait().expect("the asker is not stuck");
            let dead = format!("{:?}", AskError::<std::convert::Infallible>::Dead(killed()));
            let is_right = outcome == "answered" || outcome == dead;
            assert!(is_right, "asker {index}: {outcome}");
        }
    });
}

#[procession::test]
fn g3_askers_are_killed_while_they_wait() {
    let system = System::start().expect("a system starts");
    let server = system.spawn::<Worker>(()).expect("the server starts");
    repeat("askers killed", ROUNDS, move |round| {
        let askers: Vec<_> = (0..4).map(|_| system.spawn::<Worker>(()).expect("an asker starts")).collect();
        let pids: Vec<i32> = askers.iter().map(|asker| asker.ask(&Identify).expect("it answers").pid).collect();
        let held = server.request(&Hold { number: 9 }).expect("it is asked");
        let mut pending = Vec::new();
        for asker in &askers {
            let question = procession_tests::worker::HoldAt { other: server.clone(), number: 1 };
            pending.push(asker.request(&question).expect("it is told to ask"));
        }
        round.dice.spin();
        pids.iter().for_each(|pid| kill(*pid, Signal::SIGKILL));
        if round.dice.roll(2) == 0 {
            round.dice.spin();
        }
        server.tell(&Release).expect("it is told");
        round.at("the one that lives");
        assert_eq!(held.wait(), Ok(9));
        for pending in pending {
            round.at("a dead asker");
            let outcome = pending.wait();
            assert!(matches!(&outcome, Ok(1) | Err(AskError::Dead(Exit::Signal { signal: 9, .. }))), "{outcome:?}");
        }
        // Those that came too late for the release are dead askers to this one.
        server.tell(&Release).expect("it is told");
        assert_eq!(server.ask(&Echo { number: 1 }), Ok(1));
    });
}

/// An actor that tells who it is before it has started, and starts only if it is killed late.
struct Slow;

#[message]
struct Starting {
    pid: i32,
}

#[actor]
impl Actor for Slow {
    type Args = Recipient<Starting>;

    fn start(tell: Recipient<Starting>, _: &mut Context<Self>) -> Result<Slow, Failure> {
        tell.tell(&Starting { pid: std::process::id().cast_signed() })?;
        Ok(Slow)
    }
}

#[procession::test]
fn an_actor_is_killed_while_it_starts() {
    let system = System::start().expect("a system starts");
    repeat("killed while starting", ROUNDS, move |round| {
        let mailbox = system.mailbox::<Starting>().expect("a mailbox");
        let (spawner, recipient) = (system.clone(), mailbox.recipient());
        let spawning = thread::spawn(move || spawner.spawn::<Slow>(recipient).map(drop));
        round.at("the word of the start");
        let pid = mailbox.recv_within(PATIENCE).expect("it starts").pid.to_native();
        round.dice.spin();
        kill(pid, Signal::SIGKILL);
        round.at("the spawner");
        match spawning.join().expect("it ends") {
            Err(SpawnError::Died(exit)) => assert_eq!(exit, killed()),
            Ok(()) => {}
            Err(error) => panic!("{error:?}"),
        }
    });
}
