//! The scripts.

/// What each script begins with.
const COMMON: &str = include_str!("common.py");

/// A script with its argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Script {
    own: &'static str,
    pub(crate) argument: Option<&'static str>,
}

impl Script {
    /// One producer, one consumer.
    pub const QUEUE: Script = Script::new(include_str!("queue.py"));
    /// There through one queue, back through another.
    pub const QUEUE_ROUND_TRIP: Script = Script::new(include_str!("queue_round_trip.py"));
    /// Squares in chunks of the size that the pool chooses.
    pub const POOL_MAP: Script = Script::new(include_str!("pool_map.py")).with("auto");
    /// Squares in chunks of one.
    pub const POOL_MAP_SINGLE: Script = Script::new(include_str!("pool_map.py")).with("1");
    /// Squares, one task at a time.
    pub const POOL_APPLY: Script = Script::new(include_str!("pool_apply.py"));
    /// A lock that nobody else wants.
    pub const LOCK: Script = Script::new(include_str!("lock.py")).with("Lock");
    /// A reentrant lock that nobody else wants.
    pub const RLOCK: Script = Script::new(include_str!("lock.py")).with("RLock");
    /// A lock that another process wants all the time.
    pub const LOCK_WANTED: Script = Script::new(include_str!("lock_wanted.py"));
    /// A semaphore that nobody else wants.
    pub const SEMAPHORE: Script = Script::new(include_str!("lock.py")).with("Semaphore");
    /// Two processes wake each other.
    pub const CONDITION: Script = Script::new(include_str!("condition.py"));
    /// Two processes wake each other with an event each.
    pub const EVENT: Script = Script::new(include_str!("event.py"));
    /// An event that is looked at.
    pub const EVENT_READ: Script = Script::new(include_str!("event_read.py"));
    /// Two parties meet.
    pub const BARRIER_OF_2: Script = Script::new(include_str!("barrier.py")).with("2");
    /// Four parties meet.
    pub const BARRIER_OF_4: Script = Script::new(include_str!("barrier.py")).with("4");
    /// Appends to a manager's list.
    pub const MANAGER_LIST: Script = Script::new(include_str!("manager_list.py"));
    /// Adds to a value.
    pub const VALUE: Script = Script::new(include_str!("value.py"));
    /// Reads a value.
    pub const VALUE_READ: Script = Script::new(include_str!("value_read.py"));
    /// Adds to items of an array.
    pub const ARRAY: Script = Script::new(include_str!("array.py"));
    /// Reads items of an array.
    pub const ARRAY_READ: Script = Script::new(include_str!("array_read.py"));
    /// Adds to a manager's value.
    pub const MANAGER_VALUE: Script = Script::new(include_str!("manager_value.py"));
    /// There and back through a duplex pipe.
    pub const PIPE_ROUND_TRIP: Script = Script::new(include_str!("pipe_round_trip.py"));
    /// Through a one-way pipe.
    pub const PIPE_RATE: Script = Script::new(include_str!("pipe_rate.py"));
    /// 1 MiB through a duplex pipe.
    pub const BLOCK: Script = Script::new(include_str!("block.py"));
    /// Four producers, one consumer.
    pub const FAN_IN: Script = Script::new(include_str!("fan_in.py"));
    /// Processes that are clones of the one that wants them.
    pub const SPAWN_BY_FORK: Script = Script::new(include_str!("spawn.py")).with("fork");
    /// Processes that are clones of a small one.
    pub const SPAWN_BY_FORKSERVER: Script = Script::new(include_str!("spawn.py")).with("forkserver");
    /// Processes that execute the interpreter afresh.
    pub const SPAWN_AFRESH: Script = Script::new(include_str!("spawn.py")).with("spawn");
    /// Processes that do nothing.
    pub const IDLE: Script = Script::new(include_str!("idle.py"));

    /// All scripts.
    pub const ALL: [Script; 28] = [
        Script::QUEUE,
        Script::QUEUE_ROUND_TRIP,
        Script::POOL_MAP,
        Script::POOL_MAP_SINGLE,
        Script::POOL_APPLY,
        Script::LOCK,
        Script::RLOCK,
        Script::LOCK_WANTED,
        Script::SEMAPHORE,
        Script::CONDITION,
        Script::EVENT,
        Script::EVENT_READ,
        Script::BARRIER_OF_2,
        Script::BARRIER_OF_4,
        Script::MANAGER_LIST,
        Script::VALUE,
        Script::VALUE_READ,
        Script::ARRAY,
        Script::ARRAY_READ,
        Script::MANAGER_VALUE,
        Script::PIPE_ROUND_TRIP,
        Script::PIPE_RATE,
        Script::BLOCK,
        Script::FAN_IN,
        Script::SPAWN_BY_FORK,
        Script::SPAWN_BY_FORKSERVER,
        Script::SPAWN_AFRESH,
        Script::IDLE,
    ];

    const fn new(own: &'static str) -> Self {
        Script { own, argument: None }
    }

    const fn with(self, argument: &'static str) -> Self {
        Script { argument: Some(argument), ..self }
    }

    /// Returns the whole text for the interpreter.
    pub fn text(self) -> String {
        format!("{COMMON}\n\n{}", self.own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_begins_with_what_all_have_and_ends_with_its_own() {
        let text = Script::QUEUE.text();
        assert!(text.starts_with(COMMON));
        assert!(text.ends_with("serve(run)\n"));
    }
}
