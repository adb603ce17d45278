//! The lines: what all do, who does it, and what ours has to reach.

use crate::line::Line;
use crate::side::Side;
use crate::sides::{erlang, iceoryx, ipc_channel, zeromq};
use procession_benches::comparison::Goal;
use procession_benches::comparison::Limit::{AtLeast, AtMost, TailAtMost, TimesAtLeast, TimesAtMost};
use procession_benches::comparison::Part::{Floor, Ours, Peer};
use procession_benches::floors::fan_in::SENDERS;
use procession_benches::floors::idle::IDLE_PROCESSES;
use procession_benches::floors::{
    block, copy, event, exec, fan_in, idle, one_way, pipe, ring, round_trip, shared_block, spin, spin_shared, zygote,
};
use procession_benches::link::Link;
use procession_benches::ours;
use procession_benches::pinning::Placement::{self, Free, Same, Split};
use procession_benches::python::{self, Interpreter, Script};
use procession_benches::usage::mean_memory_kib;
use procession_benches::{Burst, Failure, Pinning, Reading};
use std::fs;

/// What several lines or goals call the same.
const ASK: &str = "procession, ask";
const ASK_OVER_SOCKET: &str = "procession, ask over a socket";
const TELL: &str = "procession, tell in a handler";
const TELL_OVER_SOCKET: &str = "procession, tell in a handler, over a socket";
const TELL_OF_MANY: &str = "procession, tell in handlers";
const SPAWN: &str = "procession, spawn";
const ACTOR: &str = "procession, actor";
const POOL: &str = "procession, Pool";
const LOCK: &str = "procession, Lock";
const SEMAPHORE: &str = "procession, Semaphore";
const CONDITION: &str = "procession, Condition";
const BARRIER: &str = "procession, Barrier";
const MANAGER: &str = "procession, Manager";
const SOCKET: &str = "socket";
const LARGE_SOCKET: &str = "socket, 4 MiB buffers";
const SPINNING_SOCKET: &str = "socket, spinning";
const SPINNING_MEMORY: &str = "shared memory, spinning";
const ICEORYX: &str = "iceoryx2, spinning";
const ZYGOTE: &str = "fork of a small process";
const PYTHON_MANAGER: &str = "Python Manager";

/// Why a line has no quantiles.
const TOO_SHORT: &str = "\
One operation of ours takes some tens of nanoseconds, and to read the clock takes as long: they are timed by the burst, so there are no quantiles.";

/// Why one side of a line has no quantiles.
const BY_THE_BURST: &str =
    "Ours is timed singly, Python by the burst: its process is told how many to do and says when they are done.";

/// Why there are several floors for 1 MiB.
const SAFE_OR_NOT: &str = "\
*spinning*: written and read in place; the reader trusts the writer not to write any more. *write-protected*: two blocks in turn; the \
writer protects what it has written in its own mapping, hands it over, and while that is read has the other one writable again. *copied \
out*: the reader copies the block to memory of its own and reads it there. The last two say what it costs that what is read does not change.";

/// Returns all lines of this run: some sides and goals depend on what carries our messages.
pub fn lines() -> Vec<Line> {
    lines_over(Link::of_this_run())
}

fn lines_over(link: Link) -> Vec<Line> {
    let groups = [
        round_trips(link),
        one_ways(link),
        blocks(link),
        spawns(),
        memory(),
        pools(),
        locks(),
        meetings(),
        lists(link),
        shared_data(),
    ];
    groups.into_iter().flatten().collect()
}

fn python(name: &'static str, script: Script) -> Side {
    Side::burst(Peer, name, python::side(script))
}

fn ask() -> Side {
    Side::each(Ours, ASK, ours::ask::round_trip)
}

/// Our side of a line that tells apart what carries messages, once for each way of this run.
fn each_way(link: Link, side: impl Fn(Link) -> Side) -> impl Iterator<Item = Side> {
    link.ways().iter().map(move |way| side(*way).over(*way))
}

