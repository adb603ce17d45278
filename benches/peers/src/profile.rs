//! Where the time goes on lines that have failed to reach a goal.

/// A line, as the report calls it, and where its time goes.
type Entry = (&'static str, &'static str);

/// How the profiles were taken.
pub const SOURCE: &str = "\
Taken by hand on 2026-11-22, on a processor like the one above and not in this run: times are those of each process's own clock and of samples
by perf(1), instructions those that callgrind counts.";

/// The profiles that have been taken.
const PROFILES: [Entry; 5] = [
    (
        "one way, 64 bytes, same core",
        "a message costs its sender 18 ns and its receiver 19 ns of the one core, so 27 M/s is the most. The sender's 250 instructions are \
         spread: some 50 for header and frame, 45 for whether it is due, 30 for its way there, 26 for the archive.",
    ),
    (
        "one way, 64 bytes, split cores",
        "a message costs its sender and its receiver 19 ns each, part of which is the copy into memory that the other core has read.",
    ),
    (
        "1 MiB written, read and answered, split cores",
        "by hand, one process writes in shared memory and the other reads there, which trusts the writer not to write any more. Ours does not: \
         the message is written to a send buffer and copied into the ring and out of it, each as long as a memcpy of it; one side \
         copies a portion of 32 KiB while the other has the one before. To pass memory from hand to hand, with the sender's \
         mapping protected, costs 40 to 50 us a message.",
    ),
    (
        "spawn to first answer",
        "back to back it is processor time that counts: that of the clone for the next process, as for 100 at once, and that of the end of the \
         one before. Where the two processors have nothing else to do, it takes 115 us.",
    ),
    (
        "100 spawns at once",
        "250 us of processor time for each, of two processors: 70 for the kernel's clone, 50 for page faults in the clone before it is named and 27 for \
         the rest of it, 30 from there to its answer, 35 for the supervisor and 10 for root. A bare clone in C takes 165.",
    ),
];

/// Returns where the time of a line goes, if that is known.
pub fn of(line: &str) -> Option<&'static str> {
    PROFILES.iter().find(|(title, _)| *title == line).map(|(_, profile)| *profile)
}

/// Returns the lines whose profiles have been taken.
pub fn lines() -> impl Iterator<Item = &'static str> {
    PROFILES.iter().map(|(title, _)| *title)
}
