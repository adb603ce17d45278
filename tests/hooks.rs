//! The hook before `main`: there, forgotten, and among other attributes.

use std::process::{Command, Output};
use std::time::Instant;

use procession::prelude::*;
use procession_tests::SOON;
use procession_tests::worker::{Echo, Worker};

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    (status.code(), String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned())
}

#[test]
fn a_forgotten_hook_is_an_error_that_says_what_to_do() {
    let start = Instant::now();
    let (code, out, _) = run(&mut Command::new(env!("CARGO_BIN_EXE_hookless")));
    let expected = "main\nthis program lacks the hook: put #[procession::main] above `fn main` (#[procession::test] above a test)\n";
    assert_eq!((code, out.as_str()), (Some(3), expected), "main has run once");
    assert!(start.elapsed() < SOON);
}

#[test]
fn the_hook_goes_with_other_attributes_and_main_runs_once() {
    let (code, out, error) = run(Command::new(env!("CARGO_BIN_EXE_hooked")).args(["a", "b c"]));
    assert_eq!((code, out.as_str()), (Some(0), "main [\"a\", \"b c\"]\nanswer 7\n"), "{error}");
}

#[test]
fn main_returns_an_error_as_ever() {
    let (code, out, error) = run(Command::new(env!("CARGO_BIN_EXE_hooked")).arg("fail").env("RUST_BACKTRACE", "0"));
    assert_eq!((code, out.as_str()), (Some(1), "main [\"fail\"]\nanswer 7\n"), "{error}");
    assert!(error.contains("Code(9)"), "{error}");
}

/// A marker that the library has not made is not acted upon, and `main` runs as ever.
#[test]
fn a_forged_marker_is_ignored() {
    for marker in
        ["", "actor", "actor:0", "actor:0:0:0", "supervisor:1:ffffffffffffffff:1", "supervisor:zz:1:1:1", "\u{1}"]
    {
        let (code, out, error) = run(Command::new(env!("CARGO_BIN_EXE_hooked")).env("PROCESSION_PROCESS", marker));
        assert_eq!((code, out.as_str()), (Some(0), "main []\nanswer 7\n"), "{marker:?}: {error}");
    }
}

#[procession::test]
#[should_panic(expected = "as wanted")]
fn a_test_may_be_expected_to_panic() {
    let system = System::start().expect("a system");
    assert_eq!(system.spawn::<Worker>(()).expect("an actor").ask(&Echo { number: 1 }), Ok(1));
    panic!("as wanted");
}

#[procession::test]
fn a_test_may_return_an_error() -> procession::Result<()> {
    let system = System::start()?;
    assert_eq!(system.spawn::<Worker>(())?.ask(&Echo { number: 1 })?, 1);
    system.shutdown()
}

#[procession::test]
fn a_process_does_not_see_the_marker_nor_the_arguments_of_the_test_binary() {
    let look = || (std::env::var_os("PROCESSION_PROCESS").is_some(), std::env::args().count());
    let system = System::start().expect("a system");
    let (is_marked, _) = system.process(look, ()).start().expect("a process").join_within(SOON).expect("a value");
    assert!(!is_marked);
    system.shutdown().expect("an orderly end");
}
