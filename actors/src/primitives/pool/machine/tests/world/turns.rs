//! Clients that give workers tasks themselves.

use proptest::prelude::*;

use super::super::super::{Request, Slot, Turn};
use super::{Known, WORKERS, World};

/// What may happen to an asker, or to a worker while it has its turn.
#[derive(Debug, Clone)]
pub(in super::super) enum TurnEvent {
    /// Clients want to have turns.
    Begin,
    /// An asker takes a turn with a worker, if that is free.
    Take { asker: usize, slot: Slot, repeatable: bool },
    /// An asker sends its task, or learns what has come of it.
    Ask { asker: usize },
    /// A worker dies; the foreman does not know it yet.
    Vanish { slot: Slot },
}

/// So many, each a thread of the client of its number.
pub(in super::super) const ASKERS: usize = 3;

pub(super) fn turn_event() -> impl Strategy<Value = TurnEvent> {
    prop_oneof![
        1 => Just(TurnEvent::Begin),
        12 => (0..ASKERS, 0..WORKERS, any::<bool>())
            .prop_map(|(asker, slot, repeatable)| TurnEvent::Take { asker, slot, repeatable }),
        24 => (0..ASKERS).prop_map(|asker| TurnEvent::Ask { asker }),
        3 => (0..WORKERS).prop_map(|slot| TurnEvent::Vanish { slot }),
    ]
}

/// The words of a worker's place.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    pub(super) is_lent: bool,
    /// The first turn of the present loan.
    first: u64,
    next: u64,
    end: Option<u64>,
    /// Whose turn it is.
    holder: Option<usize>,
}

impl Words {
    pub(super) fn new() -> Words {
        Words { next: 1, ..Words::default() }
    }
}

/// A thread that gives workers tasks.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Asker {
    pub(in super::super) stage: Stage,
    slot: Slot,
    number: u64,
    /// Which life of the worker.
    life: u64,
    repeatable: bool,
    /// Whether its task was begun, and whether it is done.
    is_begun: bool,
    is_done: bool,
    /// How many of its tasks were done by a worker it asked.
    pub(in super::super) done: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) enum Stage {
    #[default]
    Idle,
    /// It has its turn, and has not asked yet.
    Taken,
    /// It waits for the answer.
    Asked,
}

impl World {
    pub(super) fn turn(&mut self, event: &TurnEvent) {
        match *event {
            TurnEvent::Begin => self.machine.begin_lending(),
            TurnEvent::Take { asker, slot, repeatable } => self.take(asker, slot, repeatable),
            TurnEvent::Ask { asker } => self.ask(asker),
            TurnEvent::Vanish { slot } => {
                if let Some(process) = &mut self.processes[slot] {
                    process.is_gone = true;
                }
            }
        }
    }

    fn take(&mut self, asker: usize, slot: Slot, repeatable: bool) {
        let words = &mut self.words[slot];
        let is_free = words.is_lent && words.holder.is_none() && words.end.is_none_or(|end| words.next < end);
        if is_free && self.askers[asker].stage == Stage::Idle {
            words.holder = Some(asker);
            let (number, life, done) = (words.next, self.lives[slot], self.askers[asker].done);
            let stage = Stage::Taken;
            self.askers[asker] = Asker { stage, slot, number, life, repeatable, done, ..Asker::default() };
        }
    }

    fn ask(&mut self, number: usize) {
        let asker = self.askers[number].clone();
        let (slot, is_there) = (asker.slot, self.lives[asker.slot] == asker.life);
        let is_alive = is_there && self.processes[slot].as_ref().is_some_and(|process| !process.is_gone);
        match asker.stage {
            Stage::Idle => {}
            _ if asker.is_done => {
                self.askers[number].stage = Stage::Idle;
                self.askers[number].done += 1;
                self.end_turn(number, slot, asker.number);
            }
            _ if !is_alive => self.claim(number),
            Stage::Taken => {
                self.askers[number].stage = Stage::Asked;
                let process = self.processes[slot].as_mut().expect("it lives");
                process.tasks.push_back((number, asker.number));
            }
            Stage::Asked => {}
        }
    }

    fn end_turn(&mut self, asker: usize, slot: Slot, number: u64) {
        let words = &mut self.words[slot];
        if words.is_lent && words.holder == Some(asker) {
            assert_eq!(words.next, number);
            (words.holder, words.next) = (None, number + 1);
            if words.end != Some(number + 1) {
                return;
            }
        }
        self.take_back(slot);
        self.machine.turn_over(slot, Turn { client: asker as u64, number });
    }

