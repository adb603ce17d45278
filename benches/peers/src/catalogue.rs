//! The lines: what all do, who does it, and what ours has to reach.

use crate::goal::Goal::{AtLeast, AtMost, TailAtMost, TimesAtLeast, TimesAtMost};
use crate::line::Line;
use crate::link::Link;
use crate::side::Part::{Floor, Ours, Peer};
use crate::side::Side;
use crate::sides::{erlang, iceoryx, ipc_channel, zeromq};
use procession_benches::floors::fan_in::SENDERS;
use procession_benches::floors::idle::IDLE_PROCESSES;
use procession_benches::floors::{
    block, copy, event, exec, fan_in, idle, one_way, pipe, ring, round_trip, shared_block, spin, spin_shared, zygote,
};
use procession_benches::ours;
use procession_benches::pinning::Placement::{self, Free, Same, Split};
use procession_benches::python::{self, Interpreter, Script};
use procession_benches::usage::mean_memory_kib;
use procession_benches::{Burst, Failure, Pinning, Reading};
use std::fs;

/// What several lines call the same.
const ASK: &str = "procession, ask";
const SOCKET: &str = "socket";
const SPINNING_SOCKET: &str = "socket, spinning";
const ICEORYX: &str = "iceoryx2, spinning";
const ZYGOTE: &str = "fork of a small process";
const PYTHON_MANAGER: &str = "Python Manager";

/// Returns all lines; some goals depend on what carries our messages.
pub fn lines() -> Vec<Line> {
    let link = Link::of_this_run();
    let groups =
        [round_trips(link), one_ways(link), blocks(), spawns(), memory(), pools(), locks(), meetings(), lists(link)];
    groups.into_iter().flatten().collect()
}

fn python(name: &'static str, script: Script) -> Side {
    Side::burst(Peer, name, python::side(script))
}

fn ask() -> Side {
    Side::each(Ours, ASK, ours::ask::round_trip)
}

fn round_trips(link: Link) -> Vec<Line> {
    let asleep = || {
        vec![
            Side::each(Floor, SOCKET, round_trip::floor),
            Side::each(Floor, "pipe", pipe::floor),
            Side::each(Floor, "eventfd, no data", event::floor),
            ask(),
            Side::each(Peer, "ipc-channel", ipc_channel::round_trip),
            Side::each(Peer, "ZeroMQ", zeromq::round_trip),
            Side::burst(Peer, "Erlang, two nodes", erlang::round_trip),
            python("Python Pipe", Script::PIPE_ROUND_TRIP),
            python("Python Queue", Script::QUEUE_ROUND_TRIP),
        ]
    };
    let mut spinning = asleep();
    spinning.extend([
        Side::each(Floor, SPINNING_SOCKET, spin::floor),
        Side::each(Floor, "shared memory, spinning", spin_shared::floor),
        Side::each(Peer, ICEORYX, iceoryx::round_trip),
    ]);
    let over_socket = [TimesAtMost(1.25, &[SOCKET]), TimesAtMost(1.5, &[SPINNING_SOCKET])];
    let goals = link.goals(&over_socket, &[TimesAtMost(1.0, &[ICEORYX]), TailAtMost(3.0)]);
    vec![
        Line::times("round trip, 64 bytes", Same, asleep()).goals([TimesAtMost(1.25, &[SOCKET])]),
        Line::times("round trip, 64 bytes", Split, spinning).goals(goals),
    ]
}

