//! An actor that does what a test tells it.

// The archive of an enum whose variants have named fields has fields that nobody can document.
#![allow(missing_docs)]

use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use procession::prelude::*;
use procession::{Descriptor, Down, Restart};

/// Who is to spend its descriptors has no more than so many.
const MOST_DESCRIPTORS: u64 = 64;

/// How much memory is taken at once, in bytes.
const PIECE_BYTES: usize = 64 << 10;

/// Asks for the number that it carries.
#[message(reply = u64)]
#[derive(Debug)]
pub struct Echo {
    /// Comes back.
    pub number: u64,
}

/// Asks for process ids.
#[message(reply = Identity)]
#[derive(Debug)]
pub struct Identify;

/// Process ids of a worker.
#[data]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Its own.
    pub pid: i32,
    /// Its parent's: the supervisor's.
    pub parent: i32,
}

/// A number of a stream.
#[message]
#[derive(Debug)]
pub struct Item {
    /// Which sender's stream.
    pub source: u64,
    /// Which place in it.
    pub number: u64,
}

/// What a worker has been told, in order.
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An [`Item`].
    Item {
        /// Which sender's stream.
        source: u64,
        /// Which place in it.
        number: u64,
    },
    /// The end of a watched worker.
    Down {
        /// How, as the `Debug` text of the `DownReason`.
        reason: String,
    },
}

/// Asks for the events so far, once there are this many of each kind.
#[message(reply = Later<Vec<Event>>)]
#[derive(Debug)]
pub struct Log {
    /// Items to wait for.
    pub items: usize,
    /// Ends to wait for.
    pub downs: usize,
}

/// Tells a worker to monitor another.
#[message(reply = Result<(), String>)]
#[derive(Debug)]
pub struct Observe {
    /// Whom.
    pub worker: ActorRef<Worker>,
}

/// Tells a worker to send a stream of items to another; the answer counts what was sent when it ended, by error or not.
#[message(reply = Sent)]
#[derive(Debug)]
pub struct Stream {
    /// To whom.
    pub to: Recipient<Item>,
    /// Under which name.
    pub source: u64,
    /// How many.
    pub count: u64,
}

/// Tells a worker to send items, each flushed, and to write one byte into a pipe after each.
#[message(reply = Sent)]
#[derive(Debug)]
pub struct CountedStream {
    /// To whom.
    pub to: Recipient<Item>,
    /// How many.
    pub count: u64,
    /// The pipe's writing end.
    pub pipe: Descriptor,
}

/// Tells a worker to send items, one for each byte that it reads from a pipe, and without a pause once that has ended. Each is
/// flushed, and while there are pauses a byte is written into another pipe then; and before the next one, it sees to its connections
/// as between two messages.
#[message(reply = Sent)]
#[derive(Debug)]
pub struct PacedStream {
    /// To whom.
    pub to: Recipient<Item>,
    /// How many.
    pub count: u64,
    /// The reading end of the pipe that gives the pace.
    pub pace: Descriptor,
    /// The writing end of the other.
    pub left: Descriptor,
}

/// How a stream ended.
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// How many items were taken.
    pub count: u64,
    /// The text of the error that ended it, if one did.
    pub error: Option<String>,
}

/// Tells a worker to ask another one; the answer is the outcome as text.
#[message(reply = String)]
#[derive(Debug)]
pub struct AskOther {
    /// Whom.
    pub other: ActorRef<Worker>,
    /// With which message.
    pub number: u64,
}

/// Tells a worker to ask another one to `Hold`; the answer is that one's.
#[message(reply = u64)]
#[derive(Debug)]
pub struct HoldAt {
    /// Whom.
    pub other: ActorRef<Worker>,
    /// With which number.
    pub number: u64,
}

/// Tells a worker to start one of its own.
#[message(reply = Result<ActorRef<Worker>, String>)]
#[derive(Debug)]
pub struct Own;

/// Tells a worker to start a program that runs for ten minutes; the answer is its process id.
#[message(reply = Result<i32, String>)]
#[derive(Debug)]
pub struct StartProgram;

/// Tells a worker to start such a program through another that ends at once.
#[message(reply = Result<(), String>)]
#[derive(Debug)]
pub struct StartOrphan;

/// Tells a worker to use up its descriptors, but for so many.
#[message(reply = ())]
#[derive(Debug)]
pub struct SpendDescriptors {
    /// How many are left.
    pub left: usize,
}

/// Tells a worker to take so much memory and touch it, piece by piece, and to give it back then.
#[message(reply = ())]
#[derive(Debug)]
pub struct TakeMemory {
    /// How much, in bytes.
    pub bytes: usize,
}