fn named(link: Link, name: &'static str, over_socket: &'static str) -> &'static str {
    if link == Link::Socket { over_socket } else { name }
}

fn round_trips(link: Link) -> Vec<Line> {
    let asks = || {
        each_way(link, |way| {
            let make = move |pinning: &Pinning| ours::ask::round_trip_over(way, pinning);
            Side::each(Ours, named(way, ASK, ASK_OVER_SOCKET), make)
        })
    };
    let asleep = || {
        let mut sides = vec![
            Side::each(Floor, SOCKET, round_trip::floor),
            Side::each(Floor, "pipe", pipe::floor),
            Side::each(Floor, "eventfd, no data", event::floor),
        ];
        sides.extend(asks());
        sides.extend([
            Side::each(Peer, "ipc-channel", ipc_channel::round_trip),
            Side::each(Peer, "ZeroMQ", zeromq::round_trip),
            Side::burst(Peer, "Erlang, two nodes", erlang::round_trip),
            python("Python Pipe", Script::PIPE_ROUND_TRIP),
            python("Python Queue", Script::QUEUE_ROUND_TRIP),
        ]);
        sides
    };
    let mut spinning = asleep();
    spinning.extend([
        Side::each(Floor, SPINNING_SOCKET, spin::floor),
        Side::each(Floor, SPINNING_MEMORY, spin_shared::floor),
        Side::each(Peer, ICEORYX, iceoryx::round_trip),
    ]);
    let over_socket = |limit| Goal::new(ASK_OVER_SOCKET, limit).over(Link::Socket);
    let over_ring = |limit| Goal::new(ASK, limit).over(Link::Ring);
    let goals = [
        over_socket(TimesAtMost(1.25, &[SOCKET])),
        over_socket(TimesAtMost(1.5, &[SPINNING_SOCKET])),
        over_ring(TimesAtMost(1.0, &[ICEORYX])),
        over_ring(TailAtMost(3.0)),
    ];
    vec![
        Line::times("round trip, 64 bytes", Same, asleep()).goals(link.goals(&goals[..1])),
        Line::times("round trip, 64 bytes", Split, spinning).goals(link.goals(&goals)),
    ]
}

fn one_ways(link: Link) -> Vec<Line> {
    let goals = link.goals(&[
        Goal::new(TELL_OVER_SOCKET, AtLeast(12e6)).over(Link::Socket),
        Goal::new(TELL, AtLeast(25e6)).over(Link::Ring),
    ]);
    let sides = |placement| {
        let mut sides = vec![
            Side::burst(Floor, "socket, one per write", one_way::single),
            Side::burst(Floor, "socket, 64 KiB per write", one_way::batched),
        ];
        sides.extend(each_way(link, |way| {
            let make = move |pinning: &Pinning| ours::tell::from_handler_over(way, pinning);
            Side::burst(Ours, named(way, TELL, TELL_OVER_SOCKET), make)
        }));
        sides.extend([
            Side::burst(Ours, "procession, tell_all", ours::tell::all_from_root),
            Side::burst(Ours, "procession, tell outside handlers", ours::tell::from_root),
            Side::burst(Peer, "ipc-channel", ipc_channel::one_way),
            Side::burst(Peer, "ZeroMQ", zeromq::one_way),
            Side::burst(Peer, "Erlang, two nodes", erlang::one_way),
            python("Python Pipe", Script::PIPE_RATE),
            python("Python Queue", Script::QUEUE),
        ]);
        if placement == Split {
            sides.push(Side::burst(Floor, "ring in shared memory", ring::one_way));
            sides.push(Side::burst(Peer, ICEORYX, iceoryx::one_way));
        }
        Line::rates("one way, 64 bytes", placement, sides).goals(goals.iter().copied())
    };
    vec![sides(Same), sides(Split), fan_ins()]
}

