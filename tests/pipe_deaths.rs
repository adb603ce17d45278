//! Pipes: nobody's death leaves another waiting, tears a message, or loses one that was sent; whoever else has a copy of an end.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use procession::prelude::*;
use procession::{PipeError, Restart};
use procession_tests::sys::leave_copy;
use procession_tests::{Round, eventually, kill, pid, process_table, repeat};

const ROUNDS: u32 = 20;

fn system() -> System {
    System::start().expect("a system")
}

/// Stays where it is until it is killed.
fn stay() -> ! {
    loop {
        thread::park();
    }
}

/// Lets up to so much time pass.
fn let_pass(round: &mut Round, most: Duration) {
    let (start, delay) = (Instant::now(), Duration::from_micros(round.dice.roll(most.as_micros() as u64)));
    while start.elapsed() < delay {
        std::hint::spin_loop();
    }
}

/// A copy of a process, killed at the end of the test.
struct Copy(i32);

impl Drop for Copy {
    fn drop(&mut self) {
        if process_table::is_running(self.0) {
            kill(self.0, Signal::SIGKILL);
        }
    }
}

/// Leaves a copy of itself, says so, and sends numbers until it is killed.
fn leave_copy_and_send((connection, copies): (Connection<u64>, Sender<i32>)) {
    copies.send(&leave_copy()).expect("somebody reads");
    for number in 0.. {
        if connection.send(&number).is_err() {
            return;
        }
    }
}

#[procession::test]
fn who_waits_for_a_message_sees_the_death_whoever_has_a_copy() {
    repeat("sender killed, copy left", ROUNDS, |round| {
        let system = system();
        let (here, there) = Pipe::duplex().expect("a pipe");
        let (copies, copy) = Pipe::one_way().expect("a pipe");
        let child = system.process(leave_copy_and_send, (there, copy)).start().expect("a process");
        let _copy = Copy(copies.recv().expect("it starts"));
        let victim = pid(&child);
        let killer = thread::spawn({
            let mut dice = round.dice.clone();
            move || {
                dice.spin();
                kill(victim, Signal::SIGKILL);
            }
        });
        round.at("the messages");
        let numbers: Vec<u64> = here.iter().map(|number| number.expect("it is whole")).collect();
        killer.join().expect("it ends");
        assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "they are in order");
        assert_eq!(here.send(&1), Err(PipeError::Closed));
        round.at("the pipe beside");
        assert_eq!(copies.recv(), Err(PipeError::Closed));
    });
}

fn leave_copy_and_read((receiver, copies): (Receiver<String>, Sender<i32>)) {
    copies.send(&leave_copy()).expect("somebody reads");
    for text in &receiver {
        text.expect("it is whole");
    }
}

#[procession::test]
fn who_waits_for_room_sees_the_death_whoever_has_a_copy() {
    repeat("receiver killed, copy left", ROUNDS, |round| {
        let system = system();
        let (receiver, sender) = Pipe::one_way().expect("a pipe");
        let (copies, copy) = Pipe::one_way().expect("a pipe");
        let child = system.process(leave_copy_and_read, (receiver, copy)).start().expect("a process");
        let _copy = Copy(copies.recv().expect("it starts"));
        let victim = pid(&child);
        let killer = thread::spawn({
            let mut dice = round.dice.clone();
            move || {
                dice.spin();
                kill(victim, Signal::SIGKILL);
            }
        });
        round.at("sending");
        let text = "x".repeat(1 << 16);
        let error = (0..).find_map(|_| sender.send(&text).err());
        killer.join().expect("it ends");
        assert_eq!(error, Some(PipeError::Closed));
    });
}

#[procession::test]
fn who_never_waits_sees_the_death_all_the_same() {
    repeat("receiver killed, sender does not wait", 3, |round| {
        let system = system();
        let (receiver, sender) = Pipe::one_way().expect("a pipe");
        let (copies, copy) = Pipe::one_way().expect("a pipe");
        let child = system.process(leave_copy_and_read, (receiver, copy)).start().expect("a process");
        let _copy = Copy(copies.recv().expect("it starts"));
        kill(pid(&child), Signal::SIGKILL);
        round.at("sending now and then");
        eventually("the sender sees it", || sender.try_send(&String::new()) == Err(PipeError::Closed));
    });
}

#[procession::test]
fn a_dropped_end_is_closed_whoever_has_a_copy() {
    fn drop_both((connection, sender, receiver): (Connection<i32>, Sender<i32>, Receiver<i32>)) {
        connection.send(&leave_copy()).expect("somebody reads");
        sender.send(&7).expect("there is room");
        drop((connection, sender, receiver));
        stay();
    }
    repeat("dropped, copy left", 5, |round| {
        let system = system();
        let (connection, there) = Pipe::duplex().expect("a pipe");
        let (receiver, sender) = Pipe::one_way().expect("a pipe");
        let (far, outward) = Pipe::one_way().expect("a pipe");
        let child = system.process(drop_both, (there, sender, far)).start().expect("a process");
        let _copy = Copy(connection.recv().expect("it starts"));
        round.at("the ends");
        assert_eq!(connection.recv(), Err(PipeError::Closed));
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(7), Err(PipeError::Closed)));
        eventually("the last of them is dropped, too", || outward.send(&1) == Err(PipeError::Closed));
        child.kill().expect("it is killed");
    });
}

