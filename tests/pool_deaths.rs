//! Pools: a death costs the item in hand at most, and leaves nobody waiting.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{Exit, Pool, PoolError, Restart, SpawnError, Strategy, TaskError};
use procession_tests::pool_work::{begun, note, note_and_work, pids, wait_until_idle, work};
use procession_tests::{Noting, Round, SOON, eventually, kill, kill_if_there, process_table, repeat};

const ROUNDS: u32 = 20;

const KILLED: Exit = Exit::Signal { signal: 9, core_dumped: false };

fn system() -> System {
    System::start().expect("a system")
}

fn pool(system: &System, workers: usize) -> Pool {
    Pool::new(system, workers).expect("a pool")
}

#[procession::test]
fn a_killed_worker_costs_the_item_in_hand_and_no_other() {
    repeat("worker killed in map", ROUNDS, |round| {
        let system = system();
        let pool = pool(&system, 2);
        let victims = pids(&pool);
        let file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path().to_str().expect("it is text").to_owned();
        // Short ones travel many together.
        let (count, microseconds) = *round.dice.pick(&[(400, 200), (2000, 0)]);
        let (used, chunk) = (pool.clone(), *round.dice.pick(&[1, 3, 50, 400]));
        let items = (0..count).map(move |item| (path.clone(), item, microseconds));
        let caller = thread::spawn(move || used.tasks().chunk_size(chunk).map_each(note_and_work, items));
        let (start, delay) = (Instant::now(), Duration::from_micros(round.dice.roll(40_000)));
        while start.elapsed() < delay {
            std::hint::spin_loop();
        }
        kill(*round.dice.pick(&victims), Signal::SIGKILL);
        round.at(format!("the results, chunks of {chunk}, {count} items"));
        let results = caller.join().expect("no panic").expect("it goes on");
        assert_eq!(results.len() as u64, count);
        let lost: Vec<_> = results.iter().enumerate().filter(|(_, result)| result.is_err()).collect();
        assert!(lost.len() <= 1, "{lost:?} are lost");
        for (item, result) in results.iter().enumerate() {
            match result {
                Ok(value) => assert_eq!(*value, item as u64),
                Err(error) => assert_eq!(*error, TaskError::WorkerDied { exit: KILLED }),
            }
        }
        let counts = begun(file.path(), count);
        assert!(counts.iter().all(|count| *count <= 1), "items were begun twice: {counts:?}");
        round.at("the pool's size");
        pids(&pool);
        assert_eq!(pool.map(work, [1, 2, 3]), Ok(vec![1, 2, 3]));
    });
}

#[procession::test]
fn many_killed_workers_cost_one_item_each() {
    const ITEMS: u64 = 20_000;
    repeat("workers killed in map of tiny items", ROUNDS, |round| {
        let system = system();
        let pool = pool(&system, 3);
        pids(&pool);
        let (used, chunk) = (pool.clone(), *round.dice.pick(&[1, 10, 500]));
        let caller = thread::spawn(move || used.tasks().chunk_size(chunk).map_each(|item: u64| item + 1, 0..ITEMS));
        let mut kills = 0;
        while !caller.is_finished() && kills < 10 {
            round.dice.spin();
            if let Some(victim) = pool.status().expect("it lives").pids.first() {
                kill_if_there(*victim);
                kills += 1;
            }
        }
        round.at(format!("the results, chunks of {chunk}, {kills} kills"));
        let results = caller.join().expect("no panic").expect("it goes on");
        assert_eq!(results.len() as u64, ITEMS);
        let lost = results.iter().filter(|result| result.is_err()).count();
        assert!(lost <= kills, "{lost} are lost by {kills} kills");
        assert!(results.into_iter().zip(1..).all(|(result, number)| result.is_err() || result == Ok(number)));
    });
}

#[procession::test]
fn a_repeatable_item_is_done_again() {
    const ITEMS: u64 = 200;
    repeat("worker killed in map of repeatable items", ROUNDS, |round| {
        let system = system();
        let pool = pool(&system, 2);
        let victims = pids(&pool);
        let (used, chunk) = (pool.clone(), *round.dice.pick(&[1, 20, 200]));
        let caller =
            thread::spawn(move || used.tasks().chunk_size(chunk).repeatable().map(work, vec![200; ITEMS as usize]));
        for victim in victims {
            round.dice.spin();
            kill(victim, Signal::SIGKILL);
        }
        round.at("the results");
        assert_eq!(caller.join().expect("no panic"), Ok(vec![200; ITEMS as usize]));
        pids(&pool);
    });
}