/// Tells a worker never to return from this message.
#[message]
#[derive(Debug)]
pub struct Hang;

/// Asks, and is answered only when `Release` comes.
#[message(reply = Later<u64>)]
#[derive(Debug)]
pub struct Hold {
    /// Comes back.
    pub number: u64,
}

/// Answers all that hold.
#[message]
#[derive(Debug)]
pub struct Release;

/// The actor.
#[derive(Debug, Default)]
pub struct Worker {
    log: Vec<Event>,
    items: usize,
    downs: usize,
    /// Those who wait for the log to be this long.
    readers: Vec<(usize, usize, ReplyTo<Vec<Event>>)>,
    held: Vec<(u64, ReplyTo<u64>)>,
    /// Descriptors that are of no use but to be spent.
    spent: Vec<File>,
}

impl Worker {
    fn answer_readers(&mut self) {
        for (items, downs, reply) in std::mem::take(&mut self.readers) {
            if items <= self.items && downs <= self.downs {
                let _ = reply.send(self.log.clone());
            } else {
                self.readers.push((items, downs, reply));
            }
        }
    }
}

#[actor]
impl Actor for Worker {
    #[rustfmt::skip]
    type Messages = (
        Echo, Identify, Item, Log, Observe, Stream, CountedStream, PacedStream, AskOther, HoldAt, Own, StartProgram,
        StartOrphan, SpendDescriptors, TakeMemory, Hang, Hold, Release,
    );

    fn start((): (), _: &mut Context<Self>) -> Result<Worker, Failure> {
        Ok(Worker::default())
    }

    fn down(&mut self, down: Down, _: &mut Context<Self>) {
        self.log.push(Event::Down { reason: format!("{:?}", down.reason) });
        self.downs += 1;
        self.answer_readers();
    }
}

impl Handler<Echo> for Worker {
    fn handle(&mut self, echo: Incoming<'_, Echo>, _: &mut Context<Self>) -> u64 {
        echo.number.to_native()
    }
}

impl Handler<Identify> for Worker {
    fn handle(&mut self, _: Incoming<'_, Identify>, _: &mut Context<Self>) -> Identity {
        identity()
    }
}

impl Handler<Item> for Worker {
    fn handle(&mut self, item: Incoming<'_, Item>, _: &mut Context<Self>) {
        self.log.push(Event::Item { source: item.source.to_native(), number: item.number.to_native() });
        self.items += 1;
        if !self.readers.is_empty() {
            self.answer_readers();
        }
    }
}

impl Handler<Log> for Worker {
    fn handle(&mut self, log: Incoming<'_, Log>, context: &mut Context<Self>) -> Later<Vec<Event>> {
        let reply = context.reply_later();
        let later = reply.later();
        self.readers.push((log.items.to_native() as usize, log.downs.to_native() as usize, reply));
        self.answer_readers();
        later
    }
}

impl Handler<Observe> for Worker {
    fn handle(&mut self, observe: Incoming<'_, Observe>, context: &mut Context<Self>) -> Result<(), String> {
        context.monitor(observe.worker.to_native()).map(drop).map_err(|error| error.to_string())
    }
}

impl Handler<CountedStream> for Worker {
    fn handle(&mut self, stream: Incoming<'_, CountedStream>, context: &mut Context<Self>) -> Sent {
        let to = stream.to.to_native();
        let mut pipe = File::from(stream.take(&stream.pipe).expect("the pipe came along"));
        for number in 0..stream.count.to_native() {
            let sent = to.tell(&Item { source: 0, number }).map_err(|error| error.to_string());
            context.flush();
            if let Err(error) = sent.and_then(|()| pipe.write_all(&[1]).map_err(|error| error.to_string())) {
                return Sent { count: number, error: Some(error) };
            }
        }
        Sent { count: stream.count.to_native(), error: None }
    }
}

impl Handler<PacedStream> for Worker {
    fn handle(&mut self, stream: Incoming<'_, PacedStream>, context: &mut Context<Self>) -> Sent {
        let to = stream.to.to_native();
        let [mut pace, mut left] =
            [&stream.pace, &stream.left].map(|pipe| File::from(stream.take(pipe).expect("the pipes came along")));
        let mut is_paced = true;
        for number in 0..stream.count.to_native() {
            is_paced = is_paced && pace.read(&mut [0]).expect("it can be read") > 0;
            if let Err(error) = to.tell(&Item { source: 0, number }) {
                return Sent { count: number, error: Some(format!("{error:?}")) };
            }
            context.flush();
            if is_paced {
                // Maybe nobody wants to know any more.
                let _ = left.write_all(&[1]);
            }
            // Whoever waits for an answer takes in meanwhile what has come, and says what is due.
            context.this().is_alive().expect("the supervisor answers");
        }
        Sent { count: stream.count.to_native(), error: None }
    }
}

