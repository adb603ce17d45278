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
//! | `one_way.rs` | one-way | sends | counts |
//! | `fan_in.rs` | 4 senders | counts | sends |
//! | `block.rs`, `copy.rs`, `block_buffer.rs` | 1 MiB | fills and writes | reads and adds up |
//! | `zygote.rs` | spawn | asks for clones | clones |
//! | `idle.rs` | idle | looks on | clones |

pub mod block;
pub mod block_buffer;
pub mod copy;
pub mod fan_in;
pub mod idle;
pub mod one_way;
pub mod peer;
pub mod role;
pub mod round_trip;
pub mod spin;
pub mod stream;
pub mod zygote;

/// The length of a small message, in bytes.
pub const MESSAGE_BYTES: usize = 64;

/// The length of a batch of small messages, in bytes.
pub const BATCH_BYTES: usize = 64 * 1024;
