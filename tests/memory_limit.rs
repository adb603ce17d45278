//! Processes that have reached a limit on their memory. What cannot be had is done without, or is a typed error; who is killed for want
//! of it ends by SIGKILL, and its peers are told. Nobody ends by SIGBUS, at a touch of shared memory that is not there.
//!
//! The limits are those of memory cgroups. Where none can be made, which takes privileges, the tests say so and do nothing.

#![allow(clippy::print_stdout)] // it is how they say so

use std::io::Write;
use std::process::{Command, Stdio};

use procession::prelude::*;
use procession::{Array, DownReason, Exit, Links, Manager, Pool, PoolError};
use procession_tests::memory_group::{MemoryGroup, Shortage};
use procession_tests::worker::{AskOther, Echo, Event, Log, Observe, Stream, TakeMemory, Worker};
use procession_tests::{GUARD, Noting, Round, SOON, eventually, guarded, rings};

const KILLED: Exit = Exit::Signal { signal: 9, core_dumped: false };

/// Too little for a pair of rings, which takes 516 KiB, but enough for all else that a worker takes in these tests.
const LESS_THAN_RINGS_BYTES: usize = 480 << 10;

/// Too little for the larger buffer of a ring, which takes 1 MiB, and other things of that size.
const LESS_THAN_WIDE_BYTES: usize = 900 << 10;

/// Enough.
const PLENTY_BYTES: usize = 1 << 30;

/// More than any limit but that.
const TOO_MUCH_BYTES: usize = 256 << 20;

/// Runs a case with a group, or says why it cannot.
fn limited(
    case: &str,
    limit_bytes: usize,
    shortage: Shortage,
    work: impl FnOnce(&mut Round, &MemoryGroup) + Send + 'static,
) {
    match MemoryGroup::new(limit_bytes, shortage) {
        Ok((group, _removal)) => guarded(case, GUARD, move |round| work(round, &group)),
        // Past the test harness, which shows of tests that pass only what is written so.
        Err(why) => writeln!(std::io::stderr(), "left out: {why}").expect("it can be written"),
    }
}

fn system() -> System {
    System::builder().links(Links::Automatic).start().expect("a system")
}

fn pid(worker: &ActorRef<Worker>) -> i32 {
    worker.pid().expect("it is known").expect("it runs")
}

fn worker(system: &System) -> ActorRef<Worker> {
    system.spawn::<Worker>(()).expect("a worker")
}

/// Has one worker send another so many items, so that they are connected by more than a socket if that can be.
fn stream(sender: &ActorRef<Worker>, receiver: &ActorRef<Worker>, count: u64) {
    let sent = sender.request(&Stream { to: receiver.recipient(), source: 0, count }).expect("it is sent");
    let sent = sent.wait_within(SOON).expect("it lives");
    assert_eq!((sent.count, sent.error), (count, None));
}

/// What a log begins with: items of streams one after the other, each from 0 on. Gives how many they are, and what comes behind them.
fn items(log: &[Event], streams: &[u64]) -> (usize, Vec<Event>) {
    let expected = streams.iter().flat_map(|count| 0..*count).map(|number| Event::Item { source: 0, number });
    let count = expected.zip(log).take_while(|(expected, event)| expected == *event).count();
    (count, log[count..].to_vec())
}

#[procession::test]
fn who_gets_no_memory_for_a_ring_stays_on_the_socket() {
    limited("no ring", LESS_THAN_RINGS_BYTES, Shortage::Waits, |round, group| {
        let system = system();
        let sender = worker(&system);
        group.add(pid(&sender));
        for number in 0..5 {
            round.at(format!("receiver {number}"));
            let receiver = worker(&system);
            (0..4).for_each(|_| stream(&sender, &receiver, 200));
            let log = receiver.ask_within(&Log { items: 800, downs: 0 }, SOON).expect("it lives");
            assert_eq!(items(&log, &[200; 4]), (800, Vec::new()));
            let answer = sender.ask_within(&AskOther { other: receiver.clone(), number }, SOON);
            assert_eq!(answer.as_deref(), Ok("answered"));
            assert_eq!([&sender, &receiver].map(|worker| rings::count(pid(worker))), [0, 0]);
        }
        round.at("enough memory");
        group.limit(PLENTY_BYTES);
        let receiver = worker(&system);
        (0..2).for_each(|_| stream(&sender, &receiver, 200));
        eventually("shared memory", || rings::count(pid(&sender)) == 1 && rings::count(pid(&receiver)) == 1);
        let log = receiver.ask_within(&Log { items: 400, downs: 0 }, SOON).expect("it lives");
        assert_eq!(items(&log, &[200; 2]), (400, Vec::new()));
        system.shutdown().expect("it ends in order");
    });
}

