//! Shared data: what it does while everybody lives.

use std::fmt::Debug;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::thread;

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{
    Array, Descriptor, Dict, List, Lock, LockError, Manager, Namespace, Number, Restart, SharedError, Strategy, Value,
};
use procession_tests::{eventually, kill};

fn system() -> System {
    System::start().expect("a system")
}

/// A manager, and the system that it lives as long as.
fn manager() -> (System, Manager) {
    let system = system();
    let manager = Manager::start(&system).expect("a manager");
    (system, manager)
}

fn out_of_range<T>(index: u64, length: u64) -> Result<T, SharedError> {
    Err(SharedError::IndexOutOfRange { index, length })
}

#[procession::test]
fn two_processes_add_without_a_lock() {
    fn count(counter: Value<u64>) -> Result<(), Failure> {
        (0..1000).try_for_each(|_| counter.fetch_add(1).map(drop))?;
        Ok(())
    }
    let system = system();
    let counter = Value::new(&system, 0_u64).expect("a value");
    let children = [(); 2].map(|()| system.try_process(count, counter.clone()).start().expect("a process"));
    children.iter().for_each(|child| child.join().expect("it counts"));
    assert_eq!(counter.get(), Ok(2000));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_value_is_read_set_replaced_and_updated() {
    let (_system, manager) = manager();
    let value = manager.value(Some("one".to_owned())).expect("a value");
    assert_eq!(value.get(), Ok(Some("one".to_owned())));
    assert_eq!(value.set(None), Ok(()));
    assert_eq!(value.replace(Some("two".to_owned())), Ok(None));
    let push = |value: &mut Option<String>, (text, times): (String, usize)| {
        let value = value.get_or_insert_default();
        value.push_str(&text.repeat(times));
        value.len()
    };
    assert_eq!(value.update(push, ("!".to_owned(), 3)), Ok(6));
    assert_eq!(value.update(|value, ()| value.take(), ()), Ok(Some("two!!!".to_owned())));
    assert_eq!(value.get(), Ok(None));
    assert_eq!(manager.value(()).and_then(|unit| unit.get()), Ok(()));
}

/// Adds and subtracts beyond both bounds, and up to them.
fn expect_bounds<T: Number + PartialEq + Debug>(manager: &Manager, [least, zero, one, most]: [T; 4]) {
    let value = manager.value(most).expect("a value");
    assert_eq!(value.fetch_add(one), Err(SharedError::Overflow));
    assert_eq!((value.get(), value.fetch_sub(most), value.get()), (Ok(most), Ok(most), Ok(zero)));
    value.set(least).expect("the host lives");
    assert_eq!(value.fetch_sub(one), Err(SharedError::Overflow));
    assert_eq!((value.get(), value.fetch_add(one)), (Ok(least), Ok(least)));
    value.fetch_sub(one).expect("there is room");
    assert_eq!(value.get(), Ok(least));
}

#[procession::test]
fn sums_are_checked_at_the_bounds_of_each_type() {
    let (_system, manager) = manager();
    expect_bounds(&manager, [i8::MIN, 0, 1, i8::MAX]);
    expect_bounds(&manager, [i64::MIN, 0, 1, i64::MAX]);
    expect_bounds(&manager, [i128::MIN, 0, 1, i128::MAX]);
    expect_bounds(&manager, [0, 0, 1, u8::MAX]);
    expect_bounds(&manager, [0, 0, 1, u32::MAX]);
    expect_bounds(&manager, [0, 0, 1, u128::MAX]);
    expect_bounds(&manager, [0, 0, 1, usize::MAX]);
    let float = manager.value(1.5_f64).expect("a value");
    assert_eq!((float.fetch_add(2.0), float.fetch_sub(0.5), float.get()), (Ok(1.5), Ok(3.5), Ok(3.0)));
    float.set(f64::MAX).expect("the host lives");
    assert_eq!((float.fetch_add(f64::MAX), float.get()), (Err(SharedError::Overflow), Ok(f64::MAX)));
}

#[procession::test]
fn an_update_that_panics_changes_nothing() {
    let (_system, manager) = manager();
    let value = manager.value(vec![1_u8, 2]).expect("a value");
    let break_off = |value: &mut Vec<u8>, at: usize| {
        value.push(3);
        value[at]
    };
    assert_eq!(value.update(break_off, 2), Ok(3));
    let (list, dict) = (manager.list(vec![7_u8, 8]).expect("a list"), manager.dict::<u8, u8>().expect("a dict"));
    dict.insert(1, 1).expect("the host lives");
    let fail = |item: &mut u8, ()| {
        *item = 9;
        assert!(item.is_ascii_uppercase(), "it is no letter");
    };
    let outcomes = [
        (value.update(break_off, 9).map(drop), "the len is 4 but the index is 9"),
        (list.update(0, fail, ()), "it is no letter"),
        (list.apply(break_off, 9).map(drop), "the len is 3 but the index is 9"),
        (dict.update(&1, fail, ()), "it is no letter"),
        (dict.update_or(2, 2, fail, ()), "it is no letter"),
    ];
    for (outcome, text) in outcomes {
        let Err(SharedError::Panicked { message, location }) = outcome else { panic!("{outcome:?}") };
        assert!(message.contains(text), "{message}");
        assert!(location.contains("shared_data.rs"), "{location}");
    }
    assert_eq!((value.get(), list.to_vec()), (Ok(vec![1, 2, 3]), Ok(vec![7, 8])));
    assert_eq!(dict.items(), Ok(vec![(1, 1)]));
}

#[procession::test]
fn an_update_that_asks_its_own_host_is_a_deadlock() {
    let (_system, manager) = manager();
    let value = manager.value(1_u64).expect("a value");
    let ask = |_: &mut u64, other: Value<u64>| other.get().map_err(|error| error.to_string());
    let error = value.update(ask, value.clone()).expect("it ends").expect_err("nobody could answer");
    assert!(error.contains("deadlock"), "{error}");
    let other = manager.value(2_u64).expect("a value");
    assert_eq!(value.update(ask, other), Ok(Ok(2)));
}

/// One operation on [1, 2, 3, 2]: its outcome as text, and the list after it.
type ListCase = (&'static str, fn(&List<i64>) -> String, &'static str, &'static [i64]);

fn text(outcome: impl Debug) -> String {
    format!("{outcome:?}")
}

const LIST_CASES: &[ListCase] = &[
    ("append", |list| text(list.append(4)), "Ok(())", &[1, 2, 3, 2, 4]),
    ("extend", |list| text(list.extend([4, 5])), "Ok(())", &[1, 2, 3, 2, 4, 5]),
    ("extend by nothing", |list| text(list.extend([])), "Ok(())", &[1, 2, 3, 2]),
    ("insert at the front", |list| text(list.insert(0, 9)), "Ok(())", &[9, 1, 2, 3, 2]),
    ("insert at the end", |list| text(list.insert(4, 9)), "Ok(())", &[1, 2, 3, 2, 9]),
    ("insert beyond", |list| text(list.insert(5, 9)), "Err(IndexOutOfRange { index: 5, length: 4 })", &[1, 2, 3, 2]),
    ("pop", |list| text(list.pop()), "Ok(Some(2))", &[1, 2, 3]),
    ("pop at", |list| text(list.pop_at(0)), "Ok(1)", &[2, 3, 2]),
    ("pop beyond", |list| text(list.pop_at(4)), "Err(IndexOutOfRange { index: 4, length: 4 })", &[1, 2, 3, 2]),
    ("remove", |list| text(list.remove(2)), "Ok(())", &[1, 3, 2]),
    ("remove what is not there", |list| text(list.remove(7)), "Err(NotFound)", &[1, 2, 3, 2]),
    ("index", |list| text(list.index(&2)), "Ok(Some(1))", &[1, 2, 3, 2]),
    ("index of what is not there", |list| text(list.index(&7)), "Ok(None)", &[1, 2, 3, 2]),
    ("count", |list| text((list.count(&2), list.count(&7))), "(Ok(2), Ok(0))", &[1, 2, 3, 2]),
    ("contains", |list| text((list.contains(&3), list.contains(&7))), "(Ok(true), Ok(false))", &[1, 2, 3, 2]),
    ("get", |list| text(list.get(3)), "Ok(2)", &[1, 2, 3, 2]),
    ("get beyond", |list| text(list.get(4)), "Err(IndexOutOfRange { index: 4, length: 4 })", &[1, 2, 3, 2]),
    ("set", |list| text(list.set(1, 9)), "Ok(())", &[1, 9, 3, 2]),
    ("set beyond", |list| text(list.set(4, 9)), "Err(IndexOutOfRange { index: 4, length: 4 })", &[1, 2, 3, 2]),
    ("slice", |list| text(list.slice(1..3)), "Ok([2, 3])", &[1, 2, 3, 2]),
    ("slice to and with", |list| text(list.slice(..=1)), "Ok([1, 2])", &[1, 2, 3, 2]),
    ("slice beyond", |list| text(list.slice(3..99)), "Ok([2])", &[1, 2, 3, 2]),
    ("slice of nothing", |list| text(list.slice(9..)), "Ok([])", &[1, 2, 3, 2]),
    ("set a slice, growing", |list| text(list.set_slice(1..2, vec![7, 8])), "Ok(())", &[1, 7, 8, 3, 2]),
    ("set a slice, shrinking", |list| text(list.set_slice(1..3, vec![])), "Ok(())", &[1, 2]),
    ("set a slice beyond", |list| text(list.set_slice(9..12, vec![7])), "Ok(())", &[1, 2, 3, 2, 7]),
    ("sort", |list| text(list.sort()), "Ok(())", &[1, 2, 2, 3]),
    ("reverse", |list| text(list.reverse()), "Ok(())", &[2, 3, 2, 1]),
    ("clear", |list| text((list.clear(), list.len(), list.is_empty())), "(Ok(()), Ok(0), Ok(true))", &[]),
    ("pop from nothing", |list| text((list.clear(), list.pop())), "(Ok(()), Ok(None))", &[]),
    ("length", |list| text((list.len(), list.is_empty())), "(Ok(4), Ok(false))", &[1, 2, 3, 2]),
    ("iteration", |list| text(list.iter().map(Iterator::sum::<i64>)), "Ok(8)", &[1, 2, 3, 2]),
    (
        "update",
        |list| {
            text(list.update(
                2,
                |item, by| {
                    *item *= by;
                    *item
                },
                5,
            ))
        },
        "Ok(15)",
        &[1, 2, 15, 2],
    ),
    (
        "update beyond",
        |list| text(list.update(4, |_, ()| (), ())),
        "Err(IndexOutOfRange { index: 4, length: 4 })",
        &[1, 2, 3, 2],
    ),
    ("addition", |list| text(list.fetch_add(0, 5)), "Ok(1)", &[6, 2, 3, 2]),
    ("addition beyond the bounds", |list| text(list.fetch_add(0, i64::MAX)), "Err(Overflow)", &[1, 2, 3, 2]),
    (
        "all at once",
        |list| {
            text(list.apply(
                |items, least| {
                    items.retain(|item| *item > least);
                    items.len()
                },
                1,
            ))
        },
        "Ok(3)",
        &[2, 3, 2],
    ),
];

#[procession::test]
fn lists_do_what_lists_do() {
    let (_system, manager) = manager();
    for (name, operate, outcome, after) in LIST_CASES {
        let list = manager.list(vec![1, 2, 3, 2]).expect("a list");
        assert_eq!(operate(&list), *outcome, "{name}");
        assert_eq!(list.to_vec().as_deref(), Ok(*after), "{name}");
    }
}

#[procession::test]
fn arrays_keep_their_length() {
    let (_system, manager) = manager();
    let array = manager.array(vec![1_i32, 2, 3, 4, 5]).expect("an array");
    assert_eq!((array.len(), array.is_empty()), (Ok(5), Ok(false)));
    assert_eq!((array.get(4), array.get(5)), (Ok(5), out_of_range(5, 5)));
    assert_eq!((array.set(0, 10), array.set(5, 10)), (Ok(()), out_of_range(5, 5)));
    assert_eq!((array.slice(1..=2), array.slice(4..9)), (Ok(vec![2, 3]), Ok(vec![5])));
    assert_eq!(array.set_slice(1, vec![20, 30]), Ok(()));
    assert_eq!(array.set_slice(4, vec![0, 0]), out_of_range(5, 5));
    assert_eq!(array.set_slice(6, vec![]), out_of_range(6, 5));
    assert_eq!(array.set_slice(5, vec![]), Ok(()));
    assert_eq!(array.update(3, |item, ()| std::mem::replace(item, 40), ()), Ok(4));
    assert_eq!((array.fetch_add(4, 45), array.fetch_sub(4, i32::MIN)), (Ok(5), Err(SharedError::Overflow)));
    assert_eq!(array.to_vec(), Ok(vec![10, 20, 30, 40, 50]));
    assert_eq!(
        array.apply(
            |items: &mut [i32], by| {
                items.rotate_left(by);
                items[0]
            },
            2
        ),
        Ok(30)
    );
    assert_eq!(array.iter().map(Iterator::collect), Ok(vec![30, 40, 50, 10, 20]));
    let texts = Array::new(&manager, vec![String::new(), "b".to_owned()]).expect("an array");
    assert_eq!(texts.update(0, |text, more: String| text.push_str(&more), "a".to_owned()), Ok(()));
    assert_eq!(texts.to_vec(), Ok(vec!["a".to_owned(), "b".to_owned()]));
}

fn entries(pairs: &[(&str, i32)]) -> Vec<(String, i32)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
}

#[procession::test]
fn dictionaries_do_what_dictionaries_do() {
    let (_system, manager) = manager();
    let dict = Dict::with_entries(&manager, entries(&[("one", 1), ("two", 2)])).expect("a dictionary");
    let (one, three) = ("one".to_owned(), "three".to_owned());
    assert_eq!((dict.get(&one), dict.get(&three)), (Ok(Some(1)), Ok(None)));
    assert_eq!((dict.contains(&one), dict.contains(&three), dict.len()), (Ok(true), Ok(false), Ok(2)));
    assert_eq!((dict.insert(three.clone(), 3), dict.insert(one.clone(), 10)), (Ok(None), Ok(Some(1))));
    assert_eq!(dict.items(), Ok(entries(&[("one", 10), ("two", 2), ("three", 3)])), "a key keeps its place");
    assert_eq!((dict.remove(&one), dict.remove(&one)), (Ok(Some(10)), Ok(None)));
    dict.insert(one.clone(), 1).expect("the host lives");
    assert_eq!(
        dict.keys(),
        Ok(vec!["two".to_owned(), three.clone(), one.clone()]),
        "a key that comes again is the last"
    );
    assert_eq!(dict.values(), Ok(vec![2, 3, 1]));
    assert_eq!((dict.get_or_insert(one.clone(), 7), dict.get_or_insert("four".to_owned(), 4)), (Ok(1), Ok(4)));
    assert_eq!(dict.extend(entries(&[("five", 5), ("one", 11)])), Ok(()));
    assert_eq!(dict.pop(), Ok(Some(("five".to_owned(), 5))));
    assert_eq!(
        dict.update(
            &one,
            |value, by| {
                *value += by;
                *value
            },
            2
        ),
        Ok(13)
    );
    assert_eq!(dict.update(&"six".to_owned(), |value, ()| *value, ()), Err(SharedError::NotFound));
    assert_eq!(
        dict.update_or(
            "six".to_owned(),
            6,
            |value, ()| {
                *value *= 2;
                *value
            },
            ()
        ),
        Ok(12)
    );
    assert_eq!(dict.fetch_add_or("six".to_owned(), 0, 1), Ok(12));
    assert_eq!(dict.fetch_add_or("seven".to_owned(), 0, 1), Ok(0));
    assert_eq!(dict.fetch_add_or("seven".to_owned(), 0, i32::MAX), Err(SharedError::Overflow));
    assert_eq!((dict.get(&"seven".to_owned()), dict.len()), (Ok(Some(1)), Ok(6)));
    assert_eq!((dict.clear(), dict.is_empty(), dict.pop(), dict.items()), (Ok(()), Ok(true), Ok(None), Ok(vec![])));
}

/// A text that is equal to others which differ in case alone.
#[data]
#[derive(Debug, Clone)]
struct Name(String);

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_ascii_lowercase().hash(state);
    }
}

