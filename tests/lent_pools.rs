//! Pools whose workers are asked without the host: it makes no difference but in time, whoever is killed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{Exit, Pool, PoolError, TaskError};
use procession_tests::pool_work::{begun, note_and_work, pids, wait_until_idle, work};
use procession_tests::{Noting, SOON, eventually, kill, kill_if_there, process_table, repeat};

const ROUNDS: u32 = 20;

const KILLED: Exit = Exit::Signal { signal: 9, core_dumped: false };

fn system() -> System {
    System::start().expect("a system")
}

fn square(number: u64) -> u64 {
    number * number
}

/// Uses a pool often enough that this thread needs its host no more.
fn warm(pool: &Pool) {
    for number in 0..40 {
        assert_eq!(pool.apply(square, number), Ok(number * number));
    }
}

fn warm_pool(system: &System, workers: usize) -> Pool {
    let pool = Pool::new(system, workers).expect("a pool");
    pids(&pool);
    warm(&pool);
    pool
}

fn apply_without_host((pool, host): (Pool, i32)) -> usize {
    warm(&pool);
    kill(host, Signal::SIGSTOP);
    let done = (0..1000).filter(|number| pool.apply(square, *number) == Ok(number * number)).count();
    kill(host, Signal::SIGCONT);
    done
}

#[procession::test]
fn whoever_uses_a_pool_often_does_not_need_its_host() {
    repeat("host stopped", 1, |_| {
        let system = system();
        let home = Noting::of(&system);
        let pool = Pool::new(&home, 2).expect("a pool");
        let process = system.process(apply_without_host, (pool, home.pid())).environment("PROCESSION_WORDS", "on");
        assert_eq!(process.start().expect("a process").join(), Ok(1000));
    });
}

#[procession::test]
fn a_worker_killed_costs_the_task_that_it_was_asked_for_and_no_other() {
    repeat("worker killed that was asked", ROUNDS, |round| {
        let system = system();
        let pool = warm_pool(&system, 2);
        let file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path().to_str().expect("it is text").to_owned();
        let (used, microseconds, repeatable) = (pool.clone(), round.dice.roll(300), round.dice.roll(2) == 0);
        let caller = thread::spawn(move || {
            warm(&used);
            let tasks = || if repeatable { used.tasks().repeatable() } else { used.tasks() };
            let task = |item| tasks().apply(note_and_work, (path.clone(), item, microseconds));
            (0..300).map(task).collect::<Vec<_>>()
        });
        for _ in 0..2 {
            round.dice.spin();
            if let Some(victim) = pool.status().expect("it lives").pids.first() {
                kill_if_there(*victim);
            }
        }
        round.at(format!("the results, repeatable: {repeatable}"));
        let results = caller.join().expect("no panic");
        let lost = results.iter().filter(|result| result.is_err()).count();
        assert!(lost <= if repeatable { 0 } else { 2 }, "{lost} are lost");
        for ((item, result), count) in (0..).zip(results).zip(begun(file.path(), 300)) {
            match result {
                Ok(value) => assert_eq!((value, count >= 1), (item, true)),
                Err(PoolError::Task { index: 0, error }) => assert_eq!(error, TaskError::WorkerDied { exit: KILLED }),
                Err(error) => panic!("{error}"),
            }
            assert!(repeatable || count <= 1, "it was begun twice");
        }
        round.at("the pool's size");
        pids(&pool);
    });
}

fn apply_for_ever((pool, microseconds): (Pool, u64)) {
    while pool.apply(work, microseconds).is_ok() {}
}

#[procession::test]
fn the_workers_of_an_asker_killed_serve_others() {
    repeat("asker killed", ROUNDS, |round| {
        let system = system();
        let pool = warm_pool(&system, 2);
        let microseconds = *round.dice.pick(&[0, 100, 60_000_000]);
        let start = |()| system.process(apply_for_ever, (pool.clone(), microseconds)).start().expect("a process");
        let clients = [(); 2].map(start);
        if microseconds > 1000 {
            eventually("they are served", || pool.status().expect("it lives").busy == 2);
        }
        for client in &clients {
            round.dice.spin();
            kill(client.pid().expect("it is known").expect("it runs"), Signal::SIGKILL);
        }
        round.at(format!("others, beside tasks of {microseconds} microseconds"));
        let (one, other) = (pool.clone(), pool.clone());
        let others = [one, other].map(|pool| thread::spawn(move || warm(&pool)));
        others.into_iter().for_each(|other| other.join().expect("no panic"));
        round.at("what is left");
        wait_until_idle(&pool);
    });
}

#[procession::test]
fn when_the_host_is_killed_every_asker_is_told_and_the_workers_end() {
    repeat("host killed beside askers", ROUNDS, |round| {
        let system = system();
        let home = Noting::of(&system);
        let pool = Pool::new(&home, 2).expect("a pool");
        let workers = pids(&pool);
        let microseconds = *round.dice.pick(&[0, 100, 60_000_000]);
        let (say, said) = mpsc::channel();
        let ask = |()| {
            let (pool, say) = (pool.clone(), say.clone());
            thread::spawn(move || {
                warm(&pool);
                say.send(()).expect("somebody listens");
                loop {
                    if let Err(error) = pool.apply(work, microseconds) {
                        return error;
                    }
                }
            })
        };
        let askers = [(); 2].map(ask);
        askers.iter().for_each(|_| said.recv().expect("it gets warm"));
        round.dice.spin();
        kill(home.pid(), Signal::SIGKILL);
        round.at(format!("the askers, with tasks of {microseconds} microseconds"));
        for asker in askers {
            assert_eq!(asker.join().expect("no panic"), PoolError::HostDied(KILLED));
        }
        round.at("the workers");
        eventually("they end", || workers.iter().all(|pid| !process_table::is_running(*pid)));
    });
}