#[procession::test]
fn who_is_killed_for_want_of_memory_for_a_ring_has_sent_in_order_and_its_peers_are_told() {
    limited("killed by a ring", LESS_THAN_RINGS_BYTES, Shortage::Kills, |round, group| {
        let system = system();
        let [sender, receiver] = [(); 2].map(|()| worker(&system));
        receiver.ask(&Observe { worker: sender.clone() }).expect("it can be watched");
        let monitor = sender.monitor().expect("it can be watched");
        group.add(pid(&sender));
        let sent = sender.request(&Stream { to: receiver.recipient(), source: 0, count: 200 }).expect("it is sent");
        round.at("its end");
        assert_eq!(monitor.wait_within(SOON).expect("its end is told").reason, DownReason::Ended(KILLED));
        assert_eq!(group.killed(), 1);
        // It was killed when it had done that, and had said so.
        assert_eq!(sent.wait_within(SOON).map(|sent| (sent.count, sent.error)), Ok((200, None)));
        round.at("its receiver");
        let log = receiver.ask_within(&Log { items: 0, downs: 1 }, SOON).expect("it lives");
        let reason = format!("{:?}", DownReason::Ended(KILLED));
        assert_eq!(items(&log, &[200]), (200, vec![Event::Down { reason }]));
        assert_eq!(receiver.ask_within(&Echo { number: 1 }, SOON), Ok(1));
        system.shutdown().expect("it ends in order");
    });
}

#[procession::test]
fn who_is_killed_for_want_of_memory_had_sent_what_it_sent_by_shared_memory() {
    limited("killed with a ring", 16 << 20, Shortage::Kills, |round, group| {
        let system = system();
        let [victim, receiver, asker] = [(); 3].map(|()| worker(&system));
        receiver.ask(&Observe { worker: victim.clone() }).expect("it can be watched");
        group.add(pid(&victim));
        for _ in 0..4 {
            stream(&victim, &receiver, 200);
        }
        eventually("shared memory", || rings::count(pid(&victim)) == 1);
        round.at("its end");
        let taken = victim.request(&TakeMemory { bytes: TOO_MUCH_BYTES }).expect("it is sent");
        let asked = asker.request(&AskOther { other: victim.clone(), number: 1 }).expect("it is sent");
        assert_eq!(taken.wait_within(SOON), Err(AskError::Dead(KILLED)));
        round.at("its peers");
        let text = asked.wait_within(SOON).expect("it lives");
        // It may have been asked before it was at it, or after it had died.
        assert!(text.contains("Dead(Signal { signal: 9") || text == "answered", "{text}");
        let log = receiver.ask_within(&Log { items: 0, downs: 1 }, SOON).expect("it lives");
        let reason = format!("{:?}", DownReason::Ended(KILLED));
        assert_eq!(items(&log, &[200; 4]), (800, vec![Event::Down { reason }]));
        assert_eq!(group.killed(), 1);
        system.shutdown().expect("it ends in order");
    });
}

/// A large message.
#[message]
struct Load {
    number: u64,
    words: Vec<u64>,
}

/// Asks whether so many loads have come, whole and in order, once they have.
#[message(reply = Later<bool>)]
struct Count {
    loads: u64,
}

/// Asks to send so many loads, with numbers from here on.
#[message(reply = ())]
struct SendLoads {
    to: ActorRef<Peer>,
    first: u64,
    count: u64,
}

/// How long a load is, in words.
const WORDS: u64 = 8 << 10;

#[derive(Default)]
struct Peer {
    loads: u64,
    is_wrong: bool,
    waiting: Vec<(u64, ReplyTo<bool>)>,
}

impl Peer {
    fn answer(&mut self) {
        for (loads, reply) in self.waiting.extract_if(.., |(loads, _)| *loads <= self.loads) {
            let _ = reply.send(loads == self.loads && !self.is_wrong);
        }
    }
}

#[actor]
impl Actor for Peer {
    type Messages = (Load, Count, SendLoads);

    fn start((): (), _: &mut Context<Self>) -> Result<Peer, Failure> {
        Ok(Peer::default())
    }
}

impl Handler<Load> for Peer {
    fn handle(&mut self, load: Incoming<'_, Load>, _: &mut Context<Self>) {
        let number = load.number.to_native();
        let are_whole = load.words.iter().map(|word| word.to_native()).eq(number..number + WORDS);
        self.is_wrong |= number != self.loads || !are_whole;
        self.loads += 1;
        self.answer();
    }
}

impl Handler<Count> for Peer {
    fn handle(&mut self, count: Incoming<'_, Count>, context: &mut Context<Self>) -> Later<bool> {
        let reply = context.reply_later();
        let later = reply.later();
        self.waiting.push((count.loads.to_native(), reply));
        self.answer();
        later
    }
}

