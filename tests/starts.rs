//! Starts that come to nothing.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, raise};
use procession::prelude::*;
use procession::{AskError, Exit, Restart, SpawnError, Stdio, Strategy};
use procession_tests::process_table::{children, entry, is_running};
use procession_tests::worker::{Identify, Identity, Worker};
use procession_tests::{SOON, eventually, kill, repeat};

/// Starts in the way that it is told to, after it has written its process ids down and started an actor of its own.
struct Doubtful;

#[data]
#[derive(Debug, Clone)]
struct Plan {
    way: Way,
    diary: String,
}

#[data]
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Fail,
    FailOfSources,
    Panic,
    Exit,
    Kill,
    Hang,
}

#[actor]
impl Actor for Doubtful {
    type Args = Plan;

    fn start(plan: Plan, context: &mut Context<Self>) -> Result<Doubtful, Failure> {
        let own = context.spawn::<Worker>(())?.pid()?.ok_or(Failure::new("it does not run"))?;
        fs::write(&plan.diary, format!("{} {own}", std::process::id()))?;
        match plan.way {
            Way::Fail => Err(Failure::new("not today").context("opening the shop")),
            Way::FailOfSources => Err(fs::read("/nonexistent").expect_err("nothing is there").into()),
            Way::Panic => panic!("no keys"),
            Way::Exit => std::process::exit(4),
            Way::Kill => raise(Signal::SIGKILL).map(|()| Doubtful).map_err(Failure::from),
            Way::Hang => loop {
                thread::park();
            },
        }
    }
}

fn pids(diary: &Path) -> Option<Vec<i32>> {
    let text = fs::read_to_string(diary).ok()?;
    let pids: Vec<i32> = text.split(' ').filter_map(|pid| pid.parse().ok()).collect();
    (pids.len() == 2).then_some(pids)
}

