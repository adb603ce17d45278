//! The system calls of this crate, and its only unsafe code.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use bytes::BytesMut;
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, socketpair};

use crate::Batch;

/// Room for the control messages of one read: 253 descriptors (the kernel's `SCM_MAX_FD`) and their header.
const CONTROL_BYTES: usize = 1040;

/// Aligned room for control messages.
#[repr(C, align(8))]
struct Control([MaybeUninit<u8>; CONTROL_BYTES]);

/// Makes a pair of connected Unix stream sockets, non-blocking and closed on `exec`.
///
/// # Errors
/// The system's, if it has no descriptors or memory left.
pub fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    Ok(socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?)
}

/// Makes an anonymous file in memory that can be sealed, closed on `exec`. The name shows in `/proc`.
///
/// # Errors
/// The system's, if it has no descriptors or memory left.
pub fn memory_file(name: &str) -> io::Result<OwnedFd> {
    let name = CString::new(name)?;
    Ok(memfd_create(name.as_c_str(), MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?)
}

/// Repeats a call that a signal interrupted.
pub(crate) fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(nix::Error::EINTR) => {}
            outcome => return outcome,
        }
    }
}

/// Sends bytes, with descriptors if there are any, without blocking and without SIGPIPE. Gives the bytes that left.
pub(crate) fn send(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[OwnedFd]) -> nix::Result<usize> {
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    if descriptors.is_empty() {
        return retry(|| nix::sys::socket::send(socket.as_raw_fd(), bytes, flags));
    }
    let raw: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let slices = [io::IoSlice::new(bytes)];
    retry(|| sendmsg::<()>(socket.as_raw_fd(), &slices, &[ControlMessage::ScmRights(&raw)], flags, None))
}

/// Receives into the spare capacity of `buffer`, without blocking. Gives the number of bytes, 0 at the stream's end,
/// and the descriptors that came along.
#[inline]
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut BytesMut) -> nix::Result<(usize, Option<Batch>)> {
    let spare = buffer.spare_capacity_mut();
    let mut slice = libc::iovec { iov_base: spare.as_mut_ptr().cast(), iov_len: spare.len() };
    let mut control = Control([MaybeUninit::uninit(); CONTROL_BYTES]);
    // SAFETY: `msghdr` is plain data for which all zero bytes are a valid value.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut slice;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = CONTROL_BYTES as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    let count = retry(|| {
        header.msg_controllen = CONTROL_BYTES as _;
        // SAFETY: `header` points at one slice over writable spare capacity and at a control buffer of the given
        // length, all of which outlive the call.
        nix::errno::Errno::result(unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) })
    })? as usize;
    // SAFETY: the kernel has written `count` bytes to the front of the spare capacity.
    unsafe { buffer.set_len(buffer.len() + count) };
    let truncated = header.msg_flags & libc::MSG_CTRUNC != 0;
    if header.msg_controllen == 0 && !truncated {
        return Ok((count, None));
    }
    Ok((count, Some(Batch { descriptors: rights(&header), truncated })))
}

/// Takes the descriptors out of the control messages of a received header.
fn rights(header: &libc::msghdr) -> Vec<OwnedFd> {
    let mut descriptors = Vec::new();
    // SAFETY: the kernel has filled `msg_control` with `msg_controllen` bytes of control messages.
    let mut message = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !message.is_null() {
        // SAFETY: `message` is not null and points at a control message within the buffer.
        let head = unsafe { message.read() };
        if head.cmsg_level == libc::SOL_SOCKET && head.cmsg_type == libc::SCM_RIGHTS {
            // SAFETY: pure address arithmetic on a valid control message.
            let data: *const RawFd = unsafe { libc::CMSG_DATA(message) }.cast();
            // SAFETY: pure arithmetic.
            let overhead = unsafe { libc::CMSG_LEN(0) } as usize;
            for index in 0..(head.cmsg_len as usize - overhead) / size_of::<RawFd>() {
                // SAFETY: the message holds that many descriptors, possibly unaligned.
                let raw = unsafe { data.add(index).read_unaligned() };
                // SAFETY: the kernel has just installed this descriptor for us; nobody else owns it.
                descriptors.push(unsafe { OwnedFd::from_raw_fd(raw) });
            }
        }
        // SAFETY: both point into the same control buffer.
        message = unsafe { libc::CMSG_NXTHDR(header, message) };
    }
    descriptors
}

/// Reads from a pipe into the spare capacity of `buffer`. Gives the number of bytes, 0 at the stream's end.
pub(crate) fn read(pipe: BorrowedFd<'_>, buffer: &mut BytesMut) -> nix::Result<usize> {
    let spare = buffer.spare_capacity_mut();
    let (start, room) = (spare.as_mut_ptr(), spare.len());
    // SAFETY: the kernel writes at most `room` bytes to `start`, which is spare capacity of that size.
    let count =
        retry(|| nix::errno::Errno::result(unsafe { libc::read(pipe.as_raw_fd(), start.cast(), room) }))? as usize;
    // SAFETY: the kernel has written `count` bytes to the front of the spare capacity.
    unsafe { buffer.set_len(buffer.len() + count) };
    Ok(count)
}

/// Drops a buffer, and gives its memory back to the system first: an allocator may keep what it has got.
pub(crate) fn vacate(mut buffer: Vec<u8>) {
    let page_bytes = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
    let page_bytes = page_bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(64 << 10);
    buffer.clear();
    let spare = buffer.spare_capacity_mut();
    let skip = spare.as_ptr().align_offset(page_bytes).min(spare.len());
    let pages = &mut spare[skip..];
    let length = pages.len() / page_bytes * page_bytes;
    // SAFETY: the pages lie within spare capacity, whose bytes have no value. That it fails where memory is locked does no harm.
    let _ = unsafe { libc::madvise(pages.as_mut_ptr().cast(), length, libc::MADV_DONTNEED) };
}

/// What the peer of a socket has not read yet costs the system, in bytes.
pub(crate) fn unheard(descriptor: impl AsFd) -> nix::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: TIOCOUTQ stores one `int` at the address given.
    let outcome = unsafe { libc::ioctl(descriptor.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
    nix::errno::Errno::result(outcome)?;
    Ok(count as usize)
}

/// Number of bytes that a socket or pipe holds for its reader.
pub(crate) fn unread(descriptor: impl AsFd) -> nix::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD stores one `int` at the address given.
    let outcome = unsafe { libc::ioctl(descriptor.as_fd().as_raw_fd(), libc::FIONREAD, &raw mut count) };
    nix::errno::Errno::result(outcome)?;
    Ok(count as usize)
}
