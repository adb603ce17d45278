//! Exits as data: how every end of a process is told.

use std::panic::catch_unwind;
use std::time::Duration;
use std::{process, thread};

use nix::libc;
use nix::sys::signal::{Signal, raise};
use procession::prelude::*;
use procession::{DownReason, Ended, Exit, JoinError, Stdio};

const LIMIT: Duration = Duration::from_secs(8);

fn die_of(signal: i32) {
    let signal = Signal::try_from(signal).expect("a signal");
    raise(signal).expect("a signal sent");
    thread::park();
}

/// Runs a function in a process and tells how it ended.
fn ended(child: &Child<()>) -> Ended {
    match child.join_within(LIMIT) {
        Err(JoinError::Ended(ended)) => ended,
        other => panic!("expected an end, got {other:?}"),
    }
}

#[procession::test]
fn every_signal_is_told_by_its_number() {
    let system = System::start().expect("a system");
    for signal in [
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGILL,
        libc::SIGABRT,
        libc::SIGFPE,
        libc::SIGKILL,
        libc::SIGBUS,
        libc::SIGSEGV,
        libc::SIGUSR1,
        libc::SIGALRM,
        libc::SIGTERM,
        libc::SIGSYS,
    ] {
        let child = system.process(die_of, signal).start().expect("a process");
        let exit = ended(&child).exit;
        assert!(matches!(exit, Exit::Signal { signal: told, .. } if told == signal), "{signal}: {exit:?}");
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn every_code_is_told() {
    let system = System::start().expect("a system");
    for code in [0, 1, 2, 42, 101, 255] {
        let child = system.process(|code: i32| process::exit(code), code).start().expect("a process");
        let expected = if code == 0 { Exit::Normal } else { Exit::Code(code) };
        assert_eq!(ended(&child).exit, expected, "exit({code})");
    }
    system.shutdown().expect("an orderly end");
}

fn panics_with_text(number: u32) {
    panic!("the number is {number}");
}

#[procession::test]
fn a_panic_is_told_with_message_place_and_backtrace() {
    let system = System::start().expect("a system");
    let run = |variable: &str| {
        let child = system.process(panics_with_text, 17_u32).environment("RUST_BACKTRACE", variable);
        match ended(&child.stderr(Stdio::Null).start().expect("a process")).exit {
            Exit::Panicked(panic) => panic,
            other => panic!("expected a panic, got {other:?}"),
        }
    };
    let panic = run("1");
    assert_eq!(panic.message, "the number is 17");
    assert!(panic.location.contains("exits.rs:"), "{}", panic.location);
    assert!(panic.backtrace.contains("panics_with_text"), "{}", panic.backtrace);
    let panic = run("0");
    assert_eq!((panic.message.as_str(), panic.backtrace.as_str()), ("the number is 17", ""));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_caught_panic_does_not_count() {
    let system = System::start().expect("a system");
    let killed = Exit::Signal { signal: libc::SIGKILL, core_dumped: false };
    let table = [
        ("returns", Exit::Normal),
        ("exits", Exit::Code(3)),
        ("exits as if panicked", Exit::Code(101)),
        ("is killed", killed),
    ];
    for (name, expected) in &table {
        let child = system.process(caught, (*name).to_owned()).stderr(Stdio::Null).start().expect("a process");
        let exit = match child.join_within(LIMIT) {
            Ok(()) => Exit::Normal,
            Err(JoinError::Ended(ended)) => ended.exit,
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(&exit, expected, "{name}");
    }
    let child = system.process(caught, "panics".to_owned()).stderr(Stdio::Null).start().expect("a process");
    assert!(matches!(ended(&child).exit, Exit::Panicked(panic) if panic.message == "the second"));
    system.shutdown().expect("an orderly end");
}

/// Catches a panic, then goes on as it is told.
fn caught(then: String) {
    assert!(catch_unwind(|| panic!("caught")).is_err());
    match then.as_str() {
        "exits" => process::exit(3),
        "exits as if panicked" => process::exit(101),
        "is killed" => die_of(libc::SIGKILL),
        "panics" => panic!("the second"),
        _ => {}
    }
}

/// Tells an actor to end, in the given way.
#[message]
struct End {
    way: Way,
}

#[data]
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Stop,
    Fail,
    Panic,
    PanicInThread,
    Exit,
    Abort,
    Overstay,
}

#[message(reply = u64)]
struct Ping;

struct Mortal {
    overstays: bool,
}

#[actor]
impl Actor for Mortal {
    type Messages = (Ping, End);

    fn start((): (), _: &mut Context<Self>) -> Result<Mortal, Failure> {
        Ok(Mortal { overstays: false })
    }

    fn stopping(&mut self, _: &mut Context<Self>) {
        if self.overstays {
            loop {
                thread::park();
            }
        }
    }
}

impl Handler<Ping> for Mortal {
    fn handle(&mut self, _: Incoming<'_, Ping>, _: &mut Context<Self>) -> u64 {
        1
    }
}

impl Handler<End> for Mortal {
    fn handle(&mut self, end: Incoming<'_, End>, context: &mut Context<Self>) {
        match end.open().way {
            Way::Stop => context.stop(),
            Way::Fail => context.fail(Failure::new("no such table").context("opening the books")),
            Way::Panic => panic!("out of cheese"),
            Way::PanicInThread => assert!(thread::spawn(|| panic!("in a thread")).join().is_err()),
            Way::Exit => process::exit(9),
            Way::Abort => process::abort(),
            Way::Overstay => self.overstays = true,
        }
    }
}

fn mortal(system: &System) -> ActorRef<Mortal> {
    let options = system.actor::<Mortal>(()).stderr(Stdio::Tail).environment("RUST_BACKTRACE", "0");
    options.stop_deadline(Duration::from_millis(100)).start().expect("an actor")
}

#[procession::test]
fn every_end_of_an_actor_is_told_alike_to_joiner_monitor_and_asker() {
    let system = System::start().expect("a system");
    let failed = Exit::Failed(vec!["opening the books".into(), "no such table".into()]);
    type Fits = fn(&Exit) -> bool;
    let table: [(Way, Fits, Option<u32>); 5] = [
        (Way::Stop, |exit| *exit == Exit::Normal, None),
        (Way::Fail, |exit| matches!(exit, Exit::Failed(_)), None),
        (Way::Panic, |exit| matches!(exit, Exit::Panicked(panic) if panic.message == "out of cheese"), Some(1)),
        (Way::Exit, |exit| *exit == Exit::Code(9), None),
        (Way::Abort, |exit| matches!(exit, Exit::Signal { signal: libc::SIGABRT, .. }), None),
    ];
    for (way, fits, tag) in table {
        let actor = mortal(&system);
        let monitor = actor.monitor().expect("a monitor");
        actor.tell(&End { way }).expect("told");
        let pending = actor.request(&Ping).expect("sent");
        let asked = pending.wait();
        let down = monitor.wait_within(LIMIT).expect("its end");
        let DownReason::Ended(exit) = down.reason else { panic!("{way:?}: {:?}", down.reason) };
        assert!(fits(&exit), "{way:?}: {exit:?}");
        assert_eq!(asked, Err(AskError::Dead(exit.clone())), "{way:?}");
        let ended = actor.join_within(LIMIT).expect("its end");
        assert_eq!((ended.exit, ended.tag_in_hand), (exit.clone(), tag), "{way:?}");
        if way == Way::Fail {
            assert_eq!(exit, failed);
        }
        if way == Way::Panic {
            assert!(ended.stderr_tail.iter().any(|line| line.contains("out of cheese")), "{:?}", ended.stderr_tail);
        }
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_panic_in_a_thread_of_an_actor_does_not_end_it() {
    let system = System::start().expect("a system");
    let actor = mortal(&system);
    actor.ask(&End { way: Way::PanicInThread }).expect("handled");
    assert_eq!(actor.ask(&Ping), Ok(1));
    actor.stop().expect("it runs");
    assert_eq!(actor.join_within(LIMIT).expect("its end").exit, Exit::Stopped, "and is not told of its end");
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_stop_is_told_apart_from_a_kill_at_the_deadline() {
    let system = System::start().expect("a system");
    for (way, exit) in [(None, Exit::Stopped), (Some(Way::Overstay), Exit::Killed)] {
        let actor = mortal(&system);
        way.into_iter().for_each(|way| actor.ask(&End { way }).expect("handled"));
        actor.stop().expect("it runs");
        assert_eq!(actor.join_within(LIMIT).expect("its end").exit, exit, "{way:?}");
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn exits_have_a_text() {
    let table = [
        (Exit::Normal, "ended normally"),
        (Exit::Code(3), "ended with code 3"),
        (Exit::Signal { signal: libc::SIGKILL, core_dumped: false }, "ended by signal 9 (SIGKILL)"),
        (Exit::Failed(vec!["a".into(), "b".into()]), "failed: a: b"),
        (Exit::Killed, "did not stop in time and was killed"),
        (Exit::Stopped, "was stopped"),
    ];
    for (exit, text) in table {
        assert_eq!(exit.to_string(), text);
        assert_eq!(exit.is_normal(), matches!(exit, Exit::Normal | Exit::Stopped));
    }
}
