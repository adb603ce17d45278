//! The bell of one who waits, and the means to ring another's.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::protocol::Door;
use crate::memory::{self, Mapping};

/// Size of a bell's page in bytes.
const PAGE_BYTES: usize = 4096;

/// Where in the page the bits of those who have rung are, in words.
const RUNG: usize = 0;

/// Where the word of the sleeper is, in half words; on a cache line of its own.
const SLEEPING: usize = 64;

/// How many can ring one bell.
pub(crate) const MOST_RINGERS: u32 = u64::BITS;

/// The bell of one hub: a page of shared memory with a bit for each who can ring it, and an event for when its owner sleeps.
#[derive(Debug)]
pub(crate) struct Bell {
    file: File,
    page: Mapping,
    event: EventFd,
    /// The bits that are given out.
    given: u64,
}

/// What another process needs to ring a bell: descriptors of its page and its event.
#[derive(Debug)]
pub struct BellShare {
    /// The page.
    pub page: OwnedFd,
    /// The event.
    pub event: OwnedFd,
    /// Which of the bits is the ringer's.
    pub bit: u8,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Bell> {
        let file = memory::reserve("procession-bell", PAGE_BYTES)?;
        let page = Mapping::new(&file, 0, PAGE_BYTES)?;
        let event = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Bell { file, page, event, given: 0 })
    }

    /// Gives out a bit, if there is one left, with what is needed to ring with it.
    pub(crate) fn share(&mut self) -> io::Result<BellShare> {
        let bit = self.given.trailing_ones();
        if bit >= MOST_RINGERS {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let page = self.file.as_fd().try_clone_to_owned()?;
        let event = self.event.as_fd().try_clone_to_owned()?;
        self.given |= 1 << bit;
        Ok(BellShare { page, event, bit: bit as u8 })
    }

    /// Takes a bit back.
    pub(crate) fn take_back(&mut self, bit: u8) {
        self.given &= !1_u64.unbounded_shl(u32::from(bit));
    }

    /// The event, to be watched.
    pub(crate) fn event(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }

    #[inline]
    pub(crate) fn door(&self) -> Option<Door<'_>> {
        door(&self.page)
    }
}

/// Rings another's bell.
#[derive(Debug)]
pub(crate) struct Ringer {
    page: Mapping,
    event: OwnedFd,
    bits: u64,
}

impl Ringer {
    /// Takes what another process has given.
    pub(crate) fn open(share: BellShare) -> io::Result<Ringer> {
        let (file, _) = memory::check(share.page, PAGE_BYTES)?;
        let bits = 1_u64.unbounded_shl(u32::from(share.bit));
        Ok(Ringer { page: Mapping::new(&file, 0, PAGE_BYTES)?, event: share.event, bits })
    }

    /// Rings, and wakes the other if it sleeps.
    #[inline]
    pub(crate) fn ring(&self) {
        if door(&self.page).is_some_and(|door| door.ring(self.bits)) {
            // It fails only if the event has been rung 2^64 - 2 times without being read, and is ready then.
            let _ = nix::unistd::write(&self.event, &1_u64.to_ne_bytes());
        }
    }
}

#[inline]
fn door(page: &Mapping) -> Option<Door<'_>> {
    Some(Door { rung: page.word(RUNG)?, sleeping: page.half_word(SLEEPING)? })
}
