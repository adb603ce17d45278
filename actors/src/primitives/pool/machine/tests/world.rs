//! A small world: clients, workers that do items one after the other and die, a foreman that is late to know.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

pub(super) use self::turns::{ASKERS, Stage, TurnEvent};
use self::turns::{Asker, Words, turn_event};

use super::super::{AHEAD, ATTEMPTS, Action, Assignment, BatchId, Machine, Refusal, Request, Slot, Take, Verdict};

mod turns;

/// What may happen.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Submit {
        client: u64,
        job: u64,
        count: u32,
        chunk: u32,
        bytes: usize,
        timeout: bool,
        repeatable: bool,
    },
    /// A worker that is being started is ready, or not.
    Prepare {
        slot: Slot,
        works: bool,
    },
    /// A worker begins with what is next, or finishes what it has in hand.
    Work {
        slot: Slot,
    },
    /// A worker tells what it has finished before the end of its assignment.
    Spill {
        slot: Slot,
    },
    /// What a worker has told reaches the foreman.
    Deliver {
        slot: Slot,
    },
    /// A worker dies at once; the foreman hears of it.
    Die {
        slot: Slot,
    },
    Look {
        slot: Slot,
    },
    Cancel {
        client: u64,
        job: u64,
        running: bool,
    },
    EndClient {
        client: u64,
    },
    /// Somebody has had nothing to do for a while.
    EvenOut,
    Close,
    Terminate,
    Turn(TurnEvent),
}

pub(super) const WORKERS: usize = 3;
const TIMEOUT: u64 = 10;

pub(super) fn event() -> impl Strategy<Value = Event> {
    let submit = (0..3u64, 0..2u64, 0..9u32, 1..4u32, 0..200_000usize, any::<bool>(), any::<bool>()).prop_map(
        |(client, job, count, chunk, bytes, timeout, repeatable)| Event::Submit {
            client,
            job,
            count,
            chunk,
            bytes,
            timeout,
            repeatable,
        },
    );
    prop_oneof![
        20 => submit,
        20 => (0..WORKERS, 0..8).prop_map(|(slot, dice)| Event::Prepare { slot, works: dice > 0 }),
        80 => (0..WORKERS).prop_map(|slot| Event::Work { slot }),
        10 => (0..WORKERS).prop_map(|slot| Event::Spill { slot }),
        40 => (0..WORKERS).prop_map(|slot| Event::Deliver { slot }),
        6 => (0..WORKERS).prop_map(|slot| Event::Die { slot }),
        10 => (0..WORKERS).prop_map(|slot| Event::Look { slot }),
        8 => Just(Event::EvenOut),
        4 => (0..3u64, 0..2u64, any::<bool>()).prop_map(|(client, job, running)| Event::Cancel { client, job, running }),
        1 => (0..3u64).prop_map(|client| Event::EndClient { client }),
        1 => Just(Event::Close),
        1 => Just(Event::Terminate),
        60 => turn_event().prop_map(Event::Turn),
    ]
}

/// A worker's process.
#[derive(Debug, Default)]
pub(super) struct Process {
    is_ready: bool,
    /// Work in its mailbox.
    pub(super) mailbox: VecDeque<(u32, BatchId, u32, u32)>,
    retires: bool,
    /// Where assignments end of which something was taken back.
    ends: BTreeMap<u32, u32>,
    /// The assignment and item that it has begun last, and whether it is at it.
    at: Option<(u32, u32)>,
    in_hand: Option<(u32, BatchId, u32, u32)>,
    /// Finished, and not told to the foreman.
    finished: Vec<(u32, u32)>,
    /// Told, and not arrived.
    told: VecDeque<(u32, u32, u32)>,
    /// It is to be killed, and does nothing more.
    is_condemned: bool,
    /// Tasks of askers whose turn it is, each with its turn.
    tasks: VecDeque<(usize, u64)>,
    task: Option<(usize, u64)>,
    /// The turn whose task it has begun last, and whether it is not done.
    alone: Option<(u64, bool)>,
    /// It passes over tasks up to this turn.
    void: u64,
    /// It is dead, and the foreman does not know it.
    is_gone: bool,
}

impl Process {
    /// Sends what it has finished of its last assignment.
    fn tell(&mut self) {
        let Some((number, first)) = self.finished.first().copied() else { return };
        self.told.push_back((number, first, self.finished.len() as u32));
        self.finished.clear();
    }
}

