//! Pipes: what their ends do, and what they refuse.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{Descriptor, PipeError, Waitable, wait_any};
use procession_tests::{GUARD, Stopwatch, guarded, kill};

const MIB: usize = 1 << 20;

fn system() -> System {
    System::start().expect("a system")
}

/// A text of so many bytes, which is fast without optimisation too.
fn large(letter: char, bytes: usize) -> String {
    letter.to_string().repeat(bytes)
}

/// Sends everything back, until nothing more comes.
fn echo(connection: Connection<String>) -> u32 {
    let mut count = 0;
    for text in &connection {
        connection.send(&text.expect("it is a text")).expect("the other end is there");
        count += 1;
    }
    count
}

/// Runs a test on a thread of its own.
fn test(case: &str, work: impl FnOnce(System) + Send + 'static) {
    guarded(case, GUARD, |_| work(system()));
}

#[procession::test]
fn two_processes_talk_over_a_duplex_pipe() {
    test("duplex", |system| {
        let (here, there) = Pipe::duplex().expect("a pipe");
        let child = system.process(echo, there).start().expect("a process");
        for number in 0..100 {
            here.send(&format!("text {number}")).expect("it is sent");
            assert_eq!(here.recv(), Ok(format!("text {number}")));
        }
        drop(here);
        assert_eq!(child.join(), Ok(100));
    });
}

#[procession::test]
fn a_one_way_pipe_ends_with_its_sender() {
    fn count_up(sender: Sender<u64>) {
        (0..10_000).for_each(|number| sender.send(&number).expect("somebody reads"));
    }
    test("one way", |system| {
        let (receiver, sender) = Pipe::one_way().expect("a pipe");
        let child = system.process(count_up, sender).start().expect("a process");
        let numbers: Vec<u64> = receiver.iter().map(|number| number.expect("it is a number")).collect();
        assert!(numbers.into_iter().eq(0..10_000));
        assert_eq!(receiver.recv(), Err(PipeError::Closed));
        child.join().expect("it has ended well");
    });
}

#[procession::test]
fn pipes_work_between_threads_and_without_a_system() {
    let (here, there) = Pipe::duplex().expect("a pipe");
    let thread = thread::spawn(move || echo(there));
    for _ in 0..10 {
        here.send(&"text".to_owned()).expect("it is sent");
        assert_eq!(here.recv_within(GUARD), Ok("text".to_owned()));
    }
    drop(here);
    assert_eq!(thread.join().expect("it ends"), 10);
}

#[procession::test]
fn bytes_go_as_they_are() {
    test("bytes", |_| {
        let (here, there) = Pipe::duplex::<u64>().expect("a pipe");
        for bytes in [&b""[..], b"four", &[7; 4000]] {
            here.send_bytes(bytes).expect("there is room");
            assert_eq!(there.recv_bytes().as_deref(), Ok(bytes));
        }
        let mut buffer = [0; 8];
        here.send_bytes(b"four").expect("there is room");
        assert_eq!((there.recv_into(&mut buffer), &buffer[..4]), (Ok(4), &b"four"[..]));
        here.send_bytes(b"more than eight").expect("there is room");
        assert_eq!(there.recv_into(&mut buffer), Err(PipeError::TooShort(b"more than eight".to_vec())));
        // What is taken in the wrong way is gone; what comes after it is not.
        here.send_bytes(b"bytes").expect("there is room");
        here.send(&1).expect("there is room");
        here.send(&2).expect("there is room");
        assert!(matches!(there.recv(), Err(PipeError::Unreadable(_))));
        assert!(matches!(there.recv_bytes(), Err(PipeError::Unreadable(_))));
        assert_eq!(there.try_recv(), Ok(2));
        assert_eq!(there.try_recv(), Err(PipeError::Empty));
    });
}

#[data]
struct Open {
    file: Descriptor,
    end: Option<Connection<u32>>,
}

