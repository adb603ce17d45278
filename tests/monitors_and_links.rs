//! Monitors tell an end once; links take along.

use std::time::Duration;

use procession::prelude::*;
use procession::{Down, DownReason, Exit, MonitorId, ReceiveError, RuntimeError};
use procession_tests::{SOON, repeat};

const SHORT: Duration = Duration::from_millis(20);

/// Watches, links, ends; and tells what it was told.
#[derive(Default)]
struct Observer {
    downs: Vec<(u32, String)>,
    seen: u64,
    /// How many messages had come when the first `Down` did.
    seen_at_down: Option<u64>,
}

#[message(reply = u32)]
struct Monitor {
    whom: ActorRef<Observer>,
}

#[message]
struct Demonitor {
    monitor: u32,
}

#[message(reply = Result<(), String>)]
struct Link {
    whom: ActorRef<Observer>,
    on: bool,
}

#[message(reply = Report)]
struct Tell;

#[data]
#[derive(Debug, PartialEq)]
struct Report {
    downs: Vec<(u32, String)>,
    seen: u64,
    seen_at_down: Option<u64>,
}

#[message]
struct Note;

/// Sends notes, then ends by a panic, by itself or by returning.
#[message]
struct End {
    first_tell: Option<ActorRef<Observer>>,
    count: u64,
    fails: bool,
}

#[actor]
impl Actor for Observer {
    type Messages = (Monitor, Demonitor, Link, Tell, Note, End);

    fn start((): (), _: &mut Context<Self>) -> Result<Observer, Failure> {
        Ok(Observer::default())
    }

    fn down(&mut self, down: Down, _: &mut Context<Self>) {
        self.seen_at_down.get_or_insert(self.seen);
        self.downs.push((down.monitor.0, show(&down.reason)));
    }
}

fn show(reason: &DownReason) -> String {
    match reason {
        DownReason::Ended(exit) => exit.to_string(),
        other => format!("{other:?}"),
    }
}

impl Handler<Monitor> for Observer {
    fn handle(&mut self, monitor: Incoming<'_, Monitor>, context: &mut Context<Self>) -> u32 {
        context.monitor(monitor.whom.to_native()).expect("a monitor").0
    }
}

impl Handler<Demonitor> for Observer {
    fn handle(&mut self, monitor: Incoming<'_, Demonitor>, context: &mut Context<Self>) {
        context.demonitor(MonitorId(monitor.monitor.to_native()));
    }
}

impl Handler<Link> for Observer {
    fn handle(&mut self, link: Incoming<'_, Link>, context: &mut Context<Self>) -> Result<(), String> {
        let whom = link.whom.to_native();
        let outcome = if link.on { context.link(whom) } else { context.unlink(whom) };
        outcome.map_err(|error| error.to_string())
    }
}

impl Handler<Tell> for Observer {
    fn handle(&mut self, _: Incoming<'_, Tell>, _: &mut Context<Self>) -> Report {
        Report { downs: self.downs.clone(), seen: self.seen, seen_at_down: self.seen_at_down }
    }
}

impl Handler<Note> for Observer {
    fn handle(&mut self, _: Incoming<'_, Note>, _: &mut Context<Self>) {
        self.seen += 1;
    }
}

impl Handler<End> for Observer {
    fn handle(&mut self, end: Incoming<'_, End>, context: &mut Context<Self>) {
        let End { first_tell, count, fails } = end.open();
        if let Some(other) = first_tell {
            other.tell_all((0..count).map(|_| Note)).expect("told");
        }
        if fails { context.fail(Failure::new("broken")) } else { context.stop() }
    }
}

fn observers<const COUNT: usize>(system: &System) -> [ActorRef<Observer>; COUNT] {
    std::array::from_fn(|_| system.spawn::<Observer>(()).expect("an actor"))
}

fn end(actor: &ActorRef<Observer>, fails: bool) {
    actor.tell(&End { first_tell: None, count: 0, fails }).expect("told");
}

/// Waits until an actor has been told everything about an end that is known: what is told to the same endpoint in order.
fn settled(watcher: &ActorRef<Observer>, dead: &ActorRef<Observer>) -> Report {
    dead.join_within(SOON).expect("its end");
    // A monitor on the dead is answered after whatever was said before on the same socket.
    let late = watcher.ask(&Monitor { whom: dead.clone() }).expect("an answer");
    let mut report = watcher.ask(&Tell).expect("an answer");
    while !report.downs.iter().any(|(monitor, _)| *monitor == late) {
        report = watcher.ask(&Tell).expect("an answer");
    }
    assert_eq!(report.downs.pop(), Some((late, "NoActor".to_owned())), "the last word, at once");
    report
}