#[procession::test]
fn keys_are_equal_when_they_say_so() {
    let (_system, manager) = manager();
    let dict = manager.dict().expect("a dictionary");
    let name = |text: &str| Name(text.to_owned());
    assert_eq!((dict.insert(name("Ada"), 1), dict.insert(name("ADA"), 2)), (Ok(None), Ok(Some(1))));
    assert_eq!((dict.get(&name("ada")), dict.len()), (Ok(Some(2)), Ok(1)));
    assert_eq!(dict.keys().map(|keys| keys[0].0.clone()), Ok("Ada".to_owned()), "the first key stays");
}

#[procession::test]
fn a_namespace_knows_the_types_of_its_values() {
    let (_system, manager) = manager();
    let namespace: Namespace = manager.namespace().expect("a namespace");
    namespace.set("x", 10_u32).expect("the host lives");
    namespace.set("y", "hello".to_owned()).expect("the host lives");
    assert_eq!((namespace.get("x"), namespace.get("y")), (Ok(10_u32), Ok("hello".to_owned())));
    let wrong = |held: &str, wanted: &str| SharedError::WrongType { wanted: wanted.to_owned(), held: held.to_owned() };
    assert_eq!(namespace.get::<i32>("x"), Err(wrong("u32", "i32")));
    assert_eq!(namespace.update("x", |x: &mut u64, ()| *x, ()), Err(wrong("u32", "u64")));
    assert_eq!(
        namespace.update(
            "x",
            |x: &mut u32, by| {
                *x += by;
                *x
            },
            5_u32
        ),
        Ok(15)
    );
    assert_eq!(namespace.get::<u32>("z"), Err(SharedError::NotFound));
    assert_eq!(namespace.names(), Ok(vec!["x".to_owned(), "y".to_owned()]));
    namespace.set("x", vec![1_u8]).expect("it may stand for another type");
    assert_eq!(namespace.get("x"), Ok(vec![1_u8]));
    assert_eq!((namespace.remove("x"), namespace.remove("x")), (Ok(()), Err(SharedError::NotFound)));
    assert_eq!(namespace.names(), Ok(vec!["y".to_owned()]));
}

