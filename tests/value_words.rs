//! Values that are integers: read and changed where they are, with the same rules as by message.

use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{Event, Exit, Home, Manager, Number, RuntimeError, SharedError, Strategy, Value};
use procession_tests::sys::in_bare_fork;
use procession_tests::{GUARD, SOON, eventually, guarded, kill, repeat};

const ROUNDS: u32 = 20;

const KILLED: Exit = Exit::Signal { signal: 9, core_dumped: false };

fn system() -> System {
    System::start().expect("a system")
}

/// Gives the process that hosts a value.
fn host<T: Number>(value: &Value<T>) -> i32 {
    value.update(|_, ()| std::process::id().cast_signed(), ()).expect("it lives")
}

/// Uses a value often enough that this thread needs no messages for it any more.
fn warm<T: Number>(value: &Value<T>) {
    for _ in 0..3 {
        let _ = value.get().expect("it lives");
    }
}

#[procession::test]
fn processes_and_threads_add_and_update_exactly() {
    const ADDITIONS: u64 = 10_000;
    fn count(counter: Value<u64>) -> u64 {
        let add = |counter: Value<u64>| {
            let by_update = (0..ADDITIONS).filter(|number| {
                let updates = number % 100 == 7;
                if updates {
                    counter.update(|value, number| *value += number, 3).expect("it lives");
                } else {
                    counter.fetch_add(1).expect("it lives");
                }
                updates
            });
            let updates = by_update.count() as u64;
            3 * updates + (ADDITIONS - updates)
        };
        let threads = [(); 2].map(|()| {
            let counter = counter.clone();
            thread::spawn(move || add(counter))
        });
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    }
    guarded("adders", 3 * GUARD, |_| {
        let system = system();
        let manager = Manager::start(&system).expect("a manager");
        for counter in [Value::new(&system, 0_u64), manager.value(0)] {
            let counter = counter.expect("a value");
            let children = [(); 4].map(|()| system.process(count, counter.clone()).start().expect("a process"));
            let added: u64 = children.iter().map(|child| child.join().expect("it counts")).sum();
            assert_eq!(counter.get(), Ok(added));
            warm(&counter);
            assert_eq!(counter.get(), Ok(added));
        }
    });
}

#[procession::test]
fn an_update_comes_to_its_end_while_others_add_all_the_time() {
    fn add((counter, begun): (Value<u64>, Event)) {
        counter.fetch_add(1).expect("it lives");
        begun.set().expect("it lives");
        while counter.fetch_add(1).is_ok() {}
    }
    guarded("adders without end", GUARD, |_| {
        let system = system();
        let counter = Value::new(&system, 0_u64).expect("a value");
        let begun = [(); 2].map(|()| Event::new(&system).expect("an event"));
        let children = begun.each_ref().map(|begun| {
            let arguments = (counter.clone(), begun.clone());
            system.process(add, arguments).daemon(true).start().expect("a process")
        });
        begun.iter().for_each(|begun| begun.wait().expect("it begins"));
        for _ in 0..100 {
            let slow = |value: &mut u64, ()| {
                let start = Instant::now();
                while start.elapsed() < Duration::from_micros(100) {
                    std::hint::spin_loop();
                }
                *value
            };
            counter.update(slow, ()).expect("it lives");
        }
        children.iter().for_each(|child| child.kill().expect("it runs"));
    });
}

#[procession::test]
fn a_host_that_does_nothing_is_not_needed() {
    guarded("stopped host", GUARD, |round| {
        let system = system();
        let manager = Manager::start(&system).expect("a manager");
        for value in [Value::new(&system, -1_i32), manager.value(-1)] {
            let value = value.expect("a value");
            let pid = host(&value);
            warm(&value);
            kill(pid, Signal::SIGSTOP);
            round.at("a stopped host");
            for number in 0..1000 {
                assert_eq!((value.fetch_add(2), value.fetch_sub(1)), (Ok(number - 1), Ok(number + 1)));
            }
            assert_eq!((value.set(i32::MAX), value.fetch_add(1)), (Ok(()), Err(SharedError::Overflow)));
            assert_eq!((value.set(i32::MIN), value.fetch_sub(1)), (Ok(()), Err(SharedError::Overflow)));
            assert_eq!(value.get(), Ok(i32::MIN));
            kill(pid, Signal::SIGCONT);
            assert_eq!(value.update(|value, ()| std::mem::replace(value, 3), ()), Ok(i32::MIN));
            assert_eq!(value.get(), Ok(3));
        }
    });
}

