//! Many actors, and the limits of the system they run on: descriptors, processes, as root and as somebody else.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use procession::Links;
use procession::prelude::*;
use procession_tests::worker::{Echo, Identify, Worker};
use procession_tests::{eventually, guarded, process_table};
use tempfile::TempDir;

/// How long one crowd may take.
const GUARD: Duration = Duration::from_secs(90);

/// The usual number of `nobody`.
const NOBODY: u32 = 65534;

/// Another user, for the limit on processes: it counts all processes of a user.
const SOMEBODY: u32 = 65501;

/// Runs a crowd, as another user if this one may; gives how many actors there were, and the error that ended it.
fn crowd(count: u32, limit: &str, user: Option<u32>) -> (u32, String) {
    let (program, _directory) = program(user);
    let mut command = Command::new(program);
    command.args(["crowd", &count.to_string(), limit]).env("RUST_BACKTRACE", "0").current_dir("/");
    if let Some(user) = user.filter(|_| nix::unistd::geteuid().is_root()) {
        command.uid(user).gid(user);
    }
    let output = command.stdin(Stdio::null()).output().expect("the program runs");
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (count, error) = text.trim().split_once(' ').expect("a number and an error");
    (count.parse().expect("a number"), error.to_owned())
}

/// Gives a place where another user, too, can execute the program.
fn program(user: Option<u32>) -> (PathBuf, Option<TempDir>) {
    let original = PathBuf::from(env!("CARGO_BIN_EXE_scenario"));
    if user.is_none() {
        return (original, None);
    }
    let directory = tempfile::tempdir().expect("a directory");
    let copy = directory.path().join("scenario");
    fs::copy(original, &copy).expect("it can be copied");
    for path in [directory.path(), &copy] {
        fs::set_permissions(path, Permissions::from_mode(0o755)).expect("it is ours");
    }
    (copy, Some(directory))
}

#[test]
fn a_thousand_actors_come_up_answer_and_go() {
    let (count, error) = guarded("a thousand", GUARD, |_| crowd(1000, "none", None));
    assert_eq!((count, error.as_str()), (1000, "None"));
}

#[test]
fn nine_hundred_actors_fit_under_a_limit_of_1024_descriptors() {
    let (count, error) = guarded("under a limit", GUARD, |_| crowd(900, "descriptors=1024", None));
    assert_eq!((count, error.as_str()), (900, "None"));
}

#[test]
fn nobody_can_have_nine_hundred_actors_too() {
    let (count, error) = guarded("as nobody", GUARD, |_| crowd(900, "descriptors=1024", Some(NOBODY)));
    assert_eq!((count, error.as_str()), (900, "None"));
}

#[test]
fn at_the_limit_of_descriptors_is_a_typed_error_and_nothing_half_started() {
    for limit in ["descriptors=64", "descriptors=65", "descriptors=66", "descriptors=67", "descriptors=200"] {
        let (count, error) = guarded(limit, GUARD, move |_| crowd(1000, limit, None));
        assert!(count > 10, "only {count} under {limit}");
        assert!(error.contains("NoDescriptors"), "{error}");
    }
}

#[test]
fn at_the_limit_of_processes_is_a_typed_error_and_nothing_half_started() {
    if nix::unistd::geteuid().is_root() {
        let (count, error) = guarded("processes", GUARD, |_| crowd(1000, "processes=40", Some(SOMEBODY)));
        assert!((20..40).contains(&count), "{count} under a limit of 40");
        assert!(error.contains("NoProcess"), "{error}");
    }
}

#[procession::test]
fn the_dead_leave_no_descriptors_behind() {
    guarded("descriptors of the dead", GUARD, |round| {
        // A connection that gets busy takes descriptors for good, and how many messages it carries depends on how long asks wait.
        let system = System::builder().links(Links::Sockets).start().expect("a system starts");
        let worker = system.spawn::<Worker>(()).expect("a worker starts");
        let ids = worker.ask(&Identify).expect("it answers");
        let zygote = process_table::children(ids.parent).into_iter().find(|child| child.name == "zygote");
        let zygote = zygote.expect("there is a zygote").pid;
        let counts = || [ids.parent, ids.pid, zygote].map(process_table::descriptor_count);
        round.at("the rest before");
        eventually("the clone for the next process is there, and what it took has been made again", || {
            let rest = |pid| process_table::entry(pid).is_some_and(|entry| entry.state == 'S');
            let has_spare = process_table::children(ids.parent).iter().any(|child| child.name == "spare");
            has_spare && rest(zygote) && rest(ids.parent)
        });
        let before = counts();
        let mut mortals = Vec::new();
        for number in 0..60 {
            round.at(format!("life {number}"));
            let mortal = system.spawn::<Worker>(()).expect("it starts");
            assert_eq!(mortal.ask(&Echo { number }), Ok(number));
            let question = procession_tests::worker::AskOther { other: mortal.clone(), number };
            assert_eq!(worker.ask(&question).as_deref(), Ok("answered"));
            mortals.push((mortal.monitor().expect("it can be watched"), mortal));
            if number % 3 == 0 {
                mortals.drain(..).for_each(|(monitor, mortal)| {
                    mortal.kill().expect("it is killed");
                    monitor.wait_within(GUARD).expect("its end is told");
                });
            }
        }
        for (monitor, mortal) in mortals {
            mortal.stop().expect("it is stopped");
            monitor.wait_within(GUARD).expect("its end is told");
        }
        round.at("the counts");
        eventually("as many descriptors as before", || counts() == before);
    });
}