fn fan_ins() -> Line {
    let sides = vec![
        Side::burst(Floor, "socket, one per write", fan_in::single),
        Side::burst(Floor, "socket, 64 KiB per write", fan_in::batched),
        Side::burst(Floor, "rings in shared memory", ring::fan_in),
        Side::burst(Ours, TELL_OF_MANY, ours::fan_in::from_handlers),
        Side::burst(Peer, "ipc-channel", ipc_channel::fan_in),
        Side::burst(Peer, ICEORYX, iceoryx::fan_in),
        Side::burst(Peer, "ZeroMQ", zeromq::fan_in),
        Side::burst(Peer, "Erlang, two nodes", erlang::fan_in),
        python("Python Queue", Script::FAN_IN),
    ];
    let sides = sides.into_iter().map(|side| side.in_steps_of(SENDERS as u64)).collect();
    Line::rates("4 senders to one, 64 bytes", Split, sides).goals([Goal::new(TELL_OF_MANY, AtLeast(10e6))])
}

fn blocks(link: Link) -> Vec<Line> {
    let mut sides = vec![
        Side::each(Floor, "memcpy", copy::floor),
        Side::each(Floor, SOCKET, block::default_buffers),
        Side::each(Floor, LARGE_SOCKET, block::large_buffers),
        Side::each(Floor, SPINNING_MEMORY, shared_block::floor),
        Side::each(Floor, "shared memory, write-protected", shared_block::protected),
        Side::each(Floor, "shared memory, copied out", shared_block::copied_out),
    ];
    sides.extend(each_way(link, |way| {
        let make = move |pinning: &Pinning| ours::block::round_trip_over(way, pinning);
        Side::each(Ours, named(way, ASK, ASK_OVER_SOCKET), make)
    }));
    sides.extend([
        Side::each(Peer, "ipc-channel", ipc_channel::block),
        Side::each(Peer, ICEORYX, iceoryx::block),
        Side::each(Peer, "ZeroMQ", zeromq::block),
        python("Python Pipe", Script::BLOCK),
    ]);
    let raw = &[SOCKET, LARGE_SOCKET, SPINNING_MEMORY];
    let goal = Goal::new(named(link, ASK, ASK_OVER_SOCKET), TimesAtMost(1.2, raw));
    vec![Line::times("1 MiB written, read and answered", Split, sides).goals([goal]).note(SAFE_OR_NOT)]
}

fn spawns() -> Vec<Line> {
    let one = vec![
        Side::each(Floor, ZYGOTE, zygote::first_answer).at_most(100),
        Side::each(Floor, "exec", exec::first_answer).at_most(50),
        Side::each(Ours, SPAWN, ours::spawn::first_answer).at_most(100),
        python("Python Process, fork", Script::SPAWN_BY_FORK).at_most(20),
        python("Python Process, forkserver", Script::SPAWN_BY_FORKSERVER).at_most(5),
        python("Python Process, spawn", Script::SPAWN_AFRESH).at_most(2),
    ];
    let many = vec![
        Side::burst(Floor, ZYGOTE, zygote::in_a_row).at_most(100),
        Side::burst(Ours, SPAWN, ours::spawn::at_once).at_most(100),
    ];
    vec![
        Line::times("spawn to first answer", Free, one).goals([Goal::new(SPAWN, TimesAtMost(1.6, &[ZYGOTE]))]),
        Line::rates("100 spawns at once", Free, many).goals([Goal::new(SPAWN, AtLeast(8e3))]),
    ]
}

fn memory() -> Vec<Line> {
    let sides = vec![
        Side::reading(Floor, ZYGOTE, idle::memory),
        Side::reading(Ours, ACTOR, ours::idle::memory),
        Side::reading(Peer, "Python Process, fork", python_memory),
    ];
    vec![Line::memory("memory of an idle process", Free, sides).goals([Goal::new(ACTOR, AtMost(250.0))])]
}

