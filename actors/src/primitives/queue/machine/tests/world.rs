//! Random runs of producers and consumers that do much without asking, while messages take their time.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::primitives::queue::shelf::{Found, PLACES};

/// What may happen. What producers send comes later, each one's in order.
#[derive(Debug, Clone)]
enum Event {
    Put(usize),
    Come(usize),
    Get(usize),
    TryGet(usize),
    TryPut,
    GiveUp(usize),
    Close,
    EndProducer(usize),
    EndConsumer(usize),
}

const EACH: usize = 4;

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        30 => (0..EACH).prop_map(Event::Put),
        20 => (0..EACH).prop_map(Event::Come),
        20 => (0..EACH).prop_map(Event::Get),
        4 => (0..EACH).prop_map(Event::TryGet),
        2 => Just(Event::TryPut),
        3 => (0..EACH).prop_map(Event::GiveUp),
        1 => Just(Event::Close),
        1 => (0..EACH).prop_map(Event::EndProducer),
        1 => (0..EACH).prop_map(Event::EndConsumer),
    ]
}

#[derive(Debug)]
enum Sent {
    Ask(Ticket, u32),
    InRoom(u32),
    Confirm(Ticket),
    GiveUp,
}

/// A producer: what it may put, and what of it has not come.
#[derive(Debug, Default)]
struct Producer {
    process: u64,
    room: Option<Room>,
    sent: VecDeque<Sent>,
    /// It waits for the answer to this, for this item.
    waits: Option<(Ticket, u32)>,
    /// The shelf's generation when it sent something past it.
    sent_in: u64,
}

/// A consumer: what it has in hand, and the pile beside it.
#[derive(Debug, Default)]
struct Consumer {
    process: u64,
    in_hand: Option<u32>,
    taken: Grant,
    /// The last grant of which the host has been told that it is dealt with.
    settled: Grant,
    pile: VecDeque<(Grant, u32)>,
    tally: Option<Tally>,
    waits: Option<Ticket>,
    /// The number under which it has taken what it has in hand from the shelf; 0 if it has not.
    shelf: u64,
}

/// The shelf: each item, and the process that has taken it, under a number.
#[derive(Debug, Default)]
struct Shelf {
    is_lent: bool,
    generation: u64,
    items: Vec<Found<u32>>,
    last_number: u64,
}

struct World {
    bench: Bench,
    shelf: Shelf,
    producers: Vec<Producer>,
    consumers: Vec<Consumer>,
    /// What is put without waiting.
    tries: BTreeMap<Ticket, u32>,
    /// Whose answers are for nobody any more.
    given_up: BTreeSet<Ticket>,
    /// What has been put, as its producer knows; what has been taken, and did not come back.
    put: BTreeSet<u32>,
    got: BTreeSet<u32>,
    /// Who has put each item; what somebody has been handed.
    origins: BTreeMap<u32, u64>,
    handed: BTreeSet<u32>,
    /// How many came back from the dead.
    came_back: usize,
    is_closed: bool,
    last_item: u32,
    last_process: u64,
}

impl World {
    fn new(items: usize) -> World {
        World {
            bench: Bench::new(Limits { items, bytes: 1 << 20 }, false),
            shelf: Shelf::default(),
            producers: (1..).take(EACH).map(|process| Producer { process, ..Producer::default() }).collect(),
            consumers: (11..).take(EACH).map(|process| Consumer { process, ..Consumer::default() }).collect(),
            tries: BTreeMap::new(),
            given_up: BTreeSet::new(),
            put: BTreeSet::new(),
            got: BTreeSet::new(),
            origins: BTreeMap::new(),
            handed: BTreeSet::new(),
            came_back: 0,
            is_closed: false,
            last_item: 0,
            last_process: 100,
        }
    }

    fn new_process(&mut self) -> u64 {
        self.last_process += 1;
        self.last_process
    }

    /// Gives the machine, with all that was on the shelf.
    fn machine(&mut self) -> &mut Machine<u32, Cells> {
        if std::mem::take(&mut self.shelf.is_lent) {
            let items = std::mem::take(&mut self.shelf.items);
            self.bench.machine.take_from_shelf(items, |_| 1);
        }
        &mut self.bench.machine
    }

    /// Notes that an item was taken: those that its producer put before have all been handed to somebody.
    fn take(&mut self, item: u32) {
        assert!(self.got.insert(item), "taken twice");
        self.handed.insert(item);
        let origin = self.origins.get(&item);
        let before = self.put.range(..item).filter(|other| self.origins.get(other) == origin);
        let late: Vec<&u32> = before.filter(|other| !self.handed.contains(other)).collect();
        assert!(late.is_empty(), "{late:?} come after {item}");
    }

