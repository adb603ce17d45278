//! What a process has started ends with it.

use std::fs;

use procession::prelude::*;
use procession::{DownReason, Exit};
use procession_tests::process_table::is_running;
use procession_tests::worker::{Identify, Own, Worker};
use procession_tests::{SOON, eventually, repeat};

/// A chain of actors, each started by the one before; and their process ids.
fn chain(system: &System, length: usize) -> (Vec<ActorRef<Worker>>, Vec<i32>) {
    let mut actors = vec![system.spawn::<Worker>(()).expect("an actor")];
    while actors.len() < length {
        let last = actors.last().expect("there is one");
        let next = last.ask(&Own).expect("one of its own");
        actors.push(next);
    }
    let pids = actors.iter().map(|actor| actor.ask(&Identify).expect("an answer").pid).collect();
    (actors, pids)
}

#[procession::test]
fn children_and_their_children_end_with_an_actor_however_it_ends() {
    let system = System::start().expect("a system");
    type Act = fn(&ActorRef<Worker>) -> Result<(), procession::RuntimeError>;
    type Fits = fn(&Exit) -> bool;
    let ways: [(&str, Act, Fits); 3] = [
        ("kill", ActorRef::kill, |exit| matches!(exit, Exit::Signal { signal: 9, .. })),
        ("terminate", ActorRef::terminate, |exit| matches!(exit, Exit::Signal { signal: 15, .. })),
        ("stop", ActorRef::stop, |exit| *exit == Exit::Stopped),
    ];
    for (way, act, fits) in ways {
        let (actors, pids) = chain(&system, 4);
        let monitors: Vec<_> = actors.iter().map(|actor| actor.monitor().expect("a monitor")).collect();
        act(&actors[0]).expect(way);
        for (number, monitor) in monitors.iter().enumerate() {
            match monitor.wait_within(SOON).expect("its end").reason {
                DownReason::Ended(exit) if number == 0 => assert!(fits(&exit), "{way}: {exit:?}"),
                DownReason::Ended(exit) => assert_eq!(exit, Exit::Stopped, "{way}: child {number}"),
                other => panic!("{way}: {other:?}"),
            }
        }
        actors[0].join_within(SOON).expect("its end");
        assert!(!pids.into_iter().any(is_running), "{way}: who is joined has taken all with it");
        assert_eq!(actors.iter().filter(|actor| actor.is_alive().expect("a status")).count(), 0);
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn siblings_and_owners_live_on() {
    let system = System::start().expect("a system");
    let (actors, _) = chain(&system, 3);
    let sibling = actors[0].ask(&Own).expect("one of its own");
    actors[1].kill().expect("it runs");
    actors[2].join_within(SOON).expect("it ends with its owner");
    assert!(sibling.ask(&Identify).is_ok() && actors[0].ask(&Identify).is_ok());
    system.shutdown().expect("an orderly end");
}

/// Tells the last actor's process id, under a process that waits or returns at once.
fn start_one(then_wait: bool, path: String) {
    let system = System::current().expect("a system");
    let own = system.spawn::<Worker>(()).expect("an actor");
    let pid = own.ask(&Identify).expect("an answer").pid;
    fs::write(&path, pid.to_string()).expect("written");
    if then_wait {
        loop {
            std::thread::park();
        }
    }
}

#[procession::test]
fn what_a_straight_process_has_started_ends_with_it() {
    repeat("an actor of a straight process", 5, |round| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pid");
        let system = System::start().expect("a system");
        for waits in [false, true] {
            round.at(format!("waits: {waits}"));
            let _ = fs::remove_file(&path);
            let arguments = (waits, path.display().to_string());
            let child = system.process(start_one, arguments).start().expect("a process");
            let mut pid = None;
            eventually("its actor is there", || {
                pid = fs::read_to_string(&path).ok().and_then(|text| text.parse().ok());
                pid.is_some()
            });
            if waits {
                child.kill().expect("it runs");
            }
            assert_eq!(child.join_within(SOON).is_ok(), !waits);
            assert!(!pid.is_some_and(is_running), "gone before the join returns");
        }
        system.shutdown().expect("an orderly end");
    });
}

/// Notes its own end in a file that all share.
struct Diarist {
    name: String,
    diary: String,
    own: Vec<ActorRef<Diarist>>,
}

#[data]
#[derive(Debug, Clone)]
struct Page {
    name: String,
    diary: String,
    /// How many it starts itself.
    children: u32,
}

#[actor]
impl Actor for Diarist {
    type Args = Page;

    fn start(page: Page, context: &mut Context<Self>) -> Result<Diarist, Failure> {
        let Page { name, diary, children } = page;
        let own = (0..children).map(|number| {
            let page = Page { name: format!("{name}{number}"), diary: diary.clone(), children: 0 };
            context.spawn::<Diarist>(page)
        });
        let own = own.collect::<Result<_, _>>()?;
        Ok(Diarist { name, diary, own })
    }

    fn stopping(&mut self, _: &mut Context<Self>) {
        use std::io::Write;
        let diary = fs::OpenOptions::new().append(true).create(true).open(&self.diary);
        let _ = diary.and_then(|mut file| writeln!(file, "{}", self.name));
        self.own.clear();
    }
}

#[procession::test]
fn a_system_stops_in_reverse_start_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let diary = folder.path().join("diary").display().to_string();
    let system = System::start().expect("a system");
    for (name, children) in [("a", 0), ("b", 2), ("c", 0), ("d", 1)] {
        let page = Page { name: name.to_owned(), diary: diary.clone(), children };
        system.actor::<Diarist>(page).start().expect("an actor");
    }
    system.shutdown().expect("an orderly end");
    let order = fs::read_to_string(&diary).expect("it was written");
    assert_eq!(order.lines().collect::<Vec<_>>(), ["d", "d0", "c", "b", "b1", "b0", "a"]);
}
