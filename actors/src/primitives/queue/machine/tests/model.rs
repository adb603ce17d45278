//! What a queue is to do, written as plainly as possible: one list of items, one of those who wait, and a rule at a time.

use super::super::{Answer, Asker, Grant, Limits, Most, Ticket, Why};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    Held(Asker, Grant),
    Settled,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Wish {
    /// What is still to be taken in, and how much has been.
    Put(Vec<(u32, usize)>, usize),
    Get(Most),
    Join,
}

impl Wish {
    fn is_get(&self) -> bool {
        matches!(self, Wish::Get(_))
    }

    /// What to say to somebody whose wish is not met.
    fn refusal(&self, why: Why) -> Answer<u32> {
        match (self, why) {
            (Wish::Put(_, taken), why) if *taken > 0 => Answer::Partly { taken: *taken, why },
            (_, Why::Full) => Answer::Full,
            (_, Why::TimedOut) => Answer::TimedOut,
            (_, Why::Closed) => Answer::Closed,
        }
    }
}

/// What a rule says.
#[derive(Debug)]
enum Step {
    /// This one of those who wait is answered.
    Answer(usize, Answer<u32>),
    /// This one's items are taken in, as there is room.
    TakeIn(usize),
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

    pub(super) fn put(&mut self, ticket: Ticket, asker: Asker, items: Vec<(u32, usize)>, waits: bool) {
        self.demand(ticket, asker, Wish::Put(items, 0), waits, &Answer::Full);
    }

    pub(super) fn get(&mut self, ticket: Ticket, asker: Asker, taken: Grant, most: Most, waits: bool) {
        self.stop_waiting(asker);
        self.taken(asker, taken);
        self.apply_rules();
        self.demand(ticket, asker, Wish::Get(most), waits, &Answer::Empty);
    }

    pub(super) fn return_after(&mut self, asker: Asker, taken: Grant) {
        self.change(|holder, grant| holder == asker && grant > taken, State::Ready);
        self.apply_rules();
    }

    pub(super) fn join(&mut self, ticket: Ticket, asker: Asker, waits: bool) {
        if self.joinable {
            return self.demand(ticket, asker, Wish::Join, waits, &Answer::TimedOut);
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
        let is_its = |entry: &&(Ticket, Asker, Wish)| entry.1.process == process;
        while let Some(asker) = self.waiting.iter().find(is_its).map(|(_, asker, _)| *asker) {
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
    fn demand(&mut self, ticket: Ticket, asker: Asker, wish: Wish, waits: bool, otherwise: &Answer<u32>) {
        self.stop_waiting(asker);
        self.waiting.push((ticket, asker, wish));
        let patient = |other: &Asker| waits || *other != asker;
        self.apply_rules_to(&patient);
        let place = self.waiting.iter().position(|(other, _, _)| *other == ticket);
        if let Some(place) = place.filter(|_| !waits) {
            let (_, _, wish) = self.waiting.remove(place);
            let waits = |holder| holder == asker || self.waits_for_item(holder);
            let is_end = wish.is_get() && self.is_over(&waits);
            let answer = match wish {
                _ if is_end => Answer::Closed,
                Wish::Put(_, taken) if taken > 0 => Answer::Partly { taken, why: Why::Full },
                _ => otherwise.clone(),
            };
            self.answers.push((ticket, answer));
            self.apply_rules();
        }
    }

    fn stop_waiting(&mut self, asker: Asker) {
        for (ticket, _, wish) in self.waiting.extract_if(.., |(_, other, _)| *other == asker) {
            self.answers.push((ticket, wish.refusal(Why::TimedOut)));
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
        while let Some(step) = self.next_step(is_patient) {
            match step {
                Step::TakeIn(place) => self.take_in(place),
                // All of them at once: those who are told no longer wait, which would keep the others waiting.
                Step::Answer(place, Answer::Closed) if self.waiting[place].2.is_get() => {
                    let is_one = |entry: &mut (Ticket, Asker, Wish)| entry.2.is_get() && is_patient(&entry.1);
                    for (ticket, _, _) in self.waiting.extract_if(.., is_one) {
                        self.answers.push((ticket, Answer::Closed));
                    }
                }
                Step::Answer(place, answer) => {
                    let (ticket, asker, _) = self.waiting.remove(place);
                    if let Answer::Items { items, .. } = &answer {
                        items.iter().for_each(|item| self.hand_over(asker, *item));
                    }
                    self.answers.push((ticket, answer));
                }
            }
        }
    }

    fn take_in(&mut self, place: usize) {
        loop {
            let first = if let Wish::Put(rest, _) = &self.waiting[place].2 { rest.first().copied() } else { None };
            let Some((item, bytes)) = first.filter(|(_, bytes)| self.has_room(*bytes)) else { return };
            if let Wish::Put(rest, taken) = &mut self.waiting[place].2 {
                rest.remove(0);
                *taken += 1;
            }
            self.items.push((item, bytes, State::Ready));
        }
    }

    fn hand_over(&mut self, asker: Asker, item: u32) {
        let found = self.items.iter_mut().find(|(_, _, state)| *state == State::Ready);
        let (number, _, state) = found.expect("the rule has seen one");
        assert_eq!(*number, item);
        self.last_grant += 1;
        *state = State::Held(asker, self.last_grant);
    }

    fn next_step(&self, is_patient: &dyn Fn(&Asker) -> bool) -> Option<Step> {
        let first = |is_it: &dyn Fn(&Wish) -> bool| self.waiting.iter().position(|(_, _, wish)| is_it(wish));
        let putter = first(&|wish| matches!(wish, Wish::Put(..)));
        if let Some(place) = putter.filter(|_| self.is_closed) {
            return Some(Step::Answer(place, self.waiting[place].2.refusal(Why::Closed)));
        }
        if let Some(place) = first(&Wish::is_get)
            && let Wish::Get(most) = self.waiting[place].2
            && let items = self.first_ready(most)
            && !items.is_empty()
        {
            return Some(Step::Answer(place, Answer::Items { grant: self.last_grant + 1, items, pile: None }));
        }
        if let Some(place) = putter
            && let Wish::Put(rest, _) = &self.waiting[place].2
        {
            match rest.first() {
                None => return Some(Step::Answer(place, Answer::Done)),
                Some((_, bytes)) if self.has_room(*bytes) => return Some(Step::TakeIn(place)),
                Some(_) => {}
            }
        }
        let patient = self.waiting.iter().position(|(_, asker, wish)| wish.is_get() && is_patient(asker));
        let waits = |holder| is_patient(&holder) && self.waits_for_item(holder);
        if let Some(place) = patient.filter(|_| self.is_over(&waits)) {
            return Some(Step::Answer(place, Answer::Closed));
        }
        let is_settled = self.items.iter().all(|(_, _, state)| *state == State::Settled);
        let joiner = first(&|wish| *wish == Wish::Join).filter(|_| is_settled && putter.is_none());
        joiner.map(|place| Step::Answer(place, Answer::Done))
    }

    /// What somebody gets who wants this much.
    fn first_ready(&self, most: Most) -> Vec<u32> {
        let (mut items, mut sum) = (Vec::new(), 0);
        for (item, bytes, _) in self.items.iter().filter(|(_, _, state)| *state == State::Ready) {
            if !items.is_empty() && (items.len() >= most.items || sum + bytes > most.bytes) {
                break;
            }
            items.push(*item);
            sum += bytes;
        }
        items
    }

    fn waits_for_item(&self, asker: Asker) -> bool {
        self.waiting.iter().any(|(_, other, wish)| *other == asker && wish.is_get())
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