    fn put(&mut self, by: usize) {
        let producer = &mut self.producers[by];
        if producer.waits.is_some() {
            return;
        }
        self.last_item += 1;
        let item = self.last_item;
        self.origins.insert(item, producer.process);
        if self.shelf.is_lent && self.shelf.generation != producer.sent_in && self.shelf.items.len() < PLACES {
            self.shelf.items.push(Found { item, by: None });
            self.put.insert(item);
            return;
        }
        let room = producer.room.take().filter(|room| room.items > 0);
        if let Some(mut room) = room {
            producer.sent.push_back(Sent::InRoom(item));
            if self.bench.machine.words().count(room.tally) {
                assert!(!self.is_closed, "put after it was closed");
                room.tally.count += 1;
                room.items -= 1;
                producer.room = Some(room);
                producer.sent_in = self.shelf.generation;
                self.put.insert(item);
                return;
            }
        }
        let ticket = self.bench.ticket();
        producer.sent.push_back(if room.is_some() { Sent::Confirm(ticket) } else { Sent::Ask(ticket, item) });
        producer.waits = Some((ticket, item));
    }

    fn come(&mut self, by: usize) {
        let asker = asker(self.producers[by].process, 1);
        match self.producers[by].sent.pop_front() {
            Some(Sent::Ask(ticket, item)) => {
                self.machine().put(ticket, asker, one(item, 1), true);
                self.machine().give_room(ticket, asker);
            }
            Some(Sent::InRoom(item)) => self.machine().put_in_room(asker, item, 1),
            Some(Sent::Confirm(ticket)) => self.machine().confirm(ticket, asker, true),
            Some(Sent::GiveUp) => self.machine().give_up(asker),
            None => {}
        }
    }

    fn get(&mut self, by: usize, waits: bool) {
        let consumer = &mut self.consumers[by];
        if consumer.waits.is_some() {
            return;
        }
        if let Some((grant, item)) = consumer.pile.pop_front()
            && let Some(tally) = &mut consumer.tally
            && self.bench.machine.words().count(*tally)
        {
            tally.count += 1;
            (consumer.taken, consumer.in_hand) = (grant, Some(item));
            return self.take(item);
        }
        consumer.pile.clear();
        if self.get_from_shelf(by) {
            return;
        }
        let ticket = self.bench.ticket();
        let consumer = &mut self.consumers[by];
        consumer.waits = Some(ticket);
        let (asker, shelf, taken) = (asker(consumer.process, 1), std::mem::take(&mut consumer.shelf), consumer.taken);
        let machine = self.machine();
        machine.settle_from_shelf(asker.process, shelf);
        machine.get(ticket, asker, taken, PILE, waits);
    }

    /// Is done with what a consumer has taken from the shelf, and takes the next; gives whether it could.
    fn get_from_shelf(&mut self, by: usize) -> bool {
        let (shelf, consumer) = (&mut self.shelf, &mut self.consumers[by]);
        if !shelf.is_lent {
            return false;
        }
        if consumer.shelf > 0 {
            let Some(place) = shelf.items.iter().position(|found| found.by == Some((consumer.process, consumer.shelf)))
            else {
                return false;
            };
            shelf.items.remove(place);
            (consumer.shelf, consumer.in_hand) = (0, None);
        }
        let Some(found) = shelf.items.iter_mut().find(|found| found.by.is_none()) else { return false };
        shelf.last_number += 1;
        (found.by, consumer.shelf) = (Some((consumer.process, shelf.last_number)), shelf.last_number);
        (consumer.in_hand, consumer.tally) = (Some(found.item), None);
        let (item, asker, taken) = (found.item, asker(consumer.process, 1), consumer.taken);
        let is_news = taken > std::mem::replace(&mut consumer.settled, taken);
        self.take(item);
        if is_news {
            self.bench.machine.settle_handed(asker, taken);
        }
        let Machine { ready, piles, lending, hands, .. } = &self.bench.machine;
        assert!(ready.is_empty() && piles.untaken(lending) == 0, "there are items that were put before");
        assert!(piles.first(Some(asker.process)).is_none() && !hands.contains_key(&asker), "it has dealt with all");
        true
    }

