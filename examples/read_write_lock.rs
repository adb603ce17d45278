//! A primitive of one's own: a lock that many readers or one writer can hold, and that nobody's death keeps shut.
//!
//! cargo run --release --example read_write_lock

use procession::prelude::*;
use procession::{Barrier, Down, MonitorId, ProcessId};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// Longer than anybody waits.
const FOREVER: Duration = Duration::from_secs(1 << 30);

/// Asks to be let in, as the only one or with other readers.
#[message(reply = Later<()>)]
struct Enter {
    writes: bool,
}

/// Goes out again.
#[message]
struct Leave;

/// The host: who is inside, each watched, and who waits, each with the way back to it.
#[derive(Default)]
struct ReadWriteLock {
    inside: HashMap<MonitorId, (ProcessId, bool)>,
    waiting: VecDeque<(ProcessId, bool, ReplyTo<()>)>,
}

#[actor]
impl Actor for ReadWriteLock {
    type Messages = (Enter, Leave);

    fn start(_: (), _: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(ReadWriteLock::default())
    }

    fn down(&mut self, down: Down, context: &mut Context<Self>) {
        self.inside.remove(&down.monitor);
        self.let_in(context);
    }
}

impl ReadWriteLock {
    /// Lets in who can come in now: the first come is the first served, and one who is dead by now goes out again at once.
    fn let_in(&mut self, context: &mut Context<Self>) {
        while let Some((_, writes, _)) = self.waiting.front()
            && (self.inside.is_empty() || !writes && self.inside.values().all(|(_, writes)| !writes))
            && let Some((process, writes, reply)) = self.waiting.pop_front()
        {
            match context.monitor(process) {
                Ok(monitor) => drop((self.inside.insert(monitor, (process, writes)), reply.send(()))),
                Err(error) => context.fail(error),
            }
        }
    }
}

impl Handler<Enter> for ReadWriteLock {
    fn handle(&mut self, enter: Incoming<'_, Enter>, context: &mut Context<Self>) -> Later<()> {
        let reply = context.reply_later();
        let later = reply.later();
        self.waiting.push_back((enter.sender(), enter.writes, reply));
        self.let_in(context);
        later
    }
}

impl Handler<Leave> for ReadWriteLock {
    fn handle(&mut self, leave: Incoming<'_, Leave>, context: &mut Context<Self>) {
        self.inside.retain(|monitor, (process, _)| {
            let stays = *process != leave.sender();
            (!stays).then(|| context.demonitor(*monitor));
            stays
        });
        self.let_in(context);
    }
}

fn read((lock, meeting): (ActorRef<ReadWriteLock>, Barrier)) -> bool {
    lock.ask_within(&Enter { writes: false }, FOREVER).expect("it is let in");
    let met = meeting.wait().is_ok(); // all readers are inside at the same time, or this would never return
    lock.tell(&Leave).is_ok() && met
}

fn write_and_die(lock: ActorRef<ReadWriteLock>) {
    lock.ask_within(&Enter { writes: true }, FOREVER).expect("it is let in");
    std::process::abort();
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let lock = system.spawn::<ReadWriteLock>(())?;
    let meeting = Barrier::new(&system, 3)?;
    let readers = (0..3).map(|_| system.process(read, (lock.clone(), meeting.clone())).start());
    for reader in readers.collect::<Result<Vec<_>, _>>()? {
        assert!(reader.join()?);
    }
    println!("three readers were inside together");
    let writer = system.process(write_and_die, lock.clone()).start()?;
    assert!(writer.join().is_err());
    println!("a writer has died inside");
    lock.ask(&Enter { writes: true })?;
    println!("the next writer is in");
    system.shutdown()
}
