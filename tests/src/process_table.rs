//! What `/proc` says of processes.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// One process as `/proc` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Process id.
    pub pid: i32,
    /// Id of its parent.
    pub parent: i32,
    /// Its short name.
    pub name: String,
    /// `R`, `S`, `T`, `Z` and so on.
    pub state: char,
}

/// Reads one process's line; `None` if there is no such process.
pub fn entry(pid: i32) -> Option<Entry> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (open, close) = (text.find('(')?, text.rfind(')')?);
    let mut rest = text[close + 1..].split_whitespace();
    let state = rest.next()?.chars().next()?;
    let parent = rest.next()?.parse().ok()?;
    Some(Entry { pid, parent, name: text[open + 1..close].to_owned(), state })
}

/// Lists all processes that can be seen.
pub fn all() -> Vec<Entry> {
    let entries = fs::read_dir("/proc").expect("/proc is there").flatten();
    entries.filter_map(|found| entry(found.file_name().to_str()?.parse().ok()?)).collect()
}

/// Lists a process's children, and theirs.
pub fn descendants(of: i32) -> Vec<Entry> {
    let mut by_parent: HashMap<i32, Vec<Entry>> = HashMap::new();
    for entry in all() {
        by_parent.entry(entry.parent).or_default().push(entry);
    }
    let (mut found, mut next) = (Vec::new(), vec![of]);
    while let Some(parent) = next.pop() {
        for entry in by_parent.remove(&parent).unwrap_or_default() {
            next.push(entry.pid);
            found.push(entry);
        }
    }
    found
}

/// Lists a process's own children.
pub fn children(of: i32) -> Vec<Entry> {
    all().into_iter().filter(|entry| entry.parent == of).collect()
}

/// Whether the process is there and no zombie.
pub fn is_running(pid: i32) -> bool {
    entry(pid).is_some_and(|entry| entry.state != 'Z' && entry.state != 'X')
}

/// Counts the open descriptors of a process; 0 if it cannot be seen.
pub fn descriptor_count(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Gives a process's resident memory in bytes; 0 if it cannot be seen.
pub fn resident_bytes(pid: i32) -> usize {
    status_field(pid, "VmRSS:").unwrap_or(0) * 1024
}

/// Gives how many pages a process has had to have mapped at their first touch, all its threads together; `None` if there is no such
/// process.
pub fn page_faults(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text[text.rfind(')')?..].split_whitespace().nth(8)?.parse().ok()
}

/// Gives how long a process has run on any core, all its threads together; `None` if there is no such process.
///
/// This clock counts nanoseconds, where `/proc/PID/stat` counts whole ticks of 10 ms.
pub fn processor_time(pid: i32) -> Option<Duration> {
    let clock = clock_getcpuclockid(Pid::from_raw(pid)).ok()?;
    Some(clock.now().ok()?.into())
}

/// Gives how long this process and those that it has started have wanted to run and had no processor, all their threads
/// together; nothing where the system does not count that.
pub fn held_up() -> Duration {
    let own = std::process::id().cast_signed();
    let pids = descendants(own).into_iter().map(|entry| entry.pid).chain([own]);
    let tasks = pids.filter_map(|pid| fs::read_dir(format!("/proc/{pid}/task")).ok()).flat_map(Iterator::flatten);
    tasks.filter_map(|task| run_delay(&task.path())).sum()
}

fn run_delay(task: &Path) -> Option<Duration> {
    let text = fs::read_to_string(task.join("schedstat")).ok()?;
    Some(Duration::from_nanos(text.split_whitespace().nth(1)?.parse().ok()?))
}

fn status_field(pid: i32, name: &str) -> Option<usize> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Describes what all descendants of this process are at, for the report of a hang.
pub fn describe_descendants() -> String {
    let describe = |entry: &Entry| {
        let wait = fs::read_to_string(format!("/proc/{}/wchan", entry.pid)).unwrap_or_default();
        format!("  {} under {}: {} {} {wait}\n", entry.pid, entry.parent, entry.name, entry.state)
    };
    descendants(std::process::id().cast_signed()).iter().map(describe).collect()
}
