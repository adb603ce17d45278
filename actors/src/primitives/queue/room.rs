//! Putting an item where there is room for it, without asking.

use std::time::Duration;

use super::door::{Door, FOREVER};
use super::messages::{PutInRoom, Share};
use super::{QueueError, hand, lent, passing};
use crate::AskError;
use crate::primitives::blob::Blob;
use crate::primitives::near::{self, Lender, Life, Loan, Near};

/// What came of it.
pub(super) enum Try {
    /// The queue has the item.
    Done,
    /// The item is on its way, but there may be no room for it any more: the host must be asked.
    Unsure,
    /// There is no room. Nothing was sent.
    NoRoom,
}

/// Puts an item where this thread has room for it.
pub(super) fn put(door: &Door, item: &Blob) -> Try {
    let key = door.key();
    let Some(room) = hand::room(key).filter(|room| room.items > 0 && room.bytes >= item.len()) else {
        return Try::NoRoom;
    };
    let place = lent::place(room.tally.word);
    // If it has been taken back, asking does with one message.
    let is_open = near::act_if_known(key, |near| near.words.load(place)) == Some(room.tally.count);
    let put = PutInRoom { from: hand::present(key), item: item.clone() };
    let Some(has_left) = is_open.then(|| door.host.tell_now(&put).ok()).flatten() else {
        hand::leave_room(key);
        return Try::NoRoom;
    };
    if has_left && hand::count(key, room.tally) {
        hand::use_room(key, item.len());
        passing::note_sent(key);
        Try::Done
    } else {
        hand::leave_room(key);
        Try::Unsure
    }
}

/// Whether this thread can count what it does without asking: it has asked so often that it is worth it.
pub(super) fn can_count(door: &Door, within: Option<Duration>) -> Result<bool, QueueError> {
    let patience = within.is_none().then_some(FOREVER);
    near::act(door, patience, |_| Ok(())).map(|wanted| wanted.is_some())
}

impl Lender for Door {
    type Error = QueueError;

    const USES: u32 = 16;

    fn life(&self) -> Life {
        self.key()
    }

    fn borrow_words(&self, patience: Duration) -> Result<Option<Near>, QueueError> {
        match self.host.ask_within(&Share { epoch: self.key().1 }, patience) {
            Ok(loan) => Ok(loan.and_then(Loan::open)),
            // One of the two sides has no descriptors left.
            Err(AskError::Invalid(_) | AskError::NoReply) => Ok(None),
            Err(error) => Err(self.note(error.into())),
        }
    }
}
