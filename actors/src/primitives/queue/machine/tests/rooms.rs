//! Room, while what is put there takes its time to come, and piles, while nobody says what is taken of them.

use super::*;
use crate::primitives::queue::shelf::Found;

const MANY: Limits = Limits { items: 100, bytes: 1000 };

/// Puts an item with a question; gives the room that is given for it.
fn ask_for_room(bench: &mut Bench, by: u64, item: u32) -> Room {
    let ticket = bench.ticket();
    bench.machine.put(ticket, asker(by, 1), one(item, 1), true);
    bench.machine.give_room(ticket, asker(by, 1));
    match bench.machine.take_answers().pop() {
        Some((_, Answer::Room(room))) => room,
        other => panic!("{other:?} is no room"),
    }
}

fn count(bench: &mut Bench, room: &mut Room) -> bool {
    let counted = bench.machine.words().count(room.tally);
    room.tally.count += u64::from(counted);
    counted
}

fn try_get(bench: &mut Bench, by: u64) -> Vec<(Ticket, Answer<u32>)> {
    let ticket = bench.ticket();
    bench.machine.get(ticket, asker(by, 1), 0, ONE, false);
    bench.machine.take_answers()
}

#[test]
fn what_has_been_counted_is_there_before_it_comes() {
    let mut bench = Bench::new(MANY, false);
    let mut room = ask_for_room(&mut bench, 1, 10);
    bench.get(2, 0);
    assert!(count(&mut bench, &mut room));
    assert_eq!(bench.machine.len(), 1);
    assert_eq!(try_get(&mut bench, 3), [], "it may be had in a moment");
    bench.machine.put_in_room(asker(1, 1), 20, 1);
    assert_eq!(bench.machine.take_answers(), [(3, item(2, 20))]);
    assert_eq!(try_get(&mut bench, 4), [(4, Answer::Empty)]);
}

#[test]
fn nobody_is_told_that_it_is_empty_before_the_producer_of_what_comes_is_gone() {
    let mut bench = Bench::new(MANY, false);
    let mut room = ask_for_room(&mut bench, 1, 10);
    bench.get(2, 0);
    assert!(count(&mut bench, &mut room));
    assert_eq!(try_get(&mut bench, 3), []);
    bench.machine.end_process(1);
    assert_eq!(bench.machine.take_answers(), [(3, Answer::Empty)]);
}

#[test]
fn a_closed_queue_ends_when_what_was_counted_has_come() {
    let mut bench = Bench::new(MANY, false);
    let mut room = ask_for_room(&mut bench, 1, 10);
    bench.get(2, 0);
    assert!(count(&mut bench, &mut room));
    bench.machine.close();
    assert!(!count(&mut bench, &mut room), "closed");
    assert_eq!(bench.get(2, 1), [], "one more comes");
    bench.machine.put_in_room(asker(1, 1), 20, 1);
    assert_eq!(bench.machine.take_answers(), [(3, item(2, 20))]);
    // This one was not counted.
    bench.machine.put_in_room(asker(1, 1), 30, 1);
    bench.machine.confirm(4, asker(1, 1), true);
    assert_eq!(bench.machine.take_answers(), [(4, Answer::Closed)]);
    bench.last_ticket = 4;
    assert_eq!(bench.get(2, 2), [(5, Answer::Closed)]);
}

#[test]
fn whoever_needs_room_gets_what_another_does_not_use() {
    let mut bench = Bench::new(Limits { items: 40, bytes: 1000 }, false);
    let mut room = ask_for_room(&mut bench, 1, 0);
    assert!(room.items >= 8);
    assert!(count(&mut bench, &mut room));
    // 38 more find room, with that which is given back; one is on its way.
    bench.machine.put(2, asker(2, 1), (1..39).map(|number| (number, 1)).collect(), false);
    assert_eq!(bench.machine.take_answers(), [(2, Answer::Done)]);
    bench.machine.put(3, asker(3, 1), one(50, 1), false);
    assert_eq!(bench.machine.take_answers(), [], "what comes may not come");
    bench.machine.put_in_room(asker(1, 1), 60, 1);
    assert_eq!(bench.machine.take_answers(), [(3, Answer::Full)]);
    assert!(!count(&mut bench, &mut room));
}

#[test]
fn an_item_that_is_asked_for_is_put_once() {
    // Its producer could not see it leave, and asks; it has come in time.
    let mut bench = Bench::new(MANY, false);
    let mut room = ask_for_room(&mut bench, 1, 10);
    bench.machine.put_in_room(asker(1, 1), 20, 1);
    bench.machine.confirm(5, asker(1, 1), true);
    assert_eq!(bench.machine.take_answers(), [(5, Answer::Done)]);
    assert_eq!((bench.machine.len(), count(&mut bench, &mut room)), (2, false));
    // It has not.
    let room = ask_for_room(&mut bench, 1, 30);
    bench.machine.close();
    bench.machine.put_in_room(asker(1, 1), 40, 1);
    assert_eq!((bench.machine.len(), bench.machine.words().peek(room.tally.word)), (3, room.tally.count));
    bench.machine.end_process(1);
    assert_eq!(bench.machine.len(), 3);
}