#[procession::test]
fn what_is_shared_holds_what_is_shared() {
    let (system, manager) = manager();
    let rows = (0..3).map(|row| manager.list(vec![row])).collect::<Result<Vec<_>, _>>().expect("lists");
    let table = manager.list(rows.clone()).expect("a list of lists");
    let work = |table: List<List<u32>>| -> Result<(), Failure> {
        for (number, row) in table.iter()?.enumerate() {
            row.append(100 + number as u32)?;
        }
        Ok(())
    };
    system.try_process(work, table).start().expect("a process").join().expect("it works");
    let rows = rows.iter().map(List::to_vec).collect::<Result<Vec<_>, _>>();
    assert_eq!(rows, Ok(vec![vec![0, 100], vec![1, 101], vec![2, 102]]));
    let locks = manager.dict::<String, Lock>().expect("a dictionary");
    locks.insert("door".to_owned(), manager.lock().expect("a lock")).expect("the host lives");
    let lock = locks.get(&"door".to_owned()).expect("the host lives").expect("it is there");
    let _guard = lock.acquire().expect("it is free");
    let again = locks.get(&"door".to_owned()).expect("the host lives").expect("it is there");
    assert_eq!(again.try_acquire().map(drop), Err(LockError::Timeout), "it is the same lock");
}

