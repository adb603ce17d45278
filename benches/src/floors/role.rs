//! What a peer does.

use crate::failure::Failure;
use crate::floors::{block, event, fan_in, one_way, pipe, ring, round_trip, shared_block, spin, spin_shared, zygote};
use std::os::unix::net::UnixStream;

/// What a peer does, and the word for it on its command line.
#[derive(Debug, Clone, Copy)]
pub struct Role {
    /// The word for the role.
    pub word: &'static str,
    /// Plays the role until the stream ends.
    pub play: fn(UnixStream) -> Result<(), Failure>,
}

impl Role {
    /// Sends back what comes, sleeping in a mio poll.
    pub const ECHO: Role = Role { word: "echo", play: round_trip::serve };
    /// Sends back what comes, spinning.
    pub const SPINNING_ECHO: Role = Role { word: "spinning-echo", play: spin::serve };
    /// Sends back what comes through a pipe.
    pub const PIPE_ECHO: Role = Role { word: "pipe-echo", play: pipe::serve };
    /// Raises an eventfd whenever another is raised.
    pub const EVENT_ECHO: Role = Role { word: "event-echo", play: event::serve };
    /// Sends back what comes through shared memory, spinning.
    pub const SHARED_ECHO: Role = Role { word: "shared-echo", play: spin_shared::serve };
    /// Counts what comes and says when all is there.
    pub const COUNTER: Role = Role { word: "counter", play: one_way::serve };
    /// Counts what comes through a ring and says when all is there.
    pub const RING_COUNTER: Role = Role { word: "ring-counter", play: ring::serve_counter };
    /// Sends as many messages as asked, each by itself.
    pub const SINGLE_SENDER: Role = Role { word: "single-sender", play: fan_in::serve_single };
    /// Sends as many messages as asked, in batches.
    pub const BATCH_SENDER: Role = Role { word: "batch-sender", play: fan_in::serve_batched };
    /// Sends as many messages as asked through a ring.
    pub const RING_SENDER: Role = Role { word: "ring-sender", play: ring::serve_sender };
    /// Reads blocks and adds them up.
    pub const BLOCK_READER: Role = Role { word: "block-reader", play: block::serve };
    /// Adds up blocks in shared memory.
    pub const SHARED_BLOCK_READER: Role = Role { word: "shared-block-reader", play: shared_block::serve };
    /// Adds up blocks in shared memory that the writer protects meanwhile.
    pub const PROTECTED_BLOCK_READER: Role =
        Role { word: "protected-block-reader", play: shared_block::serve_protected };
    /// Copies blocks out of shared memory and adds up the copies.
    pub const COPIED_BLOCK_READER: Role = Role { word: "copied-block-reader", play: shared_block::serve_copied };
    /// Clones itself.
    pub const ZYGOTE: Role = Role { word: "zygote", play: zygote::serve };

    /// The roles that the floors need.
    pub const ALL: [Role; 15] = [
        Role::ECHO,
        Role::SPINNING_ECHO,
        Role::PIPE_ECHO,
        Role::EVENT_ECHO,
        Role::SHARED_ECHO,
        Role::COUNTER,
        Role::RING_COUNTER,
        Role::SINGLE_SENDER,
        Role::BATCH_SENDER,
        Role::RING_SENDER,
        Role::BLOCK_READER,
        Role::SHARED_BLOCK_READER,
        Role::PROTECTED_BLOCK_READER,
        Role::COPIED_BLOCK_READER,
        Role::ZYGOTE,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_role_has_a_word_of_its_own() {
        let words: HashSet<&str> = Role::ALL.iter().map(|role| role.word).collect();
        assert_eq!(words.len(), Role::ALL.len());
    }
}
