//! The state of a queue. Pure: no process, no clock, no message; it is told what has happened and says whom to answer.
//!
//! An item is *ready*, then *held* by the thread that it was handed to, then settled, that is forgotten. What is held by
//! somebody who dies becomes ready again, at the place that its number gives it: items are numbered as they come in, and
//! ready ones are kept in that order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub(super) use self::answer::{Answer, Limits, Most, Why};
pub(super) use self::entry::{Asker, Grant, Ticket};
use self::entry::{Entry, Getter, Held, Putter, Wish};
use self::lending::Lending;
pub(super) use self::lending::{Tally, Words};
use self::piles::Piles;
pub(super) use self::rooms::Room;
use self::rooms::Rooms;

/// A queue.
#[derive(Debug)]
pub(super) struct Machine<I, W> {
    limits: Limits,
    /// Whether items are settled one by one with `settle_first`, rather than by the next `get`.
    joinable: bool,
    /// Items that nobody has, by number.
    ready: VecDeque<Entry<I>>,
    ready_bytes: usize,
    /// Items that somebody has, by grant.
    held: BTreeMap<Grant, Held<I>>,
    /// The grants of each thread that has some.
    hands: BTreeMap<Asker, BTreeSet<Grant>>,
    /// Who waits for room, an item, the end of all work: the first come is the first served.
    putters: VecDeque<Putter<I>>,
    getters: VecDeque<Getter>,
    joiners: VecDeque<(Ticket, Asker)>,
    /// Everybody in one of these three.
    waiting: BTreeMap<Asker, (Ticket, Wish)>,
    /// Those of them who wait only until it is known what is on its way.
    impatient: BTreeSet<Asker>,
    lending: Lending<W>,
    /// What may be put without asking, and what may be taken.
    rooms: Rooms,
    piles: Piles,
    /// What was put so when there was no room any more, with its size in bytes: whoever put it asks for it next.
    unsure: BTreeMap<Asker, (I, usize)>,
    /// What was taken from the shelf, by the process and the number under which it did.
    on_shelf: BTreeMap<(u64, u64), Grant>,
    /// The processes of registered producers, by registration.
    producers: BTreeMap<u64, u64>,
    is_closed: bool,
    last_number: u64,
    last_grant: Grant,
    last_registration: u64,
    /// What is to be said, in this order.
    answers: Vec<(Ticket, Answer<I>)>,
}

impl<I: Clone, W: Words> Machine<I, W> {
    pub(super) fn new(limits: Limits, joinable: bool, words: W) -> Machine<I, W> {
        Machine {
            limits,
            joinable,
            ready: VecDeque::new(),
            ready_bytes: 0,
            held: BTreeMap::new(),
            hands: BTreeMap::new(),
            putters: VecDeque::new(),
            getters: VecDeque::new(),
            joiners: VecDeque::new(),
            waiting: BTreeMap::new(),
            impatient: BTreeSet::new(),
            lending: Lending::new(words),
            rooms: Rooms::default(),
            piles: Piles::default(),
            unsure: BTreeMap::new(),
            on_shelf: BTreeMap::new(),
            producers: BTreeMap::new(),
            is_closed: false,
            last_number: 0,
            last_grant: 0,
            last_registration: 0,
            answers: Vec::new(),
        }
    }

    /// Gives what is to be said since the last call.
    pub(super) fn take_answers(&mut self) -> Vec<(Ticket, Answer<I>)> {
        std::mem::take(&mut self.answers)
    }

    /// Gives the buffer of answers back, to be used again.
    pub(super) fn reuse(&mut self, mut answers: Vec<(Ticket, Answer<I>)>) {
        answers.clear();
        if self.answers.is_empty() {
            self.answers = answers;
        }
    }

    /// Gives the words that are lent.
    pub(super) fn words(&mut self) -> &mut W {
        &mut self.lending.words
    }