fn python_memory(pinning: &Pinning) -> Result<Box<dyn Reading>, Failure> {
    let pinning = *pinning;
    Ok(Box::new(move || {
        let mut interpreter = Interpreter::start(Script::IDLE, &pinning)?;
        interpreter.run(IDLE_PROCESSES as u64)?;
        let pid = interpreter.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        let children: Vec<u32> = children.split_whitespace().filter_map(|child| child.parse().ok()).collect();
        mean_memory_kib(&children)
    }))
}

fn pools() -> Vec<Line> {
    let line = |name, script, squares: fn(&Pinning) -> Result<Box<dyn Burst>, Failure>, most| {
        let ours = Side::burst(Ours, POOL, squares).at_most(most);
        Line::rates(name, Free, vec![ours, python("Python Pool", script).at_most(most)])
    };
    let rate = |limit| [Goal::new(POOL, AtLeast(limit))];
    let task = vec![Side::singly(Ours, POOL, ours::pool::apply), ask(), python("Python Pool", Script::POOL_APPLY)];
    vec![
        line("pool, 100,000 squares", Script::POOL_MAP, ours::pool::map, 100_000).goals(rate(40e6)),
        line("pool, squares in chunks of one", Script::POOL_MAP_SINGLE, ours::pool::map_single, 10_000)
            .goals(rate(1e6)),
        Line::times("pool, one task", Split, task)
            .goals([Goal::new(POOL, TimesAtMost(1.3, &[ASK]))])
            .note(BY_THE_BURST),
    ]
}

fn locks() -> Vec<Line> {
    let line = |name, sides| Line::times(name, Split, sides).note(TOO_SHORT);
    let lock = vec![Side::burst(Ours, LOCK, ours::lock::lock), ask(), python("Python Lock", Script::LOCK)];
    let rlock =
        vec![Side::burst(Ours, "procession, RLock", ours::lock::rlock), ask(), python("Python RLock", Script::RLOCK)];
    let semaphore =
        vec![Side::burst(Ours, SEMAPHORE, ours::lock::semaphore), ask(), python("Python Semaphore", Script::SEMAPHORE)];
    let event = vec![
        Side::burst(Ours, "procession, Event", ours::lock::event_read),
        python("Python Event", Script::EVENT_READ),
    ];
    vec![
        line("lock, acquire and release", lock).goals([Goal::new(LOCK, AtMost(40.0))]),
        line("rlock, acquire and release", rlock),
        line("semaphore, acquire and release", semaphore).goals([Goal::new(SEMAPHORE, AtMost(40.0))]),
        line("event, look", event),
    ]
}

fn meetings() -> Vec<Line> {
    let condition = |placement: Placement| {
        let ours = Side::singly(Ours, CONDITION, ours::meeting::condition);
        let sides = vec![ours, ask(), python("Python Condition", Script::CONDITION)];
        Line::times("condition, notify and be notified", placement, sides)
            .goals([Goal::new(CONDITION, TimesAtMost(2.2, &[ASK]))])
            .note(BY_THE_BURST)
    };
    let barrier = |name, script, ours: fn(&Pinning) -> Result<Box<dyn Burst>, Failure>| {
        let sides = vec![Side::burst(Ours, BARRIER, ours), python("Python Barrier", script)];
        Line::rates(name, Free, sides).goals([Goal::new(BARRIER, TimesAtLeast(4.0, &["Python Barrier"]))])
    };
    vec![
        condition(Same),
        condition(Split),
        barrier("barrier of 2, passes", Script::BARRIER_OF_2, ours::meeting::barrier_of_2),
        barrier("barrier of 4, passes", Script::BARRIER_OF_4, ours::meeting::barrier_of_4),
    ]
}