#[procession::test]
fn a_task_that_a_stopped_worker_has_not_begun_is_done_by_another() {
    repeat("worker stopped, then killed", ROUNDS, |round| {
        let system = system();
        let pool = warm_pool(&system, 1);
        let victim = pids(&pool)[0];
        let file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path().to_str().expect("it is text").to_owned();
        let is_stopped = round.number % 2 == 0;
        if is_stopped {
            kill(victim, Signal::SIGSTOP);
        }
        let (used, noted) = (pool.clone(), path.clone());
        let caller = thread::spawn(move || {
            if !is_stopped {
                warm(&used);
            }
            (0..50).map(|item| used.apply(note_and_work, (noted.clone(), item, 100))).collect::<Vec<_>>()
        });
        round.dice.spin();
        kill(victim, Signal::SIGSTOP);
        round.dice.spin();
        kill(victim, Signal::SIGKILL);
        round.at("the results");
        let results = caller.join().expect("no panic");
        for ((item, result), count) in (0..).zip(results).zip(begun(file.path(), 50)) {
            match result {
                Ok(value) => assert_eq!((value, count), (item, 1)),
                Err(PoolError::Task { error, .. }) => {
                    assert_eq!((error, count <= 1), (TaskError::WorkerDied { exit: KILLED }, true));
                    assert!(!is_stopped, "it was not begun");
                }
                Err(error) => panic!("{error}"),
            }
        }
        pids(&pool);
    });
}

#[procession::test]
fn tasks_count_for_the_life_of_a_worker_whoever_gives_them() {
    let system = system();
    for (lifetime, workers) in [(1, 1), (3, 2), (50, 2)] {
        let pool = Pool::builder().workers(workers).tasks_per_worker(lifetime).start(&system).expect("a pool");
        let all: Vec<u32> = (0..120).map(|_| pool.apply(std::process::id, ()).expect("it is done")).collect();
        let mapped = pool.map(|_: u64| std::process::id(), 0..20).expect("they are done");
        let all = [all, mapped].concat();
        for pid in &all {
            let share = all.iter().filter(|other| *other == pid).count() as u64;
            assert!(share <= lifetime, "{share} tasks by one worker, of {lifetime}");
        }
        pids(&pool);
    }
}

#[procession::test]
fn panics_and_what_cannot_be_sent_are_errors_of_the_task() {
    fn panic_at_seven(number: u64) -> u64 {
        assert!(number != 7, "not {number}");
        number
    }
    let system = System::builder().message_limit_bytes(64 << 10).start().expect("a system");
    let pool = warm_pool(&system, 1);
    match pool.apply(panic_at_seven, 7) {
        Err(PoolError::Task { index: 0, error: TaskError::Panicked(panic) }) => {
            assert_eq!(panic.message, "not 7");
            assert!(panic.location.contains("lent_pools.rs:"), "{panic:?}");
            assert!(panic.backtrace.contains("panic_at_seven"), "{panic:?}");
        }
        other => panic!("{other:?}"),
    }
    let large = pool.apply(|length: usize| "x".repeat(length), 100_000);
    assert!(matches!(large, Err(PoolError::Task { error: TaskError::Unsendable(_), .. })), "{large:?}");
    let refused = pool.apply(|text: String| text.len(), "x".repeat(100_000));
    assert!(matches!(refused, Err(PoolError::Arguments(_))), "{refused:?}");
    warm(&pool);
    assert_eq!(pool.status().expect("it lives").started, 1);
}

#[procession::test]
fn a_closed_pool_does_what_it_was_asked_for() {
    let system = system();
    for terminate in [false, true] {
        let pool = warm_pool(&system, 2);
        let used = pool.clone();
        let is_warm = std::sync::Arc::new(AtomicBool::new(false));
        let told = is_warm.clone();
        let caller = thread::spawn(move || {
            warm(&used);
            told.store(true, Ordering::SeqCst);
            let result = used.apply(work, if terminate { 60_000_000 } else { 300_000 });
            (result, used.apply(work, 1))
        });
        eventually("it is warm", || is_warm.load(Ordering::SeqCst));
        eventually("it works", || pool.status().expect("it lives").busy == 1);
        let start = Instant::now();
        if terminate { pool.terminate() } else { pool.close() }.expect("it lives");
        pool.join().expect("it ends");
        assert!(start.elapsed() < SOON);
        let (result, late) = caller.join().expect("no panic");
        assert_eq!(result, if terminate { Err(PoolError::Terminated) } else { Ok(300_000) });
        assert!(late.is_err());
    }
}

#[procession::test]
fn what_others_want_is_done_beside_what_askers_want() {
    let system = system();
    let pool = warm_pool(&system, 3);
    let is_over = std::sync::Arc::new(AtomicBool::new(false));
    let ask = |()| {
        let (pool, is_over) = (pool.clone(), is_over.clone());
        thread::spawn(move || {
            while !is_over.load(Ordering::SeqCst) {
                warm(&pool);
            }
        })
    };
    let askers = [(); 3].map(ask);
    for count in [1, 10, 1000, 20_000] {
        assert_eq!(pool.map(square, 0..count), Ok((0..count).map(square).collect()));
        assert_eq!(pool.tasks().chunk_size(1).map(square, 0..count), Ok((0..count).map(square).collect()));
        assert_eq!(pool.apply_async(square, count).and_then(|result| result.get()), Ok(count * count));
        assert!(pool.status().expect("it lives").busy <= 3);
    }
    is_over.store(true, Ordering::SeqCst);
    askers.into_iter().for_each(|asker| asker.join().expect("no panic"));
    assert_eq!(pool.status().expect("it lives").started, 3);
}
