//! What a host lends of its machine.
//!
//! Whatever others may do without asking is lent, in words, as long as there is nobody who must be asked first. Before the host does
//! anything with its machine it takes the words back: the machine is then as others have made it, and they do no more, but come to
//! the mailbox. So each part of the state is in a word or in the machine, and never in both.
//!
//! What others do in a word may be what somebody waits for at the host. Then the word says that somebody waits, until the host has
//! looked, and whoever has done such a thing sends the host a [`Look`](super::host::Look). If that does not come, since its sender
//! was killed or stopped before, whatever else the host is told of makes it look: the sender's end, or anybody's next such deed.

use std::io;

use procession_runtime::WordOwner;

use super::machine::{Answers, Machine, Party};
use super::users::Users;
use crate::Descriptor;
use crate::primitives::near::Loan;

/// The words of a machine, at its host.
pub(super) struct Lending {
    owner: WordOwner,
    users: Users,
    /// What is lent, or was taken back: that many words, from the first on.
    contents: Vec<u64>,
}

impl Lending {
    /// Makes words; none is lent yet.
    ///
    /// # Errors
    /// The system's, if it has no memory or descriptors left.
    pub(super) fn new<M: Machine>() -> io::Result<Lending> {
        Ok(Lending { owner: WordOwner::new(M::WORDS)?, users: Users::default(), contents: Vec::new() })
    }

    /// Gives a party what it needs; `None` if there is not enough of something.
    pub(super) fn admit(&mut self, party: Party) -> Option<Loan> {
        let words = Descriptor::new(self.owner.descriptor().ok()?);
        Some(Loan { words, user: self.users.admit(party)? })
    }

    /// Forgets a party that has ended. The words have been taken back.
    pub(super) fn leave(&mut self, party: Party) {
        self.users.leave(party);
    }

    /// Takes back what is lent.
    pub(super) fn take_back<M: Machine>(&mut self, machine: &mut M, answers: &mut Answers<M::Grant>) {
        if !self.contents.is_empty() {
            self.contents.iter_mut().enumerate().for_each(|(index, content)| *content = self.owner.keep(index));
            machine.take_back(&self.contents, &self.users, answers);
            self.contents.clear();
        }
    }

    /// Lends what can be lent, unless it is lent already.
    pub(super) fn lend(&mut self, machine: &mut impl Machine) {
        if self.contents.is_empty() {
            machine.lend(&mut self.contents, &self.users);
            self.contents.iter().enumerate().for_each(|(index, content)| self.owner.lend(index, *content));
        }
    }
}
