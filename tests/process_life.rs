//! The life of a process: how it is joined, watched and ended, what it is given and what it returns.

use std::os::unix::process::parent_id;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use nix::libc;
use procession::prelude::*;
use procession::{Exit, JoinError, RuntimeError};
use procession_tests::process_table;

const SHORT: Duration = Duration::from_millis(20);
const LIMIT: Duration = Duration::from_secs(8);

fn sleep_forever() {
    loop {
        thread::park();
    }
}

fn ended<T>(outcome: Result<T, JoinError>) -> Exit {
    match outcome {
        Err(JoinError::Ended(ended)) => ended.exit,
        Err(other) => panic!("expected an end, got {other:?}"),
        Ok(_) => panic!("expected an end, got a value"),
    }
}

#[procession::test]
fn a_process_is_alive_until_it_is_ended() {
    type Act = fn(&Child<()>) -> Result<(), RuntimeError>;
    let ways: [(&str, Act, Exit); 3] = [
        ("kill", Child::kill, Exit::Signal { signal: libc::SIGKILL, core_dumped: false }),
        ("terminate", Child::terminate, Exit::Signal { signal: libc::SIGTERM, core_dumped: false }),
        ("stop", Child::stop, Exit::Stopped),
    ];
    let system = System::start().expect("a system");
    for (way, act, exit) in &ways {
        let child = system.process(sleep_forever, ()).name(*way).start().expect("a process");
        let pid = child.pid().expect("a status").expect("it runs");
        assert!(child.is_alive().expect("a status") && process_table::is_running(pid), "{way}: before");
        assert_eq!(child.join_within(SHORT), Err(JoinError::Timeout), "{way}: while it runs");
        let supervisor = process_table::entry(pid).expect("it runs").parent;

        act(&child).expect("it runs");
        assert_eq!(ended(child.join_within(LIMIT)), *exit, "{way}");
        assert!(!child.is_alive().expect("a status") && child.pid().expect("a status").is_none(), "{way}: after");
        assert!(process_table::entry(pid).is_none_or(|entry| entry.parent != supervisor), "{way}: it is reaped");
        assert_eq!(ended(child.join()), *exit, "{way}: joined again");
        for late in ways.iter().map(|(_, act, _)| act) {
            assert_eq!(late(&child), Err(RuntimeError::NoActor), "after {way}");
        }
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn many_join_one_process() {
    let system = System::start().expect("a system");
    let child = system.process(|| 7_u32, ()).start().expect("a process");
    thread::scope(|scope| {
        let joiners: Vec<_> = (0..4).map(|_| scope.spawn(|| child.join_within(LIMIT))).collect();
        for joiner in joiners {
            assert_eq!(joiner.join().expect("no panic"), Ok(7));
        }
    });
    system.shutdown().expect("an orderly end");
}

#[data]
#[derive(Debug, PartialEq)]
struct Sample {
    name: String,
    values: Vec<Option<i64>>,
}

#[procession::test]
fn values_come_back_typed() {
    let system = System::start().expect("a system");
    assert_eq!(system.process(|| (), ()).start().expect("a process").join(), Ok(()));
    let largest = system.process(|number: usize| number, usize::MAX).start().expect("a process");
    assert_eq!(largest.join(), Ok(usize::MAX));
    let joined = system.process(|a: String, b: char, c: u8| format!("{a}{b}{c}"), ("x".to_owned(), 'ß', 3_u8));
    assert_eq!(joined.start().expect("a process").join(), Ok("xß3".to_owned()));
    let sample = system.process(|name: String| Sample { name, values: vec![None, Some(-5)] }, "a".to_owned());
    let expected = Sample { name: "a".to_owned(), values: vec![None, Some(-5)] };
    assert_eq!(sample.start().expect("a process").join(), Ok(expected));
    system.shutdown().expect("an orderly end");
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

/// Around the limits of what travels in a control message, in a memory file, and in one frame of the control socket.
const LENGTHS: [usize; 9] = [0, 1, 4000, 4095, 4096, 4097, (1 << 20) - 1, (1 << 20) + 1, 5 << 20];

#[procession::test]
fn values_and_arguments_of_any_size_travel() {
    let system = System::start().expect("a system");
    for length in LENGTHS {
        let value = system.process(pattern, length).start().expect("a process").join().expect("a value");
        assert!(value == pattern(length), "a value of {length} bytes");
        let check = |bytes: Vec<u8>| bytes == pattern(bytes.len());
        let checked = system.process(check, pattern(length)).start().expect("a process");
        assert_eq!(checked.join(), Ok(true), "an argument of {length} bytes");
    }
    system.shutdown().expect("an orderly end");
}

#[data]
#[derive(Debug, PartialEq)]
struct Unfit {
    number: u64,
}

impl std::fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} is unfit", self.number)
    }
}

