//! Memory that several processes share, mapped.
#![allow(unsafe_code)]

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64};

use nix::libc;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous, mprotect, munmap};

/// A part of a file in memory. The file is sealed against shrinking, and its space reserved: a touch cannot fail.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping belongs to the value, and words in it are touched only atomically, bytes only through `&mut`.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `length` bytes from `offset` on, which is a multiple of the page size.
    ///
    /// # Errors
    /// The system's.
    pub fn new(file: impl AsFd, offset: usize, length: usize) -> io::Result<Mapping> {
        let length_bytes = NonZeroUsize::new(length).ok_or(io::ErrorKind::InvalidInput)?;
        let offset = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        let (protection, flags) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED);
        // SAFETY: a new mapping at an address that the kernel chooses overlaps nothing.
        let start = unsafe { mmap(None, length_bytes, protection, flags, file, offset) }?;
        Ok(Mapping { start: start.cast(), length })
    }

    /// Maps the first `length` bytes of a file, a multiple of the page size, and right behind them a page that is this
    /// process's own.
    ///
    /// # Errors
    /// The system's.
    pub fn with_private_page(file: impl AsFd, length: usize, page_bytes: usize) -> io::Result<Mapping> {
        let shared = NonZeroUsize::new(length).ok_or(io::ErrorKind::InvalidInput)?;
        let whole = shared.checked_add(page_bytes).ok_or(io::ErrorKind::OutOfMemory)?;
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at an address that the kernel chooses overlaps nothing.
        let start = unsafe { mmap_anonymous(None, whole, protection, MapFlags::MAP_PRIVATE) }?;
        let mapping = Mapping { start: start.cast(), length: whole.get() };
        // SAFETY: what it replaces is the beginning of the mapping above, which nobody else knows of.
        unsafe { mmap(Some(start.addr()), shared, protection, MapFlags::MAP_SHARED | MapFlags::MAP_FIXED, file, 0) }?;
        Ok(mapping)
    }

    /// Where a place is, in bytes from the start; `None` if `length` bytes from there on do not lie within.
    pub fn address(&self, offset: usize, length: usize) -> Option<NonNull<u8>> {
        if offset > self.length || length > self.length - offset {
            return None;
        }
        // SAFETY: the place lies within the mapping.
        Some(unsafe { self.start.add(offset) })
    }

    /// Has memory for a part of the file that has none, and maps it: no touch of it can fail any more.
    ///
    /// # Errors
    /// The system's, if it has no memory left, or does not know how to (before Linux 5.14).
    pub fn populate(&self, offset: usize, length: usize) -> io::Result<()> {
        self.advise(offset, length, libc::MADV_POPULATE_WRITE)
    }

    /// Gives the memory of a part of the file back, for all who have mapped it. It is all zeros then.
    ///
    /// # Errors
    /// The system's.
    pub fn vacate(&self, offset: usize, length: usize) -> io::Result<()> {
        self.advise(offset, length, libc::MADV_REMOVE)
    }

    fn advise(&self, offset: usize, length: usize, advice: libc::c_int) -> io::Result<()> {
        let place = self.address(offset, length).ok_or(io::ErrorKind::InvalidInput)?;
        // SAFETY: the place lies within the mapping, whose bytes others may change at any time anyway.
        nix::errno::Errno::result(unsafe { libc::madvise(place.as_ptr().cast(), length, advice) })?;
        Ok(())
    }

    /// Has this process, and those that are copied from it, only read the memory from now on. Who writes there all the same is ended.
    ///
    /// # Errors
    /// The system's.
    pub fn protect(&self) -> io::Result<()> {
        // SAFETY: the place is the whole mapping, and nothing is executed or lies on a stack there.
        Ok(unsafe { mprotect(self.start.cast(), self.length, ProtFlags::PROT_READ) }?)
    }

    /// The half word at a place, counted in half words from the start; `None` outside.
    #[inline]
    pub fn half_word(&self, index: usize) -> Option<&AtomicU32> {
        if index >= self.length / size_of::<AtomicU32>() {
            return None;
        }
        // SAFETY: as for a word.
        Some(unsafe { self.start.cast::<AtomicU32>().add(index).as_ref() })
    }

    /// The word at a place, counted in words from the start; `None` outside.
    #[inline]
    pub fn word(&self, index: usize) -> Option<&AtomicU64> {
        if index >= self.length / size_of::<AtomicU64>() {
            return None;
        }
        // SAFETY: the word lies within the mapping, which starts on a page and so is aligned; it lives as long as `self`.
        Some(unsafe { self.start.cast::<AtomicU64>().add(index).as_ref() })
    }

    /// Copies bytes to a place. Gives whether they fit.
    #[inline]
    pub fn write(&mut self, offset: usize, bytes: &[u8]) -> bool {
        if offset > self.length || bytes.len() > self.length - offset {
            return false;
        }
        // SAFETY: the place lies within the mapping; `bytes` is memory of this process's own and does not overlap it.
        unsafe { self.start.add(offset).copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
        true
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this length, and nothing borrows from it any more.
        let _ = unsafe { munmap(self.start.cast(), self.length) };
    }
}
