//! Memory and processor time of other processes, from `/proc`.

use crate::failure::Failure;
use nix::unistd::{SysconfVar, sysconf};
use std::fs;
use std::time::{Duration, Instant};

/// Returns the mean proportional set size of some processes, in KiB.
///
/// A page that several processes share counts for each with its part, so compare equal numbers of processes.
///
/// # Errors
///
/// Fails if one of them is gone or not ours to look at.
pub fn mean_memory_kib(pids: &[u32]) -> Result<f64, Failure> {
    let mut sum = 0;
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        sum += proportional_kib(&text).ok_or_else(|| Failure::Wrong("smaps_rollup holds no Pss".to_string()))?;
    }
    Ok(sum as f64 / pids.len().max(1) as f64)
}

fn proportional_kib(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Watches how much processor time some processes use from now on.
#[derive(Debug)]
pub struct Load {
    pids: Vec<u32>,
    ticks: u64,
    since: Instant,
}

impl Load {
    /// Starts to watch.
    ///
    /// # Errors
    ///
    /// Fails if one of the processes is gone.
    pub fn watch(pids: Vec<u32>) -> Result<Self, Failure> {
        Ok(Load { ticks: ticks_of(&pids)?, pids, since: Instant::now() })
    }

    /// Waits for `window` and returns the mean use by one process since the start, in milliseconds per second.
    ///
    /// The kernel counts in ticks of 10 ms, so a long watch of many processes sees more.
    ///
    /// # Errors
    ///
    /// Fails if one of the processes is gone.
    pub fn after(&self, window: Duration) -> Result<f64, Failure> {
        std::thread::sleep(window);
        let used = ticks_of(&self.pids)?.saturating_sub(self.ticks) as f64;
        let per_second = sysconf(SysconfVar::CLK_TCK)?.unwrap_or(100) as f64;
        let process_seconds = self.since.elapsed().as_secs_f64() * self.pids.len().max(1) as f64;
        Ok(used / per_second * 1e3 / process_seconds)
    }
}

fn ticks_of(pids: &[u32]) -> Result<u64, Failure> {
    let mut sum = 0;
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        sum += ticks(&text).ok_or_else(|| Failure::Wrong("stat cannot be read".to_string()))?;
    }
    Ok(sum)
}

/// Adds the user and system time, fields 14 and 15; the second field is a name in brackets that may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "42 (a) 1 (b) S 1 42 42 0 -1 4194304 90 0 0 0 17 5 0 0 20 0 1 0 1 2 3";
        assert_eq!(ticks(stat), Some(22));
        assert_eq!(ticks("42 (a) S 1"), None);
    }

    #[test]
    fn the_proportional_size_is_not_one_of_its_parts() {
        let rollup = "00400000-7fff ---p 0 00:00 0 [rollup]\nRss: 900 kB\nPss: 79 kB\nPss_Dirty: 60 kB\n";
        assert_eq!(proportional_kib(rollup), Some(79));
        assert_eq!(proportional_kib("Pss_Dirty: 60 kB\n"), None);
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(mean_memory_kib(&[std::process::id()]).expect("our own memory can be read") > 0.0);
    }
}
