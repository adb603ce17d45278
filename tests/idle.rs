//! At rest nothing runs: neither actors with nothing to do, nor processes that wait, nor those who look after them.

use std::thread;
use std::time::Duration;

use procession::prelude::*;
use procession::{Event, Lock, Queue};
use procession_tests::{eventually, process_table};

/// How many processes are looked at together.
const PROCESSES: usize = 100;

/// For how long.
const WATCHED: Duration = Duration::from_secs(10);

/// For how long it is looked whether they have come to rest.
const LOOK: Duration = Duration::from_millis(500);

/// What they may use of one core meanwhile, all together: less than 1 %.
const MOST: Duration = Duration::from_millis(100);

struct Idler;

#[message(reply = i32)]
struct WhichProcess;

#[actor]
impl Actor for Idler {
    type Messages = (WhichProcess,);

    fn start((): (), _: &mut Context<Self>) -> Result<Idler, Failure> {
        Ok(Idler)
    }
}

impl Handler<WhichProcess> for Idler {
    fn handle(&mut self, _: Incoming<'_, WhichProcess>, _: &mut Context<Self>) -> i32 {
        std::process::id().cast_signed()
    }
}

/// Asserts that a system's processes rest, its supervisor and whatever else it has started among them; `one` is one of them.
fn assert_rest(one: i32) {
    let supervisor = process_table::entry(one).expect("it runs").parent;
    let mut pids: Vec<i32> = process_table::descendants(supervisor).iter().map(|entry| entry.pid).collect();
    pids.push(supervisor);
    assert!(pids.len() > PROCESSES, "only {} processes are there", pids.len());
    let used = || pids.iter().map(|&pid| process_table::processor_time(pid).expect("it runs")).sum::<Duration>();
    let mut before = used();
    // Who has said that it is about to wait is on its way there.
    eventually("all have come to rest", || {
        thread::sleep(LOOK);
        let now = used();
        now - std::mem::replace(&mut before, now) < LOOK / 100
    });
    thread::sleep(WATCHED);
    let used = used() - before;
    assert!(used < MOST, "{} processes used {used:?} of {WATCHED:?}", pids.len());
}

#[procession::test]
fn idle_actors_rest() {
    let system = System::start().expect("a system");
    let actors: Vec<_> = (0..PROCESSES).map(|_| system.spawn::<Idler>(()).expect("an actor")).collect();
    let pids: Vec<i32> = actors.iter().map(|actor| actor.ask(&WhichProcess).expect("an answer")).collect();
    assert_rest(pids[0]);
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn processes_that_wait_rest() {
    let system = System::start().expect("a system");
    let (lock, event) = (Lock::new(&system).expect("a lock"), Event::new(&system).expect("an event"));
    let queue = Queue::<u64>::bounded(&system, 1).expect("a queue");
    let about_to = Queue::<i32>::unbounded(&system).expect("a queue");
    let held = lock.acquire().expect("it is free");
    let start = |number: usize| match number % 3 {
        0 => system.process(wait_for_lock, (about_to.clone(), lock.clone())).start(),
        1 => system.process(wait_for_event, (about_to.clone(), event.clone())).start(),
        _ => system.process(wait_for_item, (about_to.clone(), queue.clone())).start(),
    };
    let children: Vec<_> = (0..PROCESSES).map(|number| start(number).expect("a process")).collect();
    let pids: Vec<i32> = children.iter().map(|_| about_to.get().expect("a process says so")).collect();
    assert_rest(pids[0]);
    drop(held);
    event.set().expect("an event");
    queue.close().expect("a queue");
    for child in children {
        assert_eq!(child.join(), Ok(true));
    }
    system.shutdown().expect("an orderly end");
}

/// Says that this process is about to wait.
fn announce(to: &Queue<i32>) -> bool {
    to.put(std::process::id().cast_signed()).is_ok()
}

fn wait_for_lock(about_to: Queue<i32>, lock: Lock) -> bool {
    announce(&about_to) && lock.acquire().is_ok()
}

fn wait_for_event(about_to: Queue<i32>, event: Event) -> bool {
    announce(&about_to) && event.wait().is_ok()
}

fn wait_for_item(about_to: Queue<i32>, queue: Queue<u64>) -> bool {
    announce(&about_to) && queue.get().is_err()
}