#[procession::test]
fn a_start_that_fails_tells_why_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let diary = folder.path().join("pids");
    let system = System::start().expect("a system");
    type Fits = fn(&SpawnError) -> bool;
    let table: [(Way, Fits); 5] = [
        (Way::Fail, |error| *error == SpawnError::Failed(vec!["opening the shop".into(), "not today".into()])),
        (Way::FailOfSources, |error| matches!(error, SpawnError::Failed(chain) if chain[0].contains("No such file"))),
        (Way::Panic, |error| matches!(error, SpawnError::Died(Exit::Panicked(panic)) if panic.message == "no keys")),
        (Way::Exit, |error| *error == SpawnError::Died(Exit::Code(4))),
        (Way::Kill, |error| matches!(error, SpawnError::Died(Exit::Signal { signal: 9, .. }))),
    ];
    for (way, fits) in table {
        let plan = Plan { way, diary: diary.display().to_string() };
        let error = system.actor::<Doubtful>(plan).stderr(Stdio::Null).start().expect_err("no start");
        assert!(fits(&error), "{way:?}: {error:?}");
        assert!(!pids(&diary).expect("they were written").into_iter().any(is_running), "{way:?}");
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_start_that_hangs_can_be_stopped_and_does_not_hold_up_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let diary = folder.path().join("pids");
    let plan = Plan { way: Way::Hang, diary: diary.display().to_string() };
    let system = System::start().expect("a system");
    let supervisor = Supervisor::new(Strategy::OneForOne).start(&system).expect("a supervisor");
    let doubtful = system.actor::<Doubtful>(plan).stop_deadline(Duration::from_millis(100));
    thread::scope(|scope| {
        let starter = scope.spawn(|| supervisor.start_child("doubtful", Restart::Permanent, doubtful));
        eventually("it is about to start", || pids(&diary).is_some());
        system.spawn::<Worker>(()).expect("others start");
        let doubtful = supervisor.child::<Doubtful>("doubtful").expect("it is known");
        assert!(!doubtful.is_alive().expect("a status"), "it has not started");
        doubtful.stop().expect("it can be stopped");
        assert_eq!(starter.join().expect("no panic"), Err(SpawnError::Died(Exit::Killed)));
    });
    assert!(!pids(&diary).expect("they were written").into_iter().any(is_running));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_spawner_that_ends_takes_a_hanging_start_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let diary = folder.path().join("pids");
    let plan = Plan { way: Way::Hang, diary: diary.display().to_string() };
    let start = |plan: Plan| {
        let system = System::current().expect("a system");
        let _ = system.actor::<Doubtful>(plan).stop_deadline(Duration::from_millis(100)).start();
    };
    let system = System::start().expect("a system");
    let child = system.process(start, plan).start().expect("a process");
    eventually("it is about to start", || pids(&diary).is_some());
    child.kill().expect("it runs");
    assert!(child.join_within(SOON).is_err());
    assert!(!pids(&diary).expect("they were written").into_iter().any(is_running));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn who_is_stopped_before_it_looks_at_its_launch_starts_and_stops() {
    let system = System::start().expect("a system");
    let worker = system.spawn::<Worker>(()).expect("a worker");
    let staff = worker.ask(&Identify).expect("it answers").parent;
    let find_spare = || children(staff).into_iter().find(|child| child.name == "spare").map(|child| child.pid);
    eventually("a clone is kept for the next process", || find_spare().is_some());
    let spare = find_spare().expect("it is there");
    kill(spare, Signal::SIGSTOP);
    let supervisor = Supervisor::new(Strategy::OneForOne).start(&system).expect("a supervisor");
    let child = thread::scope(|scope| {
        let starter = scope.spawn(|| supervisor.start_child("late", Restart::Temporary, system.actor::<Worker>(())));
        eventually("it is being made", || {
            supervisor.child::<Worker>("late").is_ok_and(|late| late.pid() == Ok(Some(spare)))
        });
        supervisor.child::<Worker>("late").and_then(|late| late.stop()).expect("it can be stopped");
        kill(spare, Signal::SIGCONT);
        starter.join().expect("no panic").expect("it has started")
    });
    assert_eq!(child.join_within(SOON).expect("its end").exit, Exit::Stopped);
    system.shutdown().expect("an orderly end");
}

/// An actor that wants to end as soon as it has started.
struct ShortLived;

#[actor]
impl Actor for ShortLived {
    fn start((): (), context: &mut Context<Self>) -> Result<ShortLived, Failure> {
        context.stop();
        Ok(ShortLived)
    }
}

#[procession::test]
fn a_start_may_be_the_end() {
    let system = System::start().expect("a system");
    let short_lived = system.spawn::<ShortLived>(()).expect("it has started");
    assert_eq!(short_lived.join_within(SOON).expect("its end").exit, Exit::Normal);
    system.shutdown().expect("an orderly end");
}

/// Says that it is about to start, is stopped, and ends as soon as it has started.
struct Brief;

#[message]
struct AboutToStart {
    pid: i32,
}

#[actor]
impl Actor for Brief {
    type Args = Recipient<AboutToStart>;
    type Messages = (Identify,);

    fn start(tell: Recipient<AboutToStart>, context: &mut Context<Self>) -> Result<Brief, Failure> {
        tell.tell(&AboutToStart { pid: std::process::id().cast_signed() })?;
        raise(Signal::SIGSTOP)?;
        context.stop();
        Ok(Brief)
    }
}

impl Handler<Identify> for Brief {
    fn handle(&mut self, _: Incoming<'_, Identify>, _: &mut Context<Self>) -> Identity {
        unreachable!("it has ended before")
    }
}

fn start_and_ask(tell: Recipient<AboutToStart>) -> String {
    let brief = System::current().expect("it has one").spawn::<Brief>(tell).expect("it starts");
    format!("{:?}", brief.ask(&Identify))
}

/// The spawner hears of the start and of the end at once.
#[procession::test]
fn who_ends_as_soon_as_it_has_started_is_known_to_be_dead() {
    repeat("an end right behind a start", 20, |round| {
        let system = System::start().expect("a system");
        let mailbox = system.mailbox::<AboutToStart>().expect("a mailbox");
        let spawner = system.process(start_and_ask, mailbox.recipient()).start().expect("a process");
        let brief = mailbox.recv_within(SOON).expect("it is about to start").pid.to_native();
        round.at("the spawner is stopped");
        eventually("it is stopped", || entry(brief).is_some_and(|entry| entry.state == 'T'));
        let pid = spawner.pid().expect("it runs").expect("it has started");
        kill(pid, Signal::SIGSTOP);
        kill(brief, Signal::SIGCONT);
        eventually("it has ended", || entry(brief).is_none());
        kill(pid, Signal::SIGCONT);
        let outcome = spawner.join_within(SOON).expect("it ends");
        assert_eq!(outcome, format!("{:?}", Err::<u64, AskError>(AskError::Dead(Exit::Normal))));
    });
}
