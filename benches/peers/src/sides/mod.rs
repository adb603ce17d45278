//! What procession stands beside, besides the floors and Python: how each of them does the work of the lines.
//!
//! | file | side | one-way and answered work | where it is taken from |
//! |---|---|---|---|
//! | `ipc_channel.rs` | ipc-channel | typed channels over Unix sockets | crates.io |
//! | `iceoryx.rs` | iceoryx2 | publish and subscribe through shared memory, both sides spinning | crates.io |
//! | `zeromq.rs`, `sys.rs` | ZeroMQ | sockets of the `ipc` kind | the library, where it is installed |
//! | `erlang.rs`, `bench_peer.erl` | Erlang | processes on two nodes | `erl` and `erlc`, where they are installed |
//! | `introduction.rs` | all | how a peer learns what to connect to | |
//!
//! The second process of a library is this executable again, in a role of its own (`Role`).

pub mod erlang;
pub mod iceoryx;
mod introduction;
pub mod ipc_channel;
mod sys;
pub mod zeromq;

use procession_benches::floors::role::Role;

/// The roles that the libraries need.
pub const ROLES: [&[Role]; 3] = [&ipc_channel::ROLES, &iceoryx::ROLES, &zeromq::ROLES];
