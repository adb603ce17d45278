//! Puts processes on cores.

use crate::failure::Failure;
use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::fs;

/// The cores that a run may use.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    all: CpuSet,
    first: usize,
    second: Option<usize>,
}

impl Cores {
    /// Reads the cores that this process is allowed to run on; to be called before anything is pinned.
    ///
    /// # Errors
    ///
    /// Fails if the system call does, or if no core is allowed.
    pub fn allowed() -> Result<Self, Failure> {
        let all = sched_getaffinity(Pid::from_raw(0))?;
        let mut cores = (0..CpuSet::count()).filter(|&core| all.is_set(core).unwrap_or(false));
        let first = cores.next().ok_or_else(|| Failure::Unavailable("no core is allowed".to_string()))?;
        Ok(Cores { all, first, second: cores.next() })
    }

    /// Returns the two cores of split placement, if there are two.
    pub fn two(&self) -> Option<(usize, usize)> {
        self.second.map(|second| (self.first, second))
    }
}

/// Where the processes of a line run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// All on one core.
    Same,
    /// The bench process on one core, the others on a second one.
    Split,
    /// Wherever the scheduler likes.
    Free,
}

impl Placement {
    /// Returns what the placement adds to a line's name.
    pub fn suffix(self) -> &'static str {
        match self {
            Placement::Same => ", same core",
            Placement::Split => ", split cores",
            Placement::Free => "",
        }
    }
}

/// A placement on real cores, the same for both sides of a line.
#[derive(Debug, Clone, Copy)]
pub struct Pinning {
    all: CpuSet,
    own: CpuSet,
    peers: CpuSet,
}

impl Pinning {
    /// Chooses the cores for a placement.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the cores are split and there is only one.
    pub fn new(placement: Placement, cores: &Cores) -> Result<Self, Failure> {
        let (own, peers) = match placement {
            Placement::Free => (cores.all, cores.all),
            Placement::Same => (only(cores.first)?, only(cores.first)?),
            Placement::Split => {
                let (first, second) =
                    cores.two().ok_or_else(|| Failure::Unavailable("there is only one core".to_string()))?;
                (only(first)?, only(second)?)
            }
        };
        Ok(Pinning { all: cores.all, own, peers })
    }

    /// Puts all threads of another process where the line wants it.
    ///
    /// # Errors
    ///
    /// Fails if the process is gone or is not ours.
    pub fn place_peer(&self, pid: u32) -> Result<(), Failure> {
        place(&pid.to_string(), &self.peers)
    }

    /// Puts all threads of another process where the bench process will be: it takes the bench process's part.
    ///
    /// # Errors
    ///
    /// Fails if the process is gone or is not ours.
    pub fn place_beside(&self, pid: u32) -> Result<(), Failure> {
        place(&pid.to_string(), &self.own)
    }

    /// Puts all threads of this process where the line wants it, until the guard is dropped.
    ///
    /// # Errors
    ///
    /// Fails if the system call does.
    pub fn hold(&self) -> Result<Held, Failure> {
        place("self", &self.own)?;
        Ok(Held { all: self.all })
    }

    /// Puts all threads of this process where the line wants the others, until the guard is dropped: what it starts
    /// meanwhile stays there.
    ///
    /// # Errors
    ///
    /// Fails if the system call does.
    pub fn hold_as_peer(&self) -> Result<Held, Failure> {
        place("self", &self.peers)?;
        Ok(Held { all: self.all })
    }
}

/// This process is pinned while this lives.
#[derive(Debug)]
#[must_use = "the process is pinned only while the guard lives"]
pub struct Held {
    all: CpuSet,
}

impl Drop for Held {
    fn drop(&mut self) {
        // The set was read from this very process, so only a vanished /proc could refuse; the next line would report it.
        let _ = place("self", &self.all);
    }
}

/// Puts the calling thread on one core.
///
/// # Errors
///
/// Fails if there is no such core.
pub fn place_thread(core: usize) -> Result<(), Failure> {
    Ok(sched_setaffinity(Pid::from_raw(0), &only(core)?)?)
}

fn place(process: &str, cores: &CpuSet) -> Result<(), Failure> {
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let Some(thread) = task?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        match sched_setaffinity(Pid::from_raw(thread), cores) {
            // The thread ended while we were looking.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

fn only(core: usize) -> Result<CpuSet, Failure> {
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_gives_two_different_cores() {
        let cores = Cores::allowed().expect("some core is allowed");
        match Pinning::new(Placement::Split, &cores) {
            Ok(pinning) => assert_ne!(pinning.own, pinning.peers),
            Err(failure) => assert!(matches!(failure, Failure::Unavailable(_))),
        }
    }
}
