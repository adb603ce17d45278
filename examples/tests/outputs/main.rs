//! Runs every example and checks what it prints, and that no process of it is left.
//!
//! Where processes print at the same time the order of their lines is open, and they are compared as a set.

mod run;

use std::io::Write;
use std::thread::available_parallelism;

use regex_lite::Regex;
use run::{lines, run};
use tempfile::NamedTempFile;

/// Takes the first line, which matches the pattern, and gives its numbers.
fn take_numbers(lines: &mut Vec<String>, pattern: &str) -> Vec<u64> {
    assert!(!lines.is_empty(), "a line like {pattern:?} is missing");
    let line = lines.remove(0);
    let regex = Regex::new(&format!("^{pattern}$")).expect("it is a pattern");
    let found = regex.captures(&line).unwrap_or_else(|| panic!("{line:?} is not like {pattern:?}"));
    let numbers = found.iter().skip(1).flatten().map(|number| number.as_str().parse().expect("it is a number"));
    numbers.collect()
}

/// Takes the first lines, whose order is open, and gives them sorted.
fn take_set(lines: &mut Vec<String>, count: usize) -> Vec<String> {
    assert!(lines.len() >= count, "{count} lines were expected, not {lines:?}");
    let mut set: Vec<String> = lines.drain(..count).collect();
    set.sort();
    set
}

fn numbered(range: impl IntoIterator<Item = u64>, line: impl Fn(u64) -> String) -> Vec<String> {
    range.into_iter().map(line).collect()
}

#[test]
fn account() {
    let expected = [
        "after two deposits: 120",
        "after a third, asked for ahead: 121",
        "refused: 329 missing",
        "a process counted to ten: 55",
    ];
    assert_eq!(lines("account", &[]), expected);
}

#[test]
fn process_basics() {
    let mut lines = lines("process_basics", &[]);
    assert_eq!(lines.remove(0), "Running in a separate process");
    assert_eq!(lines.drain(..10).collect::<Vec<_>>(), numbered(1..=10, |number| number.to_string()));
    assert_eq!(lines.remove(0), "Process is running");
    assert_eq!(take_set(&mut lines, 3), ["Hello", "Multiprocessing", "World"]);
    assert_eq!(lines, ["Process completed"]);
}

#[test]
fn join() {
    let mut lines = lines("join", &[]);
    let started = |number| format!("Process {number} started");
    let finished = |number| format!("Process {number} finished with {} results", number * 1000);
    let in_turn: Vec<String> = (0..6).flat_map(|number| [started(number), finished(number)]).collect();
    assert_eq!(lines.drain(..12).collect::<Vec<_>>(), in_turn);
    let sequential = take_numbers(&mut lines, r"Sequential: (\d+) ms")[0];
    let mut all = in_turn;
    all.sort();
    assert_eq!(take_set(&mut lines, 12), all);
    let concurrent = take_numbers(&mut lines, r"Concurrent: (\d+) ms")[0];
    assert_eq!(lines, ["All processes finished"]);
    if available_parallelism().is_ok_and(|cores| cores.get() > 1) {
        assert!(concurrent < sequential, "{concurrent} ms at the same time, {sequential} ms one after the other");
    }
}

#[test]
fn errors() {
    let mut lines = lines("errors", &[]);
    assert_eq!(lines.remove(0), "Caught exception: invalid digit found in string");
    assert_eq!(lines.remove(0), "Returned error: invalid digit found in string");
    let message = "an error occurred in the child process: ParseIntError { kind: InvalidDigit }";
    assert_eq!(lines.remove(0), format!("Panic: {message}"));
    take_numbers(&mut lines, r"Place: examples/errors\.rs:(\d+):(\d+)");
    assert_eq!(lines.remove(0), "Backtrace:");
    // A frame that was inlined is named without its crate.
    let frame = Regex::new(r"^ *\d+: (errors::)?careless$").expect("it is a pattern");
    assert!(lines.iter().any(|line| frame.is_match(line)), "{lines:#?}");
}