#[procession::test]
fn every_monitor_gets_exactly_one_down_after_all_messages() {
    repeat("one down each", 10, |round| {
        let system = System::start().expect("a system");
        let [watcher, watched] = observers(&system);
        let monitors: Vec<u32> =
            (0..3).map(|_| watcher.ask(&Monitor { whom: watched.clone() }).expect("an answer")).collect();
        let count = round.dice.roll(2000);
        watched.tell(&End { first_tell: Some(watcher.clone()), count, fails: false }).expect("told");
        let mut report = settled(&watcher, &watched);
        report.downs.sort();
        let expected: Vec<_> = monitors.iter().map(|monitor| (*monitor, Exit::Normal.to_string())).collect();
        assert_eq!(report, Report { downs: expected, seen: count, seen_at_down: Some(count) });
        system.shutdown().expect("an orderly end");
    });
}

#[procession::test]
fn a_monitor_that_was_given_up_is_silent() {
    let system = System::start().expect("a system");
    let [watcher, watched] = observers(&system);
    let kept = watcher.ask(&Monitor { whom: watched.clone() }).expect("an answer");
    let given_up = watcher.ask(&Monitor { whom: watched.clone() }).expect("an answer");
    watcher.ask(&Demonitor { monitor: given_up }).expect("handled");
    watcher.ask(&Demonitor { monitor: 999 }).expect("one that never was is no error");
    end(&watched, true);
    assert_eq!(settled(&watcher, &watched).downs, [(kept, "failed: broken".to_owned())]);
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn threads_of_root_watch_too() {
    let system = System::start().expect("a system");
    let [watched] = observers(&system);
    let monitors = (watched.monitor().expect("a monitor"), watched.monitor().expect("another"));
    drop(watched.monitor().expect("a third"));
    assert_eq!(monitors.0.wait_within(SHORT).err(), Some(ReceiveError::Timeout));
    end(&watched, true);
    for monitor in [&monitors.1, &monitors.0] {
        let down = monitor.wait_within(SOON).expect("its end");
        assert_eq!(down.process, watched.id());
        assert_eq!(show(&down.reason), "failed: broken");
        assert_eq!(monitor.wait_within(SHORT).err(), Some(ReceiveError::Timeout), "once");
    }
    let late = watched.monitor().expect("a monitor").wait_within(SOON).expect("an answer");
    assert_eq!(late.reason, DownReason::NoActor);
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_link_takes_along_on_failure_but_not_on_a_normal_end() {
    let system = System::start().expect("a system");
    type Act = fn(&ActorRef<Observer>);
    let table: [(&str, Act, bool); 5] = [
        ("stops itself", |actor| end(actor, false), false),
        ("is stopped", |actor| actor.stop().expect("it runs"), false),
        ("fails", |actor| end(actor, true), true),
        ("is killed", |actor| actor.kill().expect("it runs"), true),
        ("is terminated", |actor| actor.terminate().expect("it runs"), true),
    ];
    for (way, act, takes_along) in table {
        for is_linker in [true, false] {
            let [linker, linked] = observers(&system);
            linker.ask(&Link { whom: linked.clone(), on: true }).expect("linked");
            linker.ask(&Link { whom: linked.clone(), on: true }).expect("a second time does no harm");
            let (first, other) = if is_linker { (linker, linked) } else { (linked, linker) };
            act(&first);
            let exit = first.join_within(SOON).expect("its end").exit;
            if takes_along {
                let expected = Exit::Failed(vec![format!("linked actor {} has ended", first.id()), exit.to_string()]);
                assert_eq!(other.join_within(SOON).expect("its end").exit, expected, "{way}");
            } else {
                assert!(other.ask(&Tell).is_ok(), "{way}");
            }
        }
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn links_run_through_a_chain_and_can_be_undone() {
    let system = System::start().expect("a system");
    let [first, second, third, fourth] = observers(&system);
    for (one, other) in [(&first, &second), (&second, &third), (&third, &fourth), (&fourth, &first)] {
        one.ask(&Link { whom: other.clone(), on: true }).expect("linked");
    }
    third.ask(&Link { whom: fourth.clone(), on: false }).expect("unlinked");
    fourth.ask(&Link { whom: first.clone(), on: false }).expect("unlinked");
    first.kill().expect("it runs");
    for taken in [&second, &third] {
        assert!(matches!(taken.join_within(SOON).expect("its end").exit, Exit::Failed(_)));
    }
    assert!(fourth.ask(&Tell).is_ok(), "it was let go");
    let refused = fourth.ask(&Link { whom: first, on: true });
    assert_eq!(refused, Err(AskError::Refused(RuntimeError::NoActor.to_string())));
    system.shutdown().expect("an orderly end");
}
