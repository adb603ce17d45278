//! The zygote's system calls. What they write is on the stack: a page of the heap that is written between two clones is
//! copied for each.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::unistd::Pid;

use crate::sys::{Cloned, robust_list};

/// How this process clones itself.
#[derive(Debug)]
pub(super) struct Cloner {
    /// Where the C library keeps the thread's number.
    thread_id: *mut libc::c_int,
    /// What it has told the kernel of the thread's robust locks.
    robust_list: (usize, usize),
}

impl Cloner {
    /// Asks the kernel for what clones need.
    pub(super) fn new() -> nix::Result<Cloner> {
        let mut thread_id: *mut libc::c_int = std::ptr::null_mut();
        // SAFETY: PR_GET_TID_ADDRESS stores one pointer at the address given.
        let outcome = unsafe { libc::prctl(libc::PR_GET_TID_ADDRESS, &raw mut thread_id) };
        nix::errno::Errno::result(outcome)?;
        Ok(Cloner { thread_id, robust_list: robust_list() })
    }

    /// Clones this process so that the copy is its sibling: the parent that they share reaps it. The caller has one thread,
    /// the one that has made this, and holds no robust lock.
    pub(super) fn clone_sibling(&self) -> nix::Result<Cloned> {
        let flags = libc::c_long::from(libc::CLONE_PARENT | libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID);
        let none: libc::c_long = 0;
        #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
        // SAFETY: without CLONE_VM and with no stack of its own this is a fork. The caller has one thread, so no lock of the
        // C library can be held; the library's record of the thread's id is at the address given and is set by the kernel.
        let outcome = unsafe { libc::syscall(libc::SYS_clone, flags, none, none, self.thread_id, none) };
        #[cfg(not(any(target_arch = "x86_64", target_arch = "x86")))]
        // SAFETY: as above, with the last two arguments in the order of these architectures.
        let outcome = unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, self.thread_id) };
        match nix::errno::Errno::result(outcome)? {
            0 => {
                self.keep_robust_list();
                Ok(Cloned::Copy)
            }
            child => Ok(Cloned::Original(Pid::from_raw(child as libc::pid_t))),
        }
    }

    /// Tells the kernel again what the C library told it of the thread that this one is a copy of: a bare clone forgets that.
    fn keep_robust_list(&self) {
        let (head, length) = self.robust_list;
        if head != 0 {
            // SAFETY: it is the C library's list for this thread, at the same place in the copy, and empty: the original held
            // no robust lock.
            unsafe { libc::syscall(libc::SYS_set_robust_list, head, length) };
        }
    }
}

/// Has reads and writes of a descriptor wait.
pub(super) fn set_blocking(descriptor: BorrowedFd<'_>) -> nix::Result<()> {
    let flags = OFlag::from_bits_truncate(fcntl(descriptor, FcntlArg::F_GETFL)?);
    fcntl(descriptor, FcntlArg::F_SETFL(flags & !OFlag::O_NONBLOCK)).map(drop)
}

/// Room for the control message of one read: one descriptor and its header.
const CONTROL_BYTES: usize = 24;

/// Aligned room for a control message.
#[repr(C, align(8))]
struct Control([MaybeUninit<u8>; CONTROL_BYTES]);

/// Takes bytes and a descriptor that comes with them, without waiting. Gives the number of bytes, 0 at the stream's end.
pub(super) fn receive(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> nix::Result<(usize, Option<OwnedFd>)> {
    let mut slice = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let mut control = Control([MaybeUninit::uninit(); CONTROL_BYTES]);
    // SAFETY: `msghdr` is plain data for which all zero bytes are a valid value.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    (header.msg_iov, header.msg_iovlen) = (&raw mut slice, 1);
    (header.msg_control, header.msg_controllen) = (control.0.as_mut_ptr().cast(), CONTROL_BYTES as _);
    let flags = libc::MSG_CMSG_CLOEXEC | libc::MSG_DONTWAIT;
    // SAFETY: `header` points at one slice over memory that may be written, and at a control buffer of the given length, all
    // of which outlive the call.
    let outcome = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) };
    let count = nix::errno::Errno::result(outcome)? as usize;
    Ok((count, first_right(&header)))
}

/// Takes the first descriptor out of the control message of a received header. There is room for no second message.
fn first_right(header: &libc::msghdr) -> Option<OwnedFd> {
    // SAFETY: the kernel has filled `msg_control` with `msg_controllen` bytes of control messages.
    let message = unsafe { libc::CMSG_FIRSTHDR(header) };
    // SAFETY: if it is not null it points at a control message within the buffer.
    let head = unsafe { message.as_ref() }?;
    // SAFETY: pure arithmetic.
    let least = unsafe { libc::CMSG_LEN(size_of::<RawFd>() as u32) } as usize;
    if head.cmsg_level != libc::SOL_SOCKET || head.cmsg_type != libc::SCM_RIGHTS || (head.cmsg_len as usize) < least {
        return None;
    }
    // SAFETY: pure address arithmetic on a valid control message.
    let data: *const RawFd = unsafe { libc::CMSG_DATA(message) }.cast();
    // SAFETY: the message holds at least one descriptor, possibly unaligned.
    let raw = unsafe { data.read_unaligned() };
    // SAFETY: the kernel has just installed this descriptor for us; nobody else owns it.
    Some(unsafe { OwnedFd::from_raw_fd(raw) })
}
