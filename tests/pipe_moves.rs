//! Pipes: where their ends travel.

use std::cell::Cell;
use std::thread;
use std::time::Duration;

use procession::prelude::*;
use procession::{PipeError, RuntimeError};
use procession_tests::sys::in_bare_fork;
use procession_tests::{GUARD, guarded, process_table};

const MIB: usize = 1 << 20;

/// More than comes in a millisecond, however fast the machine is.
const LONG_BYTES: usize = 32 * MIB;

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
    guarded(case, GUARD, |_| work(System::start().expect("a system")));
}

/// Passes on what it is given.
struct Relay;

#[message(reply = Parcel)]
struct Pass(Parcel);

#[data]
struct Parcel {
    receiver: Receiver<String>,
    connection: Connection<String>,
}

#[actor]
impl Actor for Relay {
    type Messages = (Pass,);

    fn start(_: (), _: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Relay)
    }
}

impl Handler<Pass> for Relay {
    fn handle(&mut self, message: Incoming<'_, Pass>, _: &mut Context<Self>) -> Parcel {
        let Pass(parcel) = message.open();
        assert_eq!(parcel.receiver.recv().expect("the next one"), "text");
        parcel
    }
}

#[procession::test]
fn an_end_moves_with_all_that_has_arrived_there() {
    test("moves", |system| {
        let relays = [(); 3].map(|()| system.spawn::<Relay>(()).expect("an actor"));
        let (receiver, sender) = Pipe::one_way().expect("a pipe");
        let (connection, other) = Pipe::duplex().expect("a pipe");
        (0..10).for_each(|_| sender.send(&"text".to_owned()).expect("there is room"));
        other.send(&"first".to_owned()).expect("there is room");
        // The last message is there in part when the ends begin to move, and the end that moves has a message half sent.
        let half = large('x', LONG_BYTES);
        let last = thread::spawn(move || (other.send(&half), other));
        assert_eq!(receiver.recv().as_deref(), Ok("text"));
        assert_eq!(connection.recv().as_deref(), Ok("first"));
        assert_eq!(connection.try_send(&large('y', 8 * MIB)), Err(PipeError::Unfinished));
        assert_eq!(connection.recv_within(Duration::from_millis(1)), Err(PipeError::Timeout));
        let mut parcel = Parcel { receiver, connection };
        for relay in &relays {
            let message = Pass(parcel);
            parcel = relay.ask(&message).expect("it passes it on");
            assert_eq!(message.0.receiver.try_recv(), Err(PipeError::Departed));
            assert_eq!(message.0.connection.send(&String::new()), Err(PipeError::Departed));
        }
        let rest = thread::spawn(move || {
            assert_eq!(parcel.connection.recv(), Ok(large('x', LONG_BYTES)));
            parcel.connection.send(&"done".to_owned()).expect("the other end is there");
            parcel
        });
        let (sent, other) = last.join().expect("it ends");
        sent.expect("it is taken");
        assert_eq!(other.recv(), Ok(large('y', 8 * MIB)));
        assert_eq!(other.recv().as_deref(), Ok("done"));
        let parcel = rest.join().expect("it ends");
        drop(sender);
        assert_eq!(parcel.receiver.iter().count(), 10 - 1 - relays.len());
    });
}

/// Has an end move, again and again, and gives how often it did.
fn move_often(rounds: u64) -> u32 {
    let own = || process_table::descriptor_count(std::process::id() as i32);
    let (here, there) = Pipe::duplex().expect("a pipe");
    let (sends, takes) = Pipe::duplex::<Connection<u64>>().expect("a pipe");
    let (mut here, mut moves, mut descriptors) = (here, 0, None);
    for round in 0..rounds {
        there.send(&round).expect("there is room");
        loop {
            match sends.send(&here) {
                Ok(()) => here = takes.recv().expect("it came"),
                // It cannot move any more, and is still there.
                Err(PipeError::Unsendable(text)) if text.contains("moved too often") => break,
                Err(error) => panic!("{error}"),
            }
            moves += 1;
        }
        assert_eq!(here.try_recv(), Ok(round));
        // Everything that was said is heard here.
        assert_eq!(there.recv_within(Duration::from_millis(1)), Err(PipeError::Timeout));
        assert_eq!(*descriptors.get_or_insert_with(own), own(), "descriptors are left");
    }
    moves
}

#[procession::test]
fn an_end_moves_often_if_the_other_is_used() {
    test("many moves", |system| {
        let moves = system.process(move_often, 5).start().expect("a process").join().expect("it returns");
        assert!(moves > 5 * 20, "{moves}");
    });
}

#[procession::test]
fn a_forked_copy_has_no_ends() {
    test("forked copy", |_| {
        let (here, there) = Pipe::duplex::<u64>().expect("a pipe");
        let here = Cell::new(Some(here));
        let is_refused = in_bare_fork(|| {
            // What the copy does with it, and that it drops it, is of no consequence.
            let here = here.take();
            let forked = Some(Err(PipeError::Runtime(RuntimeError::Forked)));
            u8::from(here.as_ref().map(|here| here.send(&1)) == forked)
        });
        assert_eq!(is_refused, 1);
        assert_eq!(there.recv_within(Duration::from_millis(1)), Err(PipeError::Timeout));
        here.take().expect("it is there").send(&2).expect("there is room");
        assert_eq!((there.recv(), there.recv()), (Ok(2), Err(PipeError::Closed)));
    });
}

#[procession::test]
fn an_end_that_moved_is_used_by_another_thread() {
    test("threads", |system| {
        let (here, there) = Pipe::duplex().expect("a pipe");
        let child = system.process(echo, there).start().expect("a process");
        for _ in 0..3 {
            here.send(&"text".to_owned()).expect("it is sent");
            assert_eq!(here.recv().as_deref(), Ok("text"));
        }
        let here = thread::spawn(move || {
            here.send(&"text".to_owned()).expect("it is sent");
            assert_eq!(here.recv().as_deref(), Ok("text"));
            here
        });
        let here = here.join().expect("it ends");
        child.kill().expect("it is killed");
        assert_eq!(here.recv(), Err(PipeError::Closed));
    });
}