fn one_ways(link: Link) -> Vec<Line> {
    let goals = link.goals(&[AtLeast(12e6)], &[AtLeast(25e6)]);
    let sides = |placement| {
        let mut sides = vec![
            Side::burst(Floor, "socket, one per write", one_way::single),
            Side::burst(Floor, "socket, 64 KiB per write", one_way::batched),
            Side::burst(Ours, "procession, tell in a handler", ours::tell::from_handler),
            Side::burst(Ours, "procession, tell_all", ours::tell::all_from_root),
            Side::burst(Ours, "procession, tell outside handlers", ours::tell::from_root),
            Side::burst(Peer, "ipc-channel", ipc_channel::one_way),
            Side::burst(Peer, "ZeroMQ", zeromq::one_way),
            Side::burst(Peer, "Erlang, two nodes", erlang::one_way),
            python("Python Pipe", Script::PIPE_RATE),
            python("Python Queue", Script::QUEUE),
        ];
        if placement == Split {
            sides.push(Side::burst(Floor, "ring in shared memory", ring::one_way));
            sides.push(Side::burst(Peer, ICEORYX, iceoryx::one_way));
        }
        Line::rates("one way, 64 bytes", placement, sides).goals(goals.iter().copied())
    };
    let senders = vec![
        Side::burst(Floor, "socket, one per write", fan_in::single),
        Side::burst(Floor, "socket, 64 KiB per write", fan_in::batched),
        Side::burst(Floor, "rings in shared memory", ring::fan_in),
        Side::burst(Ours, "procession, tell in handlers", ours::fan_in::from_handlers),
        Side::burst(Peer, "ipc-channel", ipc_channel::fan_in),
        Side::burst(Peer, ICEORYX, iceoryx::fan_in),
        Side::burst(Peer, "ZeroMQ", zeromq::fan_in),
        Side::burst(Peer, "Erlang, two nodes", erlang::fan_in),
        python("Python Queue", Script::FAN_IN),
    ];
    let senders = senders.into_iter().map(|side| side.in_steps_of(SENDERS as u64)).collect();
    vec![sides(Same), sides(Split), Line::rates("4 senders to one, 64 bytes", Split, senders).goals([AtLeast(10e6)])]
}

fn blocks() -> Vec<Line> {
    let sides = vec![
        Side::each(Floor, "memcpy", copy::floor),
        Side::each(Floor, SOCKET, block::default_buffers),
        Side::each(Floor, "socket, 4 MiB buffers", block::large_buffers),
        Side::each(Floor, "shared memory, spinning", shared_block::floor),
        Side::each(Ours, ASK, ours::block::round_trip),
        Side::each(Peer, "ipc-channel", ipc_channel::block),
        Side::each(Peer, ICEORYX, iceoryx::block),
        Side::each(Peer, "ZeroMQ", zeromq::block),
        python("Python Pipe", Script::BLOCK),
    ];
    let raw = &[SOCKET, "socket, 4 MiB buffers", "shared memory, spinning"];
    vec![Line::times("1 MiB written, read and answered", Split, sides).goals([TimesAtMost(1.2, raw)])]
}

fn spawns() -> Vec<Line> {
    let one = vec![
        Side::each(Floor, ZYGOTE, zygote::first_answer).at_most(100),
        Side::each(Floor, "exec", exec::first_answer).at_most(50),
        Side::each(Ours, "procession, spawn", ours::spawn::first_answer).at_most(100),
        python("Python Process, fork", Script::SPAWN_BY_FORK).at_most(20),
        python("Python Process, forkserver", Script::SPAWN_BY_FORKSERVER).at_most(5),
        python("Python Process, spawn", Script::SPAWN_AFRESH).at_most(2),
    ];
    let many = vec![
        Side::burst(Floor, ZYGOTE, zygote::in_a_row).at_most(100),
        Side::burst(Ours, "procession, spawn", ours::spawn::at_once).at_most(100),
    ];
    vec![
        Line::times("spawn to first answer", Free, one).goals([TimesAtMost(1.6, &[ZYGOTE])]),
        Line::rates("100 spawns at once", Free, many).goals([AtLeast(8e3)]),
    ]
}

