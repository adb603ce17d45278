//! Large messages by shared memory: they take memory for themselves there, and give it back.

use std::fs::File;
use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{Descriptor, Down, Exit, Links, TellError};
use procession_tests::{Dice, GUARD, SOON, eventually, guarded, kill, process_table, repeat, rings};

const ROUNDS: u32 = 20;

/// How long a `tell` waits for room.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the smaller buffers of a pair of rings take, in bytes.
const NARROW_BYTES: usize = 516 << 10;

/// What the larger buffer takes for one direction, in bytes.
const WIDE_BYTES: usize = 1 << 20;

/// A message whose words tell which one it is.
#[message]
struct Load {
    number: u64,
    words: Vec<u64>,
    file: Option<Descriptor>,
}

impl Load {
    fn new(number: u64, length: usize) -> Load {
        let words = (0..length as u64).map(|index| number << 32 | index).collect();
        Load { number, words, file: None }
    }
}

/// Asks for as many words.
#[message(reply = Vec<u64>)]
struct Fetch {
    number: u64,
    length: usize,
}

/// Asks what has come, once there are so many loads and ends.
#[message(reply = Later<Delivered>)]
struct Report {
    loads: u64,
    downs: usize,
}

/// Asks for nothing.
#[message(reply = ())]
struct Turn;

/// What has come.
#[data]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Delivered {
    /// How many loads were whole and in order.
    loads: u64,
    /// What was not as it should be.
    faults: Vec<String>,
    /// Texts of files that came along.
    texts: Vec<String>,
    downs: usize,
}

/// Asks to be told of an end.
#[message(reply = Result<(), String>)]
struct Watch {
    whom: ActorRef<Peer>,
}

/// Asks to send loads of random lengths, small ones among them, and to write a byte into a pipe for each; answers with how many were
/// taken.
#[message(reply = (u64, Option<String>))]
struct Flood {
    to: ActorRef<Peer>,
    first: u64,
    count: u64,
    seed: u64,
    pipe: Option<Descriptor>,
}

/// Asks to send one load of a length in words.
#[message(reply = Result<(), String>)]
struct SendOne {
    to: ActorRef<Peer>,
    number: u64,
    length: usize,
}

#[derive(Default)]
struct Peer {
    delivered: Delivered,
    reporters: Vec<(u64, usize, ReplyTo<Delivered>)>,
}

impl Peer {
    fn report(&mut self) {
        for (loads, downs, reply) in std::mem::take(&mut self.reporters) {
            if loads <= self.delivered.loads && downs <= self.delivered.downs {
                let _ = reply.send(self.delivered.clone());
            } else {
                self.reporters.push((loads, downs, reply));
            }
        }
    }
}

#[actor]
impl Actor for Peer {
    type Messages = (Load, Fetch, Report, Turn, Watch, Flood, SendOne);

    fn start((): (), _: &mut Context<Self>) -> Result<Peer, Failure> {
        Ok(Peer::default())
    }

    fn down(&mut self, _: Down, _: &mut Context<Self>) {
        self.delivered.downs += 1;
        self.report();
    }
}

impl Handler<Load> for Peer {
    fn handle(&mut self, load: Incoming<'_, Load>, _: &mut Context<Self>) {
        let number = load.number.to_native();
        let is_whole = load.words.iter().zip(0..).all(|(word, index)| word.to_native() == number << 32 | index);
        if number != self.delivered.loads || !is_whole || self.delivered.downs > 0 {
            self.delivered.faults.push(format!("{number} instead of {}, {is_whole}", self.delivered.loads));
        }
        if let Some(file) = load.file.as_ref() {
            let mut text = String::new();
            let file = load.take(file).map(File::from).map_err(std::io::Error::other);
            match file.and_then(|mut file| file.read_to_string(&mut text)) {
                Ok(_) => self.delivered.texts.push(text),
                Err(error) => self.delivered.faults.push(error.to_string()),
            }
        }
        self.delivered.loads += 1;
        self.report();
    }
}

impl Handler<Fetch> for Peer {
    fn handle(&mut self, fetch: Incoming<'_, Fetch>, _: &mut Context<Self>) -> Vec<u64> {
        Load::new(fetch.number.to_native(), fetch.length.to_native() as usize).words
    }
}

