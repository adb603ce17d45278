//! Supervisors: order, deadlines, dynamic children, and questions at bad times.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::{ChildState, Counts, Exit, Restart, RuntimeError, SpawnError, Stdio, Strategy};
use procession_tests::worker::{Echo, Identify, Worker};
use procession_tests::{SOON, eventually};

/// Notes its start and its stop; starts only while a file is not there.
struct Diarist {
    page: Page,
}

#[data]
#[derive(Debug, Clone)]
struct Page {
    name: String,
    folder: String,
    /// How long it takes to stop.
    overstays: bool,
}

impl Page {
    fn new(name: &str, folder: &Path) -> Page {
        Page { name: name.to_owned(), folder: folder.display().to_string(), overstays: false }
    }

    fn note(&self, text: &str) -> std::io::Result<()> {
        use std::io::Write;
        let diary = Path::new(&self.folder).join("diary");
        writeln!(fs::OpenOptions::new().append(true).create(true).open(diary)?, "{text}{}", self.name)
    }
}

#[message]
struct Ping;

#[actor]
impl Actor for Diarist {
    type Args = Page;
    type Messages = (Ping,);

    fn start(page: Page, _: &mut Context<Self>) -> Result<Diarist, Failure> {
        if Path::new(&page.folder).join("closed").exists() {
            return Err(Failure::new("closed"));
        }
        page.note("+")?;
        Ok(Diarist { page })
    }

    fn stopping(&mut self, _: &mut Context<Self>) {
        if self.page.overstays {
            loop {
                std::thread::park();
            }
        }
        self.page.note("-").expect("a diary");
    }
}

impl Handler<Ping> for Diarist {
    fn handle(&mut self, _: Incoming<'_, Ping>, _: &mut Context<Self>) {}
}

fn diary(folder: &Path) -> String {
    fs::read_to_string(folder.join("diary")).unwrap_or_default().replace('\n', " ").trim_end().to_owned()
}

fn patient(strategy: Strategy) -> Supervisor {
    Supervisor::new(strategy).intensity(100_000, Duration::from_secs(1))
}

fn counts(specs: usize, active: usize, supervisors: usize, workers: usize) -> Counts {
    Counts { specs, active, supervisors, workers }
}

#[procession::test]
fn children_start_left_to_right_and_stop_right_to_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let child = |system: &System, name| system.actor::<Diarist>(Page::new(name, folder.path()));
    let system = System::start().expect("a system");
    let inner = patient(Strategy::OneForOne).child("b", Restart::Permanent, child(&system, "b"));
    let inner = inner.child("c", Restart::Permanent, child(&system, "c"));
    let outer = patient(Strategy::OneForAll).child("a", Restart::Permanent, child(&system, "a"));
    let outer = outer.child("inner", Restart::Permanent, inner).child("d", Restart::Permanent, child(&system, "d"));
    let outer = outer.start(&system).expect("a supervisor");
    assert_eq!(diary(folder.path()), "+a +b +c +d");
    let monitor = outer.monitor().expect("a monitor");
    outer.stop().expect("it runs");
    let down = monitor.wait_within(SOON).expect("its end");
    assert_eq!(down.reason, procession::DownReason::Ended(Exit::Stopped));
    assert_eq!(diary(folder.path()), "+a +b +c +d -d -c -b -a");
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_restart_of_all_keeps_the_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let child = |system: &System, name| system.actor::<Diarist>(Page::new(name, folder.path()));
    let system = System::start().expect("a system");
    let supervisor = ["a", "b", "c"].into_iter().fold(patient(Strategy::OneForAll), |supervisor, name| {
        supervisor.child(name, Restart::Permanent, child(&system, name))
    });
    let supervisor = supervisor.start(&system).expect("a supervisor");
    let [b, c] = ["b", "c"].map(|name| supervisor.child::<Diarist>(name).expect("a child"));
    b.kill().expect("it runs");
    eventually("the last is up again", || diary(folder.path()).matches("+c").count() == 2);
    c.ask(&Ping).expect("it is up");
    assert_eq!(diary(folder.path()), "+a +b +c -c -a +a +b +c");
    system.shutdown().expect("an orderly end");
    assert_eq!(diary(folder.path()), "+a +b +c -c -a +a +b +c -c -b -a");
}

