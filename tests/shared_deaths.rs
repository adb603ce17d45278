//! Shared data and managers: nobody's death leaves anything half done, or another waiting.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{
    Dict, Event, Exit, List, Lock, LockError, LockGuard, Manager, Number, QueueError, SharedError, Strategy, Value,
};
use procession_tests::{Round, SOON, eventually, kill, repeat};

const ROUNDS: u32 = 20;

const KILLED: Exit = Exit::Signal { signal: 9, core_dumped: false };

fn system() -> System {
    System::start().expect("a system")
}

/// Kills a process at some instant from now, and waits until it has ended.
fn kill_soon<T: Data + std::fmt::Debug>(round: &mut Round, child: &Child<T>) {
    let victim = child.pid().expect("it is known").expect("it runs");
    round.dice.spin();
    kill(victim, Signal::SIGKILL);
    child.join().expect_err("it was killed");
}

/// Gives the process that hosts a value.
fn host<T: Number>(value: &Value<T>) -> i32 {
    value.update(|_, ()| std::process::id().cast_signed(), ()).expect("it lives")
}

/// Stays where it is until it is killed.
fn stay() -> ! {
    loop {
        thread::park();
    }
}

/// Whether somebody is told of the end of a killed host.
fn is_told<T>(outcome: &Result<T, SharedError>) -> bool {
    matches!(outcome, Err(SharedError::HostDied(KILLED)))
}

/// Whether somebody is told of the end of a killed host of a lock.
fn is_told_of_lock<T>(outcome: &Result<T, LockError>) -> bool {
    matches!(outcome, Err(LockError::HostDied(KILLED)))
}

/// Does something over and over on a thread of its own, says when it has begun, and gives what ends it.
fn keep_at<E: Send + 'static>(
    begun: &mpsc::Sender<()>,
    act: impl Fn() -> Result<(), E> + Send + 'static,
) -> JoinHandle<Result<(), E>> {
    let begun = begun.clone();
    thread::spawn(move || {
        act()?;
        let _ = begun.send(());
        loop {
            act()?;
        }
    })
}

#[procession::test]
fn all_who_use_a_value_are_told_of_the_end_of_its_host() {
    repeat("host of a value killed", ROUNDS, |round| {
        let system = system();
        let value = Value::new(&system, 0_u64).expect("a value");
        let pid = host(&value);
        let (begun, has_begun) = mpsc::channel();
        let (adder, setter, blocked) = (value.clone(), value.clone(), value.clone());
        let adder = keep_at(&begun, move || adder.fetch_add(1).map(drop));
        let setter = keep_at(&begun, move || setter.set(7));
        (0..2).for_each(|_| has_begun.recv_timeout(SOON).expect("they begin"));
        let blocked = thread::spawn(move || blocked.update(|_, ()| stay(), ()).map(|(): ()| ()));
        round.dice.spin();
        kill(pid, Signal::SIGKILL);
        let start = Instant::now();
        for (who, user) in [("add", adder), ("set", setter), ("update", blocked)] {
            round.at(who);
            let outcome = user.join().expect("no panic");
            assert!(is_told(&outcome), "{who}: {outcome:?}");
        }
        assert!(is_told(&value.get()) && is_told(&value.renew()));
        assert!(start.elapsed() < SOON / 5, "{:?}", start.elapsed());
    });
}

#[procession::test]
fn an_update_of_a_killed_user_is_whole_or_not_there() {
    /// Counts both up, over and over.
    fn count(pair: Value<(u64, u64)>) {
        let both = |pair: &mut (u64, u64), ()| {
            pair.0 += 1;
            pair.1 += 1;
        };
        loop {
            pair.update(both, ()).expect("it lives");
        }
    }
    repeat("user killed in an update", ROUNDS, |round| {
        let system = system();
        let pair = Value::new(&system, (0, 0)).expect("a value");
        let users = [(); 2].map(|()| system.process(count, pair.clone()).start().expect("a process"));
        round.at("the users");
        eventually("they count", || pair.get().expect("it lives").0 > 10);
        users.iter().for_each(|user| kill_soon(round, user));
        round.at("the value");
        let (one, other) = pair.get().expect("it lives");
        assert_eq!(one, other);
        pair.update(|pair, ()| pair.0 += 1, ()).expect("others go on");
        // What a user had sent before its death may have come in between.
        let (one, other) = pair.get().expect("it lives");
        assert_eq!(one, other + 1);
    });
}

