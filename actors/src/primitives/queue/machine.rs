//! The state of a queue. Pure: no process, no clock, no message; it is told what has happened and says whom to answer.
//!
//! An item is *ready*, then *held* by the thread that it was handed to, then settled, that is forgotten. What is held by
//! somebody who dies becomes ready again, at the place that its number gives it: items are numbered as they come in, and
//! ready ones are kept in that order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub(super) use self::answer::{Answer, Limits, Most, Why};

/// Who asks: a thread of a process. One thread waits for one thing at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asker {
    /// Its process, as the host numbers it.
    pub(super) process: u64,
    /// Which thread of that.
    pub(super) thread: u64,
}

/// Names a request that is owed an answer. The host never uses one twice.
pub(super) type Ticket = u64;

/// Names one handing-over of an item. Later ones are greater; 0 is none.
pub(super) type Grant = u64;

/// What somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Put,
    Get,
    Join,
}

#[derive(Debug, Clone)]
struct Entry<I> {
    /// Its place in the order of arrival.
    number: u64,
    bytes: usize,
    item: I,
}

#[derive(Debug)]
struct Held<I> {
    asker: Asker,
    entry: Entry<I>,
}

#[derive(Debug)]
struct Putter<I> {
    ticket: Ticket,
    asker: Asker,
    /// What has not been taken in, each with its size in bytes.
    rest: VecDeque<(I, usize)>,
    /// How many were.
    taken: usize,
}

#[derive(Debug, Clone, Copy)]
struct Getter {
    ticket: Ticket,
    asker: Asker,
    most: Most,
}

/// A queue.
#[derive(Debug)]
pub(super) struct Machine<I> {
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
    /// The processes of registered producers, by registration.
    producers: BTreeMap<u64, u64>,
    is_closed: bool,
    last_number: u64,
    last_grant: Grant,
    last_registration: u64,
    /// What is to be said, in this order.
    answers: Vec<(Ticket, Answer<I>)>,
}

impl<I: Clone> Machine<I> {
    pub(super) fn new(limits: Limits, joinable: bool) -> Machine<I> {
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

    /// Number of items that nobody has.
    pub(super) fn len(&self) -> usize {
        self.ready.len()
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
        self.advance();
        if !waits && self.is_waiting(asker, ticket) {
            self.end_wait(asker, Why::Full);
            self.advance();
        }
    }

    /// Somebody wants items; `taken` is the last grant that this thread has received.
    pub(super) fn get(&mut self, ticket: Ticket, asker: Asker, taken: Grant, most: Most, waits: bool) {
        self.forget(asker);
        self.note_taken(asker, taken);
        // What has come back by that goes to those who wait already.
        self.advance();
        let getter = Getter { ticket, asker, most };
        if !self.ready.is_empty() {
            self.hand_over(getter);
        } else if waits {
            self.getters.push_back(getter);
            self.waiting.insert(asker, (ticket, Wish::Get));
        } else {
            let answer = if self.is_over(Some(asker)) { Answer::Closed } else { Answer::Empty };
            self.say(ticket, answer);
        }
        self.advance();
    }

    /// A thread has ended, in order: it has dealt with what it took. A joinable queue wants to be told of each item.
    pub(super) fn end_thread(&mut self, asker: Asker, taken: Grant) {
        self.forget(asker);
        self.note_taken(asker, taken);
        self.advance();
    }

    /// A thread does not want what it was handed after this.
    pub(super) fn return_after(&mut self, asker: Asker, taken: Grant) {
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
        for putter in std::mem::take(&mut self.putters) {
            self.waiting.remove(&putter.asker);
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
            let Some(mut putter) = self.putters.pop_front() else { break };
            let before = putter.taken;
            self.take_from(&mut putter);
            if putter.rest.is_empty() {
                self.waiting.remove(&putter.asker);
                self.say(putter.ticket, Answer::Done);
                continue;
            }
            let is_stuck = putter.taken == before;
            self.putters.push_front(putter);
            if is_stuck {
                break;
            }
        }
        if !self.getters.is_empty() && self.is_over(None) {
            self.release(Wish::Get, &Answer::Closed);
        }
        if !self.joiners.is_empty() && self.is_settled() {
            self.release(Wish::Join, &Answer::Done);
        }
    }

    /// Gives what is ready to those who wait for it.
    fn hand_out(&mut self) {
        while !self.ready.is_empty()
            && let Some(getter) = self.getters.pop_front()
        {
            self.waiting.remove(&getter.asker);
            self.hand_over(getter);
        }
    }

    /// Takes in what there is room for.
    fn take_from(&mut self, putter: &mut Putter<I>) {
        while let Some((_, bytes)) = putter.rest.front()
            && self.has_room(*bytes)
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
            self.waiting.remove(&asker);
            self.say(ticket, answer.clone());
        }
    }

