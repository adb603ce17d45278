//! What the use of a lock comes to.

use procession::LockError;

/// Says in a word how something that a lock was asked for ended, to be compared.
///
/// # Panics
/// If it ended in a way that no test expects.
pub fn lock_outcome<T>(outcome: Result<T, LockError>) -> &'static str {
    match outcome {
        Ok(_) => "granted",
        Err(LockError::Timeout) => "timeout",
        Err(LockError::Broken) => "broken",
        Err(LockError::Invalid(_)) => "invalid",
        Err(LockError::HostDied(_)) => "host died",
        Err(LockError::NoHost) => "no host",
        Err(LockError::HostRestarted) => "host restarted",
        Err(error) => panic!("{error}"),
    }
}