/// Adds and subtracts beyond both bounds, and up to them, without messages.
fn expect_bounds<T: Number + PartialEq + Debug + Send>(home: &impl Home, [least, one, most]: [T; 3]) {
    let value = Value::new(home, most).expect("a value");
    warm(&value);
    assert_eq!((value.fetch_add(one), value.get()), (Err(SharedError::Overflow), Ok(most)));
    assert_eq!(value.fetch_sub(one), Ok(most));
    assert_eq!((value.fetch_add(one).is_ok_and(|before| before != most), value.get()), (true, Ok(most)));
    assert_eq!((value.replace(least), value.get()), (Ok(most), Ok(least)));
    assert_eq!((value.fetch_sub(one), value.get()), (Err(SharedError::Overflow), Ok(least)));
    assert_eq!(value.fetch_add(one), Ok(least));
    assert_eq!((value.set(most), value.update(|value, ()| *value, ())), (Ok(()), Ok(most)));
    assert_eq!((value.update(|value, new| *value = new, least), value.get()), (Ok(()), Ok(least)));
    let (seen, others) = (value.clone(), value.clone());
    assert_eq!(thread::spawn(move || (seen.get(), seen.get())).join().expect("no panic"), (Ok(least), Ok(least)));
    assert_eq!(others.get(), Ok(least));
}

#[procession::test]
fn bounds_are_those_of_each_type() {
    let system = system();
    let manager = Manager::start(&system).expect("a manager");
    expect_bounds(&manager, [i8::MIN, 1, i8::MAX]);
    expect_bounds(&manager, [i16::MIN, 1, i16::MAX]);
    expect_bounds(&manager, [i32::MIN, 1, i32::MAX]);
    expect_bounds(&manager, [i64::MIN, 1, i64::MAX]);
    expect_bounds(&manager, [isize::MIN, 1, isize::MAX]);
    expect_bounds(&manager, [0, 1, u8::MAX]);
    expect_bounds(&manager, [0, 1, u16::MAX]);
    expect_bounds(&manager, [0, 1, u32::MAX]);
    expect_bounds(&manager, [0, 1, u64::MAX]);
    expect_bounds(&manager, [0, 1, usize::MAX]);
    expect_bounds(&manager, [i128::MIN, 1, i128::MAX]);
    expect_bounds(&system, [0, 1, u64::MAX]);
}

#[procession::test]
fn an_update_that_panics_or_asks_its_own_host_leaves_the_value_and_is_followed_by_others() {
    let system = system();
    let value = Value::new(&system, 1_u64).expect("a value");
    warm(&value);
    let ask = |_: &mut u64, other: Value<u64>| {
        (0..3).map(|_| other.fetch_add(1).map_err(|error| error.to_string())).collect::<Vec<_>>()
    };
    let outcomes = value.update(ask, value.clone()).expect("it ends");
    assert!(
        outcomes.iter().all(|outcome| outcome.as_ref().is_err_and(|text| text.contains("deadlock"))),
        "{outcomes:?}"
    );
    let fail = |value: &mut u64, ()| {
        *value = 9;
        assert_eq!(*value, 8);
    };
    assert!(matches!(value.update(fail, ()), Err(SharedError::Panicked { .. })));
    assert_eq!((value.get(), value.fetch_add(1), value.get()), (Ok(1), Ok(1), Ok(2)));
}

/// Adds until that fails; gives how many additions were answered, and the error.
fn add_until_told(counter: &Value<u64>) -> (u64, SharedError) {
    let mut last = None;
    for added in 0.. {
        match counter.fetch_add(1) {
            Ok(before) => {
                assert!(last.is_none_or(|last| before > last), "{before} after {last:?}");
                last = Some(before);
            }
            Err(error) => return (added, error),
        }
    }
    unreachable!("the host ends before")
}

fn add_in_process((counter, begun): (Value<u64>, Event)) -> (bool, String) {
    counter.fetch_add(1).expect("it lives");
    begun.set().expect("it lives");
    let other = counter.clone();
    let other = thread::spawn(move || add_until_told(&other));
    let (_, error) = add_until_told(&counter);
    let (_, other) = other.join().expect("no panic");
    let is_told = |error: &SharedError| matches!(error, SharedError::HostDied(KILLED) | SharedError::HostRestarted);
    (is_told(&error) && is_told(&other), format!("{error:?}, {other:?}"))
}