    /// Whether nothing more comes: what is held could come back, unless all who hold something wait themselves, as `besides`
    /// would.
    fn is_over(&self, besides: Option<Asker>) -> bool {
        let waits = |asker: &Asker| besides == Some(*asker) || matches!(self.waiting.get(asker), Some((_, Wish::Get)));
        self.is_closed && self.ready.is_empty() && self.hands.keys().all(waits)
    }

    /// Whether everything that was put has been settled.
    fn is_settled(&self) -> bool {
        self.ready.is_empty() && self.held.is_empty() && self.putters.is_empty()
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.ready.len() < self.limits.items
            && (self.ready.is_empty() || self.ready_bytes.saturating_add(bytes) <= self.limits.bytes)
    }

    fn take_in(&mut self, item: I, bytes: usize) {
        self.last_number += 1;
        self.ready_bytes += bytes;
        self.ready.push_back(Entry { number: self.last_number, bytes, item });
    }

    /// Hands the first items that are ready to somebody; there is one.
    fn hand_over(&mut self, Getter { ticket, asker, most }: Getter) {
        let (grant, mut items, mut bytes) = (self.last_grant + 1, Vec::new(), 0_usize);
        while let Some(entry) = self.ready.front()
            && (items.is_empty() || items.len() < most.items && bytes.saturating_add(entry.bytes) <= most.bytes)
            && let Some(entry) = self.ready.pop_front()
        {
            bytes += entry.bytes;
            self.ready_bytes -= entry.bytes;
            self.last_grant += 1;
            items.push(entry.item.clone());
            self.held.insert(self.last_grant, Held { asker, entry });
            self.hands.entry(asker).or_default().insert(self.last_grant);
        }
        self.say(ticket, Answer::Items { grant, items });
    }

    /// A thread says which was the last item that reached it: later ones did not, and are ready again. The others it has
    /// dealt with, unless it is to say so one by one.
    fn note_taken(&mut self, asker: Asker, taken: Grant) {
        let Some(grants) = self.hands.get(&asker) else { return };
        for grant in grants.iter().copied().collect::<Vec<_>>() {
            if grant > taken {
                self.give_back(grant);
            } else if !self.joinable {
                self.let_go(grant);
            }
        }
    }

    /// Takes an item out of the hands that it is in.
    fn let_go(&mut self, grant: Grant) -> Option<Entry<I>> {
        let Held { asker, entry } = self.held.remove(&grant)?;
        if let Some(grants) = self.hands.get_mut(&asker) {
            grants.remove(&grant);
            if grants.is_empty() {
                self.hands.remove(&asker);
            }
        }
        Some(entry)
    }

    /// Makes an item that somebody holds ready again, at its place.
    fn give_back(&mut self, grant: Grant) {
        if let Some(entry) = self.let_go(grant) {
            self.ready_bytes += entry.bytes;
            let place = self.ready.partition_point(|other| other.number < entry.number);
            self.ready.insert(place, entry);
        }
    }

    /// Ends a wait: the thread is gone, does something else, or has waited long enough.
    fn forget(&mut self, asker: Asker) {
        self.end_wait(asker, Why::TimedOut);
    }

    fn end_wait(&mut self, asker: Asker, why: Why) {
        let Some((ticket, wish)) = self.waiting.remove(&asker) else { return };
        let mut taken = 0;
        match wish {
            Wish::Put => {
                let place = self.putters.iter().position(|putter| putter.asker == asker);
                taken = place.and_then(|place| self.putters.remove(place)).map_or(0, |putter| putter.taken);
            }
            Wish::Get => self.getters.retain(|getter| getter.asker != asker),
            Wish::Join => self.joiners.retain(|(_, other)| *other != asker),
        }
        self.say(ticket, why.answer(taken));
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
#[cfg(test)]
mod tests;
