//! Managers: one process that hosts many, by the same rules as a process for each.

use std::fs;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{
    Barrier, Condition, Down, DownReason, Event, Exit, Links, List, Lock, LockError, Manager, QueueError, RLock,
    RuntimeError, Semaphore, SharedError, SpawnError, Value,
};
use procession_tests::worker::{Echo, Identify, Item, Log, Observe, Worker};
use procession_tests::{Stopwatch, eventually, kill};

fn system() -> System {
    System::start().expect("a system")
}

fn manager(system: &System) -> Manager {
    Manager::start(system).expect("a manager")
}

/// An actor that panics, fails, waits and ends when it is told to.
struct Odd;

/// How to start.
#[data]
enum Beginning {
    Well,
    Failing,
    Panicking,
}

#[message(reply = u64)]
struct Panic;

#[message]
struct End;

#[message(reply = Later<u64>)]
struct Wait;

#[actor]
impl Actor for Odd {
    type Args = Beginning;
    type Messages = (Panic, End, Wait);

    fn start(beginning: Beginning, _: &mut Context<Self>) -> Result<Self, Failure> {
        match beginning {
            Beginning::Well => Ok(Odd),
            Beginning::Failing => Err(Failure::new("it does not want to")),
            Beginning::Panicking => panic!("it fell over"),
        }
    }
}

impl Handler<Panic> for Odd {
    fn handle(&mut self, _: Incoming<'_, Panic>, _: &mut Context<Self>) -> u64 {
        panic!("as asked")
    }
}

impl Handler<End> for Odd {
    fn handle(&mut self, _: Incoming<'_, End>, context: &mut Context<Self>) {
        context.stop();
    }
}

impl Handler<Wait> for Odd {
    fn handle(&mut self, _: Incoming<'_, Wait>, context: &mut Context<Self>) -> Later<u64> {
        let reply = context.reply_later();
        let later = reply.later();
        std::mem::forget(reply);
        later
    }
}

