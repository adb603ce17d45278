//! A limit on the memory of some processes.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::eventually;

/// What happens to a process that touches memory when there is none left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// The kernel kills some process of the group.
    Kills,
    /// It waits until there is some; where it asks for memory, it is told that there is none.
    Waits,
}

/// A memory cgroup of a test's own.
#[derive(Debug, Clone)]
pub struct MemoryGroup {
    directory: PathBuf,
    version: Version,
    shortage: Shortage,
}

/// When it is dropped, what is left in a group is killed, and the group removed. It belongs on the thread that outlives the case, in which
/// the group's processes may be waited for in vain.
#[derive(Debug)]
pub struct Removal(MemoryGroup);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl MemoryGroup {
    /// Makes a group whose processes together may take so many bytes from when they come on: what they have, they keep.
    ///
    /// # Errors
    /// Why that cannot be done here: it takes privileges, and a hierarchy of cgroups that others can be made in.
    pub fn new(limit_bytes: usize, shortage: Shortage) -> Result<(MemoryGroup, Removal), String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (parent, version) = parent().ok_or("no memory cgroup can be made anywhere")?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = parent.join(format!("procession-test-{}-{number}", process::id()));
        let text = |error: io::Error| format!("no memory cgroup can be made in {}: {error}", parent.display());
        fs::create_dir(&directory).map_err(text)?;
        let group = MemoryGroup { directory, version, shortage };
        let removal = Removal(group.clone());
        group.try_limit(limit_bytes).map_err(text)?;
        match (version, shortage) {
            (Version::One, Shortage::Waits) => group.write("memory.oom_control", "1").map_err(text)?,
            (Version::Two, Shortage::Waits) => spare(process::id().cast_signed(), false).map_err(text)?,
            (_, Shortage::Kills) => {}
        }
        // Without: memory that is written to the disk instead is memory enough.
        let _ = group.write(if version == Version::One { "memory.swappiness" } else { "memory.swap.max" }, "0");
        Ok((group, removal))
    }

    /// Where it is, for a process that means to come by itself.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Puts a process there.
    ///
    /// # Panics
    /// If there is no such process.
    pub fn add(&self, pid: i32) {
        if self.version == Version::Two && self.shortage == Shortage::Waits {
            spare(pid, true).expect("it could be done before");
        }
        self.write("cgroup.procs", &pid.to_string()).expect("it is there");
    }

    /// Sets another limit, in bytes.
    ///
    /// # Panics
    /// If the kernel does not take it.
    pub fn limit(&self, limit_bytes: usize) {
        self.try_limit(limit_bytes).expect("it is a limit");
    }

    /// How many processes the kernel has killed there for want of memory.
    ///
    /// # Panics
    /// If the kernel does not say.
    pub fn killed(&self) -> u64 {
        let file = if self.version == Version::One { "memory.oom_control" } else { "memory.events" };
        let text = fs::read_to_string(self.directory.join(file)).expect("it is there");
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill ")).expect("it is counted");
        count.trim().parse().expect("a number")
    }

    /// Who is there.
    pub fn processes(&self) -> Vec<i32> {
        let text = fs::read_to_string(self.directory.join("cgroup.procs")).unwrap_or_default();
        // Who is none that is seen from here counts as 0.
        text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 1).collect()
    }

    fn try_limit(&self, limit_bytes: usize) -> io::Result<()> {
        let file = if self.version == Version::One { "memory.limit_in_bytes" } else { "memory.max" };
        self.write(file, &limit_bytes.to_string())
    }

    fn write(&self, file: &str, text: &str) -> io::Result<()> {
        fs::write(self.directory.join(file), text)
    }
}

impl Drop for Removal {
    fn drop(&mut self) {
        let MemoryGroup { directory, .. } = &self.0;
        let removal = || {
            eventually("nobody is left in the group, and it can be removed", || {
                // One that is killed may have started another before.
                for pid in self.0.processes() {
                    let _ = nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGKILL);
                }
                fs::remove_dir(directory).map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |()| true)
            });
        };
        // The first panic is the one to be told of.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(removal))
            && !thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

/// Keeps a process from being killed for want of memory; with `is_to_be`, else it is only tried whether that may be done.
fn spare(pid: i32, is_to_be: bool) -> io::Result<()> {
    let path = format!("/proc/{pid}/oom_score_adj");
    let before = fs::read_to_string(&path)?;
    fs::write(&path, "-1000")?;
    if is_to_be { Ok(()) } else { fs::write(&path, before.trim()) }
}

/// Where a memory cgroup may be made.
fn parent() -> Option<(PathBuf, Version)> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let own_path = |wanted: &str| {
        let mut lines = own.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        lines.find(|(names, _)| names.split(',').any(|name| name == wanted)).map(|(_, path)| path.to_owned())
    };
    let one = own_path("memory").and_then(|path| place(&mounts, "cgroup", "memory", &path));
    if let Some((place, mount)) = one {
        return Some((if place.is_dir() { place } else { mount }, Version::One));
    }
    let (place, mount) = place(&mounts, "cgroup2", "", &own_path("")?)?;
    // Groups with processes of their own give no memory away, but one above them does.
    let gives = |directory: &&Path| {
        let given = fs::read_to_string(directory.join("cgroup.subtree_control")).unwrap_or_default();
        given.split_whitespace().any(|name| name == "memory")
    };
    let found = place.ancestors().take_while(|directory| directory.starts_with(&mount)).find(gives)?.to_owned();
    Some((found, Version::Two))
}

/// Where a path of a hierarchy of cgroups is, and where that is mounted.
fn place(mounts: &str, kind: &str, option: &str, path: &str) -> Option<(PathBuf, PathBuf)> {
    mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let (mut fields, mut details) = (before.split(' ').skip(3), after.split(' '));
        let (root, mount) = (fields.next()?, PathBuf::from(fields.next()?));
        let is_it =
            details.next()? == kind && (option.is_empty() || details.nth(1)?.split(',').any(|one| one == option));
        let below = Path::new(path).strip_prefix(root).unwrap_or(Path::new(""));
        is_it.then(|| (mount.join(below), mount))
    })
}
