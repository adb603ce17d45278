//! Handles in threads: every thread is a sender of its own, and its end loses nothing.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use procession::prelude::*;
use procession::{AskError, Exit, RuntimeError, TellError};
use procession_tests::sys::in_bare_fork;
use procession_tests::{SOON, eventually, guarded, kill, process_table, repeat};
use rkyv::rancor::Fallible;
use rkyv::with::{ArchiveWith, DeserializeWith, SerializeWith};
use rkyv::{Archived, Place};

const THREADS: u64 = 8;

/// Keeps the items that come, in order, and answers.
#[derive(Default)]
struct Collector {
    items: Vec<(u64, u64)>,
}

#[message]
struct Item {
    source: u64,
    number: u64,
}

#[message(reply = Vec<(u64, u64)>)]
struct Items;

#[message(reply = u64)]
struct Echo {
    number: u64,
}

#[actor]
impl Actor for Collector {
    type Messages = (Item, Items, Echo);

    fn start((): (), _: &mut Context<Self>) -> Result<Collector, Failure> {
        Ok(Collector::default())
    }
}

impl Handler<Item> for Collector {
    fn handle(&mut self, item: Incoming<'_, Item>, _: &mut Context<Self>) {
        self.items.push((item.source.to_native(), item.number.to_native()));
    }
}

impl Handler<Items> for Collector {
    fn handle(&mut self, _: Incoming<'_, Items>, _: &mut Context<Self>) -> Vec<(u64, u64)> {
        self.items.clone()
    }
}

impl Handler<Echo> for Collector {
    fn handle(&mut self, echo: Incoming<'_, Echo>, _: &mut Context<Self>) -> u64 {
        echo.number.to_native()
    }
}

/// Checks that the items of each source are whole and in order.
fn check_streams(items: &[(u64, u64)], sources: u64, count: u64) {
    let mut next = vec![0; sources as usize];
    for (source, number) in items {
        assert_eq!(*number, next[*source as usize], "source {source}");
        next[*source as usize] += 1;
    }
    assert_eq!(next, vec![count; sources as usize]);
}

#[procession::test]
fn eight_threads_of_root_use_the_same_handles() {
    let system = System::start().expect("a system");
    let collector = system.spawn::<Collector>(()).expect("an actor");
    let start = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        for source in 0..THREADS {
            let (collector, start) = (collector.clone(), &start);
            scope.spawn(move || {
                start.wait();
                for number in 0..500 {
                    collector.tell(&Item { source, number }).expect("told");
                    assert_eq!(collector.ask(&Echo { number }), Ok(number));
                }
            });
        }
    });
    check_streams(&collector.ask(&Items).expect("an answer"), THREADS, 500);
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn the_end_of_a_thread_flushes_and_frees() {
    let pid = std::process::id().cast_signed();
    let system = System::start().expect("a system");
    let collector = system.spawn::<Collector>(()).expect("an actor");
    collector.ask(&Echo { number: 0 }).expect("an answer");
    let before = process_table::descriptor_count(pid);
    for round in 0..200 {
        let other = collector.clone();
        // No ask, no flush: the thread tells and ends.
        let tell = move || (0..10).for_each(|number| other.tell(&Item { source: round, number }).expect("told"));
        thread::spawn(tell).join().expect("no panic");
    }
    eventually("all have arrived", || collector.ask(&Items).expect("an answer").len() == 2000);
    check_streams(&collector.ask(&Items).expect("an answer"), 200, 10);
    eventually("descriptors are given back", || process_table::descriptor_count(pid) <= before);
    system.shutdown().expect("an orderly end");
}

/// Has threads of its own, which it waits for, or which go on when the handler has returned.
struct Threaded;

#[message]
struct Run {
    collector: ActorRef<Collector>,
    threads: u64,
    count: u64,
    waits: bool,
}

#[actor]
impl Actor for Threaded {
    type Messages = (Run,);

    fn start((): (), _: &mut Context<Self>) -> Result<Threaded, Failure> {
        Ok(Threaded)
    }
}

