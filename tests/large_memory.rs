//! Memory that large messages take: it is there for the next of them, and given back behind the last.

use std::time::Duration;

use procession::prelude::*;
use procession_tests::{eventually, guarded, process_table};

/// How long one case may take.
const GUARD: Duration = Duration::from_secs(60);

/// Length of a large message, in bytes.
const LOAD_BYTES: usize = 8 << 20;

/// What large messages may leave, in bytes: a thread, a ring, small buffers. It is less than one of them takes.
const LEFT_BYTES: usize = 3 << 20;

/// What a page holds at least, in bytes.
const PAGE_BYTES: usize = 4096;

/// A large message. Of wide words: without optimisation the validation of single bytes would be most of the work.
#[message(reply = u64)]
struct Load {
    words: Vec<u128>,
}

/// Has an actor ask another one with so many large messages. Answered with how many pages each of the two had mapped meanwhile, after
/// the first few messages.
#[message(reply = [u64; 2])]
struct AskWith {
    whom: ActorRef<Peer>,
    loads: u64,
}

/// Has an actor keep the large messages that come from now on, or drop those that it has kept. Answered with whether they were whole.
#[message(reply = bool)]
struct Keep {
    keeps: bool,
}

#[derive(Default)]
struct Peer {
    keeps: bool,
    kept: Vec<Kept<Load>>,
}

#[actor]
impl Actor for Peer {
    type Messages = (Load, AskWith, Keep);

    fn start((): (), _: &mut Context<Self>) -> Result<Peer, Failure> {
        Ok(Peer::default())
    }
}

fn load(number: u64) -> Load {
    Load { words: vec![u128::from(number); LOAD_BYTES / size_of::<u128>()] }
}

impl Handler<Load> for Peer {
    fn handle(&mut self, load: Incoming<'_, Load>, _: &mut Context<Self>) -> u64 {
        let length = load.words.len() as u64;
        if self.keeps {
            self.kept.push(load.keep());
        }
        length
    }
}

impl Handler<AskWith> for Peer {
    fn handle(&mut self, order: Incoming<'_, AskWith>, _: &mut Context<Self>) -> [u64; 2] {
        let whom = order.whom.to_native();
        let both = [std::process::id().cast_signed(), pid(&whom)];
        let faults = || both.map(|pid| process_table::page_faults(pid).expect("it runs"));
        let ask = |message: &Load| assert_eq!(whom.ask(message), Ok((LOAD_BYTES / size_of::<u128>()) as u64));
        let message = load(0);
        (0..4).for_each(|_| ask(&message));
        let before = faults();
        (0..order.loads.to_native()).for_each(|_| ask(&message));
        let after = faults();
        [0, 1].map(|index| after[index] - before[index])
    }
}

impl Handler<Keep> for Peer {
    fn handle(&mut self, order: Incoming<'_, Keep>, _: &mut Context<Self>) -> bool {
        self.keeps = order.keeps;
        let is_whole = |(number, load): (usize, &Kept<Load>)| load.words.iter().all(|word| *word == number as u128);
        let are_whole = self.kept.iter().enumerate().all(is_whole);
        self.kept.clear();
        are_whole
    }
}

fn pid(peer: &ActorRef<Peer>) -> i32 {
    peer.pid().expect("it is known").expect("it runs")
}

/// Two actors, and how much memory each of them takes once they know each other.
fn pair(system: &System) -> ([ActorRef<Peer>; 2], [usize; 2]) {
    let peers = [(); 2].map(|()| system.spawn::<Peer>(()).expect("a peer"));
    peers[0].ask(&AskWith { whom: peers[1].clone(), loads: 0 }).expect("they live");
    let taken = [0, 1].map(|index| process_table::resident_bytes(pid(&peers[index])));
    (peers, taken)
}

#[procession::test]
fn large_messages_in_a_row_use_the_same_memory() {
    guarded("in a row", GUARD, |_| {
        let system = System::start().expect("a system");
        let ([sender, receiver], _) = pair(&system);
        let faults = sender.ask(&AskWith { whom: receiver, loads: 40 }).expect("they live");
        // Each message would be 2,000 of them for both.
        let most = (LOAD_BYTES / PAGE_BYTES) as u64;
        assert!(faults.iter().all(|count| *count < most), "{faults:?} pages were mapped");
    });
}

#[procession::test]
fn memory_of_messages_that_are_kept_is_not_used_again() {
    guarded("kept", GUARD, |_| {
        let system = System::start().expect("a system");
        let peer = system.spawn::<Peer>(()).expect("a peer");
        peer.ask(&Keep { keeps: true }).expect("it lives");
        for number in 0..6 {
            peer.ask(&load(number)).expect("it lives");
        }
        assert_eq!(peer.ask(&Keep { keeps: false }), Ok(true));
        let before = process_table::resident_bytes(pid(&peer));
        eventually("memory is given back", || process_table::resident_bytes(pid(&peer)) + 5 * LOAD_BYTES < before);
    });
}

#[procession::test]
fn their_memory_is_given_back_behind_them() {
    guarded("behind them", GUARD, |round| {
        let system = System::start().expect("a system");
        let (peers, before) = pair(&system);
        for repeat in 0..3 {
            round.at(format!("time {repeat}"));
            peers[0].ask(&AskWith { whom: peers[1].clone(), loads: 10 }).expect("they live");
            for (peer, before) in peers.iter().zip(before) {
                let (pid, most) = (pid(peer), before + LEFT_BYTES);
                eventually("memory is given back", || process_table::resident_bytes(pid) < most);
            }
        }
    });
}
