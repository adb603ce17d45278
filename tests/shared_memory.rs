//! Connections that go by shared memory: what is special about them. All else is held by the other tests, whatever the
//! connections go by.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{Descriptor, DownReason, Exit, Links};
use procession_tests::worker::{AskOther, CountedStream, Echo, Event, Identify, Item, Log, Observe, Stream, Worker};
use procession_tests::{GUARD, SOON, eventually, guarded, kill, process_table, repeat, rings};

const ROUNDS: u32 = 20;

/// So many messages make a connection busy.
const BUSY: u64 = 64;

fn system(links: Links) -> System {
    System::builder().links(links).start().expect("a system")
}

fn pid(worker: &ActorRef<Worker>) -> i32 {
    worker.pid().expect("it is known").expect("it runs")
}

#[procession::test]
fn a_connection_goes_by_shared_memory_once_it_is_busy() {
    let system = system(Links::Automatic);
    let worker = system.spawn::<Worker>(()).expect("a worker");
    for number in 0..BUSY - 1 {
        assert_eq!(worker.ask(&Echo { number }), Ok(number));
    }
    assert_eq!(rings::count(pid(&worker)), 0);
    eventually("shared memory", || {
        assert_eq!(worker.ask(&Echo { number: 1 }), Ok(1));
        rings::count(pid(&worker)) == 1 && rings::count(std::process::id().cast_signed()) >= 1
    });
    for number in 0..1000 {
        assert_eq!(worker.ask(&Echo { number }), Ok(number));
    }
}

#[procession::test]
fn a_system_of_sockets_stays_one() {
    let system = system(Links::Sockets);
    let worker = system.spawn::<Worker>(()).expect("a worker");
    for number in 0..10 * BUSY {
        assert_eq!(worker.ask(&Echo { number }), Ok(number));
    }
    assert_eq!(rings::count(pid(&worker)), 0);
}

/// Numbered files, among messages without any.
struct Reader {
    next: u64,
}

#[message(reply = Result<u64, String>)]
struct Numbered {
    number: u64,
    file: Option<Descriptor>,
}

#[actor]
impl Actor for Reader {
    type Messages = (Numbered,);

    fn start((): (), _: &mut Context<Self>) -> Result<Reader, Failure> {
        Ok(Reader { next: 0 })
    }
}

impl Handler<Numbered> for Reader {
    fn handle(&mut self, numbered: Incoming<'_, Numbered>, _: &mut Context<Self>) -> Result<u64, String> {
        let number = numbered.number.to_native();
        if number != std::mem::replace(&mut self.next, number + 1) {
            return Err(format!("{number} is out of order"));
        }
        let Some(file) = numbered.file.as_ref() else { return Ok(number) };
        let mut content = String::new();
        let file = numbered.take(file).map_err(|error| error.to_string())?;
        File::from(file).read_to_string(&mut content).map_err(|error| error.to_string())?;
        content.parse().map_err(|_| content)
    }
}

#[procession::test]
fn descriptors_stay_with_their_messages() {
    let system = system(Links::SharedMemory);
    let reader = system.spawn::<Reader>(()).expect("a reader");
    let mut pending = Vec::new();
    for number in 0..2000 {
        let file = (number % 3 == 0).then(|| {
            let mut file = tempfile::tempfile().expect("a file");
            write!(file, "{number}").expect("there is room");
            file.rewind().expect("it is a file");
            Descriptor::new(file)
        });
        pending.push(reader.request(&Numbered { number, file }).expect("it is sent"));
        if pending.len() == 100 {
            for (index, pending) in pending.drain(..).enumerate() {
                assert_eq!(pending.wait(), Ok(number - 99 + index as u64));
            }
        }
    }
}

