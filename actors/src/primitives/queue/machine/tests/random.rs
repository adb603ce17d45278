//! Random runs of the machine and the model side by side.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{Answer, Asker, Grant, Limits, Machine, Most, Room, Ticket};
use super::Cells;
use super::model::Model;

/// What may happen. Processes and threads are few, so that they meet.
#[derive(Debug, Clone)]
enum Event {
    Put {
        by: (usize, u64),
        /// The size of each item.
        bytes: Vec<usize>,
        waits: bool,
    },
    /// An item is put without asking, if the thread has room; otherwise it asks, and for room, too.
    PutInRoom {
        by: (usize, u64),
        bytes: usize,
    },
    /// The last item that the thread got has reached it, or has not.
    Get {
        by: (usize, u64),
        received: bool,
        most: (usize, usize),
        waits: bool,
    },
    /// The thread returns the last so many items.
    Return {
        by: (usize, u64),
        count: u64,
    },
    TaskDone {
        by: (usize, u64),
    },
    Join {
        by: (usize, u64),
        waits: bool,
    },
    /// The time of the request with this ticket is over, or a while ago.
    Expire {
        back: u64,
    },
    GiveUp {
        by: (usize, u64),
    },
    EndThread {
        by: (usize, u64),
    },
    EndProcess {
        process: usize,
    },
    Register {
        process: usize,
    },
    Deregister {
        registration: u64,
    },
    Close,
}

const PROCESSES: usize = 4;

fn event() -> impl Strategy<Value = Event> {
    let by = || (0..PROCESSES, 1..3u64);
    prop_oneof![
        20 => (by(), vec(0..12usize, 1..5), any::<bool>()).prop_map(|(by, bytes, waits)| Event::Put { by, bytes, waits }),
        20 => (by(), 0..12usize).prop_map(|(by, bytes)| Event::PutInRoom { by, bytes }),
        20 => (by(), 0..8, (1..4usize, 0..20usize), any::<bool>())
            .prop_map(|(by, dice, most, waits)| Event::Get { by, received: dice > 0, most, waits }),
        4 => (by(), 0..4u64).prop_map(|(by, count)| Event::Return { by, count }),
        8 => by().prop_map(|by| Event::TaskDone { by }),
        3 => (by(), any::<bool>()).prop_map(|(by, waits)| Event::Join { by, waits }),
        5 => (0..8u64).prop_map(|back| Event::Expire { back }),
        2 => by().prop_map(|by| Event::GiveUp { by }),
        2 => by().prop_map(|by| Event::EndThread { by }),
        4 => (0..PROCESSES).prop_map(|process| Event::EndProcess { process }),
        2 => (0..PROCESSES).prop_map(|process| Event::Register { process }),
        1 => (1..4u64).prop_map(|registration| Event::Deregister { registration }),
        1 => Just(Event::Close),
    ]
}

/// The machine, the model, and what the world around them knows.
struct Run {
    machine: Machine<u32, Cells>,
    cells: Cells,
    /// What is left of each thread's room.
    rooms: BTreeMap<Asker, Room>,
    model: Model,
    /// The present number of each process: who has ended comes back as somebody else.
    processes: [u64; PROCESSES],
    last_process: u64,
    last_ticket: Ticket,
    /// Who asked with which ticket.
    askers: BTreeMap<Ticket, Asker>,
    /// The requests that wait.
    open: BTreeSet<Ticket>,
    /// What was put without asking, and is not answered.
    silent: BTreeSet<Ticket>,
    /// The last grant that has reached each thread, and the last that was sent to it.
    taken: BTreeMap<Asker, (Grant, Grant)>,
}

impl Run {
    fn new(limits: Limits, joinable: bool) -> Run {
        let cells = Cells::default();
        Run {
            machine: Machine::new(limits, joinable, cells.clone()),
            cells,
            rooms: BTreeMap::new(),
            model: Model::new(limits, joinable),
            processes: std::array::from_fn(|index| index as u64),
            last_process: PROCESSES as u64,
            last_ticket: 0,
            askers: BTreeMap::new(),
            open: BTreeSet::new(),
            silent: BTreeSet::new(),
            taken: BTreeMap::new(),
        }
    }

    fn asker(&self, (process, thread): (usize, u64)) -> Asker {
        Asker { process: self.processes[process], thread }
    }

    fn ask(&mut self, by: (usize, u64)) -> (Ticket, Asker) {
        self.last_ticket += 1;
        let asker = self.asker(by);
        self.askers.insert(self.last_ticket, asker);
        self.open.insert(self.last_ticket);
        (self.last_ticket, asker)
    }

    /// Gives the last grant that has reached a thread; the last that was sent has, unless it was lost.
    fn taken(&mut self, asker: Asker, received: bool) -> Grant {
        let (reached, sent) = self.taken.entry(asker).or_default();
        if received {
            *reached = *sent;
        }
        *reached
    }

    fn put(&mut self, by: (usize, u64), bytes: &[usize], waits: bool) {
        let (ticket, asker) = self.ask(by);
        let first = u32::try_from(ticket).expect("a run is short") * 10;
        let items: Vec<(u32, usize)> = (first..).zip(bytes.iter().copied()).collect();
        self.machine.put(ticket, asker, items.iter().copied().collect(), waits);
        self.model.put(ticket, asker, items, waits);
    }