#[procession::test]
fn an_extension_of_a_killed_user_is_whole_or_not_there() {
    const ITEMS: usize = 8;
    /// Extends by items of 1 MiB each, over and over.
    fn extend(list: List<String>) {
        for number in (0..26).cycle() {
            let item = char::from(b'a' + number).to_string().repeat(1 << 20);
            list.extend(std::iter::repeat_n(item, ITEMS)).expect("it lives");
            list.apply(|items, ()| items.drain(..items.len().saturating_sub(ITEMS)).count(), ()).expect("it lives");
        }
    }
    repeat("user killed in an extension", ROUNDS, |round| {
        let system = system();
        let list = List::new(&system, Vec::new()).expect("a list");
        let user = system.process(extend, list.clone()).start().expect("a process");
        round.at("the user");
        eventually("it extends", || !list.is_empty().expect("it lives"));
        let (start, delay) = (Instant::now(), Duration::from_micros(round.dice.roll(50_000)));
        while start.elapsed() < delay {
            std::hint::spin_loop();
        }
        kill_soon(round, &user);
        round.at("the list");
        let firsts = list.apply(|items, ()| items.iter().map(|item| item.as_bytes()[0]).collect::<Vec<_>>(), ());
        let firsts = firsts.expect("it lives");
        assert!(firsts.len().is_multiple_of(ITEMS) && !firsts.is_empty(), "{firsts:?}");
        assert!(firsts.chunks(ITEMS).all(|chunk| chunk.iter().all(|first| *first == chunk[0])), "{firsts:?}");
        list.append("b".to_owned()).expect("others go on");
    });
}

#[procession::test]
fn an_acknowledged_operation_of_a_killed_user_is_kept() {
    fn append((list, dict, done): (List<u64>, Dict<u64, u64>, Value<u64>)) {
        for number in 0.. {
            list.append(number).expect("it lives");
            dict.insert(number, number).expect("it lives");
            done.set(number + 1).expect("it lives");
        }
    }
    repeat("user killed after it was answered", ROUNDS, |round| {
        let system = system();
        let manager = Manager::start(&system).expect("a manager");
        let (list, dict) = (manager.list(Vec::new()).expect("a list"), manager.dict().expect("a dictionary"));
        let done = manager.value(0).expect("a value");
        let arguments = (list.clone(), dict.clone(), done.clone());
        let user = system.process(append, arguments).start().expect("a process");
        round.at("the user");
        eventually("it appends", || done.get().expect("it lives") > 0);
        kill_soon(round, &user);
        round.at("what it has done");
        let done = done.get().expect("it lives");
        let items = list.to_vec().expect("it lives");
        assert!((done..=done + 1).contains(&(items.len() as u64)), "{done} are done, {} are there", items.len());
        assert!(items.iter().copied().eq(0..items.len() as u64));
        let entries = dict.items().expect("it lives");
        assert!((done..=items.len() as u64).contains(&(entries.len() as u64)), "{done} are done, {entries:?}");
    });
}