impl Handler<Stream> for Worker {
    fn handle(&mut self, stream: Incoming<'_, Stream>, _: &mut Context<Self>) -> Sent {
        let (to, source) = (stream.to.to_native(), stream.source.to_native());
        for number in 0..stream.count.to_native() {
            if let Err(error) = to.tell(&Item { source, number }) {
                return Sent { count: number, error: Some(error.to_string()) };
            }
        }
        Sent { count: stream.count.to_native(), error: None }
    }
}

impl Handler<AskOther> for Worker {
    fn handle(&mut self, ask: Incoming<'_, AskOther>, _: &mut Context<Self>) -> String {
        let number = ask.number.to_native();
        match ask.other.to_native().ask(&Echo { number }) {
            Ok(answer) if answer == number => "answered".into(),
            Ok(answer) => format!("answered {answer} instead of {number}"),
            Err(error) => format!("{error:?}"),
        }
    }
}

impl Handler<HoldAt> for Worker {
    fn handle(&mut self, ask: Incoming<'_, HoldAt>, _: &mut Context<Self>) -> u64 {
        ask.other.to_native().ask(&Hold { number: ask.number.to_native() }).expect("it holds, then answers")
    }
}

impl Handler<Own> for Worker {
    fn handle(&mut self, _: Incoming<'_, Own>, context: &mut Context<Self>) -> Result<ActorRef<Worker>, String> {
        context.spawn::<Worker>(()).map_err(|error| error.to_string())
    }
}

impl Handler<StartProgram> for Worker {
    fn handle(&mut self, _: Incoming<'_, StartProgram>, _: &mut Context<Self>) -> Result<i32, String> {
        let program = Command::new("sleep").arg("600").stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        program.map(|child| child.id().cast_signed()).map_err(|error| error.to_string())
    }
}

impl Handler<StartOrphan> for Worker {
    fn handle(&mut self, _: Incoming<'_, StartOrphan>, _: &mut Context<Self>) -> Result<(), String> {
        let shell = Command::new("sh").args(["-c", "sleep 600 >/dev/null 2>&1 &"]).status();
        shell.map(drop).map_err(|error| error.to_string())
    }
}

impl Handler<SpendDescriptors> for Worker {
    fn handle(&mut self, order: Incoming<'_, SpendDescriptors>, _: &mut Context<Self>) {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("it is known");
        setrlimit(Resource::RLIMIT_NOFILE, MOST_DESCRIPTORS, hard).expect("it can be lowered");
        self.spent.extend(std::iter::from_fn(|| File::open("/dev/null").ok()));
        self.spent.truncate(self.spent.len() - order.left.to_native() as usize);
    }
}

impl Handler<TakeMemory> for Worker {
    fn handle(&mut self, order: Incoming<'_, TakeMemory>, _: &mut Context<Self>) {
        let pieces = order.bytes.to_native() as usize / PIECE_BYTES;
        let taken: Vec<_> = (0..pieces).map(|_| black_box(vec![1_u8; PIECE_BYTES])).collect();
        drop(black_box(taken));
    }
}

impl Handler<Hang> for Worker {
    fn handle(&mut self, _: Incoming<'_, Hang>, _: &mut Context<Self>) {
        loop {
            std::thread::park();
        }
    }
}

impl Handler<Hold> for Worker {
    fn handle(&mut self, hold: Incoming<'_, Hold>, context: &mut Context<Self>) -> Later<u64> {
        let reply = context.reply_later();
        let later = reply.later();
        self.held.push((hold.number.to_native(), reply));
        later
    }
}

impl Handler<Release> for Worker {
    fn handle(&mut self, _: Incoming<'_, Release>, _: &mut Context<Self>) {
        for (number, reply) in self.held.drain(..) {
            let _ = reply.send(number);
        }
    }
}

/// Gives this process's ids.
pub fn identity() -> Identity {
    Identity { pid: std::process::id().cast_signed(), parent: std::os::unix::process::parent_id().cast_signed() }
}

/// Starts a worker that is restarted whenever it ends.
///
/// # Panics
/// If it cannot be started.
pub fn permanent(system: &System) -> ActorRef<Worker> {
    system.actor::<Worker>(()).restart(Restart::Permanent).start().expect("a worker starts")
}