#[test]
fn big_sums() {
    let mut lines = lines("big_sums", &[]);
    let expected = numbered(1..=4, |number| format!("Process Process-{number}, Result: 333333283333335000000"));
    assert_eq!(take_set(&mut lines, 4), expected);
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn life_cycle() {
    let mut lines = lines("life_cycle", &[]);
    assert_eq!(lines.remove(0), "Before start: a plan, alive: false");
    take_numbers(&mut lines, r"Running: Child\((\d+)\.(\d+)\.(\d+)\), alive: true");
    take_numbers(&mut lines, r"Terminated and joined: Child\((\d+)\.(\d+)\.(\d+)\), alive: false");
    assert_eq!(lines, ["Exit: the process ended by signal 15 (SIGTERM)"]);
}

#[test]
fn daemons() {
    let mut lines = lines("daemons", &[]);
    assert_eq!(take_set(&mut lines, 2), ["Starting NO_background_process", "Starting background_process"]);
    assert_eq!(take_set(&mut lines, 2), ["Ending main", "Exiting NO_background_process"]);
    assert_eq!(lines, ["Both are gone"]);
}

#[test]
fn ring() {
    for (processes, passes) in [("5", "1000"), ("2", "0"), ("1", "10"), ("40", "401")] {
        let mut lines = lines("ring", &[processes, passes]);
        let pattern = format!(r"{processes} processes passed the token {passes} times: (\d+) passes/s");
        take_numbers(&mut lines, &pattern);
        assert!(lines.is_empty(), "{lines:?}");
    }
}

#[test]
fn supervised() {
    let mut lines = lines("supervised", &[]);
    let again = take_numbers(&mut lines, r"25 workers killed, (\d+) tasks given again")[0];
    assert!((1..=25).contains(&again), "{again} tasks were given again");
    assert_eq!(lines, ["148933 primes below 2000000"]);
}

#[test]
fn word_count_of_the_sample() {
    let mut lines = lines("word_count", &[]);
    assert_eq!(lines.remove(0), "         4 the");
    assert_eq!(take_set(&mut lines, 4), ["         1 and", "         2 cat", "         2 dog", "         2 saw"]);
    take_numbers(&mut lines, r" +11 words, 5 different");
    take_numbers(&mut lines, r"no process held more than (\d+) MiB");
    assert!(lines.is_empty(), "{lines:?}");
}

/// Writes a file and counts its words, which the example compares with what one process counts.
fn checked_word_count(contents: &[u8]) -> Vec<String> {
    let mut file = NamedTempFile::new().expect("a file can be made");
    file.write_all(contents).expect("it can be written");
    let path = file.path().to_str().expect("it is text");
    let mut lines = lines("word_count", &[path, "--check"]);
    assert_eq!(lines.pop().as_deref(), Some("a single process counts the same"));
    lines
}

#[test]
fn word_count_of_odd_files() {
    let mut empty = checked_word_count(b"");
    take_numbers(&mut empty, " +0 words, 0 different");
    let mut odd = checked_word_count(b"caf\xc3\xa9 caf\xe9\r\n\tcaf\xc3\xa9   ");
    assert_eq!(odd.remove(0), "         2 caf\u{e9}");
    assert_eq!(odd.remove(0), "         1 caf\u{fffd}");
    take_numbers(&mut odd, " +3 words, 2 different");
}

#[test]
fn word_count_of_many_different_words() {
    // More than the mappers keep, so they hand over several times.
    let text: String = (0..300_000).map(|number| format!("w{}\n", number % 150_000)).collect();
    let mut lines = checked_word_count(text.as_bytes());
    lines.drain(..5);
    take_numbers(&mut lines, " +300000 words, 150000 different");
}

#[test]
fn word_count_of_a_missing_file() {
    let run = run("word_count", &["/there/is/no/such/file"]);
    assert!(!run.status.success());
    assert!(run.errors.contains("No such file or directory"), "{run:?}");
}

/// 100 MB go through, and no process ever holds more than a part of it.
#[test]
fn word_count_of_a_large_file() {
    const BLOCKS: u64 = 100;
    let words: String = (0..9_000u64).map(|number| format!("word{} ", number * number % 2_003)).collect();
    let block = format!("{words}\n").repeat(14);
    let mut file = NamedTempFile::new().expect("a file can be made");
    for _ in 0..BLOCKS {
        file.write_all(block.as_bytes()).expect("it can be written");
    }
    let size_bytes = file.as_file().metadata().expect("it is there").len();
    assert!(size_bytes >= 100_000_000, "{size_bytes} bytes are too few");

    let mut lines = lines("word_count", &[file.path().to_str().expect("it is text")]);
    lines.drain(..5);
    let total = block.split_whitespace().count() as u64 * BLOCKS;
    let found = take_numbers(&mut lines, r" +(\d+) words, (\d+) different");
    assert_eq!(found, [total, 1_002]);
    let peak = take_numbers(&mut lines, r"no process held more than (\d+) MiB")[0];
    assert!(peak <= 64, "{peak} MiB were held by one process");
}

#[test]
fn shared_counter() {
    let mut lines = lines("shared_counter", &[]);
    assert_eq!(lines.pop().as_deref(), Some("Final value: 10"));
    // Whoever comes first counts first, so the numbers are in order and the names are not.
    let (names, values): (Vec<&str>, Vec<&str>) = lines.iter().filter_map(|line| line.split_once(": ")).unzip();
    assert_eq!(values, numbered(1..=10, |number| number.to_string()));
    let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let mut expected = numbered(1..=10, |number| format!("Process-{number}"));
    names.sort();
    expected.sort();
    assert_eq!(names, expected);
}

#[test]
fn semaphore() {
    let mut lines = lines("semaphore", &[]);
    let most = take_numbers(&mut lines, r"10 processes were inside, at most (\d+) at a time")[0];
    assert!((1..=3).contains(&most), "{most} were inside");
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn event() {
    assert_eq!(lines("event", &[]), ["Waiting for event", "Setting event", "Event received"]);
}

#[test]
fn barrier() {
    let mut lines = lines("barrier", &[]);
    let waiting = numbered(0..3, |number| format!("Process {number} is waiting at the barrier"));
    assert_eq!(take_set(&mut lines, 3), waiting, "nobody passes before the last has come");
    assert_eq!(take_set(&mut lines, 3), numbered(0..3, |number| format!("Process {number} has passed the barrier")));
    let mut times = take_set(&mut lines, 2);
    take_numbers(&mut times, r"test1: (\d+) us");
    take_numbers(&mut times, r"test2: (\d+) us");
    let apart = take_numbers(&mut lines, r"Apart: (\d+) us")[0];
    // On a quiet machine well below 10 ms; a loaded one may keep a process that has been woken from running for longer.
    assert!(apart <= 1_000_000, "{apart} us apart");
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn producer_consumer() {
    let mut lines = lines("producer_consumer", &[]);
    let received = [10, 20, 0, 1, 2, 3, 4].map(|number| format!("Received: {number}"));
    assert_eq!(lines.drain(..7).collect::<Vec<_>>(), received);
    assert_eq!(lines, ["Closed after [0, 1, 2, 3, 4]", "Closed after a kill: true"]);
}