/// Keeps what it is told to keep.
#[derive(Default)]
struct Keeper {
    kept: Vec<Connection<u64>>,
}

#[message]
struct Keep(Connection<u64>);

#[actor]
impl Actor for Keeper {
    type Messages = (Keep,);

    fn start(_: (), _: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Keeper::default())
    }
}

impl Handler<Keep> for Keeper {
    fn handle(&mut self, message: Incoming<'_, Keep>, _: &mut Context<Self>) {
        let Keep(connection) = message.open();
        if connection.send(&1).is_ok() {
            self.kept.push(connection);
        }
    }
}

type Handed = (Connection<u64>, ActorRef<Keeper>, Sender<i32>);

/// Leaves a copy that holds the end, and hands the end on.
fn leave_copy_and_hand_on((connection, keeper, copies): Handed) {
    let copy = leave_copy();
    keeper.tell(&Keep(connection)).expect("it is told");
    copies.send(&copy).expect("somebody reads");
    stay();
}

#[procession::test]
fn an_end_on_its_way_to_a_process_that_dies_is_closed() {
    repeat("killed with an end in its mailbox", ROUNDS, |round| {
        let system = system();
        let keeper = system.spawn::<Keeper>(()).expect("an actor");
        let keeper_pid = keeper.pid().expect("it is known").expect("it runs");
        let (here, there) = Pipe::duplex().expect("a pipe");
        let (copies, copy) = Pipe::one_way().expect("a pipe");
        // In every other round the end is for certain not taken before its receiver dies.
        let is_stopped = round.number.is_multiple_of(2);
        if is_stopped {
            kill(keeper_pid, Signal::SIGSTOP);
        }
        let child = system.process(leave_copy_and_hand_on, (there, keeper, copy)).start().expect("a process");
        let _copy = Copy(copies.recv().expect("it starts"));
        round.dice.spin();
        kill(keeper_pid, Signal::SIGKILL);
        round.at("the end");
        let numbers: Vec<u64> = here.iter().map(|number| number.expect("it is whole")).collect();
        assert!(numbers.is_empty() || !is_stopped && numbers == [1], "{numbers:?}");
        child.kill().expect("it is killed");
    });
}

#[procession::test]
fn the_death_of_who_has_handed_an_end_on_closes_nothing() {
    repeat("killed after handing on", ROUNDS, |round| {
        let system = system();
        let keeper = system.spawn::<Keeper>(()).expect("an actor");
        let (here, there) = Pipe::duplex().expect("a pipe");
        let (copies, copy) = Pipe::one_way().expect("a pipe");
        let handed = (there, keeper.clone(), copy);
        let child = system.process(leave_copy_and_hand_on, handed).start().expect("a process");
        let copy = Copy(copies.recv().expect("it starts"));
        round.dice.spin();
        kill(pid(&child), Signal::SIGKILL);
        round.at("the keeper");
        assert_eq!(here.recv(), Ok(1));
        assert_eq!(here.recv_within(Duration::from_millis(20)), Err(PipeError::Timeout));
        keeper.kill().expect("it is killed");
        assert_eq!(here.recv(), Err(PipeError::Closed));
        drop(copy);
    });
}

/// A text of 8 MiB, which is fast without optimisation too.
fn large(number: u8) -> String {
    char::from(b'a' + number % 26).to_string().repeat(8 << 20)
}

fn send_large(sender: Sender<String>) {
    (0..).try_for_each(|number| sender.send(&large(number))).expect_err("the end comes");
}

fn send_large_both_ways(connection: Connection<String>) {
    (0..).try_for_each(|number| connection.send(&large(number))).expect_err("the end comes");
}

/// Takes what comes until the end, and sees that nothing is torn.
fn take_large(texts: impl Iterator<Item = Result<String, PipeError>>) {
    for (number, text) in texts.enumerate() {
        assert!(text.expect("it is whole") == large(number as u8), "message {number} is torn");
    }
}

#[procession::test]
fn a_message_of_a_killed_sender_comes_whole_or_not_at_all() {
    repeat("killed while it sends", ROUNDS, |round| {
        let system = system();
        let (receiver, sender) = Pipe::one_way().expect("a pipe");
        let (here, there) = Pipe::duplex().expect("a pipe");
        let one_way = round.number.is_multiple_of(2);
        let child = if one_way {
            system.process(send_large, sender).start()
        } else {
            system.process(send_large_both_ways, there).start()
        };
        let child = child.expect("a process");
        let victim = pid(&child);
        let reader = thread::spawn(move || if one_way { take_large(receiver.iter()) } else { take_large(here.iter()) });
        let_pass(round, Duration::from_millis(60));
        kill(victim, Signal::SIGKILL);
        round.at("the messages");
        reader.join().expect("it sees the end");
    });
}

