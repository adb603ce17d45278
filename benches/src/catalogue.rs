//! The lines of the tables, subject by subject.
//!
//! To give a line our side, append `.ours(function)` to its `Pair`: `Pair::new(round_trip::floor).ours(ours::ask)`. The function
//! has the signature of the floor beside it and is called with the bench process not yet pinned; it starts what it needs,
//! calls [`Pinning::place_peer`](crate::Pinning::place_peer) with the id of every process that takes part, and returns a boxed
//! closure (or a type that implements the trait in `contest.rs`), whose drop ends everything.
//!
//! What is beside a socket goes by sockets; rings are held against floors in shared memory by the package below `peers/`.

mod python;

use crate::contest::{Contest, Pair};
use crate::failure::Failure;
use crate::floors::{block, copy, fan_in, idle, one_way, round_trip, spin, zygote};
use crate::line::Line;
use crate::link::Link;
use crate::ours;
use crate::pinning::Pinning;
use crate::pinning::Placement::{Free, Same, Split};
use crate::rival::Rival;
use crate::target::Target::{AtLeast, AtMost, RatioAtMost};

/// A group of lines that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A small message and its answer.
    RoundTrip,
    /// Small messages without answers.
    OneWay,
    /// Small messages without answers from several senders.
    FanIn,
    /// Large messages.
    Block,
    /// Starting processes.
    Spawn,
    /// What a process costs that does nothing.
    Idle,
    /// The primitives, beside Python's.
    Python,
    /// More or fewer actors than cores, beside the same without looking before sleeping.
    Spinning,
}

impl Subject {
    /// All subjects of the table beside the floors, in its order.
    pub const ALL: [Subject; 6] =
        [Subject::RoundTrip, Subject::OneWay, Subject::FanIn, Subject::Block, Subject::Spawn, Subject::Idle];

    /// Returns the subject's lines.
    pub fn lines(self) -> Vec<Line> {
        match self {
            Subject::RoundTrip => round_trips(),
            Subject::OneWay => one_way(),
            Subject::FanIn => fan_in(),
            Subject::Block => blocks(),
            Subject::Spawn => spawns(),
            Subject::Idle => idle(),
            Subject::Python => python::lines(),
            Subject::Spinning => spinning(),
        }
    }

    /// Returns what the subject's lines measure ours beside.
    pub fn rival(self) -> Rival {
        match self {
            Subject::Python => Rival::Python,
            Subject::Spinning => Rival::Asleep,
            _ => Rival::Floor,
        }
    }
}

/// Our side by sockets, since the floor beside it is one.
fn over_socket<T: ?Sized>(
    side: fn(Link, &Pinning) -> Result<Box<T>, Failure>,
) -> impl Fn(&Pinning) -> Result<Box<T>, Failure> {
    move |pinning| side(Link::Socket, pinning)
}

fn round_trips() -> Vec<Line> {
    let polling = || Contest::Latency(Pair::new(round_trip::floor).ours(over_socket(ours::ask::round_trip_over)));
    let spinning = || Contest::Latency(Pair::new(spin::floor).ours(over_socket(ours::ask::round_trip_over)));
    vec![
        Line::new("round trip 64 B", Same, 2_000, polling()).target(RatioAtMost(1.25)).aim(RatioAtMost(1.25)),
        Line::new("round trip 64 B", Split, 4_000, polling()).target(RatioAtMost(1.25)).aim(RatioAtMost(1.25)),
        Line::new("round trip 64 B, spinning", Split, 2_000, spinning()).aim(RatioAtMost(1.5)),
    ]
}