/// One who uses something of a manager until that ends; gives whether it was told so.
type User = (&'static str, JoinHandle<bool>);

/// Waits for things of a manager that will not come.
fn wait_for_all(manager: &Manager) -> (Vec<User>, LockGuard) {
    let lock = manager.lock().expect("a lock");
    let guard = lock.acquire().expect("it is free");
    let event = manager.event().expect("an event");
    let barrier = manager.barrier(2).expect("a barrier");
    let semaphore = manager.semaphore(0).expect("a semaphore");
    let queue = manager.queue::<u8>().expect("a queue");
    let value = manager.value(0).expect("a value");
    let users = vec![
        ("lock", thread::spawn(move || is_told_of_lock(&lock.acquire()))),
        ("event", thread::spawn(move || is_told_of_lock(&event.wait()))),
        ("barrier", thread::spawn(move || is_told_of_lock(&barrier.wait()))),
        ("semaphore", thread::spawn(move || is_told_of_lock(&semaphore.acquire()))),
        ("queue", thread::spawn(move || matches!(queue.get(), Err(QueueError::HostDied(KILLED))))),
        ("update", thread::spawn(move || is_told(&value.update(|_, ()| stay(), ()).map(|(): ()| ())))),
    ];
    (users, guard)
}

/// Uses things of a manager all the time. All have begun when this returns.
fn use_all(manager: &Manager) -> Vec<User> {
    let (begun, has_begun) = mpsc::channel();
    let list = manager.list(vec![1_u8]).expect("a list");
    let dict = manager.dict::<u8, u8>().expect("a dictionary");
    let array = manager.array(vec![1_u8, 2]).expect("an array");
    let namespace = manager.namespace().expect("a namespace");
    let (lock, other) = (manager.lock().expect("a lock"), manager.clone());
    let users = [
        ("list", keep_at(&begun, move || list.append(1).and_then(|()| list.pop().map(drop)))),
        ("dict", keep_at(&begun, move || dict.insert(1, 1).map(drop))),
        ("array", keep_at(&begun, move || array.update(1, |item, ()| *item = item.wrapping_add(1), ()))),
        ("namespace", keep_at(&begun, move || namespace.set("x", 1_u8))),
    ];
    let locker = keep_at(&begun, move || lock.acquire().map(drop));
    let maker = keep_at(&begun, move || other.event().map(drop));
    (0..6).for_each(|_| has_begun.recv_timeout(SOON).expect("they begin"));
    let told =
        |(name, user): (_, JoinHandle<_>)| (name, thread::spawn(move || is_told(&user.join().expect("no panic"))));
    let mut users: Vec<User> = users.into_iter().map(told).collect();
    users.push(("locker", thread::spawn(move || is_told_of_lock(&locker.join().expect("no panic")))));
    // Whoever asks for something new is told that it was not made.
    users.push(("maker", thread::spawn(move || maker.join().expect("no panic").is_err())));
    users
}

#[procession::test]
fn all_who_use_a_manager_are_told_of_its_end() {
    repeat("manager killed", ROUNDS, |round| {
        let system = system();
        let manager = Manager::start(&system).expect("a manager");
        let pid = host(&manager.value(0).expect("a value"));
        let (mut users, guard) = wait_for_all(&manager);
        users.extend(use_all(&manager));
        round.dice.spin();
        kill(pid, Signal::SIGKILL);
        let start = Instant::now();
        for (who, user) in users {
            round.at(who);
            assert!(user.join().expect("no panic"), "{who} is not told of the end");
        }
        round.at("the guard");
        assert!(is_told_of_lock(&guard.release()));
        assert!(Manager::list(&manager, vec![1]).is_err());
        assert!(start.elapsed() < SOON / 5, "{:?}", start.elapsed());
    });
}

#[procession::test]
fn a_killed_holder_of_a_lock_in_a_manager_is_told_of() {
    fn hold((lock, held): (Lock, Event)) {
        let _guard = lock.acquire().expect("it comes");
        held.set().expect("it lives");
        stay()
    }
    let system = system();
    let manager = Manager::start(&system).expect("a manager");
    repeat("lock holder killed", ROUNDS, move |round| {
        let (lock, held) = (manager.lock().expect("a lock"), manager.event().expect("an event"));
        let holder = system.process(hold, (lock.clone(), held.clone())).start().expect("a process");
        round.at("the holder");
        held.wait().expect("it holds");
        let waiter = lock.clone();
        let waiter = thread::spawn(move || waiter.acquire().map(|guard| guard.owner_died().cloned()));
        kill_soon(round, &holder);
        round.at("the waiters");
        let mine = lock.acquire().expect("it comes").owner_died().cloned();
        let other = waiter.join().expect("no panic").expect("it comes");
        let mut told = [mine, other];
        told.sort_by_key(Option::is_none);
        assert_eq!(told, [Some(KILLED), None]);
    });
}

#[procession::test]
fn users_that_are_killed_leave_a_manager_to_the_others() {
    fn work((manager, lock, total): (Manager, Lock, Value<(u64, u64)>)) {
        loop {
            let _guard = lock.acquire().expect("it comes");
            total.update(|total, ()| total.0 += 1, ()).expect("it lives");
            manager.list(vec![0_u8; 100]).expect("a list").append(1).expect("it lives");
            total.update(|total, ()| total.1 += 1, ()).expect("it lives");
        }
    }
    let system = system();
    let manager = Manager::start(&system).expect("a manager");
    repeat("users killed", ROUNDS, move |round| {
        let (lock, total) = (manager.lock().expect("a lock"), manager.value((0, 0)).expect("a value"));
        let arguments = (manager.clone(), lock.clone(), total.clone());
        let users = [(); 2].map(|()| system.process(work, arguments.clone()).start().expect("a process"));
        round.at("the users");
        eventually("they work", || total.get().expect("it lives").1 > 0);
        users.iter().for_each(|user| kill_soon(round, user));
        round.at("the lock");
        let guard = lock.acquire().expect("it comes");
        let (begun, ended) = total.get().expect("it lives");
        // Each of the two may have died between its two updates. The first is told of to the second, if that comes next.
        assert!(begun - ended <= 2, "{begun} begun, {ended} ended");
        assert!(begun - ended <= 1 || guard.owner_died().is_some(), "{guard:?}");
    });
}

#[procession::test]
fn a_supervised_manager_hosts_again_after_its_death() {
    repeat("supervised manager killed", ROUNDS, |round| {
        let system = system();
        let supervisor = Supervisor::new(Strategy::OneForOne).start(&system).expect("a supervisor");
        let manager = Manager::start(&supervisor).expect("a manager");
        let (value, lock) = (manager.value(5_u64).expect("a value"), manager.lock().expect("a lock"));
        let pid = host(&value);
        let other = value.clone();
        let (begun, _) = mpsc::channel();
        let user = keep_at(&begun, move || other.fetch_add(1).map(drop));
        let guard = lock.acquire().expect("it is free");
        round.dice.spin();
        kill(pid, Signal::SIGKILL);
        round.at("the user");
        let outcome = user.join().expect("no panic");
        assert!(is_told(&outcome), "{outcome:?}");
        assert!(is_told(&value.get()) && is_told_of_lock(&guard.release()));
        round.at("the next life");
        let value = manager.value(6_u64);
        // What was asked for just before the restart is refused; what comes later waits for it.
        let value = value.or_else(|_| manager.value(6)).expect("a value");
        assert_eq!(value.fetch_add(1), Ok(6));
        assert_ne!(host(&value), pid);
    });
}
