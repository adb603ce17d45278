//! What a queue is to do, written as plainly as possible: one list of items, one of those who wait, and a rule at a time.

use super::super::{Answer, Asker, Grant, Limits, Ticket};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    Held(Asker, Grant),
    Settled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Put(u32, usize),
    Get,
    Join,
}

/// The model of a queue whose items are numbers.
#[derive(Debug)]
pub(super) struct Model {
    limits: Limits,
    joinable: bool,
    /// Every item that was ever taken in, in that order.
    items: Vec<(u32, usize, State)>,
    /// Everybody who waits, in the order in which they came.
    waiting: Vec<(Ticket, Asker, Wish)>,
    producers: Vec<(u64, u64)>,
    is_closed: bool,
    last_grant: Grant,
    last_registration: u64,
    pub(super) answers: Vec<(Ticket, Answer<u32>)>,
}

impl Model {
    pub(super) fn new(limits: Limits, joinable: bool) -> Model {
        let (items, waiting, producers, answers) = Default::default();
        Model {
            limits,
            joinable,
            items,
            waiting,
            producers,
            answers,
            is_closed: false,
            last_grant: 0,
            last_registration: 0,
        }
    }

    pub(super) fn put(&mut self, ticket: Ticket, asker: Asker, item: u32, bytes: usize, waits: bool) {
        self.demand(ticket, asker, Wish::Put(item, bytes), waits, Answer::Full);
    }

    pub(super) fn get(&mut self, ticket: Ticket, asker: Asker, taken: Grant, waits: bool) {
        self.stop_waiting(asker);
        self.taken(asker, taken);
        self.apply_rules();
        self.demand(ticket, asker, Wish::Get, waits, Answer::Empty);
    }

    pub(super) fn join(&mut self, ticket: Ticket, asker: Asker, waits: bool) {
        if self.joinable {
            return self.demand(ticket, asker, Wish::Join, waits, Answer::TimedOut);
        }
        self.stop_waiting(asker);
        self.apply_rules();
        self.answers.push((ticket, Answer::Invalid));
    }

    pub(super) fn settle_first(&mut self, ticket: Ticket, asker: Asker) {
        let grants = |is_his: &dyn Fn(Asker) -> bool| {
            let held = self.items.iter().filter_map(|(_, _, state)| match state {
                State::Held(holder, grant) if is_his(*holder) => Some(*grant),
                _ => None,
            });
            held.min()
        };
        let first = grants(&|holder| holder == asker).or(grants(&|holder| holder.process == asker.process));
        let Some(first) = first.filter(|_| self.joinable) else {
            return self.answers.push((ticket, Answer::Invalid));
        };
        self.change(|_, grant| grant == first, State::Settled);
        self.answers.push((ticket, Answer::Done));
        self.apply_rules();
    }

    pub(super) fn end_thread(&mut self, asker: Asker, taken: Grant) {
        self.stop_waiting(asker);
        self.taken(asker, taken);
        self.apply_rules();
    }

    pub(super) fn give_up(&mut self, asker: Asker) {
        self.stop_waiting(asker);
        self.apply_rules();
    }

    pub(super) fn expire(&mut self, asker: Asker, ticket: Ticket) {
        if self.waiting.iter().any(|(other, _, _)| *other == ticket) {
            self.give_up(asker);
        }
    }

    pub(super) fn register(&mut self, process: u64) {
        if !self.is_closed {
            self.last_registration += 1;
            self.producers.push((self.last_registration, process));
        }
    }

    pub(super) fn deregister(&mut self, registration: u64) {
        self.drop_producers(|producer| producer.0 == registration);
    }

    pub(super) fn close(&mut self) {
        self.is_closed = true;
        self.apply_rules();
    }

    pub(super) fn end_process(&mut self, process: u64) {
        while let Some((_, asker, _)) = self.waiting.iter().find(|(_, asker, _)| asker.process == process).copied() {
            self.stop_waiting(asker);
        }
        self.change(|holder, _| holder.process == process, State::Ready);
        self.drop_producers(|producer| producer.1 == process);
        self.apply_rules();
    }

    pub(super) fn len(&self) -> usize {
        self.items.iter().filter(|(_, _, state)| *state == State::Ready).count()
    }

    /// Gives a request to the rules; if they do not answer it, it waits or is answered with `otherwise`.
    fn demand(&mut self, ticket: Ticket, asker: Asker, wish: Wish, waits: bool, otherwise: Answer<u32>) {
        self.stop_waiting(asker);
        self.waiting.push((ticket, asker, wish));
        let patient = |other: &Asker| waits || *other != asker;
        self.apply_rules_to(&patient);
        if !waits && self.waiting.iter().any(|(other, _, _)| *other == ticket) {
            self.waiting.retain(|(other, _, _)| *other != ticket);
            let waits = |holder| holder == asker || self.waits_for_item(holder);
            let is_end = wish == Wish::Get && self.is_over(&waits);
            self.answers.push((ticket, if is_end { Answer::Closed } else { otherwise }));
        }
    }

