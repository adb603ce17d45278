//! What a peer does.

use crate::failure::Failure;
use crate::floors::{block, fan_in, one_way, round_trip, spin, zygote};
use std::os::unix::net::UnixStream;

/// What a peer does, and the word for it on its command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sends back what comes, sleeping in a mio poll.
    Echo,
    /// Sends back what comes, spinning.
    SpinningEcho,
    /// Counts what comes and says when all is there.
    Counter,
    /// Sends as many messages as asked, each by itself.
    SingleSender,
    /// Sends as many messages as asked, in batches.
    BatchSender,
    /// Reads blocks and adds them up.
    BlockReader,
    /// Clones itself.
    Zygote,
}

impl Role {
    const ALL: [Role; 7] = [
        Role::Echo,
        Role::SpinningEcho,
        Role::Counter,
        Role::SingleSender,
        Role::BatchSender,
        Role::BlockReader,
        Role::Zygote,
    ];

    /// Returns the word for the role.
    pub fn word(self) -> &'static str {
        match self {
            Role::Echo => "echo",
            Role::SpinningEcho => "spinning-echo",
            Role::Counter => "counter",
            Role::SingleSender => "single-sender",
            Role::BatchSender => "batch-sender",
            Role::BlockReader => "block-reader",
            Role::Zygote => "zygote",
        }
    }

    /// Returns the role with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Role::ALL.into_iter().find(|role| role.word() == word)
    }

    /// Plays the role until the stream ends.
    ///
    /// # Errors
    ///
    /// That of the system call that failed.
    pub fn play(self, socket: UnixStream) -> Result<(), Failure> {
        match self {
            Role::Echo => round_trip::serve(socket),
            Role::SpinningEcho => spin::serve(socket),
            Role::Counter => one_way::serve(socket),
            Role::SingleSender => fan_in::serve_single(socket),
            Role::BatchSender => fan_in::serve_batched(socket),
            Role::BlockReader => block::serve(socket),
            Role::Zygote => zygote::serve(socket),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_found_by_its_word() {
        for role in Role::ALL {
            assert_eq!(Role::from_word(role.word()), Some(role));
        }
        assert_eq!(Role::from_word("prompter"), None);
    }
}