#[procession::test]
fn descriptors_and_ends_go_over_duplex_pipes_only() {
    test("descriptors", |_| {
        let (here, there) = Pipe::duplex::<Open>().expect("a pipe");
        let (receiver, sender) = Pipe::one_way::<Open>().expect("a pipe");
        let (one, other) = Pipe::duplex::<u32>().expect("a pipe");
        let mut file = tempfile();
        let open = Open { file: file.try_clone().expect("a duplicate").into(), end: Some(one) };
        assert_eq!(sender.send(&open), Err(PipeError::NoDescriptors));
        other.send(&1).expect("the end is there as before");
        assert_eq!(open.end.as_ref().map(Connection::recv), Some(Ok(1)));
        here.send(&open).expect("there is room");
        let taken = there.recv().expect("it came");
        file.write_all(b"shared").expect("it is written");
        let mut text = String::new();
        let mut copy = File::from(taken.file.into_owned().expect("it came along"));
        copy.rewind().and_then(|()| copy.read_to_string(&mut text)).expect("it can be read");
        assert_eq!(text, "shared");
        other.send(&2).expect("there is room");
        assert_eq!(taken.end.map(|end| end.recv()), Some(Ok(2)));
        assert_eq!(receiver.try_recv().err(), Some(PipeError::Empty));
    });
}

fn tempfile() -> File {
    tempfile::tempfile().expect("a file")
}

#[procession::test]
fn what_is_too_large_is_not_sent() {
    fn send(sender: Sender<Vec<u8>>) -> bool {
        let limit_bytes = MIB;
        assert_eq!(sender.send(&vec![0; MIB]), Err(PipeError::TooLarge { limit_bytes }));
        assert_eq!(sender.send_bytes(&vec![0; MIB + 1]), Err(PipeError::TooLarge { limit_bytes }));
        sender.send(&vec![1; 10]).is_ok()
    }
    guarded("too large", GUARD, |_| {
        let system = System::builder().message_limit_bytes(MIB).start().expect("a system");
        let (receiver, sender) = Pipe::one_way().expect("a pipe");
        let child = system.process(send, sender).start().expect("a process");
        assert_eq!(receiver.recv(), Ok(vec![1; 10]));
        assert_eq!(child.join(), Ok(true));
    });
}

#[procession::test]
fn time_outs_end_in_time() {
    test("time-outs", |_| {
        let (receiver, sender) = Pipe::one_way::<String>().expect("a pipe");
        let (here, there) = Pipe::duplex::<String>().expect("a pipe");
        for timeout in [100, 300].map(Duration::from_millis) {
            let timed = |work: &dyn Fn()| {
                let stopwatch = Stopwatch::start();
                work();
                stopwatch.expect(timeout);
            };
            timed(&|| assert_eq!(receiver.recv_within(timeout), Err(PipeError::Timeout)));
            timed(&|| assert_eq!(here.recv_within(timeout), Err(PipeError::Timeout)));
            timed(&|| assert_eq!(here.poll(timeout), Ok(false)));
            timed(&|| assert_eq!(wait_any(&[&here, &there, &receiver], Some(timeout)), Ok(vec![])));
        }
        let timeout = Duration::from_millis(100);
        for end in [&here as &dyn SendsText, &sender] {
            let (text, stopwatch) = (large('a', 8 * MIB), Stopwatch::start());
            assert_eq!(end.send_text(&text, timeout), Err(PipeError::Unfinished));
            stopwatch.expect(timeout);
            let stopwatch = Stopwatch::start();
            assert_eq!(end.send_text("next", timeout), Err(PipeError::Timeout));
            stopwatch.expect(timeout);
        }
        // The rest of what was begun comes; what was refused does not.
        for end in [&there as &dyn ReceivesText, &receiver] {
            assert_eq!(end.receive_text(Duration::from_millis(1)), Err(PipeError::Timeout));
        }
        let senders = thread::spawn(move || {
            for end in [&here as &dyn SendsText, &sender] {
                assert_eq!(end.send_text("last", GUARD), Ok(()));
            }
        });
        for end in [&there as &dyn ReceivesText, &receiver] {
            assert_eq!(end.receive_text(GUARD), Ok(large('a', 8 * MIB)));
            assert_eq!(end.receive_text(GUARD).as_deref(), Ok("last"));
        }
        senders.join().expect("they have gone on");
    });
}

