//! Where the output of processes goes.

use std::fs;
use std::io::{Write, stderr, stdout};
use std::path::Path;
use std::time::Duration;

use procession::prelude::*;
use procession::{Exit, JoinError, RuntimeError, SpawnError, Stdio};

const LIMIT: Duration = Duration::from_secs(8);

/// Writes lines to both, then ends with the code.
fn write_lines(count: u32, code: i32) {
    for number in 0..count {
        writeln!(stdout(), "out {number}").expect("written");
        writeln!(stderr(), "error {number}").expect("written");
    }
    if code != 0 {
        std::process::exit(code);
    }
}

/// Tells where the two descriptors lead.
fn places() -> (String, String) {
    let place = |number| fs::read_link(format!("/proc/self/fd/{number}")).expect("it is open").display().to_string();
    (place(1), place(2))
}

#[procession::test]
fn output_goes_where_root_s_goes_or_nowhere() {
    let system = System::start().expect("a system");
    let root = places();
    let table = [
        (Stdio::Inherit, Stdio::Inherit, root.clone()),
        (Stdio::Null, Stdio::Inherit, ("/dev/null".to_owned(), root.1.clone())),
        (Stdio::Inherit, Stdio::Null, (root.0.clone(), "/dev/null".to_owned())),
        (Stdio::Null, Stdio::Null, ("/dev/null".to_owned(), "/dev/null".to_owned())),
    ];
    for (out, error, expected) in table {
        let name = format!("{out:?} {error:?}");
        let child = system.process(places, ()).stdout(out).stderr(error).start().expect("a process");
        assert_eq!(child.join_within(LIMIT), Ok(expected), "{name}");
    }
    system.shutdown().expect("an orderly end");
}

fn file(path: &Path) -> Stdio {
    Stdio::File(path.to_owned())
}

#[procession::test]
fn files_are_made_and_appended_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let (out, error) = (folder.path().join("out"), folder.path().join("error"));
    let system = System::start().expect("a system");
    for _ in 0..2 {
        let process = system.process(write_lines, (2_u32, 0)).stdout(file(&out)).stderr(file(&error));
        process.start().expect("a process").join_within(LIMIT).expect("its end");
    }
    assert_eq!(fs::read_to_string(&out).expect("it is there"), "out 0\nout 1\nout 0\nout 1\n");
    assert_eq!(fs::read_to_string(&error).expect("it is there"), "error 0\nerror 1\nerror 0\nerror 1\n");
    let both = folder.path().join("both");
    let process = system.process(write_lines, (100_u32, 0)).stdout(file(&both)).stderr(file(&both));
    process.start().expect("a process").join_within(LIMIT).expect("its end");
    assert_eq!(fs::read_to_string(&both).expect("it is there").lines().count(), 200, "no line over another");
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_file_that_cannot_be_made_is_an_error_and_nothing_is_started() {
    let system = System::start().expect("a system");
    let process = system.process(write_lines, (1_u32, 0)).stdout(file(Path::new("/nonexistent/file")));
    match process.start() {
        Err(SpawnError::Runtime(RuntimeError::System(text))) => assert!(text.contains("No such file"), "{text}"),
        other => panic!("{other:?}"),
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn the_last_lines_are_told_with_the_exit() {
    let system = System::start().expect("a system");
    for (count, kept) in [(0, 0), (3, 3), (20, 20), (1000, 20), (100_000, 20)] {
        let process = system.process(write_lines, (count, 3)).stdout(Stdio::Null).stderr(Stdio::Tail);
        match process.start().expect("a process").join_within(LIMIT) {
            Err(JoinError::Ended(ended)) => {
                assert_eq!(ended.exit, Exit::Code(3));
                let expected: Vec<String> = (count - kept..count).map(|number| format!("error {number}")).collect();
                assert_eq!(ended.stderr_tail, expected, "of {count} lines");
            }
            other => panic!("{other:?}"),
        }
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_tail_does_not_wait_for_whoever_inherited_it() {
    let system = System::start().expect("a system");
    let leave_one_behind = || {
        let program = std::process::Command::new("sleep").arg("30").stdout(std::process::Stdio::null()).spawn();
        writeln!(stderr(), "last words").expect("written");
        drop(program.expect("a program"));
        std::process::abort()
    };
    let child: Child<()> = system.process(leave_one_behind, ()).stderr(Stdio::Tail).start().expect("a process");
    match child.join_within(LIMIT) {
        Err(JoinError::Ended(ended)) => assert_eq!(ended.stderr_tail, ["last words"]),
        other => panic!("{other:?}"),
    }
    system.shutdown().expect("an orderly end");
}
