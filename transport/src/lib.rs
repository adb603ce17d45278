//! Bytes, frames and descriptors between two processes: the bottom floor of `procession`.
//!
//! A [`Link`] carries the bytes of [`Frame`]s one way or both ways between two processes of one host. It does not know who is at
//! the other end, what a frame means, or why it is sent.
//!
//! | file | noun |
//! |---|---|
//! | `frame.rs` | [`Header`] (32 bytes, one encode and one decode function), [`Frame`] |
//! | `reader.rs` | [`Reader`]: bytes in, owned frames out; pure |
//! | `writer.rs`, `writer/` | [`Writer`]: frames in, bytes out; pure |
//! | `body.rs` | [`Body`]: the place in the send buffer where a payload is written |
//! | `spare.rs` | memory that large frames took, kept for the next of them |
//! | `rest.rs` | [`Rest`]: what a buffer holds, when its end goes to another process |
//! | `link.rs` | [`Link`], and its halves [`Inlet`] and [`Outlet`] |
//! | `socket.rs` | a link over a Unix stream socket, with descriptors |
//! | `pipe.rs` | a link over a kernel pipe, one way |
//! | `beside.rs` | [`Beside`]: descriptors that are waited for once, beside a hub |
//! | `ring/` | [`Ring`]: a link over shared memory |
//! | `memory/` | memory that several processes share |
//! | `hub.rs` | [`Hub`]: a slab of watched descriptors over one poller |
//! | `error.rs` | [`WireError`], [`LinkError`] |
//! | `sys.rs`, `memory/sys.rs`, `ring/sys.rs` | the system calls, and the only unsafe code |
//!
//! Deliberately absent: addresses and names (connections are made as pairs and handed over), reconnection, and any
//! thread or timer of its own.

#![deny(unsafe_code)]

mod beside;
mod body;
mod error;
mod frame;
mod hub;
mod link;
pub mod memory;
mod pipe;
mod reader;
mod rest;
mod ring;
mod socket;
mod spare;
mod sys;
mod writer;

pub use beside::{Beside, Found, Interest};
pub use body::{Body, Refusal};
pub use error::{LinkError, WireError};
pub use frame::{ALIGNMENT, DEFAULT_MESSAGE_LIMIT_BYTES, HEADER_BYTES, MAX_DESCRIPTORS};
pub use frame::{Descriptors, Frame, Header, Kind};
pub use hub::{Hub, Readiness, Watch};
pub use link::{Flushed, Inlet, Link, Outlet, Received};
pub use pipe::Pipe;
pub use reader::{Batch, Placed, Reader, aligned_buffer};
pub use rest::Rest;
pub use ring::{BellShare, MOST_RINGERS, RING_BYTES, Ring, RingMemory, WIDE_RING_BYTES};
pub use socket::Socket;
pub use spare::{keep_spares, trim_spares};
pub use sys::{memory_file, socket_pair};
pub use writer::{Chunk, Unsent, Writer};