trait SendsText {
    fn send_text(&self, text: &str, timeout: Duration) -> Result<(), PipeError>;
}

trait ReceivesText {
    fn receive_text(&self, timeout: Duration) -> Result<String, PipeError>;
}

impl SendsText for Connection<String> {
    fn send_text(&self, text: &str, timeout: Duration) -> Result<(), PipeError> {
        self.send_within(&text.to_owned(), timeout)
    }
}

impl SendsText for Sender<String> {
    fn send_text(&self, text: &str, timeout: Duration) -> Result<(), PipeError> {
        self.send_within(&text.to_owned(), timeout)
    }
}

impl ReceivesText for Connection<String> {
    fn receive_text(&self, timeout: Duration) -> Result<String, PipeError> {
        self.recv_within(timeout)
    }
}

impl ReceivesText for Receiver<String> {
    fn receive_text(&self, timeout: Duration) -> Result<String, PipeError> {
        self.recv_within(timeout)
    }
}

#[procession::test]
fn a_pipe_that_is_full_takes_nothing() {
    test("full", |_| {
        let (receiver, sender) = Pipe::one_way::<u64>().expect("a pipe");
        let mut sent = 0;
        let refusal = loop {
            match sender.try_send(&sent) {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
        };
        let numbers: Vec<u64> = std::iter::from_fn(|| receiver.try_recv().ok()).collect();
        let whole = u64::from(refusal == PipeError::Unfinished);
        assert!(matches!(refusal, PipeError::Full | PipeError::Unfinished));
        if refusal == PipeError::Unfinished {
            sender.flush(GUARD).expect("there is room now");
        }
        let more = receiver.try_recv().is_ok();
        assert_eq!((numbers.len() as u64, more), (sent, whole == 1));
    });
}

/// Sends, then receives, as much as it is told.
fn send_then_receive((connection, bytes): (Connection<String>, usize)) -> bool {
    connection.send(&large('a', bytes)).expect("it is taken");
    connection.recv().is_ok_and(|text| text.len() == bytes)
}

#[procession::test]
fn two_that_both_send_first_do_not_hold_each_other_up() {
    guarded("both send first", 3 * GUARD, |_| {
        let system = system();
        let (here, there) = Pipe::duplex().expect("a pipe");
        let children =
            [here, there].map(|end| system.process(send_then_receive, (end, 64 * MIB)).start().expect("a process"));
        assert_eq!(children.map(|child| child.join()), [Ok(true), Ok(true)]);
    });
}

#[procession::test]
fn a_stopped_reader_costs_its_sender_one_message() {
    test("stopped reader", |system| {
        let (here, there) = Pipe::duplex().expect("a pipe");
        let child = system.process(echo, there).start().expect("a process");
        here.send(&"text".to_owned()).expect("it is sent");
        assert_eq!(here.recv().as_deref(), Ok("text"));
        let pid = child.pid().expect("it is known").expect("it runs");
        kill(pid, Signal::SIGSTOP);
        let timeout = Duration::from_millis(100);
        let mut refusals = Vec::new();
        for _ in 0..3 {
            refusals.extend((0..1000).find_map(|_| here.send_within(&large('a', MIB), timeout).err()));
        }
        assert_eq!(refusals, [PipeError::Unfinished, PipeError::Timeout, PipeError::Timeout]);
        assert!(child.is_alive().expect("it is known"), "who is stopped is not dead");
        kill(pid, Signal::SIGCONT);
        here.flush(GUARD).expect("it reads again");
        assert_eq!(here.recv(), Ok(large('a', MIB)));
    });
}

/// Does what it is told over its pipe, while it is in a handler.
struct Busy {
    connection: Connection<String>,
    texts: u32,
}

#[message]
struct Listen;

#[message]
struct Note(String);

#[message(reply = u32)]
struct Count;

#[actor]
impl Actor for Busy {
    type Args = Connection<String>;
    type Messages = (Listen, Note, Count);

    fn start(connection: Connection<String>, _: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Busy { connection, texts: 0 })
    }
}