impl Handler<Run> for Threaded {
    fn handle(&mut self, run: Incoming<'_, Run>, _: &mut Context<Self>) {
        let Run { collector, threads, count, waits } = run.open();
        let threads = (0..threads).map(|source| {
            let collector = collector.clone();
            thread::spawn(move || {
                for number in 0..count {
                    collector.tell(&Item { source, number }).expect("told");
                    assert_eq!(collector.ask(&Echo { number }), Ok(number));
                }
            })
        });
        let threads: Vec<_> = threads.collect();
        for thread in threads {
            if waits {
                thread.join().expect("no panic");
            }
        }
    }
}

#[procession::test]
fn threads_in_an_actor_use_handles_during_the_handler_and_after() {
    let system = System::start().expect("a system");
    for waits in [true, false] {
        let collector = system.spawn::<Collector>(()).expect("an actor");
        let threaded = system.spawn::<Threaded>(()).expect("an actor");
        threaded.ask(&Run { collector: collector.clone(), threads: 4, count: 300, waits }).expect("handled");
        let all = || collector.ask(&Items).expect("an answer").len() == 1200;
        assert!(!waits || all(), "they did it while the handler ran");
        eventually("all have arrived", all);
        check_streams(&collector.ask(&Items).expect("an answer"), 4, 300);
    }
    system.shutdown().expect("an orderly end");
}

/// Sends a last message when it is dropped.
struct LastWord(Option<ActorRef<Collector>>);

impl Drop for LastWord {
    fn drop(&mut self) {
        if let Some(collector) = &self.0 {
            let _ = collector.tell(&Item { source: 0, number: 0 });
            let _ = collector.ask(&Echo { number: 1 });
            let _ = collector.tell(&Item { source: 0, number: 1 });
        }
    }
}

thread_local! {
    static LAST_WORD: RefCell<LastWord> = const { RefCell::new(LastWord(None)) };
}

#[procession::test]
fn handles_work_in_destructors_of_thread_locals() {
    let system = System::start().expect("a system");
    // Whichever is destroyed first: the handle's owner, or the library's own thread-local.
    for uses_before in [false, true] {
        let collector = system.spawn::<Collector>(()).expect("an actor");
        let other = collector.clone();
        let run = move || {
            if uses_before {
                other.ask(&Echo { number: 0 }).expect("an answer");
            }
            LAST_WORD.with_borrow_mut(|last_word| last_word.0 = Some(other.clone()));
            other.ask(&Echo { number: 0 }).expect("an answer");
        };
        thread::spawn(run).join().expect("no panic");
        eventually("the last words have come", || collector.ask(&Items).expect("an answer").len() == 2);
        check_streams(&collector.ask(&Items).expect("an answer"), 1, 2);
    }
    let of_process = system.process(leave_last_words, system.spawn::<Collector>(()).expect("an actor"));
    of_process.start().expect("a process").join_within(SOON).expect("no panic, no hang");
    system.shutdown().expect("an orderly end");
}

fn leave_last_words(collector: ActorRef<Collector>) {
    LAST_WORD.with_borrow_mut(|last_word| last_word.0 = Some(collector));
}

/// What each kind of use says in a copy; the number of the first that said something else.
fn use_in_copy(system: &System, actor: &ActorRef<Collector>) -> u8 {
    let forked = RuntimeError::Forked;
    let uses = [
        actor.tell(&Item { source: 0, number: 0 }) == Err(TellError::Runtime(forked.clone())),
        actor.ask(&Echo { number: 0 }) == Err(AskError::Runtime(forked.clone())),
        actor.kill() == Err(forked.clone()),
        system.spawn::<Collector>(()).is_err(),
        system.whereis::<Collector>("a").is_err(),
        actor.monitor().is_err(),
        system.clone().shutdown().is_ok(),
    ];
    uses.iter().position(|is_right| !is_right).map_or(0, |place| place as u8 + 1)
}

fn fork_here(actor: ActorRef<Collector>) -> u8 {
    let system = System::current().expect("a system");
    actor.ask(&Echo { number: 0 }).expect("an answer");
    let other = actor.clone();
    let outcome = in_bare_fork(move || {
        let unused = thread::spawn(move || u8::from(other.ask(&Echo { number: 0 }).is_ok()));
        use_in_copy_of_process(&actor) + unused.join().unwrap_or(9)
    });
    assert!(system.whereis::<Collector>("a").is_ok(), "the original goes on");
    outcome
}

