//! Spawning from parents that are hard to copy: with busy threads, much memory, and open descriptors.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use procession::Launcher;
use procession::prelude::*;
use procession_tests::guarded;

/// How long one case may take.
const GUARD: Duration = Duration::from_secs(90);

fn run(scenario: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scenario"));
    let output = command.arg(scenario).env("RUST_BACKTRACE", "0").stdin(Stdio::null()).output().expect("it runs");
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
}

#[test]
fn no_child_of_a_parent_with_busy_threads_deadlocks() {
    guarded("busy parent", GUARD, |_| run("busy"));
}

#[test]
fn a_parent_of_4_gib_spawns_as_fast_as_a_small_one() {
    guarded("large parent", GUARD, |_| run("large"));
}

/// Lists this process's descriptors: number and target.
fn descriptors() -> Vec<(i32, String)> {
    let entries = fs::read_dir("/proc/self/fd").expect("/proc is there").flatten();
    let describe = |entry: fs::DirEntry| {
        let target = fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned();
        Some((entry.file_name().to_str()?.parse().ok()?, target))
    };
    // The directory itself is open while it is read.
    entries.filter_map(describe).filter(|(_, target)| !target.ends_with("/fd")).collect()
}

#[procession::test]
fn children_do_not_inherit_descriptors() {
    for launcher in [Launcher::Clone, Launcher::Image] {
        guarded("descriptors", GUARD, move |round| {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("the parent's own");
            let open = || {
                let file = File::create(&path).expect("a file");
                let high = fcntl(&file, FcntlArg::F_DUPFD(50)).expect("it can be duplicated");
                // Not close-on-exec: nothing but the library's own care keeps it from children.
                fcntl(file.as_fd(), FcntlArg::F_SETFD(FdFlag::empty())).expect("a flag");
                (file, high)
            };
            let before = open();
            let system = System::builder().launcher(launcher).start().expect("a system starts");
            let after = open();
            assert!(before.1 >= 50 && after.1 >= 50);
            let children: Vec<_> =
                (0..5).map(|_| system.process(descriptors, ()).start().expect("it starts")).collect();
            let found: Vec<_> = children.iter().map(|child| child.join().expect("it tells")).collect();
            for list in &found {
                round.at(format!("{list:?}"));
                assert_eq!(list.len(), found[0].len(), "siblings differ");
                let is_foreign = |(number, target): &&(i32, String)| *number >= 50 || target.contains("parent's own");
                assert_eq!(list.iter().find(is_foreign), None, "inherited");
                // Standard input, output and error; the control socket; the poller and its waker at most.
                assert!(list.len() <= 7, "more than it needs");
            }
        });
    }
}
