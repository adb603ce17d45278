//! One end of a pipe between two processes.
//!
//! The messages go over a socket, or over a kernel pipe. Beside it each end has a *companion* socket, over which the ends say
//! who has them: an end travels in messages, one process has it at a time, and that process's end has to be noticed however
//! many copies of the descriptors there are. A bare `fork()` of anybody who once held an end makes such copies, so the end of
//! the stream may never come. Hence:
//!
//! * whoever waits at one end follows the fate of the process that has the other (`fate.rs`);
//! * who sends an end away says so first, and whoever has taken it says so: in between the end is *on its way*. A fresh pipe,
//!   the *token*, goes with it, and tells if it is lost there;
//! * who drops an end hangs up its companion.
//!
//! In all three cases the other side hears the companion out first, then takes in what the system holds of the stream, and
//! only then is it at its end. The stream's own end proves that nobody has the other end, and needs no word.
//!
//! Nothing here is registered with a poller: a wait is one system call for the stream, the companion and the thread's endpoint.
//!
//! | file | noun |
//! |---|---|
//! | `peer.rs` | who has the other end; pure |
//! | `companion.rs` | what the ends say of themselves |
//! | `receive.rs`, `send.rs`, `wait.rs` | what a [`Channel`] does |
//! | `any.rs` | [`wait_any`]: several channels, processes and answers |
//! | `luggage.rs` | [`Luggage`]: an end as it travels |
//! | `error.rs` | [`ChannelError`] |

mod any;
mod companion;
mod error;
mod luggage;
mod peer;
mod receive;
mod send;
mod wait;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use procession_transport::{DEFAULT_MESSAGE_LIMIT_BYTES, Inlet, Link, Outlet, Pipe, Socket, socket_pair};
use serde::{Deserialize, Serialize};

pub use self::any::{Source, wait_any};
pub use self::error::{ChannelError, ChannelSendError};
pub use self::luggage::Luggage;
pub use self::receive::Delivered;

use self::companion::Companion;
use self::peer::Peer;
use self::wait::Following;
use crate::control::DEFAULT_MAILBOX_LIMIT_BYTES;
use crate::fate::Life;
use crate::membership::Membership;
use crate::sys;

/// Which ways an end goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// It sends and receives.
    Both,
    /// It receives.
    Inward,
    /// It sends.
    Outward,
}

/// One end of a pipe. One thread uses it at a time; it may go to another thread, or, as [`Luggage`], to another process.
///
/// Dropped, it tells the other end, and so does the end of its process.
#[derive(Debug)]
pub struct Channel {
    way: Way,
    link: Arc<dyn Link>,
    inlet: Inlet,
    outlet: Outlet,
    input: Input,
    companion: Companion,
    peer: Peer,
    /// How often this end has moved.
    serial: u32,
    /// The fate of whoever has the other end, at the endpoint that followed it last.
    following: Option<Following>,
    /// When the companion was last looked at.
    looked: Option<Instant>,
    /// The token that is to go with this end, from its packing to its departure.
    token: Option<OwnedFd>,
    has_departed: bool,
    /// Bare forks before this process; a later copy must leave the end alone.
    forks: u32,
    /// How much is taken in while this end waits to send, in bytes.
    backlog_limit_bytes: usize,
}

/// What is known of the stream that comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// Reading may give something.
    Fresh,
    /// The system had no more when it was last asked.
    Drained,
    /// Nothing more comes.
    Ended,
}

/// What a channel is made of.
struct Parts {
    way: Way,
    link: Arc<dyn Link>,
    companion: Companion,
    peer: Peer,
    serial: u32,
}

impl Channel {
    /// Makes a pipe that goes both ways and carries descriptors.
    ///
    /// # Errors
    /// [`ChannelError::Runtime`], if there are no descriptors left.
    pub fn duplex() -> Result<(Channel, Channel), ChannelError> {
        let (one, other) = socket_pair()?;
        Channel::pair(
            (Way::Both, Arc::new(Socket::from_nonblocking(one))),
            (Way::Both, Arc::new(Socket::from_nonblocking(other))),
        )
    }

    /// Makes a pipe that goes one way and carries no descriptors: the receiving end, then the sending one.
    ///
    /// # Errors
    /// [`ChannelError::Runtime`], if there are no descriptors left.
    pub fn one_way() -> Result<(Channel, Channel), ChannelError> {
        let (reading, writing) = Pipe::pair()?;
        Channel::pair((Way::Inward, Arc::new(reading)), (Way::Outward, Arc::new(writing)))
    }

    fn pair(one: (Way, Arc<dyn Link>), other: (Way, Arc<dyn Link>)) -> Result<(Channel, Channel), ChannelError> {
        let (ours, theirs) = socket_pair()?;
        let peer = Peer::Held { serial: 0, by: this_life() };
        let end = |(way, link), socket| {
            Channel::new(Parts { way, link, companion: Companion::new(socket, None), peer, serial: 0 })
        };
        Ok((end(one, ours), end(other, theirs)))
    }

    fn new(parts: Parts) -> Channel {
        let Parts { way, link, companion, peer, serial } = parts;
        sys::count_forks();
        let limits = Membership::first().map(|member| {
            let limit = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
            (limit(member.options.message_limit_bytes), limit(member.options.mailbox_limit_bytes))
        });
        let (message_limit_bytes, backlog_limit_bytes) =
            limits.unwrap_or((DEFAULT_MESSAGE_LIMIT_BYTES, DEFAULT_MAILBOX_LIMIT_BYTES));
        Channel {
            way,
            inlet: Inlet::new(link.clone(), message_limit_bytes),
            outlet: Outlet::new(link.clone(), message_limit_bytes),
            link,
            input: if way == Way::Outward { Input::Ended } else { Input::Fresh },
            companion,
            peer,
            serial,
            following: None,
            looked: None,
            token: None,
            has_departed: false,
            forks: sys::forks(),
            backlog_limit_bytes,
        }
    }

    /// Whether the end can be used here and now.
    fn check(&self) -> Result<(), ChannelError> {
        if self.has_departed {
            return Err(ChannelError::Departed);
        }
        if self.forks != sys::forks() {
            return Err(crate::error::RuntimeError::Forked.into());
        }
        Ok(())
    }
}

/// This process, as others may follow its fate. Nobody needs to follow root's: its end ends everybody.
fn this_life() -> Option<Life> {
    let member = Membership::first().filter(|member| member.process.slot != 0)?;
    Some(Life { process: member.process, incarnation: Some(member.incarnation) })
}

impl Drop for Channel {
    fn drop(&mut self) {
        if self.has_departed || self.forks != sys::forks() {
            return;
        }
        let _ = self.outlet.flush();
        self.link.hang_up();
        self.companion.hang_up();
    }
}