/// What is known of a batch outside the machine.
#[derive(Debug)]
pub(super) struct Known {
    request: Request,
    /// How often each item was begun, and how often somebody died with it.
    pub(super) begun: Vec<u32>,
    died: Vec<u32>,
    /// What became of each item, as far as it is known.
    pub(super) fates: Vec<Option<Option<Verdict>>>,
    pub(super) is_over: bool,
    /// Whether it was given to a worker before.
    was_taken: bool,
}

pub(super) struct World {
    pub(super) machine: Machine,
    pub(super) processes: Vec<Option<Process>>,
    pub(super) batches: BTreeMap<BatchId, Known>,
    pub(super) last_batch: BatchId,
    now: u64,
    lifetime: Option<u64>,
    /// Items begun by each process in its life.
    lived: Vec<u64>,
    is_closed: bool,
    failed_in_a_row: usize,
    words: Vec<Words>,
    pub(super) askers: Vec<Asker>,
    /// How many workers each place has had.
    lives: Vec<u64>,
    pub(super) is_over: bool,
}

impl World {
    pub(super) fn new(lifetime: Option<u64>) -> World {
        let mut world = World {
            machine: Machine::new(WORKERS, lifetime),
            processes: (0..WORKERS).map(|_| None).collect(),
            batches: BTreeMap::new(),
            last_batch: 0,
            now: 0,
            lifetime,
            lived: vec![0; WORKERS],
            is_closed: false,
            failed_in_a_row: 0,
            words: vec![Words::new(); WORKERS],
            askers: vec![Asker::default(); ASKERS],
            lives: vec![0; WORKERS],
            is_over: false,
        };
        world.act();
        world
    }