#[procession::test]
fn what_was_sent_by_shared_memory_comes_before_the_word_of_the_senders_death() {
    repeat("sender killed", ROUNDS, |round| {
        let system = system(Links::SharedMemory);
        let [sender, receiver] = [(); 2].map(|()| system.spawn::<Worker>(()).expect("a worker"));
        let to: Recipient<Item> = receiver.clone().into();
        // After the second answer it sends by shared memory.
        for number in 0..3 {
            let answer = sender.ask(&AskOther { other: receiver.clone(), number });
            assert_eq!(answer.as_deref(), Ok("answered"));
        }
        receiver.ask(&Observe { worker: sender.clone() }).expect("it can be watched");
        let (mut reading, writing) = std::io::pipe().expect("a pipe");
        // So few fit in there even if the receiver reads none of them.
        let stream = CountedStream { to, count: 2000, pipe: Descriptor::new(writing) };
        let streaming = sender.request(&stream).expect("it is sent");
        drop(stream);
        let victim = pid(&sender);
        round.at("the first of them");
        reading.read_exact(&mut [0]).expect("it sends");
        round.dice.spin();
        kill(victim, Signal::SIGKILL);
        round.at("the word of its death");
        drop(streaming);
        let mut flushed = Vec::new();
        // The pipe has been read meanwhile by nobody: it holds a byte for each that has left, but for the first.
        reading.read_to_end(&mut flushed).expect("it has ended");
        let log = receiver.ask(&Log { items: 0, downs: 1 }).expect("it lives");
        let numbers = log.iter().filter_map(|event| match event {
            Event::Item { source: 0, number } => Some(*number),
            _ => None,
        });
        let numbers: Vec<u64> = numbers.collect();
        assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "a part from the beginning, in order");
        assert!(numbers.len() > flushed.len(), "{} of {} that had left", numbers.len(), flushed.len() + 1);
        assert!(matches!(log.last(), Some(Event::Down { .. })), "{:?}", log.last());
    });
}

#[procession::test]
fn who_waits_for_a_killed_receiver_is_told() {
    repeat("receiver killed", ROUNDS, |round| {
        let system = system(Links::SharedMemory);
        let [asker, victim] = [(); 2].map(|()| system.spawn::<Worker>(()).expect("a worker"));
        for number in 0..10 {
            let answer = asker.ask(&AskOther { other: victim.clone(), number });
            assert_eq!(answer.as_deref(), Ok("answered"));
        }
        let (pid, asked) = (pid(&victim), victim.clone());
        let here = thread::spawn(move || (0..).find_map(|number| asked.ask(&Echo { number }).err()));
        let sent =
            asker.request(&Stream { to: victim.clone().into(), source: 0, count: u64::MAX }).expect("it is sent");
        round.dice.spin();
        kill(pid, Signal::SIGKILL);
        round.at("the asker here");
        let error = here.join().expect("no panic");
        let died = Exit::Signal { signal: 9, core_dumped: false };
        assert!(
            matches!(&error, Some(AskError::Dead(exit)) if *exit == died) || error == Some(AskError::NoActor),
            "{error:?}"
        );
        round.at("the one who tells");
        assert!(sent.wait_within(SOON).expect("it lives").error.is_some());
    });
}

#[procession::test]
fn who_has_learnt_of_an_end_finds_it_known_by_those_who_watch() {
    let system = system(Links::SharedMemory);
    let watcher = system.spawn::<Worker>(()).expect("a worker");
    repeat("an end", 5 * ROUNDS, move |round| {
        let mortal = system.spawn::<Worker>(()).expect("a worker");
        let before = watcher.ask(&Log { items: 0, downs: 0 }).expect("it lives").len();
        watcher.ask(&Observe { worker: mortal.clone() }).expect("it can be watched");
        let monitor = mortal.monitor().expect("it can be watched");
        round.dice.spin();
        mortal.kill().expect("it is killed");
        monitor.wait_within(SOON).expect("its end is told");
        // The supervisor answers once it has told everybody.
        assert_eq!(mortal.is_alive(), Ok(false));
        round.at("the one who watches");
        assert_eq!(watcher.ask(&Log { items: 0, downs: 0 }).expect("it lives").len(), before + 1);
    });
}

/// Takes long over each message.
struct Slow;

#[message(reply = ())]
struct Work;

#[actor]
impl Actor for Slow {
    type Messages = (Work,);

    fn start((): (), _: &mut Context<Self>) -> Result<Slow, Failure> {
        Ok(Slow)
    }
}

impl Handler<Work> for Slow {
    fn handle(&mut self, _: Incoming<'_, Work>, _: &mut Context<Self>) {
        thread::sleep(Duration::from_millis(100));
    }
}