    /// Number of items that nobody has taken, also of those that are on their way.
    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.rooms.coming(&self.lending) + self.piles.untaken(&self.lending)
    }

    /// Whether this request still waits.
    pub(super) fn is_waiting(&self, asker: Asker, ticket: Ticket) -> bool {
        self.waiting.get(&asker).is_some_and(|(other, _)| *other == ticket)
    }

    /// Somebody brings items, each with its size in bytes.
    pub(super) fn put(&mut self, ticket: Ticket, asker: Asker, items: VecDeque<(I, usize)>, waits: bool) {
        self.give_up(asker);
        if self.is_closed {
            return self.say(ticket, Answer::Closed);
        }
        self.putters.push_back(Putter { ticket, asker, rest: items, taken: 0 });
        self.waiting.insert(asker, (ticket, Wish::Put));
        self.impatient.extend(Some(asker).filter(|_| !waits));
        self.advance();
    }

    /// Gives somebody room whose items have just been taken in, if there is much.
    pub(super) fn give_room(&mut self, ticket: Ticket, asker: Asker) {
        let is_done = |(other, answer): &(Ticket, Answer<I>)| *other == ticket && matches!(answer, Answer::Done);
        let Some(place) = self.answers.iter().position(is_done) else { return };
        self.rooms.take_back_from(&mut self.lending, asker);
        if self.is_closed || !self.putters.is_empty() {
            return;
        }
        let (items, bytes) = self.used();
        let (items, bytes) = (self.limits.items.saturating_sub(items), self.limits.bytes.saturating_sub(bytes));
        if let Some(room) = self.rooms.give(&mut self.lending, asker, items, bytes) {
            self.answers[place].1 = Answer::Room(room);
        }
    }

    /// Somebody has put an item without asking.
    pub(super) fn put_in_room(&mut self, asker: Asker, item: I, bytes: usize) {
        self.forget(asker);
        if self.rooms.come(asker, bytes) {
            self.take_in(item, bytes);
        } else {
            self.unsure.insert(asker, (item, bytes));
        }
        self.advance();
    }

    /// Somebody asks whether the item that it has put without asking is there.
    pub(super) fn confirm(&mut self, ticket: Ticket, asker: Asker, waits: bool) {
        self.rooms.take_back_from(&mut self.lending, asker);
        match self.unsure.remove(&asker) {
            Some(item) => self.put(ticket, asker, VecDeque::from([item]), waits),
            None => {
                self.say(ticket, Answer::Done);
                self.advance();
            }
        }
    }

    /// Somebody wants items; `taken` is the last grant that this thread has received.
    pub(super) fn get(&mut self, ticket: Ticket, asker: Asker, taken: Grant, most: Most, waits: bool) {
        self.forget(asker);
        self.take_pile_back(asker);
        self.note_taken(asker, taken);
        // What has come back by that goes to those who wait already.
        self.advance();
        self.getters.push_back(Getter { ticket, asker, most });
        self.waiting.insert(asker, (ticket, Wish::Get));
        self.impatient.extend(Some(asker).filter(|_| !waits));
        self.advance();
    }

    /// A thread has ended, in order: it has dealt with what it took. A joinable queue wants to be told of each item.
    pub(super) fn end_thread(&mut self, asker: Asker, taken: Grant) {
        self.forget(asker);
        self.rooms.take_back_from(&mut self.lending, asker);
        self.take_pile_back(asker);
        self.note_taken(asker, taken);
        self.advance();
    }

    /// A thread does not want what it was handed after this.
    pub(super) fn return_after(&mut self, asker: Asker, taken: Grant) {
        self.take_pile_back(asker);
        let grants = self.hands.get(&asker).map(|grants| grants.range(taken.saturating_add(1)..).copied().collect());
        let grants: Vec<Grant> = grants.unwrap_or_default();
        grants.into_iter().for_each(|grant| self.give_back(grant));
        self.advance();
    }

    /// Somebody has dealt with the first item that its thread holds or, if that holds none, its process.
    pub(super) fn settle_first(&mut self, ticket: Ticket, asker: Asker) {
        let own = self.hands.get(&asker).and_then(|grants| grants.first()).copied();
        let of_process = || threads(asker.process, &self.hands).flat_map(|(_, grants)| grants.first()).min().copied();
        match own.or_else(of_process).filter(|_| self.joinable) {
            Some(grant) => {
                self.let_go(grant);
                self.say(ticket, Answer::Done);
            }
            None => self.say(ticket, Answer::Invalid),
        }
        self.advance();
    }

    /// Somebody wants to know when every item has been settled.
    pub(super) fn join(&mut self, ticket: Ticket, asker: Asker, waits: bool) {
        self.forget(asker);
        if !self.joinable {
            self.say(ticket, Answer::Invalid);
        } else if waits || self.is_settled() {
            self.joiners.push_back((ticket, asker));
            self.waiting.insert(asker, (ticket, Wish::Join));
        } else {
            self.say(ticket, Answer::TimedOut);
        }
        self.advance();
    }

    /// Registers a producer; `None` if the queue is closed.
    pub(super) fn register(&mut self, process: u64) -> Option<u64> {
        if self.is_closed {
            return None;
        }
        self.last_registration += 1;
        self.producers.insert(self.last_registration, process);
        Some(self.last_registration)
    }

    /// A registered producer is done.
    pub(super) fn deregister(&mut self, registration: u64) {
        if self.producers.remove(&registration).is_some() && self.producers.is_empty() {
            self.close();
        }
    }

    /// Nothing more is taken.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
        self.rooms.take_back(&mut self.lending);
        for putter in std::mem::take(&mut self.putters) {
            self.stop_waiting(putter.asker);
            self.say(putter.ticket, Why::Closed.answer(putter.taken));
        }
        self.advance();
    }

    /// The time of a request is over. One that has been answered is no concern any more.
    pub(super) fn expire(&mut self, asker: Asker, ticket: Ticket) {
        if self.is_waiting(asker, ticket) {
            self.give_up(asker);
        }
    }

    /// A thread does not wait any more.
    pub(super) fn give_up(&mut self, asker: Asker) {
        self.forget(asker);
        self.advance();
    }

    /// A process has ended. What it held is ready again.
    pub(super) fn end_process(&mut self, process: u64) {
        let waiting: Vec<Asker> = threads(process, &self.waiting).map(|(asker, _)| *asker).collect();
        for asker in waiting {
            self.forget(asker);
        }
        self.rooms.end_process(&mut self.lending, process);
        self.unsure.retain(|asker, _| asker.process != process);
        self.on_shelf.retain(|(other, _), _| *other != process);
        self.take_piles_back(Some(process));
        let grants: Vec<Grant> = threads(process, &self.hands).flat_map(|(_, grants)| grants).copied().collect();
        for grant in grants {
            self.give_back(grant);
        }
        let before = self.producers.len();
        self.producers.retain(|_, other| *other != process);
        if before > 0 && self.producers.is_empty() {
            return self.close();
        }
        self.advance();
    }

    /// Does everything that has become possible.
    fn advance(&mut self) {
        loop {
            self.hand_out();
            while self.serve_putter() {
                self.hand_out();
            }
            if !self.getters.is_empty() && self.is_over(None) {
                self.release(Wish::Get, &Answer::Closed);
            }
            if !self.joiners.is_empty() && self.is_settled() {
                self.release(Wish::Join, &Answer::Done);
            }
            let Some(asker) = self.find_refused() else { break };
            self.end_wait(asker, Why::Full);
        }
    }

    /// Takes in what there is room for of the first who waits for it; gives whether that was something.
    fn serve_putter(&mut self) -> bool {
        let Some(mut putter) = self.putters.pop_front() else { return false };
        let before = putter.taken;
        self.take_from(&mut putter);
        if putter.rest.is_empty() {
            self.stop_waiting(putter.asker);
            self.say(putter.ticket, Answer::Done);
            return true;
        }
        let is_served = putter.taken > before;
        self.putters.push_front(putter);
        is_served
    }

    /// Finds somebody who does not wait and gets nothing, as is clear now.
    fn find_refused(&self) -> Option<Asker> {
        let is_clear = |asker: &Asker| match self.waiting.get(asker) {
            Some((_, Wish::Put)) => !self.rooms.is_taken_back(),
            _ => self.rooms.coming(&self.lending) == 0,
        };
        self.impatient.iter().copied().find(is_clear)
    }

    /// Gives what is ready to those who wait for it.
    fn hand_out(&mut self) {
        while !self.getters.is_empty()
            && (!self.ready.is_empty() || self.take_piles_back(None) && !self.ready.is_empty())
            && let Some(getter) = self.getters.pop_front()
        {
            self.stop_waiting(getter.asker);
            self.hand_over(getter);
        }
    }

    /// Takes in what there is room for.
    fn take_from(&mut self, putter: &mut Putter<I>) {
        while let Some((_, bytes)) = putter.rest.front()
            && (self.has_room(*bytes) || self.make_room() && self.has_room(*bytes))
            && let Some((item, bytes)) = putter.rest.pop_front()
        {
            self.take_in(item, bytes);
            putter.taken += 1;
        }
    }

    /// Answers everybody who waits for an item, or for the end of all work.
    fn release(&mut self, wish: Wish, answer: &Answer<I>) {
        let askers = match wish {
            Wish::Get => self.getters.drain(..).map(|getter| (getter.ticket, getter.asker)).collect(),
            _ => std::mem::take(&mut self.joiners),
        };
        for (ticket, asker) in askers {
            self.stop_waiting(asker);
            self.say(ticket, answer.clone());
        }
    }

    /// Whether nothing more comes: what is held could come back, unless all who hold something wait themselves, as `besides`
    /// does. Who does not wait goes on, and may be killed then.
    fn is_over(&self, besides: Option<Asker>) -> bool {
        let waits = |asker: &Asker| match self.waiting.get(asker) {
            Some((_, Wish::Get)) => !self.impatient.contains(asker),
            _ => besides == Some(*asker),
        };
        self.is_closed && self.ready.is_empty() && self.rooms.is_empty() && self.hands.keys().all(waits)
    }

    /// Whether everything that was put has been settled.
    fn is_settled(&self) -> bool {
        self.ready.is_empty()
            && self.held.is_empty()
            && self.putters.is_empty()
            && self.rooms.coming(&self.lending) == 0
    }

    /// How much room is used: the items, and their bytes.
    fn used(&self) -> (usize, usize) {
        let items = self.ready.len() + self.rooms.items() + self.piles.items();
        let bytes = self.ready_bytes.saturating_add(self.rooms.bytes()).saturating_add(self.piles.bytes());
        (items, bytes)
    }

    fn has_room(&self, bytes: usize) -> bool {
        let (items, used_bytes) = self.used();
        items < self.limits.items && (items == 0 || used_bytes.saturating_add(bytes) <= self.limits.bytes)
    }

    /// Takes back what others may do without asking; gives whether there may be more room now.
    fn make_room(&mut self) -> bool {
        self.rooms.take_back(&mut self.lending) | self.take_piles_back(None)
    }

    fn take_in(&mut self, item: I, bytes: usize) {
        self.last_number += 1;
        self.ready_bytes += bytes;
        self.ready.push_back(Entry { number: self.last_number, bytes, item });
    }

    /// Ends a wait: the thread is gone, does something else, or has waited long enough.
    fn forget(&mut self, asker: Asker) {
        self.unsure.remove(&asker);
        self.end_wait(asker, Why::TimedOut);
    }

    fn end_wait(&mut self, asker: Asker, why: Why) {
        let Some((ticket, wish)) = self.stop_waiting(asker) else { return };
        let answer = match wish {
            Wish::Put => {
                let place = self.putters.iter().position(|putter| putter.asker == asker);
                why.answer(place.and_then(|place| self.putters.remove(place)).map_or(0, |putter| putter.taken))
            }
            Wish::Get => {
                self.getters.retain(|getter| getter.asker != asker);
                match why {
                    Why::Full if self.is_over(Some(asker)) => Answer::Closed,
                    Why::Full => Answer::Empty,
                    why => why.answer(0),
                }
            }
            Wish::Join => {
                self.joiners.retain(|(_, other)| *other != asker);
                why.answer(0)
            }
        };
        self.say(ticket, answer);
    }

    fn stop_waiting(&mut self, asker: Asker) -> Option<(Ticket, Wish)> {
        self.impatient.remove(&asker);
        self.waiting.remove(&asker)
    }

    fn say(&mut self, ticket: Ticket, answer: Answer<I>) {
        self.answers.push((ticket, answer));
    }
}

/// What a map has of the threads of one process.
fn threads<T>(process: u64, map: &BTreeMap<Asker, T>) -> impl Iterator<Item = (&Asker, &T)> {
    map.range(Asker { process, thread: 0 }..=Asker { process, thread: u64::MAX })
}

mod answer;
mod entry;
mod hands;
mod lending;
mod piles;
mod rooms;
mod shelf;
#[cfg(test)]
mod tests;