#[procession::test]
fn a_child_that_overstays_is_killed_at_its_deadline() {
    let folder = tempfile::tempdir().expect("a folder");
    let system = System::start().expect("a system");
    let slow = Page { overstays: true, ..Page::new("slow", folder.path()) };
    let slow = system.actor::<Diarist>(slow).stop_deadline(Duration::from_millis(150));
    let quick = system.actor::<Diarist>(Page::new("quick", folder.path()));
    let supervisor = patient(Strategy::OneForOne).child("quick", Restart::Permanent, quick);
    let supervisor = supervisor.child("slow", Restart::Permanent, slow).start(&system).expect("a supervisor");
    let monitor = supervisor.child::<Diarist>("slow").expect("a child").monitor().expect("a monitor");
    let start = Instant::now();
    supervisor.stop().expect("it runs");
    assert_eq!(monitor.wait_within(SOON).expect("its end").reason, procession::DownReason::Ended(Exit::Killed));
    assert!(start.elapsed() >= Duration::from_millis(150));
    system.shutdown().expect("an orderly end");
    assert_eq!(diary(folder.path()), "+quick +slow -quick");
}

#[procession::test]
fn children_come_and_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let system = System::start().expect("a system");
    let child = |name: &str| system.actor::<Diarist>(Page::new(name, folder.path()));
    let supervisor = patient(Strategy::OneForOne).start(&system).expect("a supervisor without children");
    assert_eq!((supervisor.children(), supervisor.counts()), (Ok(vec![]), Ok(counts(0, 0, 0, 0))));
    let a: ActorRef<Diarist> = supervisor.start_child("a", Restart::Permanent, child("a")).expect("a child");
    a.ask(&Ping).expect("it is up");
    let double = supervisor.start_child("a", Restart::Permanent, child("a"));
    assert_eq!(double, Err(SpawnError::Runtime(RuntimeError::NameTaken)));
    let counter = supervisor.start_child("sum", Restart::Temporary, system.process(std::thread::park, ()));
    let inner = supervisor.start_child("inner", Restart::Transient, patient(Strategy::OneForOne)).expect("a child");
    inner.start_child("b", Restart::Permanent, child("b")).expect("a child's child");
    assert_eq!(supervisor.counts(), Ok(counts(3, 3, 1, 2)));
    counter.expect("a child").kill().expect("it runs");
    eventually("a temporary child leaves", || supervisor.counts() == Ok(counts(2, 2, 1, 1)));

    assert!(supervisor.delete_child("a").is_err(), "it runs");
    supervisor.terminate_child("a").expect("it is there");
    assert!(!a.is_alive().expect("a status"), "gone when the call returns");
    supervisor.terminate_child("a").expect("twice does no harm");
    assert_eq!(supervisor.counts(), Ok(counts(2, 1, 1, 1)));
    assert!(matches!(a.ask(&Ping), Err(AskError::Dead(Exit::Stopped))));
    supervisor.restart_child("a").expect("it was down");
    a.ask(&Ping).expect("it is up again, under the same address");
    assert!(supervisor.restart_child("a").is_err(), "it runs");
    supervisor.terminate_child("a").expect("it is there");
    supervisor.delete_child("a").expect("it is down");
    assert_eq!(supervisor.terminate_child("a"), Err(RuntimeError::NoActor));
    assert!(matches!(a.ask(&Ping), Err(AskError::Dead(_) | AskError::NoActor)));
    let a = supervisor.start_child("a", Restart::Permanent, child("a")).expect("the name is free");
    a.ask(&Ping).expect("it is up");
    assert_eq!(diary(folder.path()), "+a +b -a +a -a +a");

    fs::write(folder.path().join("closed"), "").expect("written");
    let failed = supervisor.start_child("c", Restart::Permanent, child("c").stderr(Stdio::Null));
    assert_eq!(failed, Err(SpawnError::Failed(vec!["closed".into()])));
    assert_eq!(supervisor.child::<Diarist>("c"), Err(RuntimeError::NoActor), "it is not there then");
    system.shutdown().expect("an orderly end");
}