#[procession::test]
fn who_always_has_something_to_do_hears_the_supervisor_in_between() {
    guarded("a busy actor", GUARD, |_| {
        let system = system(Links::SharedMemory);
        let busy = system.actor::<Slow>(()).stop_deadline(Duration::from_secs(2)).start().expect("an actor");
        let (begun, begin) = mpsc::channel();
        // While it works for one of them, the other asks.
        let asking = [(); 2].map(|()| {
            let (asked, begun) = (busy.clone(), begun.clone());
            let work = move |_| {
                let outcome = asked.ask(&Work);
                let _ = begun.send(());
                outcome.err()
            };
            thread::spawn(move || (0..).find_map(work))
        });
        (0..10).for_each(|_| begin.recv().expect("it answers"));
        let monitor = busy.monitor().expect("it can be watched");
        busy.stop().expect("it is asked to");
        let down = monitor.wait_within(SOON).expect("its end is told");
        assert_eq!(down.reason, DownReason::Ended(Exit::Stopped));
        for asking in asking {
            asking.join().expect("no panic").expect("it has ended");
        }
    });
}

#[procession::test]
fn a_stopped_receiver_holds_up_no_more_than_the_limits_and_nobody_but_its_senders() {
    guarded("a stopped receiver", GUARD, |round| {
        let system = system(Links::SharedMemory);
        let [sender, stopped] = [(); 2].map(|()| system.spawn::<Worker>(()).expect("a worker"));
        for number in 0..10 {
            assert_eq!(stopped.ask(&Echo { number }), Ok(number));
        }
        let victim = pid(&stopped);
        let before = process_table::resident_bytes(pid(&sender));
        kill(victim, Signal::SIGSTOP);
        let sent =
            sender.request(&Stream { to: stopped.clone().into(), source: 0, count: u64::MAX }).expect("it is sent");
        round.at("its patience");
        let sent = sent.wait_within(Duration::from_secs(15)).expect("it gives up in time");
        assert!(sent.count > 0 && sent.error.is_some(), "{sent:?}");
        let grown = process_table::resident_bytes(pid(&sender)).saturating_sub(before);
        assert!(grown < 16 << 20, "grown by {grown}");
        round.at("its going on");
        kill(victim, Signal::SIGCONT);
        assert_eq!(
            stopped.ask(&Log { items: sent.count as usize, downs: 0 }).map(|log| log.len() as u64),
            Ok(sent.count)
        );
        kill(victim, Signal::SIGSTOP);
        let pending = stopped.request(&Identify).expect("there is room");
        kill(victim, Signal::SIGKILL);
        round.at("its death");
        pending.wait_within(SOON).expect_err("it is dead");
    });
}

#[procession::test]
fn more_connections_than_can_ring_a_bell_work_beside_each_other() {
    const SENDERS: u64 = 140;
    guarded("a hundred and forty senders", Duration::from_secs(60), |round| {
        let system = system(Links::SharedMemory);
        let receiver = system.spawn::<Worker>(()).expect("a worker");
        let senders: Vec<_> = (0..SENDERS).map(|_| system.spawn::<Worker>(()).expect("a worker")).collect();
        for count in [3, 200] {
            round.at(format!("{count} of each"));
            let stream = |source| Stream { to: receiver.clone().into(), source, count };
            let sent =
                senders.iter().zip(0..).map(|(sender, source)| sender.request(&stream(source)).expect("it is sent"));
            let sent: Vec<_> = sent.collect();
            sent.into_iter().for_each(|sent| assert_eq!(sent.wait().expect("it lives").count, count));
        }
        let log = receiver.ask(&Log { items: 203 * SENDERS as usize, downs: 0 }).expect("it lives");
        for source in 0..SENDERS {
            let of_it = log.iter().filter_map(|event| match event {
                Event::Item { source: from, number } if *from == source => Some(*number),
                _ => None,
            });
            assert!(of_it.eq((0..3).chain(0..200)), "what {source} has sent is not there in order");
        }
        let rings = rings::count(pid(&receiver));
        // Two of them share a bit of the bell.
        assert!((65..=128).contains(&rings), "{rings}");
    });
}

/// Forbids this process to make files larger than a page.
fn forbid_files() {
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).expect("it is known");
    setrlimit(Resource::RLIMIT_FSIZE, 4096, hard).expect("it can be lowered");
}

#[procession::test]
fn who_has_no_memory_for_it_stays_on_the_socket() {
    let system = System::builder().links(Links::SharedMemory).setup(forbid_files).start().expect("a system");
    let [asker, other] = [(); 2].map(|()| system.spawn::<Worker>(()).expect("a worker"));
    for number in 0..100 {
        let answer = asker.ask(&AskOther { other: other.clone(), number });
        assert_eq!(answer.as_deref(), Ok("answered"));
    }
    assert_eq!(rings::count(pid(&other)), 0);
}
