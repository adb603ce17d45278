//! Where the time goes on lines that have failed to reach a goal.

/// A line, as the report calls it, and where its time goes.
type Entry = (&'static str, &'static str);

/// The profiles that have been taken: times of each process's processor, samples of where it is, counted instructions.
const PROFILES: [Entry; 7] = [
    (
        "one way, 64 bytes, same core",
        "a message costs its sender 27 ns and its receiver 29 ns of the one core, so 18 M/s is the most. The sender's 360 instructions are \
         spread: some 110 for the archive, 75 for the frame, 45 for the lock of the outbox and when it is due, 35 for the way there.",
    ),
    (
        "one way, 64 bytes, split cores",
        "the sender is what is waited for: 33 to 40 ns a message, a quarter of it the copy into memory that the other core has read; the \
         receiver takes 28. On one core the sender takes 27. Where the two processors share one core's units, 14 to 17 M/s is what \
         is left.",
    ),
    (
        "1 MiB written, read and answered, split cores",
        "by hand, one process writes in shared memory and the other reads there. Ours writes to a send buffer and copies into the ring and out \
         of it, one side a portion of 32 KiB while the other has the one before: what is above the floor is the first write, that \
         goes beside nothing. To pass memory from hand to hand, with the sender's mapping protected, costs 40 to 50 us a message.",
    ),
    (
        "spawn to first answer",
        "back to back, the clone takes 73 us (the bare one 59), and from there to its wait 89 (45 to the bare one's answer), with 22 page faults; \
         then come what the bare zygote does without: the supervisor tells it what to be, 27, it starts, 56 with 14 page faults, \
         and the supervisor tells the spawner, 36. The spawner's question runs beside the next clone.",
    ),
    (
        "100 spawns at once",
        "some 320 us of processor time for each, of two processors; a bare zygote in C takes 175. The rest are page faults, some 36 for each, \
         and the words between supervisor, zygote, clone and spawner.",
    ),
    (
        "pool, 100,000 squares",
        "29 ns of processor time an item, of two processors: the workers 15, the foreman 7.5, the caller 6.7. The workers' are the call, the word \
         that says which item is in hand, and the result's bytes, once for the record and once for the answer.",
    ),
    (
        "pool, one task, split cores",
        "a task is a request to a lent worker, as `ask` is; beside that it has the words that say whose turn it is, the record of the item in \
         hand, and a function that is called by what it is named.",
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
