//! Arrays of integers, read and changed item by item in shared memory, and as a whole at their host.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{Array, Event, Exit, Manager, SharedError};
use procession_tests::{GUARD, Noting, eventually, guarded, kill, repeat};

const KILLED: Exit = Exit::Signal { signal: 9, core_dumped: false };

fn system() -> System {
    System::start().expect("a system")
}

/// Uses an array often enough that this thread needs no messages for its items any more.
fn warm(array: &Array<i64>) {
    for _ in 0..3 {
        let _ = array.get(0).expect("it lives");
    }
}

#[procession::test]
fn a_host_that_does_nothing_is_not_needed() {
    guarded("stopped host", GUARD, |round| {
        let system = system();
        let home = Noting::of(&system);
        let array = Array::new(&home, vec![0_i64; 2000]).expect("an array");
        warm(&array);
        kill(home.pid(), Signal::SIGSTOP);
        round.at("a stopped host");
        for (index, item) in (0..2000).zip(0_i64..) {
            assert_eq!((array.set(index, -item), array.get(index)), (Ok(()), Ok(-item)));
            assert_eq!((array.fetch_add(index, 3), array.fetch_sub(index, 1)), (Ok(-item), Ok(3 - item)));
        }
        kill(home.pid(), Signal::SIGCONT);
        assert_eq!(array.to_vec(), Ok((0..2000).map(|item| 2 - item).collect()));
    });
}

#[procession::test]
fn items_are_what_they_should_be_whoever_changes_them() {
    let system = system();
    let array = Array::new(&system, vec![1_i64, i64::MAX, 3]).expect("an array");
    warm(&array);
    assert_eq!((array.get(1), array.fetch_add(1, 1)), (Ok(i64::MAX), Err(SharedError::Overflow)));
    assert_eq!((array.fetch_sub(1, i64::MAX - 2), array.get(1)), (Ok(i64::MAX), Ok(2)), "it fits in a word now");
    assert_eq!((array.set(0, i64::MIN), array.get(0), array.len()), (Ok(()), Ok(i64::MIN), Ok(3)));
    assert_eq!(array.update(2, |item, by| std::mem::replace(item, *item * by), 5), Ok(3));
    assert_eq!((array.get(2), array.set_slice(1, vec![7, 8]), array.get(2)), (Ok(15), Ok(()), Ok(8)));
    assert_eq!(array.apply(|items, ()| items.reverse(), ()), Ok(()));
    assert_eq!((array.get(0), array.slice(1..9), array.fetch_add(0, 1)), (Ok(8), Ok(vec![7, i64::MIN]), Ok(8)));
    let panics = |items: &mut [i64], ()| {
        items[0] = 0;
        assert_eq!(items[0], 1);
    };
    assert!(matches!(array.apply(panics, ()), Err(SharedError::Panicked { .. })));
    assert_eq!((array.get(0), array.to_vec()), (Ok(9), Ok(vec![9, 7, i64::MIN])));
    for index in [3, usize::MAX] {
        assert!(matches!(array.get(index), Err(SharedError::IndexOutOfRange { .. })));
        assert!(matches!(array.set(index, 1), Err(SharedError::IndexOutOfRange { .. })));
        assert!(matches!(array.fetch_add(index, 1), Err(SharedError::IndexOutOfRange { .. })));
    }
    let empty = Array::new(&system, Vec::<u8>::new()).expect("an array");
    for _ in 0..5 {
        assert!(matches!(empty.get(0), Err(SharedError::IndexOutOfRange { .. })));
    }
    let bytes = Array::new(&system, vec![250_u8; 3]).expect("an array");
    assert_eq!([1, 1, 1, 1].map(|by| bytes.fetch_add(2, by)), [250, 251, 252, 253].map(Ok));
    assert_eq!((bytes.fetch_add(2, 2), bytes.to_vec()), (Err(SharedError::Overflow), Ok(vec![250, 250, 254])));
}

#[procession::test]
fn what_is_done_as_a_whole_is_seen_as_a_whole() {
    const ITEMS: usize = 100;
    const ADDITIONS: u64 = 20_000;
    fn add(array: Array<i64>) -> i64 {
        let add = |number: u64| array.fetch_add(number as usize * 37 % ITEMS, 1).map(drop).expect("it lives");
        (0..ADDITIONS).for_each(add);
        ADDITIONS as i64
    }
    guarded("adders", 3 * GUARD, |_| {
        let system = system();
        let manager = Manager::start(&system).expect("a manager");
        for array in [Array::new(&system, vec![0_i64; ITEMS]), manager.array(vec![0; ITEMS])] {
            let array = array.expect("an array");
            let children = [(); 2].map(|()| system.process(add, array.clone()).start().expect("a process"));
            let there = array.clone();
            let threads = [thread::spawn(move || add(there))];
            let (mut applied, mut before) = (0, 0);
            for _ in 0..200 {
                array.apply(|items, ()| items.iter_mut().for_each(|item| *item += 1), ()).expect("it lives");
                applied += ITEMS as i64;
                let sum: i64 = array.to_vec().expect("it lives").iter().sum();
                assert!(sum >= before + ITEMS as i64, "{sum} after {before}");
                before = sum;
            }
            let added = children.map(|child| child.join().expect("it returns")).iter().sum::<i64>()
                + threads.map(|thread| thread.join().expect("no panic")).iter().sum::<i64>();
            assert_eq!(array.to_vec().expect("it lives").iter().sum::<i64>(), added + applied);
        }
    });
}

fn add_until_told((array, begun): (Array<i64>, Event)) -> bool {
    let mut last = array.fetch_add(0, 1).expect("it lives");
    begun.set().expect("it lives");
    loop {
        match array.fetch_add(0, 1) {
            Ok(before) => assert!(before > std::mem::replace(&mut last, before)),
            Err(error) => return matches!(error, SharedError::HostDied(KILLED)),
        }
    }
}

#[procession::test]
fn users_are_told_of_the_end_of_a_host() {
    let system = system();
    repeat("hosts of arrays killed", 20, move |round| {
        let home = Noting::of(&system);
        let array = Array::new(&home, vec![0_i64; 10]).expect("an array");
        let begun = [(); 2].map(|()| Event::new(&system).expect("an event"));
        let start =
            |begun: &Event| system.process(add_until_told, (array.clone(), begun.clone())).start().expect("one");
        let children = begun.each_ref().map(start);
        begun.iter().for_each(|begun| begun.wait_within(Duration::from_secs(5)).expect("it begins"));
        warm(&array);
        round.dice.spin();
        kill(home.pid(), Signal::SIGKILL);
        round.at("the adders");
        children.iter().for_each(|child| assert_eq!(child.join(), Ok(true)));
        eventually("it is gone", || array.get(0).is_err());
        assert!(array.set(1, 1).is_err() && array.to_vec().is_err());
    });
}