#[procession::test]
fn threads_and_processes_use_the_same_handles() {
    fn work(list: List<u64>, value: Value<u64>, first: u64) {
        thread::scope(|scope| {
            for number in first..first + 4 {
                let (list, value) = (&list, &value);
                scope.spawn(move || {
                    (0..25).for_each(|_| list.append(number).expect("the host lives"));
                    for _ in 0..25 {
                        value.fetch_add(number).expect("there is room");
                    }
                });
            }
        });
    }
    let (system, manager) = manager();
    let (list, value) = (manager.list(vec![]).expect("a list"), manager.value(0).expect("a value"));
    let child = system.process(work, (list.clone(), value.clone(), 4)).start().expect("a process");
    work(list.clone(), value.clone(), 0);
    child.join().expect("it ends");
    assert_eq!(value.get(), Ok((0..8).sum::<u64>() * 25));
    let mut items = list.to_vec().expect("the host lives");
    items.sort_unstable();
    assert_eq!(items, (0..8).flat_map(|number| [number; 25]).collect::<Vec<u64>>());
}

#[procession::test]
fn what_cannot_be_shared_is_refused_and_nothing_changes() {
    let system = System::builder().message_limit_bytes(1 << 20).start().expect("a system");
    let list = List::new(&system, vec![vec![1_u8]]).expect("a list");
    let large = vec![0_u8; 2 << 20];
    let limit_bytes = 1 << 20;
    assert_eq!(list.append(large.clone()), Err(SharedError::TooLarge { limit_bytes }));
    assert_eq!(list.extend(vec![vec![2; 600 << 10]; 2]), Err(SharedError::TooLarge { limit_bytes }));
    assert_eq!(list.to_vec(), Ok(vec![vec![1]]));
    list.append(vec![2; 600 << 10]).expect("it fits");
    list.append(vec![3; 600 << 10]).expect("it fits");
    assert!(matches!(list.to_vec(), Err(SharedError::Unanswered(_))), "the answer is too large");
    assert_eq!((list.len(), list.get(2).map(|item| item[0])), (Ok(3), Ok(3)));
    let file = Descriptor::from(std::os::fd::OwnedFd::from(File::open("/dev/null").expect("it is there")));
    assert!(matches!(Value::new(&system, file), Err(SharedError::Unsendable(_))));
}