#[procession::test]
fn an_item_that_kills_its_worker_is_given_up() {
    fn die(item: u64) -> u64 {
        if item == 3 { std::process::abort() } else { item }
    }
    let system = system();
    let pool = pool(&system, 2);
    for chunk in [1, 10] {
        let results = pool.tasks().chunk_size(chunk).repeatable().map_each(die, 0..10).expect("it goes on");
        for (item, result) in results.into_iter().enumerate() {
            match result {
                Ok(value) => assert_eq!(value, item as u64),
                Err(TaskError::WorkerDied { exit: Exit::Signal { signal: 6, .. } }) => assert_eq!(item, 3),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(pool.status().expect("it lives").started, 2 + 2 * 3);
}

#[procession::test]
fn a_task_that_exits_costs_itself_alone() {
    fn exit_at_three(item: u64) -> u64 {
        if item == 3 { std::process::exit(3) } else { item }
    }
    let system = system();
    let pool = pool(&system, 2);
    for chunk in [1, 2, 10] {
        let results = pool.tasks().chunk_size(chunk).map_each(exit_at_three, 0..10).expect("it goes on");
        let died = Err(TaskError::WorkerDied { exit: Exit::Code(3) });
        assert!(results.into_iter().eq((0..10).map(|item| if item == 3 { died.clone() } else { Ok(item) })));
    }
    let error = pool.map(exit_at_three, 0..10).expect_err("one task has none");
    assert_eq!(error, PoolError::Task { index: 3, error: TaskError::WorkerDied { exit: Exit::Code(3) } });
    assert_eq!(error.to_string(), "task 3: the worker ended with code 3");
    pids(&pool);
}

#[procession::test]
fn large_results_of_items_before_the_death_are_kept() {
    fn grow(item: u64) -> String {
        if item == 9 { std::process::abort() } else { "x".repeat((item as usize + 1) * 50_000) }
    }
    let system = system();
    let pool = pool(&system, 1);
    let results = pool.tasks().chunk_size(20).map_each(grow, 0..12).expect("it goes on");
    for (item, result) in results.into_iter().enumerate() {
        assert_eq!(result.map(|text| text.len()).ok(), (item != 9).then_some((item + 1) * 50_000), "item {item}");
    }
}

#[procession::test]
fn killed_idle_workers_are_replaced() {
    repeat("idle workers killed", ROUNDS, |round| {
        let system = system();
        let pool = pool(&system, 3);
        let old = pids(&pool);
        for victim in &old {
            round.dice.spin();
            kill(*victim, Signal::SIGKILL);
        }
        round.at("the work");
        assert_eq!(pool.map(work, 0..100), Ok((0..100).collect()));
        round.at("the pool's size");
        eventually("all are new", || {
            let new = pool.status().expect("it lives").pids;
            new.len() == 3 && new.iter().all(|pid| !old.contains(pid))
        });
    });
}

#[procession::test]
fn an_initializer_that_always_fails_is_a_bounded_error() {
    fn fail(how: u8) -> Result<(), Failure> {
        match how {
            0 => Err(Failure::new("no such database")),
            1 => panic!("no such luck"),
            2 => std::process::exit(7),
            _ => std::process::abort(),
        }
    }
    let system = system();
    for workers in [1, 5] {
        let texts = ["no such database", "no such luck", "ended with code 7", "SIGABRT"];
        for (how, text) in (0..).zip(texts) {
            let pool = Pool::builder().workers(workers).initializer(fail, how).start(&system).expect("a pool");
            for _ in 0..2 {
                match pool.map(work, 0..100) {
                    Err(PoolError::Broken(why)) => assert!(why.contains(text), "{why}"),
                    other => panic!("{other:?}"),
                }
                assert!(matches!(pool.apply_async(work, 1).and_then(|result| result.get()), Err(PoolError::Broken(_))));
            }
            let status = pool.status().expect("it lives");
            assert_eq!((status.ready, status.started), (0, workers.max(3) as u64));
        }
    }
}

#[procession::test]
fn when_the_host_is_killed_everybody_is_told_and_the_workers_end() {
    repeat("host killed", ROUNDS, |round| {
        let system = system();
        let home = Noting::of(&system);
        let pool = Pool::new(&home, 3).expect("a pool");
        let workers = pids(&pool);
        let (mapped, applied) = (pool.clone(), pool.clone());
        let mapper = thread::spawn(move || mapped.tasks().chunk_size(1).map(work, vec![500; 100_000]));
        let caller = thread::spawn(move || applied.apply(work, 60_000_000));
        let begun = pool.map_async(work, vec![500; 100_000]).expect("it begins");
        round.dice.spin();
        kill(home.pid(), Signal::SIGKILL);
        round.at("the waiting");
        // Who had not come yet finds nobody.
        let is_told = |error: &PoolError| matches!(error, PoolError::HostDied(KILLED));
        assert!(mapper.join().expect("no panic").is_err_and(|error| is_told(&error)));
        assert!(caller.join().expect("no panic").is_err_and(|error| is_told(&error)));
        assert!(begun.get_within(SOON).is_err_and(|error| is_told(&error)));
        assert!(pool.map(work, [1]).is_err() && pool.apply_async(work, 1).and_then(|result| result.get()).is_err());
        round.at("the workers");
        eventually("they end", || workers.iter().all(|pid| !process_table::is_running(*pid)));
    });
}

/// Starts hosts as permanent children of a supervisor, and notes the process id.
struct Supervising<'a> {
    system: &'a System,
    supervisor: SupervisorRef,
    pid: Cell<i32>,
}

impl Home for Supervising<'_> {
    fn host<A: Actor>(&self, args: A::Args, name: &str) -> Result<ActorRef<A>, SpawnError> {
        let host = self.supervisor.start_child(name, Restart::Permanent, self.system.actor::<A>(args))?;
        self.pid.set(host.pid().expect("it is known").expect("it runs"));
        Ok(host)
    }
}

#[procession::test]
fn a_supervised_pool_is_another_after_its_hosts_death() {
    let system = system();
    let supervisor = Supervisor::new(Strategy::OneForOne).start(&system).expect("a supervisor");
    let home = Supervising { system: &system, supervisor, pid: Cell::new(0) };
    let pool = Pool::new(&home, 2).expect("a pool");
    let (workers, used) = (pids(&pool), pool.clone());
    let caller = thread::spawn(move || used.apply(work, 60_000_000));
    let begun = pool.apply_async(work, 60_000_000).expect("it begins");
    eventually("both work", || pool.status().expect("it lives").busy == 2);
    kill(home.pid.get(), Signal::SIGKILL);
    let died = || PoolError::HostDied(KILLED);
    assert_eq!((caller.join().expect("no panic"), begun.get_within(SOON)), (Err(died()), Err(died())));
    eventually("it is restarted", || pool.map(work, [1]) == Err(PoolError::HostRestarted));
    assert_eq!(pool.status(), Err(PoolError::HostRestarted));
    assert_eq!(pool.close(), Err(PoolError::HostRestarted));
    let pool = pool.renew().expect("it lives again");
    assert_eq!(pool.map(work, [1, 2, 3]), Ok(vec![1, 2, 3]));
    assert!(workers.iter().all(|pid| !process_table::is_running(*pid)));
}

fn map_for_ever(pool: Pool) {
    let _ = pool.tasks().chunk_size(1).map(work, vec![300; 1_000_000]);
}

#[procession::test]
fn what_a_killed_client_wanted_is_dropped_and_others_are_served() {
    repeat("client killed in map", ROUNDS, |round| {
        let system = system();
        let pool = pool(&system, 2);
        pids(&pool);
        let clients = [(); 2].map(|()| system.process(map_for_ever, pool.clone()).start().expect("a process"));
        let stuck = system.process(|pool: Pool| pool.apply(work, 60_000_000).is_ok(), pool.clone());
        let stuck = stuck.start().expect("a process");
        eventually("they are served", || pool.status().expect("it lives").busy == 2);
        round.dice.spin();
        for client in &clients {
            kill(client.pid().expect("it is known").expect("it runs"), Signal::SIGKILL);
        }
        kill(stuck.pid().expect("it is known").expect("it runs"), Signal::SIGKILL);
        round.at("another client");
        assert_eq!(pool.map(work, 0..50), Ok((0..50).collect()));
        round.at("what is left of the work");
        wait_until_idle(&pool);
    });
}

#[procession::test]
fn a_stopped_worker_is_waited_for_until_it_is_killed() {
    repeat("worker stopped, then killed", ROUNDS / 4, |round| {
        let system = system();
        let pool = pool(&system, 2);
        let victim = pids(&pool)[0];
        kill(victim, Signal::SIGSTOP);
        let used = pool.clone();
        let caller = thread::spawn(move || used.tasks().chunk_size(1).map_each(work, 0..100));
        eventually("the other does the rest", || pool.status().expect("it lives").queued == 0);
        round.dice.spin();
        let had_ended = caller.is_finished();
        kill(victim, Signal::SIGKILL);
        round.at("the results");
        let results = caller.join().expect("no panic").expect("it goes on");
        assert!(!had_ended, "what the stopped one was given was done by nobody");
        assert!(results.into_iter().eq((0..100).map(Ok)), "what it was given it had not begun");
        pids(&pool);
    });
}

#[procession::test]
fn cancellations_and_deaths_at_once_lose_nothing_of_others() {
    repeat("cancelled and killed", ROUNDS, |round| {
        let system = system();
        let pool = pool(&system, 3);
        pids(&pool);
        let used = pool.clone();
        let caller = thread::spawn(move || used.tasks().chunk_size(1).repeatable().map(|item: u64| item, 0..5_000));
        for _ in 0..10 {
            let doomed = pool.tasks().chunk_size(2).map_async(work, vec![100; 50]).expect("it begins");
            round.dice.spin();
            if round.dice.roll(2) == 0 {
                doomed.cancel();
            } else if let Some(victim) = pool.status().expect("it lives").pids.first() {
                kill_if_there(*victim);
            }
            assert!(doomed.wait_within(SOON), "it hangs");
        }
        round.at("the results");
        assert_eq!(caller.join().expect("no panic"), Ok((0..5_000).collect()));
    });
}

#[procession::test]
fn a_timeout_hits_only_what_is_late() {
    repeat("timeouts at the edge", ROUNDS / 4, |round| {
        let system = system();
        let pool = pool(&system, 2);
        // Around the limit it may go either way, but each item is either done or late, and begun once.
        let file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path().to_str().expect("it is text").to_owned();
        fn edge(path: String, item: u64, milliseconds: u64) -> u64 {
            note(&path, item);
            thread::sleep(Duration::from_millis(milliseconds));
            item
        }
        let items: Vec<_> =
            (0..12).map(|item| (path.clone(), item, [0, 1, 95, 115, 130][round.dice.roll(5) as usize])).collect();
        let long: BTreeSet<u64> = items.iter().filter(|item| item.2 >= 95).map(|item| item.1).collect();
        let tasks = pool.tasks().chunk_size(4).timeout(Duration::from_millis(100));
        let results = tasks.map_each(edge, items).expect("it goes on");
        for (item, result) in (0..).zip(results) {
            match result {
                Ok(value) => assert_eq!(value, item),
                Err(error) => assert!(error == TaskError::TimedOut && long.contains(&item), "item {item}: {error}"),
            }
        }
        assert!(begun(file.path(), 12).iter().all(|count| *count == 1));
    });
}

/// What a round may not leave behind, whoever else runs tests meanwhile.
#[procession::test]
fn nothing_is_left_of_a_busy_pool_when_the_system_ends() {
    static PIDS: Mutex<Vec<i32>> = Mutex::new(Vec::new());
    repeat("system ended with a busy pool", ROUNDS / 4, |round: &mut Round| {
        let system = system();
        let pool = pool(&system, 4);
        let begun = pool.map_async(work, vec![60_000_000; 10]).expect("it begins");
        eventually("all work", || pool.status().expect("it lives").busy == 4);
        *PIDS.lock().expect("no panic") = pids(&pool);
        let start = Instant::now();
        system.shutdown().expect("it ends");
        round.at("the end");
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        assert!(begun.get_within(SOON).is_err());
        let left = PIDS.lock().expect("no panic").clone();
        assert!(left.into_iter().all(|pid| !process_table::is_running(pid)));
    });
}

#[test]
fn nothing_is_left_when_root_is_killed_with_a_busy_pool() {
    repeat("root killed with a busy pool", ROUNDS, |round| {
        let fault = *round.dice.pick(&["root", "root and supervisor"]);
        let ending = if fault == "root" { "shutdown" } else { "lost" };
        round.at(format!("fault: {fault}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_scenario"));
        command.args(["watch", "pool", ending, fault, &round.dice.roll(u64::MAX).to_string()]);
        command.env("RUST_BACKTRACE", "0");
        let output = command.stdin(Stdio::null()).output().expect("the watcher runs");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "fault {fault}: {}\n{text}", output.status);
    });
}
