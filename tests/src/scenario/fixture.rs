//! What runs in a scenario.

use std::io::Write;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use procession::Pool;
use procession::prelude::*;
use procession::{Event, Manager, Value};
use procession_tests::kill;
use procession_tests::worker::{Echo, Hang, Identify, Own, StartOrphan, StartProgram, Worker};

/// How long the stubborn may take to stop.
const STUBBORN_DEADLINE: Duration = Duration::from_millis(200);

/// Names a process to the watcher.
pub(crate) fn tell(role: &str, pid: i32) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{role} {pid}").and_then(|()| output.flush()).expect("the watcher reads");
}

/// What is set up: an actor to talk to, and threads that end with the system.
pub(crate) struct Stage {
    pub(crate) friend: ActorRef<Worker>,
    pub(crate) threads: Vec<JoinHandle<()>>,
}

/// Sets the system up and tells who is who.
pub(crate) fn set_up(system: &System, fixture: &str) -> procession::Result<Stage> {
    let owner = system.spawn::<Worker>(())?;
    let ids = owner.ask(&Identify)?;
    tell("supervisor", ids.parent);
    tell("owner", ids.pid);
    let owned = owner.ask(&Own)?;
    tell("owned", owned.ask(&Identify)?.pid);
    let grandchild = owned.ask(&Own)?;
    tell("owned", grandchild.ask(&Identify)?.pid);
    let friend = system.spawn::<Worker>(())?;
    let mut threads = Vec::new();
    match fixture {
        "family" => {}
        "stubborn" => set_up_stubborn(system)?,
        "programs" => {
            tell("program", friend.ask(&StartProgram)?);
            friend.ask(&StartOrphan)?;
        }
        "stopped" => {
            let stopped = system.actor::<Worker>(()).stop_deadline(STUBBORN_DEADLINE).start()?;
            kill(stopped.ask(&Identify)?.pid, Signal::SIGSTOP);
        }
        "pool" => threads = set_up_pool(system)?,
        "busy" => threads = keep_busy(system, &friend),
        "sharing" => threads = keep_sharing(system)?,
        _ => panic!("no fixture is called {fixture}"),
    }
    Ok(Stage { friend, threads })
}

/// An actor that never comes back from a message, and a process that is deaf to SIGTERM.
fn set_up_stubborn(system: &System) -> procession::Result<()> {
    let hanging = system.actor::<Worker>(()).stop_deadline(STUBBORN_DEADLINE).start()?;
    hanging.tell(&Hang)?;
    let mailbox = system.mailbox::<Deaf>()?;
    system.process(be_deaf, mailbox.recipient()).daemon(true).stop_deadline(STUBBORN_DEADLINE).start()?;
    mailbox.recv()?;
    Ok(())
}

/// Says that SIGTERM is blocked from now on.
#[message]
struct Deaf;

fn be_deaf(tell: Recipient<Deaf>) -> u8 {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGTERM);
    mask.thread_block().expect("a signal can be blocked");
    tell.tell(&Deaf).expect("root is there");
    loop {
        thread::park();
    }
}

/// Threads that use what a manager and other hosts hold all the time, or wait for it, until they cannot.
fn keep_sharing(system: &System) -> procession::Result<Vec<JoinHandle<()>>> {
    let manager = Manager::start(system)?;
    let (list, lock, event) = (manager.list(vec![0_u64])?, manager.lock()?, manager.event()?);
    let (queue, value) = (manager.queue::<u64>()?, Value::new(system, 0_u64)?);
    let (stuck, begun) = (Value::new(system, 0_u64)?, Event::new(system)?);
    let (other, count, has_begun) = (lock.clone(), value.clone(), begun.clone());
    let threads = vec![
        thread::spawn(move || while list.append(1).and_then(|()| list.pop_at(0)).is_ok() {}),
        thread::spawn(move || while lock.acquire().is_ok() {}),
        thread::spawn(move || while other.acquire().is_ok() {}),
        thread::spawn(move || while value.fetch_add(1).is_ok() {}),
        thread::spawn(move || while manager.lock().is_ok() {}),
        thread::spawn(move || drop(event.wait())),
        thread::spawn(move || drop(queue.get())),
        thread::spawn(move || drop(stuck.update(stay, begun))),
    ];
    has_begun.wait()?;
    while count.get()? == 0 {
        thread::yield_now();
    }
    Ok(threads)
}

/// Never gives a value back.
fn stay(_: &mut u64, begun: Event) {
    begun.set().expect("its host lives");
    loop {
        thread::park();
    }
}

/// A pool with more work than it will ever do, from a thread that waits and from none.
fn set_up_pool(system: &System) -> procession::Result<Vec<JoinHandle<()>>> {
    let pool = Pool::new(system, 4)?;
    let used = pool.clone();
    let mapper = thread::spawn(move || drop(used.tasks().chunk_size(1).map(spin, vec![500; 1_000_000])));
    pool.map_async(spin, vec![u64::MAX; 10])?;
    pool.status()?.pids.into_iter().for_each(|pid| tell("worker", pid));
    Ok(vec![mapper])
}

/// Takes about so many microseconds.
fn spin(microseconds: u64) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_micros(microseconds) {
        std::hint::spin_loop();
    }
}

/// Threads that start, ask, tell and kill all the time, until they cannot.
fn keep_busy(system: &System, friend: &ActorRef<Worker>) -> Vec<JoinHandle<()>> {
    let start = |system: &System| -> procession::Result<()> {
        let worker = system.spawn::<Worker>(())?;
        worker.ask(&Own)?;
        Ok(worker.kill()?)
    };
    let spawners = (0..2).map(|_| {
        let system = system.clone();
        thread::spawn(move || while start(&system).is_ok() {})
    });
    let friend = friend.clone();
    let asker = thread::spawn(move || while friend.ask(&Echo { number: 1 }).is_ok() {});
    spawners.chain([asker]).collect()
}