#[test]
fn what_was_counted_behind_a_request_that_was_given_up_is_there() {
    let mut bench = Bench::new(MANY, false);
    let mut room = ask_for_room(&mut bench, 1, 10);
    bench.get(1, 0);
    assert!(count(&mut bench, &mut room));
    bench.machine.get(90, asker(1, 1), 1, ONE, true);
    bench.machine.end_thread(asker(1, 1), 1);
    bench.machine.put_in_room(asker(1, 1), 20, 1);
    assert_eq!(bench.machine.len(), 1);

    let mut bench = Bench::new(Limits { items: 40, bytes: 1000 }, false);
    let mut room = ask_for_room(&mut bench, 1, 0);
    bench.machine.put(80, asker(2, 1), (1..9).map(|number| (number, 1)).collect(), true);
    assert!(count(&mut bench, &mut room));
    bench.machine.put(90, asker(1, 1), one(30, 300), true);
    bench.machine.give_room(90, asker(1, 1));
    bench.machine.give_up(asker(1, 1));
    bench.machine.put_in_room(asker(1, 1), 20, 1);
    assert_eq!(bench.machine.len(), 11);
}

#[test]
fn a_count_of_another_time_counts_for_nobody() {
    let mut bench = Bench::new(MANY, false);
    let mut first = ask_for_room(&mut bench, 1, 10);
    bench.machine.end_thread(asker(1, 1), 0);
    let second = ask_for_room(&mut bench, 2, 20);
    assert_eq!((first.tally.word, first.tally.count == second.tally.count), (second.tally.word, false));
    assert!(!count(&mut bench, &mut first));
    // Nonsense in a word is nobody's item.
    bench.machine.words().set(second.tally.word, u64::MAX >> 1);
    assert_eq!(bench.machine.len(), 2);
    bench.machine.words().set(second.tally.word, 0);
    assert_eq!(bench.machine.len(), 2);
}

fn get_with_pile(bench: &mut Bench, by: u64, taken: Grant) -> Vec<(Ticket, Answer<u32>)> {
    let ticket = bench.ticket();
    bench.machine.get(ticket, asker(by, 1), taken, PILE, true);
    bench.machine.take_answers()
}

/// Has somebody take a pile of four items beside the one that it wants.
fn take_pile(bench: &mut Bench, by: u64) -> Tally {
    (0..5).for_each(|item| drop(bench.put(1, item)));
    let answer = get_with_pile(bench, by, 0).pop().map(|(_, answer)| answer);
    let Some(Answer::Items { items, pile: Some(tally), .. }) = answer else { panic!("{answer:?} has no pile") };
    assert_eq!(items, [0, 1, 2, 3, 4]);
    tally
}

#[test]
fn what_is_not_taken_of_a_pile_goes_to_who_waits() {
    let mut bench = Bench::new(MANY, false);
    let mut tally = take_pile(&mut bench, 2);
    assert_eq!(bench.machine.len(), 4);
    for _ in 0..2 {
        assert!(bench.machine.words().count(tally));
        tally.count += 1;
    }
    assert_eq!(bench.machine.len(), 2);
    assert_eq!(bench.get(3, 0), [(7, item(6, 3))]);
    assert!(!bench.machine.words().count(tally), "it was taken back");
    // Of the others only the one in hand comes again when its thread dies.
    bench.machine.end_process(2);
    assert_eq!((bench.get(3, 6), bench.get(3, 7)), (vec![(8, item(7, 2))], vec![(9, item(8, 4))]));
}

#[test]
fn what_is_in_a_pile_needs_room() {
    let mut bench = Bench::new(Limits { items: 5, bytes: 100 }, false);
    let mut tally = take_pile(&mut bench, 2);
    assert!(bench.machine.words().count(tally));
    tally.count += 1;
    // Three are left: two more find room.
    bench.machine.put(7, asker(1, 1), (5..8).map(|number| (number, 1)).collect(), false);
    assert_eq!(bench.machine.take_answers(), [(7, Answer::Partly { taken: 2, why: Why::Full })]);
    assert_eq!((bench.machine.len(), bench.machine.words().count(tally)), (5, false));
}

#[test]
fn nobody_gets_a_pile_while_somebody_waits_for_room_or_of_work_that_is_to_be_settled() {
    let mut bench = Bench::new(Limits { items: 5, bytes: 100 }, false);
    (0..6).for_each(|item| drop(bench.put(item, item as u32)));
    assert!(matches!(get_with_pile(&mut bench, 9, 0)[..], [(_, Answer::Items { pile: None, .. }), ..]));
    let mut bench = Bench::new(MANY, true);
    (0..6).for_each(|item| drop(bench.put(item, item as u32)));
    assert!(matches!(get_with_pile(&mut bench, 9, 0)[..], [(_, Answer::Items { pile: None, .. })]));
}

/// Whoever writes the same number twice cannot make an item stay behind.
#[test]
fn two_items_that_are_marked_alike_are_both_accounted_for() {
    let mut bench = Bench::new(MANY, false);
    let found = |item| Found { item, by: Some((2, 7)) };
    bench.machine.take_from_shelf(vec![found(1), found(2)], |_| 1);
    assert_eq!(bench.machine.len(), 1, "one is in nobody's hand");
    bench.machine.settle_from_shelf(2, 7);
    bench.machine.close();
    assert_eq!(bench.get(3, 0), [(1, item(3, 1))]);
    assert_eq!(bench.get(3, 3), [(2, Answer::Closed)], "nothing is left in a hand");
}