/// A restart loop: the child cannot start any more. All questions are answered meanwhile, and others live.
#[procession::test]
fn a_restart_that_fails_is_tried_again_while_questions_are_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let closed = folder.path().join("closed");
    let system = System::start().expect("a system");
    let child = |name: &str| system.actor::<Diarist>(Page::new(name, folder.path())).stderr(Stdio::Null);
    let supervisor = patient(Strategy::OneForOne).child("looping", Restart::Permanent, child("looping"));
    let supervisor = supervisor.child("calm", Restart::Permanent, system.actor::<Worker>(()));
    let supervisor = supervisor.start(&system).expect("a supervisor");
    let looping = supervisor.child::<Diarist>("looping").expect("a child");
    let calm = supervisor.child::<Worker>("calm").expect("a child");
    let pid = calm.ask(&Identify).expect("an answer").pid;
    fs::write(&closed, "").expect("written");
    looping.kill().expect("it runs");
    eventually("it has been restarted some times", || {
        let start = Instant::now();
        let children = supervisor.children().expect("an answer");
        let counts = supervisor.counts().expect("an answer");
        assert!(start.elapsed() < Duration::from_secs(1), "asked for {:?}", start.elapsed());
        assert_eq!((children.len(), counts.specs, counts.workers), (2, 2, 2));
        assert_eq!(children[1].state, ChildState::Running);
        assert_eq!(children[0].process, Some(looping.id()), "its address stays");
        looping.status().expect("an answer").is_some_and(|status| status.incarnation > 20)
    });
    assert_eq!(calm.ask(&Echo { number: 1 }), Ok(1));
    assert_eq!(looping.ask_within(&Ping, Duration::from_millis(50)), Err(AskError::Timeout), "asks wait for it");
    fs::remove_file(&closed).expect("removed");
    looping.ask(&Ping).expect("it comes up in the end");
    assert_eq!(calm.ask(&Identify).expect("an answer").pid, pid);

    fs::write(&closed, "").expect("written");
    looping.kill().expect("it runs");
    supervisor.terminate_child("looping").expect("also out of a loop");
    supervisor.delete_child("looping").expect("it is down");
    assert_eq!(supervisor.counts(), Ok(counts(1, 1, 0, 1)));
    system.shutdown().expect("an orderly end");
}

/// Owns a supervisor.
struct Owner {
    supervisor: SupervisorRef,
}

#[message(reply = SupervisorRef)]
struct Lend;

#[actor]
impl Actor for Owner {
    type Messages = (Lend,);

    fn start((): (), context: &mut Context<Self>) -> Result<Owner, Failure> {
        let worker = context.actor::<Worker>(());
        let supervisor = Supervisor::new(Strategy::OneForOne).child("worker", Restart::Permanent, worker);
        Ok(Owner { supervisor: context.supervise(supervisor)? })
    }
}

impl Handler<Lend> for Owner {
    fn handle(&mut self, _: Incoming<'_, Lend>, _: &mut Context<Self>) -> SupervisorRef {
        self.supervisor.clone()
    }
}

#[procession::test]
fn an_actor_may_own_a_supervisor_which_ends_with_it() {
    let system = System::start().expect("a system");
    let owner = system.spawn::<Owner>(()).expect("an actor");
    let supervisor = owner.ask(&Lend).expect("plain data");
    let worker = supervisor.child::<Worker>("worker").expect("a child");
    let before = worker.ask(&Identify).expect("an answer").pid;
    let monitor = worker.monitor().expect("a monitor");
    worker.kill().expect("it runs");
    monitor.wait_within(SOON).expect("its end");
    assert_ne!(worker.ask(&Identify).expect("it is restarted").pid, before);
    owner.kill().expect("it runs");
    owner.join_within(SOON).expect("its end");
    assert_eq!(worker.pid(), Ok(None));
    assert_eq!(supervisor.counts(), Err(RuntimeError::NoActor));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn whoever_joins_a_child_that_is_being_removed_is_told_of_its_end() {
    let system = System::start().expect("a system");
    let supervisor = patient(Strategy::OneForOne).start(&system).expect("a supervisor");
    for round in 0..100 {
        let child = system.actor::<Worker>(());
        let child = supervisor.start_child("mortal", Restart::Temporary, child).expect("it starts");
        child.kill().expect("it is killed");
        let ended = child.join_within(SOON).unwrap_or_else(|error| panic!("round {round}: {error:?}"));
        assert_eq!(ended.exit, Exit::Signal { signal: 9, core_dumped: false });
        eventually("its name is free", || supervisor.children().is_ok_and(|children| children.is_empty()));
    }
    system.shutdown().expect("an orderly end");
}
