//! One run of one example, from outside.

use std::env;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// No example may take longer.
const GUARD: Duration = Duration::from_secs(60);

/// Every process of a run has this variable in its environment.
const MARKER: &str = "PROCESSION_EXAMPLE_RUN";

static RUNS: AtomicU32 = AtomicU32::new(0);

/// What an example has printed, and how it ended. No process of it is left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: ExitStatus,
    pub(crate) lines: Vec<String>,
    pub(crate) errors: String,
}

/// Runs an example that must succeed, and gives the lines that it has printed.
pub(crate) fn lines(example: &str, arguments: &[&str]) -> Vec<String> {
    let run = run(example, arguments);
    assert!(run.status.success(), "{example} failed: {run:#?}");
    run.lines
}

/// Runs an example and looks that nothing of it is left.
pub(crate) fn run(example: &str, arguments: &[&str]) -> Run {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (output, errors) = (folder.path().join("output"), folder.path().join("errors"));
    let create = |path| fs::File::create(path).expect("a file can be made");
    let marker = format!("{}-{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed));
    let mut root = Command::new(executable(example))
        .args(arguments)
        .env(MARKER, &marker)
        .process_group(0)
        .stdout(create(&output))
        .stderr(create(&errors))
        .spawn()
        .unwrap_or_else(|error| panic!("{example} cannot be started; `cargo test` without filters builds it: {error}"));

    let pid = Pid::from_raw(root.id().cast_signed());
    let (over, guard) = mpsc::channel::<()>();
    let guard = thread::spawn(move || {
        let timed_out = guard.recv_timeout(GUARD) == Err(mpsc::RecvTimeoutError::Timeout);
        timed_out && killpg(pid, Signal::SIGKILL).is_ok()
    });
    let status = root.wait().expect("it is a child of this process");
    let left = processes_of(&marker);
    drop(over);

    let read = |path| String::from_utf8(fs::read(path).expect("the file is there")).expect("it is text");
    let lines = read(&output).lines().map(str::to_owned).collect();
    let run = Run { status, lines, errors: read(&errors) };
    let timed_out = guard.join().expect("the guard does not panic");
    assert!(!timed_out, "{example} did not end within {GUARD:?}: {run:#?}");
    assert!(left.is_empty(), "{example} has left {left:?} behind: {run:#?}");
    run
}

/// Cargo puts examples beside the folder that this test is in.
fn executable(example: &str) -> PathBuf {
    let test = env::current_exe().expect("this process has an executable");
    let profile = test.ancestors().nth(2).expect("it is in `deps`, below the profile's folder");
    profile.join("examples").join(example)
}

/// The processes that have inherited the marker, with their command lines.
fn processes_of(marker: &str) -> Vec<String> {
    let wanted = format!("{MARKER}={marker}");
    let is_of = |environment: Vec<u8>| environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes());
    let entries = fs::read_dir("/proc").expect("/proc is there").flatten().map(|entry| entry.path());
    let left = entries.filter(|path| fs::read(path.join("environ")).is_ok_and(is_of));
    left.map(|path| format!("{}: {:?}", path.display(), fs::read_to_string(path.join("cmdline")))).collect()
}
