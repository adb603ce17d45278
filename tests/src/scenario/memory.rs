//! A system under a limit on its memory.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use procession::prelude::*;
use procession::{DownReason, Exit};
use procession_tests::SOON;
use procession_tests::worker::{Echo, Event, Log, Observe, Stream, TakeMemory, Worker};

/// How often one takes too much.
const TIMES: u64 = 5;

/// How many messages each of the others sends meanwhile.
const ITEMS: u64 = 5000;

/// More than the limit, in bytes.
const TOO_MUCH_BYTES: usize = 1 << 30;

/// Goes into a memory cgroup, and has actors there take more than there is, one after the other, while others send each other messages.
/// Says how many were killed.
pub(crate) fn memory(group: &str) -> ExitCode {
    fs::write(Path::new(group).join("cgroup.procs"), "0").expect("it can be joined");
    let system = System::start().expect("a system starts");
    let worker = || system.spawn::<Worker>(()).expect("a worker starts");
    let others = [(); 3].map(|()| worker());
    let died = Exit::Signal { signal: 9, core_dumped: false };
    for time in 0..TIMES {
        let victim = worker();
        let monitor = victim.monitor().expect("it can be watched");
        others[0].ask(&Observe { worker: victim.clone() }).expect("it can be watched");
        // Each to the next.
        let streams: Vec<_> = (0..others.len())
            .map(|index| {
                let to = others[(index + 1) % others.len()].recipient();
                others[index].request(&Stream { to, source: time, count: ITEMS }).expect("it is sent")
            })
            .collect();
        let asked = victim.clone();
        let asking = thread::spawn(move || (0..).find_map(|number| asked.ask(&Echo { number }).err()));
        let taken = victim.ask_within(&TakeMemory { bytes: TOO_MUCH_BYTES }, SOON);
        assert_eq!(taken, Err(AskError::Dead(died.clone())));
        assert_eq!(asking.join().expect("no panic"), Some(AskError::Dead(died.clone())));
        let down = monitor.wait_within(SOON).expect("its end is told");
        assert_eq!(down.reason, DownReason::Ended(died.clone()));
        for stream in streams {
            let sent = stream.wait_within(SOON).expect("it lives");
            assert_eq!((sent.count, sent.error), (ITEMS, None));
        }
    }
    let reason = format!("{:?}", DownReason::Ended(died));
    for (index, other) in others.iter().enumerate() {
        let downs = if index == 0 { TIMES as usize } else { 0 };
        let log = other.ask_within(&Log { items: (TIMES * ITEMS) as usize, downs }, SOON).expect("it lives");
        let (items, ends): (Vec<_>, Vec<_>) = log.into_iter().partition(|event| matches!(event, Event::Item { .. }));
        let expected = (0..TIMES).flat_map(|source| (0..ITEMS).map(move |number| Event::Item { source, number }));
        assert!(items.into_iter().eq(expected), "something is lost, or out of order");
        assert_eq!(ends, vec![Event::Down { reason: reason.clone() }; downs]);
    }
    system.shutdown().expect("it ends in order");
    println!("{TIMES}");
    ExitCode::SUCCESS
}