    fn step(&mut self, event: &Event) {
        match *event {
            Event::Put(by) => self.put(by),
            Event::Come(by) => self.come(by),
            Event::Get(by) => self.get(by, true),
            Event::TryGet(by) => self.get(by, false),
            Event::TryPut => {
                self.last_item += 1;
                let (ticket, process) = (self.bench.ticket(), self.new_process());
                let item = one(self.last_item, 1);
                self.machine().put(ticket, asker(process, 1), item, false);
                self.tries.insert(ticket, self.last_item);
            }
            Event::GiveUp(by) => {
                let producer = &mut self.producers[by];
                if let Some((ticket, _)) = producer.waits.take() {
                    producer.sent.push_back(Sent::GiveUp);
                    self.given_up.insert(ticket);
                }
            }
            Event::Close => {
                self.machine().close();
                self.is_closed = true;
            }
            Event::EndProducer(by) => {
                // What had left whole comes; then it is told that the process has ended.
                while !self.producers[by].sent.is_empty() {
                    self.come(by);
                    self.take_answers();
                }
                let process = self.new_process();
                let ended = std::mem::replace(&mut self.producers[by], Producer { process, ..Producer::default() });
                self.machine().end_process(ended.process);
            }
            Event::EndConsumer(by) => {
                let process = self.new_process();
                let ended = std::mem::replace(&mut self.consumers[by], Consumer { process, ..Consumer::default() });
                // Unless it waits: it has dealt with that then.
                if let Some(item) = ended.in_hand.filter(|_| ended.waits.is_none()) {
                    self.got.remove(&item);
                    self.came_back += 1;
                }
                self.machine().end_process(ended.process);
            }
        }
        self.take_answers();
    }

    fn take_answers(&mut self) {
        for (ticket, answer) in self.bench.machine.take_answers() {
            let producer =
                self.producers.iter_mut().find(|producer| producer.waits.is_some_and(|(other, _)| other == ticket));
            let consumer = self.consumers.iter_mut().find(|consumer| consumer.waits == Some(ticket));
            match (producer, consumer, answer) {
                (Some(producer), _, Answer::Closed) => producer.waits = None,
                (Some(producer), _, answer @ (Answer::Done | Answer::Room(_))) => {
                    producer.room = if let Answer::Room(room) = answer { Some(room) } else { None };
                    self.put.extend(producer.waits.take().map(|(_, item)| item));
                }
                (_, Some(consumer), Answer::Items { grant, items, pile }) => {
                    self.handed.extend(&items);
                    consumer.pile = (grant..).zip(items).collect();
                    let first = consumer.pile.pop_front().expect("there is one");
                    (consumer.taken, consumer.in_hand) = (first.0, Some(first.1));
                    (consumer.tally, consumer.waits) = (pile, None);
                    self.take(first.1);
                }
                (_, Some(consumer), answer @ (Answer::Empty | Answer::Closed)) => {
                    (consumer.waits, consumer.in_hand) = (None, None);
                    assert!(answer == Answer::Empty || self.is_closed);
                    assert!(self.put.is_subset(&self.got), "{:?} are there", self.put.difference(&self.got));
                }
                (None, None, _) if self.given_up.remove(&ticket) => {}
                (None, None, answer) => {
                    let item = self.tries.remove(&ticket);
                    self.put.extend(item.filter(|_| answer == Answer::Done));
                    assert!(item.is_some() || answer == Answer::TimedOut, "{answer:?} is for nobody");
                }
                (_, _, answer) => panic!("{answer:?} makes no sense"),
            }
        }
        if !self.shelf.is_lent && self.bench.machine.is_idle() {
            (self.shelf.is_lent, self.shelf.generation) = (true, self.shelf.generation + 1);
        }
        let Machine { ready, limits, piles, lending, .. } = &self.bench.machine;
        assert!(ready.len() + piles.untaken(lending) <= limits.items + self.came_back, "too many");
    }

    /// All that was sent comes, and all that is there is taken.
    fn finish(mut self) {
        self.step(&Event::Close);
        for by in 0..EACH {
            while !self.producers[by].sent.is_empty() {
                self.step(&Event::Come(by));
            }
        }
        for _ in 0..=self.last_item {
            (0..EACH).for_each(|by| self.step(&Event::Get(by)));
        }
        assert!(self.consumers.iter().all(|consumer| consumer.waits.is_none()), "{:?}", self.consumers);
        assert!(self.producers.iter().all(|producer| producer.waits.is_none()), "{:?}", self.producers);
        assert!(self.tries.is_empty());
        assert!(self.put.is_subset(&self.got), "{:?} are lost", self.put.difference(&self.got));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn what_was_put_is_taken_once_whatever_is_on_its_way(items in 8..60usize, events in vec(event(), 0..200)) {
        let mut world = World::new(items);
        events.iter().for_each(|event| world.step(event));
        world.finish();
    }
}
