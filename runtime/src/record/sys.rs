//! Memory that several processes share, mapped.
#![allow(unsafe_code)]

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use nix::libc;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// A part of a file in memory. The file is sealed against shrinking, and its space reserved: a touch cannot fail.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping belongs to the value, and words in it are touched only atomically, bytes only through `&mut`.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `length` bytes from `offset` on, which is a multiple of the page size.
    pub(super) fn new(file: impl AsFd, offset: usize, length: usize) -> io::Result<Mapping> {
        let length_bytes = NonZeroUsize::new(length).ok_or(io::ErrorKind::InvalidInput)?;
        let offset = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        let (protection, flags) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED);
        // SAFETY: a new mapping at an address that the kernel chooses overlaps nothing.
        let start = unsafe { mmap(None, length_bytes, protection, flags, file, offset) }?;
        Ok(Mapping { start: start.cast(), length })
    }

    /// The word at a place, counted in words from the start; `None` outside.
    #[inline]
    pub(super) fn word(&self, index: usize) -> Option<&AtomicU64> {
        if index >= self.length / size_of::<AtomicU64>() {
            return None;
        }
        // SAFETY: the word lies within the mapping, which starts on a page and so is aligned; it lives as long as `self`.
        Some(unsafe { self.start.cast::<AtomicU64>().add(index).as_ref() })
    }

    /// Copies bytes to a place. Gives whether they fit.
    #[inline]
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) -> bool {
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
        // SAFETY: the mapping was made by `new` with this length, and nothing borrows from it any more.
        let _ = unsafe { munmap(self.start.cast(), self.length) };
    }
}