fn memory() -> Vec<Line> {
    let sides = vec![
        Side::reading(Floor, ZYGOTE, idle::memory),
        Side::reading(Ours, "procession, actor", ours::idle::memory),
        Side::reading(Peer, "Python Process, fork", python_memory),
    ];
    vec![Line::memory("memory of an idle process", Free, sides).goals([AtMost(250.0)])]
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
        let ours = Side::burst(Ours, "procession, Pool", squares).at_most(most);
        Line::rates(name, Free, vec![ours, python("Python Pool", script).at_most(most)])
    };
    let task = vec![
        Side::burst(Ours, "procession, Pool", ours::pool::apply),
        ask(),
        python("Python Pool", Script::POOL_APPLY),
    ];
    vec![
        line("pool, 100,000 squares", Script::POOL_MAP, ours::pool::map, 100_000).goals([AtLeast(40e6)]),
        line("pool, squares in chunks of one", Script::POOL_MAP_SINGLE, ours::pool::map_single, 10_000)
            .goals([AtLeast(1e6)]),
        Line::times("pool, one task", Split, task).goals([TimesAtMost(1.3, &[ASK])]),
    ]
}

fn locks() -> Vec<Line> {
    let lock =
        vec![Side::burst(Ours, "procession, Lock", ours::lock::lock), ask(), python("Python Lock", Script::LOCK)];
    let semaphore = vec![
        Side::burst(Ours, "procession, Semaphore", ours::lock::semaphore),
        ask(),
        python("Python Semaphore", Script::SEMAPHORE),
    ];
    vec![
        Line::times("lock, acquire and release", Split, lock).goals([AtMost(40.0)]),
        Line::times("semaphore, acquire and release", Split, semaphore).goals([AtMost(40.0)]),
    ]
}

fn meetings() -> Vec<Line> {
    let condition = |placement: Placement| {
        let ours = Side::burst(Ours, "procession, Condition", ours::meeting::condition);
        let sides = vec![ours, ask(), python("Python Condition", Script::CONDITION)];
        Line::times("condition, notify and be notified", placement, sides).goals([TimesAtMost(2.2, &[ASK])])
    };
    let barrier = |name, script, ours: fn(&Pinning) -> Result<Box<dyn Burst>, Failure>| {
        let sides = vec![Side::burst(Ours, "procession, Barrier", ours), python("Python Barrier", script)];
        Line::rates(name, Free, sides).goals([TimesAtLeast(4.0, &["Python Barrier"])])
    };
    vec![
        condition(Same),
        condition(Split),
        barrier("barrier of 2, passes", Script::BARRIER_OF_2, ours::meeting::barrier_of_2),
        barrier("barrier of 4, passes", Script::BARRIER_OF_4, ours::meeting::barrier_of_4),
    ]
}

fn lists(link: Link) -> Vec<Line> {
    let list = vec![
        Side::burst(Ours, "procession, Manager", ours::shared::list),
        python(PYTHON_MANAGER, Script::MANAGER_LIST),
    ];
    let value = vec![
        Side::burst(Ours, "procession, Value", ours::shared::value),
        python("Python Value", Script::VALUE),
        python(PYTHON_MANAGER, Script::MANAGER_VALUE),
    ];
    let goals = link.goals(&[TimesAtLeast(4.0, &[PYTHON_MANAGER])], &[TimesAtLeast(20.0, &[PYTHON_MANAGER])]);
    vec![Line::rates("manager's list, append", Split, list).goals(goals), Line::times("value, add", Split, value)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::side::Part;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_goals_speak_of_sides_that_exist() {
        let mut titles = HashSet::new();
        for line in lines() {
            let title = line.title();
            assert!(titles.insert(title.clone()), "two lines are called {title}");
            let names: HashSet<&str> = line.sides.iter().map(|side| side.name.as_str()).collect();
            assert_eq!(names.len(), line.sides.len(), "two sides of {title} have one name");
            assert!(line.sides.iter().any(|side| side.part == Part::Ours), "{title} is without us");
            for goal in &line.goals {
                if let TimesAtMost(_, rivals) | TimesAtLeast(_, rivals) = goal {
                    assert!(rivals.iter().all(|rival| names.contains(rival)), "{title}: {goal:?}");
                }
            }
        }
    }

    #[test]
    fn profiles_are_of_lines_that_have_goals() {
        let titles: HashSet<String> = lines().iter().filter(|line| !line.goals.is_empty()).map(Line::title).collect();
        assert!(crate::profile::lines().all(|line| titles.contains(line)));
    }
}
