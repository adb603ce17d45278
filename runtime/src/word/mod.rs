//! Words: numbers that several processes read and change without a message, as long as the thread lives whose they are.
//!
//! The words are in shared memory. The thread that makes them, their [`WordOwner`], locks a robust lock in that memory for
//! its life. When it ends, in whatever way, the kernel takes its name out of the lock: so whoever uses a word, through a
//! [`WordShare`], asks the lock first and knows at no cost that the owner has not ended.
//!
//! The owner lends each word with a content of [`CONTENT_BITS`], and keeps it when it wants to be alone with it: whoever comes
//! then is sent away, until it is lent again. To take a word back is one atomic step, as is every change by others.
//!
//! | in the memory, from its start | |
//! |---|---|
//! | the words | content, and in the lowest bit whether it is lent |
//! | last word | its first half: the lock, with the owner's thread id in the low 30 bits, 0 once it has ended |
//!
//! A kernel that runs out of memory and kills the owner can, before Linux 5.18, free the owner's memory before it reads there
//! which locks it holds. The owner then seems to live on until its share is dropped.
//!
//! | file | noun |
//! |---|---|
//! | `loan.rs` | what is done to one word; pure |
//! | `sys.rs` | the lock |

mod loan;
mod sys;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::libc;

pub use self::loan::CONTENT_BITS;
use self::sys::Hold;
use crate::memory::{self, Mapping};

/// What of the lock is in the memory: its last word.
const LOCK_BYTES: usize = size_of::<u64>();

/// Words, at the thread whose they are.
#[derive(Debug)]
pub struct WordOwner {
    file: File,
    hold: Hold,
}

impl WordOwner {
    /// Makes this many words that are this thread's, all of them kept, with a content of 0.
    ///
    /// # Errors
    /// The system's, if it has no memory or descriptors left; [`Unsupported`](io::ErrorKind::Unsupported) if the C library does
    /// not let others see that a thread has ended.
    pub fn new(count: usize) -> io::Result<WordOwner> {
        let page_bytes = crate::sys::page_bytes()?;
        let bytes = count.checked_mul(size_of::<u64>()).and_then(|bytes| bytes.checked_add(LOCK_BYTES));
        let length = bytes.and_then(|bytes| bytes.checked_next_multiple_of(page_bytes));
        let length = length.ok_or(io::ErrorKind::OutOfMemory)?;
        let file = memory::reserve("procession-words", length)?;
        Ok(WordOwner { hold: Hold::new(&file, length)?, file })
    }

    /// Gives a descriptor for [`WordShare::open`] in another process.
    ///
    /// # Errors
    /// The system's, if there are no descriptors left.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.file.as_fd().try_clone_to_owned()
    }

    /// Reads a word's content, whoever may change it. What is no word has a content of 0.
    pub fn peek(&self, index: usize) -> u64 {
        self.place(index).map_or(0, loan::peek)
    }

    /// Takes a word back, and gives its content. Nobody else changes it from now on. What is no word has a content of 0.
    pub fn keep(&self, index: usize) -> u64 {
        self.place(index).map_or(0, loan::keep)
    }

    /// Lends a word to all others, with this content, of which the topmost bit is lost.
    pub fn lend(&self, index: usize, content: u64) {
        if let Some(place) = self.place(index) {
            loan::lend(place, content);
        }
    }

    /// Reads all 64 bits of a word that is used for data, and never lent. What is no word is 0.
    #[inline]
    pub fn data(&self, index: usize) -> u64 {
        self.place(index).map_or(0, |place| place.load(Ordering::Relaxed))
    }

    fn place(&self, index: usize) -> Option<&AtomicU64> {
        // The last word is the lock's.
        self.hold.map().word(index).filter(|_| index < self.hold.lock_offset() / size_of::<u64>())
    }
}

/// Why a word cannot be used by others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordClosed {
    /// Its owner keeps it, for a while; or there is no such word.
    Kept,
    /// Its owner has ended; or this is a bare `fork()` copy of the process that got the words.
    Ended,
}

impl From<loan::Kept> for WordClosed {
    fn from(_: loan::Kept) -> WordClosed {
        WordClosed::Kept
    }
}

/// Words, at a process that uses them.
#[derive(Debug)]
pub struct WordShare {
    map: Mapping,
    /// How many words there are; the lock is behind them.
    count: usize,
    /// Bare forks before this process.
    forks: u32,
}

impl WordShare {
    /// Maps the words of a descriptor.
    ///
    /// # Errors
    /// The system's, if it has no memory left, or the descriptor is not that of such memory.
    pub fn open(file: OwnedFd) -> io::Result<WordShare> {
        crate::sys::count_forks();
        let page_bytes = crate::sys::page_bytes()?;
        let (file, length) = memory::check(file, page_bytes)?;
        let length = length - length % page_bytes;
        let map = Mapping::new(&file, 0, length)?;
        Ok(WordShare { map, count: (length - LOCK_BYTES) / size_of::<u64>(), forks: crate::sys::forks() })
    }

    /// Whether they can be used no more.
    #[inline]
    pub fn has_ended(&self) -> bool {
        let lock = self.map.half_word(2 * self.count).map_or(0, |lock| lock.load(Ordering::SeqCst));
        lock & libc::FUTEX_TID_MASK == 0 || self.forks != crate::sys::forks()
    }

    /// Reads a word's content.
    ///
    /// # Errors
    /// [`WordClosed`].
    #[inline]
    pub fn load(&self, index: usize) -> Result<u64, WordClosed> {
        Ok(loan::read(self.place(index)?)?)
    }

    /// Reads a word's content, also one that its owner keeps.
    ///
    /// # Errors
    /// [`WordClosed`]: its owner has ended, or there is no such word.
    #[inline]
    pub fn peek(&self, index: usize) -> Result<u64, WordClosed> {
        Ok(loan::peek(self.place(index)?))
    }

    /// Changes a word's content if it is as expected; gives whether it was.
    ///
    /// # Errors
    /// [`WordClosed`]; it was not changed then.
    #[inline]
    pub fn exchange(&self, index: usize, expected: u64, content: u64) -> Result<bool, WordClosed> {
        Ok(loan::exchange(self.place(index)?, expected, content)?)
    }

    /// Reads all 64 bits of a word that is used for data, and never lent: what somebody wrote there before a change of a lent word
    /// that this thread has seen, or something later. What is no word is 0.
    #[inline]
    pub fn data(&self, index: usize) -> u64 {
        self.map.word(index).filter(|_| index < self.count).map_or(0, |word| word.load(Ordering::Relaxed))
    }

    /// Writes all 64 bits of a word that is used for data. Whoever sees what this thread changes later in a lent word sees it.
    #[inline]
    pub fn set_data(&self, index: usize, data: u64) {
        if let Some(word) = self.map.word(index).filter(|_| index < self.count) {
            word.store(data, Ordering::Relaxed);
        }
    }

    /// Finds a word, if the owner lives.
    #[inline]
    fn place(&self, index: usize) -> Result<&AtomicU64, WordClosed> {
        if self.has_ended() {
            return Err(WordClosed::Ended);
        }
        self.map.word(index).filter(|_| index < self.count).ok_or(WordClosed::Kept)
    }
}

#[cfg(test)]
mod tests;