fn use_in_copy_of_process(actor: &ActorRef<Collector>) -> u8 {
    u8::from(actor.tell(&Item { source: 0, number: 0 }) != Err(TellError::Runtime(RuntimeError::Forked)))
}

#[procession::test]
fn in_a_bare_copy_of_a_process_handles_are_errors() {
    let system = System::start().expect("a system");
    let actor = system.spawn::<Collector>(()).expect("an actor");
    assert_eq!(actor.ask(&Echo { number: 1 }), Ok(1));
    assert_eq!(in_bare_fork(|| use_in_copy(&system, &actor)), 0, "a copy of root");
    let of_process = system.process(fork_here, actor.clone()).start().expect("a process");
    assert_eq!(of_process.join_within(SOON), Ok(0), "a copy of a process");
    assert_eq!(actor.ask(&Items), Ok(vec![]), "no copy has told anything");
    assert_eq!(actor.ask(&Echo { number: 2 }), Ok(2), "the originals go on, also after the copies' end");
    system.shutdown().expect("an orderly end");
}

/// Tells a burst, then computes until another thread has seen it arrive; gives how long that took.
fn time_a_burst(collector: &ActorRef<Collector>, numbers: Range<u64>) -> Duration {
    let (told, seen, wanted) = (Arc::new(Barrier::new(2)), collector.clone(), numbers.end as usize);
    let watcher = thread::spawn({
        let told = told.clone();
        move || {
            seen.ask(&Items).expect("an answer");
            told.wait();
            let start = Instant::now();
            while seen.ask(&Items).expect("an answer").len() < wanted {
                assert!(start.elapsed() < SOON, "it does not leave");
            }
            start.elapsed()
        }
    });
    numbers.for_each(|number| collector.tell(&Item { source: 0, number }).expect("told"));
    told.wait();
    while !watcher.is_finished() {
        std::hint::spin_loop();
    }
    watcher.join().expect("no panic")
}

#[procession::test]
fn what_is_told_leaves_although_the_teller_computes_on() {
    let system = System::start().expect("a system");
    let collector = system.spawn::<Collector>(()).expect("an actor");
    let bursts = (0..50).map(|round| time_a_burst(&collector, round * 5..(round + 1) * 5));
    let mut times: Vec<Duration> = bursts.collect();
    times.sort();
    // The machine may be busy with other things at any one time, but not at most of them.
    assert!(times[25] < Duration::from_millis(20), "{times:?}");
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn threads_come_and_go_while_their_system_ends() {
    repeat("threads at the end of a system", 10, |round| {
        let system = System::start().expect("a system");
        let actor = system.spawn::<Collector>(()).expect("an actor");
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let actor = actor.clone();
                thread::spawn(move || while actor.ask(&Echo { number: 1 }).is_ok() {})
            })
            .collect();
        round.dice.spin();
        system.shutdown().expect("an orderly end");
        for thread in threads {
            thread.join().expect("no panic");
        }
    });
}

/// Who waits for nothing else hears of the end first: the supervisor is then about to clear the house.
#[procession::test]
fn threads_that_hear_of_the_end_at_once_let_it_be_orderly() {
    repeat("threads that wait at the end of a system", 40, |round| {
        let is_alone = round.dice.roll(2) == 0;
        let system = System::start().expect("a system");
        let actor = system.spawn::<Collector>(()).expect("an actor");
        let pid = actor.pid().expect("it runs").expect("it has started");
        let supervisor = process_table::entry(pid).expect("it is there").parent;
        let (ready, is_ready) = mpsc::channel();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (system, ready) = (system.clone(), ready.clone());
                thread::spawn(move || {
                    let mailbox = system.mailbox::<Item>().expect("a mailbox");
                    ready.send(()).expect("it is waited for");
                    assert!(mailbox.recv().is_err());
                })
            })
            .collect();
        threads.iter().for_each(|_| is_ready.recv().expect("they begin"));
        if is_alone {
            // The supervisor has nothing to stop then, and is through before the one who asked for it waits.
            let monitor = actor.monitor().expect("a monitor");
            actor.stop().expect("it is asked to");
            monitor.wait_within(SOON).expect("it ends");
        }
        system.shutdown().expect("an orderly end");
        assert_eq!(killpg(Pid::from_raw(supervisor), None), Err(Errno::ESRCH), "something is left of its group");
        for thread in threads {
            thread.join().expect("no panic");
        }
    });
}