    /// Does what the machine says.
    fn act(&mut self) {
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::Start(slot) => {
                    assert!(self.processes[slot].is_none(), "two workers in one place");
                    assert!(!self.is_over);
                    self.processes[slot] = Some(Process::default());
                    (self.lived[slot], self.lives[slot]) = (0, self.lives[slot] + 1);
                }
                Action::Assign { slot, assignment, chunk, .. } => {
                    let process = self.processes[slot].as_mut().expect("there is a worker");
                    assert!(process.is_ready && !process.retires && !self.words[slot].is_lent);
                    let share = assignment.share;
                    assert_eq!(chunk, self.batches[&share.batch].request.chunk);
                    let work = (assignment.number, share.batch, share.first, share.end);
                    process.mailbox.push_back(work);
                    assert!(process.mailbox.len() <= AHEAD, "too much ahead");
                }
                Action::Recall { slot, assignment, chunk, take, or_condemn } => {
                    let from = self.recall(slot, assignment, chunk, take);
                    self.machine.recalled(slot, assignment.number, or_condemn, from);
                }
                Action::Condemn { slot, number, item } => {
                    let process = self.processes[slot].as_mut().expect("there is a worker");
                    let was_it =
                        process.at.is_some_and(|(at, other)| at == number && item.is_none_or(|item| item == other));
                    process.is_condemned |= was_it;
                    self.machine.condemned(slot, number, item, was_it);
                }
                Action::Lend { slot, most } => self.lend(slot, most),
                Action::TakeBack(slot) => {
                    self.take_back(slot);
                    self.machine.go_on();
                }
                Action::Revoke { slot, number } => self.revoke(slot, number),
                Action::Retire(slot) => {
                    assert!(!self.has_turn(slot), "somebody has its turn");
                    self.processes[slot].as_mut().expect("there is a worker").retires = true;
                }
                Action::Kill(slot) => self.processes[slot].as_mut().expect("there is a worker").is_condemned = true,
                Action::Settle { batch, first, count, verdict } => self.settle(batch, first, count, Some(verdict)),
                Action::Finish(id) => {
                    let known = self.batches.get_mut(&id).expect("it was submitted");
                    assert!(!known.is_over && known.fates.iter().all(Option::is_some), "{known:?}");
                    known.is_over = true;
                }
                Action::Refuse(id, refusal) => {
                    let known = self.batches.get_mut(&id).expect("it was submitted");
                    let is_late = self.is_closed && !(known.was_taken && refusal == Refusal::Closed);
                    assert!(!known.is_over && (is_late || matches!(refusal, Refusal::Broken(_))));
                    known.is_over = true;
                }
                Action::Over => {
                    assert!(self.is_closed && !self.is_over && self.processes.iter().all(Option::is_none));
                    self.is_over = true;
                }
            }
        }
    }

    /// Has a worker pass over chunks of an assignment. Gives the first item that it will not do.
    fn recall(&mut self, slot: Slot, assignment: Assignment, chunk: u32, take: Take) -> Option<u32> {
        let process = self.processes[slot].as_mut().expect("there is a worker");
        let (number, share) = (assignment.number, assignment.share);
        let first = match process.at {
            Some((at, _)) if at > number => share.end,
            Some((at, item)) if at == number => item / chunk * chunk + chunk,
            _ => share.first,
        };
        let has_begun = process.at.is_some_and(|(at, _)| at >= number);
        let chunks = share.end.saturating_sub(first) / chunk;
        let from = match take {
            Take::Whole if has_begun => share.end,
            Take::Whole | Take::Rest => first,
            Take::Half => first + chunks / 2 * chunk,
        };
        if from < share.end {
            process.ends.insert(number, from);
        }
        (from < share.end).then_some(from)
    }

    fn settle(&mut self, id: BatchId, first: u32, count: u32, fate: Option<Verdict>) {
        let known = self.batches.get_mut(&id).expect("it was submitted");
        if known.is_over {
            return;
        }
        for item in first as usize..(first + count) as usize {
            match fate {
                None => assert_eq!(known.begun[item] - known.died[item], 1, "a result of what was not done once"),
                Some(Verdict::Died) => {
                    let most = if known.request.repeatable { ATTEMPTS } else { 1 };
                    assert_eq!((known.begun[item], known.died[item]), (most, most));
                }
                Some(Verdict::TimedOut) => {
                    assert!(known.request.timeout.is_some() && known.begun[item] == known.died[item])
                }
                Some(Verdict::Cancelled) => {}
            }
            assert_eq!(known.fates[item].replace(fate), None, "it is settled twice");
        }
    }

    pub(super) fn step(&mut self, event: &Event) {
        self.now += 1;
        match *event {
            Event::Submit { client, job, count, chunk, bytes, timeout, repeatable } => {
                let timeout = timeout.then_some(TIMEOUT);
                let request = Request { client, job: (0, job), count, chunk, bytes, timeout, repeatable };
                let (begun, died) = (vec![0; count as usize], vec![0; count as usize]);
                self.last_batch += 1;
                let known =
                    Known { request, begun, died, fates: vec![None; count as usize], is_over: false, was_taken: false };
                self.batches.insert(self.last_batch, known);
                self.machine.submit(self.last_batch, request);
            }
            Event::Prepare { slot, works } => {
                let Some(process) = self.processes[slot].as_mut().filter(|process| !process.is_ready) else { return };
                if process.is_condemned {
                    return self.die(slot);
                }
                if works {
                    process.is_ready = true;
                    self.failed_in_a_row = 0;
                    self.machine.prepared(slot);
                } else {
                    self.machine.unprepared(slot, "it does not work".into());
                    self.die(slot);
                }
            }
            Event::Work { slot } => self.work(slot),
            Event::Spill { slot } => {
                if let Some(process) = &mut self.processes[slot] {
                    process.tell();
                }
            }
            Event::Deliver { slot } => self.deliver(slot),
            Event::Die { slot } => self.die(slot),
            Event::Look { slot } => {
                self.now += TIMEOUT / 2;
                let at = self.processes[slot].as_ref().and_then(|process| process.at);
                self.machine.observe(slot, at, self.now);
            }
            Event::Cancel { client, job, running } => self.machine.cancel(client, (0, job), running),
            Event::EndClient { client } => {
                self.end_asker(client);
                self.machine.client_ended(client);
            }
            Event::Turn(ref event) => self.turn(event),
            Event::EvenOut => self.machine.even_out(),
            Event::Close => {
                self.is_closed = true;
                self.machine.close();
            }
            Event::Terminate => {
                self.is_closed = true;
                self.machine.terminate();
            }
        }
        self.act();
    }

    /// A worker does its next step.
    fn work(&mut self, slot: Slot) {
        let Some(process) = self.processes[slot].as_mut().filter(|process| process.is_ready) else { return };
        if process.is_gone {
            return self.die(slot);
        }
        if process.is_condemned {
            // The signal comes at any time: it may still finish what it has in hand. It does not begin the next, though it
            // says that it would.
            if self.now.is_multiple_of(2)
                && let Some((number, _, item, end)) = process.in_hand.take()
            {
                process.finished.push((number, item));
                if item + 1 < end {
                    process.at = Some((number, item + 1));
                } else if let Some((next, _, first, _)) = process.mailbox.front() {
                    process.at = Some((*next, *first));
                }
            }
            return self.die(slot);
        }
        if self.finish_task(slot) {
            return;
        }
        let process = self.processes[slot].as_mut().expect("it is there");
        if let Some((number, batch, item, end)) = process.in_hand.take() {
            process.finished.push((number, item));
            if item + 1 >= process.ends.get(&number).copied().unwrap_or(end) {
                return process.tell();
            }
            process.in_hand = Some((number, batch, item + 1, end));
            return self.begin(slot);
        }
        if (self.now.is_multiple_of(2) || process.mailbox.is_empty()) && self.begin_task(slot) {
            return;
        }
        let process = self.processes[slot].as_mut().expect("it is there");
        while let Some((number, batch, first, end)) = process.mailbox.pop_front() {
            if process.ends.get(&number).is_some_and(|end| *end <= first) {
                continue;
            }
            process.in_hand = Some((number, batch, first, end));
            return self.begin(slot);
        }
        if process.retires && process.tasks.is_empty() {
            while self.processes[slot].as_ref().is_some_and(|process| !process.told.is_empty()) {
                self.deliver(slot);
            }
            self.die(slot);
        }
    }

    fn begin(&mut self, slot: Slot) {
        let process = self.processes[slot].as_mut().expect("there is a worker");
        let Some((number, batch, item, _)) = process.in_hand else { return };
        process.at = Some((number, item));
        self.note_life(slot);
        self.batches.get_mut(&batch).expect("it was submitted").begun[item as usize] += 1;
    }

    fn note_life(&mut self, slot: Slot) {
        self.lived[slot] += 1;
        assert!(self.lifetime.is_none_or(|lifetime| self.lived[slot] <= lifetime), "it does more than its share");
    }

    fn deliver(&mut self, slot: Slot) {
        let Some(process) = &mut self.processes[slot] else { return };
        let Some((number, first, count)) = process.told.pop_front() else { return };
        if let Some(batch) = self.machine.settled(slot, number, first, count) {
            self.settle(batch, first, count, None);
            self.machine.go_on();
        }
        self.act();
    }

    /// A worker ends; everything it had told arrives before.
    fn die(&mut self, slot: Slot) {
        while self.processes[slot].as_ref().is_some_and(|process| !process.told.is_empty()) {
            self.deliver(slot);
        }
        let Some(process) = self.processes[slot].take() else { return };
        if let Some((_, batch, item, _)) = process.in_hand {
            self.batches.get_mut(&batch).expect("it was submitted").died[item as usize] += 1;
        }
        for assignment in self.machine.assigned(slot) {
            let number = assignment.number;
            let first = assignment.share.first;
            let count = process.finished.iter().filter(|(other, item)| *other == number && *item >= first).count();
            if count > 0
                && let Some(batch) = self.machine.settled(slot, number, first, count as u32)
            {
                self.settle(batch, first, count as u32, None);
            }
        }
        if !process.is_ready {
            self.failed_in_a_row += 1;
        }
        self.take_back(slot);
        self.machine.ended(slot, process.at, process.alone.map(|(turn, _)| turn), "it was killed");
        self.act();
    }

    /// Everything goes well from now on: nothing is left undone.
    pub(super) fn finish(&mut self) {
        for _ in 0..500 {
            for slot in 0..WORKERS {
                self.step(&Event::Prepare { slot, works: true });
                self.step(&Event::Work { slot });
                self.step(&Event::Deliver { slot });
            }
            (0..ASKERS).for_each(|asker| self.step(&Event::Turn(TurnEvent::Ask { asker })));
        }
        assert!(self.askers.iter().all(|asker| asker.stage == Stage::Idle), "somebody waits: {:?}", self.askers);
        assert!(self.failed_in_a_row <= WORKERS, "too many starts have failed");
        let open: Vec<_> = self.batches.iter().filter(|(_, known)| !known.is_over).collect();
        assert!(open.is_empty(), "nobody does {open:?} of {:?}", self.machine);
        if !self.is_closed && self.failed_in_a_row < WORKERS {
            let ready = self.processes.iter().flatten().filter(|process| process.is_ready).count();
            assert_eq!(ready, WORKERS, "it is not of its size");
        }
        self.step(&Event::Close);
        for slot in 0..WORKERS {
            self.step(&Event::Prepare { slot, works: true });
            self.step(&Event::Work { slot });
            self.step(&Event::Work { slot });
        }
        assert!(self.is_over, "it does not end: {:?}", self.machine);
    }
}
