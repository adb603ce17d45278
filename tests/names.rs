//! The registry of names.

use std::time::Duration;

use procession::prelude::*;
use procession::{DownReason, Restart, RuntimeError, SpawnError};
use procession_tests::eventually;
use procession_tests::worker::{Echo, Identify, Own, Worker};

const LIMIT: Duration = Duration::from_secs(8);

fn named(system: &System, name: &str) -> ActorRef<Worker> {
    let actor = system.spawn::<Worker>(()).expect("an actor");
    system.register(name, &actor).expect("a free name");
    actor
}

#[procession::test]
fn an_actor_is_found_under_its_name_and_further_ones() {
    let system = System::start().expect("a system");
    let cook = named(&system, "cook");
    assert_eq!(system.whereis("cook"), Ok(Some(cook.clone())));
    assert_eq!(system.whereis::<Worker>("waiter"), Ok(None));
    system.register("chef", &cook).expect("a free name");
    let chef = system.whereis::<Worker>("chef").expect("an answer").expect("it is registered");
    assert_eq!((chef.ask(&Echo { number: 5 }), &chef), (Ok(5), &cook));
    assert_eq!(system.register("chef", &cook), Err(RuntimeError::NameTaken), "even by itself");
    system.unregister("chef").expect("an answer");
    system.unregister("nobody").expect("no error");
    assert_eq!(system.whereis::<Worker>("chef"), Ok(None));
    system.register("chef", &cook).expect("free again");
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_taken_name_is_refused() {
    let system = System::start().expect("a system");
    let first = named(&system, "cook");
    let second = system.spawn::<Worker>(()).expect("an actor");
    for actor in [&first, &second] {
        assert_eq!(system.register("cook", actor), Err(RuntimeError::NameTaken));
    }
    assert_eq!(system.whereis("cook"), Ok(Some(first)));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn an_actor_of_another_type_is_not_found() {
    let system = System::start().expect("a system");
    let cook = named(&system, "cook");
    assert_eq!(system.whereis::<Finder>("cook"), Ok(None));
    assert_eq!(system.whereis("cook"), Ok(Some(cook)));
    let process = system.process(std::thread::park, ()).daemon(true).start().expect("a process");
    system.register("process", &process).expect("a free name");
    assert_eq!(system.whereis::<Worker>("process"), Ok(None));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn what_a_process_is_called_is_no_registered_name() {
    let system = System::start().expect("a system");
    for _ in 0..2 {
        let cook = system.actor::<Worker>(()).name("cook").start().expect("several may be called the same");
        assert_eq!(cook.status().expect("a status").expect("it runs").name, "cook");
    }
    assert_eq!(system.whereis::<Worker>("cook"), Ok(None));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_name_is_free_once_its_down_was_delivered() {
    let system = System::start().expect("a system");
    for round in 0..20 {
        let cook = named(&system, "cook");
        system.register("chef", &cook).expect("a free name");
        // What it owns is still being stopped when its own end is told.
        cook.ask(&Own).expect("an actor of its own");
        let monitor = cook.monitor().expect("a monitor");
        cook.kill().expect("it runs");
        assert!(matches!(monitor.wait_within(LIMIT).expect("its end").reason, DownReason::Ended(_)));
        for name in ["cook", "chef"] {
            assert_eq!(system.whereis::<Worker>(name), Ok(None), "round {round}");
        }
        let next = named(&system, "cook");
        system.register("chef", &next).expect("a free name");
        assert_eq!(next.ask(&Echo { number: 1 }), Ok(1));
        next.kill().expect("it runs");
        next.join_within(LIMIT).expect("its end");
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_dead_actor_gets_no_name() {
    let system = System::start().expect("a system");
    let cook = named(&system, "cook");
    cook.kill().expect("it runs");
    cook.join_within(LIMIT).expect("its end");
    assert_eq!(system.register("chef", &cook), Err(RuntimeError::NoActor));
    assert_eq!(system.whereis::<Worker>("chef"), Ok(None));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_name_is_kept_over_a_restart() {
    let system = System::start().expect("a system");
    let cook = system.actor::<Worker>(()).restart(Restart::Permanent).start().expect("an actor");
    system.register("chef", &cook).expect("a free name");
    let before = cook.ask(&Identify).expect("an answer").pid;
    let monitor = cook.monitor().expect("a monitor");
    cook.kill().expect("it runs");
    monitor.wait_within(LIMIT).expect("its end");
    let other = system.spawn::<Worker>(()).expect("an actor");
    assert_eq!(system.register("chef", &other), Err(RuntimeError::NameTaken));
    let again = system.whereis::<Worker>("chef").expect("an answer").expect("it keeps its names");
    assert_eq!(again, cook);
    assert_ne!(again.ask(&Identify).expect("an answer").pid, before, "another process under the same name");
    system.shutdown().expect("an orderly end");
}

/// Asks for the address under a name.
#[message(reply = Option<ActorRef<Finder>>)]
struct Find {
    name: String,
}

struct Finder;

#[actor]
impl Actor for Finder {
    type Messages = (Find,);

    fn start((): (), context: &mut Context<Self>) -> Result<Finder, Failure> {
        System::current().ok_or(Failure::new("no system"))?.register("self", context.this())?;
        Ok(Finder)
    }
}

impl Handler<Find> for Finder {
    fn handle(&mut self, find: Incoming<'_, Find>, _: &mut Context<Self>) -> Option<ActorRef<Finder>> {
        System::current()?.whereis(&find.name).ok()?
    }
}

#[procession::test]
fn actors_register_and_look_up_too() {
    let system = System::start().expect("a system");
    let finder = system.spawn::<Finder>(()).expect("an actor");
    assert_eq!(finder.ask(&Find { name: "self".into() }), Ok(Some(finder.clone())));
    assert_eq!(finder.ask(&Find { name: "other".into() }), Ok(None));
    assert!(matches!(system.spawn::<Finder>(()), Err(SpawnError::Failed(_))), "the name is taken");
    finder.stop().expect("it runs");
    eventually("the name is free", || system.whereis::<Finder>("self") == Ok(None));
    system.shutdown().expect("an orderly end");
}