/// Asks, and is never answered.
#[message(reply = Later<u64>)]
struct Never;

/// Gives its mailbox's address away, takes messages in, and answers none.
fn take_in(tell: Recipient<Address>, on_a_thread: bool) {
    let serve = move || {
        let mailbox = System::current().expect("a system").mailbox::<Never>().expect("a mailbox");
        tell.tell(&Address { mailbox: mailbox.recipient() }).expect("root is there");
        let mut kept = Vec::new();
        while let Ok(request) = mailbox.receive_request() {
            kept.push(request);
        }
    };
    if on_a_thread { thread::spawn(serve).join().expect("no panic") } else { serve() }
}

/// Where a mailbox is.
#[message]
struct Address {
    mailbox: Recipient<Never>,
}

#[procession::test]
fn a_mailbox_ends_as_its_process_does() {
    repeat("process with a mailbox killed", 20, |round| {
        let system = System::start().expect("a system");
        let mailbox = system.mailbox::<Address>().expect("a mailbox");
        let child = system.process(take_in, (mailbox.recipient(), round.number % 2 == 0)).start().expect("a process");
        let other = mailbox.recv().expect("it comes").mailbox.to_native();
        round.at("the answer");
        let pending = other.request(&Never).expect("it is sent");
        round.dice.spin();
        kill(child.pid().expect("it is known").expect("it runs"), Signal::SIGKILL);
        let exit = Exit::Signal { signal: 9, core_dumped: false };
        assert_eq!(pending.wait(), Err(AskError::Dead(exit)));
        assert!(matches!(other.ask(&Never), Err(AskError::Dead(_) | AskError::NoActor)));
    });
}

thread_local! {
    /// What is done in the midst of the next message.
    static ASIDE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// Archives a number, and does something else meanwhile.
struct Nosy;

impl ArchiveWith<u64> for Nosy {
    type Archived = Archived<u64>;
    type Resolver = ();

    fn resolve_with(number: &u64, (): (), out: Place<Archived<u64>>) {
        out.write((*number).into());
    }
}

impl<S: Fallible + ?Sized> SerializeWith<u64, S> for Nosy {
    fn serialize_with(_: &u64, _: &mut S) -> Result<(), S::Error> {
        if let Some(aside) = ASIDE.take() {
            aside();
        }
        Ok(())
    }
}

impl<D: Fallible + ?Sized> DeserializeWith<Archived<u64>, u64, D> for Nosy {
    fn deserialize_with(number: &Archived<u64>, _: &mut D) -> Result<u64, D::Error> {
        Ok(number.to_native())
    }
}

#[message]
struct Curious {
    #[rkyv(with = Nosy)]
    number: u64,
}

/// Whoever writes a message may tell others something, and wait for nobody: what is in hand must be whole first.
#[procession::test]
fn what_is_sent_in_the_midst_of_a_message_is_told_or_refused() {
    guarded("a message in a message", SOON, |_| {
        let system = System::start().expect("a system");
        let (mailbox, other) = (system.mailbox::<Curious>().expect("a mailbox"), system.spawn::<Collector>(()));
        let (to, other) = (mailbox.recipient(), other.expect("an actor"));
        assert_eq!(other.ask(&Echo { number: 1 }), Ok(1));
        to.tell(&Curious { number: 1 }).expect("it is told");
        let (same, asked) = (to.clone(), other.clone());
        ASIDE.set(Some(Box::new(move || {
            let reentered = || RuntimeError::Reentered;
            assert_eq!(same.tell(&Curious { number: 9 }), Err(TellError::Runtime(reentered())));
            assert_eq!(asked.ask(&Echo { number: 9 }), Err(AskError::Runtime(reentered())));
            asked.tell(&Item { source: 0, number: 7 }).expect("it is another's");
        })));
        to.tell(&Curious { number: 2 }).expect("it is told");
        assert!(ASIDE.take().is_none(), "it was done");
        let numbers = [(); 2].map(|()| mailbox.recv().expect("it comes").number.to_native());
        assert_eq!(numbers, [1, 2]);
        assert_eq!(other.ask(&Items), Ok(vec![(0, 7)]));
    });
}
