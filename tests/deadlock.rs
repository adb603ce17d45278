//! Circles of asks are answered at once; what is no circle is not.

use std::time::{Duration, Instant};

use procession::prelude::*;
use procession_tests::{Dice, GUARD, SOON, eventually, guarded, repeat};

/// An ask in a circle ends far sooner than by its timeout of 5 s.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Passes questions on: to the next of a list, by its handler or by a timer.
#[derive(Default)]
struct Node {
    outcomes: Vec<Outcome>,
    held: Vec<ReplyTo<u64>>,
}

/// Asks the first of the nodes to ask the rest, and so on; the last answers.
#[message(reply = Outcome)]
struct Pass {
    route: Vec<ActorRef<Node>>,
}

/// As `Pass`, but begun by a timer; what comes of it is kept.
#[message]
struct PassSoon {
    route: Vec<ActorRef<Node>>,
    milliseconds: u64,
}

#[message]
struct Due {
    route: Vec<ActorRef<Node>>,
}

/// What the timers' asks came to.
#[message(reply = Vec<Outcome>)]
struct Outcomes;

/// Asks all of the nodes at a time, and each of them the next ones, level after level.
#[message(reply = Outcome)]
struct Spread {
    levels: Vec<Vec<ActorRef<Node>>>,
    pipelined: bool,
}

/// Is answered by `Release`, or by a thread some time later.
#[message(reply = Later<u64>)]
struct Hold {
    thread_after_milliseconds: Option<u64>,
}

#[message]
struct Release;

/// Tells itself to release what it holds, by asking the other to ask it back only once it is free.
#[message(reply = Outcome)]
struct AskHeld {
    other: ActorRef<Node>,
    tell: ActorRef<Node>,
}

#[data]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Answered,
    Deadlock,
    Other,
}

/// What an ask came to: its answer's own outcome, or its error.
fn outcome<E: std::fmt::Debug>(asked: Result<Outcome, AskError<E>>) -> Outcome {
    match asked {
        Ok(outcome) => outcome,
        Err(AskError::Deadlock) => Outcome::Deadlock,
        Err(_) => Outcome::Other,
    }
}

fn pass(mut route: Vec<ActorRef<Node>>) -> Outcome {
    if route.is_empty() {
        return Outcome::Answered;
    }
    let next = route.remove(0);
    outcome(next.ask(&Pass { route }))
}

#[actor]
impl Actor for Node {
    type Messages = (Pass, PassSoon, Due, Outcomes, Spread, Hold, Release, AskHeld);

    fn start((): (), _: &mut Context<Self>) -> Result<Node, Failure> {
        Ok(Node::default())
    }
}

impl Handler<Pass> for Node {
    fn handle(&mut self, message: Incoming<'_, Pass>, _: &mut Context<Self>) -> Outcome {
        pass(message.open().route)
    }
}

impl Handler<PassSoon> for Node {
    fn handle(&mut self, message: Incoming<'_, PassSoon>, context: &mut Context<Self>) {
        let PassSoon { route, milliseconds } = message.open();
        context.send_after(Duration::from_millis(milliseconds), Due { route }).expect("a timer");
    }
}

impl Handler<Due> for Node {
    fn handle(&mut self, message: Incoming<'_, Due>, _: &mut Context<Self>) {
        self.outcomes.push(pass(message.open().route));
    }
}

impl Handler<Outcomes> for Node {
    fn handle(&mut self, _: Incoming<'_, Outcomes>, _: &mut Context<Self>) -> Vec<Outcome> {
        self.outcomes.clone()
    }
}

impl Handler<Spread> for Node {
    fn handle(&mut self, message: Incoming<'_, Spread>, _: &mut Context<Self>) -> Outcome {
        let Spread { mut levels, pipelined } = message.open();
        if levels.is_empty() {
            return Outcome::Answered;
        }
        let next = levels.remove(0);
        let question = Spread { levels, pipelined };
        let outcomes: Vec<Outcome> = if pipelined {
            let pending: Vec<_> = next.iter().map(|node| node.request(&question).expect("sent")).collect();
            pending.into_iter().map(|pending| outcome(pending.wait_within(SOON))).collect()
        } else {
            next.iter().map(|node| outcome(node.ask_within(&question, SOON))).collect()
        };
        outcomes.into_iter().find(|outcome| *outcome != Outcome::Answered).unwrap_or(Outcome::Answered)
    }
}

impl Handler<Hold> for Node {
    fn handle(&mut self, hold: Incoming<'_, Hold>, context: &mut Context<Self>) -> Later<u64> {
        let reply = context.reply_later();
        let later = reply.later();
        match hold.open().thread_after_milliseconds {
            Some(milliseconds) => {
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(milliseconds));
                    reply.send(1).expect("it fits");
                });
            }
            None => self.held.push(reply),
        }
        later
    }
}

impl Handler<Release> for Node {
    fn handle(&mut self, _: Incoming<'_, Release>, _: &mut Context<Self>) {
        self.held.drain(..).for_each(|reply| reply.send(1).expect("it fits"));
    }
}

impl Handler<AskHeld> for Node {
    fn handle(&mut self, message: Incoming<'_, AskHeld>, _: &mut Context<Self>) -> Outcome {
        let AskHeld { other, tell } = message.open();
        tell.tell(&Release).expect("told");
        outcome(other.ask(&Hold { thread_after_milliseconds: Some(80) }).map(|_| Outcome::Answered))
    }
}

