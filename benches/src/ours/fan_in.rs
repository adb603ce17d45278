//! Four actors tell a fifth one 64-byte messages.

use super::counter::Note;
use super::house;
use crate::contest::Burst;
use crate::failure::Failure;
use crate::floors::fan_in::SENDERS;
use crate::pinning::Pinning;
use procession::prelude::*;
use std::time::Duration;

/// How long a burst may take.
const BURST_LIMIT: Duration = Duration::from_secs(30);

/// Asks to be answered when so many notes have come since the last such answer.
#[message(reply = Later<u64>)]
struct Expect {
    count: u64,
}

/// Collects notes from everybody.
#[derive(Default)]
struct Collector {
    collected: u64,
    /// Adds up what the notes say, so that they are read.
    sum: u64,
    waiting: Option<(u64, ReplyTo<u64>)>,
}

#[actor]
impl Actor for Collector {
    type Messages = (Note, Expect);

    fn start(_: (), _: &mut Context<Self>) -> Result<Self, procession::Failure> {
        Ok(Collector::default())
    }
}

impl Collector {
    fn answer_if_complete(&mut self) {
        let collected = self.collected;
        if let Some((_, reply)) = self.waiting.take_if(|(expected, _)| *expected <= collected) {
            self.collected = 0;
            // That root is gone, or has stopped waiting, is root's own affair.
            let _ = reply.send(collected);
        }
    }
}

impl Handler<Note> for Collector {
    fn handle(&mut self, note: Incoming<'_, Note>, _: &mut Context<Self>) {
        self.collected += 1;
        self.sum = self.sum.wrapping_add(note.words[0].to_native());
        self.answer_if_complete();
    }
}

impl Handler<Expect> for Collector {
    fn handle(&mut self, expect: Incoming<'_, Expect>, context: &mut Context<Self>) -> Later<u64> {
        let reply = context.reply_later();
        let later = reply.later();
        self.waiting = Some((expect.count.to_native(), reply));
        self.answer_if_complete();
        later
    }
}

/// Has a sender send a number of notes; nobody waits for the end of that.
#[message]
struct Send {
    count: u64,
}

struct Sender {
    collector: ActorRef<Collector>,
}

#[actor]
impl Actor for Sender {
    type Args = ActorRef<Collector>;
    type Messages = (Send,);

    fn start(collector: ActorRef<Collector>, _: &mut Context<Self>) -> Result<Self, procession::Failure> {
        Ok(Sender { collector })
    }
}

impl Handler<Send> for Sender {
    fn handle(&mut self, order: Incoming<'_, Send>, context: &mut Context<Self>) {
        let told = (0..order.count.to_native()).try_for_each(|number| self.collector.tell(&Note::new(number)));
        if let Err(error) = told {
            context.fail(error);
        }
    }
}

/// Starts four senders, and a collector with the bench process's part.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn from_handlers(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    from_handlers_of(SENDERS, pinning)
}

/// Starts so many senders, and a collector with the bench process's part; a burst is a multiple of their number.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn from_handlers_of(senders: usize, pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let collector = system.spawn::<Collector>(()).map_err(Failure::side)?;
    pinning.place_beside(house::pid(&collector)?)?;
    let start_sender = |_| system.spawn::<Sender>(collector.clone()).map_err(Failure::side);
    let senders = (0..senders).map(start_sender).collect::<Result<Vec<_>, _>>()?;
    Ok(Box::new(move |notes: u64| {
        let _alive = &system;
        let share = notes / senders.len() as u64;
        senders.iter().try_for_each(|sender| sender.tell(&Send { count: share })).map_err(Failure::side)?;
        let expect = Expect { count: share * senders.len() as u64 };
        let collected = collector.ask_within(&expect, BURST_LIMIT).map_err(Failure::side)?;
        super::counter::verify(expect.count, collected)
    }))
}
