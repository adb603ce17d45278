//! The shelf, as the queue sees it: what went from hand to hand while it had nothing to do.

use super::{Asker, Entry, Held, Machine, Words};
use crate::primitives::queue::shelf::{Found, ITEM_BYTES, PLACES};

/// A thread that is none, and never waits: whichever of its process has taken something from the shelf. What it has may come back
/// until that one gets again, or ends.
const SOME_THREAD: u64 = u64::MAX;

impl<I: Clone, W: Words> Machine<I, W> {
    /// Whether items may go from hand to hand now: there is room for them, and nothing here that must come before them, or after.
    pub(in super::super) fn is_idle(&self) -> bool {
        let (items, bytes) = self.used();
        self.ready.is_empty()
            && self.waiting.is_empty()
            && self.unsure.is_empty()
            && !(self.joinable || self.is_closed)
            && items.saturating_add(PLACES) <= self.limits.items
            && bytes.saturating_add(PLACES * ITEM_BYTES) <= self.limits.bytes
            && !self.rooms.is_taken_back()
            && self.rooms.coming(&self.lending) == 0
            && self.piles.untaken(&self.lending) == 0
    }

    /// Takes in what was on the shelf, or was taken from it. The queue was idle before.
    pub(in super::super) fn take_from_shelf(&mut self, found: Vec<Found<I>>, bytes: impl Fn(&I) -> usize) {
        for Found { item, by } in found {
            let bytes = bytes(&item);
            let Some((process, number)) = by else {
                self.take_in(item, bytes);
                continue;
            };
            self.last_number += 1;
            self.last_grant += 1;
            let (asker, grant) = (Asker { process, thread: SOME_THREAD }, self.last_grant);
            self.held.insert(grant, Held { asker, entry: Entry { number: self.last_number, bytes, item } });
            self.hands.entry(asker).or_default().insert(grant);
            // No number is used twice; who does so all the same loses what was there before.
            if let Some(before) = self.on_shelf.insert((process, number), grant) {
                self.give_back(before);
            }
        }
    }

    /// A process is done with what it has taken from the shelf under a number, if that is known here.
    pub(in super::super) fn settle_from_shelf(&mut self, process: u64, number: u64) {
        if let Some(grant) = self.on_shelf.remove(&(process, number)) {
            self.let_go(grant);
        }
    }

    /// A thread has dealt with all that it was handed: it has taken something from the shelf since.
    pub(in super::super) fn settle_handed(&mut self, asker: Asker, taken: super::Grant) {
        self.take_pile_back(asker);
        self.note_taken(asker, taken);
    }
}
