//! Requests that have been received and that nobody has looked at yet.
//!
//! An actor that is not blocked takes its requests straight from the receive buffers, one at a time, and does not carry them
//! through its mailbox. What must take its place behind all that has come, and every wait, has them sorted into the mailbox
//! first.

use std::collections::VecDeque;

use super::connection::{Direction, Sorted};
use super::core::Core;
use super::mailbox::Origin;
use super::upgrade;
use crate::error::WaitError;
use crate::letter::Letter;

/// No further connection is read while this much waits in the receive buffers, in bytes.
const BACKLOG_LIMIT_BYTES: usize = 256 << 10;

/// The connections whose receive buffers hold whole frames, in the order in which these came.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    connections: VecDeque<Waiting>,
    /// What they held when they were noted, together.
    held_bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    /// The connection's key.
    key: usize,
    held_bytes: usize,
}

impl Backlog {
    /// Notes that a connection holds frames.
    fn add(&mut self, key: usize, held_bytes: usize) {
        self.connections.push_back(Waiting { key, held_bytes });
        self.held_bytes += held_bytes;
    }

    /// Whether a further connection may be read, so that what is held stays bounded. One that holds frames itself may not.
    pub(crate) fn has_room(&self) -> bool {
        self.held_bytes < BACKLOG_LIMIT_BYTES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    fn front(&self) -> Option<usize> {
        self.connections.front().map(|waiting| waiting.key)
    }

    fn pop(&mut self) -> Option<usize> {
        let waiting = self.connections.pop_front()?;
        self.held_bytes -= waiting.held_bytes;
        Some(waiting.key)
    }

    /// Forgets a connection that is removed.
    pub(crate) fn forget(&mut self, key: usize) {
        if let Some(index) = self.connections.iter().position(|waiting| waiting.key == key)
            && let Some(waiting) = self.connections.remove(index)
        {
            self.held_bytes -= waiting.held_bytes;
        }
    }
}

impl Core {
    /// Leaves what a read of a connection has brought in its buffer, if an actor takes requests from there. Gives whether it
    /// did.
    #[inline]
    pub(crate) fn put_off(&mut self, key: usize) -> bool {
        let Some(connection) = self.connections.get_mut(key) else { return false };
        let is_put_off = self.is_serving && !self.is_blocked && matches!(connection.direction, Direction::From(_));
        if is_put_off && connection.inlet.may_hold_frame() {
            connection.is_put_off = true;
            self.backlog.add(key, connection.inlet.buffered_bytes());
        }
        is_put_off
    }

    /// Puts the next request from the receive buffers into `letter`, which holds none. Gives where it came in, if there is one.
    #[inline(always)]
    pub(crate) fn next_in_backlog(&mut self, letter: &mut Letter) -> Option<Origin> {
        while let Some(key) = self.backlog.front() {
            let Some(connection) = self.connections.get_mut(key) else {
                self.backlog.pop();
                continue;
            };
            let placed = connection.inlet.next_placed();
            if !matches!(placed, Ok(Some(_))) || !connection.inlet.may_hold_frame() {
                connection.is_put_off = false;
                self.backlog.pop();
            }
            match placed {
                Ok(Some(placed)) => match connection.sort(key, placed, &mut self.inbox, letter) {
                    Sorted::Request(origin) => return Some(origin),
                    other => self.act_on(key, other),
                },
                Ok(None) => {}
                Err(error) => self.break_connection(key, &error.to_string()),
            }
        }
        None
    }

    /// Acts on a frame that was no request.
    #[cold]
    fn act_on(&mut self, key: usize, sorted: Sorted) {
        match sorted {
            Sorted::LastWord => self.remove_connection(key, &WaitError::NoReply),
            Sorted::Upgrade(frame) => {
                if let Some(connection) = self.connections.get_mut(key)
                    && let Err(why) = upgrade::take(&mut self.hub, connection, frame)
                {
                    self.break_connection(key, &why);
                }
            }
            Sorted::Request(_) | Sorted::Elsewhere => {}
        }
    }

    /// Sorts all requests in the receive buffers into the mailbox.
    pub(crate) fn settle_backlog(&mut self) {
        while let Some(key) = self.backlog.pop() {
            if let Some(connection) = self.connections.get_mut(key) {
                connection.is_put_off = false;
            }
            self.sort_connection(key);
        }
    }
}
