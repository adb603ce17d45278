//! The raw side of every line: the same work with bare system calls.
//!
//! The bench process takes part itself, as the one who asks, sends or collects. The others are *peers*: the same executable,
//! executed afresh with a private argument (`peer.rs`) that names what to do (`role.rs`), so that neither the heap nor the
//! threads of the bench process matter. A peer has one socket, its standard input; it ends at the end of that stream, when its
//! handle is dropped, and, whatever happens, when the bench process dies.
//!
//! | file | line | bench process | peer |
//! |---|---|---|---|
//! | `round_trip.rs` | round trip | asks | echoes, both in a mio poll |
//! | `spin.rs` | round trip, spinning | asks | echoes, both without sleeping |
//! | `pipe.rs` | round trip, pipe | asks | echoes, both asleep in a read |
//! | `event.rs` | round trip, eventfd | wakes | wakes, both asleep in a read |
//! | `spin_shared.rs` | round trip, shared memory | asks | echoes, both spinning |
//! | `one_way.rs` | one-way | sends | counts |
//! | `fan_in.rs` | 4 senders | counts | sends |
//! | `ring.rs` | one-way and 4 senders, shared memory | sends, or counts | counts, or sends |
//! | `block.rs`, `copy.rs`, `block_buffer.rs` | 1 MiB | fills and writes | reads and adds up |
//! | `shared_block.rs` | 1 MiB, shared memory | fills in place, and may protect it | adds up in place, or copies out first |
//! | `zygote.rs` | spawn | asks for clones | clones |
//! | `exec.rs` | spawn | executes a program | answers |
//! | `idle.rs` | idle | looks on | clones |
//!
//! `hand_over.rs` gives a peer descriptors, `shift.rs` tells a spinning one when to spin, `stream.rs` reads whole messages.

pub mod block;
pub mod block_buffer;
pub mod copy;
pub mod event;
pub mod exec;
pub mod fan_in;
pub mod hand_over;
pub mod idle;
pub mod one_way;
pub mod peer;
pub mod pipe;
pub mod ring;
pub mod role;
pub mod round_trip;
pub mod shared_block;
pub mod shift;
pub mod spin;
pub mod spin_shared;
pub mod stream;
pub mod zygote;

/// The length of a small message, in bytes.
pub const MESSAGE_BYTES: usize = 64;

/// The length of a batch of small messages, in bytes.
pub const BATCH_BYTES: usize = 64 * 1024;
