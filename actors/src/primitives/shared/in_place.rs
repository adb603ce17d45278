//! Integers, used where they are: in words that their host has lent.

use std::marker::PhantomData;

use procession_runtime::{WordClosed, WordShare};

use super::host::Object;
use super::number::Number;
use super::remote::Remote;
use super::{SharedError, integer};

/// One item of a host's, in place. What it gives is `None` if the host must be asked: the item is no integer, for instance, or
/// the host keeps it.
pub(super) struct InPlace<'a, O: Object, T> {
    remote: &'a Remote<O>,
    index: usize,
    kind: PhantomData<fn() -> T>,
}

impl<'a, O: Object, T: 'static> InPlace<'a, O, T> {
    #[inline]
    pub(super) fn new(remote: &'a Remote<O>, index: usize) -> InPlace<'a, O, T> {
        InPlace { remote, index, kind: PhantomData }
    }

    #[inline]
    pub(super) fn get(&self) -> Result<Option<T>, SharedError> {
        self.act(|words| words.load(self.index).map(integer::of_word))
    }

    /// Sets it.
    #[inline]
    pub(super) fn set(&self, value: &T) -> Result<Option<()>, SharedError> {
        let Some(new) = integer::to_word(value) else { return Ok(None) };
        self.act(|words| {
            let mut before = words.load(self.index)?;
            while !words.exchange(self.index, before, new)? {
                before = words.load(self.index)?;
            }
            Ok(Some(()))
        })
    }

    /// Does something with the words; not at all if there are no integers there.
    #[inline]
    fn act<R>(&self, act: impl Fn(&WordShare) -> Result<Option<R>, WordClosed>) -> Result<Option<R>, SharedError> {
        if integer::is_integer::<T>() { self.remote.near(act).map(Option::flatten) } else { Ok(None) }
    }
}

impl<O: Object, T: Number> InPlace<'_, O, T> {
    /// Changes it, and gives what it was before; or that there is no room for what it would be.
    #[inline]
    pub(super) fn change(&self, change: impl Fn(T) -> Option<T>) -> Result<Option<T>, SharedError> {
        let changed = self.act(|words| {
            loop {
                let before = words.load(self.index)?;
                let Some(value) = integer::of_word::<T>(before) else { return Ok(None) };
                let Some(after) = change(value) else { return Ok(Some(Err(SharedError::Overflow))) };
                let Some(after) = integer::to_word(&after) else { return Ok(None) };
                if words.exchange(self.index, before, after)? {
                    return Ok(Some(Ok(value)));
                }
            }
        })?;
        changed.transpose()
    }
}
