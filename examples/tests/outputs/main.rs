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
fn shared_data() {
    let expected = [
        "Shared list: [1, 2, 3, 100]",
        "Final counter value: 2000",
        "Final array: [2, 4, 6, 8, 10]",
        "Final list: [2, 4, 6, 8, 10]",
        "Worker-1 output length: 1000",
        "Worker-2 output length: 1000",
    ];
    assert_eq!(lines("shared_data", &[]), expected);
}

#[test]
fn locked_sum() {
    let mut lines = lines("locked_sum", &[]);
    let overflow = "One more than 2147483647: the result is beyond the bounds of its type; use a wider one";
    assert_eq!(lines.pop().as_deref(), Some(overflow));
    assert_eq!(lines.pop().as_deref(), Some("Final shared value: 1333331333334000000"));
    let between = " updated the shared value to ";
    let (mut names, sums): (Vec<&str>, Vec<&str>) = lines.iter().filter_map(|line| line.split_once(between)).unzip();
    assert_eq!(sums, numbered(1..=4, |number| (number * 333_332_833_333_500_000).to_string()));
    names.sort_unstable();
    assert_eq!(names, numbered(1..=4, |number| format!("Process-{number}")));
}

#[test]
fn counter_process() {
    let mut lines = lines("counter_process", &[]);
    assert_eq!(lines.drain(..10).collect::<Vec<_>>(), numbered(1..=10, |number| format!("alone: {number}")));
    // Which of the two comes when is open; each counts in order, and what is printed under the lock stays together.
    let (one, other): (Vec<String>, Vec<String>) = lines.into_iter().partition(|line| line.starts_with("one"));
    assert_eq!(one, numbered(1..=10, |number| format!("one: {number}")));
    assert_eq!(other, numbered(1..=10, |number| format!("other: {number}")));
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

#[test]
fn pipe() {
    let mut lines = lines("pipe", &[]);
    let expected = ["Answer: Hello from receiver", "Messages after that: 0", "Received: Hello from sender"];
    assert_eq!(take_set(&mut lines, 3), expected);
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn merge_files_of_the_sample() {
    let mut expected = vec!["Merged 3 files of 51 bytes"];
    expected.extend(["a line of a file"; 3]);
    assert_eq!(lines("merge_files", &[]), expected);
}

#[test]
fn merge_large_files() {
    const BYTES: usize = 64 << 20;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let name = |name: &str| folder.path().join(name).to_str().expect("it is text").to_owned();
    let names = ["output", "first", "empty", "second"].map(name);
    let contents = ["a line of the first file\n", "", "a longer line of the second file\n"];
    let contents = contents.map(|line| line.repeat(BYTES / line.len().max(1)));
    for (name, contents) in names[1..].iter().zip(&contents) {
        std::fs::write(name, contents).expect("it can be written");
    }
    let expected = contents.concat();
    let names = names.each_ref().map(String::as_str);
    assert_eq!(lines("merge_files", &names), [format!("Merged 3 files of {} bytes", expected.len())]);
    let merged = std::fs::read(names[0]).expect("it can be read");
    assert!(merged == expected.into_bytes(), "the output is not what it should be");
}

#[test]
fn merge_files_without_a_file() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let output = folder.path().join("output");
    let run = run("merge_files", &[output.to_str().expect("it is text"), "/there/is/no/such/file"]);
    assert!(!run.status.success());
    assert!(run.errors.contains("No such file or directory"), "{run:?}");
}

#[test]
fn threads_in_processes() {
    let lines = lines("threads_in_processes", &[]);
    let mut expected = Vec::new();
    for url in ["url1", "url2", "url3"] {
        let of_url: Vec<&str> = lines.iter().map(String::as_str).filter(|line| line.ends_with(url)).collect();
        assert_eq!(of_url[..2], [format!("Downloading {url}"), format!("Finished downloading {url}")]);
        expected.extend(of_url[..2].iter().map(|line| line.to_string()));
        for number in 0..3 {
            expected.push(format!("Processing Data-{number} of {url}"));
            expected.push(format!("Finished processing Data-{number} of {url}"));
        }
    }
    let mut sorted = lines.clone();
    sorted.sort();
    expected.sort();
    assert_eq!(sorted, expected);
}

#[test]
fn threads_in_an_actor() {
    let mut lines = lines("threads_in_an_actor", &[]);
    let mut expected = numbered(1..=10, |number| format!("Thread Thread-{number} is running"));
    expected.sort();
    assert_eq!(take_set(&mut lines, 10), expected);
    assert_eq!(lines, ["Counter: 10", "[0, 1, 4, 9, 16, 25, 36, 49, 64, 81]"]);
}

#[test]
fn pool() {
    let mut lines = lines("pool", &[]);
    let cores = take_numbers(&mut lines, r"(\d+)")[0];
    assert_eq!(available_parallelism().ok().map(|cores| cores.get() as u64), Some(cores));
    assert_eq!(lines.remove(0), "Results: [1, 4, 9, 16, 25]");
    assert_eq!(lines.remove(0), "Squares: [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]");
    assert_eq!(lines, ["First above 1000: Some(1024)", "Total: 285"]);
}

#[test]
fn pool_errors() {
    let mut lines = lines("pool_errors", &[]);
    assert_eq!(lines.remove(0), r#"An error occurred: task 1: failed: "division by zero""#);
    let results = ["Result: 0.2000", "Error: division by zero", "Result: 0.3333"];
    assert_eq!(lines.drain(..3).collect::<Vec<_>>(), results);
    assert_eq!(lines.remove(0), "0: 0");
    take_numbers(&mut lines, r"1: panicked at examples/pool_errors\.rs:(\d+):(\d+): an error in a task");
    assert_eq!(lines, ["2: the worker ended with code 3", "3: the task took too long", "4: 4"]);
}

#[test]
fn primes() {
    let mut lines = lines("primes", &[]);
    let alone = take_numbers(&mut lines, r"One process: (\d+) primes in (\d+) us");
    let together = take_numbers(&mut lines, r"Four processes: (\d+) primes in (\d+) us");
    assert_eq!((alone[0], together[0]), (9592, 9592));
    take_numbers(&mut lines, r"Speed-up: (\d+)\.(\d+)");
    assert_eq!(lines, ["100 of 100 parts were shown"]);
}

#[test]
fn scraper() {
    let mut lines = lines("scraper", &[]);
    assert_eq!(lines.remove(0), "/missing failed: http status: 404");
    let page = |path: &str| {
        let text = format!("This is the page /{path}. ").repeat(50);
        format!("Fetched: {}", &text[..100])
    };
    assert_eq!(take_set(&mut lines, 3), ["one", "three", "two"].map(page));
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn read_write_lock() {
    let expected = ["three readers were inside together", "a writer has died inside", "the next writer is in"];
    assert_eq!(lines("read_write_lock", &[]), expected);
}

#[test]
fn condition() {
    let mut lines = lines("condition", &[]);
    assert_eq!(lines.pop().as_deref(), Some("Both have finished"));
    let (consumed, produced): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.starts_with("Consumed"));
    assert_eq!(consumed, numbered(0..5, |number| format!("Consumed {number}")));
    assert_eq!(produced, numbered(0..5, |number| format!("Produced {number}")));
}