#[procession::test]
fn a_refused_value_is_typed_at_join_and_a_failure_for_others() {
    let check = |number: u64| if number.is_multiple_of(2) { Ok(number / 2) } else { Err(Unfit { number }) };
    let system = System::start().expect("a system");
    assert_eq!(system.try_process(check, 8_u64).start().expect("a process").join(), Ok(4));
    let odd = system.try_process(check, 9_u64).start().expect("a process");
    assert_eq!(odd.join(), Err(JoinError::Refused(Unfit { number: 9 })));
    let watched = system.try_process(sleep_then_refuse, ()).start().expect("a process");
    let monitor = watched.monitor().expect("a monitor");
    watched.stop().expect("it runs");
    let down = monitor.wait_within(LIMIT).expect("its end");
    assert_eq!(down.reason, procession::DownReason::Ended(Exit::Stopped));
    assert!(matches!(watched.join(), Err(JoinError::Ended(ended)) if ended.exit == Exit::Stopped));
    system.shutdown().expect("an orderly end");
}

fn sleep_then_refuse() -> Result<u64, Unfit> {
    thread::park();
    Err(Unfit { number: 0 })
}

fn surroundings() -> (Option<String>, Option<String>, String, String, u32) {
    let show = |path: std::io::Result<PathBuf>| path.map_or_else(|e| e.to_string(), |path| path.display().to_string());
    let input = show(fs::read_link("/proc/self/fd/0"));
    (env::var("PATH").ok(), env::var("PROCESSION_TEST").ok(), show(env::current_dir()), input, parent_id())
}

#[procession::test]
fn a_process_has_its_surroundings_from_root_and_from_its_options() {
    let system = System::start().expect("a system");
    let plain = system.process(surroundings, ()).start().expect("a process");
    let (path, variable, directory, input, parent) = plain.join().expect("a value");
    assert_eq!((path, variable), (env::var("PATH").ok(), None));
    assert_eq!(directory, env::current_dir().expect("a directory").display().to_string());
    assert_eq!(input, "/dev/null");
    assert_ne!(parent, std::process::id(), "its parent is the supervisor");
    let with = system.process(surroundings, ()).environment("PROCESSION_TEST", "a=b c").start().expect("a process");
    assert_eq!(with.join().expect("a value").1.as_deref(), Some("a=b c"));
    let later = system.process(surroundings, ()).start().expect("a process");
    assert_eq!(later.join().expect("a value").1, None, "one process's variables are not another's");
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_name_is_seen_by_ps() {
    let names = || {
        let read = |file: &str| fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default();
        (read("comm").trim_end().to_owned(), read("cmdline"))
    };
    let system = System::start().expect("a system");
    for name in ["cook", "a name of more than fifteen bytes", "ünïcödé-näme-lång"] {
        let child = system.process(names, ()).name(name).start().expect("a process");
        let (short, title) = child.join().expect("a value");
        assert!(name.starts_with(short.trim_end_matches('\u{fffd}')) && !short.is_empty(), "{name}: {short}");
        assert!(short.len() <= 15 + 3, "{name}: {short}");
        assert!(title.starts_with(name), "{name}: {title}");
    }
    system.shutdown().expect("an orderly end");
}

fn work_then_write(path: String) {
    thread::sleep(Duration::from_millis(200));
    fs::write(path, "done").expect("a file");
}

#[procession::test]
fn the_end_of_a_system_waits_for_processes_but_not_for_daemons() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("result");
    let system = System::start().expect("a system");
    let daemon = system.process(sleep_forever, ()).daemon(true).start().expect("a daemon");
    let daemon = daemon.pid().expect("a status").expect("it runs");
    system.process(work_then_write, path.display().to_string()).start().expect("a process");
    let start = Instant::now();
    system.shutdown().expect("an orderly end");
    assert_eq!(fs::read_to_string(path).expect("it was written"), "done");
    assert!(!process_table::is_running(daemon));
    assert!(start.elapsed() < LIMIT);
}
