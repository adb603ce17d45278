//! Supervisors: who is restarted, when they give up, and in which order they stop.

use std::time::Duration;

use procession::prelude::*;
use procession::{ChildState, Exit, Restart, RuntimeError, SpawnError, Stdio, Strategy};
use procession_tests::worker::{Echo, Identify, Worker};
use procession_tests::{SOON, eventually, guarded};

/// Many restarts in a short time are in order.
const PATIENT: (u32, Duration) = (1000, Duration::from_secs(1));

fn supervisor(strategy: Strategy) -> Supervisor {
    Supervisor::new(strategy).intensity(PATIENT.0, PATIENT.1)
}

fn worker(system: &System) -> procession::ActorBuilder<Worker> {
    system.actor::<Worker>(()).stderr(Stdio::Null)
}

fn of_three(system: &System, strategy: Strategy, restart: Restart) -> SupervisorRef {
    let children = ["a", "b", "c"]
        .into_iter()
        .fold(supervisor(strategy), |supervisor, name| supervisor.child(name, restart, worker(system)));
    children.start(system).expect("a supervisor")
}

fn pid(supervisor: &SupervisorRef, name: &str) -> i32 {
    let child = supervisor.child::<Worker>(name).expect("a child");
    child.ask(&Identify).expect("it is up, or comes up").pid
}

fn pids(supervisor: &SupervisorRef) -> [i32; 3] {
    ["a", "b", "c"].map(|name| pid(supervisor, name))
}

fn state(supervisor: &SupervisorRef, name: &str) -> Option<ChildState> {
    let children = supervisor.children().expect("an answer");
    children.into_iter().find(|child| child.name == name).map(|child| child.state)
}

fn kill_and_wait(supervisor: &SupervisorRef, name: &str) {
    let child = supervisor.child::<Worker>(name).expect("a child");
    let monitor = child.monitor().expect("a monitor");
    child.kill().expect("it runs");
    monitor.wait_within(SOON).expect("its end");
}

