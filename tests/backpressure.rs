//! G6: receivers that do not keep up. Nobody's memory grows beyond its limits, and nobody waits for ever.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use procession::TellError;
use procession::prelude::*;
use procession_tests::{Stopwatch, guarded, kill, process_table};

/// What a process may need beside its limits.
const CONSTANT_BYTES: usize = 64 << 20;

/// How long one case may take.
const GUARD: Duration = Duration::from_secs(60);

/// A numbered piece of a stream. Of wide words: without optimisation the validation of single bytes would be most of the work.
#[message]
struct Block {
    number: u64,
    words: Vec<u128>,
}

/// Asks how many blocks have come, once there are that many; all in order, or the actor fails.
#[message(reply = Later<u64>)]
struct Count {
    wanted: u64,
}

/// Tells to send so many blocks of such a size.
#[message(reply = Result<u64, String>)]
struct Send {
    to: ActorRef<Station>,
    count: u64,
    bytes: usize,
}

/// Tells to send blocks until no more are taken.
#[message(reply = Filled)]
struct Fill {
    to: ActorRef<Station>,
    bytes: usize,
}

/// How that went.
#[data]
#[derive(Debug)]
struct Filled {
    accepted: u64,
    /// The error that ended it.
    error: String,
    grown_bytes: usize,
}

/// Tells to ask, with a limit. The answer: the outcome, and how long it took in microseconds.
#[message(reply = (String, u64))]
struct AskWithin {
    to: ActorRef<Station>,
    milliseconds: u64,
}

/// An ask that is held for ever: while its asker waits, it takes in what arrives.
#[message(reply = Later<u64>)]
struct Keep;

#[message(reply = String)]
struct AskToKeep {
    to: ActorRef<Station>,
    milliseconds: u64,
}

#[derive(Default)]
struct Station {
    next: u64,
    waiting: Vec<(u64, ReplyTo<u64>)>,
    kept: Vec<ReplyTo<u64>>,
}

#[actor]
impl Actor for Station {
    type Messages = (Block, Count, Send, Fill, AskWithin, Keep, AskToKeep);

    fn start((): (), _: &mut Context<Self>) -> Result<Station, Failure> {
        Ok(Station::default())
    }
}

impl Station {
    fn answer(&mut self) {
        for (wanted, reply) in std::mem::take(&mut self.waiting) {
            if wanted <= self.next {
                let _ = reply.send(self.next);
            } else {
                self.waiting.push((wanted, reply));
            }
        }
    }
}

impl Handler<Block> for Station {
    fn handle(&mut self, block: Incoming<'_, Block>, context: &mut Context<Self>) {
        if block.number.to_native() != self.next {
            context.fail(Failure::new(format!("block {} came instead of {}", block.number, self.next)));
        }
        self.next += 1;
        self.answer();
    }
}

impl Handler<Count> for Station {
    fn handle(&mut self, count: Incoming<'_, Count>, context: &mut Context<Self>) -> Later<u64> {
        let reply = context.reply_later();
        let later = reply.later();
        self.waiting.push((count.wanted.to_native(), reply));
        self.answer();
        later
    }
}

impl Handler<Send> for Station {
    fn handle(&mut self, send: Incoming<'_, Send>, _: &mut Context<Self>) -> Result<u64, String> {
        let Send { to, count, bytes } = send.open();
        let mut block = Block { number: 0, words: vec![7; bytes / size_of::<u128>()] };
        for number in 0..count {
            block.number = number;
            to.tell(&block).map_err(|error| format!("block {number}: {error}"))?;
        }
        Ok(count)
    }
}

impl Handler<Fill> for Station {
    fn handle(&mut self, fill: Incoming<'_, Fill>, _: &mut Context<Self>) -> Filled {
        let Fill { to, bytes } = fill.open();
        let before = resident();
        let mut block = Block { number: 0, words: vec![7; bytes / size_of::<u128>()] };
        loop {
            match to.try_tell(&block) {
                Ok(()) => block.number += 1,
                Err(error) => {
                    let grown_bytes = resident().saturating_sub(before);
                    return Filled { accepted: block.number, error: format!("{error:?}"), grown_bytes };
                }
            }
        }
    }
}

impl Handler<AskWithin> for Station {
    fn handle(&mut self, ask: Incoming<'_, AskWithin>, _: &mut Context<Self>) -> (String, u64) {
        let AskWithin { to, milliseconds } = ask.open();
        let before = Instant::now();
        let outcome = to.ask_within(&Count { wanted: 0 }, Duration::from_millis(milliseconds));
        let took = u64::try_from(before.elapsed().as_micros()).unwrap_or(u64::MAX);
        (outcome.map_or_else(|error| format!("{error:?}"), |_| "answered".into()), took)
    }
}

impl Handler<Keep> for Station {
    fn handle(&mut self, _: Incoming<'_, Keep>, context: &mut Context<Self>) -> Later<u64> {
        let reply = context.reply_later();
        let later = reply.later();
        self.kept.push(reply);
        later
    }
}

impl Handler<AskToKeep> for Station {
    fn handle(&mut self, ask: Incoming<'_, AskToKeep>, _: &mut Context<Self>) -> String {
        let AskToKeep { to, milliseconds } = ask.open();
        format!("{:?}", to.ask_within(&Keep, Duration::from_millis(milliseconds)))
    }
}