fn one_way() -> Vec<Line> {
    let single = || Contest::Rate(Pair::new(one_way::single).ours(ours::tell::from_root));
    let all = || Contest::Rate(Pair::new(one_way::batched).ours(ours::tell::all_from_root));
    let handler = || Contest::Rate(Pair::new(one_way::batched).ours(over_socket(ours::tell::from_handler_over)));
    vec![
        Line::new("one-way 64 B, tell", Same, 30_000, single()),
        Line::new("one-way 64 B, tell", Split, 30_000, single()),
        Line::new("one-way 64 B, tell_all", Same, 2_000_000, all()).target(AtLeast(6e6)).aim(AtLeast(12e6)),
        Line::new("one-way 64 B, tell_all", Split, 2_000_000, all()).target(AtLeast(6e6)).aim(AtLeast(12e6)),
        Line::new("one-way 64 B, tell in a handler", Same, 2_000_000, handler())
            .target(AtLeast(6e6))
            .aim(AtLeast(12e6)),
        Line::new("one-way 64 B, tell in a handler", Split, 2_000_000, handler())
            .target(AtLeast(6e6))
            .aim(AtLeast(12e6)),
    ]
}

fn fan_in() -> Vec<Line> {
    let single = Contest::Rate(Pair::new(fan_in::single));
    let batched = Contest::Rate(Pair::new(fan_in::batched).ours(ours::fan_in::from_handlers));
    vec![
        Line::new("4 senders 64 B, one per write", Split, 40_000, single),
        Line::new("4 senders 64 B, tell in handlers", Split, 2_000_000, batched).aim(AtLeast(10e6)),
    ]
}

fn blocks() -> Vec<Line> {
    let copied = Contest::Latency(Pair::new(copy::floor));
    let default = Contest::Latency(Pair::new(block::default_buffers).ours(over_socket(ours::block::round_trip_over)));
    let large = Contest::Latency(Pair::new(block::large_buffers).ours(over_socket(ours::block::round_trip_over)));
    vec![
        Line::new("1 MiB, memcpy", Same, 200, copied),
        Line::new("1 MiB, socket", Split, 300, default),
        Line::new("1 MiB, socket with 4 MiB buffers", Split, 300, large).aim(RatioAtMost(1.2)),
    ]
}

fn spawns() -> Vec<Line> {
    let first_answer = || Contest::Latency(Pair::new(zygote::first_answer).ours(ours::spawn::first_answer));
    let in_a_row = Contest::Rate(Pair::new(zygote::in_a_row).ours(ours::spawn::at_once));
    vec![
        Line::new("spawn to first answer", Same, 100, first_answer()).target(RatioAtMost(2.0)).aim(RatioAtMost(1.6)),
        Line::new("spawn to first answer", Free, 100, first_answer()).target(RatioAtMost(2.0)).aim(RatioAtMost(1.6)),
        Line::new("100 spawns at once", Free, 100, in_a_row).aim(AtLeast(8e3)),
    ]
}

fn idle() -> Vec<Line> {
    let memory = Contest::Memory(Pair::new(idle::memory).ours(ours::idle::memory));
    let load = Contest::Load(Pair::new(idle::load).ours(ours::idle::load));
    vec![
        Line::new("memory of an idle process", Free, 1, memory).target(AtMost(300.0)).aim(AtMost(250.0)),
        Line::new("processor time of an idle process", Free, 1, load).target(AtMost(0.0)).aim(AtMost(0.0)),
    ]
}

/// To look before sleeping makes nobody slower, however many there are for two cores.
fn spinning() -> Vec<Line> {
    let line = |name, actors, works| {
        let side = move |spins| move |pinning: &_| ours::busy::pairs(actors, works, spins, pinning);
        Line::new(name, Free, 800, Contest::Pace(Pair::new(side(false)).ours(side(true)))).target(RatioAtMost(1.05))
    };
    vec![
        line("2 actors that ask", 2, false),
        line("4 actors that ask", 4, false),
        line("16 actors that ask", 16, false),
        line("2 actors that ask and work 10 us each time", 2, true),
        line("4 actors that ask and work 10 us each time", 4, true),
        line("16 actors that ask and work 10 us each time", 16, true),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_line_has_a_name_of_its_own() {
        let mut titles = HashSet::new();
        for line in Subject::ALL.iter().chain(&[Subject::Python, Subject::Spinning]).flat_map(|subject| subject.lines())
        {
            assert!(titles.insert(line.title()), "two lines are called {}", line.title());
        }
    }
}
