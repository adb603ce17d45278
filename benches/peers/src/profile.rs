//! Where the time goes on lines that have failed to reach a goal, and what has been tried.

use procession_benches::comparison::Outcome;
use std::fmt::Write;

/// What is known of one of our sides that has failed to reach a goal.
#[derive(Debug)]
pub struct Entry {
    /// The line, as the report calls it.
    line: &'static str,
    /// The side.
    side: &'static str,
    /// Where its time goes.
    time: &'static str,
    /// What has been tried to make it quicker, whether that has stayed or not.
    tried: &'static str,
}

/// How the profiles were taken.
const SOURCE: &str = "\
Taken by hand on 2026-11-22, on a processor like the one above and not in this run: times are those of each process's own clock and of samples
by perf(1), instructions those that callgrind counts.";

/// What stands for an entry that nobody has written.
const MISSING: &str = "NO PROFILE YET";

/// The entries that have been written.
const ENTRIES: [Entry; 7] = [
    Entry {
        line: "round trip, 64 bytes, same core",
        side: "procession, ask over a socket",
        time: "each side makes four system calls for a message: to send it, to ask the poller, which has nothing yet and takes 0.1 us for that, to \
               give the processor away, 0.4, and to ask the poller again, 0.4; then it receives, with room for descriptors, 0.1 more than without. \
               By hand it is two.",
        tried: SOCKETS,
    },
    Entry {
        line: "round trip, 64 bytes, split cores",
        side: "procession, ask over a socket",
        time: "by hand a side is a call to send and one to receive, again and again. Ours looks whether something is there, 0.2 us each time, and then \
               receives, with room for descriptors, 0.1 more than without; the poller watches the socket, too, which makes it 0.1 more to send; \
               1 us more on each side in all. Busy connections leave their sockets for shared memory.",
        tried: SOCKETS,
    },
    Entry {
        line: "one way, 64 bytes, same core",
        side: "procession, tell in a handler",
        time: "a message costs its sender 18 ns and its receiver 19 ns of the one core, so 27 M/s is the most. The sender's 250 instructions \
               are spread: some 50 for header and frame, 45 for whether it is due, 30 for its way there, 26 for the archive.",
        tried: "a biased lock instead of a mutex (25 -> 14 ns at the sender); plain values copied as their bytes (338 -> 251 instructions); \
                to yield once in 64 KiB to a receiver that is behind.",
    },
    Entry {
        line: "one way, 64 bytes, split cores",
        side: "procession, tell in a handler",
        time: "a message costs its sender and its receiver 19 ns each, part of which is the copy into memory that the other core has read.",
        tried: "a biased lock instead of a mutex (25 -> 14 ns at the sender); plain values copied as their bytes (338 -> 251 instructions).",
    },
    Entry {
        line: "1 MiB written, read and answered, split cores",
        side: "procession, ask",
        time: "by hand, one process writes in shared memory and the other reads there, which trusts the writer not to write any more. Ours does \
               not: the message is written to a send buffer and copied into the ring and out of it, each as long as a memcpy of it; one side \
               copies a portion of 32 KiB while the other has the one before.",
        tried: "blocks that are read in place with the sender's mapping protected (to protect 1 MiB and to unprotect it takes 20 us each); \
                portions of 16 to 256 KiB and buffers of the ring of 256 KiB to 4 MiB; `rep movsb` for processors that are far from each \
                other; spare buffers instead of fresh memory.",
    },
    Entry {
        line: "spawn to first answer",
        side: "procession, spawn",
        time: "back to back it is processor time that counts: that of the clone for the next process, as for 100 at once, and that of the end of \
               the one before. Where the two processors have nothing else to do, it takes 115 us.",
        tried: SPAWNS,
    },
    Entry {
        line: "100 spawns at once",
        side: "procession, spawn",
        time: "250 us of processor time for each, of two processors: 70 for the kernel's clone, 50 for page faults in the clone before it is \
               named and 27 for the rest of it, 30 from there to its answer, 35 for the supervisor and 10 for root. A bare clone in C takes 165.",
        tried: SPAWNS,
    },
];

/// What has been tried for messages by sockets.
const SOCKETS: &str = "\
to look at the socket itself before the poller is asked (6.0 -> 4.9 us, split); to ask the poller again and again instead of giving the processor \
away (5.7); to look at the socket also where the processor is shared (same core, 4 to 7 % slower).";