#[procession::test]
fn every_primitive_lives_in_a_manager() {
    let system = system();
    let manager = manager(&system);
    let (lock, reentrant) = (Lock::new(&manager).expect("a lock"), RLock::new(&manager).expect("a lock"));
    let semaphore = Semaphore::new(&manager, 2).expect("a semaphore");
    let (event, barrier) = (Event::new(&manager).expect("an event"), Barrier::new(&manager, 2).expect("a barrier"));
    let queue = Queue::<String>::unbounded(&manager).expect("a queue");
    let (list, value) = (List::new(&manager, vec![1]).expect("a list"), Value::new(&manager, 0).expect("a value"));
    let condition = Condition::new(&manager).expect("a condition");
    drop(condition.acquire().expect("it is free"));

    drop(lock.acquire().expect("it is free"));
    let once = reentrant.acquire().expect("it is free");
    drop(reentrant.acquire().expect("it is ours"));
    drop(once);
    let permits = [(); 2].map(|()| semaphore.acquire().expect("a permit"));
    assert_eq!(semaphore.try_acquire().map(drop), Err(LockError::Timeout));
    drop(permits);
    let work = |event: Event, barrier: Barrier, queue: Queue<String>, list: List<u32>, value: Value<i32>| {
        event.wait().expect("it is set");
        barrier.wait().expect("two come");
        queue.put("done".to_owned()).expect("there is room");
        list.append(2).expect("it is there");
        value.fetch_sub(1).expect("it is there")
    };
    let arguments = (event.clone(), barrier.clone(), queue.clone(), list.clone(), value.clone());
    let child = system.process(work, arguments).start().expect("a process");
    event.set().expect("the host lives");
    barrier.wait().expect("two come");
    assert_eq!(queue.get(), Ok("done".to_owned()));
    assert_eq!(child.join().expect("it ends"), 0);
    assert_eq!((list.to_vec(), value.get()), (Ok(vec![1, 2]), Ok(-1)));
    let pid = value.update(|_, ()| std::process::id(), ()).expect("it is there");
    assert_eq!(list.apply(|_, ()| std::process::id(), ()), Ok(pid));
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it is there").count();
    assert!(threads >= 10, "each of nine has its own, and the manager: {threads}");
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn time_outs_and_guards_work_in_a_manager() {
    let system = system();
    let manager = manager(&system);
    let lock = Lock::new(&manager).expect("a lock");
    let guard = lock.acquire().expect("it is free");
    let (other, timeout) = (lock.clone(), Duration::from_millis(200));
    let waiter = thread::spawn(move || {
        let stopwatch = Stopwatch::start();
        assert_eq!(other.acquire_within(timeout).map(drop), Err(LockError::Timeout));
        stopwatch.expect(timeout);
    });
    waiter.join().expect("no panic");
    drop(guard);
    drop(lock.acquire().expect("it is free again"));
}

#[procession::test]
fn a_hosted_actor_that_panics_ends_alone() {
    let system = system();
    let manager = manager(&system);
    let odd = manager.host::<Odd>(Beginning::Well, "odd").expect("an actor");
    let list = List::new(&manager, vec![1]).expect("a list");
    let (monitor, waiting) = (odd.monitor().expect("a monitor"), odd.request(&Wait).expect("it is sent"));
    let Err(AskError::Dead(Exit::Panicked(panic))) = odd.ask(&Panic) else { panic!("it panics") };
    assert_eq!(panic.message, "as asked");
    assert!(panic.location.contains("managers.rs"), "{}", panic.location);
    let Err(AskError::Dead(Exit::Panicked(_))) = waiting.wait() else { panic!("who waits is told, too") };
    let Down { reason: DownReason::Ended(Exit::Panicked(_)), .. } = monitor.wait().expect("it ends") else {
        panic!("who watches is told, too")
    };
    assert!(matches!(odd.ask(&Panic), Err(AskError::Dead(Exit::Panicked(_)))));
    assert_eq!(list.to_vec(), Ok(vec![1]));
    assert_eq!(odd.is_alive(), Ok(false));
}

#[procession::test]
fn a_hosted_actor_ends_by_itself_or_when_asked() {
    let system = system();
    let manager = manager(&system);
    for by_itself in [true, false] {
        let odd = manager.host::<Odd>(Beginning::Well, "odd").expect("an actor");
        assert_eq!(odd.is_alive(), Ok(true));
        assert!(matches!(odd.kill(), Err(RuntimeError::WrongKind(_))), "it has no process of its own");
        let (monitor, waiting) = (odd.monitor().expect("a monitor"), odd.request(&Wait).expect("it is sent"));
        if by_itself {
            odd.tell(&End).expect("it is sent")
        } else {
            odd.stop().expect("it is there")
        }
        let exit = if by_itself { Exit::Normal } else { Exit::Stopped };
        assert_eq!(waiting.wait(), Err(AskError::Dead(exit.clone())));
        assert_eq!(monitor.wait().expect("it ends").reason, DownReason::Ended(exit));
    }
    drop(Lock::new(&manager).expect("a lock").acquire().expect("it is free"));
}

#[procession::test]
fn a_start_that_fails_is_told() {
    let system = system();
    let manager = manager(&system);
    let failed = manager.host::<Odd>(Beginning::Failing, "odd");
    assert_eq!(failed, Err(SpawnError::Failed(vec!["it does not want to".to_owned()])));
    let Err(SpawnError::Died(Exit::Panicked(panic))) = manager.host::<Odd>(Beginning::Panicking, "odd") else {
        panic!("it panics")
    };
    assert_eq!(panic.message, "it fell over");
    manager.host::<Odd>(Beginning::Well, "odd").expect("an actor");
}

#[procession::test]
fn a_hosted_actor_watches_others_and_is_watched() {
    let system = system();
    let manager = manager(&system);
    let worker = system.spawn::<Worker>(()).expect("a worker");
    let hosted = manager.host::<Worker>((), "worker").expect("a worker");
    hosted.ask(&Observe { worker: worker.clone() }).expect("it watches");
    hosted.tell(&Item { source: 1, number: 2 }).expect("it is sent");
    assert_eq!(hosted.ask(&Echo { number: 3 }), Ok(3));
    kill(worker.ask(&Identify).expect("it answers").pid, Signal::SIGKILL);
    assert_eq!(hosted.ask(&Log { items: 1, downs: 1 }).expect("it answers").len(), 2);
}

#[procession::test]
fn a_hosted_actor_starts_actors_and_others_ask_it() {
    let system = system();
    let manager = manager(&system);
    let hosted = manager.host::<Worker>((), "worker").expect("a worker");
    let asker = system.spawn::<Worker>(()).expect("a worker");
    let ask = procession_tests::worker::AskOther { other: hosted.clone(), number: 7 };
    assert_eq!(asker.ask(&ask).expect("it answers"), "answered");
    let own = hosted.ask(&procession_tests::worker::Own).expect("it answers");
    assert_eq!(own.ask(&Echo { number: 8 }), Ok(8));
    manager.shutdown().expect("an orderly end");
    eventually("what it had started is gone", || own.is_alive() == Ok(false));
}

#[procession::test]
fn all_ends_with_the_manager() {
    let system = system();
    let manager = manager(&system);
    let (lock, queue) = (Lock::new(&manager).expect("a lock"), Queue::<u8>::unbounded(&manager).expect("a queue"));
    let value = Value::new(&manager, 1).expect("a value");
    let guard = lock.acquire().expect("it is free");
    manager.shutdown().expect("an orderly end");
    manager.shutdown().expect("a second one does nothing");
    assert!(matches!(lock.try_acquire(), Err(LockError::HostDied(_))));
    assert!(matches!(queue.get(), Err(QueueError::HostDied(_))));
    assert!(matches!(value.get(), Err(SharedError::HostDied(_))));
    drop(guard);
    assert!(matches!(
        Lock::new(&manager),
        Err(LockError::Spawn(SpawnError::Runtime(RuntimeError::NoActor) | SpawnError::Died(_)))
    ));
}

#[procession::test]
fn a_manager_may_host_another_and_travel() {
    let system = system();
    let outer = manager(&system);
    let inner = Manager::start(&outer).expect("a manager in a manager");
    let make = |manager: Manager| List::new(&manager, vec![1, 2]).map_err(Failure::from);
    let list = system.try_process(make, inner).start().expect("a process").join().expect("a list");
    assert_eq!(list.to_vec(), Ok(vec![1, 2]));
}

#[procession::test]
fn a_stopped_object_leaves_nothing_behind() {
    // A connection that gets busy takes descriptors for good, and how many messages it carries depends on how long asks wait.
    let system = System::builder().links(Links::Sockets).start().expect("a system");
    let manager = manager(&system);
    let kept = manager.value(0_u64).expect("a value");
    let pid = kept.update(|_, ()| std::process::id(), ()).expect("it is there");
    let count = |what| fs::read_dir(format!("/proc/{pid}/{what}")).expect("it is there").count();
    let threads = count("task");
    let start_and_stop = || {
        let values = [(); 20].map(|()| manager.value(1_u64).expect("a value"));
        assert!(count("task") >= threads + 20);
        for value in &values {
            manager.stop(value.host()).expect("it is there");
        }
        for value in &values {
            eventually("it has ended", || value.get().is_err());
            assert!(matches!(value.get(), Err(SharedError::HostDied(Exit::Stopped))));
        }
        // The thread that sends what others have left behind may have been started meanwhile.
        eventually("its threads are gone", || count("task") <= threads + 1);
    };
    // The way to the manager is busy after that, and has what a busy one has.
    (0..4).for_each(|_| start_and_stop());
    let descriptors = count("fd");
    for _ in 0..3 {
        start_and_stop();
        eventually("their descriptors are gone", || count("fd") <= descriptors);
    }
    assert_eq!(kept.get(), Ok(0));
}

#[procession::test]
fn an_object_may_be_called_anything() {
    let system = system();
    let manager = manager(&system);
    let kept = manager.value(5_u64).expect("a value");
    let worker = manager.host::<Worker>((), "a name\0with a NUL").expect("it is hosted");
    assert_eq!(worker.ask(&Echo { number: 7 }), Ok(7));
    assert_eq!(kept.get(), Ok(5));
}
