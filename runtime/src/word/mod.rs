//! Words: numbers that several processes read and change without a message, as long as the thread lives whose they are.
//!
//! The word is in a page of shared memory. The thread that makes it, its [`WordOwner`], locks a robust lock in that page for
//! its life. When it ends, in whatever way, the kernel takes its name out of the lock: so whoever uses the word, through a
//! [`WordShare`], asks the lock first and knows at no cost that the owner has not ended.
//!
//! The owner can shut the word: whoever comes then is sent away, until it opens it again. Who was just about to change the word
//! still does, once.
//!
//! | in the page, from its start | |
//! |---|---|
//! | first word | the word |
//! | second word | 0 while it is open |
//! | last word | its first half: the lock, with the owner's thread id in the low 30 bits, 0 once it has ended |
//!
//! A kernel that runs out of memory and kills the owner can, before Linux 5.18, free the owner's memory before it reads there
//! which locks it holds. The owner then seems to live on until its share is dropped.

mod sys;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::libc;

use self::sys::Hold;
use crate::memory::{self, Mapping};

/// Where in the page things are, counted in words.
const WORD: usize = 0;
const GATE: usize = 1;

/// What of the lock is in the page: its last word.
const LOCK_BYTES: usize = size_of::<u64>();

/// A word, at the thread whose it is.
#[derive(Debug)]
pub struct WordOwner {
    file: File,
    hold: Hold,
}

impl WordOwner {
    /// Makes a word that is this thread's.
    ///
    /// # Errors
    /// The system's, if it has no memory or descriptors left; [`Unsupported`](io::ErrorKind::Unsupported) if the C library does
    /// not let others see that a thread has ended.
    pub fn new(word: u64) -> io::Result<WordOwner> {
        let page_bytes = crate::sys::page_bytes()?;
        let file = memory::reserve("procession-word", page_bytes)?;
        let owner = WordOwner { hold: Hold::new(&file, page_bytes)?, file };
        owner.store(word);
        Ok(owner)
    }

    /// Gives a descriptor for [`WordShare::open`] in another process.
    ///
    /// # Errors
    /// The system's, if there are no descriptors left.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.file.as_fd().try_clone_to_owned()
    }

    /// Reads the word.
    pub fn load(&self) -> u64 {
        load(self.hold.map(), WORD)
    }

    /// Sets the word.
    pub fn store(&self, word: u64) {
        store(self.hold.map(), WORD, word);
    }

    /// Sets the word; gives the one before.
    pub fn swap(&self, word: u64) -> u64 {
        place(self.hold.map(), WORD).map_or(0, |place| place.swap(word, Ordering::SeqCst))
    }

    /// Sets the word if it is as expected; gives whether it was.
    pub fn exchange(&self, expected: u64, word: u64) -> bool {
        exchange(self.hold.map(), expected, word)
    }

    /// Shuts the word to others until what this gives is dropped.
    pub fn shut(&self) -> Shut<'_> {
        store(self.hold.map(), GATE, 1);
        Shut(self)
    }
}

/// A word is shut to others.
#[derive(Debug)]
#[must_use = "the word is open again when `Shut` is dropped"]
pub struct Shut<'a>(&'a WordOwner);

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        store(self.0.hold.map(), GATE, 0);
    }
}

/// Why a word cannot be used by others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordClosed {
    /// Its owner has shut it, for a while.
    Shut,
    /// Its owner has ended; or this is a bare `fork()` copy of the process that got the word.
    Ended,
}

/// A word, at a process that uses it.
#[derive(Debug)]
pub struct WordShare {
    map: Mapping,
    /// Where the lock is, counted in half words.
    lock: usize,
    /// Bare forks before this process.
    forks: u32,
}

impl WordShare {
    /// Maps the word of a descriptor.
    ///
    /// # Errors
    /// The system's, if it has no memory left, or the descriptor is not that of such a page.
    pub fn open(file: OwnedFd) -> io::Result<WordShare> {
        crate::sys::count_forks();
        let page_bytes = crate::sys::page_bytes()?;
        let file = memory::check(file, page_bytes)?;
        let map = Mapping::new(&file, 0, page_bytes)?;
        Ok(WordShare { map, lock: (page_bytes - LOCK_BYTES) / size_of::<u32>(), forks: crate::sys::forks() })
    }

    /// Whether the owner lives, and the word is open.
    ///
    /// # Errors
    /// [`WordClosed`].
    #[inline]
    pub fn check(&self) -> Result<(), WordClosed> {
        if self.has_ended() {
            return Err(WordClosed::Ended);
        }
        if load(&self.map, GATE) == 0 { Ok(()) } else { Err(WordClosed::Shut) }
    }

    /// Whether it can be used no more.
    #[inline]
    pub fn has_ended(&self) -> bool {
        let lock = self.map.half_word(self.lock).map_or(0, |lock| lock.load(Ordering::SeqCst));
        lock & libc::FUTEX_TID_MASK == 0 || self.forks != crate::sys::forks()
    }

    /// Reads the word.
    ///
    /// # Errors
    /// [`WordClosed`].
    #[inline]
    pub fn load(&self) -> Result<u64, WordClosed> {
        self.check()?;
        Ok(load(&self.map, WORD))
    }

    /// Sets the word.
    ///
    /// # Errors
    /// [`WordClosed`]; it was not set then.
    #[inline]
    pub fn store(&self, word: u64) -> Result<(), WordClosed> {
        self.check()?;
        store(&self.map, WORD, word);
        Ok(())
    }

    /// Sets the word if it is as expected; gives whether it was.
    ///
    /// # Errors
    /// [`WordClosed`]; it was not set then.
    #[inline]
    pub fn exchange(&self, expected: u64, word: u64) -> Result<bool, WordClosed> {
        self.check()?;
        Ok(exchange(&self.map, expected, word))
    }
}

#[inline]
fn place(map: &Mapping, index: usize) -> Option<&AtomicU64> {
    map.word(index)
}

#[inline]
fn load(map: &Mapping, index: usize) -> u64 {
    place(map, index).map_or(0, |place| place.load(Ordering::SeqCst))
}

#[inline]
fn store(map: &Mapping, index: usize, word: u64) {
    if let Some(place) = place(map, index) {
        place.store(word, Ordering::SeqCst);
    }
}

#[inline]
fn exchange(map: &Mapping, expected: u64, word: u64) -> bool {
    let exchanged = |place: &AtomicU64| place.compare_exchange(expected, word, Ordering::SeqCst, Ordering::SeqCst);
    place(map, WORD).is_some_and(|place| exchanged(place).is_ok())
}

#[cfg(test)]
mod tests;