/// What has been tried for one spawn and for many.
const SPAWNS: &str = "\
spares made ahead; a zygote that polls; up to 16 clones in a pipeline; prefaulting by madvise; copying page tables; a zygote that owns the \
pages of a start; a direct word from the child to its spawner (one spawn 3 % quicker, 100 at once 12 % slower).";

/// Returns what is known of a side, if anything.
fn of(line: &str, side: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.line == line && entry.side == side)
}

/// Returns the lines and sides that have entries.
pub fn sides() -> impl Iterator<Item = (&'static str, &'static str)> {
    ENTRIES.iter().map(|entry| (entry.line, entry.side))
}

/// Writes, as Markdown, what is known of all sides that do not reach their goals.
pub fn section(outcomes: &[Outcome]) -> String {
    let failing = |outcome| Outcome::failing(outcome).into_iter().map(move |side| (outcome.title.as_str(), side));
    let failing: Vec<(&str, &str)> = outcomes.iter().flat_map(failing).collect();
    if failing.is_empty() {
        return String::new();
    }
    let mut out = format!("\n## Where the time goes on the lines that fail, and what was tried\n\n{SOURCE}\n\n");
    for (line, side) in failing {
        let _ = match of(line, side) {
            Some(Entry { time, tried, .. }) => {
                writeln!(out, "* *{line}*, {side}\n  * where the time goes: {time}\n  * what was tried: {tried}")
            }
            None => writeln!(out, "* *{line}*, {side}: {MISSING}"),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use procession_benches::comparison::Part::Ours;
    use procession_benches::comparison::outcome::of_one_round;
    use procession_benches::comparison::{Goal, Limit};
    use std::fs;

    fn result(file: &str) -> String {
        let path = format!("{}/../results/{file}", env!("CARGO_MANIFEST_DIR"));
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    #[test]
    fn a_side_that_fails_is_printed_with_all_that_is_known_of_it() {
        let mut outcome = of_one_round(&[("procession, spawn", Ours, 5.0), ("another", Ours, 5.0)]);
        outcome.title = "100 spawns at once".to_string();
        outcome.goals = vec![Goal::new("procession, spawn", Limit::AtLeast(5.0))];
        assert_eq!(section(&[outcome.clone()]), "", "nothing fails");
        outcome.goals.push(Goal::new("procession, spawn", Limit::AtLeast(6.0)));
        outcome.goals.push(Goal::new("another", Limit::AtLeast(6.0)));
        let text = section(&[outcome]);
        let entry = of("100 spawns at once", "procession, spawn").expect("it has an entry");
        assert!(text.contains(entry.time) && text.contains(entry.tried), "{text}");
        assert!(text.contains("* *100 spawns at once*, another: NO PROFILE YET"), "{text}");
    }

    /// The line and the side of each row of a document's goals that says `FAIL`.
    fn failing(document: &str) -> Vec<(&str, &str)> {
        let rows = document.lines().filter(|line| line.starts_with("| ") && line.ends_with("| FAIL |"));
        rows.filter_map(|row| {
            let mut cells = row.trim_start_matches("| ").split(" | ");
            Some((cells.next()?, cells.next()?))
        })
        .collect()
    }

    #[test]
    fn a_failing_row_says_its_line_and_side() {
        let document =
            "| line | side | goal | ours | |\n|---|\n| a, b | ours | <= 1 x c | 2 x | FAIL |\n| d | ours | | | pass |";
        assert_eq!(failing(document), [("a, b", "ours")]);
    }

    #[test]
    fn every_failure_beside_the_peers_that_is_on_file_has_an_entry() {
        let document = result("peers.md");
        assert!(!document.contains(MISSING) && !document.contains("without a reason"));
        for (line, side) in failing(&document) {
            assert!(
                of(line, side).is_some(),
                "peers.md has a FAIL of {side} on {line}, which has no entry in this file"
            );
        }
    }

    #[test]
    fn every_steep_step_that_is_on_file_has_a_reason() {
        let document = result("scaling.md");
        let failing: Vec<&str> = document
            .lines()
            .filter(|line| line.contains("without a reason") || line.starts_with("FAIL") || line.contains("| FAIL"))
            .collect();
        assert!(failing.is_empty(), "scaling.md says:\n{}", failing.join("\n"));
    }
}