impl Handler<SendLoads> for Peer {
    fn handle(&mut self, send: Incoming<'_, SendLoads>, _: &mut Context<Self>) {
        let (to, first) = (send.to.to_native(), send.first.to_native());
        for number in first..first + send.count.to_native() {
            let words = (number..number + WORDS).collect();
            to.tell(&Load { number, words }).expect("there is room in time");
        }
    }
}

#[procession::test]
fn large_messages_go_on_by_the_smaller_buffer_where_there_is_no_memory_for_the_larger() {
    limited("no larger buffer", LESS_THAN_WIDE_BYTES, Shortage::Waits, |round, group| {
        let system = System::builder().links(Links::SharedMemory).start().expect("a system");
        let [sender, receiver] = [(); 2].map(|()| system.spawn::<Peer>(()).expect("a peer"));
        let pid = sender.pid().expect("it is known").expect("it runs");
        let mut sent = 0;
        let mut send = |count| {
            sender.ask_within(&SendLoads { to: receiver.clone(), first: sent, count }, SOON).expect("it lives");
            sent += count;
            assert_eq!(receiver.ask_within(&Count { loads: sent }, SOON), Ok(true));
        };
        // So few get no larger buffer.
        (0..2).for_each(|_| send(1));
        let receiving = receiver.pid().expect("it is known").expect("it runs");
        // Each goes by shared memory with the other, and with this process.
        eventually("shared memory", || rings::count(pid) == 2 && rings::count(receiving) == 2);
        let narrow = 2 * (516 << 10);
        group.add(pid);
        for repeat in 0..10 {
            round.at(format!("too little memory, time {repeat}"));
            send(10);
            assert!(rings::bytes(pid) <= narrow, "{} bytes", rings::bytes(pid));
        }
        round.at("enough memory");
        group.limit(PLENTY_BYTES);
        send(20);
        assert!(rings::bytes(pid) >= 1 << 20, "{} bytes", rings::bytes(pid));
        system.shutdown().expect("it ends in order");
    });
}

/// Whether a process lends words.
fn lends(pid: i32) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("it runs");
    maps.contains("procession-words")
}

#[procession::test]
fn a_host_that_gets_no_memory_for_words_is_asked_by_messages() {
    const ITEMS: usize = 200_000;
    limited("no words", LESS_THAN_WIDE_BYTES, Shortage::Waits, |round, group| {
        let system = system();
        let home = Noting::of(&system);
        let array = Array::new(&home, vec![0_u64; ITEMS]).expect("an array");
        group.add(home.pid());
        for number in 0..100 {
            assert_eq!((array.fetch_add(7, 1), array.get(ITEMS - 1)), (Ok(number), Ok(0)));
        }
        assert!(!lends(home.pid()), "it lends words");
        round.at("enough memory");
        group.limit(PLENTY_BYTES);
        let other = Array::new(&home, vec![1_u64; ITEMS]).expect("an array");
        group.add(home.pid());
        for number in 1..100 {
            assert_eq!(other.fetch_add(7, 1), Ok(number));
        }
        let is_off = std::env::var("PROCESSION_WORDS").is_ok_and(|value| value == "off");
        assert!(is_off || lends(home.pid()), "it lends no words");
        system.shutdown().expect("it ends in order");
    });
}

fn double(number: u64) -> u64 {
    2 * number
}

#[procession::test]
fn a_pool_that_gets_no_memory_for_its_records_is_a_typed_error() {
    limited("no records", LESS_THAN_WIDE_BYTES, Shortage::Waits, |round, group| {
        let system = system();
        let home = Noting::of(&system);
        let manager = Manager::start(&home).expect("a manager");
        let value = manager.value(1).expect("a value");
        group.add(home.pid());
        let refused = Pool::new(&manager, 64).map(drop).expect_err("there is no memory");
        assert!(matches!(refused, PoolError::Spawn(_)), "{refused:?}");
        assert_eq!(value.get(), Ok(1));
        round.at("enough memory");
        group.limit(PLENTY_BYTES);
        let pool = Pool::new(&manager, 2).expect("there is memory");
        assert_eq!(pool.apply(double, 4), Ok(8));
        system.shutdown().expect("it ends in order");
    });
}

/// Root, supervisor and all actors are under one limit here.
#[test]
fn where_all_are_under_one_limit_who_takes_too_much_is_killed_and_the_others_go_on() {
    limited("all of them", 96 << 20, Shortage::Kills, |_, group| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scenario"));
        command.arg("memory").arg(group.directory()).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        let killed = String::from_utf8_lossy(&output.stdout).trim().parse::<u64>().expect("a number");
        assert_eq!(killed, group.killed());
        assert_eq!(group.processes(), Vec::<i32>::new(), "they are left");
    });
}
