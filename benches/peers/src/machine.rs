//! What a run is done with: the machine, and the versions of all who take part.

use crate::link::Link;
use crate::sides::{erlang, zeromq};
use nix::sys::utsname::uname;
use procession_benches::python;
use std::fs;
use std::process::{Command, Stdio};
use std::thread::available_parallelism;
use time::OffsetDateTime;

/// The versions of libraries that were compiled in.
const LOCK: &str = include_str!("../Cargo.lock");

/// Returns what is to stand above the results: names and what they come to.
pub fn facts() -> Vec<(&'static str, String)> {
    let absent = || "not installed".to_string();
    vec![
        ("date", OffsetDateTime::now_utc().date().to_string()),
        ("processor", processor()),
        ("processors allowed", available_parallelism().map_or_else(|_| absent(), |count| count.to_string())),
        ("system", uname().map_or_else(|_| absent(), |name| words(&[name.sysname(), name.release(), name.machine()]))),
        ("compiler", said_by("rustc", &["--version"]).unwrap_or_else(absent)),
        ("procession", format!("{}, links: {}", locked("procession"), Link::of_this_run().word())),
        ("ipc-channel", locked("ipc-channel")),
        ("iceoryx2", locked("iceoryx2")),
        ("ZeroMQ", zeromq::version().unwrap_or_else(absent)),
        ("Erlang/OTP", erlang::version().unwrap_or_else(absent)),
        ("Python", python::locate().and_then(|place| said_by(place, &["--version"])).unwrap_or_else(absent)),
    ]
}

fn words(words: &[&std::ffi::OsStr]) -> String {
    words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or("unknown", |(_, model)| model).trim().to_string()
}

fn said_by(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
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
        for package in ["procession", "ipc-channel", "iceoryx2"] {
            assert_ne!(locked(package), "unknown", "{package}");
        }
        assert_eq!(locked("no-such-package"), "unknown");
    }
}
