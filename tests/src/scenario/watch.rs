//! The watcher's part of a scenario.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use procession_tests::{Dice, kill, process_table};

/// Within this nothing may be left.
const GONE_WITHIN: Duration = Duration::from_secs(2);

/// How often the process table is looked at: its changes are no events.
const GLANCE: Duration = Duration::from_millis(2);

/// A running scenario.
struct Scene {
    root: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// Who is who.
    cast: Vec<(String, i32)>,
}

/// Runs a scenario, commits the fault, and panics if anything is left.
pub(crate) fn watch(fixture: &str, ending: &str, fault: &str, seed: &str) -> ExitCode {
    prctl::set_child_subreaper(true).expect("it can reap");
    prctl::set_pdeathsig(Signal::SIGKILL).expect("it ends with the test");
    let mut dice = Dice::new(seed.parse().expect("a number"));
    let directory = tempfile::tempdir().expect("a directory");
    let shared_before = shared_memory();
    let mut scene = Scene::start(fixture, ending, directory.path());
    scene.read_until("ready");
    dice.spin();
    scene.commit(fault);
    let status = scene.end(fault);
    expect_nothing_left();
    let is_right = match (fault, ending) {
        ("root" | "root and supervisor", _) => status == "signal 9",
        (_, "panic") => status == "code 101",
        _ => status == "code 0",
    };
    assert!(is_right, "root ended with {status}");
    let left: Vec<_> = fs::read_dir(directory.path()).expect("it is there").flatten().collect();
    assert!(left.is_empty(), "files are left: {left:?}");
    // Others on this machine may make entries of their own meanwhile; those of the library would not be theirs to take away.
    let shared: Vec<_> = shared_memory().difference(&shared_before).cloned().collect();
    assert!(shared.is_empty(), "shared memory is left: {shared:?}");
    ExitCode::SUCCESS
}

impl Scene {
    fn start(fixture: &str, ending: &str, directory: &std::path::Path) -> Scene {
        let mut command = Command::new("/proc/self/exe");
        command.args(["run", fixture, ending]).current_dir(directory).env("TMPDIR", directory);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut root = spawned.expect("the scenario runs");
        let input = root.stdin.take();
        let output = BufReader::new(root.stdout.take().expect("it was piped"));
        Scene { root, input, output, cast: Vec::new() }
    }

    /// Reads who is who until a word comes.
    fn read_until(&mut self, word: &str) {
        loop {
            let mut line = String::new();
            let count = self.output.read_line(&mut line).expect("root's output");
            assert!(count > 0, "root ended before it said {word}");
            let (role, pid) = line.trim().split_once(' ').expect("a role and a process id");
            if role == word {
                return;
            }
            self.cast.push((role.to_owned(), pid.parse().expect("a number")));
        }
    }

    fn all(&self, role: &str) -> Vec<i32> {
        self.cast.iter().filter(|(other, _)| other == role).map(|(_, pid)| *pid).collect()
    }

    fn kill(&self, role: &str) {
        self.all(role).into_iter().for_each(|pid| kill(pid, Signal::SIGKILL));
    }

    /// Has root talk to its system.
    fn look(&mut self) {
        let input = self.input.as_mut().expect("it is open");
        input.write_all(b"\n").expect("root reads");
        self.read_until("looked");
    }

    fn commit(&mut self, fault: &str) {
        let root = self.root.id().cast_signed();
        match fault {
            "none" => {}
            "root" => kill(root, Signal::SIGKILL),
            "supervisor" => {
                self.kill("supervisor");
                self.look();
                let root = [root];
                wait_until("only root", || running().into_iter().all(|(pid, _)| root.contains(&pid)));
            }
            "root and supervisor" => {
                kill(root, Signal::SIGKILL);
                self.kill("supervisor");
            }
            "owner" => {
                self.kill("owner");
                let gone: Vec<i32> = [self.all("owner"), self.all("owned")].concat();
                wait_until("the owner and its own gone", || running().iter().all(|(pid, _)| !gone.contains(pid)));
                self.look();
            }
            _ => panic!("no fault is called {fault}"),
        }
    }

    /// Lets root end, waits for that, and says how it did.
    fn end(&mut self, fault: &str) -> String {
        drop(self.input.take());
        let root = Pid::from_raw(self.root.id().cast_signed());
        if fault == "root and supervisor" {
            wait_until("nobody but zombies", || running().is_empty());
        }
        match waitpid(root, None).expect("root is a child") {
            WaitStatus::Exited(_, code) => format!("code {code}"),
            WaitStatus::Signaled(_, signal, _) => format!("signal {}", signal as i32),
            other => format!("{other:?}"),
        }
    }
}

/// Waits until all processes under this one have ended, reaping those that were left to it.
fn expect_nothing_left() {
    wait_until("nobody", || {
        while let Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {}
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        waitid(Id::All, flags) == Err(Errno::ECHILD)
    });
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + GONE_WITHIN;
    while !is_so() {
        if Instant::now() > deadline {
            let left = running();
            left.iter().for_each(|(pid, _)| kill(*pid, Signal::SIGKILL));
            panic!("after {GONE_WITHIN:?} not {what}, but {left:?}");
        }
        thread::sleep(GLANCE);
    }
}

/// Lists the processes under this one that are no zombies, with their command lines.
fn running() -> Vec<(i32, String)> {
    let own = std::process::id().cast_signed();
    let all = process_table::descendants(own).into_iter().filter(|entry| entry.state != 'Z');
    let title = |pid: i32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default().replace('\0', " ");
    all.map(|entry| (entry.pid, format!("{} {} {}", entry.name, entry.state, title(entry.pid)))).collect()
}

fn shared_memory() -> BTreeSet<String> {
    let entries = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
