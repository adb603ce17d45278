//! What a run is done with: the machine, and the versions of all who take part.

use crate::sides::{erlang, zeromq};
use procession_benches::machine::{self, Fact, absent};

/// The versions of libraries that were compiled in.
const LOCK: &str = include_str!("../Cargo.lock");

/// Returns what is to stand above the results: names and what they come to.
pub fn facts() -> Vec<Fact> {
    let mut facts = machine::facts();
    facts.extend([
        ("ipc-channel", locked("ipc-channel")),
        ("iceoryx2", locked("iceoryx2")),
        ("ZeroMQ", zeromq::version().unwrap_or_else(absent)),
        ("Erlang/OTP", erlang::version().unwrap_or_else(absent)),
        machine::python(),
    ]);
    facts
}

/// Finds a package's version in the lock file.
fn locked(package: &str) -> String {
    let name = format!("name = \"{package}\"");
    let mut lines = LOCK.lines().skip_while(|line| *line != name);
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = "));
    version.map_or("unknown", |version| version.trim_matches('"')).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_the_lock_file() {
        for package in ["ipc-channel", "iceoryx2"] {
            assert_ne!(locked(package), "unknown", "{package}");
        }
        assert_eq!(locked("no-such-package"), "unknown");
    }
}