#[procession::test]
fn a_strategy_says_who_is_restarted() {
    let system = System::start().expect("a system");
    let table = [
        (Strategy::OneForOne, "a", [true, false, false]),
        (Strategy::OneForOne, "c", [false, false, true]),
        (Strategy::OneForAll, "b", [true, true, true]),
        (Strategy::RestForOne, "a", [true, true, true]),
        (Strategy::RestForOne, "b", [false, true, true]),
        (Strategy::RestForOne, "c", [false, false, true]),
    ];
    for (strategy, victim, restarted) in table {
        let supervisor = of_three(&system, strategy, Restart::Permanent);
        let addresses = ["a", "b", "c"].map(|name| supervisor.child::<Worker>(name).expect("a child"));
        let before = pids(&supervisor);
        kill_and_wait(&supervisor, victim);
        // The right ones are stopped last and started last: with them the restart is complete.
        eventually("all are up again", || {
            supervisor.children().expect("an answer").iter().all(|child| child.state == ChildState::Running)
        });
        let after = pids(&supervisor);
        let changed: Vec<bool> = before.iter().zip(after).map(|(before, after)| *before != after).collect();
        assert_eq!(changed, restarted, "{strategy:?}, {victim} was killed");
        for (address, expected) in addresses.iter().zip(after) {
            assert_eq!(address.ask(&Identify).expect("the address holds").pid, expected);
        }
        supervisor.stop().expect("it runs");
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_restart_rule_says_after_which_end() {
    let system = System::start().expect("a system");
    type Act = fn(&ActorRef<Worker>) -> Result<(), RuntimeError>;
    let (stop, kill): (Act, Act) = (ActorRef::stop, ActorRef::kill);
    let table = [
        (Restart::Permanent, stop, Some(ChildState::Running)),
        (Restart::Permanent, kill, Some(ChildState::Running)),
        (Restart::Transient, stop, Some(ChildState::Down)),
        (Restart::Transient, kill, Some(ChildState::Running)),
        (Restart::Temporary, stop, None),
        (Restart::Temporary, kill, None),
    ];
    for (restart, act, expected) in table {
        let supervisor = of_three(&system, Strategy::OneForOne, restart);
        let victim = supervisor.child::<Worker>("b").expect("a child");
        let incarnation = |actor: &ActorRef<Worker>| actor.status().expect("a status").map(|status| status.incarnation);
        let monitor = victim.monitor().expect("a monitor");
        act(&victim).expect("it runs");
        monitor.wait_within(SOON).expect("its end");
        eventually("the supervisor has seen to it", || {
            state(&supervisor, "b") == expected && (expected.is_none() || incarnation(&victim) == Some(1))
        });
        assert_eq!(victim.ask(&Echo { number: 3 }).is_ok(), expected == Some(ChildState::Running), "{restart:?}");
        assert_eq!(state(&supervisor, "a"), Some(ChildState::Running), "the others do not notice");
        supervisor.stop().expect("it runs");
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn more_restarts_than_the_intensity_allows_are_the_end_of_all() {
    let system = System::start().expect("a system");
    for restarts in 0..3 {
        let supervisor = Supervisor::new(Strategy::OneForOne).intensity(restarts, Duration::from_secs(60));
        let supervisor = supervisor.child("good", Restart::Permanent, worker(&system));
        let supervisor = supervisor.child("bad", Restart::Permanent, worker(&system));
        let supervisor = supervisor.start(&system).expect("a supervisor");
        let good = supervisor.child::<Worker>("good").expect("a child");
        let monitor = supervisor.monitor().expect("a monitor");
        for _ in 0..restarts {
            pid(&supervisor, "bad");
            kill_and_wait(&supervisor, "bad");
        }
        pid(&supervisor, "bad");
        supervisor.child::<Worker>("bad").expect("a child").kill().expect("it runs");
        match monitor.wait_within(SOON).expect("it gives up").reason {
            procession::DownReason::Ended(Exit::Failed(chain)) => {
                assert_eq!(chain[0], "child `bad` was restarted too often");
            }
            other => panic!("{other:?}"),
        }
        assert!(!good.is_alive().expect("a status"), "all have been stopped");
        assert_eq!(supervisor.children(), Err(RuntimeError::NoActor));
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn restarts_that_lie_apart_are_in_order() {
    let period = Duration::from_millis(100);
    let system = System::start().expect("a system");
    let supervisor = Supervisor::new(Strategy::OneForOne).intensity(1, period);
    let supervisor = supervisor.child("a", Restart::Permanent, worker(&system)).start(&system).expect("a supervisor");
    for _ in 0..4 {
        pid(&supervisor, "a");
        kill_and_wait(&supervisor, "a");
        std::thread::sleep(2 * period); // what is tested is the passing of time
    }
    assert!(pid(&supervisor, "a") > 0);
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_failure_escalates_to_the_supervisor_above() {
    let system = System::start().expect("a system");
    let inner = Supervisor::new(Strategy::OneForOne).intensity(0, Duration::from_secs(5));
    let inner = inner.child("bad", Restart::Permanent, worker(&system));
    let outer = Supervisor::new(Strategy::RestForOne).intensity(1, Duration::from_secs(60));
    let outer = outer.child("left", Restart::Permanent, worker(&system)).child("inner", Restart::Permanent, inner);
    let outer = outer.child("right", Restart::Permanent, worker(&system)).start(&system).expect("a supervisor");
    let (left, right) = (pid(&outer, "left"), pid(&outer, "right"));
    let inner = outer.supervisor("inner").expect("a child");
    let bad = inner.child::<Worker>("bad").expect("a child");
    let before = bad.ask(&Identify).expect("an answer").pid;
    let monitor = outer.monitor().expect("a monitor");
    bad.kill().expect("it runs");
    eventually("the inner one is up again, and the one to its right", || {
        inner.is_alive().expect("a status")
            && state(&outer, "right") == Some(ChildState::Running)
            && outer
                .child::<Worker>("right")
                .expect("a child")
                .status()
                .expect("a status")
                .is_some_and(|s| s.incarnation == 1)
    });
    assert_ne!(bad.ask(&Identify).expect("under the same address").pid, before);
    assert_eq!(pid(&outer, "left"), left);
    assert_ne!(pid(&outer, "right"), right);
    bad.kill().expect("it runs");
    match monitor.wait_within(SOON).expect("the second time is too often").reason {
        procession::DownReason::Ended(Exit::Failed(chain)) => {
            assert_eq!(chain[0], "child `inner` was restarted too often");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(outer.supervisor("inner"), Err(RuntimeError::NoActor));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_restart_keeps_the_arguments_whatever_their_size() {
    /// Gives back what it was started with.
    struct Keeper {
        bytes: Vec<u8>,
    }

    #[message(reply = Vec<u8>)]
    struct Show;

    #[actor]
    impl Actor for Keeper {
        type Args = Vec<u8>;
        type Messages = (Show,);

        fn start(bytes: Vec<u8>, _: &mut Context<Self>) -> Result<Keeper, Failure> {
            Ok(Keeper { bytes })
        }
    }

    impl Handler<Show> for Keeper {
        fn handle(&mut self, _: Incoming<'_, Show>, _: &mut Context<Self>) -> Vec<u8> {
            std::mem::take(&mut self.bytes)
        }
    }

    let system = System::start().expect("a system");
    for length in [0, 100, 4097, 3 << 20] {
        let bytes: Vec<u8> = (0..length).map(|index| (index % 253) as u8).collect();
        let keeper = system.actor::<Keeper>(bytes.clone()).restart(Restart::Permanent).start().expect("an actor");
        assert_eq!(keeper.ask(&Show).expect("an answer"), bytes);
        assert!(keeper.ask(&Show).expect("an answer").is_empty());
        let monitor = keeper.monitor().expect("a monitor");
        keeper.kill().expect("it runs");
        monitor.wait_within(SOON).expect("its end");
        assert!(keeper.ask(&Show).expect("an answer") == bytes, "{length} bytes again");
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_supervisor_whose_child_does_not_start_does_not_start() {
    let system = System::start().expect("a system");
    let supervisor = supervisor(Strategy::OneForOne);
    let supervisor = supervisor.child("before", Restart::Permanent, system.actor::<Registered>("before".into()));
    let supervisor = supervisor.child("nobody", Restart::Permanent, system.actor::<Unwilling>(()).stderr(Stdio::Null));
    let supervisor = supervisor.child("after", Restart::Permanent, system.actor::<Registered>("after".into()));
    assert_eq!(supervisor.start(&system), Err(SpawnError::Failed(vec!["unwilling".into()])));
    assert_eq!(system.whereis::<Worker>("before"), Ok(None));
    assert_eq!(system.whereis::<Worker>("after"), Ok(None));
    let twice = Supervisor::new(Strategy::OneForOne).child("a", Restart::Permanent, worker(&system));
    let twice = twice.child("a", Restart::Permanent, worker(&system)).start(&system);
    assert_eq!(twice, Err(SpawnError::Runtime(RuntimeError::NameTaken)));
    system.shutdown().expect("an orderly end");
}

/// Registers itself.
struct Registered;

#[actor]
impl Actor for Registered {
    type Args = String;

    fn start(name: String, context: &mut Context<Self>) -> Result<Registered, Failure> {
        System::current().ok_or(Failure::new("no system"))?.register(&name, context.this())?;
        Ok(Registered)
    }
}

struct Unwilling;

#[actor]
impl Actor for Unwilling {
    fn start((): (), _: &mut Context<Self>) -> Result<Unwilling, Failure> {
        Err(Failure::new("unwilling"))
    }
}

#[procession::test]
fn a_system_may_end_with_nothing_in_it_but_a_supervisor() {
    for children in 0..3 {
        let system = System::start().expect("a system");
        let supervisor = (0..children).fold(supervisor(Strategy::OneForOne), |supervisor, number| {
            supervisor.child(number.to_string(), Restart::Permanent, worker(&system))
        });
        let supervisor = supervisor.start(&system).expect("a supervisor");
        assert_eq!(supervisor.counts().expect("an answer").active, children);
        guarded("its end", SOON, move |_| system.shutdown().expect("an orderly end"));
    }
}
