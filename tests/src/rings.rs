//! Shared memory of connections, as `/proc` shows it.

use std::fs;

/// How its lines name it.
const NAME: &str = "procession-ring";

/// How many connections of a process go by shared memory, or may soon.
///
/// # Panics
/// If there is no such process.
pub fn count(pid: i32) -> usize {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("it runs");
    maps.lines().filter(|line| line.contains(NAME)).count()
}

/// How much memory of that a process has mapped, in bytes.
///
/// # Panics
/// If there is no such process.
pub fn bytes(pid: i32) -> usize {
    let maps = fs::read_to_string(format!("/proc/{pid}/smaps")).expect("it runs");
    let mut lines = maps.lines();
    let mut sum = 0;
    while lines.any(|line| line.contains(NAME)) {
        let resident = lines.find_map(|line| line.strip_prefix("Rss:")).expect("it is told of each");
        sum += resident.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10;
    }
    sum
}