fn lists(link: Link) -> Vec<Line> {
    let sides =
        vec![Side::burst(Ours, MANAGER, ours::shared::list).over(link), python(PYTHON_MANAGER, Script::MANAGER_LIST)];
    let goals = link.goals(&[
        Goal::new(MANAGER, TimesAtLeast(4.0, &[PYTHON_MANAGER])),
        Goal::new(MANAGER, TimesAtLeast(20.0, &[PYTHON_MANAGER])).over(Link::Ring),
    ]);
    vec![Line::rates("manager's list, append", Split, sides).goals(goals)]
}

fn shared_data() -> Vec<Line> {
    let value = "procession, Value";
    let array = "procession, Array";
    let line = |name, sides| Line::times(name, Split, sides).note(TOO_SHORT);
    vec![
        line(
            "value, read",
            vec![Side::burst(Ours, value, ours::shared::value_read), python("Python Value", Script::VALUE_READ)],
        ),
        line(
            "value, add",
            vec![
                Side::burst(Ours, value, ours::shared::value),
                python("Python Value", Script::VALUE),
                python(PYTHON_MANAGER, Script::MANAGER_VALUE),
            ],
        ),
        line(
            "array, read an item",
            vec![Side::burst(Ours, array, ours::shared::array_read), python("Python Array", Script::ARRAY_READ)],
        ),
        line(
            "array, add to an item",
            vec![Side::burst(Ours, array, ours::shared::array), python("Python Array", Script::ARRAY)],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn lines_of_all_runs() -> impl Iterator<Item = Line> {
        Link::ALL.into_iter().flat_map(lines_over)
    }

    #[test]
    fn names_are_unique() {
        for link in Link::ALL {
            let mut titles = HashSet::new();
            for line in lines_over(link) {
                let title = line.title();
                assert!(titles.insert(title.clone()), "two lines are called {title}");
                let names: HashSet<&str> = line.sides.iter().map(|side| side.name.as_str()).collect();
                assert_eq!(names.len(), line.sides.len(), "two sides of {title} have one name");
                assert!(line.sides.iter().any(|side| side.part == Ours), "{title} is without us");
            }
        }
    }

    #[test]
    fn goals_are_for_sides_of_ours_and_beside_others_that_their_lines_have() {
        for line in lines_of_all_runs() {
            for goal in &line.goals {
                let is_ours = line.sides.iter().any(|side| side.name == goal.side && side.part == Ours);
                assert!(is_ours, "{}: {goal:?}", line.title());
                let has = |name: &&str| line.sides.iter().any(|side| side.name == **name);
                assert!(goal.limit.rivals().iter().all(has), "{}: {goal:?}", line.title());
            }
        }
    }

    #[test]
    fn no_goal_for_sockets_judges_a_ring_and_none_for_rings_a_socket() {
        let mut judged = 0;
        for line in lines_of_all_runs() {
            for goal in line.goals.iter().filter(|goal| goal.link.is_some()) {
                let side = line.sides.iter().find(|side| side.name == goal.side).expect("the line has the side");
                let link = side.link.expect("it is known what carries its messages");
                assert!(link.is_meant_by(goal), "{}: {goal:?} is for {link:?}", line.title());
                judged += 1;
            }
        }
        assert!(judged >= 12, "such goals are there: {judged}");
    }

    #[test]
    fn no_way_is_measured_twice() {
        for link in Link::ALL {
            for line in lines_over(link) {
                let ways: Vec<Link> = line.sides.iter().filter_map(|side| side.link).collect();
                assert!(ways.is_empty() || ways.len() == 1 || ways == link.ways(), "{}: {ways:?}", line.title());
            }
        }
    }

    #[test]
    fn profiles_are_of_sides_that_have_goals() {
        let lines = lines_over(Link::Automatic);
        for (title, side) in crate::profile::sides() {
            let line = lines.iter().find(|line| line.title() == title).expect("there is such a line");
            assert!(line.goals.iter().any(|goal| goal.side == side), "{title}: {side}");
        }
    }
}
