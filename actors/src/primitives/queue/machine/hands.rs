//! What a queue hands over, and what becomes of it.

use super::piles::PILE_ITEMS;
use super::{Answer, Asker, Entry, Getter, Grant, Held, Machine, Words};

impl<I: Clone, W: Words> Machine<I, W> {
    /// Hands the first items that are ready to somebody; there is one.
    pub(super) fn hand_over(&mut self, Getter { ticket, asker, most }: Getter) {
        let pile = if most.with_pile { self.pile_items() } else { 0 };
        let tally = if pile > 0 { self.lending.lend(pile) } else { None };
        let most_items = if tally.is_some() { 1 + pile } else { most.items };
        let wanted = self.last_grant + 1;
        let (mut items, mut wanted_bytes, mut bytes) = (Vec::new(), 0, 0_usize);
        while let Some(entry) = self.ready.front()
            && (items.is_empty() || items.len() < most_items && bytes.saturating_add(entry.bytes) <= most.bytes)
            && let Some(entry) = self.ready.pop_front()
        {
            if items.is_empty() {
                wanted_bytes = entry.bytes;
            }
            bytes += entry.bytes;
            self.ready_bytes -= entry.bytes;
            self.last_grant += 1;
            items.push(entry.item.clone());
            self.held.insert(self.last_grant, Held { asker, entry });
            self.hands.entry(asker).or_default().insert(self.last_grant);
        }
        if let Some(tally) = tally {
            self.piles.add(asker, tally, wanted, items.len() - 1, bytes - wanted_bytes);
        }
        self.say(ticket, Answer::Items { grant: wanted, items, pile: tally });
    }

    /// How many items somebody is handed beside the one that it wants: its share, unless somebody waits for room.
    fn pile_items(&self) -> usize {
        let others = self.hands.len() + self.getters.len();
        let share = self.ready.len() / (others + 1);
        if self.putters.is_empty() && !self.joinable { share.saturating_sub(1).min(PILE_ITEMS) } else { 0 }
    }

    /// Takes a pile back, if somebody has one: what it has taken of that before the last item it has dealt with.
    pub(super) fn take_pile_back(&mut self, asker: Asker) -> bool {
        let Some(in_hand) = self.piles.take_back(&mut self.lending, asker) else { return false };
        let grants: Vec<Grant> = self.hands.get(&asker).into_iter().flatten().copied().collect();
        for grant in grants {
            if grant > in_hand {
                self.give_back(grant);
            } else if grant < in_hand {
                self.let_go(grant);
            }
        }
        true
    }

    /// Takes back the piles of a process, or of all; gives whether there were any.
    pub(super) fn take_piles_back(&mut self, process: Option<u64>) -> bool {
        let mut has_some = false;
        while let Some(asker) = self.piles.first(process) {
            has_some |= self.take_pile_back(asker);
        }
        has_some
    }

    /// A thread says which was the last item that reached it: later ones did not, and are ready again. The others it has
    /// dealt with, unless it is to say so one by one.
    pub(super) fn note_taken(&mut self, asker: Asker, taken: Grant) {
        let Some(grants) = self.hands.get(&asker) else { return };
        for grant in grants.iter().copied().collect::<Vec<_>>() {
            if grant > taken {
                self.give_back(grant);
            } else if !self.joinable {
                self.let_go(grant);
            }
        }
    }

    /// Takes an item out of the hands that it is in.
    pub(super) fn let_go(&mut self, grant: Grant) -> Option<Entry<I>> {
        let Held { asker, entry } = self.held.remove(&grant)?;
        if let Some(grants) = self.hands.get_mut(&asker) {
            grants.remove(&grant);
            if grants.is_empty() {
                self.hands.remove(&asker);
            }
        }
        Some(entry)
    }

    /// Makes an item that somebody holds ready again, at its place.
    pub(super) fn give_back(&mut self, grant: Grant) {
        if let Some(entry) = self.let_go(grant) {
            self.ready_bytes += entry.bytes;
            let place = self.ready.partition_point(|other| other.number < entry.number);
            self.ready.insert(place, entry);
            // It takes room that others may have been promised, who have not used it.
            if !self.has_room(0) {
                self.rooms.take_back(&mut self.lending);
            }
        }
    }
}