#[procession::test]
fn a_killed_receiver_ends_its_sender() {
    repeat("killed while it receives", ROUNDS, |round| {
        fn receive(receiver: Receiver<String>) {
            take_large(receiver.iter());
        }
        fn receive_both_ways(connection: Connection<String>) {
            take_large(connection.iter());
        }
        let system = system();
        let (receiver, sender) = Pipe::one_way().expect("a pipe");
        let (here, there) = Pipe::duplex().expect("a pipe");
        let one_way = round.number.is_multiple_of(2);
        let child = if one_way {
            system.process(receive, receiver).start()
        } else {
            system.process(receive_both_ways, there).start()
        };
        let victim = pid(&child.expect("a process"));
        let writer = thread::spawn(move || if one_way { send_large(sender) } else { send_large_both_ways(here) });
        let_pass(round, Duration::from_millis(60));
        kill(victim, Signal::SIGKILL);
        round.at("the sender");
        writer.join().expect("it sees the end");
    });
}

/// Sends 1,000 numbers and goes, in one of several ways.
fn send_and_go((sender, way): (Sender<u64>, u32)) {
    (0..1000).for_each(|number| sender.send(&number).expect("somebody reads"));
    match way % 3 {
        0 => {}
        1 => std::process::exit(3),
        _ => kill(std::process::id() as i32, Signal::SIGKILL),
    }
}

#[procession::test]
fn all_that_was_sent_arrives_however_the_sender_goes() {
    repeat("gone right after 1,000 messages", ROUNDS, |round| {
        let system = system();
        let (receiver, sender) = Pipe::one_way().expect("a pipe");
        let child = system.process(send_and_go, (sender, round.number)).start().expect("a process");
        // It has ended before anything is read, unless the pipe is too small for all.
        let _ = child.join_within(Duration::from_millis(50));
        round.at("the messages");
        let numbers: Vec<u64> = receiver.iter().map(|number| number.expect("it is whole")).collect();
        assert!(numbers.into_iter().eq(0..1000));
        let ended = child.join();
        assert_eq!(ended.is_ok(), round.number.is_multiple_of(3), "{ended:?}");
    });
}

#[procession::test]
fn a_process_that_has_both_ends_takes_both_along() {
    fn talk_to_itself((one, other, copies): (Connection<u64>, Connection<u64>, Sender<i32>)) {
        copies.send(&leave_copy()).expect("somebody reads");
        one.send(&1).expect("there is room");
        assert_eq!(other.recv(), Ok(1));
        let _ = other.recv();
    }
    repeat("both ends", 5, |round| {
        let system = system();
        let (one, other) = Pipe::duplex().expect("a pipe");
        let (copies, copy) = Pipe::one_way().expect("a pipe");
        let child = system.process(talk_to_itself, (one, other, copy)).start().expect("a process");
        let _copy = Copy(copies.recv().expect("it starts"));
        round.dice.spin();
        kill(pid(&child), Signal::SIGKILL);
        child.join().expect_err("it was killed");
        assert_eq!(copies.recv(), Err(PipeError::Closed));
    });
}

/// Sends over what it was started with, each time that it is started.
struct Starter;

#[message]
struct Nothing;

#[actor]
impl Actor for Starter {
    type Args = Connection<u64>;
    type Messages = (Nothing,);

    fn start(connection: Connection<u64>, _: &mut Context<Self>) -> Result<Self, Failure> {
        connection.send(&u64::from(std::process::id())).ok();
        std::mem::forget(connection);
        Ok(Starter)
    }
}

impl Handler<Nothing> for Starter {
    fn handle(&mut self, _: Incoming<'_, Nothing>, _: &mut Context<Self>) {}
}

#[procession::test]
fn an_end_in_the_arguments_of_a_restarted_actor_is_its_first_lifes() {
    repeat("restarted", 5, |round| {
        let system = system();
        let (here, there) = Pipe::duplex().expect("a pipe");
        let starter = system.actor::<Starter>(there).restart(Restart::Permanent).start().expect("an actor");
        let first = here.recv().expect("it has started");
        round.dice.spin();
        kill(first as i32, Signal::SIGKILL);
        round.at("the end");
        let rest: Vec<_> = here.iter().collect();
        assert!(rest.len() <= 1, "{rest:?}");
        eventually("it runs again", || starter.is_alive().expect("it is known"));
    });
}

#[procession::test]
fn the_end_of_the_system_ends_every_wait() {
    fn hold((connection, copies): (Connection<u64>, Sender<i32>)) {
        copies.send(&leave_copy()).expect("somebody reads");
        let _ = connection.recv();
    }
    repeat("supervisor killed", 5, |round| {
        let system = system();
        let (here, there) = Pipe::duplex().expect("a pipe");
        let (copies, copy) = Pipe::one_way().expect("a pipe");
        let child = system.process(hold, (there, copy)).start().expect("a process");
        let _copy = Copy(copies.recv().expect("it starts"));
        let supervisor = process_table::entry(pid(&child)).expect("it runs").parent;
        round.dice.spin();
        kill(supervisor, Signal::SIGKILL);
        round.at("the wait");
        assert!(here.recv().is_err());
    });
}
