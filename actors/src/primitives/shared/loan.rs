//! Integers that a host lends: it keeps them as bytes, and others change them in words.

use std::io;
use std::os::fd::OwnedFd;

use procession_runtime::WordOwner;

use super::integer;
use crate::primitives::blob::Blob;

/// How many integers are lent at most: 8 MiB of them.
const LENT_MAX: usize = 1 << 20;

/// The words for a fixed number of integers of one width.
#[derive(Debug)]
pub(super) struct Loan {
    owner: WordOwner,
    /// How many bytes an integer has.
    width: usize,
    /// Which of them are lent.
    is_lent: Vec<bool>,
}

impl Loan {
    /// Makes words for integers, and lends them.
    ///
    /// # Errors
    /// The system's, if it has no memory or descriptors left; [`InvalidInput`](io::ErrorKind::InvalidInput) if they are no
    /// integers of one width, or too many.
    fn new(items: &[Blob]) -> io::Result<Loan> {
        let width = items.first().map_or(0, Blob::len);
        if items.len() > LENT_MAX || items.iter().any(|item| integer::bits(item, width).is_none()) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut loan = Loan { owner: WordOwner::new(items.len())?, width, is_lent: vec![false; items.len()] };
        items.iter().enumerate().for_each(|(index, item)| loan.lend(index, item));
        Ok(loan)
    }

    /// Gives a descriptor for others, and lends the items first if they have not been before. `None` if that cannot be.
    pub(super) fn share(loan: &mut Option<Loan>, items: &[Blob]) -> Option<OwnedFd> {
        if loan.is_none() {
            match Loan::new(items) {
                Ok(new) => *loan = Some(new),
                Err(error) => tracing::debug!(%error, "nothing is lent; it is used by messages alone"),
            }
        }
        loan.as_ref()?.owner.descriptor().ok()
    }

    /// Takes an integer back. Gives it if others have changed it.
    pub(super) fn keep(&mut self, index: usize, before: &Blob) -> Option<Blob> {
        if !std::mem::take(self.is_lent.get_mut(index)?) {
            return None;
        }
        let content = self.owner.keep(index);
        let is_changed = integer::bits(before, self.width).and_then(integer::content) != Some(content);
        is_changed.then(|| integer::blob(content, self.width))
    }

    /// Lends an integer, if it fits in a word.
    pub(super) fn lend(&mut self, index: usize, item: &Blob) {
        let content = integer::bits(item, self.width).and_then(integer::content);
        if let (Some(content), Some(is_lent)) = (content, self.is_lent.get_mut(index)) {
            *is_lent = true;
            self.owner.lend(index, content);
        }
    }
}
