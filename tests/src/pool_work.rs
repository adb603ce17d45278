//! Pools under test, and tasks that say that they were begun.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use procession::Pool;

use crate::eventually;

/// Waits until all workers of a pool are ready, and gives their process ids.
///
/// # Panics
/// If that does not come, or the pool's host has ended.
pub fn pids(pool: &Pool) -> Vec<i32> {
    let mut pids = Vec::new();
    eventually("the pool is of its size", || {
        pids = pool.status().expect("it lives").pids;
        pids.len() == pool.workers()
    });
    pids
}

/// Waits until all workers of a pool are ready and nobody has anything to do.
///
/// # Panics
/// As [`pids`].
pub fn wait_until_idle(pool: &Pool) {
    eventually("nothing is left", || {
        let status = pool.status().expect("it lives");
        (status.busy, status.queued, status.ready) == (0, 0, pool.workers())
    });
}

/// Takes about so many microseconds, without sleeping.
pub fn work(microseconds: u64) -> u64 {
    let start = Instant::now();
    while start.elapsed() < Duration::from_micros(microseconds) {
        std::hint::spin_loop();
    }
    microseconds
}

/// Notes in a file that an item was begun.
///
/// # Panics
/// If it cannot be written.
pub fn note(path: &str, item: u64) {
    let mut file = OpenOptions::new().append(true).open(path).expect("the file is there");
    file.write_all(format!("{item}\n").as_bytes()).expect("it can be written");
}

/// Notes in a file that an item was begun, and does it.
pub fn note_and_work(path: String, item: u64, microseconds: u64) -> u64 {
    note(&path, item);
    work(microseconds);
    item
}

/// How often each of so many items was begun.
///
/// # Panics
/// If the file holds anything else.
pub fn begun(path: &Path, items: u64) -> Vec<usize> {
    let text = fs::read_to_string(path).expect("it can be read");
    let lines: Vec<u64> = text.lines().map(|line| line.parse().expect("a number")).collect();
    (0..items).map(|item| lines.iter().filter(|line| **line == item).count()).collect()
}
