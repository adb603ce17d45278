//! Systems: several at a time and one after the other, and what handles do after their end.

use std::thread;
use std::time::Instant;

use procession::prelude::*;
use procession::{RuntimeError, TellError};
use procession_tests::worker::{Echo, Identify, Worker};
use procession_tests::{SOON, eventually, process_table};

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

#[procession::test]
fn several_systems_live_side_by_side() {
    let systems: Vec<System> = (0..3).map(|_| System::start().expect("a system")).collect();
    let workers: Vec<_> = systems.iter().map(|system| system.spawn::<Worker>(()).expect("an actor")).collect();
    let ids: Vec<_> = workers.iter().map(ActorRef::id).collect();
    assert!(ids.windows(2).all(|pair| pair[0].slot == pair[1].slot && pair[0] != pair[1]), "{ids:?}");
    for (number, worker) in (0..).zip(&workers) {
        assert_eq!(worker.ask(&Echo { number }), Ok(number));
    }
    let parents: Vec<_> = workers.iter().map(|worker| worker.ask(&Identify).expect("an answer").parent).collect();
    assert!(parents[0] != parents[1] && parents[1] != parents[2], "each has a supervisor of its own");
    systems[0].register("cook", &workers[0]).expect("a free name");
    systems[1].register("cook", &workers[1]).expect("free in another system");
    assert_eq!(systems[2].whereis::<Worker>("cook"), Ok(None));
    assert_eq!(systems[0].register("other", &workers[1]), Err(RuntimeError::NoActor), "it is none of this system's");

    let mut rest = systems.into_iter();
    rest.next().expect("the first").shutdown().expect("an orderly end");
    assert!(workers[0].ask(&Echo { number: 0 }).is_err());
    assert_eq!(workers[1].ask(&Echo { number: 1 }), Ok(1), "the others go on");
    for system in rest {
        system.shutdown().expect("an orderly end");
    }
}

#[procession::test]
fn an_actor_of_one_system_does_not_reach_another() {
    let (first, second) = (System::start().expect("a system"), System::start().expect("a system"));
    let of_second = second.spawn::<Worker>(()).expect("an actor");
    let ask = |worker: ActorRef<Worker>| format!("{:?}", worker.ask(&Echo { number: 1 }));
    let child = first.process(ask, of_second.clone()).start().expect("a process");
    let expected = format!("{:?}", Err::<u64, AskError>(AskError::Runtime(RuntimeError::NotRunning)));
    assert_eq!(child.join_within(SOON), Ok(expected));
    assert_eq!(of_second.ask(&Echo { number: 1 }), Ok(1));
    drop((first, second));
}

#[procession::test]
fn after_the_end_every_handle_is_an_error_at_once() {
    let system = System::start().expect("a system");
    let other = system.clone();
    let worker = system.spawn::<Worker>(()).expect("an actor");
    let child = system.process(|| 5_u8, ()).start().expect("a process");
    let monitor = worker.monitor().expect("a monitor");
    worker.ask(&Echo { number: 0 }).expect("an answer");
    system.shutdown().expect("an orderly end");
    let start = Instant::now();
    assert!(matches!(worker.tell(&Echo { number: 1 }), Err(TellError::Runtime(_))));
    assert!(matches!(worker.ask(&Echo { number: 1 }), Err(AskError::Runtime(_))));
    assert!(child.join().is_err() && worker.pid().is_err() && worker.kill().is_err() && worker.monitor().is_err());
    // Whether it was told before the system's end, or is not told any more: it comes back.
    let _ = monitor.wait_within(SOON);
    assert!(other.spawn::<Worker>(()).is_err() && other.whereis::<Worker>("a").is_err());
    assert!(other.mailbox::<Echo>().is_err());
    thread::spawn(move || assert!(worker.ask(&Echo { number: 1 }).is_err())).join().expect("no panic");
    other.shutdown().expect("a second shutdown does nothing");
    assert!(start.elapsed() < SOON / 2);
}

#[procession::test]
fn a_dropped_system_is_shut_down() {
    let leave_early = || -> procession::Result<ActorRef<Worker>> {
        let system = System::start()?;
        let worker = system.spawn::<Worker>(())?;
        assert_eq!(worker.ask(&Echo { number: 1 })?, 1);
        let pid = worker.ask(&Identify)?;
        drop(system.clone());
        assert!(process_table::is_running(pid.pid), "a clone's drop is not the end");
        drop(system);
        assert!(!process_table::is_running(pid.pid) && process_table::entry(pid.parent).is_none());
        Ok(worker)
    };
    assert!(leave_early().expect("a system").is_alive().is_err());
}

#[procession::test]
fn only_root_shuts_a_system_down() {
    let system = System::start().expect("a system");
    let shut_down = || match System::current() {
        Some(system) => format!("{:?}", system.shutdown().map_err(|error| error.to_string())),
        None => "no system".to_owned(),
    };
    let child = system.process(shut_down, ()).start().expect("a process");
    let outcome = child.join_within(SOON).expect("a value");
    assert!(outcome.contains("only root"), "{outcome}");
    assert!(System::current().is_none(), "root may have several");
    assert!(system.spawn::<Worker>(()).is_ok(), "the system goes on");
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn systems_come_and_go_and_leave_nothing() {
    let before = process_table::descriptor_count(own_pid());
    for _ in 0..20 {
        let system = System::start().expect("a system");
        let worker = system.spawn::<Worker>(()).expect("an actor");
        assert_eq!(worker.ask(&Echo { number: 1 }), Ok(1));
        system.shutdown().expect("an orderly end");
    }
    let system = System::start().expect("a system");
    let supervisor = system.spawn::<Worker>(()).expect("an actor").ask(&Identify).expect("an answer").parent;
    system.shutdown().expect("an orderly end");
    assert!(process_table::entry(supervisor).is_none());
    // Other tests of this binary open and close descriptors meanwhile.
    eventually("descriptors are given back", || process_table::descriptor_count(own_pid()) <= before + 2);
}

#[procession::test]
fn systems_start_in_many_threads_at_once() {
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let system = System::start().expect("a system");
                let worker = system.spawn::<Worker>(()).expect("an actor");
                assert_eq!(worker.ask(&Echo { number: 1 }), Ok(1));
                system.shutdown().expect("an orderly end");
            });
        }
    });
}

#[procession::test]
fn the_surroundings_are_those_at_the_start() {
    let system = System::start().expect("a system");
    let read = || std::env::var("PATH").ok();
    assert_eq!(system.process(read, ()).start().expect("a process").join_within(SOON), Ok(std::env::var("PATH").ok()));
    let limit = || nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).ok();
    let child = system.process(limit, ()).start().expect("a process");
    assert_eq!(child.join_within(SOON), Ok(limit()), "the supervisor's raised limit is not the actors'");
    system.shutdown().expect("an orderly end");
}