/// Kills the host of a value at some instant while two processes and this one add to it; all are told.
fn kill_under(home: impl Fn(&System) -> Value<u64> + Send + Sync + 'static, case: &str, is_restarted: bool) {
    repeat(case, ROUNDS, move |round| {
        let system = system();
        let counter = home(&system);
        let pid = host(&counter);
        let begun = [(); 2].map(|()| Event::new(&system).expect("an event"));
        let children = begun
            .each_ref()
            .map(|begun| system.process(add_in_process, (counter.clone(), begun.clone())).start().expect("a process"));
        begun.iter().for_each(|begun| begun.wait().expect("it begins"));
        warm(&counter);
        let here = counter.clone();
        let here = thread::spawn(move || add_until_told(&here));
        round.dice.spin();
        kill(pid, Signal::SIGKILL);
        let start = Instant::now();
        round.at("the adders");
        let (_, error) = here.join().expect("no panic");
        let is_told = matches!(error, SharedError::HostDied(KILLED) | SharedError::HostRestarted);
        assert!(is_told, "{error:?}");
        for child in &children {
            let (is_told, errors) = child.join().expect("no panic");
            assert!(is_told, "{errors}");
        }
        assert!(start.elapsed() < SOON / 5, "{:?}", start.elapsed());
        if is_restarted {
            round.at("the next life");
            eventually("it is restarted", || counter.get() == Err(SharedError::HostRestarted));
            assert_eq!(counter.fetch_add(1), Err(SharedError::HostRestarted));
            let next = counter.renew().expect("it has been restarted");
            assert_eq!(next.get(), Ok(5));
            warm(&next);
            assert_eq!(
                (next.fetch_add(1), next.get(), counter.set(1)),
                (Ok(5), Ok(6), Err(SharedError::HostRestarted))
            );
        }
    });
}

#[procession::test]
fn adders_are_told_of_the_end_of_a_host() {
    kill_under(|system| Value::new(system, 5).expect("a value"), "host killed", false);
}

#[procession::test]
fn adders_are_told_of_the_end_of_a_manager() {
    let value = |system: &System| Manager::start(system).map(|manager| manager.value(5).expect("a value"));
    kill_under(move |system| value(system).expect("a manager"), "manager killed", false);
}

#[procession::test]
fn adders_are_told_of_the_restart_of_a_host() {
    let value = |system: &System| {
        let supervisor = Supervisor::new(Strategy::OneForOne).start(system).expect("a supervisor");
        Value::new(&supervisor, 5).expect("a value")
    };
    kill_under(value, "supervised host killed", true);
}

#[procession::test]
fn a_value_that_its_manager_stops_is_at_its_end_and_others_are_not() {
    let system = system();
    let manager = Manager::start(&system).expect("a manager");
    let (one, other) = (manager.value(1_u32).expect("a value"), manager.value(2_u32).expect("a value"));
    warm(&one);
    warm(&other);
    manager.stop(one.host()).expect("it lives");
    eventually("it stops", || one.get().is_err());
    let error = one.fetch_add(1).expect_err("it has stopped");
    assert!(matches!(error, SharedError::HostDied(Exit::Stopped)), "{error:?}");
    assert_eq!((other.fetch_add(1), other.get()), (Ok(2), Ok(3)));
    let next = manager.value(3_u32).expect("a value");
    warm(&next);
    assert_eq!((next.fetch_add(1), next.get()), (Ok(3), Ok(4)));
}

#[procession::test]
fn a_forked_copy_has_no_value() {
    let system = system();
    let value = Value::new(&system, 1_u64).expect("a value");
    warm(&value);
    let outcome = in_bare_fork(|| {
        let forked = || SharedError::Runtime(RuntimeError::Forked);
        u8::from((value.fetch_add(1), value.get(), value.set(5)) == (Err(forked()), Err(forked()), Err(forked())))
    });
    assert_eq!((outcome, value.get()), (1, Ok(1)));
}

#[procession::test]
fn many_values_are_used_in_turn() {
    let system = system();
    let manager = Manager::start(&system).expect("a manager");
    let values: Vec<Value<i64>> = (0..100).map(|number| manager.value(number).expect("a value")).collect();
    for round in 0..5 {
        for (number, value) in (0..).zip(&values) {
            assert_eq!(value.fetch_add(1), Ok(number + round));
        }
    }
    values.iter().for_each(|value| manager.stop(value.host()).expect("it lives"));
    values.iter().for_each(|value| eventually("it stops", || value.get().is_err()));
}

#[procession::test]
fn without_descriptors_a_value_is_used_by_messages() {
    /// Uses up the descriptors, then the value.
    fn use_it(value: Value<u64>) -> bool {
        let before = value.update(|value, ()| *value, ()).expect("it lives");
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("it can be read");
        setrlimit(Resource::RLIMIT_NOFILE, 64, most).expect("it can be lowered");
        let files: Vec<_> = (0..).map_while(|_| std::fs::File::open("/dev/null").ok()).collect();
        let outcomes = [value.fetch_add(1), value.fetch_add(1), value.get()];
        drop(files);
        outcomes == [Ok(before), Ok(before + 1), Ok(before + 2)]
    }
    let system = system();
    let value = Value::new(&system, 1_u64).expect("a value");
    assert!(system.process(use_it, value.clone()).start().expect("a process").join().expect("no panic"));
    warm(&value);
    assert_eq!(value.get(), Ok(3));
}
