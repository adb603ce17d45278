//! What waits for an actor's attention.

use std::collections::VecDeque;

use crate::control::StopReason;
use crate::exit::Exit;
use crate::id::{MonitorId, ProcessId};
use crate::letter::Letter;

/// A monitored process has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// The monitor, which is spent now.
    pub monitor: MonitorId,
    /// What it watched.
    pub process: ProcessId,
    /// What happened to that.
    pub reason: DownReason,
}

/// What happened to a monitored process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DownReason {
    /// It has ended. Everything that it had sent to the observer has been delivered before.
    Ended(Exit),
    /// There was no such process when it was asked for.
    NoActor,
}

/// How much is taken in while the actor is not blocked, in bytes.
const UNBLOCKED_LIMIT_BYTES: usize = 256 << 10;

/// One thing to see to.
#[derive(Debug)]
pub(crate) enum Item {
    /// A message, and where it came in: the connection's key and the request's number.
    Letter {
        letter: Letter,
        origin: Origin,
    },
    // What is seldom is not to make all items large.
    Down(Box<Down>),
    Stop(Box<StopReason>),
}

/// Which request of which connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) connection: usize,
    /// 0 where no reply is wanted.
    pub(crate) correlation: u64,
}

/// Items in the order of their arrival. Pure. Its limit is kept by its filler: requests are not read while it is full.
#[derive(Debug)]
pub(crate) struct Mailbox {
    items: VecDeque<Item>,
    held_bytes: usize,
    limit_bytes: usize,
}

impl Mailbox {
    pub(crate) fn new(limit_bytes: usize) -> Mailbox {
        Mailbox { items: VecDeque::new(), held_bytes: 0, limit_bytes }
    }

    #[inline]
    pub(crate) fn push(&mut self, item: Item) {
        self.held_bytes += item.bytes();
        self.items.push_back(item);
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        self.held_bytes -= item.bytes();
        Some(item)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether it takes no more requests. While its actor sees to them itself, the better part of a backlog is left to the
    /// senders; only while the actor waits for something it takes all that its limit allows.
    pub(crate) fn is_full(&self, is_blocked: bool) -> bool {
        self.held_bytes >= if is_blocked { self.limit_bytes } else { self.limit_bytes.min(UNBLOCKED_LIMIT_BYTES) }
    }

    /// Whether a request waits here that has not been begun.
    pub(crate) fn holds(&self, origin: Origin) -> bool {
        self.items.iter().any(|item| matches!(item, Item::Letter { origin: other, .. } if *other == origin))
    }

    /// Drops all messages.
    pub(crate) fn drop_letters(&mut self) {
        self.items.retain(|item| !matches!(item, Item::Letter { .. }));
        self.held_bytes = self.items.iter().map(Item::bytes).sum();
    }

    /// Takes the first item for which `choose` gives something.
    pub(crate) fn take_first<T>(&mut self, choose: impl Fn(&Item) -> bool, map: impl FnOnce(Item) -> T) -> Option<T> {
        let index = self.items.iter().position(choose)?;
        let item = self.items.remove(index)?;
        self.held_bytes -= item.bytes();
        Some(map(item))
    }
}

impl Item {
    /// What the item holds on to, in bytes: its payload's share of a receive buffer, and itself.
    #[inline]
    fn bytes(&self) -> usize {
        let payload = if let Item::Letter { letter, .. } = self { letter.payload.len() } else { 0 };
        payload + size_of::<Item>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contents::Arrived;

    fn letter(connection: usize, correlation: u64, length: usize) -> Item {
        let letter = Letter::local(0, vec![0; length].into(), Arrived::default(), ProcessId::root(1));
        Item::Letter { letter, origin: Origin { connection, correlation } }
    }

    #[test]
    fn the_limit_counts_what_is_held() {
        let mut mailbox = Mailbox::new(1000);
        mailbox.push(letter(0, 1, 600));
        assert!(!mailbox.is_full(true));
        mailbox.push(letter(0, 2, 600));
        assert!(mailbox.is_full(true));
        assert!(mailbox.pop().is_some());
        assert!(!mailbox.is_full(true));
        assert!(mailbox.pop().is_some());
        assert!(mailbox.is_empty() && mailbox.held_bytes == 0);
    }

    #[test]
    fn a_backlog_is_taken_in_only_while_blocked() {
        let mut mailbox = Mailbox::new(1 << 30);
        mailbox.push(letter(0, 1, UNBLOCKED_LIMIT_BYTES));
        assert!(mailbox.is_full(false));
        assert!(!mailbox.is_full(true));
    }

    #[test]
    fn it_knows_what_it_holds() {
        let mut mailbox = Mailbox::new(1000);
        mailbox.push(letter(3, 7, 1));
        assert!(mailbox.holds(Origin { connection: 3, correlation: 7 }));
        assert!(!mailbox.holds(Origin { connection: 3, correlation: 8 }));
        assert!(!mailbox.holds(Origin { connection: 4, correlation: 7 }));
    }
}