    fn stop_waiting(&mut self, asker: Asker) {
        for (ticket, _, _) in self.waiting.extract_if(.., |(_, other, _)| *other == asker) {
            self.answers.push((ticket, Answer::TimedOut));
        }
    }

    fn taken(&mut self, asker: Asker, taken: Grant) {
        self.change(|holder, grant| holder == asker && grant > taken, State::Ready);
        if !self.joinable {
            self.change(|holder, _| holder == asker, State::Settled);
        }
    }

    fn change(&mut self, is_it: impl Fn(Asker, Grant) -> bool, to: State) {
        for (_, _, state) in &mut self.items {
            if let State::Held(holder, grant) = *state
                && is_it(holder, grant)
            {
                *state = to;
            }
        }
    }

    fn drop_producers(&mut self, is_it: impl Fn(&(u64, u64)) -> bool) {
        let before = self.producers.len();
        self.producers.retain(|producer| !is_it(producer));
        if before > 0 && self.producers.is_empty() {
            self.is_closed = true;
        }
        self.apply_rules();
    }

    fn apply_rules(&mut self) {
        self.apply_rules_to(&|_| true);
    }

    /// Applies the first rule that can be applied, until none can. Who is not patient does not count as waiting for others'
    /// items to come back.
    fn apply_rules_to(&mut self, is_patient: &dyn Fn(&Asker) -> bool) {
        while let Some((place, answer)) = self.next_answer(is_patient) {
            let (ticket, asker, wish) = self.waiting.remove(place);
            match (&answer, wish) {
                (Answer::Item { grant, item }, _) => {
                    let found = self.items.iter_mut().find(|(_, _, state)| *state == State::Ready);
                    let (number, _, state) = found.expect("the rule has seen one");
                    assert_eq!(number, item);
                    *state = State::Held(asker, *grant);
                    self.last_grant = *grant;
                }
                (Answer::Done, Wish::Put(item, bytes)) => self.items.push((item, bytes, State::Ready)),
                // All of them at once: those who are told no longer wait, which would keep the others waiting.
                (Answer::Closed, Wish::Get) => {
                    let is_one = |entry: &mut (Ticket, Asker, Wish)| entry.2 == Wish::Get && is_patient(&entry.1);
                    for (ticket, _, _) in self.waiting.extract_if(.., is_one) {
                        self.answers.push((ticket, Answer::Closed));
                    }
                }
                _ => {}
            }
            self.answers.push((ticket, answer));
        }
    }

    fn next_answer(&self, is_patient: &dyn Fn(&Asker) -> bool) -> Option<(usize, Answer<u32>)> {
        let first = |is_it: &dyn Fn(Wish) -> bool| self.waiting.iter().position(|(_, _, wish)| is_it(*wish));
        let mut ready = self.items.iter().filter(|(_, _, state)| *state == State::Ready);
        let putter = first(&|wish| matches!(wish, Wish::Put(..)));
        if self.is_closed && putter.is_some() {
            return putter.map(|place| (place, Answer::Closed));
        }
        let getter = first(&|wish| wish == Wish::Get);
        if let (Some(place), Some((item, _, _))) = (getter, ready.next()) {
            return Some((place, Answer::Item { grant: self.last_grant + 1, item: *item }));
        }
        if let Some(place) = putter
            && let (_, _, Wish::Put(_, bytes)) = self.waiting[place]
            && self.has_room(bytes)
        {
            return Some((place, Answer::Done));
        }
        let patient = self.waiting.iter().position(|(_, asker, wish)| *wish == Wish::Get && is_patient(asker));
        let waits = |holder| is_patient(&holder) && self.waits_for_item(holder);
        if patient.is_some() && self.is_over(&waits) {
            return patient.map(|place| (place, Answer::Closed));
        }
        let is_settled = self.items.iter().all(|(_, _, state)| *state == State::Settled);
        let joiner = first(&|wish| wish == Wish::Join).filter(|_| is_settled && putter.is_none());
        joiner.map(|place| (place, Answer::Done))
    }

    fn waits_for_item(&self, asker: Asker) -> bool {
        self.waiting.iter().any(|(_, other, wish)| (*other, *wish) == (asker, Wish::Get))
    }

    fn has_room(&self, bytes: usize) -> bool {
        let ready = self.items.iter().filter(|(_, _, state)| *state == State::Ready);
        let (count, sum) = ready.fold((0, 0), |(count, sum), (_, bytes, _)| (count + 1, sum + bytes));
        count < self.limits.items && (count == 0 || sum + bytes <= self.limits.bytes)
    }

    /// Whether nothing more comes, if `waits` says who of those that hold something waits for more.
    fn is_over(&self, waits: &dyn Fn(Asker) -> bool) -> bool {
        let all_wait = |state: State| match state {
            State::Ready => false,
            State::Held(holder, _) => waits(holder),
            State::Settled => true,
        };
        self.is_closed && self.items.iter().all(|(_, _, state)| all_wait(*state))
    }
}
