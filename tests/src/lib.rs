//! What the tests of `procession` share.
//!
//! | file | noun |
//! |---|---|
//! | `round.rs` | [`Round`]: one guarded repeat of a case, with its dice |
//! | `dice.rs` | [`Dice`]: seeded randomness |
//! | `noting.rs` | [`Noting`]: a home that notes which process hosts |
//! | `process_table.rs` | what `/proc` says of processes, their states, memory and descriptors |
//! | `rings.rs` | shared memory of connections |
//! | `memory_group.rs` | [`MemoryGroup`]: a limit on the memory of some processes |
//! | `signals.rs` | raw signals |
//! | `stopwatch.rs` | [`Stopwatch`]: how long a wait takes |
//! | `eventually.rs` | [`eventually()`]: waiting for what nobody announces |
//! | `worker.rs` | [`worker::Worker`]: an actor that does what a test tells it |
//! | `pool_work.rs` | what tests of pools have in common: waits for workers, tasks that note that they were begun |
//! | `lock_outcome.rs` | [`lock_outcome()`]: what the use of a lock comes to |
//! | `tally.rs` | [`Tally`]: work that one at a time may do |
//! | `sys.rs` | the unsafe code of the tests |
//! | `scenario/` | the program `scenario` |
//!
//! Each test binary declares its file under `[[test]]` in the manifest.

pub mod dice;
pub mod eventually;
pub mod lock_outcome;
pub mod memory_group;
pub mod noting;
pub mod pool_work;
pub mod process_table;
pub mod rings;
pub mod round;
pub mod signals;
pub mod stopwatch;
pub mod sys;
pub mod tally;
pub mod worker;

pub use dice::Dice;
pub use eventually::{SOON, eventually};
pub use lock_outcome::lock_outcome;
pub use memory_group::MemoryGroup;
pub use noting::Noting;
pub use round::{GUARD, Round, guarded, repeat};
pub use signals::{kill, kill_if_there, kill_soon, pid};
pub use stopwatch::Stopwatch;
pub use tally::Tally;
