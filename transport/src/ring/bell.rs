//! The bell of one who waits, and the means to ring another's.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::stat::{SFlag, fstat};

use super::protocol::Door;
use crate::memory::{self, Mapping};

/// Size of a bell's page in bytes.
const PAGE_BYTES: usize = 4096;

/// Where in the page the bits of those who have rung are, in words.
const RUNG: usize = 0;

/// Where the word of the sleeper is, in half words; on a cache line of its own.
const SLEEPING: usize = 64;

/// How many bits a bell has.
pub(crate) const BITS: usize = u64::BITS as usize;

/// How many can ring one bell: those of 64 who all talk to each other, each by a connection of its own. Where they are more than
/// it has bits, two share one.
pub const MOST_RINGERS: usize = 2 * BITS;

/// The bell of one hub: a page of shared memory with a bit for each who can ring it, and an event for when its owner sleeps.
#[derive(Debug)]
pub(crate) struct Bell {
    file: File,
    page: Mapping,
    event: EventFd,
    /// For each bit, to how many it is given.
    given: [u8; BITS],
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
        Ok(Bell { file, page, event, given: [0; BITS] })
    }

    /// Gives out one of the bits that the fewest have, with what is needed to ring with it.
    pub(crate) fn share(&mut self) -> io::Result<BellShare> {
        let least = (0_u8..).zip(self.given).min_by_key(|(_, count)| *count);
        let Some((bit, count)) = least.filter(|(_, count)| usize::from(*count) < MOST_RINGERS / BITS) else {
            return Err(io::ErrorKind::QuotaExceeded.into());
        };
        let page = self.file.as_fd().try_clone_to_owned()?;
        let event = self.event.as_fd().try_clone_to_owned()?;
        self.given[usize::from(bit)] = count + 1;
        Ok(BellShare { page, event, bit })
    }

    /// Takes a bit back.
    pub(crate) fn take_back(&mut self, bit: u8) {
        self.given[usize::from(bit)] -= 1;
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
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if that makes no bell; the system's.
    pub(crate) fn open(share: BellShare) -> io::Result<Ringer> {
        let (file, _) = memory::check(share.page, PAGE_BYTES)?;
        check_event(&share.event)?;
        let bits = 1_u64.checked_shl(u32::from(share.bit)).ok_or(io::ErrorKind::InvalidInput)?;
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

/// Checks that no write to what another process calls an event waits: not to a pipe that is full, nor to a file on something slow.
/// An event, and hardly anything else, is a file without a type; of those, one that does not block.
fn check_event(event: &OwnedFd) -> io::Result<()> {
    let has_type = fstat(event)?.st_mode & SFlag::S_IFMT.bits() != 0;
    let is_nonblocking = OFlag::from_bits_retain(fcntl(event, FcntlArg::F_GETFL)?).contains(OFlag::O_NONBLOCK);
    if is_nonblocking && !has_type { Ok(()) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

#[inline]
fn door(page: &Mapping) -> Option<Door<'_>> {
    Some(Door { rung: page.word(RUNG)?, sleeping: page.half_word(SLEEPING)? })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::{Hub, Watch, socket_pair};

    /// A hub with so many who can ring its bell, each for a watch of its own that follows it and has not been looked at in vain yet.
    fn ringers(count: usize) -> (Hub<usize>, Vec<(Watch, OwnedFd, Ringer)>) {
        let mut hub = Hub::new().expect("a hub");
        let ringers = (0..count).map(|index| {
            let (one, _) = socket_pair().expect("a pair");
            let watch = hub.watch(one.as_fd(), index).expect("it is watched");
            let ringer = Ringer::open(hub.share_bell(watch).expect("there is a bit")).expect("it can be mapped");
            hub.follow_bell(watch);
            hub.drained(watch);
            hub.attended(watch);
            (watch, one, ringer)
        });
        let ringers = ringers.collect();
        (hub, ringers)
    }

    /// Who has to look once one has rung.
    fn called(hub: &mut Hub<usize>, ringer: &Ringer) -> Vec<usize> {
        ringer.ring();
        assert!(hub.hear_bell());
        let mut called = Vec::new();
        while let Some((watch, readiness)) = hub.ready_at(0) {
            assert!(readiness.readable);
            called.push(readiness.subject);
            hub.drained(watch);
        }
        called
    }

    #[test]
    fn each_has_a_bit_of_a_bell_until_there_are_more_than_bits() {
        let (mut hub, ringers) = ringers(BITS);
        for (index, (_, _, ringer)) in ringers.iter().enumerate() {
            assert_eq!(called(&mut hub, ringer), [index]);
        }
    }

    #[test]
    fn who_shares_a_bit_of_a_bell_is_called_with_the_other() {
        let (mut hub, ringers) = ringers(MOST_RINGERS);
        for (index, (_, _, ringer)) in ringers.iter().enumerate() {
            assert_eq!(called(&mut hub, ringer), [index % BITS, index % BITS + BITS]);
        }
        let (gone, socket, _) = &ringers[3];
        hub.forget(*gone, socket.as_fd());
        let (_, _, left) = &ringers[3 + BITS];
        assert_eq!(called(&mut hub, left), [3 + BITS]);
    }

    #[test]
    fn no_more_can_ring_a_bell_than_its_bits_are_given_for() {
        let (mut hub, ringers) = ringers(MOST_RINGERS);
        let (one, _other) = socket_pair().expect("a pair");
        let watch = hub.watch(one.as_fd(), MOST_RINGERS).expect("it is watched");
        assert!(hub.share_bell(watch).is_err());
        hub.take_bell_back(ringers[5].0);
        assert_eq!(hub.share_bell(watch).expect("one was given back").bit, 5);
    }

    /// What one needs to ring the bell of a hub, changed.
    fn altered(alter: impl FnOnce(&mut BellShare)) -> io::Result<Ringer> {
        let mut bell = Bell::new().expect("there is memory");
        let mut share = bell.share().expect("there is a bit");
        alter(&mut share);
        Ringer::open(share)
    }

    fn assert_refused(what: &str, alter: impl FnOnce(&mut BellShare)) {
        let refused = altered(alter).err().map(|error| error.kind());
        assert_eq!(refused, Some(io::ErrorKind::InvalidInput), "{what}");
    }

    #[test]
    fn a_bit_that_no_bell_has_is_refused() {
        altered(|share| share.bit = 63).expect("the last there is");
        for bit in [64, 65, 127, 128, u8::MAX] {
            assert_refused("a bit", |share| share.bit = bit);
        }
    }

    #[test]
    fn a_page_that_is_too_short_or_whose_length_can_change_is_refused() {
        for (what, length, seals) in crate::ring::tests::unsound_files(PAGE_BYTES) {
            assert_refused(what, |share| share.page = crate::ring::tests::sealed(length, seals));
        }
    }

    /// A pipe that takes nothing more. Its other end is there, too, so that it is not broken.
    fn full_pipe() -> (io::PipeReader, io::PipeWriter) {
        let (reading, mut writing) = io::pipe().expect("a pipe");
        crate::link::set_nonblocking(writing.as_fd()).expect("a flag");
        while writing.write(&[0; 4096]).is_ok() {}
        (reading, writing)
    }

    #[test]
    fn what_a_write_may_wait_for_is_no_event() {
        let (_reading, writing) = full_pipe();
        assert_refused("a pipe that does not block yet", |share| share.event = writing.into());
        let (_reading, writing) = full_pipe();
        fcntl(&writing, FcntlArg::F_SETFL(OFlag::empty())).expect("a flag");
        assert_refused("a pipe that blocks", |share| share.event = writing.into());
        let event = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC).expect("an event");
        assert_refused("an event that blocks", |share| share.event = event.into());
        let (socket, _other) = socket_pair().expect("a pair");
        assert_refused("a socket", |share| share.event = socket);
        let file = crate::memory_file("test").expect("there is memory");
        crate::link::set_nonblocking(file.as_fd()).expect("a flag");
        assert_refused("a file", |share| share.event = file);
    }
}