impl Handler<Report> for Peer {
    fn handle(&mut self, report: Incoming<'_, Report>, context: &mut Context<Self>) -> Later<Delivered> {
        let reply = context.reply_later();
        let later = reply.later();
        self.reporters.push((report.loads.to_native(), report.downs.to_native() as usize, reply));
        self.report();
        later
    }
}

impl Handler<Turn> for Peer {
    fn handle(&mut self, _: Incoming<'_, Turn>, _: &mut Context<Self>) {}
}

impl Handler<Watch> for Peer {
    fn handle(&mut self, watch: Incoming<'_, Watch>, context: &mut Context<Self>) -> Result<(), String> {
        context.monitor(watch.whom.to_native()).map(drop).map_err(|error| error.to_string())
    }
}

impl Handler<Flood> for Peer {
    fn handle(&mut self, flood: Incoming<'_, Flood>, _: &mut Context<Self>) -> (u64, Option<String>) {
        let (to, mut dice) = (flood.to.to_native(), Dice::new(flood.seed.to_native()));
        let mut pipe = flood.pipe.as_ref().map(|pipe| File::from(flood.take(pipe).expect("it came along")));
        let first = flood.first.to_native();
        for number in first..first.saturating_add(flood.count.to_native()) {
            if let Err(error) = to.tell(&Load::new(number, length(&mut dice))) {
                return (number, Some(error.to_string()));
            }
            if let Some(pipe) = &mut pipe {
                pipe.write_all(&[1]).expect("it is read");
            }
        }
        (flood.count.to_native(), None)
    }
}

impl Handler<SendOne> for Peer {
    fn handle(&mut self, order: Incoming<'_, SendOne>, _: &mut Context<Self>) -> Result<(), String> {
        let load = Load::new(order.number.to_native(), order.length.to_native() as usize);
        order.to.to_native().tell(&load).map_err(|error| error.to_string())
    }
}

/// A length in words: often little, seldom more than the larger buffer holds.
fn length(dice: &mut Dice) -> usize {
    let most = 1 << dice.roll(19);
    dice.roll(most) as usize
}

fn system() -> System {
    System::builder().links(Links::SharedMemory).start().expect("a system")
}

fn peer(system: &System) -> ActorRef<Peer> {
    let peer = system.spawn::<Peer>(()).expect("a peer");
    // After that it goes by shared memory.
    (0..3).for_each(|_| peer.ask(&Turn).expect("it lives"));
    peer
}

fn pid(peer: &ActorRef<Peer>) -> i32 {
    peer.pid().expect("it is known").expect("it runs")
}

#[procession::test]
fn all_lengths_arrive_whole_and_in_order_with_their_descriptors() {
    guarded("all lengths", Duration::from_secs(60), |round| {
        let system = system();
        let peer = peer(&system);
        for number in 0..400 {
            let mut load = Load::new(number, length(&mut round.dice));
            if number % 7 == 0 {
                let (reading, mut writing) = std::io::pipe().expect("a pipe");
                write!(writing, "{number}").expect("there is room");
                load.file = Some(Descriptor::new(reading));
            }
            peer.tell(&load).expect("it is taken");
            if number % 16 == 0 {
                let length = length(&mut round.dice);
                assert_eq!(peer.ask(&Fetch { number, length }), Ok(Load::new(number, length).words));
            }
        }
        let texts = (0..400).step_by(7).map(|number| number.to_string()).collect();
        let expected = Delivered { loads: 400, texts, ..Delivered::default() };
        assert_eq!(peer.ask(&Report { loads: 400, downs: 0 }), Ok(expected));
    });
}

#[procession::test]
fn what_a_killed_sender_had_sent_is_whole_and_comes_before_the_word_of_its_death() {
    repeat("sender killed", ROUNDS, |round| {
        let system = system();
        let [sender, receiver] = [(); 2].map(|()| peer(&system));
        receiver.ask(&Watch { whom: sender.clone() }).expect("it can be watched");
        let (mut reading, writing) = std::io::pipe().expect("a pipe");
        let (seed, pipe) = (round.dice.roll(u64::MAX), Some(Descriptor::new(writing)));
        let flood = Flood { to: receiver.clone(), first: 0, count: 100_000, seed, pipe };
        let pending = sender.request(&flood).expect("it is sent");
        drop(flood);
        let victim = pid(&sender);
        round.at("the first of them");
        let before = round.dice.roll(100) as usize;
        reading.read_exact(&mut vec![0; before + 1]).expect("it sends");
        round.dice.spin();
        kill(victim, Signal::SIGKILL);
        drop(pending);
        round.at("the word of its death");
        let delivered = receiver.ask(&Report { loads: 0, downs: 1 }).expect("it lives");
        assert_eq!((delivered.faults, delivered.downs), (Vec::new(), 1));
    });
}

#[procession::test]
fn who_sends_to_a_killed_receiver_is_told() {
    repeat("receiver killed", ROUNDS, |round| {
        let system = system();
        let [sender, victim] = [(); 2].map(|()| peer(&system));
        let asked = victim.clone();
        let here = thread::spawn(move || {
            (0..).find_map(|number| asked.ask(&Fetch { number, length: 100_000 }).err()).expect("it ends")
        });
        let seed = round.dice.roll(u64::MAX);
        let flood = Flood { to: victim.clone(), first: 0, count: u64::MAX, seed, pipe: None };
        let sent = sender.request(&flood).expect("it is sent");
        victim.ask(&Report { loads: round.dice.roll(50), downs: 0 }).expect("it lives");
        round.dice.spin();
        kill(pid(&victim), Signal::SIGKILL);
        round.at("the asker here");
        let error = here.join().expect("no panic");
        let died = Exit::Signal { signal: 9, core_dumped: false };
        assert!(error == AskError::Dead(died), "{error:?}");
        round.at("the one who tells");
        let (_, error) = sent.wait_within(SOON).expect("it lives");
        error.expect("it cannot send for ever");
        round.at("whether it sends to others");
        sender.ask(&Turn).expect("it lives");
    });
}

#[procession::test]
fn memory_for_large_messages_is_there_while_they_are_sent_and_given_back_behind_them() {
    guarded("memory", Duration::from_secs(60), |round| {
        let system = system();
        let [sender, receiver] = [(); 2].map(|()| peer(&system));
        let both = [&sender, &receiver].map(pid);
        // Who sends without a pause, and need not wait for its receiver, stays on the socket until it is done.
        sender.ask(&SendOne { to: receiver.clone(), number: 0, length: 1 }).expect("it lives");
        eventually("shared memory", || both.iter().all(|pid| rings::count(*pid) == 2));
        [&receiver, &sender].into_iter().for_each(|peer| peer.ask(&Turn).expect("it lives"));
        for repeat in 0..3 {
            round.at(format!("time {repeat}"));
            let seed = round.dice.roll(u64::MAX);
            let flood = Flood { to: receiver.clone(), first: 1 + 300 * repeat, count: 300, seed, pipe: None };
            let pending = sender.request(&flood).expect("it is sent");
            eventually("memory is taken", || rings::bytes(both[0]) >= WIDE_BYTES);
            assert_eq!(pending.wait().expect("it lives").1, None);
            let delivered = receiver.ask(&Report { loads: 1 + 300 * (repeat + 1), downs: 0 }).expect("it lives");
            assert_eq!(delivered.faults, Vec::<String>::new());
            // Each goes by shared memory with the other, and with this process.
            eventually("memory is given back", || {
                both.map(rings::bytes).iter().all(|bytes| *bytes <= 2 * NARROW_BYTES)
            });
        }
    });
}

#[procession::test]
fn a_stopped_receiver_holds_up_no_more_than_the_limits() {
    guarded("a stopped receiver", 2 * GUARD, |round| {
        let system = system();
        let stopped = peer(&system);
        let victim = pid(&stopped);
        (0..10).for_each(|number| stopped.tell(&Load::new(number, 50_000)).expect("it is taken"));
        stopped.ask(&Turn).expect("it lives");
        let before = process_table::resident_bytes(std::process::id().cast_signed());
        kill(victim, Signal::SIGSTOP);
        let mut sent = 10;
        let error = loop {
            match stopped.try_tell(&Load::new(sent, 50_000)) {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error, TellError::Full);
        let grown = process_table::resident_bytes(std::process::id().cast_signed()).saturating_sub(before);
        assert!(grown < 16 << 20, "grown by {grown}");
        // Longer than memory for large messages is kept that nobody uses: this is in use.
        thread::sleep(Duration::from_secs(2));
        round.at("its going on");
        kill(victim, Signal::SIGCONT);
        let expected = Delivered { loads: sent, ..Delivered::default() };
        assert_eq!(stopped.ask(&Report { loads: sent, downs: 0 }), Ok(expected));
    });
}

#[procession::test]
fn who_waits_for_room_goes_on_once_there_is_some_whoever_makes_it() {
    repeat("room", 5 * ROUNDS, |round| {
        let system = System::builder().links(Links::Sockets).start().expect("a system");
        let peer = system.spawn::<Peer>(()).expect("a peer");
        for number in 0..4 {
            round.at(format!("load {number}"));
            // So much makes the next one wait, while the flusher sends what is left of this one.
            let start = Instant::now();
            peer.tell(&Load::new(number, 1 << 18)).expect("it is taken");
            assert!(start.elapsed() < PATIENCE, "it waited although there was room");
        }
        round.at("the answer");
        let delivered = peer.ask_within(&Report { loads: 4, downs: 0 }, GUARD).expect("it lives");
        assert_eq!(delivered.faults, Vec::<String>::new());
    });
}

/// What becomes of a sender that was stopped when it had sent a part of a large message.
fn stop_in_mid_message(links: Links, goes_on: bool) {
    repeat("sender stopped", ROUNDS / 2, move |round| {
        let system = System::builder().links(links).start().expect("a system");
        let [sender, receiver] = [(); 2].map(|()| peer(&system));
        let [sending, receiving] = [&sender, &receiver].map(pid);
        let stop = |pid| {
            kill(pid, Signal::SIGSTOP);
            eventually("it is stopped", || process_table::entry(pid).is_some_and(|entry| entry.state == 'T'));
        };
        receiver.ask(&Watch { whom: sender.clone() }).expect("it can be watched");
        let before = round.dice.roll(8);
        let send = |number, length| sender.ask(&SendOne { to: receiver.clone(), number, length }).expect("it lives");
        (0..before).for_each(|number| send(number, round.dice.roll(20_000) as usize));
        receiver.ask(&Report { loads: before, downs: 0 }).expect("it lives");
        round.at("a part of it");
        stop(receiving);
        // No connection holds half of that: the rest waits in the sender.
        send(before, 1 << 20);
        stop(sending);
        kill(receiving, Signal::SIGCONT);
        round.at("what others ask for meanwhile");
        for number in 0..20 {
            let length = round.dice.roll(50_000) as usize;
            let fetched = receiver.ask_within(&Fetch { number, length }, SOON);
            assert_eq!(fetched, Ok(Load::new(number, length).words));
        }
        let expected = Delivered { loads: before, ..Delivered::default() };
        assert_eq!(receiver.ask_within(&Report { loads: 0, downs: 0 }, SOON), Ok(expected.clone()));
        round.at("its end");
        if goes_on {
            kill(sending, Signal::SIGCONT);
            let expected = Delivered { loads: before + 1, ..expected };
            assert_eq!(receiver.ask_within(&Report { loads: before + 1, downs: 0 }, SOON), Ok(expected));
            send(before + 1, 10);
            receiver.ask_within(&Report { loads: before + 2, downs: 0 }, SOON).expect("it works on");
        } else {
            kill(sending, Signal::SIGKILL);
            let expected = Delivered { downs: 1, ..expected };
            assert_eq!(receiver.ask_within(&Report { loads: 0, downs: 1 }, SOON), Ok(expected));
        }
    });
}

#[procession::test]
fn a_sender_that_is_stopped_in_the_midst_of_a_message_holds_up_nobody_and_goes_on() {
    stop_in_mid_message(Links::Sockets, true);
    stop_in_mid_message(Links::SharedMemory, true);
}

#[procession::test]
fn of_a_sender_that_is_killed_in_the_midst_of_a_message_nothing_comes_but_the_word_of_its_death() {
    stop_in_mid_message(Links::Sockets, false);
    stop_in_mid_message(Links::SharedMemory, false);
}
