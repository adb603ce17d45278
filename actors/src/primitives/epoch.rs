//! Which life of a host it is.

use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

use crate::ProcessId;

/// Makes a number that no other life of the process has. Random keys alone will not do: processes that are copies of one
/// another may have the same.
pub(crate) fn new_epoch(process: ProcessId) -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    RandomState::new().hash_one((process, std::process::id(), now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_lives_are_the_same() {
        let process = ProcessId::root(1);
        assert_ne!(new_epoch(process), new_epoch(process));
    }
}
