//! What carries our messages.

use crate::comparison::goal::Goal;
use procession::{LINKS_VARIABLE, Links};
use std::env;

/// What carries our messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// What the runtime chooses: a ring, once a connection is busy.
    Automatic,
    /// Sockets.
    Socket,
    /// Rings in shared memory.
    Ring,
}

impl Link {
    /// All of them.
    pub const ALL: [Link; 3] = [Link::Automatic, Link::Socket, Link::Ring];

    /// Reads what the runtime is told by the environment, which counts wherever a side says nothing itself.
    pub fn of_this_run() -> Link {
        match env::var(LINKS_VARIABLE).as_deref() {
            Ok("sockets") => Link::Socket,
            Ok("shared_memory") => Link::Ring,
            _ => Link::Automatic,
        }
    }

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Link::Automatic => "automatic",
            Link::Socket => "sockets",
            Link::Ring => "shared_memory",
        }
    }

    /// Returns what a system is to be told.
    pub fn links(self) -> Links {
        match self {
            Link::Automatic => Links::Automatic,
            Link::Socket => Links::Sockets,
            Link::Ring => Links::SharedMemory,
        }
    }

    /// Returns the ways of which a run measures each where a line tells them apart: if the runtime chooses, its choice and
    /// sockets; if the run is forced to one, that alone.
    pub fn ways(self) -> &'static [Link] {
        match self {
            Link::Automatic => &[Link::Automatic, Link::Socket],
            Link::Socket => &[Link::Socket],
            Link::Ring => &[Link::Ring],
        }
    }

    /// Returns those of the goals that a run is held against: if the runtime chooses, all.
    pub fn goals(self, goals: &[Goal]) -> Vec<Goal> {
        let counts = |goal: &&Goal| self == Link::Automatic || goal.link.is_none_or(|link| link == self);
        goals.iter().filter(counts).copied().collect()
    }

    /// Tells whether this is the way that a goal is for: what the runtime chooses for a busy connection is a ring.
    pub fn is_meant_by(self, goal: &Goal) -> bool {
        goal.link.is_none_or(|link| (link == Link::Socket) == (self == Link::Socket))
    }

    /// Names the files of a run's results: a run that is forced to one way leaves those of the others alone.
    pub fn name_files(self, name: &str) -> String {
        match self {
            Link::Automatic => name.to_string(),
            Link::Socket | Link::Ring => format!("{name}-{}", self.word()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::goal::Limit::AtLeast;
    use std::collections::HashSet;

    #[test]
    fn a_forced_run_measures_one_way_and_is_held_against_its_goals() {
        let any = Goal::new("ours", AtLeast(1.0));
        let goals = [any, any.over(Link::Socket), any.over(Link::Ring)];
        let counted = Link::ALL.map(|link| link.goals(&goals));
        assert_eq!(counted, [goals.to_vec(), vec![goals[0], goals[1]], vec![goals[0], goals[2]]]);
        assert_eq!(Link::ALL.map(|link| link.ways().len()), [2, 1, 1]);
    }

    #[test]
    fn a_goal_for_sockets_does_not_mean_a_ring_and_the_other_way_round() {
        let any = Goal::new("ours", AtLeast(1.0));
        let meant = |goal: Goal| Link::ALL.map(|link| link.is_meant_by(&goal));
        assert_eq!(meant(any), [true, true, true]);
        assert_eq!(meant(any.over(Link::Socket)), [false, true, false]);
        assert_eq!(meant(any.over(Link::Ring)), [true, false, true]);
    }

    #[test]
    fn no_two_ways_write_the_same_files() {
        let names: HashSet<String> = Link::ALL.map(|link| link.name_files("peers")).into();
        assert_eq!(names.len(), 3);
        assert!(names.contains("peers"), "the automatic run has the plain name");
    }
}
