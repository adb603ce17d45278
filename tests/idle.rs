//! At rest nothing runs: neither actors with nothing to do, any more or yet, nor processes that wait, nor those who look after them.

use std::thread;
use std::time::Duration;

use procession::prelude::*;
use procession::{Condition, Event, Lock, LockError, Pool, Queue};
use procession_tests::{GUARD, eventually, process_table};

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

#[message(reply = u64)]
struct HowLong {
    bytes: Vec<u8>,
}

#[actor]
impl Actor for Idler {
    type Messages = (WhichProcess, HowLong);

    fn start((): (), _: &mut Context<Self>) -> Result<Idler, Failure> {
        Ok(Idler)
    }
}

impl Handler<WhichProcess> for Idler {
    fn handle(&mut self, _: Incoming<'_, WhichProcess>, _: &mut Context<Self>) -> i32 {
        std::process::id().cast_signed()
    }
}

impl Handler<HowLong> for Idler {
    fn handle(&mut self, message: Incoming<'_, HowLong>, _: &mut Context<Self>) -> u64 {
        message.bytes.len() as u64
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

/// How often an actor is asked before it rests: its connection goes by shared memory then.
const ASKS: usize = 200;

/// The length of a large message, in bytes, of which a few have a connection take memory for such.
const LARGE_BYTES: usize = 1 << 20;

#[procession::test]
fn who_has_been_busy_rests() {
    let system = System::start().expect("a system");
    let actors: Vec<_> = (0..PROCESSES).map(|_| system.spawn::<Idler>(()).expect("an actor")).collect();
    let ask = |actor: &ActorRef<Idler>| actor.ask(&WhichProcess).expect("an answer");
    let pids: Vec<i32> = actors.iter().map(|actor| (0..ASKS).fold(0, |_, _| ask(actor))).collect();
    for _ in 0..20 {
        assert_eq!(actors[0].ask(&HowLong { bytes: vec![1; LARGE_BYTES] }), Ok(LARGE_BYTES as u64));
    }
    let pool = Pool::new(&system, 4).expect("a pool");
    assert_eq!(pool.map(double, 0..10_000_u64).expect("all are done").len(), 10_000);
    assert!((0..ASKS as u64).all(|number| pool.apply(double, number) == Ok(2 * number)));
    let queue = Queue::<u64>::unbounded(&system).expect("a queue");
    assert!((0..ASKS as u64).all(|item| queue.put(item).is_ok() && queue.get() == Ok(item)));
    let (condition, over) = (Condition::new(&system).expect("a condition"), Event::new(&system).expect("an event"));
    let about_to = Queue::<i32>::unbounded(&system).expect("a queue");
    let players = [(); 2].map(|()| {
        system.process(pass_on, (condition.clone(), about_to.clone(), over.clone())).start().expect("a process")
    });
    assert!(players.iter().all(|_| about_to.get_within(GUARD).is_ok()), "they have passed it on often enough");
    assert_rest(pids[0]);
    over.set().expect("an event");
    {
        let _guard = condition.acquire().expect("both wait");
        condition.notify_all().expect("it is held");
    }
    for player in players {
        assert_eq!(player.join(), Ok(true));
    }
    system.shutdown().expect("an orderly end");
}

fn double(number: u64) -> u64 {
    2 * number
}

/// Notifies another and waits to be notified, many times; then waits until it is over.
fn pass_on(condition: Condition, about_to: Queue<i32>, over: Event) -> bool {
    let Ok(mut guard) = condition.acquire() else { return false };
    for _ in 0..ASKS {
        let noted = condition.notify(1).and_then(|()| condition.wait_within(&mut guard, LOOK));
        if !matches!(noted, Ok(()) | Err(LockError::Timeout)) {
            return false;
        }
    }
    announce(&about_to) && condition.wait_for(&mut guard, || over.is_set() == Ok(true)).is_ok()
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
    let pids: Vec<i32> = children.iter().map(|_| about_to.get_within(GUARD).expect("a process says so")).collect();
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