fn nodes(system: &System, count: usize) -> Vec<ActorRef<Node>> {
    (0..count).map(|_| system.spawn::<Node>(()).expect("an actor")).collect()
}

/// A route that goes round all nodes and comes back to the first.
fn circle(nodes: &[ActorRef<Node>]) -> Vec<ActorRef<Node>> {
    nodes[1..].iter().chain(&nodes[..1]).cloned().collect()
}

#[procession::test]
fn a_circle_of_asks_is_answered_at_once() {
    repeat("circles from handlers", 5, |round| {
        let system = System::start().expect("a system");
        for length in 1..=4 {
            round.at(format!("a circle of {length}"));
            let nodes = nodes(&system, length);
            let start = Instant::now();
            assert_eq!(nodes[0].ask(&Pass { route: circle(&nodes) }), Ok(Outcome::Deadlock), "a circle of {length}");
            assert!(start.elapsed() < AT_ONCE, "{length}: {:?}", start.elapsed());
            for node in &nodes {
                assert_eq!(node.ask(&Pass { route: vec![] }), Ok(Outcome::Answered), "all go on");
            }
        }
        system.shutdown().expect("an orderly end");
    });
}

#[procession::test]
fn a_circle_begun_by_timers_is_answered_at_once() {
    repeat("circles from timers", 5, |round| {
        let system = System::start().expect("a system");
        for length in 1..=3 {
            round.at(format!("a circle of {length}"));
            let nodes = nodes(&system, length);
            let start = Instant::now();
            // Each asks its neighbour only, all at about the same time: none of the asks was made for another one.
            for (place, node) in nodes.iter().enumerate() {
                let route = vec![nodes[(place + 1) % length].clone()];
                node.tell(&PassSoon { route, milliseconds: 20 }).expect("told");
            }
            for node in &nodes {
                let outcomes = || node.ask_within(&Outcomes, SOON).expect("an answer");
                eventually("the timer's ask has ended", || !outcomes().is_empty());
                assert_ne!(outcomes(), [Outcome::Other], "a circle of {length}");
            }
            assert!(start.elapsed() < AT_ONCE, "{length}: {:?}", start.elapsed());
        }
        system.shutdown().expect("an orderly end");
    });
}

#[procession::test]
fn a_thread_that_waits_for_a_circle_is_no_part_of_it() {
    let system = System::start().expect("a system");
    let nodes = nodes(&system, 2);
    let waiting: Vec<_> = (0..5).map(|_| nodes[0].request(&Pass { route: circle(&nodes) }).expect("sent")).collect();
    let bystander = nodes[1].request(&Outcomes).expect("sent");
    for pending in waiting {
        assert_eq!(pending.wait_within(SOON), Ok(Outcome::Deadlock), "its members end, root is answered");
    }
    assert_eq!(bystander.wait_within(SOON), Ok(vec![]));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn deferred_replies_are_no_circle() {
    repeat("deferred replies", 5, |_| {
        let system = System::start().expect("a system");
        let nodes = nodes(&system, 2);
        // The first holds a question of root's; it asks the second, whose answer comes from a thread.
        let held = nodes[0].request(&Hold { thread_after_milliseconds: None }).expect("sent");
        let asked = nodes[0].ask(&AskHeld { other: nodes[1].clone(), tell: nodes[0].clone() });
        assert_eq!(asked, Ok(Outcome::Answered));
        assert_eq!(held.wait_within(SOON), Ok(1));
        // It asks itself; the answer comes from a thread of its own.
        let asked = nodes[0].ask(&AskHeld { other: nodes[0].clone(), tell: nodes[0].clone() });
        assert_eq!(asked, Ok(Outcome::Deadlock), "it could not even begin with the question");
        system.shutdown().expect("an orderly end");
    });
}

/// 1,000 random runs in one set of actors: levels of nodes ask the next levels only, so there is no circle, however the
/// runs overlap.
#[procession::test]
fn there_is_no_false_alarm() {
    const RUNS: usize = 1000;
    const LEVELS: usize = 3;
    const WIDTH: usize = 3;
    guarded("random topologies", 12 * GUARD, |round| {
        let system = System::start().expect("a system");
        let all: Vec<Vec<ActorRef<Node>>> = (0..LEVELS).map(|_| nodes(&system, WIDTH)).collect();
        let mut pending = Vec::new();
        for run in 0..RUNS {
            round.at(format!("run {run}"));
            let levels = all.iter().map(|level| choose(level, &mut round.dice)).collect();
            let question = Spread { levels, pipelined: round.dice.roll(2) == 0 };
            let mut levels = question.levels.clone();
            let entry = levels.remove(0).remove(0);
            pending.push(entry.request(&Spread { levels, ..question }).expect("sent"));
            if pending.len() > round.dice.roll(16) as usize {
                let first = pending.remove(0);
                assert_eq!(first.wait_within(SOON), Ok(Outcome::Answered), "run {run}");
            }
        }
        for pending in pending {
            assert_eq!(pending.wait_within(SOON), Ok(Outcome::Answered));
        }
        system.shutdown().expect("an orderly end");
    });
}

/// Chooses some of a level's nodes, one or two, perhaps the same twice.
fn choose(level: &[ActorRef<Node>], dice: &mut Dice) -> Vec<ActorRef<Node>> {
    (0..=dice.roll(2)).map(|_| dice.pick(level).clone()).collect()
}
