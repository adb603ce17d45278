//! What parties are called in words, and how a word names what a party holds.
//!
//! A word's content is 0 if nobody holds it. Otherwise its low bits are the number of a [`Ticket`], and those at the top are the
//! user: its party as the host calls it there. Between them is a bit that the holder sets so as to be sent to the host when it
//! gives the word back. A user's number goes to another party only when the first has ended.

use std::collections::HashMap;

use procession_runtime::CONTENT_BITS;

use super::machine::{Party, Ticket};

/// How many bits of a content are the ticket's number. A process that asks for something every 20 ns has used them up after two
/// months, and does without words then.
pub(in crate::primitives) const NUMBER_BITS: u32 = 48;

/// The greatest of them.
pub(in crate::primitives) const NUMBER_MAX: u64 = NOTED - 1;

/// Set by a holder that has something to say to the host.
pub(in crate::primitives) const NOTED: u64 = 1 << NUMBER_BITS;

/// Where the user starts.
const USER_SHIFT: u32 = NUMBER_BITS + 1;

/// How many parties are called anything at a time.
const USERS_MAX: usize = (1 << (CONTENT_BITS - USER_SHIFT)) - 1;

/// The content of a word that nobody holds.
pub(in crate::primitives) const FREE: u64 = 0;

/// Gives the content of a word that a user holds under a number; `None` if there is none.
#[inline]
pub(in crate::primitives) fn content(user: u64, number: u64) -> Option<u64> {
    (number >> NUMBER_BITS == 0 && user != 0).then_some(user << USER_SHIFT | number)
}

/// Says which user holds a word of this content; 0 if none does.
#[inline]
pub(in crate::primitives) fn holder(content: u64) -> u64 {
    content >> USER_SHIFT
}

/// The parties that have words in use, and what each is called there.
#[derive(Debug, Default)]
pub(crate) struct Users {
    parties: Vec<Option<Party>>,
    users: HashMap<Party, u64>,
}

impl Users {
    /// Gives what a party is called; `None` if there are too many.
    pub(in crate::primitives) fn admit(&mut self, party: Party) -> Option<u64> {
        if let Some(user) = self.users.get(&party) {
            return Some(*user);
        }
        let free = self.parties.iter().position(Option::is_none).unwrap_or(self.parties.len());
        if free >= USERS_MAX {
            return None;
        }
        if free == self.parties.len() {
            self.parties.push(None);
        }
        let user = free as u64 + 1;
        self.parties[free] = Some(party);
        self.users.insert(party, user);
        Some(user)
    }

    /// Gives what a party is called, if it is.
    #[cfg(test)]
    pub(super) fn user(&self, party: Party) -> Option<u64> {
        self.users.get(&party).copied()
    }

    /// Forgets a party that has ended.
    pub(in crate::primitives) fn leave(&mut self, party: Party) {
        if let Some(user) = self.users.remove(&party) {
            self.parties[user as usize - 1] = None;
        }
    }

    /// Gives the content of a word that is held under a ticket; `None` if its party uses no words.
    pub(super) fn content(&self, ticket: Ticket) -> Option<u64> {
        content(*self.users.get(&ticket.party)?, ticket.number)
    }

    /// Gives the ticket that a word is held under; `None` if nobody holds it. What nobody can have written holds nothing.
    pub(in crate::primitives) fn ticket(&self, content: u64) -> Option<Ticket> {
        let place = usize::try_from(holder(content)).ok()?.checked_sub(1)?;
        let party = (*self.parties.get(place)?)?;
        Some(Ticket { party, number: content & ((1 << NUMBER_BITS) - 1) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_names_a_ticket() {
        let mut users = Users::default();
        let first = users.admit(Party(7)).expect("there is room");
        assert_eq!((users.admit(Party(7)), users.admit(Party(8))), (Some(first), Some(first + 1)));
        for number in [0, 1, (1 << NUMBER_BITS) - 1] {
            let ticket = Ticket { party: Party(8), number };
            let content = users.content(ticket).expect("it fits");
            assert_eq!((users.ticket(content), content >> CONTENT_BITS), (Some(ticket), 0));
        }
        assert_eq!(users.content(Ticket { party: Party(8), number: 1 << NUMBER_BITS }), None);
        assert_eq!(users.content(Ticket { party: Party(9), number: 1 }), None);
        assert_eq!((users.ticket(FREE), users.ticket(u64::MAX), users.ticket(5)), (None, None, None));
        users.leave(Party(7));
        assert_eq!(users.ticket(content(first, 1).expect("it fits")), None);
        assert_eq!(users.admit(Party(9)), Some(first));
    }

    #[test]
    fn so_many_users_and_no_more() {
        let mut users = Users::default();
        let admitted = (0..).map_while(|party| users.admit(Party(party))).count();
        assert_eq!(admitted, USERS_MAX);
        let last = Ticket { party: Party(USERS_MAX as u64 - 1), number: 5 };
        assert_eq!(users.content(last).and_then(|content| users.ticket(content)), Some(last));
    }
}
