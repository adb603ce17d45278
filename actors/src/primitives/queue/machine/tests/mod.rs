//! Cases by hand, and random runs against a model.

mod model;
mod random;
mod rooms;
mod world;

use std::cell::RefCell;
use std::rc::Rc;

use super::*;

const ANY: Limits = Limits { items: usize::MAX, bytes: usize::MAX };

fn asker(process: u64, thread: u64) -> Asker {
    Asker { process, thread }
}

/// Words that producers share with the machine.
#[derive(Debug, Clone, Default)]
struct Cells(Rc<RefCell<Vec<Cell>>>);

#[derive(Debug, Clone, Copy)]
struct Cell {
    count: u64,
    is_lent: bool,
}

/// There are so few that some producers get none.
const CELLS: usize = 3;

impl Cells {
    /// A producer counts an item; gives whether it could.
    fn count(&self, Tally { word, count }: Tally) -> bool {
        let cell = &mut self.0.borrow_mut()[word];
        let can = cell.is_lent && cell.count == count;
        cell.count += u64::from(can);
        can
    }
}

impl Cells {
    /// Somebody writes nonsense.
    fn set(&self, word: usize, count: u64) {
        self.0.borrow_mut()[word].count = count;
    }
}

impl Words for Cells {
    fn lend(&mut self, count: u64) -> Option<usize> {
        let mut cells = self.0.borrow_mut();
        let free = cells.iter().position(|cell| !cell.is_lent);
        let word = free.or_else(|| (cells.len() < CELLS).then_some(cells.len()))?;
        let cell = Cell { count, is_lent: true };
        if word == cells.len() {
            cells.push(cell);
        } else {
            cells[word] = cell;
        }
        Some(word)
    }

    fn peek(&self, word: usize) -> u64 {
        self.0.borrow()[word].count
    }

    fn keep(&mut self, word: usize) -> u64 {
        let cell = &mut self.0.borrow_mut()[word];
        assert!(cell.is_lent, "it is taken back twice");
        cell.is_lent = false;
        cell.count
    }
}

/// A machine with tickets of its own.
struct Bench {
    machine: Machine<u32, Cells>,
    last_ticket: Ticket,
}

impl Bench {
    fn new(limits: Limits, joinable: bool) -> Bench {
        Bench { machine: Machine::new(limits, joinable, Cells::default()), last_ticket: 0 }
    }

    fn ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        self.last_ticket
    }

    fn put(&mut self, by: u64, item: u32) -> Vec<(Ticket, Answer<u32>)> {
        let ticket = self.ticket();
        self.machine.put(ticket, asker(by, 1), one(item, 1), true);
        self.machine.take_answers()
    }

    fn get(&mut self, by: u64, taken: Grant) -> Vec<(Ticket, Answer<u32>)> {
        let ticket = self.ticket();
        self.machine.get(ticket, asker(by, 1), taken, ONE, true);
        self.machine.take_answers()
    }
}

const ONE: Most = Most { items: 1, bytes: usize::MAX, with_pile: false };

const PILE: Most = Most { with_pile: true, ..ONE };

fn one(item: u32, bytes: usize) -> VecDeque<(u32, usize)> {
    VecDeque::from([(item, bytes)])
}

fn item(grant: Grant, item: u32) -> Answer<u32> {
    Answer::Items { grant, items: vec![item], pile: None }
}

#[test]
fn many_items_go_in_as_there_is_room_and_come_out_together() {
    let mut bench = Bench::new(Limits { items: 2, bytes: 100 }, false);
    let many: VecDeque<_> = (0..5).map(|number| (number, 10)).collect();
    bench.machine.put(1, asker(1, 1), many.clone(), true);
    bench.machine.put(2, asker(1, 2), many.clone(), false);
    let most = Most { items: 4, bytes: usize::MAX, with_pile: false };
    bench.machine.get(3, asker(2, 1), 0, most, true);
    bench.machine.get(4, asker(2, 2), 0, Most { items: 4, bytes: 19, with_pile: false }, true);
    let expected = [
        (2, Answer::Full),
        (3, Answer::Items { grant: 1, items: vec![0, 1], pile: None }),
        (4, Answer::Items { grant: 3, items: vec![2], pile: None }),
        (1, Answer::Done),
    ];
    assert_eq!(bench.machine.take_answers(), expected);
    bench.machine.put(5, asker(1, 1), many, true);
    bench.machine.get(6, asker(2, 1), 2, most, true);
    bench.machine.close();
    let expected = [
        (6, Answer::Items { grant: 4, items: vec![3, 4], pile: None }),
        (5, Answer::Partly { taken: 2, why: Why::Closed }),
    ];
    assert_eq!(bench.machine.take_answers(), expected);
}

#[test]
fn what_a_thread_returns_is_ready_again_and_what_it_has_in_hand_is_not() {
    let mut bench = Bench::new(ANY, false);
    bench.machine.put(1, asker(1, 1), (0..3).map(|number| (number, 1)).collect(), true);
    bench.machine.get(2, asker(2, 1), 0, Most { items: 3, bytes: 100, with_pile: false }, true);
    bench.machine.return_after(asker(2, 1), 1);
    assert_eq!(bench.machine.len(), 2);
    bench.machine.end_process(2);
    bench.machine.take_answers();
    assert_eq!(bench.get(3, 0), [(1, item(4, 0))]);
}

