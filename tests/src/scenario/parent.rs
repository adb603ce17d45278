//! Parents that are hard to copy.

use std::collections::HashMap;
use std::hint::black_box;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;
use procession_tests::worker::{Echo, Worker};

/// What the parent's threads hold and children need.
static LOCK: Mutex<u64> = Mutex::new(0);
static IS_OVER: AtomicBool = AtomicBool::new(false);

/// How many processes are started for one median.
const SAMPLES: usize = 31;

/// How many systems are started for one time: what else the machine does holds some of them up.
const STARTS: usize = 5;

/// How much the large parent holds, in bytes.
const LARGE_BYTES: usize = 4 << 30;

/// Takes the lock, allocates, and prints, as its parent's threads do all the time.
fn need_everything(number: u64) -> u64 {
    *LOCK.lock().expect("it is not poisoned") += 1;
    let map: HashMap<u64, String> = (0..100).map(|key| (key, key.to_string())).collect();
    println!("child {number} has {}", map.len());
    number + *LOCK.lock().expect("it is not poisoned")
}

/// Starts 100 children while other threads hold a lock, allocate and print.
pub(crate) fn busy() -> ExitCode {
    let system = System::start().expect("a system starts");
    let is_over = || IS_OVER.load(Ordering::Relaxed);
    let threads = [
        thread::spawn(move || {
            while !is_over() {
                let mut held = LOCK.lock().expect("it is not poisoned");
                *held = 0;
                (0..10_000).for_each(|_| std::hint::spin_loop());
            }
        }),
        thread::spawn(move || {
            while !is_over() {
                drop(black_box((1..40).map(|size| vec![0_u8; size * size * 100]).collect::<Vec<_>>()));
            }
        }),
        thread::spawn(move || {
            while !is_over() {
                let mut output = std::io::stdout().lock();
                (0..100).for_each(|_| writeln!(output, "the parent prints").expect("somebody reads"));
            }
        }),
    ];
    let start = |number| system.process(need_everything, number).start().expect("a child starts");
    let children: Vec<_> = (0..100).map(start).collect();
    for (number, child) in children.iter().enumerate() {
        assert_eq!(child.join_within(Duration::from_secs(20)), Ok(number as u64 + 1));
    }
    IS_OVER.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
    system.shutdown().expect("it ends in order");
    ExitCode::SUCCESS
}

/// The median time from a spawn to the first answer, and the shortest to start a system.
fn measure() -> (Duration, Duration) {
    let start = || {
        let before = Instant::now();
        let system = System::start().expect("a system starts");
        (before.elapsed(), system)
    };
    let (first_start, system) = start();
    let more_starts = (1..STARTS).map(|_| {
        let (took, system) = start();
        system.shutdown().expect("it ends in order");
        took
    });
    let system_start = more_starts.fold(first_start, Duration::min);
    let sample = |_| {
        let before = Instant::now();
        let worker = system.spawn::<Worker>(()).expect("it starts");
        assert_eq!(worker.ask(&Echo { number: 1 }), Ok(1));
        before.elapsed()
    };
    let mut samples: Vec<_> = (0..SAMPLES).map(sample).collect();
    samples.sort();
    system.shutdown().expect("it ends in order");
    (samples[SAMPLES / 2], system_start)
}

/// Compares a small parent with one that holds 4 GiB, and the small one again, so that what else the machine does falls on
/// both.
pub(crate) fn large() -> ExitCode {
    let before = measure();
    let ballast = black_box(vec![1_u8; LARGE_BYTES]);
    let (large_spawn, large_start) = measure();
    drop(black_box(ballast));
    let after = measure();
    let (small_spawn, small_start) = (before.0.max(after.0), before.1.max(after.1));
    println!("spawn {small_spawn:?} small, {large_spawn:?} large; start {small_start:?} small, {large_start:?} large");
    // A fork of 4 GiB would take 70 ms.
    assert!(large_spawn < small_spawn * 2 + Duration::from_millis(2), "{large_spawn:?} instead of {small_spawn:?}");
    assert!(large_start < small_start * 2 + Duration::from_millis(20), "{large_start:?} instead of {small_start:?}");
    ExitCode::SUCCESS
}
