//! The unsafe calls: fork, a descriptor that comes out of a socket, and shared memory.

#![allow(unsafe_code)]

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mprotect, munmap};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use nix::unistd::{ForkResult, fork};
use std::ffi::c_void;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::AtomicU64;

/// Forks; the child runs `child` and ends with the code that it returns, without any of the parent's exit handlers.
///
/// To be called while this process has one thread.
pub(crate) fn fork_child(child: impl FnOnce() -> i32) -> io::Result<()> {
    // SAFETY: the caller's process has one thread, so the child starts with no lock held by a thread that it does not have.
    match unsafe { fork() }? {
        ForkResult::Parent { .. } => Ok(()),
        ForkResult::Child => {
            let code = child();
            // SAFETY: `_exit` takes any code and touches no memory of ours.
            unsafe { nix::libc::_exit(code) }
        }
    }
}

/// Leaves the reaping of this process's children to the kernel.
pub(crate) fn ignore_children() -> io::Result<()> {
    // SAFETY: no handler function is installed, so there is nothing that could run in a signal's context.
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) }?;
    Ok(())
}

/// Receives one byte with one descriptor; `None` at the end of the stream.
pub(crate) fn receive_descriptor(socket: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    let mut byte = [0];
    let mut parts = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!(std::os::fd::RawFd);
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(descriptors) = control {
            // SAFETY: the kernel has just made these descriptors for this message and nobody else knows their numbers.
            let mut owned = descriptors.into_iter().map(|descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) });
            return Ok(owned.next());
        }
    }
    match message.bytes {
        0 => Ok(None),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a request came without its descriptor")),
    }
}

/// Memory that two processes of a floor share. They agree by its words whose the bytes are at each moment.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<c_void>,
    length: usize,
}

impl Mapping {
    /// Makes memory whose pages are all there, and the file to open it with elsewhere.
    pub(crate) fn create(length: usize) -> io::Result<(Mapping, File)> {
        let file = File::from(memfd_create("floor", MFdFlags::MFD_CLOEXEC)?);
        file.set_len(length as u64)?;
        Ok((Mapping::open(&file, length)?, file))
    }

    /// Maps memory that [`Mapping::create`] made with this length.
    pub(crate) fn open(file: &impl AsFd, length: usize) -> io::Result<Mapping> {
        let (size, flags) = (NonZeroUsize::new(length), MapFlags::MAP_SHARED | MapFlags::MAP_POPULATE);
        let size = size.ok_or(io::ErrorKind::InvalidInput)?;
        // SAFETY: the kernel chooses the place, so nothing that exists is mapped over.
        let start = unsafe { mmap(None, size, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, flags, file.as_fd(), 0) }?;
        Ok(Mapping { start, length })
    }

    /// Gives a word, at a multiple of 8 bytes.
    #[inline]
    pub(crate) fn word(&self, at: usize) -> &AtomicU64 {
        assert!(at.is_multiple_of(8) && at + 8 <= self.length);
        // SAFETY: checked to lie inside the mapping, which is page-aligned and lives as long as `self`.
        unsafe { self.start.cast::<u8>().add(at).cast::<AtomicU64>().as_ref() }
    }

    /// Copies bytes in, which are the caller's by agreement.
    #[inline]
    pub(crate) fn write<const LENGTH: usize>(&self, at: usize, bytes: &[u8; LENGTH]) {
        assert!(at + LENGTH <= self.length);
        // SAFETY: checked to lie inside the mapping; a byte array has no alignment, and the other side does not touch it now.
        unsafe { self.start.cast::<u8>().add(at).cast::<[u8; LENGTH]>().write(*bytes) };
    }

    /// Copies bytes out, which are the caller's by agreement.
    #[inline]
    pub(crate) fn read<const LENGTH: usize>(&self, at: usize) -> [u8; LENGTH] {
        assert!(at + LENGTH <= self.length);
        // SAFETY: checked to lie inside the mapping; a byte array has no alignment, and the other side does not touch it now.
        unsafe { self.start.cast::<u8>().add(at).cast::<[u8; LENGTH]>().read() }
    }

    /// Lends bytes, which are the caller's by agreement.
    pub(crate) fn change<T>(&self, at: usize, length: usize, change: impl FnOnce(&mut [u8]) -> T) -> T {
        assert!(at + length <= self.length);
        // SAFETY: checked to lie inside the mapping, whose bytes are all initialised; nobody else touches them until `change`
        // returns, here or in the other process.
        change(unsafe { slice::from_raw_parts_mut(self.start.cast::<u8>().add(at).as_ptr(), length) })
    }

    /// Copies bytes out, which are the caller's by agreement, in the way that is quickest between cores far from each other.
    pub(crate) fn copy_out(&self, at: usize, to: &mut [u8]) {
        assert!(at + to.len() <= self.length);
        // SAFETY: checked to lie inside the mapping; `to` is memory of this process's own and does not overlap it.
        unsafe { copy(self.start.cast::<u8>().add(at).as_ptr(), to.as_mut_ptr(), to.len()) };
    }

    /// Lets this process no longer write whole pages, until [`unprotect`](Mapping::unprotect): whoever does is killed.
    pub(crate) fn protect(&self, at: usize, length: usize) -> io::Result<()> {
        self.permit(at, length, ProtFlags::PROT_READ)
    }

    /// Lets this process write pages again.
    pub(crate) fn unprotect(&self, at: usize, length: usize) -> io::Result<()> {
        self.permit(at, length, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE)
    }

    fn permit(&self, at: usize, length: usize, permitted: ProtFlags) -> io::Result<()> {
        assert!(at + length <= self.length);
        // SAFETY: checked to lie inside the mapping, all of which stays readable; a write to what is protected ends the process.
        unsafe { mprotect(self.start.byte_add(at), length, permitted) }?;
        Ok(())
    }
}

/// Copies bytes.
///
/// # Safety
///
/// As [`std::ptr::copy_nonoverlapping`].
unsafe fn copy(from: *const u8, to: *mut u8, length: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller says that both places have the length and do not overlap; the direction flag is clear on entry, as the
    // ABI has it.
    unsafe {
        std::arch::asm!(
            "rep movsb",
            inout("rcx") length => _,
            inout("rsi") from => _,
            inout("rdi") to => _,
            options(nostack, preserves_flags),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: as the caller says.
    unsafe {
        std::ptr::copy_nonoverlapping(from, to, length);
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `open` with this length, and no reference into it outlives `self`. It cannot fail.
        let _ = unsafe { munmap(self.start, self.length) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 4096;

    #[test]
    fn what_is_protected_can_be_copied_out_and_written_again_later() {
        let (memory, file) = Mapping::create(3 * PAGE).expect("there is memory");
        memory.change(PAGE, PAGE, |page| page.fill(7));
        memory.protect(PAGE, PAGE).expect("pages can be protected");
        let other = Mapping::open(&file, 3 * PAGE).expect("it can be mapped again");
        let mut copy = vec![0; PAGE + 1];
        other.copy_out(PAGE - 1, &mut copy);
        assert!(copy[0] == 0 && copy[1..].iter().all(|byte| *byte == 7));
        memory.unprotect(PAGE, PAGE).expect("pages can be unprotected");
        memory.change(PAGE, PAGE, |page| page.fill(8));
        other.copy_out(2 * PAGE - 1, &mut copy[..1]);
        assert_eq!(copy[0], 8);
    }
}