#[test]
fn items_come_out_as_they_went_in() {
    let mut bench = Bench::new(ANY, false);
    assert_eq!(bench.put(1, 10), [(1, Answer::Done)]);
    assert_eq!(bench.put(1, 20), [(2, Answer::Done)]);
    assert_eq!(bench.get(2, 0), [(3, item(1, 10))]);
    assert_eq!(bench.get(2, 1), [(4, item(2, 20))]);
    assert_eq!(bench.get(2, 2), []);
    assert_eq!(bench.put(1, 30), [(6, Answer::Done), (5, item(3, 30))]);
}

#[test]
fn who_waits_for_room_gets_it_in_order_and_a_smaller_item_does_not_overtake() {
    let mut bench = Bench::new(Limits { items: 10, bytes: 10 }, false);
    bench.machine.put(1, asker(1, 1), one(1, 8), true);
    bench.machine.put(2, asker(1, 2), one(2, 8), true);
    bench.machine.put(3, asker(1, 3), one(3, 1), true);
    bench.machine.put(4, asker(1, 4), one(4, 1), false);
    assert_eq!(bench.machine.take_answers(), [(1, Answer::Done), (4, Answer::Full)]);
    bench.machine.get(5, asker(2, 1), 0, ONE, true);
    assert_eq!(bench.machine.take_answers(), [(5, item(1, 1)), (2, Answer::Done), (3, Answer::Done)]);
}

#[test]
fn an_item_larger_than_the_limit_is_taken_alone() {
    let mut bench = Bench::new(Limits { items: 10, bytes: 10 }, false);
    bench.machine.put(1, asker(1, 1), one(1, 1), true);
    bench.machine.put(2, asker(1, 1), one(2, 100), true);
    bench.machine.get(3, asker(2, 1), 0, ONE, true);
    assert_eq!(bench.machine.take_answers(), [(1, Answer::Done), (3, item(1, 1)), (2, Answer::Done)]);
}

#[test]
fn what_the_dead_had_in_hand_comes_first_and_in_order() {
    let mut bench = Bench::new(ANY, true);
    (0..6).for_each(|number| assert_eq!(bench.put(1, number).len(), 1));
    bench.get(2, 0);
    bench.get(3, 0);
    bench.get(2, 1);
    bench.machine.end_process(2);
    let order: Vec<_> = (0..5).flat_map(|taken| bench.get(4, taken + 3)).map(|(_, answer)| answer).collect();
    assert_eq!(order, [item(4, 0), item(5, 2), item(6, 3), item(7, 4), item(8, 5)]);
}

#[test]
fn an_item_that_did_not_reach_its_thread_is_handed_out_again() {
    let mut bench = Bench::new(ANY, false);
    bench.put(1, 10);
    bench.put(1, 20);
    assert_eq!(bench.get(2, 0), [(3, item(1, 10))]);
    assert_eq!(bench.get(2, 0), [(4, item(2, 10))]);
    assert_eq!(bench.get(2, 2), [(5, item(3, 20))]);
}

#[test]
fn the_last_registered_producer_closes() {
    let mut bench = Bench::new(ANY, false);
    assert_eq!((bench.machine.register(1), bench.machine.register(2)), (Some(1), Some(2)));
    bench.put(1, 10);
    bench.machine.deregister(1);
    bench.machine.deregister(1);
    assert_eq!(bench.get(3, 0), [(2, item(1, 10))]);
    assert_eq!(bench.get(3, 1), []);
    bench.machine.end_process(2);
    assert_eq!(bench.machine.take_answers(), [(3, Answer::Closed)]);
    assert_eq!(bench.put(1, 20), [(4, Answer::Closed)]);
    assert_eq!(bench.machine.register(1), None);
}

#[test]
fn nobody_is_told_of_the_end_while_an_item_may_come_back() {
    let mut bench = Bench::new(ANY, false);
    bench.put(1, 10);
    bench.get(2, 0);
    bench.machine.close();
    assert_eq!(bench.get(3, 0), []);
    bench.machine.end_process(2);
    assert_eq!(bench.machine.take_answers(), [(3, item(2, 10))]);
    assert_eq!(bench.get(3, 2), [(4, Answer::Closed)]);
}

#[test]
fn all_who_hold_something_and_wait_for_more_are_told_of_the_end() {
    let mut bench = Bench::new(ANY, true);
    bench.put(1, 10);
    bench.put(1, 20);
    bench.get(2, 0);
    bench.get(3, 0);
    bench.machine.close();
    assert_eq!(bench.get(2, 1), []);
    assert_eq!(bench.get(3, 2), [(6, Answer::Closed), (5, Answer::Closed)].into_iter().rev().collect::<Vec<_>>());
}

#[test]
fn one_task_done_too_many_is_invalid() {
    let mut bench = Bench::new(ANY, true);
    bench.put(1, 10);
    bench.get(2, 0);
    bench.machine.join(3, asker(1, 1), true);
    bench.machine.settle_first(4, asker(1, 1));
    bench.machine.settle_first(5, asker(2, 7));
    bench.machine.settle_first(6, asker(2, 1));
    let expected = [(4, Answer::Invalid), (5, Answer::Done), (3, Answer::Done), (6, Answer::Invalid)];
    assert_eq!(bench.machine.take_answers(), expected);
}

#[test]
fn a_wait_that_is_over_gets_nothing_later() {
    let mut bench = Bench::new(ANY, false);
    bench.get(2, 0);
    bench.get(3, 0);
    bench.machine.expire(asker(2, 1), 1);
    bench.machine.expire(asker(2, 1), 1);
    assert_eq!(bench.machine.take_answers(), [(1, Answer::TimedOut)]);
    assert_eq!(bench.put(1, 10), [(3, Answer::Done), (2, item(1, 10))]);
}