#[procession::test]
fn a_supervised_restart_restores_the_initial_value_and_says_so() {
    let system = system();
    let supervisor = Supervisor::new(Strategy::OneForOne).intensity(10, std::time::Duration::from_secs(5));
    let home = supervisor.start(&system).expect("a supervisor");
    let value = Value::new(&home, 1_u64).expect("a value");
    let (list, dict) = (List::new(&home, vec![1]).expect("a list"), Dict::<u8, u8>::new(&home).expect("a dictionary"));
    let lock = Lock::new(&home).expect("a lock");
    let guard = lock.acquire().expect("it is free");
    assert_eq!(value.fetch_add(4), Ok(1));
    dict.insert(1, 1).expect("the host lives");
    for child in home.children().expect("the supervisor lives") {
        assert_eq!(child.restart, Restart::Permanent);
        let host = home.child::<()>(&child.name).expect("it is there");
        kill(host.pid().expect("the supervisor lives").expect("it runs"), Signal::SIGKILL);
    }
    eventually("a value says so", || value.get() == Err(SharedError::HostRestarted));
    eventually("a list says so", || list.append(2) == Err(SharedError::HostRestarted));
    eventually("a dictionary says so", || dict.len() == Err(SharedError::HostRestarted));
    eventually("a lock says so", || lock.try_acquire().map(drop) == Err(LockError::HostRestarted));
    assert!(guard.release().is_err());
    assert_eq!(value.renew().and_then(|value| value.get()), Ok(1));
    assert_eq!(list.renew().and_then(|list| list.to_vec()), Ok(vec![1]));
    assert_eq!(dict.renew().and_then(|dict| dict.len()), Ok(0));
    assert_eq!(value.set(3), Err(SharedError::HostRestarted), "the old handle stays void");
}