impl Handler<Listen> for Busy {
    fn handle(&mut self, _: Incoming<'_, Listen>, context: &mut Context<Self>) {
        if let Err(error) = self.connection.recv() {
            context.fail(error);
        }
    }
}

impl Handler<Note> for Busy {
    fn handle(&mut self, _: Incoming<'_, Note>, _: &mut Context<Self>) {
        self.texts += 1;
    }
}

impl Handler<Count> for Busy {
    fn handle(&mut self, _: Incoming<'_, Count>, _: &mut Context<Self>) -> u32 {
        self.texts
    }
}

#[procession::test]
fn an_actor_that_waits_at_a_pipe_goes_on_taking_messages_in() {
    test("served meanwhile", |system| {
        let (here, there) = Pipe::duplex().expect("a pipe");
        let busy = system.spawn::<Busy>(there).expect("an actor");
        busy.tell(&Listen).expect("it is told");
        for _ in 0..32 {
            busy.tell(&Note(large('n', MIB))).expect("there is room in its mailbox");
        }
        here.send(&"go on".to_owned()).expect("it listens");
        assert_eq!(busy.ask(&Count), Ok(32));
    });
}

#[procession::test]
fn one_waits_for_several_things_at_a_time() {
    fn wait_for(receiver: Receiver<u32>) -> u32 {
        receiver.recv().expect("a number")
    }
    test("wait for any", |system| {
        let (here, there) = Pipe::duplex::<String>().expect("a pipe");
        let (numbers, number) = Pipe::one_way::<u32>().expect("a pipe");
        let (wakes, waker) = Pipe::one_way::<u32>().expect("a pipe");
        let (_held, pipe) = Pipe::duplex().expect("a pipe");
        let child = system.process(wait_for, wakes).start().expect("a process");
        let busy = system.spawn::<Busy>(pipe).expect("an actor");
        let pending = busy.request(&Count).expect("it is asked");
        let mut things: Vec<&dyn Waitable> = vec![&there, &numbers, &child, &busy];
        assert_eq!(wait_any(&things, Some(Duration::ZERO)), Ok(vec![]));
        number.send(&7).expect("there is room");
        assert_eq!(wait_any(&things, None), Ok(vec![1]));
        here.send(&"text".to_owned()).expect("there is room");
        assert_eq!(wait_any(&things, None), Ok(vec![0, 1]));
        assert_eq!((there.recv().as_deref(), numbers.recv()), (Ok("text"), Ok(7)));
        things.push(&pending);
        assert_eq!(wait_any(&things, None), Ok(vec![4]));
        things.pop();
        waker.send(&1).expect("there is room");
        assert_eq!(wait_any(&things, Some(GUARD)), Ok(vec![2]));
        busy.kill().expect("it is killed");
        assert_eq!(wait_any(&things[3..], Some(GUARD)), Ok(vec![0]));
        assert_eq!(wait_any(&things[2..], Some(Duration::ZERO)), Ok(vec![0, 1]), "both have ended");
        drop((here, number));
        assert_eq!(wait_any(&things[..2], Some(GUARD)).map(|ready| ready.contains(&0)), Ok(true));
        assert_eq!((there.recv(), numbers.recv()), (Err(PipeError::Closed), Err(PipeError::Closed)));
        assert!(wait_any(&[&there, &there], None).is_err(), "one end is there twice");
    });
}
