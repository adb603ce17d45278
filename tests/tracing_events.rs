//! What is traced, and that one call makes root's subscriber everybody's.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use procession::prelude::*;
use procession::{Down, Restart, Stdio, Strategy};
use procession_tests::{SOON, eventually};

/// What root's subscriber has written.
static ROOT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct ToRoot;

impl Write for ToRoot {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        ROOT.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes to the standard error, in root to memory.
fn install() {
    let is_root = System::current().is_none();
    let writer = move || -> Box<dyn Write> { if is_root { Box::new(ToRoot) } else { Box::new(io::stderr()) } };
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).without_time();
    // In root each test of this binary installs it.
    let _ = subscriber.with_writer(writer).try_init();
}

fn root_lines() -> Vec<String> {
    let written = ROOT.lock().unwrap_or_else(PoisonError::into_inner).clone();
    String::from_utf8(written).expect("text").lines().map(str::to_owned).collect()
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Whether some line has all these parts.
fn has(lines: &[String], parts: &[&str]) -> bool {
    lines.iter().any(|line| parts.iter().all(|part| line.contains(part)))
}

#[message]
struct Meet {
    other: ActorRef<Cook>,
}

#[message(reply = Result<(), String>)]
struct Burn;

#[message]
struct Note {
    text: String,
}

#[message]
struct Stumble;

struct Cook;

#[actor]
impl Actor for Cook {
    type Messages = (Meet, Burn, Note, Stumble);

    fn start((): (), _: &mut Context<Self>) -> Result<Cook, Failure> {
        tracing::info!("lights the fire");
        Ok(Cook)
    }

    fn down(&mut self, _: Down, _: &mut Context<Self>) {
        tracing::info!("is alone");
    }
}

impl Handler<Meet> for Cook {
    fn handle(&mut self, meet: Incoming<'_, Meet>, context: &mut Context<Self>) {
        context.monitor(meet.other.to_native()).expect("a monitor");
        context.link(meet.other.to_native()).expect("linked");
        context.unlink(meet.other.to_native()).expect("unlinked");
    }
}

impl Handler<Burn> for Cook {
    fn handle(&mut self, _: Incoming<'_, Burn>, _: &mut Context<Self>) -> Result<(), String> {
        Err("burnt".to_owned())
    }
}

impl Handler<Note> for Cook {
    fn handle(&mut self, note: Incoming<'_, Note>, _: &mut Context<Self>) {
        tracing::info!(text = note.text.as_str(), "notes");
    }
}

impl Handler<Stumble> for Cook {
    fn handle(&mut self, _: Incoming<'_, Stumble>, _: &mut Context<Self>) {
        panic!("dropped the plate");
    }
}

/// Takes none of the cook's messages but one.
struct Waiter;

#[message]
struct Serve;

#[actor]
impl Actor for Waiter {
    type Messages = (Serve,);

    fn start((): (), _: &mut Context<Self>) -> Result<Waiter, Failure> {
        Ok(Waiter)
    }
}

impl Handler<Serve> for Waiter {
    fn handle(&mut self, _: Incoming<'_, Serve>, _: &mut Context<Self>) {}
}

fn system() -> System {
    System::builder().subscriber(install).start().expect("a system")
}

#[procession::test]
fn an_actor_traces_within_a_span_of_its_name_and_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cook");
    let system = system();
    let cook = system.actor::<Cook>(()).name("cook").stderr(Stdio::File(file.clone()));
    let cook = cook.start().expect("an actor");
    cook.ask(&Note { text: "soup".into() }).expect("handled");
    let span = format!("actor{{name=\"cook\" id={} incarnation=0}}", cook.id());
    let found = lines(&file);
    assert!(has(&found, &[&span, "starting"]), "{found:#?}");
    assert!(has(&found, &[&span, "lights the fire"]), "{found:#?}");
    assert!(has(&found, &[&span, "notes", "soup"]), "{found:#?}");
    cook.stop().expect("it runs");
    cook.join_within(SOON).expect("its end");
    assert!(has(&lines(&file), &[&span, "ending", "was stopped"]), "{:#?}", lines(&file));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn spawns_monitors_links_and_ends_are_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("watcher");
    let system = system();
    let watcher = system.actor::<Cook>(()).name("watcher").stderr(Stdio::File(file.clone()));
    let watcher = watcher.start().expect("an actor");
    let watched = system.actor::<Cook>(()).name("watched").stderr(Stdio::Null).start().expect("an actor");
    watcher.ask(&Meet { other: watched.clone() }).expect("handled");
    let monitor = watched.monitor().expect("a monitor");
    watched.tell(&Stumble).expect("told");
    monitor.wait_within(SOON).expect("its end");
    let id = watched.id().to_string();
    for parts in [["spawned", "watched", &id], ["monitored", &id, ""], ["ended", "dropped the plate", &id]] {
        assert!(has(&root_lines(), &parts), "in root: {parts:?}, {:#?}", root_lines());
    }
    let span = "actor{name=\"watcher\"";
    eventually("it is told", || has(&lines(&file), &[span, "is alone"]));
    for word in ["monitored", "linked", "unlinked", "ended"] {
        assert!(has(&lines(&file), &[span, word, &id]), "{word}: {:#?}", lines(&file));
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_restart_and_a_panic_are_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cook");
    let system = system();
    let cook = system.actor::<Cook>(()).name("cook").stderr(Stdio::File(file.clone())).restart(Restart::Permanent);
    let cook = cook.start().expect("an actor");
    let monitor = cook.monitor().expect("a monitor");
    cook.tell(&Stumble).expect("told");
    monitor.wait_within(SOON).expect("its end");
    cook.ask(&Note { text: "again".into() }).expect("it is up again");
    let (found, id) = (lines(&file), cook.id().to_string());
    assert!(has(&found, &["ERROR", "cook", &id, "dropped the plate", "tracing_events.rs"]), "{found:#?}");
    assert!(has(&found, &["incarnation=1", "cook", &id, "restarting"]), "{found:#?}");
    assert!(has(&found, &["incarnation=1", "notes"]), "{found:#?}");
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_message_that_is_dropped_is_an_event() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("waiter");
    let system = system();
    let waiter = system.actor::<Waiter>(()).stderr(Stdio::File(file.clone()));
    let supervisor = Supervisor::new(Strategy::OneForOne).child("waiter", Restart::Permanent, waiter);
    let supervisor = supervisor.start(&system).expect("a supervisor");
    // The type of a child is the caller's word.
    let waiter = supervisor.child::<Waiter>("waiter").expect("a child");
    let taken_for_a_cook = supervisor.child::<Cook>("waiter").expect("a child");
    assert_eq!(taken_for_a_cook.ask(&Note { text: "x".into() }), Err(AskError::NotAccepted));
    let span = format!("actor{{name=\"waiter\" id={}", waiter.id());
    assert!(has(&lines(&file), &["WARN", &span, "a message is not accepted"]), "{:#?}", lines(&file));
    waiter.ask(&Serve).expect("it lives");

    let refusing = folder.path().join("cook");
    let cook = system.actor::<Cook>(()).name("cook").stderr(Stdio::File(refusing.clone())).start().expect("an actor");
    cook.tell(&Burn).expect("told");
    cook.ask(&Note { text: "x".into() }).expect("handled");
    assert!(has(&lines(&refusing), &["WARN", "cook", "a told message is refused"]), "{:#?}", lines(&refusing));
    system.shutdown().expect("an orderly end");
}

fn set_first() {
    tracing::info!("first setup");
}

fn set_second() {
    tracing::info!("second setup");
}

#[procession::test]
fn setups_run_in_their_order_after_the_subscriber_s() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("process");
    let system = System::builder().subscriber(install).setup(set_first).setup(set_second).start().expect("a system");
    let work = || tracing::info!("work");
    let child = system.process(work, ()).stderr(Stdio::File(file.clone())).start().expect("a process");
    child.join_within(SOON).expect("its end");
    let found = lines(&file).join("\n");
    let places = ["first setup", "second setup", "work"].map(|part| found.find(part));
    assert!(places.is_sorted() && places[0].is_some(), "{found}");
    assert!(!has(&root_lines(), &["first setup"]), "root is not set up");
    system.shutdown().expect("an orderly end");
}