fn resident() -> usize {
    process_table::resident_bytes(std::process::id().cast_signed())
}

fn station(system: &System) -> ActorRef<Station> {
    system.spawn::<Station>(()).expect("a station starts")
}

fn pid(station: &ActorRef<Station>) -> i32 {
    station.pid().expect("the supervisor answers").expect("it runs")
}

#[procession::test]
fn two_actors_that_flood_each_other_before_they_read_both_finish() {
    for bytes in [64 << 10, 1 << 20, 500] {
        guarded("mutual flood", GUARD, move |round| {
            let system = System::start().expect("a system starts");
            let (left, right) = (station(&system), station(&system));
            let total = if bytes < 1000 { 8 << 20 } else { 64 << 20 };
            let count = (total / bytes) as u64;
            let from_left = left.request(&Send { to: right.clone(), count, bytes }).expect("it is told");
            let from_right = right.request(&Send { to: left.clone(), count, bytes }).expect("it is told");
            round.at(format!("the senders, {bytes}"));
            assert_eq!(from_left.wait_within(GUARD), Ok(count));
            assert_eq!(from_right.wait_within(GUARD), Ok(count));
            round.at("the receivers");
            assert_eq!(left.ask_within(&Count { wanted: count }, GUARD), Ok(count));
            assert_eq!(right.ask_within(&Count { wanted: count }, GUARD), Ok(count));
        });
    }
}

#[procession::test]
fn g6_a_stopped_receiver_does_not_make_its_sender_grow() {
    for bytes in [0, 64, 16 << 10, 3 << 20] {
        guarded("stopped receiver", GUARD, move |round| {
            let system = System::start().expect("a system starts");
            let (sender, receiver) = (station(&system), station(&system));
            let stopped = pid(&receiver);
            round.at("the asks while nothing is sent");
            assert_eq!(
                sender.ask(&AskWithin { to: receiver.clone(), milliseconds: 2000 }).expect("it asks").0,
                "answered"
            );
            kill(stopped, Signal::SIGSTOP);
            expect_in_time(&sender, &receiver, 50, &["Timeout"]);
            round.at("filling");
            let filled = sender.ask(&Fill { to: receiver.clone(), bytes }).expect("it fills");
            assert_eq!(filled.error, format!("{:?}", TellError::Full));
            assert!(filled.accepted > 0);
            assert!(filled.grown_bytes < CONSTANT_BYTES, "{filled:?}");
            round.at("the asks on a full connection");
            for milliseconds in [50, 400] {
                expect_in_time(&sender, &receiver, milliseconds, &["Timeout", "Full"]);
            }
            kill(stopped, Signal::SIGCONT);
            round.at("the receiver");
            let count = receiver.ask_within(&Count { wanted: filled.accepted }, GUARD).expect("they come in order");
            assert_eq!(count, filled.accepted);
            assert_eq!(
                sender.ask(&AskWithin { to: receiver.clone(), milliseconds: 5000 }).expect("it asks").0,
                "answered"
            );
            assert_eq!(receiver.ask(&Count { wanted: 0 }), Ok(filled.accepted), "more came than was accepted");
        });
    }
}

fn expect_in_time(sender: &ActorRef<Station>, to: &ActorRef<Station>, milliseconds: u64, expected: &[&str]) {
    let stopwatch = Stopwatch::start();
    let (outcome, took) = sender.ask(&AskWithin { to: to.clone(), milliseconds }).expect("it asks");
    assert!(expected.contains(&outcome.as_str()), "{outcome}");
    stopwatch.expect_took(Duration::from_millis(milliseconds), Duration::from_micros(took));
}

#[procession::test]
fn g6_a_receiver_that_waits_takes_in_no_more_than_its_mailbox_holds() {
    const MAILBOX_BYTES: usize = 4 << 20;
    guarded("waiting receiver", GUARD, |round| {
        let system = System::start().expect("a system starts");
        let (sender, keeper) = (station(&system), station(&system));
        let receiver = system.actor::<Station>(()).mailbox_limit_bytes(MAILBOX_BYTES).start().expect("it starts");
        let before = process_table::resident_bytes(pid(&receiver));
        let waiting = receiver.request(&AskToKeep { to: keeper.clone(), milliseconds: 2500 }).expect("it waits");
        let mut accepted = 0;
        // It reads a little at a time, so more may be taken a moment later; never more than all the limits together.
        for _ in 0..2000 {
            round.at("filling");
            let filled = sender.ask(&Fill { to: receiver.clone(), bytes: 10_000 }).expect("it fills");
            assert_eq!(filled.error, "Full");
            accepted += filled.accepted;
            if filled.accepted == 0 && accepted as usize * 10_000 > MAILBOX_BYTES {
                break;
            }
            // The next filling starts with number 0 again, so the receiver fails at it: none but the first is looked at.
        }
        let grown = process_table::resident_bytes(pid(&receiver)).saturating_sub(before);
        assert!(grown < MAILBOX_BYTES + CONSTANT_BYTES, "grown by {grown}");
        assert!(accepted as usize * 10_000 < 2 * MAILBOX_BYTES + (8 << 20), "{accepted} were accepted");
        assert!(accepted as usize * 10_000 > MAILBOX_BYTES, "{accepted} were accepted");
        round.at("the end of the wait");
        assert_eq!(waiting.wait_within(GUARD).as_deref(), Ok("Err(Timeout)"));
    });
}