    /// Brings the task of an asker whose worker has died to the foreman.
    fn claim(&mut self, number: usize) {
        let asker = std::mem::take(&mut self.askers[number]);
        self.askers[number].done = asker.done;
        let repeatable = asker.repeatable;
        let client = number as u64;
        let request = Request { client, job: (1, 0), count: 1, chunk: 1, bytes: 10, timeout: None, repeatable };
        self.last_batch += 1;
        let begun = u32::from(asker.is_begun);
        let known = Known {
            request,
            begun: vec![begun],
            died: vec![begun],
            fates: vec![None],
            is_over: false,
            was_taken: true,
        };
        self.batches.insert(self.last_batch, known);
        self.take_back(asker.slot);
        let alone = self.processes[asker.slot].as_ref().and_then(|process| process.alone);
        self.machine.submit_lost(self.last_batch, request, (asker.slot, asker.number), alone.map(|(turn, _)| turn));
    }

    pub(super) fn lend(&mut self, slot: Slot, most: Option<u64>) {
        let process = self.processes[slot].as_ref().expect("there is a worker");
        assert!(process.is_ready && !process.retires && process.in_hand.is_none() && process.task.is_none());
        let words = &mut self.words[slot];
        assert!(!words.is_lent && !self.is_closed);
        let end = most.map(|most| words.next + most);
        *words = Words { is_lent: true, first: words.next, end, ..words.clone() };
    }

    pub(super) fn take_back(&mut self, slot: Slot) {
        assert_eq!(self.machine.is_lent(slot), self.words[slot].is_lent);
        let words = &mut self.words[slot];
        if std::mem::take(&mut words.is_lent) {
            let (done, number) = (words.next - words.first, words.next);
            let turn = words.holder.take().map(|asker| Turn { client: asker as u64, number });
            words.next += 1;
            self.machine.taken_back(slot, done, turn);
        }
    }

    pub(super) fn take_all_back(&mut self) {
        (0..WORKERS).for_each(|slot| self.take_back(slot));
    }

    /// The client of an asker ends, wherever that is.
    pub(super) fn end_asker(&mut self, client: u64) {
        self.take_all_back();
        if let Some(asker) = self.askers.get_mut(client as usize) {
            *asker = Asker { done: asker.done, ..Asker::default() };
        }
    }

    pub(super) fn revoke(&mut self, slot: Slot, number: u64) {
        let process = self.processes[slot].as_mut().expect("there is a worker");
        let was_it = process.alone == Some((number, true));
        if was_it {
            process.is_condemned = true;
        } else {
            process.void = number;
        }
        self.machine.revoked(slot, number, was_it);
    }

    /// A worker begins with a task, unless it is to pass over it. Gives whether it has.
    pub(super) fn begin_task(&mut self, slot: Slot) -> bool {
        let life = self.lives[slot];
        let process = self.processes[slot].as_mut().expect("there is a worker");
        let Some((number, turn)) = process.tasks.pop_front() else { return false };
        let asker = &mut self.askers[number];
        let is_wanted = (asker.stage, asker.slot, asker.number, asker.life) == (Stage::Asked, slot, turn, life);
        assert_eq!(is_wanted, process.void < turn, "a task of a client that has ended, or none of one that has not");
        if is_wanted {
            process.alone = Some((turn, true));
            process.task = Some((number, turn));
            assert!(!asker.is_begun, "it is begun twice");
            asker.is_begun = true;
            self.note_life(slot);
        } else {
            process.alone = Some((turn, false));
        }
        true
    }

    /// A worker finishes a task, if it has one.
    pub(super) fn finish_task(&mut self, slot: Slot) -> bool {
        let process = self.processes[slot].as_mut().expect("there is a worker");
        let Some((asker, turn)) = process.task.take() else { return false };
        process.alone = Some((turn, false));
        self.askers[asker].is_done = true;
        true
    }

    /// Whether somebody has, or may still have, its turn with a worker.
    pub(super) fn has_turn(&self, slot: Slot) -> bool {
        let is_there =
            |asker: &Asker| asker.stage != Stage::Idle && asker.slot == slot && asker.life == self.lives[slot];
        self.words[slot].is_lent || self.askers.iter().any(is_there)
    }
}