    /// What is put in room comes at once here: so it is as if it had been asked for.
    fn put_in_room(&mut self, by: (usize, u64), bytes: usize) {
        let (ticket, asker) = self.ask(by);
        let item = u32::try_from(ticket).expect("a run is short") * 10;
        self.model.put(ticket, asker, vec![(item, bytes)], true);
        let room = self.rooms.remove(&asker).filter(|room| room.items > 0 && room.bytes >= bytes);
        let Some(mut room) = room else {
            self.machine.put(ticket, asker, VecDeque::from([(item, bytes)]), true);
            return self.machine.give_room(ticket, asker);
        };
        self.machine.put_in_room(asker, item, bytes);
        if self.cells.count(room.tally) {
            room.tally.count += 1;
            room.items -= 1;
            room.bytes -= bytes;
            self.rooms.insert(asker, room);
            self.silent.insert(ticket);
        } else {
            self.machine.confirm(ticket, asker, true);
        }
    }

    fn step(&mut self, event: &Event) {
        match *event {
            Event::Put { by, ref bytes, waits } => self.put(by, bytes, waits),
            Event::PutInRoom { by, bytes } => self.put_in_room(by, bytes),
            Event::Get { by, received, most: (items, bytes), waits } => {
                let (ticket, asker) = self.ask(by);
                let taken = self.taken(asker, received);
                let most = Most { items, bytes, with_pile: false };
                self.machine.get(ticket, asker, taken, most, waits);
                self.model.get(ticket, asker, taken, most, waits);
            }
            Event::Return { by, count } => {
                let asker = self.asker(by);
                let taken = self.taken(asker, true).saturating_sub(count);
                self.machine.return_after(asker, taken);
                self.model.return_after(asker, taken);
            }
            Event::TaskDone { by } => {
                let (ticket, asker) = self.ask(by);
                self.machine.settle_first(ticket, asker);
                self.model.settle_first(ticket, asker);
            }
            Event::Join { by, waits } => {
                let (ticket, asker) = self.ask(by);
                self.machine.join(ticket, asker, waits);
                self.model.join(ticket, asker, waits);
            }
            Event::Expire { back } => {
                let ticket = self.last_ticket.saturating_sub(back);
                if let Some(asker) = self.askers.get(&ticket).copied() {
                    self.machine.expire(asker, ticket);
                    self.model.expire(asker, ticket);
                }
            }
            Event::GiveUp { by } => {
                let asker = self.asker(by);
                self.machine.give_up(asker);
                self.model.give_up(asker);
            }
            Event::EndThread { by } => {
                let asker = self.asker(by);
                let taken = self.taken(asker, true);
                self.machine.end_thread(asker, taken);
                self.model.end_thread(asker, taken);
            }
            Event::EndProcess { process } => {
                let number = self.processes[process];
                self.last_process += 1;
                self.processes[process] = self.last_process;
                self.machine.end_process(number);
                self.model.end_process(number);
            }
            Event::Register { process } => {
                self.machine.register(self.processes[process]);
                self.model.register(self.processes[process]);
            }
            Event::Deregister { registration } => {
                self.machine.deregister(registration);
                self.model.deregister(registration);
            }
            Event::Close => {
                self.machine.close();
                self.model.close();
            }
        }
    }

    /// Both have given the same answers: each to a request that waited, once.
    fn check(&mut self) -> Result<(), TestCaseError> {
        let mut answers = self.machine.take_answers();
        let mut expected = std::mem::take(&mut self.model.answers);
        for (ticket, answer) in &mut answers {
            if let Answer::Room(room) = *answer {
                self.rooms.insert(self.askers[ticket], room);
                *answer = Answer::Done;
            }
        }
        answers.extend(std::mem::take(&mut self.silent).into_iter().map(|ticket| (ticket, Answer::Done)));
        answers.sort_by_key(|(ticket, _)| *ticket);
        expected.sort_by_key(|(ticket, _)| *ticket);
        prop_assert_eq!(&answers, &expected);
        prop_assert_eq!(self.machine.len(), self.model.len());
        for (ticket, answer) in answers {
            prop_assert!(self.open.remove(&ticket), "{} was answered twice", ticket);
            if let Answer::Items { grant, items, .. } = answer {
                self.taken.entry(self.askers[&ticket]).or_default().1 = grant + items.len() as u64 - 1;
            }
        }
        for ticket in &self.open {
            prop_assert!(self.machine.is_waiting(self.askers[ticket], *ticket), "{} was forgotten", ticket);
        }
        Ok(())
    }

    /// Everybody ends: nobody is left waiting, and nothing held.
    fn finish(&mut self) -> Result<(), TestCaseError> {
        for process in 0..PROCESSES {
            self.step(&Event::EndProcess { process });
            self.check()?;
        }
        prop_assert!(self.open.is_empty(), "{:?} wait for ever", self.open);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_machine_does_what_the_model_does(
        items in prop_oneof![1..5usize, 30..50usize],
        bytes in prop_oneof![0..20usize, 100..200usize],
        joinable: bool,
        events in vec(event(), 0..80),
    ) {
        let mut run = Run::new(Limits { items, bytes }, joinable);
        for event in &events {
            run.step(event);
            run.check()?;
        }
        run.finish()?;
    }
}
