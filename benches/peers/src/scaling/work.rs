//! What our actors do at a point.

use procession::Pending;
use procession::prelude::*;
use procession_benches::ours::house;
use procession_benches::{Burst, Failure, Pinning};
use std::time::Duration;

/// How long a burst may take.
const BURST_LIMIT: Duration = Duration::from_secs(60);

/// Bytes that are counted.
#[message]
struct Bytes {
    bytes: Vec<u8>,
}

/// Bytes that are answered with their number.
#[message(reply = u64)]
struct Measure {
    bytes: Vec<u8>,
}

/// Asks how many messages have been told since this was last asked.
#[message(reply = u64)]
struct Count;

/// Takes bytes.
#[derive(Default)]
struct Taker {
    count: u64,
}

#[actor]
impl Actor for Taker {
    type Messages = (Bytes, Measure, Count);

    fn start(_: (), _: &mut Context<Self>) -> Result<Self, procession::Failure> {
        Ok(Taker::default())
    }
}

impl Handler<Bytes> for Taker {
    fn handle(&mut self, bytes: Incoming<'_, Bytes>, _: &mut Context<Self>) {
        self.count += u64::from(!bytes.bytes.is_empty());
    }
}

impl Handler<Measure> for Taker {
    fn handle(&mut self, measure: Incoming<'_, Measure>, _: &mut Context<Self>) -> u64 {
        measure.bytes.len() as u64
    }
}

impl Handler<Count> for Taker {
    fn handle(&mut self, _: Incoming<'_, Count>, _: &mut Context<Self>) -> u64 {
        std::mem::take(&mut self.count)
    }
}

/// Root asks an actor with so many bytes.
pub(super) fn ask_of_size(size: usize, pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let taker = system.spawn::<Taker>(()).map_err(Failure::side)?;
    let measure = Measure { bytes: vec![7; size] };
    Ok(Box::new(move |asks: u64| {
        let _alive = &system;
        (0..asks).try_for_each(|_| same(size as u64, taker.ask(&measure).map_err(Failure::side)?))
    }))
}

/// Root tells an actor messages of so many bytes.
pub(super) fn tell_of_size(size: usize, pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let taker = system.spawn::<Taker>(()).map_err(Failure::side)?;
    let bytes = Bytes { bytes: vec![7; size] };
    Ok(Box::new(move |tells: u64| {
        let _alive = &system;
        (0..tells).try_for_each(|_| taker.tell(&bytes)).map_err(Failure::side)?;
        same(tells, taker.ask_within(&Count, BURST_LIMIT).map_err(Failure::side)?)
    }))
}

/// Root asks so many actors in turn.
pub(super) fn ask_of_many(actors: usize, pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let takers =
        (0..actors).map(|_| system.spawn::<Taker>(())).collect::<Result<Vec<_>, _>>().map_err(Failure::side)?;
    let measure = Measure { bytes: vec![7; 48] };
    let mut next = 0;
    Ok(Box::new(move |asks: u64| {
        let _alive = &system;
        for _ in 0..asks {
            next = (next + 1) % takers.len();
            same(48, takers[next].ask(&measure).map_err(Failure::side)?)?;
        }
        Ok(())
    }))
}

/// How many actors tell each other.
const NODES: usize = 64;

/// How many messages go over a link in a burst.
const MESSAGES_OF_LINK: usize = 64;

/// Returns how many messages a burst has if each actor has so many links.
pub(super) fn messages_over(links: usize) -> u64 {
    (NODES * links * MESSAGES_OF_LINK) as u64
}

/// Tells an actor whom it tells.
#[message]
struct Meet {
    neighbours: Vec<ActorRef<Node>>,
}

/// Has an actor tell its neighbours, in turn, and count what comes; answered when all have come that are to come.
#[message(reply = Later<u64>)]
struct Go {
    tells: u64,
    expected: u64,
}

/// What they tell each other: 64 bytes.
#[message]
struct Note {
    words: [u64; 8],
}

/// One of the actors that tell each other.
#[derive(Default)]
struct Node {
    neighbours: Vec<ActorRef<Node>>,
    count: u64,
    waiting: Option<(u64, ReplyTo<u64>)>,
}

impl Node {
    fn answer_if_complete(&mut self) {
        let count = self.count;
        if let Some((expected, reply)) = self.waiting.take_if(|(expected, _)| *expected <= count) {
            self.count -= expected;
            // That root has stopped waiting is root's own affair.
            let _ = reply.send(expected);
        }
    }
}

#[actor]
impl Actor for Node {
    type Messages = (Meet, Go, Note);

    fn start(_: (), _: &mut Context<Self>) -> Result<Self, procession::Failure> {
        Ok(Node::default())
    }
}

impl Handler<Meet> for Node {
    fn handle(&mut self, meet: Incoming<'_, Meet>, _: &mut Context<Self>) {
        self.neighbours = meet.open().neighbours;
    }
}

impl Handler<Go> for Node {
    fn handle(&mut self, go: Incoming<'_, Go>, context: &mut Context<Self>) -> Later<u64> {
        let reply = context.reply_later();
        let later = reply.later();
        self.waiting = Some((go.expected.to_native(), reply));
        let neighbours = self.neighbours.iter().cycle();
        let told = (0..go.tells.to_native())
            .zip(neighbours)
            .try_for_each(|(number, neighbour)| neighbour.tell(&Note { words: [number; 8] }));
        if let Err(error) = told {
            context.fail(error);
        }
        self.answer_if_complete();
        later
    }
}

impl Handler<Note> for Node {
    fn handle(&mut self, _: Incoming<'_, Note>, _: &mut Context<Self>) {
        self.count += 1;
        self.answer_if_complete();
    }
}

/// 64 actors, each of which tells so many others.
pub(super) fn tell_neighbours(links: usize, pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let system = house::start(pinning)?;
    let nodes = (0..NODES).map(|_| system.spawn::<Node>(())).collect::<Result<Vec<_>, _>>().map_err(Failure::side)?;
    for (number, node) in nodes.iter().enumerate() {
        let neighbours = (1..=links).map(|distance| nodes[(number + distance) % NODES].clone()).collect();
        node.tell(&Meet { neighbours }).map_err(Failure::side)?;
    }
    Ok(Box::new(move |tells: u64| {
        let _alive = &system;
        // All are told alike, so each hears as much as it says.
        let share = tells / NODES as u64;
        let go = Go { tells: share, expected: share };
        let starts = nodes.iter().map(|node| node.request(&go)).collect::<Result<Vec<Pending<Go>>, _>>();
        let ends = starts.map_err(Failure::side)?.into_iter().map(|pending| pending.wait_within(BURST_LIMIT));
        ends.map(|end| end.map_err(Failure::side)).try_for_each(|end| same(share, end?))
    }))
}

fn same(expected: u64, found: u64) -> Result<(), Failure> {
    if expected == found { Ok(()) } else { Err(Failure::Wrong(format!("{found} instead of {expected}"))) }
}
